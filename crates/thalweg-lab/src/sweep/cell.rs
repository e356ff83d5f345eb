//! One point of a sweep: an experiment, and the digest by which it is known.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::run::{MemoryRun, Observer, RunError, Runnable, run_in_memory, run_lasting};
use crate::spec::{Experiment, NetworkExperiment, Node, Specification, to_toml};
use crate::store::digest;

/// An experiment of either kind.
#[derive(Clone, Debug, PartialEq)]
pub enum CellExperiment {
    /// A deep linear network, by the simulator.
    Simulate(Box<Experiment>),
    /// Any network, trained.
    Train(Box<NetworkExperiment>),
}

/// One point of a sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Its number in the sweep, from 0: the last axis runs fastest.
    pub number: usize,
    /// The digest of its resolved specification without its name.
    pub key: u64,
    /// What is run there.
    pub experiment: CellExperiment,
}

/// `work` with the experiment of either kind.
macro_rules! either {
    ($cell:expr, $experiment:ident => $work:expr) => {
        match $cell {
            CellExperiment::Simulate($experiment) => $work,
            CellExperiment::Train($experiment) => $work,
        }
    };
}

impl CellExperiment {
    /// The experiment as a specification file, with every default spelled out.
    pub fn specification(&self) -> String {
        either!(self, experiment => experiment.to_toml())
    }

    /// The command that runs such a file.
    pub fn command(&self) -> &'static str {
        match self {
            Self::Simulate(_) => "simulate",
            Self::Train(_) => "train",
        }
    }

    /// One run for each.
    pub fn seeds(&self) -> &[u64] {
        either!(self, experiment => &experiment.seeds)
    }

    /// Steps of each run.
    pub fn steps(&self) -> u64 {
        either!(self, experiment => experiment.steps)
    }

    /// The steps at which the runs are measured.
    pub fn measured_steps(&self) -> Vec<u64> {
        either!(self, experiment => experiment.measured_steps())
    }

    /// How losses are counted in what it measures.
    pub fn loss_convention(&self) -> &'static str {
        either!(self, experiment => experiment.loss_convention())
    }

    fn node(&self) -> Node {
        either!(self, experiment => experiment.to_node())
    }

    /// See [`Cell::key`].
    pub(super) fn key(&self) -> u64 {
        let mut tree = self.node();
        tree.remove("name");
        digest(to_toml(&tree).as_bytes())
    }

    /// What its time depends on, but for the number of its steps: everything but numbers with a point, which change no
    /// count of operations, and which seeds it has.
    pub(super) fn kind(&self) -> String {
        let mut tree = self.node();
        for key in ["name", "steps", "seeds", "measure"] {
            tree.remove(key);
        }
        let leaves = tree.leaves().into_iter();
        let counted = leaves.filter(|(_, leaf)| !matches!(leaf, Node::Float(_)));
        let words: Vec<String> = counted
            .map(|(path, leaf)| format!("{path}={leaf}"))
            .collect();
        format!("{};seeds={}", words.join(";"), self.seeds().len())
    }

    /// Runs it; see [`run_lasting`].
    pub(super) fn run(
        &self,
        path: &Path,
        save_every: Duration,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<MemoryRun, RunError> {
        either!(self, experiment => run_lasting(&**experiment, path, save_every, observer, stop))
    }

    /// Runs it in memory alone.
    pub(super) fn run_in_memory(
        &self,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<MemoryRun, RunError> {
        either!(self, experiment => run_in_memory(&**experiment, observer, stop))
    }
}
