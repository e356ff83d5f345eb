//! The options that several subcommands share.

mod problem;
mod spectrum;
mod step;

pub use problem::ProblemArguments;
pub use step::{Seeds, StartArguments, StepArguments, count, missing};
