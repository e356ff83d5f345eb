//! Several finished runs beside one another: where each ended, by which factor they differ, and which fields of their
//! specifications do.
//!
//! ```
//! use std::{sync::atomic::AtomicBool, time::Duration};
//! use thalweg_lab::{contrast::Contrast, quantity, run, spec::{Draft, Experiment}};
//!
//! let folder = std::env::temp_dir().join(format!("thalweg-contrast-{}", std::process::id()));
//! let mut runs = Vec::new();
//! for noise in ["[1, 1]", "[1, 0.25]"] {
//!     let text = format!("depth = 2\ninput_covariance = [[1, 0], [0, 1]]\nteacher = [[1, 0], [0, 1]]\n\
//!         noise_standard_deviations = {noise}\nlearning_rate = 0.01\nbatch = 10\nsteps = 100\nseeds = 4");
//!     let out = folder.join(runs.len().to_string());
//!     let experiment = Draft::from_toml(&text)?.experiment::<Experiment>()?;
//!     run::run(&experiment, &out, Duration::from_secs(60), &mut (), &AtomicBool::new(false))?;
//!     runs.push(out);
//! }
//! let contrast = Contrast::read(&runs)?;
//! assert_eq!(contrast.differences[0].field, "problem.noise_covariance");
//! let sharpness = contrast.ends.iter().find(|ends| ends.quantity == quantity::SHARPNESS).unwrap();
//! assert_eq!(sharpness.of_run[1].factor.unwrap().count, 4);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ends;
mod fields;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

pub use ends::{End, Ends};
pub use fields::FieldDifference;

use crate::run::{Measurements, Runnable};
use crate::spec::{Experiment, NetworkExperiment, Node};
use crate::store::{StoreError, begun_on, is_network, is_run, load};

/// Runs beside one another, the first being the one that others are measured by.
#[derive(Clone, Debug)]
pub struct Contrast {
    /// In the order given.
    pub runs: Vec<ContrastedRun>,
    /// Where they ended, quantity by quantity.
    pub ends: Vec<Ends>,
    /// The fields that are not the same in all.
    pub differences: Vec<FieldDifference>,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct ContrastedRun {
    /// Its own name where all have one and no two the same, otherwise its directory as given.
    pub label: String,
    /// Where it lies.
    pub directory: PathBuf,
    /// How its losses are counted.
    pub loss_convention: &'static str,
    /// Its steps.
    pub steps: u64,
    /// How many seeds it has.
    pub seeds: usize,
    /// How many of them diverged.
    pub diverged: usize,
    /// What was measured of it.
    pub measurements: Measurements,
    specification: Node,
}

impl Contrast {
    /// Reads the finished runs in `directories`: simulations, trainings, or both.
    ///
    /// # Errors
    /// When a directory holds no finished run, or a file of one cannot be read or is damaged.
    pub fn read(directories: &[PathBuf]) -> Result<Self, StoreError> {
        let mut runs = Vec::new();
        for directory in directories {
            runs.push(if is_run(directory) && is_network(directory)? {
                ContrastedRun::read::<NetworkExperiment>(directory)?
            } else {
                ContrastedRun::read::<Experiment>(directory)?
            });
        }
        if let Some(names) = own_names(&runs) {
            for (run, name) in runs.iter_mut().zip(names) {
                run.label = name;
            }
        }
        let specifications: Vec<&Node> = runs.iter().map(|run| &run.specification).collect();
        Ok(Self {
            ends: ends::of(&runs),
            differences: fields::differences(&specifications),
            runs,
        })
    }

    /// Whether all losses are counted in the same way; otherwise a sentence for readers of the numbers.
    pub fn caution(&self) -> Option<&'static str> {
        let first = self.runs.first()?.loss_convention;
        let same = self.runs.iter().all(|run| run.loss_convention == first);
        (!same).then_some("These runs do not count losses in the same way, so that their numbers are not of one kind.")
    }

    /// As one JSON object.
    pub fn json(&self) -> Value {
        let runs = self.runs.iter().map(|run| {
            json!({
                "label": run.label,
                "directory": run.directory,
                "loss_convention": run.loss_convention,
                "steps": run.steps,
                "seeds": run.seeds,
                "diverged": run.diverged,
            })
        });
        let ends = self.ends.iter();
        let ends = ends.map(|ends| (ends.quantity.key.to_string(), json!(ends.of_run)));
        json!({
            "runs": runs.collect::<Vec<_>>(),
            "ends": ends.collect::<serde_json::Map<_, _>>(),
            "differences": self.differences,
            "caution": self.caution(),
        })
    }
}

impl ContrastedRun {
    fn read<E: Runnable>(directory: &Path) -> Result<Self, StoreError> {
        let run = load::<E>(directory)?;
        let diverged = run.outcomes.iter().filter(|o| o.diverged_at.is_some());
        let mut specification = run.experiment.to_node();
        // Files of one name may hold other data.
        if let (_, Some(data)) = begun_on::<E>(directory)? {
            specification.put("data_fingerprint", data.as_str().into());
        }
        Ok(Self {
            label: directory.display().to_string(),
            directory: directory.to_owned(),
            loss_convention: run.experiment.loss_convention(),
            steps: run.experiment.steps(),
            seeds: run.experiment.seeds().len(),
            diverged: diverged.count(),
            specification,
            measurements: run.measurements,
        })
    }

    fn name(&self) -> Option<&str> {
        match self.specification.get("name") {
            Some(Node::Text(name)) => Some(name),
            _ => None,
        }
    }
}

/// The names that the runs' own files give, where they tell the runs apart.
fn own_names(runs: &[ContrastedRun]) -> Option<Vec<String>> {
    let names = runs.iter().map(|run| run.name().map(str::to_owned));
    let names: Vec<String> = names.collect::<Option<_>>()?;
    let apart = (1..names.len()).all(|i| !names[..i].contains(&names[i]));
    apart.then_some(names)
}
