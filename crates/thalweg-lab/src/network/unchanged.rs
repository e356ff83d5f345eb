//! Whether the files of images, of a table or of a text still hold what a network was trained beside.

use std::path::Path;

use super::Made;
use crate::saved::SavedNetwork;
use crate::sources::NetworkSource;
use crate::spec::NetworkExperiment;
use crate::store::{Fingerprint, StoreError, begun_on};

/// A sentence where the files of the finished or unfinished training in `directory` are not what they were when it
/// was begun, or cannot be compared; nothing where they are, or where there are none of the user's own.
///
/// # Errors
/// When the directory has no readable specification.
pub fn changed_data(directory: &Path) -> Result<Option<String>, StoreError> {
    let (experiment, stored) = begun_on::<NetworkExperiment>(directory)?;
    let Some(stored) = stored else {
        return Ok(None);
    };
    Ok(match experiment.data.source.about().fingerprint() {
        Ok(found) => found.and_then(|found| sentence(&experiment, &found, &stored)),
        Err(error) => Some(format!(
            "What this was trained on cannot be compared with the files of today: {error}."
        )),
    })
}

/// The same for a network whose experiment was made again.
pub(crate) fn since_saved(made: &Made, saved: &SavedNetwork) -> Option<String> {
    let (found, stored) = (made.data.as_ref()?, saved.data.as_ref()?);
    sentence(&saved.experiment, found, stored)
}

/// The same for files that have been read, `found`, and the fingerprint `stored` of what was trained beside.
fn sentence(experiment: &NetworkExperiment, found: &Fingerprint, stored: &str) -> Option<String> {
    let (source, now) = (found.source.display(), found.text());
    (now != stored).then(|| {
        let (what, other) = match &experiment.data.source {
            NetworkSource::Text(_) => ("The text", "another text"),
            NetworkSource::Table(_) => ("The table", "another table"),
            _ => ("What is in", "other images"),
        };
        format!(
            "{what} {source} has changed since this was trained: its fingerprint was {stored} and is {now}. What is measured on it now is measured on {other}."
        )
    })
}
