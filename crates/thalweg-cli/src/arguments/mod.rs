//! The options that several subcommands share.

mod columns;
mod problem;
mod recipe;
mod spectrum;
mod step;

pub use columns::ColumnNames;
pub use problem::ProblemArguments;
pub use recipe::RecipeArguments;
pub use step::{Seeds, StartArguments, StepArguments, count, missing, positive, seed};
