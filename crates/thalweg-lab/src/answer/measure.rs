//! Which trained networks are measured, and with what.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::AnswerError;
use crate::network::{self, Effort, NetworkError, NetworkMeasurement, On};
use crate::saved::{Foreign, SavedNetwork, networks_of, same_run};

/// What is to be measured, and how.
#[derive(Clone, Debug)]
pub struct Measuring {
    /// The directory of a finished training, or one file of a network.
    pub target: PathBuf,
    /// Only the network of this seed.
    pub seed: Option<u64>,
    /// For a file of another program, which holds none.
    pub specification: Option<Foreign>,
    /// Of the evaluation set; where not given, the specification's.
    pub samples: Option<usize>,
    /// Of evaluation set and probes; where not given, the specification's.
    pub evaluation_seed: Option<u64>,
    /// Which samples: those that no training uses, or those that are trained on.
    pub on: On,
    /// How much work to spend.
    pub effort: Effort,
}

impl Measuring {
    /// The networks, each with its name.
    ///
    /// # Errors
    /// When the target is none, a file is damaged, or no network has the seed.
    pub fn networks(&self) -> Result<Vec<(String, SavedNetwork)>, AnswerError> {
        let directory = self.target.is_dir();
        let paths = if directory {
            networks_of(&self.target).map_err(AnswerError::input)?
        } else {
            vec![self.target.clone()]
        };
        let mut networks = Vec::with_capacity(paths.len());
        for path in paths {
            let saved = SavedNetwork::read(&path, self.specification.as_ref())
                .map_err(AnswerError::input)?;
            if directory {
                same_run(&self.target, &path, &saved).map_err(AnswerError::input)?;
            }
            networks.push((name(&path), saved));
        }
        if let Some(seed) = self.seed {
            let seeds: Vec<_> = networks
                .iter()
                .filter_map(|(_, saved)| saved.seed)
                .collect();
            networks.retain(|(_, saved)| saved.seed == Some(seed));
            if networks.is_empty() {
                return Err(AnswerError::input(NoSeed { seed, seeds }));
            }
        }
        Ok(networks)
    }

    /// Measures `saved`; `tell` hears what is being done.
    ///
    /// # Errors
    /// When the data cannot be read or do not fit the network, or an estimate fails.
    pub fn measure(
        &self,
        name: &str,
        saved: &SavedNetwork,
        tell: impl FnMut(&str),
    ) -> Result<NetworkMeasurement, AnswerError> {
        let own = saved.experiment.measure;
        let samples = self.samples.unwrap_or(own.samples);
        let seed = self.evaluation_seed;
        let seed = seed.unwrap_or(own.seed.of(saved.seed.unwrap_or(0)));
        let name = match self.on {
            On::Test => name.to_owned(),
            On::Train => format!("{name}-train"),
        };
        let (on, effort) = (self.on, self.effort);
        let measured = network::measure_on(on, &name, saved, samples, seed, effort, tell);
        measured.map_err(|error| match error {
            NetworkError::Evaluation(_) => AnswerError::work(error),
            _ => AnswerError::input(error),
        })
    }
}

/// All measurements as one JSON object.
pub fn measured(networks: &[NetworkMeasurement]) -> Value {
    json!({ "networks": networks })
}

#[derive(Debug, thiserror::Error)]
#[error("there is no network of seed {seed} here; {}", known(seeds))]
struct NoSeed {
    seed: u64,
    seeds: Vec<u64>,
}

/// Which seeds could have been asked for.
fn known(seeds: &[u64]) -> String {
    if seeds.is_empty() {
        return "the file does not say of which seed its network is: leave the seed out".to_owned();
    }
    let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
    format!("there are those of {}", seeds.join(", "))
}

fn name(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
