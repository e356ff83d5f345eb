//! What `thalweg.torch.Probe` measured of a training in PyTorch, as the log in a directory has it.
//!
//! ```
//! use thalweg_lab::probe::{LOG_FILE, ProbeLog};
//!
//! let directory = std::env::temp_dir().join(format!("thalweg-probe-{}", std::process::id()));
//! std::fs::create_dir_all(&directory)?;
//! // The second row is still being written.
//! std::fs::write(
//!     directory.join(LOG_FILE),
//!     "step,quantity,layer,value,error,kind,method\n10,lambda_max,,2.5,0.01,residual,warm Lanczos\n20,lam",
//! )?;
//! let log = ProbeLog::read(&directory)?;
//! let series = log.series("lambda_max");
//! assert_eq!((series.len(), series[0].step, series[0].value), (1, 10, 2.5));
//! # std::fs::remove_dir_all(&directory)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::network::ErrorKind;
use crate::store::StoreError;

/// The rows, one for each measured number.
pub const LOG_FILE: &str = "probe.csv";
/// How they were measured.
pub const SETTINGS_FILE: &str = "probe.json";

/// One measured number.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Reading {
    /// After how many steps of the optimiser.
    pub step: u64,
    /// What, by its [key](crate::quantity::Quantity::key).
    pub quantity: String,
    /// Of which layer; nothing where it belongs to the whole model.
    pub layer: Option<String>,
    /// The number.
    pub value: f64,
    /// How far it may be from the truth.
    pub error: Option<f64>,
    /// What kind of error that is.
    pub kind: Option<ErrorKind>,
    /// By which way it was measured.
    pub method: String,
}

/// A probe's log.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeLog {
    readings: Vec<Reading>,
    /// How it was measured: names and values.
    pub settings: Vec<(String, String)>,
}

/// Whether `directory` has one.
pub fn is_probe(directory: &Path) -> bool {
    directory.join(LOG_FILE).exists()
}

impl ProbeLog {
    /// The log in `directory`, as far as it is written: a row that has no end yet is left out.
    ///
    /// # Errors
    /// When a file cannot be read, or a whole row is none.
    pub fn read(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(LOG_FILE);
        let text = fs::read_to_string(&path).map_err(|error| StoreError::read(&path, error))?;
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let mut reader = csv::Reader::from_reader(whole.as_bytes());
        let readings = reader.deserialize().collect::<Result<Vec<Reading>, _>>();
        let readings = readings.map_err(|error| {
            let words = format!("{error}; each row must have step, quantity, layer, value, error, kind and method, as thalweg.log.CSV writes them");
            StoreError::read(&path, io::Error::new(io::ErrorKind::InvalidData, words))
        })?;
        Ok(Self {
            readings,
            settings: settings(&directory.join(SETTINGS_FILE))?,
        })
    }

    /// The quantities there are of the whole model, in the order in which they first appear.
    pub fn quantities(&self) -> Vec<&str> {
        let mut all = Vec::new();
        for reading in self
            .readings
            .iter()
            .filter(|reading| reading.layer.is_none())
        {
            if !all.contains(&&*reading.quantity) {
                all.push(&*reading.quantity);
            }
        }
        all
    }

    /// The readings of `quantity` of the whole model, by step. Where a training went on from an earlier step, the later reading of a
    /// step counts.
    pub fn series(&self, quantity: &str) -> Vec<&Reading> {
        let of = |reading: &&Reading| reading.quantity == quantity && reading.layer.is_none();
        let readings = self.readings.iter().filter(of);
        let by_step: BTreeMap<u64, &Reading> = readings.map(|found| (found.step, found)).collect();
        by_step.into_values().collect()
    }

    /// The last reading of each quantity in each layer, layers in the order in which they first appear.
    pub fn layers(&self) -> Vec<(&str, Vec<&Reading>)> {
        let mut layers: Vec<(&str, Vec<&Reading>)> = Vec::new();
        for reading in &self.readings {
            let Some(layer) = &reading.layer else {
                continue;
            };
            let index = layers.iter().position(|(name, _)| name == layer);
            let index = index.unwrap_or_else(|| {
                layers.push((layer, Vec::new()));
                layers.len() - 1
            });
            let last = &mut layers[index].1;
            match last
                .iter_mut()
                .find(|other| other.quantity == reading.quantity)
            {
                Some(other) => *other = reading,
                None => last.push(reading),
            }
        }
        layers
    }

    /// The last step that was measured.
    pub fn last_step(&self) -> Option<u64> {
        self.readings.iter().map(|reading| reading.step).max()
    }
}

/// What the file `path` says, if there is one.
fn settings(path: &Path) -> Result<Vec<(String, String)>, StoreError> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(|error| StoreError::read(path, error))?,
    };
    let tree: serde_json::Map<String, Value> = serde_json::from_slice(&text)
        .map_err(|error| StoreError::read(path, io::Error::from(error)))?;
    let words = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(tree
        .into_iter()
        .map(|(name, value)| (name, words(value)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "step,quantity,layer,value,error,kind,method\n";

    fn log(rows: &str) -> Result<ProbeLog, String> {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_probe(folder.path()));
        fs::write(folder.path().join(LOG_FILE), format!("{HEAD}{rows}")).unwrap();
        assert!(is_probe(folder.path()));
        ProbeLog::read(folder.path()).map_err(|error| crate::answer::with_causes(&error))
    }

    #[test]
    fn rows_are_read_by_quantity_and_layer() {
        let log = log("1,fluctuation,,2.5,0.5,standard-error,\"hooks, exact\"\n\
             1,fluctuation,conv1,1.5,,,hooks\n\
             1,lambda_max,,-3,1e-3,residual,Lanczos\n\
             5,fluctuation,conv1,0.5,,,hooks\n")
        .unwrap();
        assert_eq!(log.quantities(), ["fluctuation", "lambda_max"]);
        let [found] = log.series("fluctuation")[..] else {
            panic!("one reading");
        };
        assert_eq!((found.value, found.error), (2.5, Some(0.5)));
        assert_eq!(found.kind, Some(ErrorKind::StandardError));
        assert_eq!(found.method, "hooks, exact");
        let layers = log.layers();
        assert_eq!(layers.len(), 1);
        assert_eq!((layers[0].0, layers[0].1[0].value), ("conv1", 0.5));
        assert_eq!(log.last_step(), Some(5));
        assert_eq!(log.settings, []);
    }

    /// As after kill -9, whose training then went on from step 10.
    #[test]
    fn a_cut_row_is_left_out_and_a_repeated_step_counts_once() {
        let log =
            log("10,loss,,3,,,forward\n20,loss,,2,,,forward\n20,loss,,2.5,,,forward\n30,loss,,1")
                .unwrap();
        let values: Vec<f64> = log.series("loss").iter().map(|found| found.value).collect();
        assert_eq!(values, [3.0, 2.5]);
    }

    #[test]
    fn what_is_no_row_is_an_error_with_its_line() {
        for row in [
            "x,loss,,1,,,forward\n",
            "1,loss,,one,,,forward\n",
            "1,loss\n",
            "1,loss,,1,2,guess,forward\n",
        ] {
            let error = log(&format!("1,loss,,1,,,forward\n{row}")).unwrap_err();
            assert!(
                error.contains("probe.csv") && error.contains("line: 3"),
                "{error}"
            );
        }
    }

    #[test]
    fn settings_stand_beside() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(LOG_FILE), HEAD).unwrap();
        let path = folder.path().join(SETTINGS_FILE);
        fs::write(&path, r#"{"optimizer": "SGD", "overhead": 0.05}"#).unwrap();
        let log = ProbeLog::read(folder.path()).unwrap();
        let expected = [("optimizer", "SGD"), ("overhead", "0.05")];
        assert_eq!(
            log.settings,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        assert_eq!((log.last_step(), log.quantities()), (None, vec![]));
        fs::write(&path, "{").unwrap();
        let error = ProbeLog::read(folder.path()).unwrap_err();
        assert!(error.to_string().contains("probe.json"), "{error}");
    }
}
