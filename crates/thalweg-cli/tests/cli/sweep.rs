//! `thalweg sweep` through its life: planned, run, killed, stopped, shared by two, shown.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::{begun, collected, file, run, run_with_input, send, thalweg};

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
        .replace("steps = 50", "steps = 100_000")
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
            &["sweep", "run", "missing.toml"],
            "missing.toml: cannot be read: No such file",
        ),
        (
            &["sweep", "run", path, "--listed", "list.txt"],
            "--cell <I>",
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

/// A named pipe that nobody writes is refused, and waits for nobody; what a shell pipes in is read.
#[cfg(unix)]
#[test]
fn a_named_pipe_is_no_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let mut child = thalweg(&["sweep", "plan", pipe.to_str().unwrap()])
        .spawn()
        .unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() {
        if std::time::Instant::now() > deadline {
            child.kill().unwrap();
            panic!("it waits for the pipe");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let refused = collected(child);
    assert_eq!(refused.status, Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("is a named pipe"),
        "{}",
        refused.stderr
    );
    let piped = run_with_input(&["sweep", "plan", "/dev/stdin", "--json"], SWEEP.as_bytes());
    assert_eq!(piped.json()["estimate"]["cells"], 4);
}

/// Before the first cell the time left is the plan's estimate, and says so.
#[test]
fn the_time_left_is_there_from_the_start() {
    let (folder, path) = file("sweep.toml", SWEEP.as_bytes());
    let place = folder.path().join("store");
    let place = place.to_str().unwrap();
    let planned = run(&["sweep", "plan", path.to_str().unwrap(), "--out", place]);
    assert_eq!(planned.status, Some(0), "{}", planned.stderr);
    let before = run(&["sweep", "status", place]).stdout;
    let words = before.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("Time left: "), "{before}");
    assert!(
        words.contains("by the plan's estimate, since no cell is finished yet"),
        "{before}"
    );
    run(&["sweep", "run", place, "--cell", "0"]);
    let after = run(&["sweep", "status", place]).stdout;
    assert!(
        after.contains("Time left: ") && !after.contains("estimate"),
        "{after}"
    );
}

/// What is shown or written needs two axes, and a folder that is there.
#[test]
fn a_page_needs_two_axes_and_a_table_its_folder() {
    let (folder, place) = with_one_cell("0");
    let place = place.to_str().unwrap();
    let one = run(&["sweep", "report", place, "--x", "depth", "--y", "depth"]);
    assert_eq!(one.status, Some(2), "{}", one.stderr);
    assert!(one.stderr.contains("are the same axis"), "{}", one.stderr);
    let nowhere = folder.path().join("nowhere");
    let file = nowhere.join("ends.parquet");
    let table = run(&["sweep", "table", place, "--out", file.to_str().unwrap()]);
    assert_eq!(table.status, Some(1), "{}", table.stderr);
    assert!(table.stderr.contains("cannot write"), "{}", table.stderr);
    assert!(!nowhere.exists());
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

/// How many kills must hit: some in each run of the tests, and as many as asked for by hand.
fn kills() -> usize {
    let given = std::env::var("THALWEG_KILLS").ok();
    given.map_or(7, |given| given.parse().unwrap())
}

/// Moments up to a fifth of a second, always the same ones (Knuth's linear congruential generator).
struct Moments(u64);

impl Moments {
    fn next(&mut self) -> Duration {
        let next = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = next.wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis((self.0 >> 33) % 200)
    }
}

/// Two processes on one store, both killed at random moments, again and again until it is finished, and then another store. A kill
/// counts if cells were left to do.
#[test]
fn kills_lose_nothing() {
    let text = longer();
    let expected = straight(&text);
    let mut moments = Moments(1);
    let mut hit = 0;
    while hit < kills() {
        let (folder, path) = file("sweep.toml", text.as_bytes());
        let place = folder.path().join("store");
        let name = place.to_str().unwrap();
        let arguments = ["sweep", "run", path.to_str().unwrap(), "--out", name];
        let mut left = true;
        while left && hit < kills() {
            let beside = thalweg(&arguments).spawn().unwrap();
            let mut child = begun(&arguments, &place.join("plan.toml"));
            std::thread::sleep(moments.next());
            child.kill().unwrap();
            collected(child);
            send("-KILL", &beside);
            collected(beside);
            let status = run(&["sweep", "status", name, "--json"]).json();
            assert_eq!(
                (&status["cells"], &status["workers"]),
                (&60.into(), &0.into())
            );
            left = status["finished"] != 60;
            hit += usize::from(left);
        }
        let rest = run(&arguments);
        assert_eq!(rest.status, Some(0), "{}", rest.stderr);
        assert_eq!(tables(name), expected);
    }
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
pub fn with_one_cell(cell: &str) -> (TempDir, PathBuf) {
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

/// What `--dry-run` prints can be pasted, names what is not written, and writes nothing.
#[cfg(unix)]
#[test]
fn a_dry_run_is_quoted_and_writes_nothing() {
    let (_folder, place) = with_one_cell("0");
    let name = place.to_str().unwrap();
    let submit = ["sweep", "submit", name, "--slurm", "--per-task", "1"];
    let printed = run(&[&submit[..], &["--dry-run", "--", "--comment=two words"]].concat());
    assert_eq!(printed.status, Some(0), "{}", printed.stderr);
    assert!(printed.stdout.starts_with("# Nothing is submitted"));
    assert!(printed.stdout.contains(" '--comment=two words' "));
    assert!(!place.join("slurm").exists());
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
    let page = folder.path().join("page.html");
    let report = run(&["sweep", "report", name, "--out", page.to_str().unwrap()]);
    assert_eq!(report.status, Some(0), "{}", report.stderr);
    assert!(page.is_file());
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
