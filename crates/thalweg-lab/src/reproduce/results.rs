//! The results of a reproduction as they stand in `results.json`.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Budget, FIGURES, Judged, RESULTS_FILE};
use crate::report::ReportError;
use crate::store::StoreError;

/// Everything a report needs, besides the pictures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// In the report's order.
    pub figures: Vec<FigureResult>,
    /// Those that could not be made when they were last asked for.
    #[serde(default)]
    pub failures: Vec<FigureFailure>,
}

/// A figure that could not be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FigureFailure {
    /// Its name on the command line.
    pub id: String,
    /// Above it in the report, had it been made.
    pub title: String,
    /// Why there is no figure.
    pub error: String,
    /// The command that tries again.
    pub command: String,
}

/// Where and with what results were made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// The program and its version.
    pub program: String,
    /// The git commit it was built from, if known.
    pub commit: Option<String>,
    /// What every loss, gradient and Hessian refers to.
    pub loss_convention: String,
    /// Operating system and processor architecture.
    pub platform: String,
    /// Vector instructions that the processor has.
    pub cpu_features: Vec<String>,
    /// Threads used.
    pub threads: usize,
}

/// One figure's words and numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FigureResult {
    /// Its name on the command line and of its files.
    pub id: String,
    /// Above it in the report.
    pub title: String,
    /// What it shows.
    pub caption: String,
    /// The command that makes it again.
    pub command: String,
    /// The settings that fix its numbers: name and value.
    pub settings: Vec<(String, String)>,
    /// Its claims with their verdicts.
    pub claims: Vec<Judged>,
    /// Wall time, seconds.
    pub seconds: f64,
    /// Which budget was asked for.
    pub budget: Budget,
    /// Where and with what it was made: figures of one directory may come from several calls.
    pub environment: Environment,
}

impl Results {
    /// The results in `directory`; none where it holds none.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something else.
    pub fn read(directory: &Path) -> Result<Self, ReportError> {
        let path = directory.join(RESULTS_FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(StoreError::read(&path, source).into()),
        };
        serde_json::from_str(&text).map_err(|source| ReportError::Damaged { path, source })
    }

    /// Adds `figure` in the report's order, in place of an earlier one of its name.
    pub fn put(&mut self, figure: FigureResult) {
        self.figures.retain(|earlier| earlier.id != figure.id);
        self.failures.retain(|earlier| earlier.id != figure.id);
        self.figures.push(figure);
        let place = |id: &str| FIGURES.iter().position(|entry| entry.id == id);
        // A figure that this version does not know comes last.
        self.figures
            .sort_by_key(|figure| place(&figure.id).unwrap_or(FIGURES.len()));
    }

    /// Adds `failure`, in place of an earlier one of its name. A picture made before stays.
    pub fn put_failure(&mut self, failure: FigureFailure) {
        self.failures.retain(|earlier| earlier.id != failure.id);
        self.failures.push(failure);
    }
}

impl Environment {
    /// This process's.
    pub fn here() -> Self {
        Self {
            program: crate::provenance::PROGRAM.to_owned(),
            commit: crate::provenance::COMMIT.map(str::to_owned),
            loss_convention: crate::provenance::LOSS_CONVENTION.to_owned(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            cpu_features: cpu_features(),
            threads: rayon::current_num_threads(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn cpu_features() -> Vec<String> {
    let features = [
        ("avx2", std::is_x86_feature_detected!("avx2")),
        ("fma", std::is_x86_feature_detected!("fma")),
        ("avx512f", std::is_x86_feature_detected!("avx512f")),
    ];
    let present = features.into_iter().filter(|(_, present)| *present);
    present.map(|(name, _)| name.to_owned()).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_features() -> Vec<String> {
    vec![]
}
