//! Times networks: training steps, Hessian products, fluctuation.
//!
//! Alone it prints a table. With `--serve` it is one of the programs that `compare` takes turns with: it writes the
//! networks and their data for the others, and then times what it is asked for, a line of JSON for a line of JSON.

mod case;
mod export;
mod interventions;
mod runs;
mod solution;
mod timed;
mod work;

use std::io::{BufRead, Write};
use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::timing::{Clocks, Time};
use case::Case;
use timed::Work;

/// What to time, and how often.
#[derive(Args)]
pub struct Arguments {
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
    /// Write networks and data to this directory, then answer requests on standard input.
    #[arg(long)]
    serve: Option<PathBuf>,
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

/// Times all work and prints it, or does what it is asked.
pub fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build_global()?;
    let cases = Case::all()?;
    let mut works: Vec<Box<dyn Work>> = Vec::new();
    for case in &cases {
        works.extend(work::of(case)?);
    }
    works.retain(|work| work.name().contains(&arguments.only));
    if let Some(directory) = &arguments.serve {
        export::write(directory, &cases)?;
        return serve(&mut works);
    }
    for work in &mut works {
        work.values()?;
    }
    let mut rounds = vec![Vec::new(); works.len()];
    for _ in 0..arguments.rounds {
        for (work, times) in works.iter_mut().zip(&mut rounds) {
            times.push(time(&mut **work, arguments.seconds)?);
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
    if arguments.json {
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

/// The time of one call, from as many as fill `seconds`.
fn time(work: &mut dyn Work, seconds: f64) -> Result<Time, Box<dyn std::error::Error>> {
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
fn serve(works: &mut [Box<dyn Work>]) -> Result<(), Box<dyn std::error::Error>> {
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

fn answer(what: &impl Serialize) -> Result<(), Box<dyn std::error::Error>> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}", serde_json::to_string(what)?)?;
    Ok(output.flush()?)
}
