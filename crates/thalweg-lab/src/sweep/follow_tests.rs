//! What is known of a store is kept, and what is new is found, whatever others do to it meanwhile.

use std::fs;

use super::super::tests::{GO, SWEEP, all, store};
use super::super::{Task, Which, ends, run, status};
use super::*;

fn some(store: &Store, numbers: &[usize]) {
    let which = Which::Cells(numbers.to_vec());
    run(store, &which, Task::default(), &(), &GO).unwrap();
}

fn numbers(look: &Look) -> Vec<usize> {
    look.ends.iter().map(|cell| cell.number).collect()
}

/// The second look reads the new cells alone: the files of the first ones may be anything by then.
#[test]
fn only_what_is_new_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), SWEEP).unwrap();
    let mut follower = Follower::open(folder.path()).unwrap();
    assert_eq!(follower.look(usize::MAX).unwrap().status.waiting, 4);
    some(&store, &[0, 2]);
    let look = follower.look(usize::MAX).unwrap();
    assert_eq!((numbers(&look), look.status.finished), (vec![0, 2], 2));
    assert_eq!(follower.done_among(&[0, 1]), (1, 0));
    assert_eq!(follower.done_among(&[2, 0, 4]), (2, 0));
    assert_eq!(look.status, status(&store).unwrap());
    assert_eq!(follower.look(usize::MAX).unwrap().ends, []);
    let files = fs::read_dir(folder.path().join("cells")).unwrap();
    let first: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    let whole: Vec<_> = first.iter().map(|path| fs::read(path).unwrap()).collect();
    // Another process at work, so that the packs are not put together.
    let worker = claims::Worker::join(&store.workers()).unwrap();
    some(&store, &[3]);
    drop(worker);
    for path in &first {
        fs::write(path, "damaged").unwrap();
    }
    let look = follower.look(usize::MAX).unwrap();
    assert_eq!((numbers(&look), look.status.finished), (vec![3], 3));
    assert!(ends(&store).is_err());
    for (path, bytes) in first.iter().zip(whole) {
        fs::write(path, bytes).unwrap();
    }
    // Put together: no cell becomes unfinished, and none is given twice.
    all(&store);
    assert!(!first[0].exists());
    let look = follower.look(usize::MAX).unwrap();
    assert_eq!((numbers(&look), look.status.finished), (vec![1], 4));
    let expected = ends(&store).unwrap();
    assert_eq!(look.ends, expected[1..2]);
    let look = follower.look(usize::MAX).unwrap();
    assert_eq!((look.begins_anew, look.status.finished), (false, 4));
}

/// Cells beyond the number that is asked for are counted and not given; those of a sweep that has changed begin anew.
#[test]
fn a_changed_sweep_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let small = store(folder.path(), SWEEP).unwrap();
    all(&small);
    let mut follower = Follower::open(folder.path()).unwrap();
    let look = follower.look(3).unwrap();
    assert_eq!((numbers(&look), look.status.finished), (vec![0, 1, 2], 4));
    assert!(!look.begins_anew);
    store(folder.path(), &SWEEP.replace("[1, 10]", "[5, 1, 10]")).unwrap();
    let look = follower.look(usize::MAX).unwrap();
    assert!(look.begins_anew);
    assert_eq!((numbers(&look), look.status.waiting), (vec![1, 2, 4, 5], 2));
    assert!(!follower.look(usize::MAX).unwrap().begins_anew);
}

/// One that could not be run is given again once it has.
#[test]
fn a_failure_that_was_tried_again_is_given_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), SWEEP).unwrap();
    let mut follower = Follower::open(folder.path()).unwrap();
    let key = store.keys()[1];
    let failed = CellRecord {
        key,
        outcome: super::super::CellOutcome::Failed("no memory".to_owned()),
        seconds: 0.0,
        rows: 0,
    };
    let none = crate::run::Measurements::default();
    super::super::pack::write(&store.packs(), vec![failed], &none).unwrap();
    let look = follower.look(usize::MAX).unwrap();
    assert_eq!((numbers(&look), look.status.failed.len()), (vec![1], 1));
    assert_eq!(follower.done_among(&[1]), (0, 1));
    let task = Task {
        retry: true,
        ..Task::default()
    };
    run(&store, &Which::Cells(vec![1]), task, &(), &GO).unwrap();
    let look = follower.look(usize::MAX).unwrap();
    assert_eq!((numbers(&look), look.status.failed.len()), (vec![1], 0));
    assert!(!look.ends[0].record.has_failed());
}

/// Whoever removes the files of finished cells, or the whole store, has them run again: they are done no longer.
#[test]
fn what_was_taken_away_is_not_done() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), SWEEP).unwrap();
    some(&store, &[0, 1]);
    let mut follower = Follower::open(folder.path()).unwrap();
    assert_eq!(follower.look(usize::MAX).unwrap().status.finished, 2);
    for file in fs::read_dir(folder.path().join("cells")).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
    some(&store, &[3]);
    // One look cannot know whether they were put together with others.
    follower.look(usize::MAX).unwrap();
    let look = follower.look(usize::MAX).unwrap();
    assert!(look.begins_anew);
    assert_eq!((numbers(&look), look.status.finished), (vec![3], 1));
}
