//! Whether image files still hold what a network was trained beside.

use std::path::Path;

use crate::spec::NetworkExperiment;
use crate::store::{Fingerprint, StoreError, begun_on};

/// A sentence where the image files of the finished or unfinished training in `directory` are not what they were when it
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
        Ok(found) => found.and_then(|found| sentence(&found, &stored)),
        Err(error) => Some(format!(
            "The images that this was trained on cannot be compared with the files of today: {error}."
        )),
    })
}

/// The same for files that have been read, `found`, and the fingerprint `stored` of what was trained beside.
pub(super) fn sentence(found: &Fingerprint, stored: &str) -> Option<String> {
    (found.text() != stored).then(|| {
        format!(
            "The image files in {} have changed since this was trained: their fingerprint was {stored} and is {}. What is measured on them now is measured on other images.",
            found.source.display(),
            found.text()
        )
    })
}
