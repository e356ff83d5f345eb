//! One file for each subcommand, and the choice between them.

pub mod flow;
pub mod measure;
mod measured;
pub mod predict;
pub mod report;
pub mod reproduce;
mod running;
pub mod simulate;
mod summary;
pub mod train;
mod training;

use clap::CommandFactory;

use crate::arguments::{Arguments, Command};
use crate::exit::Failure;
use crate::output;

/// Runs the chosen subcommand to its end.
///
/// # Errors
/// See [`Failure`].
pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Flow(arguments) => flow::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Train(arguments) => train::run(&arguments),
        Command::Measure(arguments) => measure::run(&arguments),
        Command::Reproduce(arguments) => reproduce::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "thalweg", &mut script);
            output::print(&String::from_utf8_lossy(&script))
        }
    }
}
