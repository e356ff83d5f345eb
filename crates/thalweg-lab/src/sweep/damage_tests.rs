//! What lies in a store and is damaged or missing: what the messages advise is done here, and works.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::pack::Packs;
use super::tests::{SWEEP, all, done, store};
use super::*;

/// The one file of the packs of `store` that ends so.
fn packed(store: &Store, extension: &str) -> PathBuf {
    let entries = std::fs::read_dir(store.packs()).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    let found = paths.find(|path| path.extension().is_some_and(|found| found == extension));
    found.unwrap()
}

/// A message names one file: without it the pack's cells are missing, are run again, and the table is what it was.
#[test]
fn a_pack_without_one_of_its_files_is_run_again() {
    for extension in ["parquet", "json"] {
        let (_folder, store) = done(SWEEP);
        let expected = ends(&store).unwrap();
        let path = packed(&store, extension);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let error = ends(&store).unwrap_err().to_string();
        let named = format!("{}", path.display());
        assert!(
            error.contains(&named) && error.contains("remove it, and `thalweg sweep run`"),
            "{error}"
        );
        std::fs::remove_file(&path).unwrap();
        let counted = status(&store).unwrap();
        assert_eq!((counted.finished, counted.waiting), (0, 4), "{extension}");
        assert_eq!(missing(&store).unwrap(), [0, 1, 2, 3]);
        assert_eq!(ends(&store).unwrap(), []);
        assert_eq!(all(&store).finished, 4);
        let again = ends(&store).unwrap();
        let rows = |cells: &[CellEnds]| {
            cells
                .iter()
                .flat_map(|c| c.ends.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(rows(&again), rows(&expected));
        // Nothing is left of the half.
        assert_eq!(std::fs::read_dir(store.packs()).unwrap().count(), 2);
    }
}

/// Whoever follows a store loses the cells of a pack whose measurements go.
#[test]
fn measurements_that_go_meanwhile_take_their_cells_along() {
    let (_folder, store) = done(SWEEP);
    let mut packs = Packs::read(&store.packs()).unwrap();
    assert_eq!(packs.count(), 4);
    std::fs::remove_file(packed(&store, "parquet")).unwrap();
    // One look may come between a pack and the one into which it was put.
    packs.refresh(&store.packs()).unwrap();
    assert_eq!(packs.count(), 4);
    packs.refresh(&store.packs()).unwrap();
    assert_eq!(packs.count(), 0);
}

/// The file of a sweep that is damaged or gone is written anew by giving the sweep again, and its cells stay done.
#[test]
fn a_damaged_or_missing_plan_is_written_anew_beside_its_own_cells_alone() {
    let (_folder, old) = done(SWEEP);
    let expected = ends(&old).unwrap();
    let plan = old.path().join("plan.toml");
    let whole = std::fs::read_to_string(&plan).unwrap();
    let damages: [&dyn Fn(); 3] = [
        &|| std::fs::write(&plan, whole.replace("steps = 50", "steps = 51")).unwrap(),
        &|| std::fs::write(&plan, &whole[..whole.len() / 2]).unwrap(),
        &|| std::fs::remove_file(&plan).unwrap(),
    ];
    let other = SWEEP.replace("steps = 50", "steps = 60");
    for damage in damages {
        damage();
        let error = Store::open(old.path()).unwrap_err().to_string();
        assert!(
            error.contains("thalweg sweep") && error.contains("--out"),
            "{error}"
        );
        let refused = store(old.path(), &other).unwrap_err();
        assert!(
            matches!(refused, SweepError::OtherCells { .. }),
            "{refused}"
        );
        store(old.path(), SWEEP).unwrap();
        let opened = Store::open(old.path()).unwrap();
        assert_eq!(ends(&opened).unwrap(), expected);
        assert_eq!(all(&opened), Done::default());
    }
    // In a directory that never was a store it is another's.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("plan.toml"), "my = 'plan'").unwrap();
    assert!(store(folder.path(), SWEEP).is_err());
    let kept = std::fs::read_to_string(folder.path().join("plan.toml")).unwrap();
    assert_eq!(kept, "my = 'plan'");
}

/// A cell that was stopped and goes on is recorded with the time of all its parts.
#[test]
fn a_resumed_cell_has_the_time_of_all_its_parts() {
    let text = SWEEP.replace("steps = 50", "steps = 20_000");
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), &text).unwrap();
    let task = Task {
        save_every: Duration::ZERO,
        ..Task::default()
    };
    let running = folder.path().join("running");
    let stop = AtomicBool::new(false);
    let cell = Which::Cells(vec![0]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // A state is there as soon as the time beside it is.
            let saved = || {
                let cells = std::fs::read_dir(&running).unwrap();
                let mut cells = cells.flatten().map(|entry| entry.path());
                cells.any(|path| path.join("seconds.txt").exists())
            };
            while !saved() {
                std::thread::yield_now();
            }
            stop.store(true, Ordering::Relaxed);
        });
        let first = run(&store, &cell, task, &(), &stop).unwrap();
        assert!(first.stopped);
    });
    let directory = std::fs::read_dir(&running).unwrap().next().unwrap();
    let path = directory.unwrap().path().join("seconds.txt");
    let before: f64 = std::fs::read_to_string(&path)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(before > 0.0);
    // As if the first part had taken an hour.
    std::fs::write(&path, "3600").unwrap();
    let go = AtomicBool::new(false);
    assert_eq!(run(&store, &cell, task, &(), &go).unwrap().finished, 1);
    let seconds = status(&store).unwrap().seconds;
    assert!((3600.0..3660.0).contains(&seconds), "{seconds}");
    assert_eq!(std::fs::read_dir(&running).unwrap().count(), 0);
}
