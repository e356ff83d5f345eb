//! What became of each seed, as a file.

use std::io::Write;
use std::path::Path;

use thalweg::outcome::Outcome;

use super::error::StoreError;
use super::whole::write_whole;
use crate::provenance::Provenance;
use crate::spec::{Fault, Field, Node, read_with, to_toml};

/// What became of one seed's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOutcome {
    /// The seed.
    pub seed: u64,
    /// The step at which its weights grew without bound; `None` if it ran to its end.
    pub diverged_at: Option<u64>,
}

impl RunOutcome {
    pub(crate) fn new(seed: u64, outcome: Outcome) -> Self {
        let diverged_at = match outcome {
            Outcome::Running => None,
            Outcome::Diverged { step } => Some(step),
        };
        Self { seed, diverged_at }
    }
}

pub(super) fn write(
    path: &Path,
    outcomes: &[RunOutcome],
    loss_convention: &str,
) -> Result<(), StoreError> {
    let run = |outcome: &RunOutcome| match outcome.diverged_at {
        None => Node::from([
            ("seed", outcome.seed.into()),
            ("outcome", "finished".into()),
        ]),
        Some(step) => Node::from([
            ("seed", outcome.seed.into()),
            ("outcome", "diverged".into()),
            ("diverged_at", step.into()),
        ]),
    };
    let runs = ("runs", outcomes.iter().map(run).collect());
    let text = to_toml(&Node::from([
        runs,
        ("provenance", Provenance::here().to_node(loss_convention)),
    ]));
    write_whole(path, |file| file.write_all(text.as_bytes()))
}

pub(super) fn read(path: &Path) -> Result<Vec<RunOutcome>, StoreError> {
    let run = |field: Field<'_>| -> Result<RunOutcome, Fault> {
        Ok(RunOutcome {
            seed: field.required("seed", "a seed")?.count()?,
            diverged_at: field
                .optional("diverged_at")
                .map(|f| f.count())
                .transpose()?,
        })
    };
    let outcomes = read_with(path, |root| {
        let runs = root
            .required("runs", "the list of runs")?
            .list("a list of runs")?;
        runs.into_iter().map(run).collect()
    })?;
    Ok(outcomes)
}
