//! Times networks: training steps, Hessian products, fluctuation.
//!
//! Alone it prints a table. With `--serve` it is one of the programs that `compare` takes turns with: it writes the
//! networks and their data for the others, and then times what it is asked for, a line of JSON for a line of JSON.

mod case;
mod export;
mod interventions;
mod runs;
mod solution;
mod work;

use std::path::PathBuf;

use clap::Args;

use crate::timed::{self, Failure, Repeats, Work};
use case::Case;

/// What to time, and how often.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    repeats: Repeats,
    /// Write networks and data to this directory, then answer requests on standard input.
    #[arg(long)]
    serve: Option<PathBuf>,
}

/// Times all work and prints it, or does what it is asked.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    timed::on_one_thread()?;
    let cases = Case::all()?;
    let mut works: Vec<Box<dyn Work>> = Vec::new();
    for case in &cases {
        works.extend(work::of(case)?);
    }
    arguments.repeats.pick(&mut works);
    if let Some(directory) = &arguments.serve {
        export::write(directory, &cases)?;
        return timed::serve(&mut works);
    }
    arguments.repeats.table(&mut works)
}
