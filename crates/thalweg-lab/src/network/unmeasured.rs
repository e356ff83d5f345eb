//! Whether all networks of a run are measured.

use std::path::Path;

use super::measurement::NetworkMeasurement;
use crate::saved::network_name;
use crate::store::{StoreError, outcomes_of};

/// A sentence where some networks of the finished training in `directory` are measured and others are not; nothing where
/// all or none are.
///
/// # Errors
/// When a file of the directory is damaged.
pub fn unmeasured(directory: &Path) -> Result<Option<String>, StoreError> {
    let measured = NetworkMeasurement::read_all(directory)?;
    let outcomes = outcomes_of(directory)?;
    let ended = outcomes
        .iter()
        .filter(|outcome| outcome.diverged_at.is_none());
    let names: Vec<String> = ended.map(|outcome| network_name(outcome.seed)).collect();
    let is_measured = |name: &&String| measured.iter().any(|one| one.name == **name);
    let missing: Vec<&str> = names
        .iter()
        .filter(|name| !is_measured(name))
        .map(String::as_str)
        .collect();
    if measured.is_empty() || missing.is_empty() {
        return Ok(None);
    }
    Ok(Some(format!(
        "Of this training's {} networks {} are not measured ({}): thalweg measure {} measures all.",
        names.len(),
        missing.len(),
        missing.join(", "),
        directory.display()
    )))
}
