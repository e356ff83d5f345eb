//! The results of a reproduction as they stand in `results.json`, and what they come down to in plain words.
//!
//! ```
//! use thalweg_report::results::{Results, summarise};
//!
//! let nothing = std::env::temp_dir().join("no-figures-here");
//! let results = Results::read(&nothing)?;
//! assert!(results.figures.is_empty());
//! # let _ = summarise(&results);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod budget;
mod error;
mod summary;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::claims::{Judged, Origin};
use crate::plot::check_svg;
use thalweg_lab::store::{StoreError, digest, digits, exists, read_listed, read_sealed};

pub use budget::Budget;
pub use error::ResultsError;
pub use summary::{Paragraph, Summary, summarise};

/// The file of the results in a reproduction's directory.
pub const RESULTS_FILE: &str = "results.json";

/// Everything a report needs, besides the pictures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// In the report's order.
    pub figures: Vec<FigureResult>,
    /// Those that could not be made when they were last asked for, or whose picture was then found lost.
    #[serde(default)]
    pub failures: Vec<FigureFailure>,
    /// The digest of each figure's picture, by the figure's name.
    #[serde(default)]
    pub pictures: BTreeMap<String, String>,
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

/// The files of one of a figure's runs, relative to the directory of the results.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFiles {
    /// The specification, with every default spelled out.
    pub specification: String,
    /// What was measured of each trial.
    pub measurements: String,
    /// The command that runs it alone, to the same measurements.
    pub command: String,
}

/// One figure's words and numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FigureResult {
    /// Its name on the command line and of its files.
    pub id: String,
    /// Above it in the report.
    pub title: String,
    /// Whose figure it is.
    #[serde(default)]
    pub origin: Origin,
    /// What it is about, in plain words.
    #[serde(default)]
    pub says: String,
    /// What it shows.
    pub caption: String,
    /// What else is to be known of it, in sentences.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The command that makes it again.
    pub command: String,
    /// The settings that fix its numbers: name and value.
    pub settings: Vec<(String, String)>,
    /// Its claims with their verdicts.
    pub claims: Vec<Judged>,
    /// What it has run.
    #[serde(default)]
    pub runs: Vec<RunFiles>,
    /// Wall time, seconds.
    pub seconds: f64,
    /// Which budget was asked for.
    pub budget: Budget,
    /// Where and with what it was made: figures of one directory may come from several calls.
    pub environment: Environment,
}

impl FigureResult {
    /// What has no words yet, and makes no claims: a page about one run.
    pub(crate) fn of_a_run() -> Self {
        Self {
            id: String::new(),
            title: String::new(),
            origin: Origin::default(),
            says: String::new(),
            caption: String::new(),
            notes: Vec::new(),
            command: String::new(),
            settings: Vec::new(),
            claims: Vec::new(),
            runs: Vec::new(),
            seconds: 0.0,
            budget: Budget::Full,
            environment: Environment::here(),
        }
    }
}

impl Results {
    /// The results in `directory`; none where it holds none.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or holds something else.
    pub fn read(directory: &Path) -> Result<Self, ResultsError> {
        let path = directory.join(RESULTS_FILE);
        if !exists(&path) {
            return Ok(Self::default());
        }
        let way_out = "restore it from a copy, or delete it and make the figures again";
        let bytes = read_sealed(&path, way_out)?;
        let results: Self = match serde_json::from_slice(&bytes) {
            Ok(results) => results,
            Err(source) => return Err(ResultsError::Damaged { path, source }),
        };
        let failed = results.failures.iter().map(|failure| &failure.id);
        let mut names = results
            .figures
            .iter()
            .map(|figure| &figure.id)
            .chain(failed);
        match names.find(|name| !is_name(name)).cloned() {
            None => Ok(results),
            Some(found) => Err(ResultsError::Name { path, found }),
        }
    }

    /// The picture of `figure` in `directory`, which is the one that was drawn with it.
    ///
    /// # Errors
    /// When it cannot be read, is another one, or holds what none of ours does.
    pub fn picture(&self, directory: &Path, figure: &FigureResult) -> Result<String, ResultsError> {
        let path = picture_path(directory, &figure.id);
        let way_out = format!(
            "make it again: `{} --out {}`",
            figure.command,
            directory.display()
        );
        let listed = self.pictures.get(&figure.id);
        let listed = listed.and_then(|listed| u64::from_str_radix(listed, 16).ok());
        let Some(listed) = listed else {
            return Err(StoreError::NoDigest { path, way_out }.into());
        };
        let bytes = read_listed(&path, listed, &way_out)?;
        let text = String::from_utf8(bytes).map_err(|_| "bytes that are no text".to_owned());
        text.and_then(|text| check_svg(&text).map(|()| text))
            .map_err(|found| ResultsError::Picture {
                path,
                found,
                way_out,
            })
    }

    /// Notes the figures whose picture in `directory` cannot be shown among the failures, and gives those; their claims
    /// stay.
    pub(crate) fn note_lost_pictures(&mut self, directory: &Path) -> Vec<FigureFailure> {
        let lost = |figure: &FigureResult| {
            let error = self.picture(directory, figure).err()?;
            Some(FigureFailure {
                id: figure.id.clone(),
                title: figure.title.clone(),
                error: error.to_string(),
                command: figure.command.clone(),
            })
        };
        let failures: Vec<_> = self.figures.iter().filter_map(lost).collect();
        for failure in &failures {
            self.put_failure(failure.clone());
        }
        failures
    }

    /// Whether the figure `id` is known to have failed, or its picture to be lost.
    pub fn has_failed(&self, id: &str) -> bool {
        self.failures.iter().any(|failure| failure.id == id)
    }

    /// Adds `figure` with its `picture`, in place of an earlier one of its name; figures stand in the order of their
    /// names in `order`.
    pub fn put(&mut self, figure: FigureResult, picture: &str, order: &[&str]) {
        self.figures.retain(|earlier| earlier.id != figure.id);
        self.failures.retain(|earlier| earlier.id != figure.id);
        let digest = digits(digest(picture.as_bytes()));
        self.pictures.insert(figure.id.clone(), digest);
        self.figures.push(figure);
        let place = |figure: &FigureResult| order.iter().position(|id| *id == figure.id);
        // A figure that this version does not know comes last.
        self.figures
            .sort_by_key(|figure| place(figure).unwrap_or(order.len()));
    }

    /// Adds `failure`, in place of an earlier one of its name. A picture made before stays.
    pub fn put_failure(&mut self, failure: FigureFailure) {
        self.failures.retain(|earlier| earlier.id != failure.id);
        self.failures.push(failure);
    }
}

/// Where the picture of the figure `id` lies.
pub(crate) fn picture_path(directory: &Path, id: &str) -> PathBuf {
    directory.join(format!("{id}.svg"))
}

/// Whether a figure may be called so: its files lie beside the results and nowhere else.
fn is_name(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !id.is_empty() && id.bytes().all(plain)
}

impl Environment {
    /// This process's.
    pub fn here() -> Self {
        Self {
            program: thalweg_lab::provenance::PROGRAM.to_owned(),
            commit: thalweg_lab::provenance::COMMIT.map(str::to_owned),
            loss_convention: thalweg_lab::provenance::LOSS_CONVENTION.to_owned(),
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
