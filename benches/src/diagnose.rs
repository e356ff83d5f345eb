//! Times a diagnosis of tables that lie in memory: one that ships and a long one.
//!
//! With `--serve` it is one of the programs that `compare` takes turns with: it writes the tables, with what it finds of them, for the other.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use faer::Mat;
use serde_json::{Value, json};
use thalweg::random::{Purpose, Stream};
use thalweg_lab::diagnose::{Columns, Diagnosis, Gathered, Matrices, Row, Settings, open_table};

use crate::timed::{self, Failure, Repeats, Work};

/// Tables of resampled rows for the intervals.
const RESAMPLES: usize = 400;
/// Of the long table: rows, inputs, and the deviation of each target's noise.
const LONG: (usize, usize, [f64; 4]) = (100_000, 16, [1.0, 0.5, 0.2, 0.1]);

/// What to time, and how often.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    repeats: Repeats,
    /// Write the tables to this directory, then answer requests on standard input.
    #[arg(long)]
    serve: Option<PathBuf>,
}

/// Times all work and prints it, or does what it is asked.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    timed::on_one_thread()?;
    let mut works: Vec<Box<dyn Work>> = vec![Box::new(shipped()?), Box::new(long())];
    arguments.repeats.pick(&mut works);
    let Some(directory) = &arguments.serve else {
        return arguments.repeats.table(&mut works);
    };
    let described: Result<Vec<Value>, Failure> = [shipped()?, long()]
        .iter()
        .map(|table| table.write(directory))
        .collect();
    fs::write(
        directory.join("tables.json"),
        serde_json::to_string(&described?)?,
    )?;
    timed::serve(&mut works)
}

/// A table in memory.
struct Table {
    name: String,
    rows: Matrices,
}

/// Where voters stand and place two candidates, from six other numbers.
fn shipped() -> Result<Table, Failure> {
    let words = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let asked = Columns {
        targets: words(&["self_left_right", "clinton_left_right", "dole_left_right"]),
        without: words(&["party"]),
        classes: false,
    };
    let mut table = open_table(Path::new("elections"), &asked)?;
    let (mut row, mut all) = (Row::default(), Vec::new());
    while table.read(&mut row)? {
        all.push(row.clone());
    }
    let (inputs, targets) = (table.input_names(), table.target_names());
    Ok(Table {
        name: "diagnose elections, 944 rows, 9 columns".to_owned(),
        rows: Matrices::new(
            (
                Mat::from_fn(all.len(), inputs.len(), |i, j| all[i].inputs[j]),
                inputs,
            ),
            (
                Mat::from_fn(all.len(), targets.len(), |i, j| all[i].targets[j]),
                targets,
            ),
            false,
        ),
    })
}

/// y = V x + ε with Gaussian entries of V, x and ε.
fn long() -> Table {
    let (rows, size, deviations) = LONG;
    let mut stream = Stream::new(1, Purpose::DataSet);
    let teacher = Mat::from_fn(deviations.len(), size, |_, _| stream.normal());
    let inputs = Mat::from_fn(rows, size, |_, _| stream.normal());
    let mut targets = &inputs * teacher.transpose();
    for i in 0..rows {
        for (j, deviation) in deviations.into_iter().enumerate() {
            targets[(i, j)] += deviation * stream.normal();
        }
    }
    let names = |of: &str, count: usize| (0..count).map(|i| format!("{of}{i}")).collect();
    Table {
        name: "diagnose 100000 rows, 20 columns".to_owned(),
        rows: Matrices::new(
            (inputs, names("x", size)),
            (targets, names("y", deviations.len())),
            false,
        ),
    }
}

impl Table {
    fn diagnose(&self) -> Result<Diagnosis, Failure> {
        let settings = Settings {
            resamples: Some(RESAMPLES),
            ..Settings::default()
        };
        let gathered = Gathered::new(&mut self.rows.clone(), settings.seed)?;
        Ok(Diagnosis::new(&gathered, &settings)?)
    }

    /// Rows (x, y), one after another in double precision, and what they are.
    fn write(&self, directory: &Path) -> Result<Value, Failure> {
        let (inputs, targets) = (&self.rows.inputs, &self.rows.targets);
        let mut bytes = Vec::new();
        for i in 0..inputs.nrows() {
            for entry in inputs.row(i).iter().chain(targets.row(i).iter()) {
                bytes.extend(entry.to_le_bytes());
            }
        }
        let file = self.name.replace([' ', ','], "-");
        fs::write(directory.join(&file), bytes)?;
        let found = self.diagnose()?;
        Ok(json!({
            "name": self.name,
            "file": file,
            "rows": inputs.nrows(),
            "inputs": inputs.ncols(),
            "resamples": RESAMPLES,
            "found": found.condition_number,
        }))
    }
}

impl Work for Table {
    fn name(&self) -> &str {
        &self.name
    }

    fn variant(&self) -> &'static str {
        "with T, T_min, λ_max, F and their intervals"
    }

    fn repeat(&mut self, calls: usize) -> Result<(), Failure> {
        for _ in 0..calls {
            self.diagnose()?;
        }
        Ok(())
    }

    fn values(&mut self) -> Result<Value, Failure> {
        Ok(json!({ "condition_number": self.diagnose()?.condition_number.value }))
    }
}
