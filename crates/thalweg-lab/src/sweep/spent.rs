//! The time that a cell took before it was interrupted, beside the state that it goes on from.

use std::path::Path;

use crate::store::{StoreError, write_whole};

/// In a cell's run directory: seconds of wall time, as a number.
const FILE: &str = "seconds.txt";

/// Seconds that led to the state in `directory`. None where nothing is there, or nothing that can be read: no result rests on it.
pub(super) fn read(directory: &Path) -> f64 {
    let text = std::fs::read_to_string(directory.join(FILE)).unwrap_or_default();
    let seconds: f64 = text.trim().parse().unwrap_or(0.0);
    if seconds.is_finite() && seconds > 0.0 {
        seconds
    } else {
        0.0
    }
}

/// Puts it there.
pub(super) fn write(directory: &Path, seconds: f64) -> Result<(), StoreError> {
    write_whole(&directory.join(FILE), format!("{seconds}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nonsense_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), 0.0);
        write(folder.path(), 12.5).unwrap();
        assert_eq!(read(folder.path()), 12.5);
        for nonsense in ["x", "-1", "inf", "NaN"] {
            std::fs::write(folder.path().join(FILE), nonsense).unwrap();
            assert_eq!(read(folder.path()), 0.0, "{nonsense}");
        }
    }
}
