//! `thalweg sweep` through its life: planned, run, killed, stopped, shared by two, shown.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::{begun, collected, file, run, send, thalweg};

/// Four cells of two seeds.
pub const SWEEP: &str = r#"
seeds = 2
[base]
learning_rate = 0.01
batch = 10
steps = 50
depth = 2
noise_standard_deviations = [1, 0.5]
input_covariance = [[1, 0], [0, 1]]
teacher = [[1, 0], [0, 1]]
[[axes]]
path = "depth"
values = [2, 3]
[[axes]]
path = "batch"
values = [1, 10]
"#;

/// Sixty cells of some 20 ms each.
fn longer() -> String {
    SWEEP
        .replace("steps = 50", "steps = 20_000")
        .replace("values = [1, 10]", "from = 1\nto = 30\ncount = 30")
}

/// The bytes of both tables of the store `place`.
fn tables(place: &str) -> [Vec<u8>; 2] {
    [
        &["sweep", "table", place][..],
        &["sweep", "table", place, "--curves"],
    ]
    .map(|arguments| {
        let made = run(arguments);
        assert_eq!(made.status, Some(0), "{}", made.stderr);
        std::fs::read(made.stdout.trim()).unwrap()
    })
}

/// A finished store of `text` in a folder of its own, and its tables.
fn straight(text: &str) -> [Vec<u8>; 2] {
    let (folder, path) = file("sweep.toml", text.as_bytes());
    let place = folder.path().join("store");
    let place = place.to_str().unwrap();
    let made = run(&["sweep", "run", path.to_str().unwrap(), "--out", place]);
    assert_eq!(made.status, Some(0), "{}", made.stderr);
    tables(place)
}

#[test]
fn a_plan_a_run_and_how_far_it_has_come() {
    let (folder, path) = file("sweep.toml", SWEEP.as_bytes());
    let (path, place) = (path.to_str().unwrap(), folder.path().join("store"));
    let place = place.to_str().unwrap();
    let plan = run(&["sweep", "plan", path, "--out", place, "--json"]).json();
    assert_eq!(
        plan["points"][2],
        serde_json::json!({ "depth": 3, "batch": 1 })
    );
    assert_eq!(plan["estimate"]["cells"], 4);
    let waiting = run(&["sweep", "status", place, "--json"]).json();
    assert_eq!(
        (&waiting["waiting"], &waiting["finished"]),
        (&4.into(), &0.into())
    );
    let one = run(&["sweep", "run", place, "--cell", "1,3", "--json"]).json();
    assert_eq!((&one["waiting"], &one["finished"]), (&2.into(), &2.into()));
    let all = run(&["sweep", "run", place]);
    assert!(all.stdout.contains("finished  4"), "{}", all.stdout);
    assert_eq!(tables(place), straight(SWEEP));
    // A cell's specification is a file for `simulate`.
    let cell = run(&["sweep", "plan", place, "--cell", "3"]);
    let (other, cell) = file("cell.toml", cell.stdout.as_bytes());
    let out = other.path().join("run");
    let alone = run(&[
        "simulate",
        cell.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
        "--json",
    ]);
    assert_eq!(alone.json()["seeds"], 2);
}

#[test]
fn mistakes_are_wrong_input() {
    let (folder, path) = file("sweep.toml", SWEEP.replace("[1, 10]", "[1, 0]").as_bytes());
    let (path, place) = (path.to_str().unwrap(), folder.path().join("store"));
    let place = place.to_str().unwrap();
    for (arguments, words) in [
        (
            &["sweep", "run", path, "--out", place][..],
            "line 16: values = [1, 0]",
        ),
        (
            &["sweep", "run", path],
            "--out, the directory for its cells, is missing",
        ),
        (
            &["sweep", "status", folder.path().to_str().unwrap()],
            "holds no sweep",
        ),
        (
            &["sweep", "plan", path, "--cell", "9"],
            "there is no cell 9",
        ),
        (
            &["sweep", "run", path, "--cell", "x"],
            "no number of a cell",
        ),
    ] {
        let refused = run(arguments);
        assert_eq!(refused.status, Some(2), "{}", refused.stderr);
        assert!(
            refused.stderr.contains(words),
            "{words}: {}",
            refused.stderr
        );
        assert!(!Path::new(place).exists());
    }
}

/// A cell that cannot be run is a failure of the work, after all others are finished.
#[test]
fn failed_cells_are_told_and_leave_the_others_alone() {
    let text = SWEEP.replace(
        "depth = 2\n",
        "depth = 2\ndata = { source = { kind = \"finite\", samples = 5 } }\n",
    );
    let (folder, path) = file("sweep.toml", text.as_bytes());
    let place = folder.path().join("store");
    let made = run(&[
        "sweep",
        "run",
        path.to_str().unwrap(),
        "--out",
        place.to_str().unwrap(),
    ]);
    assert_eq!(made.status, Some(1), "{}", made.stderr);
    assert!(
        made.stderr.contains("2 of 4 cells could not be run"),
        "{}",
        made.stderr
    );
    assert!(
        made.stdout.contains("Cell 1 (depth = 2, batch = 10)"),
        "{}",
        made.stdout
    );
    tables(place.to_str().unwrap());
}

/// Killed again and again at moments that differ, one of them while another process works on the same store.
#[test]
fn kills_lose_nothing() {
    let text = longer();
    let expected = straight(&text);
    let (folder, path) = file("sweep.toml", text.as_bytes());
    let place = folder.path().join("store");
    let arguments = [
        "sweep",
        "run",
        path.to_str().unwrap(),
        "--out",
        place.to_str().unwrap(),
    ];
    for pause in [0, 10, 60, 250, 350, 450, 600] {
        let beside = thalweg(&arguments).spawn().unwrap();
        let mut child = begun(&arguments, &place.join("plan.toml"));
        std::thread::sleep(Duration::from_millis(pause));
        child.kill().unwrap();
        collected(child);
        send("-KILL", &beside);
        collected(beside);
        let status = run(&["sweep", "status", place.to_str().unwrap(), "--json"]).json();
        assert_eq!(
            (&status["cells"], &status["workers"]),
            (&60.into(), &0.into())
        );
    }
    let rest = run(&arguments);
    assert_eq!(rest.status, Some(0), "{}", rest.stderr);
    assert_eq!(tables(place.to_str().unwrap()), expected);
}

/// A cell that takes long goes on from where it was saved; a signal stops within moments.
#[test]
fn a_signal_keeps_what_was_finished() {
    let text = longer();
    let (folder, path) = file("sweep.toml", text.as_bytes());
    let place = folder.path().join("store");
    let arguments = [
        "sweep",
        "run",
        path.to_str().unwrap(),
        "--out",
        place.to_str().unwrap(),
    ];
    let child = begun(&arguments, &place.join("plan.toml"));
    std::thread::sleep(Duration::from_millis(200));
    send("-TERM", &child);
    let stopped = collected(child);
    if stopped.status != Some(0) {
        assert_eq!(stopped.status, Some(130), "{}", stopped.stderr);
        assert!(
            stopped.stderr.contains("the same command goes on"),
            "{}",
            stopped.stderr
        );
    }
    assert_eq!(run(&arguments).status, Some(0));
    assert_eq!(tables(place.to_str().unwrap()), straight(&text));
}

/// The store of a sweep of which this one cell is done.
fn with_one_cell(cell: &str) -> (TempDir, PathBuf) {
    let (folder, path) = file("sweep.toml", SWEEP.as_bytes());
    let place = folder.path().join("store");
    let made = run(&[
        "sweep",
        "run",
        path.to_str().unwrap(),
        "--out",
        place.to_str().unwrap(),
        "--cell",
        cell,
    ]);
    assert_eq!(made.status, Some(0), "{}", made.stderr);
    (folder, place)
}

/// Whoever may only read sees how far it has come, and is told why nothing can be run.
#[cfg(unix)]
#[test]
fn a_store_that_cannot_be_written_can_be_read() {
    use std::os::unix::fs::PermissionsExt;

    let (folder, place) = with_one_cell("0");
    let name = place.to_str().unwrap();
    let allow = |mode| {
        for folder in ["", "cells", "running", "workers"] {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(place.join(folder), permissions).unwrap();
        }
        let permissions = std::fs::Permissions::from_mode(mode & 0o666);
        std::fs::set_permissions(place.join(".lock"), permissions).unwrap();
    };
    allow(0o555);
    // Who may do everything is kept from nothing.
    let may_write = std::fs::write(place.join("probe"), "").is_ok();
    let status = run(&["sweep", "status", name, "--json"]).json();
    assert_eq!(
        (&status["finished"], &status["waiting"]),
        (&1.into(), &3.into())
    );
    let out = folder.path().join("ends.parquet");
    let table = run(&["sweep", "table", name, "--out", out.to_str().unwrap()]);
    assert_eq!(table.status, Some(0), "{}", table.stderr);
    if !may_write {
        let refused = run(&["sweep", "run", name]);
        assert_eq!(refused.status, Some(1), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("cannot write"),
            "{}",
            refused.stderr
        );
    }
    allow(0o755);
}

/// What would be given to Slurm: what is missing, several to a task, with the user's own options.
#[test]
fn what_is_missing_is_handed_to_slurm() {
    let (_folder, place) = with_one_cell("1");
    let name = place.to_str().unwrap();
    let submit = [
        "sweep",
        "submit",
        name,
        "--slurm",
        "--dry-run",
        "--at-once",
        "3",
    ];
    let one = run(&[&submit[..], &["--per-task", "1", "--", "--time=5"]].concat());
    let expected = format!(
        "sbatch --parsable --array=0,2-3%3 --requeue --open-mode=append --signal=B:TERM@60 --output={name}/slurm/logs/%A_%a.log --job-name=thalweg --time=5 {name}/slurm/job.sh "
    );
    assert!(one.stdout.starts_with(&expected), "{}", one.stdout);
    assert!(
        one.stdout.ends_with(&format!(" {name} 1 0 4\n")),
        "{}",
        one.stdout
    );
    let two = run(&[&submit[..], &["--per-task", "2"]].concat());
    assert!(two.stdout.contains("--array=0-1%3 "), "{}", two.stdout);
    // Short cells share a task.
    let all = run(&submit);
    assert!(all.stdout.contains("--array=0-1%3 "), "{}", all.stdout);
    assert!(!place.join("slurm").exists());
}
