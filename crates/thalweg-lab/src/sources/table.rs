//! The rows of a table: numbers to be predicted from numbers, or classes.

use std::path::{Path, PathBuf};

use faer::Mat;
use thalweg::data::{LabelledSet, Sampling, Source};
use thalweg::model::Network;

use super::visits::{sampling, sampling_node};
use super::{DataSource, Kind, NetworkSource, Sources, Student};
use crate::diagnose::{Columns, Csv, DiagnoseError, Row, Rows, TABLES, TableRows, open_table};
use crate::memory;
use crate::network::NetworkError;
use crate::spec::{Fault, Field, Node, Word, kind};
use crate::store::Fingerprint;

/// Of five rows one is measured on and not trained on: the fifth, the tenth, …
const MEASURED: usize = 5;

/// By so much shares that are written with few digits may miss the sum 1.
const ROUNDED: f64 = 1e-3;

/// The rows of a table. Each fifth is measured on, the others are trained on.
#[derive(Clone, Debug, PartialEq)]
pub struct TableSource {
    /// The file, in CSV or Parquet; the name of a table that comes with the program where it is one of those.
    pub path: PathBuf,
    /// Whether it comes with the program.
    pub built_in: bool,
    /// Which columns are predicted, which are left out, and whether the targets are classes.
    pub columns: Columns,
    /// What becomes of rows with gaps and of columns of words that are no targets.
    pub incomplete: Incomplete,
    /// How its numbers are taken.
    pub scale: Scale,
    /// Whether the targets must be shares of classes, at least 0 and of sum 1: with cross-entropy, where they name no classes.
    pub shares: bool,
    /// In which order rows are visited.
    pub sampling: Sampling,
}

/// What becomes of what cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incomplete {
    /// A training of the table is refused.
    Refuse,
    /// It is left out.
    LeaveOut,
}

/// How a table's numbers are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Each column less its mean, over its standard deviation, both over the rows that are trained on; targets too, unless they are classes or shares of them.
    Standardised,
    /// As they are.
    Raw,
}

pub(super) const KIND: Kind = Kind {
    word: "table",
    fields: &[
        "path",
        "name",
        "targets",
        "without",
        "classes",
        "incomplete",
        "scale",
        "sampling",
    ],
    ends: None,
    read,
};

fn read(field: &Field<'_>, network: &Network) -> Result<NetworkSource, Fault> {
    if network.positions() != [1, 1] {
        return Err(field.not("a source of sequences (a row of a table has no positions)"));
    }
    let path = match (field.optional("path"), field.optional("name")) {
        (Some(path), None) => path.text()?,
        (None, Some(name)) => shipped(&name)?,
        (Some(_), Some(name)) => return Err(name.not("left out (the table is that of `path`)")),
        (None, None) => {
            let needed = "the file of the table (or `name`, of one that comes with the program)";
            field.required("path", needed)?.text()?
        }
    };
    let names = |key: &str| -> Result<Vec<String>, Fault> {
        let Some(list) = field.optional(key) else {
            return Ok(Vec::new());
        };
        let names = list.list("names of columns")?;
        let names = names.iter().map(|name| Ok(name.text()?.to_owned()));
        names.collect()
    };
    field.required("targets", "the names of the columns to predict")?;
    let classes = field.optional("classes").map(|f| f.flag()).transpose()?;
    let incomplete = field.optional("incomplete");
    let incomplete = incomplete.map(|f| Incomplete::read(&f)).transpose()?;
    let scale = field
        .optional("scale")
        .map(|f| Scale::read(&f))
        .transpose()?;
    Ok(NetworkSource::Table(TableSource {
        path: path.into(),
        built_in: field.optional("name").is_some(),
        columns: Columns {
            targets: names("targets")?,
            without: names("without")?,
            classes: classes.unwrap_or(false),
        },
        incomplete: incomplete.unwrap_or(Incomplete::Refuse),
        scale: scale.unwrap_or(Scale::Standardised),
        // The loss is read later.
        shares: false,
        sampling: sampling(field, network.outputs())?,
    }))
}

/// The table that comes with the program and has the name in `field`.
fn shipped(field: &Field<'_>) -> Result<&'static str, Fault> {
    let name = field.text()?;
    let found = TABLES.iter().find(|(known, _)| *known == name);
    found.map(|(known, _)| *known).ok_or_else(|| {
        let known = TABLES.iter().map(|(known, _)| format!("\"{known}\""));
        field.not(format!("one of {}", known.collect::<Vec<_>>().join(", ")))
    })
}

impl TableSource {
    fn open(&self) -> Result<Box<dyn Rows>, DiagnoseError> {
        let shipped = TABLES.iter().find(|(name, _)| self.path == Path::new(name));
        match shipped.filter(|_| self.built_in) {
            Some((_, text)) => Ok(Box::new(TableRows::new(Csv::new(*text)?, &self.columns)?)),
            None => open_table(&self.path, &self.columns),
        }
    }

    /// All rows, in their order, and what the columns and the targets or classes are called.
    fn rows(&self) -> Result<Read, NetworkError> {
        let wrong = |error| NetworkError::table(&self.path, error);
        let mut rows = self.open().map_err(wrong)?;
        let mut found = Vec::new();
        let mut row = Row::default();
        while rows.read(&mut row).map_err(wrong)? {
            found.push(row.clone());
        }
        let left_out = rows.left_out();
        if self.incomplete == Incomplete::Refuse && !left_out.is_empty() {
            return Err(NetworkError::TableParts {
                path: self.path.clone(),
                left_out: left_out.join(" "),
            });
        }
        if rows.classes() && !self.columns.classes {
            return Err(NetworkError::TableKind {
                path: self.path.clone(),
                found: "words, which are classes",
                needed: "say `classes = true` in `data`",
            });
        }
        let is_share = |row: &Row| {
            let sum: f64 = row.targets.iter().sum();
            (sum - 1.0).abs() < ROUNDED && row.targets.iter().all(|share| *share >= 0.0)
        };
        if self.shares && !found.iter().all(is_share) {
            return Err(NetworkError::TableKind {
                path: self.path.clone(),
                found: "no shares of classes, at least 0 and of sum 1 in each row, as cross-entropy needs them",
                needed: "where numbers name classes say `classes = true` in `data`; where they are quantities take `loss = \"squared-error\"`",
            });
        }
        if found.len() < MEASURED {
            return Err(NetworkError::TableRows {
                path: self.path.clone(),
                rows: found.len(),
            });
        }
        Ok(Read {
            inputs: rows.input_names(),
            outputs: rows.target_names(),
            rows: found,
        })
    }
}

/// A table in memory.
struct Read {
    inputs: Vec<String>,
    outputs: Vec<String>,
    rows: Vec<Row>,
}

impl Read {
    /// Rows to train on, and rows to measure on.
    fn parts(&self) -> [Vec<&Row>; 2] {
        let measured = |at: &usize| at % MEASURED == MEASURED - 1;
        let of = |wanted: bool| {
            let all = self.rows.iter().enumerate();
            all.filter(|(at, _)| measured(at) == wanted)
                .map(|(_, row)| row)
                .collect()
        };
        [of(false), of(true)]
    }
}

/// Mean and standard deviation of each column of `rows`; deviation 1 where all entries are equal.
fn moments(rows: &[&Row], columns: usize, of: impl Fn(&Row) -> &[f64]) -> Vec<[f64; 2]> {
    let count = rows.len() as f64;
    let column = |at: usize| {
        let mean = rows.iter().map(|row| of(row)[at]).sum::<f64>() / count;
        let square = |row: &&Row| (of(row)[at] - mean).powi(2);
        let variance = rows.iter().map(square).sum::<f64>() / count;
        [mean, if variance > 0.0 { variance.sqrt() } else { 1.0 }]
    };
    (0..columns).map(column).collect()
}

/// The part of a column's standard deviation that single precision may round its numbers by.
const OF_DEVIATION: f64 = 0.01;

/// Why a network could not tell the numbers of a column apart: it gets them in single precision.
fn indistinct(numbers: &[f64], scale: Scale) -> Option<String> {
    let (least, most) = numbers
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), x| {
            (least.min(*x), most.max(*x))
        });
    if least == most {
        return None;
    }
    let largest = least.abs().max(most.abs());
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let square = |x: &f64| (x - mean).powi(2) / count;
    let deviation = numbers.iter().map(square).sum::<f64>().sqrt();
    let rounding = largest * f64::from(f32::EPSILON) / 2.0;
    if !deviation.is_normal() {
        Some(format!(
            "its numbers go from {least:e} to {most:e}, and their standard deviation is beyond double precision: write them in another unit"
        ))
    } else if scale == Scale::Raw
        && (largest > f64::from(f32::MAX) || rounding > OF_DEVIATION * deviation)
    {
        Some(format!(
            "networks train in single precision, which rounds numbers of {largest:.2e} by {rounding:.1e}, and this column's have the standard deviation {deviation:.2e}: \
             take scale = \"standardised\", or subtract what all have in common"
        ))
    } else {
        None
    }
}

fn given(row: &Row) -> &[f64] {
    &row.inputs
}

fn wanted(row: &Row) -> &[f64] {
    &row.targets
}

/// `rows` as columns of a matrix, scaled.
fn scaled(rows: &[&Row], scale: &[[f64; 2]], of: impl Fn(&Row) -> &[f64]) -> Mat<f64> {
    Mat::from_fn(scale.len(), rows.len(), |i, j| {
        let [mean, deviation] = scale[i];
        (of(rows[j])[i] - mean) / deviation
    })
}

impl DataSource for TableSource {
    fn to_node(&self) -> Node {
        let path = self.path.to_string_lossy().as_ref().into();
        let key = if self.built_in { "name" } else { "path" };
        let names = |names: &[String]| names.iter().map(String::as_str).collect::<Node>();
        kind(
            (KIND.word, KIND.fields),
            [
                (key, path),
                ("targets", names(&self.columns.targets)),
                ("without", names(&self.columns.without)),
                ("classes", self.columns.classes.into()),
                ("incomplete", self.incomplete.word().into()),
                ("scale", self.scale.word().into()),
                ("sampling", sampling_node(&self.sampling)),
            ],
        )
    }

    fn words(&self) -> String {
        let targets = self.columns.targets.join(", ");
        let rows = match self.incomplete {
            Incomplete::Refuse => "",
            Incomplete::LeaveOut => " (without rows with gaps and columns of words)",
        };
        format!("{targets} of the table {}{rows}", self.path.display())
    }

    fn has_classes(&self) -> bool {
        self.columns.classes
    }

    fn folder(&self) -> Option<&Path> {
        (!self.built_in).then_some(&*self.path)
    }

    fn fingerprint(&self) -> Result<Option<Fingerprint>, NetworkError> {
        if self.built_in {
            return Ok(None);
        }
        let bytes = std::fs::read(&self.path)
            .map_err(|error| NetworkError::table(&self.path, error.into()))?;
        Ok(Some(Fingerprint::new(self.path.clone(), [&bytes[..]])))
    }

    fn make(&self, student: &Student<'_>) -> Result<Sources, NetworkError> {
        let read = self.rows()?;
        let (inputs, outputs) = (read.inputs.len(), read.outputs.len());
        if [inputs, outputs] != [student.network.inputs(), student.network.outputs()] {
            return Err(NetworkError::TableEnds {
                path: self.path.clone(),
                found_inputs: inputs,
                inputs: read.inputs.join(", "),
                found_outputs: outputs,
                outputs: read.outputs.join(", "),
            });
        }
        let numbers = read.rows.len() * (inputs + outputs);
        let taken = (numbers * (2 * size_of::<f64>() + size_of::<f32>())) as u64;
        memory::fits(taken, 0, "fewer rows or columns need less")?;
        let parts = read.parts();
        let are_numbers = !(self.columns.classes || self.shares);
        for (columns, names, of) in [
            (inputs, &read.inputs, given as fn(&Row) -> &[f64]),
            (if are_numbers { outputs } else { 0 }, &read.outputs, wanted),
        ] {
            for at in 0..columns {
                let numbers = read.rows.iter().map(|row| of(row)[at]);
                if let Some(what) = indistinct(&numbers.collect::<Vec<_>>(), self.scale) {
                    let (path, column) = (self.path.clone(), names[at].clone());
                    return Err(NetworkError::TableNumbers { path, column, what });
                }
            }
        }
        let as_they_are = |columns: usize| vec![[0.0, 1.0]; columns];
        let (input_scale, target_scale) = match self.scale {
            Scale::Raw => (as_they_are(inputs), as_they_are(outputs)),
            Scale::Standardised if self.columns.classes || self.shares => {
                (moments(&parts[0], inputs, given), as_they_are(outputs))
            }
            Scale::Standardised => (
                moments(&parts[0], inputs, given),
                moments(&parts[0], outputs, wanted),
            ),
        };
        let source = |rows: &[&Row]| -> Result<Source, NetworkError> {
            let features = scaled(rows, &input_scale, given);
            let features = Mat::from_fn(inputs, rows.len(), |i, j| features[(i, j)] as f32);
            let noise = student.noise.clone();
            let set = if self.columns.classes {
                // Of a row that was read before a class was seen the target ends before it.
                let class = |row: &&Row| row.targets.iter().position(|y| *y == 1.0).unwrap_or(0);
                LabelledSet::new(features, rows.iter().map(class).collect(), outputs, noise)?
            } else {
                LabelledSet::with_values(features, &scaled(rows, &target_scale, wanted), noise)?
            };
            Ok(set.visited(self.sampling.clone())?.into())
        };
        let [train, test] = [source(&parts[0])?, source(&parts[1])?];
        Ok(Sources {
            train,
            test,
            data: self.fingerprint()?,
            memory: taken,
        })
    }
}
