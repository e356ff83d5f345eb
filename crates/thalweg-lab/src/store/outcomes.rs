//! What became of each seed, as a file.

use std::path::Path;

use serde::{Deserialize, Serialize};
use thalweg::outcome::Outcome;

use super::digest::digits;
use super::error::StoreError;
use super::sealed;
use super::whole::write_whole;
use crate::provenance::Provenance;
use crate::spec::{Fault, Field, Node, read_toml};

/// What became of one seed's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOutcome {
    /// The seed.
    pub seed: u64,
    /// The step at which its weights grew without bound; `None` if it ran to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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

/// What is to be known of the seeds that did not run to their end, in a sentence; nothing where all did.
pub fn divergence(runs: &[RunOutcome]) -> Option<String> {
    let diverged = runs.iter().filter(|run| run.diverged_at.is_some()).count();
    let last = last_divergence(runs)?;
    Some(match (diverged, runs.len()) {
        (1, 1) => format!("The run diverged, at step {last}: there is nothing to compare."),
        (some, all) if some == all => {
            format!("All {all} runs diverged, by step {last}: there is no mean to compare.")
        }
        (1, all) => format!("1 of {all} runs diverged, at step {last}, and is not in the means."),
        (some, all) => {
            format!("{some} of {all} runs diverged, by step {last}, and are not in the means.")
        }
    })
}

/// The last step at which one diverged.
pub fn last_divergence(runs: &[RunOutcome]) -> Option<u64> {
    runs.iter().filter_map(|run| run.diverged_at).max()
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
