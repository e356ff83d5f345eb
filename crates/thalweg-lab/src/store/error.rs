//! What can go wrong between a run and the disk.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::memory::TooLittle;
use crate::spec::SpecError;

/// A run directory that could not be written, read or used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder could not be written, for lack of space or of permission for example.
    #[error(
        "cannot write {}: {source}; nothing finished before is lost: mend this and give the same command to go on",
        path.display()
    )]
    Write {
        /// What could not be written.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file stands where a directory is to be made.
    #[error("{} is a file, and a directory is needed: give another name", path.display())]
    NotADirectory {
        /// The file.
        path: PathBuf,
    },
    /// A file or folder could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// What could not be read.
        path: PathBuf,
        /// The system's reason, or that the content is damaged.
        source: io::Error,
    },
    /// A file holds other bytes than were written.
    #[error("{} is damaged (its digest was {written} when it was written, and is {found}): {way_out}", path.display())]
    Altered {
        /// The file.
        path: PathBuf,
        /// The digest of what was written.
        written: String,
        /// That of what is there.
        found: String,
        /// What can be done.
        way_out: String,
    },
    /// A file that should carry its digest does not.
    #[error("{} carries no digest (checksum) of its content: it is damaged, or an earlier build wrote it; {way_out}", path.display())]
    NoDigest {
        /// The file.
        path: PathBuf,
        /// What can be done.
        way_out: String,
    },
    /// A file that others rely on is not there.
    #[error("{} is missing: {way_out}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What can be done.
        way_out: String,
    },
    /// The outcomes in a directory are those of another run than its specification.
    #[error("{} belongs to another run than the specification beside it: {way_out}", path.display())]
    OtherOutcomes {
        /// The file.
        path: PathBuf,
        /// What can be done.
        way_out: String,
    },
    /// One of a directory's own files or folders is a link, which might lead anywhere.
    #[error("{} is a link, or not an ordinary file: links are not followed there; replace it by what it leads to, or remove it", path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// Another process is writing there.
    #[error("{} is being written by another process: wait for it, or choose another directory", directory.display())]
    Locked {
        /// The directory.
        directory: PathBuf,
    },
    /// The directory holds something that is not a run.
    #[error("{} holds other files (`{found}`) and no run: choose a new or an empty directory", directory.display())]
    NotARun {
        /// The directory.
        directory: PathBuf,
        /// One of the files.
        found: String,
    },
    /// A finished run was asked for fewer steps than it has.
    #[error("{} holds this run with {found} steps already, and {asked} are asked for: give {found} steps or more, or choose another directory", directory.display())]
    FewerSteps {
        /// The directory.
        directory: PathBuf,
        /// The steps of the run there.
        found: u64,
        /// The steps asked for.
        asked: u64,
    },
    /// The directory holds a run of another experiment.
    #[error("{} holds a run of another experiment ({differences}): choose another directory", directory.display())]
    OtherExperiment {
        /// The run directory.
        directory: PathBuf,
        /// Where the two differ.
        differences: Differences,
    },
    /// The directory holds a run that read other data.
    #[error("{} {change}, or choose another directory", directory.display())]
    OtherData {
        /// The run directory.
        directory: PathBuf,
        /// What became of the data.
        change: Box<DataChange>,
    },
    /// The directory holds a run of another kind.
    #[error("{} holds a run of another kind (its specification has no table `{needed}`): choose another directory", directory.display())]
    OtherKind {
        /// The run directory.
        directory: PathBuf,
        /// The table that the wanted kind has.
        needed: &'static str,
    },
    /// The run was begun by another version of the program, whose numbers may differ.
    #[error("{} was begun by {found} and this is {current}: finish it with that version, or run anew in another directory", directory.display())]
    OtherVersion {
        /// The run directory.
        directory: PathBuf,
        /// The version that began it.
        found: String,
        /// This version.
        current: String,
    },
    /// A checkpoint is whole, but laid out as another build of the program does it.
    #[error("{} was written by another build of the program, with another layout: finish the run with that build, or run anew in another directory", path.display())]
    OtherLayout {
        /// The checkpoint.
        path: PathBuf,
    },
    /// No state of an unfinished run can be gone on from.
    #[error("every checkpoint in {} is damaged: restore them from a copy, or run anew in another directory, which gives the same numbers", folder.display())]
    Damaged {
        /// The folder of the checkpoints.
        folder: PathBuf,
    },
    /// A finished run is to make more steps, and no state is left to go on from.
    #[error("{} holds a finished run whose checkpoint is damaged or gone, so it cannot be given more steps: bring the checkpoint back from a copy, or choose another directory for a new run", directory.display())]
    NoEnd {
        /// The run directory.
        directory: PathBuf,
    },
    /// There is not enough memory for all measurements.
    #[error(transparent)]
    Memory(#[from] TooLittle),
    /// The directory's own specification cannot be read back.
    #[error(transparent)]
    Specification(#[from] SpecError),
}

impl StoreError {
    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn missing(path: &Path, way_out: &str) -> Self {
        Self::Missing {
            path: path.to_owned(),
            way_out: way_out.to_owned(),
        }
    }

    pub(crate) fn link(path: &Path) -> Self {
        Self::Link {
            path: path.to_owned(),
        }
    }
}

/// Data whose content is not known to be what a run was begun on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataChange {
    /// Where they are.
    pub source: PathBuf,
    /// Their fingerprint when the run was begun, if it was written down.
    pub stored: Option<String>,
    /// Their fingerprint now.
    pub given: String,
}

impl fmt::Display for DataChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, given) = (self.source.display(), &self.given);
        match &self.stored {
            Some(stored) => write!(
                f,
                "was begun on other data: what is in {source} has changed since (its fingerprint was {stored} and is {given}); bring the old files back"
            ),
            None => write!(
                f,
                "does not record on which data it was begun, so it cannot be continued with those in {source} (fingerprint {given}); finish it with the program that began it"
            ),
        }
    }
}

/// Where two experiments differ: field, value there, value here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differences(pub Vec<Difference>);

/// One field in which two experiments differ; `None` where a field is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its path, `problem.teacher[0][1]` for example.
    pub field: String,
    /// In the directory.
    pub stored: Option<String>,
    /// In the experiment that was to be run.
    pub given: Option<String>,
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 4;
        let absent = |value: &Option<String>| value.clone().unwrap_or("absent".to_owned());
        for (index, difference) in self.0.iter().take(SHOWN).enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let (stored, given) = (absent(&difference.stored), absent(&difference.given));
            write!(
                f,
                "{separator}`{}` is {stored} there and {given} here",
                difference.field
            )?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, ", and {more} more"),
        }
    }
}
