//! Checkpoints: a run's state in a file that knows whether it is whole.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::state::State;
use super::whole::{files, remove, write_whole};

/// The first bytes of every checkpoint, followed by the version of its layout.
const MAGIC: &[u8; 6] = b"thalwg";
/// That version: 02 since networks keep the eigenvectors that measurements start from.
const LAYOUT: &[u8; 2] = b"02";

/// How many checkpoints are kept: the newest, and one to fall back to.
const KEPT: usize = 2;

/// The state of a run at one step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Checkpoint<S> {
    /// A digest of the experiment it belongs to.
    pub(crate) experiment: u64,
    /// How many parts of measurements were written before it.
    pub(crate) parts: u64,
    /// Every number that a step reads.
    pub(crate) state: S,
}

/// The newest usable checkpoint of a folder, and those newer that are not.
#[derive(Debug)]
pub(crate) struct Latest<S> {
    pub(crate) checkpoint: Option<Checkpoint<S>>,
    pub(crate) damaged: Vec<PathBuf>,
}

/// Writes `checkpoint` into `folder` and removes all but the newest two.
pub(crate) fn write<S: State>(folder: &Path, checkpoint: &Checkpoint<S>) -> Result<(), StoreError> {
    let name = format!("step-{:020}.checkpoint", checkpoint.state.step());
    write_whole(&folder.join(name), |writer| {
        let bytes = encode(checkpoint);
        writer.write_all(&bytes)?;
        writer.write_all(&digest(&bytes).to_le_bytes())
    })?;
    let paths = files(folder)?;
    paths
        .iter()
        .rev()
        .skip(KEPT)
        .try_for_each(|path| remove(path))
}

/// Finds the newest checkpoint in `folder` that is whole and belongs to `experiment`. One that is whole and of
/// another layout is an error: it is no accident to be passed over.
pub(crate) fn latest<S: State>(folder: &Path, experiment: u64) -> Result<Latest<S>, StoreError> {
    let mut damaged = Vec::new();
    for path in files(folder)?.into_iter().rev() {
        let bytes = fs::read(&path).map_err(|source| StoreError::read(&path, source))?;
        if of_another_layout(&bytes) {
            return Err(StoreError::OtherLayout { path });
        }
        match decode(&bytes).filter(|checkpoint| checkpoint.experiment == experiment) {
            Some(checkpoint) => {
                let checkpoint = Some(checkpoint);
                return Ok(Latest {
                    checkpoint,
                    damaged,
                });
            }
            None => damaged.push(path),
        }
    }
    Ok(Latest {
        checkpoint: None,
        damaged,
    })
}

/// FNV-1a, 64 bits: tells accidents, not attacks.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Everything is a little-endian u64.
fn encode<S: State>(checkpoint: &Checkpoint<S>) -> Vec<u8> {
    let mut bytes = [&MAGIC[..], LAYOUT].concat();
    let mut put = |value: u64| bytes.extend_from_slice(&value.to_le_bytes());
    put(checkpoint.experiment);
    put(checkpoint.parts);
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
        parts: take()?,
        state: S::decode(&mut take)?,
    };
    take().is_none().then_some(checkpoint)
}

#[cfg(test)]
mod tests {
    use thalweg::simulate::{Outcome, RunState, Snapshot};

    use super::*;

    fn checkpoint(step: u64) -> Checkpoint<Snapshot> {
        let run = |seed, outcome, velocity| RunState {
            seed,
            outcome,
            weights: vec![1.5f64.to_bits(), f64::INFINITY.to_bits(), step],
            velocity,
        };
        Checkpoint {
            experiment: 7,
            parts: 3,
            state: Snapshot {
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

    #[test]
    fn the_newest_two_are_kept_and_the_newest_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        for step in [9, 10, 100] {
            write(folder.path(), &checkpoint(step)).unwrap();
        }
        assert_eq!(files(folder.path()).unwrap().len(), 2);
        let latest = latest(folder.path(), 7).unwrap();
        assert_eq!(latest.checkpoint, Some(checkpoint(100)));
        assert!(latest.damaged.is_empty());
    }

    /// A checkpoint with any one bit flipped, or cut anywhere, is passed over for the one before.
    #[test]
    fn a_damaged_one_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &checkpoint(1)).unwrap();
        write(folder.path(), &checkpoint(2)).unwrap();
        let whole = fs::read(&files(folder.path()).unwrap()[1]).unwrap();
        for place in 0..whole.len() {
            damage(folder.path(), 2, |bytes| {
                *bytes = whole.clone();
                bytes[place] ^= 1 << (place % 8);
            });
            let found = latest(folder.path(), 7).unwrap();
            assert_eq!(found.checkpoint, Some(checkpoint(1)), "bit in byte {place}");
            assert_eq!(found.damaged.len(), 1);
            damage(folder.path(), 2, |bytes| *bytes = whole[..place].to_vec());
            let found = latest(folder.path(), 7).unwrap();
            assert_eq!(found.checkpoint, Some(checkpoint(1)), "cut at {place}");
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
        let error = latest::<Snapshot>(folder.path(), 7).unwrap_err();
        assert!(matches!(error, StoreError::OtherLayout { .. }), "{error}");
        assert!(error.to_string().contains("finish the run with that build"));
    }

    #[test]
    fn one_of_another_experiment_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &checkpoint(1)).unwrap();
        assert_eq!(
            latest::<Snapshot>(folder.path(), 8).unwrap().checkpoint,
            None
        );
    }
}
