//! What can be timed, by this program alone or in turns with others.

use std::io::{BufRead, Write};

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::timing::{Clocks, Time};

pub type Failure = Box<dyn std::error::Error>;

/// Something to call many times.
pub trait Work {
    /// What is done, under the same name in all programs.
    fn name(&self) -> &str;

    /// How it is done.
    fn variant(&self) -> &'static str;

    /// Goes back to the start.
    fn restart(&mut self) {}

    /// Does it `calls` times.
    fn repeat(&mut self, calls: usize) -> Result<(), Failure>;

    /// Numbers that must be the same in all programs, from the start; or the effort that accuracy takes.
    fn values(&mut self) -> Result<Value, Failure>;
}

/// What to time, and how often.
#[derive(Args)]
pub struct Repeats {
    /// Print the results as JSON, one object.
    #[arg(long)]
    json: bool,
    /// Rounds; each times everything once, and the median over rounds is reported.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Seconds for each of a round's times.
    #[arg(long, default_value_t = 0.1)]
    seconds: f64,
    /// Only the work whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
}

/// A line on standard input.
#[derive(Deserialize)]
struct Request {
    work: String,
    variant: String,
    /// How long to repeat it; the values to compare where absent.
    seconds: Option<f64>,
}

/// One row of the table.
#[derive(Serialize)]
struct Row<'a> {
    work: &'a str,
    variant: &'a str,
    /// For one call.
    nanoseconds: Time,
}

/// All work is timed on one thread.
pub fn on_one_thread() -> Result<(), Failure> {
    Ok(rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build_global()?)
}

impl Repeats {
    /// Those of `works` that are asked for.
    pub fn pick(&self, works: &mut Vec<Box<dyn Work>>) {
        works.retain(|work| work.name().contains(&self.only));
    }

    /// Times all of `works` and prints it.
    pub fn table(&self, works: &mut [Box<dyn Work>]) -> Result<(), Failure> {
        for work in works.iter_mut() {
            work.values()?;
        }
        let mut rounds = vec![Vec::new(); works.len()];
        for _ in 0..self.rounds {
            for (work, times) in works.iter_mut().zip(&mut rounds) {
                times.push(time(&mut **work, self.seconds)?);
            }
        }
        let rows: Vec<Row> = works
            .iter()
            .zip(&rounds)
            .map(|(work, times)| Row {
                work: work.name(),
                variant: work.variant(),
                nanoseconds: Time::median(times),
            })
            .collect();
        if self.json {
            println!("{}", serde_json::to_string_pretty(&rows)?);
            return Ok(());
        }
        println!("{:<42}{:>12}{:>12}", "microseconds", "wall", "processor");
        for row in &rows {
            let microseconds =
                |time: Option<f64>| time.map_or("-".into(), |t| format!("{:.3}", t / 1e3));
            let Time { wall, processor } = row.nanoseconds;
            println!(
                "{:<42}{:>12}{:>12}",
                format!("{}, {}", row.work, row.variant),
                microseconds(Some(wall)),
                microseconds(processor),
            );
        }
        Ok(())
    }
}

/// The time of one call, from as many as fill `seconds`.
fn time(work: &mut dyn Work, seconds: f64) -> Result<Time, Failure> {
    work.restart();
    // Memory and clock are warm after the first call.
    work.repeat(1)?;
    let (mut calls, mut chunk) = (0, 1);
    let clocks = Clocks::start();
    while clocks.seconds() < seconds {
        work.repeat(chunk)?;
        calls += chunk;
        // So that the clock is asked once in a millisecond or so.
        if clocks.seconds() < 1e-3 {
            chunk *= 2;
        }
    }
    Ok(clocks.per(calls as f64))
}

/// Says what there is, then answers a request a line until there are no more.
pub fn serve(works: &mut [Box<dyn Work>]) -> Result<(), Failure> {
    let names: Vec<_> = works
        .iter()
        .map(|work| [work.name(), work.variant()])
        .collect();
    answer(&json!({
        "library": "thalweg",
        "version": env!("CARGO_PKG_VERSION"),
        "works": names,
    }))?;
    for line in std::io::stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let work = works
            .iter_mut()
            .find(|work| work.name() == request.work && work.variant() == request.variant)
            .ok_or_else(|| format!("no work {}, {}", request.work, request.variant))?;
        match request.seconds {
            None => answer(&work.values()?)?,
            Some(seconds) => answer(&time(&mut **work, seconds)?)?,
        }
    }
    Ok(())
}

fn answer(what: &impl Serialize) -> Result<(), Failure> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}", serde_json::to_string(what)?)?;
    Ok(output.flush()?)
}
