//! Every single file operation of every command fails once, and is once the last before a kill: nothing that was
//! finished is lost, no half file is seen, and the same command ends in the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::harness::{run, thalweg};

/// The smallest training.
const TRAINING: &str = r#"
learning_rate = 0.05
batch = 5
steps = 10
seeds = 2
loss = "squared-error"
network = { kind = "mlp", inputs = 2, hidden = [2], outputs = 2 }
measure = { count = 2, samples = 8 }
[data]
kind = "teacher"
teacher = { hidden = [3] }
noise_standard_deviations = [1, 0.1]
"#;

/// A library that is loaded before the system's own and makes its calls fail, built once.
fn shim() -> &'static Path {
    static SHIM: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let build = || {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("fault.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/fault.c");
        let mut compiler = Command::new("cc");
        compiler
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&library);
        assert!(compiler.arg(source).status().unwrap().success());
        (folder, library)
    };
    &SHIM.get_or_init(build).1
}

fn with_fault(fault: &str, count: &Path, arguments: &[&str]) -> Output {
    let mut command = thalweg(arguments);
    command.env("LD_PRELOAD", shim()).env("FAULT", fault);
    command.env("FAULT_COUNT", count).output().unwrap()
}

/// The files below `directory` that a finished command leaves, but checkpoints: these also count what was saved
/// before them.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut contents = BTreeMap::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_none_or(|end| end != "checkpoint") {
                let name = path.strip_prefix(directory).unwrap().to_owned();
                contents.insert(name, fs::read(path).unwrap());
            }
        }
    }
    contents
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for (name, bytes) in contents(from) {
        let path = to.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// A command that works in a directory, which is `before` at first. The last argument is the directory.
struct Scenario<'a> {
    arguments: &'a [&'a str],
    before: Option<&'a Path>,
    /// What differs from one call to the next: times.
    volatile: fn(&mut BTreeMap<PathBuf, Vec<u8>>),
    /// Every how many operations.
    stride: usize,
    /// What makes the files that are compared of those that the command leaves.
    then: &'a [&'a str],
}

impl Scenario<'_> {
    fn place(&self, folder: &TempDir) -> PathBuf {
        // Always of the same name: pages show it.
        let place = folder.path().join("place");
        if place.exists() {
            fs::remove_dir_all(&place).unwrap();
        }
        if let Some(before) = self.before {
            copy(before, &place);
        }
        place
    }

    fn left(&self, place: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        if !self.then.is_empty() {
            let made = run(&[self.then, &[place.to_str().unwrap()]].concat());
            assert_eq!(made.status, Some(0), "{}", made.stderr);
        }
        let mut left = contents(place);
        (self.volatile)(&mut left);
        left
    }

    fn check(&self) {
        let folder = TempDir::new_in("/dev/shm").unwrap();
        let count = folder.path().join("count");
        let place = self.place(&folder);
        let arguments = [self.arguments, &[place.to_str().unwrap()]].concat();
        let straight = with_fault("count", &count, &arguments);
        assert!(straight.status.success(), "{straight:?}");
        let operations: usize = fs::read_to_string(&count).unwrap().parse().unwrap();
        assert!(operations >= 5, "{operations} operations");
        let expected = self.left(&place);
        for at in (1..=operations).step_by(self.stride) {
            for kind in ["fail", "kill"] {
                let fault = format!("{kind}:{at}");
                self.place(&folder);
                let broken = with_fault(&fault, &count, &arguments);
                let words = String::from_utf8(broken.stderr).unwrap();
                match broken.status.code() {
                    None => assert_eq!(kind, "kill", "{fault}: {words}"),
                    // Not all that fails matters: an unfinished file that stays is removed by the next.
                    Some(0) => assert_eq!(self.left(&place), expected, "{fault}"),
                    Some(1) => assert!(words.contains("cannot write"), "{fault}: {words}"),
                    other => panic!("{fault}: {other:?}, {words}"),
                }
                let again = run(&arguments);
                assert_eq!(again.status, Some(0), "{fault}: {}", again.stderr);
                let left = self.left(&place);
                assert!(
                    left.keys().eq(expected.keys()),
                    "{fault}: {:?}",
                    left.keys()
                );
                for (name, bytes) in &left {
                    assert!(*bytes == expected[name], "{fault}: {}", name.display());
                }
            }
        }
    }
}

const NOTHING: fn(&mut BTreeMap<PathBuf, Vec<u8>>) = |_| {};

#[test]
fn of_a_simulation_and_its_report() {
    let simulate = "simulate --depth 2 --noise 1,0.1 --learning-rate 0.01 --batch 10 --steps 200 --seeds 2 --out";
    let arguments: Vec<&str> = simulate.split(' ').collect();
    Scenario {
        arguments: &arguments,
        before: None,
        volatile: NOTHING,
        stride: 1,
        then: &[],
    }
    .check();
    let folder = tempfile::tempdir().unwrap();
    let finished = folder.path().join("run");
    let made = run(&[&arguments[..], &[finished.to_str().unwrap()]].concat());
    assert_eq!(made.status, Some(0), "{}", made.stderr);
    Scenario {
        arguments: &["report"],
        before: Some(&finished),
        volatile: NOTHING,
        stride: 1,
        then: &[],
    }
    .check();
}

#[test]
fn of_a_training_and_its_measurement() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("experiment.toml");
    fs::write(&file, TRAINING).unwrap();
    let arguments = ["train", file.to_str().unwrap(), "--out"];
    Scenario {
        arguments: &arguments,
        before: None,
        volatile: NOTHING,
        stride: 1,
        then: &[],
    }
    .check();
    let finished = folder.path().join("run");
    let made = run(&[&arguments[..], &[finished.to_str().unwrap()]].concat());
    assert_eq!(made.status, Some(0), "{}", made.stderr);
    Scenario {
        arguments: &["measure", "--top", "1", "--trace-products", "4"],
        before: Some(&finished),
        volatile: NOTHING,
        stride: 1,
        then: &[],
    }
    .check();
}

/// Its cells' times differ from call to call, and its table does not.
#[test]
fn of_a_sweep() {
    let (_folder, file) = crate::harness::file("sweep.toml", crate::sweep::SWEEP.as_bytes());
    Scenario {
        arguments: &["sweep", "run", file.to_str().unwrap(), "--out"],
        before: None,
        volatile: |files| {
            files.retain(|name, _| {
                // Who was killed is known to be dead, and is removed by the next who works.
                !name.starts_with("cells") && !name.starts_with("workers")
            });
        },
        stride: 1,
        then: &["sweep", "table"],
    }
    .check();
}

/// Beside another figure, which stays.
#[test]
fn of_a_reproduction() {
    let folder = tempfile::tempdir().unwrap();
    let earlier = folder.path().join("earlier");
    let earlier_path = earlier.to_str().unwrap();
    let made = run(&["reproduce", "corrections", "--quick", "--out", earlier_path]);
    assert_eq!(made.status, Some(0), "{}", made.stderr);
    Scenario {
        arguments: &["reproduce", "cor1", "--quick", "--out"],
        before: Some(&earlier),
        // Seconds that it took stand in both, and with them another digest.
        volatile: |files| {
            files.retain(|name, _| {
                !name.ends_with("results.json") && !name.ends_with("report.html")
            });
        },
        stride: 3,
        then: &[],
    }
    .check();
}
