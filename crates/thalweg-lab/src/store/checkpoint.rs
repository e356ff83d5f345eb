//! Checkpoints: a run's state in a file that knows whether it is whole.

use std::path::{Path, PathBuf};

use super::digest::digest;
use super::error::StoreError;
use super::plain::read_plain;
use super::state::{State, put_list, take_list};
use super::whole::{files_with, remove, write_whole};

/// The first bytes of every checkpoint, followed by the version of its layout.
const MAGIC: &[u8; 6] = b"thalwg";
/// That version: 03 since the digests of the parts stand in it, and the experiment's leaves out its number of steps.
const LAYOUT: &[u8; 2] = b"03";

/// How the names of checkpoints end.
const EXTENSION: &str = "checkpoint";

/// How many checkpoints are kept: the newest, and one to fall back to.
const KEPT: usize = 2;

/// The state of a run at one step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Checkpoint<S> {
    /// A digest of the experiment it belongs to, whatever its number of steps.
    pub(crate) experiment: u64,
    /// The digests of the parts of measurements that were written before it, in their order.
    pub(crate) parts: Vec<u64>,
    /// Every number that a step reads.
    pub(crate) state: S,
}

/// A checkpoint as it lies in a folder.
#[derive(Debug)]
pub(crate) struct Stored<S> {
    pub(crate) path: PathBuf,
    /// Nothing if it is damaged, or of another experiment.
    pub(crate) checkpoint: Option<Checkpoint<S>>,
}

/// Writes `checkpoint` into `folder` and removes all but the newest two.
pub(crate) fn write<S: State>(folder: &Path, checkpoint: &Checkpoint<S>) -> Result<(), StoreError> {
    let name = format!("step-{:020}.{EXTENSION}", checkpoint.state.step());
    let mut bytes = encode(checkpoint);
    bytes.extend(digest(&bytes).to_le_bytes());
    write_whole(&folder.join(name), &bytes)?;
    let paths = files_with(folder, EXTENSION)?;
    paths
        .iter()
        .rev()
        .skip(KEPT)
        .try_for_each(|path| remove(path))
}

/// The checkpoints in `folder`, the newest first; those usable are whole and belong to `experiment`. One that
/// is whole and of another layout is an error: it is no accident to be passed over.
pub(crate) fn stored<S: State>(
    folder: &Path,
    experiment: u64,
) -> Result<Vec<Stored<S>>, StoreError> {
    let read = |path: PathBuf| {
        let bytes = read_plain(&path)?;
        if of_another_layout(&bytes) {
            return Err(StoreError::OtherLayout { path });
        }
        let checkpoint = decode(&bytes).filter(|found| found.experiment == experiment);
        Ok(Stored { path, checkpoint })
    };
    let paths = files_with(folder, EXTENSION)?;
    paths.into_iter().rev().map(read).collect()
}

/// Everything is a little-endian u64.
fn encode<S: State>(checkpoint: &Checkpoint<S>) -> Vec<u8> {
    let mut bytes = [&MAGIC[..], LAYOUT].concat();
    let mut put = |value: u64| bytes.extend_from_slice(&value.to_le_bytes());
    put(checkpoint.experiment);
    put_list(&checkpoint.parts, &mut put);
    checkpoint.state.encode(&mut put);
    bytes
}

/// What is between the first bytes and the digest of a whole checkpoint of any layout.
fn content(bytes: &[u8]) -> Option<&[u8]> {
    let (content, sum) = bytes.split_last_chunk::<8>()?;
    let whole = digest(content) == u64::from_le_bytes(*sum);
    content.strip_prefix(MAGIC).filter(|_| whole)
}

fn of_another_layout(bytes: &[u8]) -> bool {
    content(bytes).is_some_and(|content| !content.starts_with(LAYOUT))
}

/// The checkpoint in `bytes`, or nothing if they are not one of this layout, whole.
fn decode<S: State>(bytes: &[u8]) -> Option<Checkpoint<S>> {
    let mut words = content(bytes)?
        .strip_prefix(LAYOUT)?
        .chunks(8)
        .map(|chunk| chunk.try_into().ok().map(u64::from_le_bytes));
    let mut take = || words.next().flatten();
    let checkpoint = Checkpoint {
        experiment: take()?,
        parts: take_list(&mut take)?,
        state: S::decode(&mut take)?,
    };
    take().is_none().then_some(checkpoint)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use thalweg::simulate::{EnsembleSnapshot, Outcome, RunState};

    use super::*;

    fn checkpoint(step: u64) -> Checkpoint<EnsembleSnapshot> {
        let run = |seed, outcome, velocity| RunState {
            seed,
            outcome,
            weights: vec![1.5f64.to_bits(), f64::INFINITY.to_bits(), step],
            velocity,
        };
        Checkpoint {
            experiment: 7,
            parts: vec![7, u64::MAX, 0],
            state: EnsembleSnapshot {
                step,
                runs: vec![
                    run(0, Outcome::Running, vec![1, 2, 3]),
                    run(u64::MAX, Outcome::Diverged { step: 5 }, vec![]),
                ],
            },
        }
    }

    fn damage(folder: &Path, step: u64, change: impl Fn(&mut Vec<u8>)) {
        let path = folder.join(format!("step-{step:020}.checkpoint"));
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
    }

    fn usable(folder: &Path, experiment: u64) -> Vec<Option<Checkpoint<EnsembleSnapshot>>> {
        let stored = stored(folder, experiment).unwrap().into_iter();
        stored.map(|one| one.checkpoint).collect()
    }

    #[test]
    fn the_newest_two_are_kept_and_nothing_else_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("notes"), "mine").unwrap();
        for step in [9, 10, 100] {
            write(folder.path(), &checkpoint(step)).unwrap();
        }
        let expected = [100, 10].map(|step| Some(checkpoint(step)));
        assert_eq!(usable(folder.path(), 7), expected);
        assert!(folder.path().join("notes").exists());
    }

    /// A checkpoint with any one bit flipped, or cut anywhere, is passed over for the one before.
    #[test]
    fn a_damaged_one_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &checkpoint(1)).unwrap();
        write(folder.path(), &checkpoint(2)).unwrap();
        let newest = &stored::<EnsembleSnapshot>(folder.path(), 7).unwrap()[0].path;
        let whole = fs::read(newest).unwrap();
        let expected = [None, Some(checkpoint(1))];
        for place in 0..whole.len() {
            damage(folder.path(), 2, |bytes| {
                *bytes = whole.clone();
                bytes[place] ^= 1 << (place % 8);
            });
            assert_eq!(usable(folder.path(), 7), expected, "bit in byte {place}");
            damage(folder.path(), 2, |bytes| *bytes = whole[..place].to_vec());
            assert_eq!(usable(folder.path(), 7), expected, "cut at {place}");
        }
    }

    /// As an earlier build wrote it: whole, and not to be taken for damaged or misread.
    #[test]
    fn one_of_another_layout_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &checkpoint(1)).unwrap();
        damage(folder.path(), 1, |bytes| {
            let end = bytes.len() - 8;
            bytes[6..8].copy_from_slice(b"01");
            let sum = digest(&bytes[..end]);
            bytes[end..].copy_from_slice(&sum.to_le_bytes());
        });
        let error = stored::<EnsembleSnapshot>(folder.path(), 7).unwrap_err();
        assert!(matches!(error, StoreError::OtherLayout { .. }), "{error}");
        assert!(error.to_string().contains("finish the run with that build"));
    }

    #[test]
    fn one_of_another_experiment_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &checkpoint(1)).unwrap();
        assert_eq!(usable(folder.path(), 8), [None]);
    }
}
