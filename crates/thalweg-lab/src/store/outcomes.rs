//! What became of each seed, as a file.

use std::path::Path;

use thalweg::outcome::Outcome;

use super::digest::digits;
use super::error::StoreError;
use super::sealed;
use super::whole::write_whole;
use crate::provenance::Provenance;
use crate::spec::{Fault, Field, Node, read_toml};

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

/// What the last file of a run says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finished {
    /// The digest of the experiment that was run.
    pub(super) experiment: u64,
    /// That of the file of its measurements.
    pub(super) measurements: u64,
    /// What became of each seed.
    pub(super) runs: Vec<RunOutcome>,
}

const EXPERIMENT: &str = "experiment";
const MEASUREMENTS: &str = "measurements";

/// Writes `finished` to `path`.
pub(super) fn write(
    path: &Path,
    finished: &Finished,
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
    let text = |digest| Node::from(digits(digest).as_str());
    let tree = Node::from([
        (EXPERIMENT, text(finished.experiment)),
        (MEASUREMENTS, text(finished.measurements)),
        ("runs", finished.runs.iter().map(run).collect()),
        ("provenance", Provenance::here().to_node(loss_convention)),
    ]);
    write_whole(path, &sealed::toml(&tree))
}

/// What `bytes`, those of the file `path`, say.
pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Finished, StoreError> {
    let run = |field: Field<'_>| -> Result<RunOutcome, Fault> {
        Ok(RunOutcome {
            seed: field.required("seed", "a seed")?.count()?,
            diverged_at: field
                .optional("diverged_at")
                .map(|f| f.count())
                .transpose()?,
        })
    };
    let digest = |root: &Field<'_>, key| {
        let field = root.required(key, "a digest")?;
        let digest = u64::from_str_radix(field.text()?, 16);
        digest.map_err(|_| field.not("a digest of sixteen hexadecimal digits"))
    };
    let finished = read_toml(path, bytes, |root| {
        let runs = root
            .required("runs", "the list of runs")?
            .list("a list of runs")?;
        Ok(Finished {
            experiment: digest(root, EXPERIMENT)?,
            measurements: digest(root, MEASUREMENTS)?,
            runs: runs.into_iter().map(run).collect::<Result<_, _>>()?,
        })
    })?;
    Ok(finished)
}
