//! What a figure runs: experiments by name, as values, before anything is run.

use thalweg::flow::{self, Drift};
use thalweg_lab::network;
use thalweg_lab::run::RunError;
use thalweg_lab::spec::{Experiment, NetworkExperiment, Specification};

use super::ReproduceError;

/// An experiment of either kind, as a file gives it.
#[derive(Clone, Debug)]
pub enum Planned {
    /// A deep linear network, by the simulator.
    Linear(Box<Experiment>),
    /// Any network, trained.
    Network(Box<NetworkExperiment>),
}

impl Planned {
    /// The experiment as a specification file, with every default spelled out.
    pub fn specification(&self) -> String {
        match self {
            Self::Linear(experiment) => experiment.to_toml(),
            Self::Network(experiment) => experiment.to_toml(),
        }
    }

    /// The command that runs such a file.
    pub fn command(&self) -> &'static str {
        match self {
            Self::Linear(_) => "simulate",
            Self::Network(_) => "train",
        }
    }

    /// How losses are counted in what it measures.
    pub fn loss_convention(&self) -> &'static str {
        match self {
            Self::Linear(experiment) => experiment.loss_convention(),
            Self::Network(experiment) => experiment.loss_convention(),
        }
    }

    /// Bytes that its runs take, and the flows beside those of a deep linear network.
    ///
    /// # Errors
    /// When the network or its data cannot be made.
    pub fn memory(&self) -> Result<u64, ReproduceError> {
        match self {
            Self::Linear(experiment) => {
                let widths = experiment.problem.widths();
                let flow = |drift| flow::memory(widths, drift);
                let flow = flow(Drift::Symmetric).max(flow(Drift::Exact));
                let at_once = experiment.seeds.len().min(rayon::current_num_threads());
                Ok(experiment.memory().max(at_once as u64 * flow))
            }
            Self::Network(experiment) => {
                let made = network::Made::new(experiment).map_err(RunError::from)?;
                Ok(experiment.memory(&made) + made.data_memory)
            }
        }
    }

    /// Steps in all.
    pub fn work(&self) -> f64 {
        let (steps, seeds) = match self {
            Self::Linear(experiment) => (experiment.steps, experiment.seeds.len()),
            Self::Network(experiment) => (experiment.steps, experiment.seeds.len()),
        };
        steps as f64 * seeds as f64
    }
}

/// A figure's experiments, each with the name of its files.
#[derive(Clone, Debug, Default)]
pub struct Plan(pub Vec<(String, Planned)>);

impl Plan {
    /// Adds an experiment on a deep linear network, which gets the name.
    pub fn linear(&mut self, name: impl Into<String>, experiment: Experiment) {
        let name = name.into();
        let experiment = Experiment {
            name: Some(name.clone()),
            ..experiment
        };
        self.0.push((name, Planned::Linear(Box::new(experiment))));
    }

    /// Adds an experiment on a network, which gets the name.
    pub fn network(&mut self, name: impl Into<String>, experiment: NetworkExperiment) {
        let name = name.into();
        let experiment = NetworkExperiment {
            name: Some(name.clone()),
            ..experiment
        };
        self.0.push((name, Planned::Network(Box::new(experiment))));
    }
}
