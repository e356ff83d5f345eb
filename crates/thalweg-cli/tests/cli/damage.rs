//! Damaged, missing and exchanged files of directories: one exit status and one sentence, whichever command believes them.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use thalweg_lab::spec::Experiment;
use thalweg_lab::store::load;

use crate::harness::{Run, file, fnv, resealed, run};
use crate::train::SMALL;

/// A directory of each kind in one folder, and the commands that read or go on with it.
struct Places {
    folder: TempDir,
    specification: String,
}

impl Places {
    fn made() -> Self {
        let (folder, path) = file("experiment.toml", SMALL.as_bytes());
        let specification = path.to_str().unwrap().to_owned();
        let places = Self {
            folder,
            specification,
        };
        for (directory, command) in [
            ("simulated", "simulate"),
            ("trained", "train"),
            ("trained", "measure"),
            ("reproduced", "reproduce"),
        ] {
            let made = places.run(command, directory);
            assert_eq!(made.status, Some(0), "{command}: {}", made.stderr);
        }
        places
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, command: &str, directory: &str) -> Run {
        let at = self.path(directory).to_str().unwrap().to_owned();
        match command {
            "simulate" => run(&[
                "simulate",
                "--depth",
                "2",
                "--noise",
                "1,0.1",
                "--learning-rate",
                "0.01",
                "--batch",
                "10",
                "--steps",
                "200",
                "--seeds",
                "2",
                "--out",
                &at,
            ]),
            "train" => run(&["train", &self.specification, "--steps", "20", "--out", &at]),
            "reproduce" => run(&["reproduce", "cor1", "--quick", "--out", &at]),
            "measure" => run(&["measure", &at, "--top", "1"]),
            _ => run(&[command, &at]),
        }
    }

    /// What `command` says after `damage` of the file `name`, which is put back afterwards.
    fn damaged(&self, command: &str, name: &str, damage: impl Fn(&Path)) -> Run {
        let (directory, _) = name.split_once('/').unwrap();
        let path = self.path(name);
        let whole = fs::read(&path).unwrap();
        damage(&path);
        let said = self.run(command, directory);
        let _ = fs::remove_file(&path);
        fs::write(path, whole).unwrap();
        said
    }
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Nothing on standard output, status 2, and one sentence that names the file.
fn refused(said: &Run, name: &str, what: &str) {
    assert_eq!(
        (said.status, said.stdout.as_str()),
        (Some(2), ""),
        "{what}: {}",
        said.stderr
    );
    let lines = said.stderr.lines().filter(|line| !line.trim().is_empty());
    assert_eq!(lines.count(), 1, "{what}: {}", said.stderr);
    assert!(said.stderr.contains(name), "{what}: {}", said.stderr);
}

#[test]
fn every_command_ends_alike_where_a_file_is_damaged_missing_or_a_link() {
    let places = Places::made();
    let believed = [
        ("simulate", "simulated/specification.toml"),
        ("simulate", "simulated/outcomes.toml"),
        ("simulate", "simulated/measurements.parquet"),
        ("report", "simulated/specification.toml"),
        ("report", "simulated/outcomes.toml"),
        ("report", "simulated/measurements.parquet"),
        ("train", "trained/specification.toml"),
        ("train", "trained/outcomes.toml"),
        ("train", "trained/measurements.parquet"),
        ("train", "trained/networks/seed-0.safetensors"),
        ("measure", "trained/specification.toml"),
        ("measure", "trained/networks/seed-1.safetensors"),
        ("report", "trained/measurements.parquet"),
        ("report", "trained/measured/seed-0.json"),
        ("report", "reproduced/results.json"),
        ("report", "reproduced/cor1.svg"),
        ("reproduce", "reproduced/results.json"),
    ];
    let elsewhere = places.path("elsewhere");
    fs::write(&elsewhere, "text").unwrap();
    for (command, name) in believed {
        let what = |kind: &str| format!("{command} where {name} is {kind}");
        refused(&places.damaged(command, name, flip), name, &what("damaged"));
        #[cfg(unix)]
        {
            let link = |path: &Path| {
                fs::remove_file(path).unwrap();
                std::os::unix::fs::symlink(&elsewhere, path).unwrap();
            };
            refused(&places.damaged(command, name, link), name, &what("a link"));
        }
        // Without these there is no run to finish or to show, or less of it: see the other tests.
        let last = ["outcomes.toml", "seed-0.json", "results.json"];
        if !last.iter().any(|last| name.ends_with(last)) {
            let gone = |path: &Path| fs::remove_file(path).unwrap();
            refused(&places.damaged(command, name, gone), name, &what("missing"));
        }
    }
    #[cfg(unix)]
    for (command, directory) in [
        ("simulate", "simulated"),
        ("train", "trained"),
        ("measure", "trained"),
        ("report", "trained"),
        ("report", "reproduced"),
        ("reproduce", "reproduced"),
    ] {
        let link = |path: &Path| {
            fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink(&elsewhere, path).unwrap();
        };
        let name = format!("{directory}/.lock");
        let said = places.damaged(command, &name, link);
        refused(&said, &name, &format!("{command} where {name} is a link"));
    }
    assert_eq!(fs::read(elsewhere).unwrap(), b"text");
}

/// The networks are what a training is for: without them it is not whole, whatever its measurements say.
#[test]
fn a_finished_training_misses_its_networks() {
    let places = Places::made();
    fs::remove_dir_all(places.path("trained/networks")).unwrap();
    let said = places.run("train", "trained");
    refused(&said, "networks/seed-0.safetensors is missing", "no folder");
}

/// Those of one network may be deleted, or never have been made: the others are shown, and that is said.
#[test]
fn networks_that_are_not_measured_are_named() {
    let places = Places::made();
    let all = places.run("report", "trained");
    assert_eq!((all.status, all.stderr.as_str()), (Some(0), ""));
    fs::remove_file(places.path("trained/measured/seed-1.json")).unwrap();
    let said = places.run("report", "trained");
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    let words = "Of this training's 2 networks 1 are not measured (seed-1): thalweg measure ";
    assert!(said.stderr.contains(words), "{}", said.stderr);
    let page = fs::read_to_string(places.path("trained/report.html")).unwrap();
    assert!(page.contains("1 are not measured (seed-1)"));
    fs::remove_dir_all(places.path("trained/measured")).unwrap();
    let none = places.run("report", "trained");
    assert_eq!((none.status, none.stderr.as_str()), (Some(0), ""));
}

#[test]
fn what_holds_no_run_is_told_from_what_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(at("empty")).unwrap();
    fs::write(at("file"), "text").unwrap();
    fs::create_dir(at("begun")).unwrap();
    fs::write(at("begun/specification.toml"), "text").unwrap();
    for (name, words) in [
        ("nowhere", "there is no such directory"),
        ("file", "it is no directory"),
        ("empty", "nothing to report"),
    ] {
        let said = run(&["report", &at(name)]);
        refused(&said, name, words);
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
}

/// The digest is no obstacle to whoever can compute it; the library that reads the file panics at some of its bytes.
#[test]
fn a_panic_of_the_parquet_library_is_one_sentence() {
    let places = Places::made();
    let directory = places.path("simulated");
    let measurements = directory.join("measurements.parquet");
    let outcomes = directory.join("outcomes.toml");
    let whole = fs::read(&measurements).unwrap();
    let listed = format!("{:016x}", fnv(&whole));
    let text = fs::read_to_string(&outcomes).unwrap();
    assert!(text.contains(&listed), "{text}");
    let panics = |bit: &usize| {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let digest = format!("{:016x}", fnv(&bytes));
        fs::write(&measurements, bytes).unwrap();
        fs::write(&outcomes, resealed(text.replace(&listed, &digest).into())).unwrap();
        let read = load::<Experiment>(&directory);
        read.is_err_and(|error| error.to_string().contains("its pages are damaged"))
    };
    let bit = (0..8 * whole.len()).rev().find(panics);
    assert!(bit.is_some(), "no flip makes the library panic any more");
    for command in ["simulate", "report"] {
        let said = places.run(command, "simulated");
        refused(&said, "measurements.parquet", command);
        assert!(!said.stderr.contains("panicked"), "{}", said.stderr);
    }
}

#[test]
fn a_lost_picture_of_an_earlier_figure_is_told_and_its_claims_stay() {
    let places = Places::made();
    let at = places.path("reproduced").to_str().unwrap().to_owned();
    let make = |figure: &str| run(&["reproduce", figure, "--quick", "--out", &at]);
    let page = || fs::read_to_string(places.path("reproduced/report.html")).unwrap();
    let claims = page().matches("<tr><td data-label=\"claim\">").count();
    assert!(claims > 0);
    let svg = places.path("reproduced/cor1.svg");
    for damage in [flip, |path: &Path| fs::remove_file(path).unwrap()] {
        damage(&svg);
        for _ in 0..2 {
            let said = make("cor4");
            assert_eq!(said.status, Some(1), "{}", said.stderr);
            assert!(said.stdout.contains("(cor4)"), "{}", said.stdout);
            let way_out = format!("make it again: `thalweg reproduce cor1 --quick --out {at}`");
            for words in ["cor1.svg", &way_out] {
                assert!(said.stderr.contains(words), "{words}: {}", said.stderr);
            }
            assert!(page().matches("<tr><td data-label=\"claim\">").count() > claims);
            assert!(page().contains("Its picture is lost") && page().contains("cor1.svg"));
        }
        // The page can be made without it, too.
        assert_eq!(run(&["report", &at]).status, Some(0));
        let again = make("cor1");
        assert_eq!((again.status, again.stderr.as_str()), (Some(0), ""));
        assert!(!page().contains("Its picture is lost"));
    }
}
