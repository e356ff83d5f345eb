//! What can go wrong while a figure is reproduced.

use thalweg::curvature::CurvatureError;
use thalweg::flow::FlowError;
use thalweg::problem::ProblemError;
use thalweg::recipe::RecipeError;
use thalweg::simulate::SimulateError;
use thalweg::theory::TheoryError;

use crate::plot::PngError;
use crate::report::ReportError;
use crate::results::ResultsError;
use thalweg_lab::compare::NoAnswer;
use thalweg_lab::diagnose::DiagnoseError;
use thalweg_lab::run::RunError;
use thalweg_lab::spec::SpecError;
use thalweg_lab::store::StoreError;

/// A figure that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReproduceError {
    /// No figure has this name.
    #[error("there is no figure `{found}`; there are: {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        found: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// The work was asked to stop.
    #[error("stopped before {figure} was finished; the figures before it, if any, are written")]
    Stopped {
        /// The figure in work.
        figure: &'static str,
    },
    /// A figure shows what it has not planned: a mistake in it.
    #[error("the figure has no run called {name}")]
    NoRun {
        /// What it asked for.
        name: String,
    },
    /// Initial weights count as diverged before the first step.
    #[error("the initial weights of seed {seed} are too large to start from")]
    NoStart {
        /// The seed that drew them.
        seed: u64,
    },
    /// A problem was refused.
    #[error(transparent)]
    Problem(#[from] ProblemError),
    /// A recipe was refused.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// Eigenvalues could not be computed.
    #[error(transparent)]
    Curvature(#[from] CurvatureError),
    /// Data could not be diagnosed.
    #[error(transparent)]
    Diagnose(#[from] DiagnoseError),
    /// A closed form has no answer.
    #[error(transparent)]
    Theory(#[from] TheoryError),
    /// The slow flow has no answer.
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// The slow flow has no path beside a run.
    #[error("no slow flow: {0}")]
    Path(#[from] NoAnswer),
    /// SGD could not be run.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    /// A network could not be trained or measured.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A built-in experiment does not read as one.
    #[error("built-in experiment: {0}")]
    Specification(#[from] SpecError),
    /// Measurements do not form a table.
    #[error("the measurements could not be written as Parquet: {0}")]
    Table(std::io::Error),
    /// A picture could not be drawn.
    #[error(transparent)]
    Picture(#[from] PngError),
    /// A file could not be written or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The directory's earlier results do not read as such, or the report could not be written.
    #[error(transparent)]
    Report(#[from] Box<ReportError>),
    /// What the directory holds cannot be added to.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// Results do not form JSON.
    #[error("the results could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}
