//! Run directories: killed, stopped, damaged, locked and full, and the same numbers in the end.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "the tests run themselves again as the process that is killed, and tell it where by its environment"
)]

mod harness;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tempfile::TempDir;
use thalweg::simulate::{InitialWeights, SimulateSettings};
use thalweg_lab::run::{Measurements, Note, RunError, RunStatus, run, run_in_memory};
use thalweg_lab::spec::{Experiment, read_experiment};
use thalweg_lab::store::{StoreError, StoredRun, load};

use harness::{CHILD, Listener, finished, killed_again_and_again, run_in, run_slowly, scratch};

/// Two seeds with momentum, so that the velocity must be resumed too.
fn experiment(steps: u64) -> Experiment {
    let file = r#"
        learning_rate = 0.01
        batch = 10
        steps = 1
        seeds = [5, 1]
        momentum = 0.5
        measure = { spacing = "linear", count = 101 }
        [problem]
        depth = 3
        input_covariance = { kind = "identity", dimension = 2 }
        teacher = { kind = "identity", dimension = 2 }
        noise_standard_deviations = [1, 0.1]
    "#;
    let folder = scratch();
    let path = folder.path().join("experiment.toml");
    fs::write(&path, file).unwrap();
    Experiment {
        steps,
        ..read_experiment::<Experiment>(&path).unwrap()
    }
}

/// A run that is asked to stop after `step` steps.
fn stopped_at(path: &Path, experiment: &Experiment, step: u64) -> u64 {
    let stop = AtomicBool::new(false);
    let mut listener = Listener {
        stop_at: Some((step, &stop)),
        ..Listener::default()
    };
    match run(experiment, path, Duration::ZERO, &mut listener, &stop).unwrap() {
        RunStatus::Stopped { step } => step,
        other => panic!("{other:?}"),
    }
}

fn store_error(path: &Path, experiment: &Experiment) -> StoreError {
    match run_in(path, experiment).0.unwrap_err() {
        RunError::Store(error) => error,
        other => panic!("{other}"),
    }
}

/// Every file of a directory but the older checkpoint, whose step depends on the clock.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut contents = BTreeMap::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut files: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        if folder.ends_with("checkpoints") {
            files = files.split_off(files.len() - 1);
        }
        for path in files {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().to_owned();
                contents.insert(name, fs::read(path).unwrap());
            }
        }
    }
    contents
}

/// The same files, and in them the same bytes, but that the last checkpoint also counts the parts
/// before it: that one is compared by name.
fn assert_same(left: &Path, right: &Path) {
    let (mut left, mut right) = (contents(left), contents(right));
    assert_eq!(
        left.keys().collect::<Vec<_>>(),
        right.keys().collect::<Vec<_>>()
    );
    for side in [&mut left, &mut right] {
        side.retain(|path, _| !path.starts_with("checkpoints"));
    }
    assert!(left == right);
}

/// `text` of a file that carries its digest (FNV-1a of the file with the digest's digits as zeros), made to fit.
fn resealed(text: &str) -> String {
    let (before, after) = text.rsplit_once("fnv1a64:").unwrap();
    let zeros = format!("{before}fnv1a64:{:016}{}", 0, &after[16..]);
    let digest = zeros.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{before}fnv1a64:{digest:016x}{}", &after[16..])
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| name(e.unwrap()))
        .collect();
    names.sort();
    names
}

/// Not a test by itself: the process that the tests below start, kill and starve.
#[test]
fn child_process() {
    let Some(directory) = std::env::var_os(CHILD) else {
        return;
    };
    let directory = PathBuf::from(directory);
    let experiment = read_experiment::<Experiment>(&directory.with_extension("toml")).unwrap();
    if let Err(error) = run_slowly(&directory, &experiment) {
        eprintln!("{error}");
        std::process::exit(3);
    }
}

/// Starts [`child_process`] on the run directory `directory`, by way of `shell` if given.
fn child(directory: &Path, experiment: &Experiment, shell: Option<&str>) -> Child {
    fs::write(directory.with_extension("toml"), experiment.to_toml()).unwrap();
    let program = std::env::current_exe().unwrap();
    let mut command = match shell {
        None => Command::new(program),
        Some(script) => {
            let mut command = Command::new("sh");
            command.args(["-c", script]).arg(program);
            command
        }
    };
    command
        .args(["child_process", "--exact", "--nocapture"])
        .env(CHILD, directory)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn killed_again_and_again_a_run_ends_in_the_same_bytes() {
    let experiment = experiment(20_000);
    let straight = finished(&experiment);
    let folder = scratch();
    let directory = folder.path().join("run");
    killed_again_and_again(5, || child(&directory, &experiment, None));
    assert_same(&directory, straight.path());
}

#[test]
fn a_stopped_run_goes_on_where_it_was() {
    let experiment = experiment(3000);
    let straight = finished(&experiment);
    let folder = scratch();
    let step = stopped_at(folder.path(), &experiment, 1000);
    assert!((1000..3000).contains(&step));
    assert!(matches!(
        load::<Experiment>(folder.path()),
        Err(StoreError::Read { .. })
    ));
    let (status, notes) = run_in(folder.path(), &experiment);
    assert!(matches!(status.unwrap(), RunStatus::Finished(_)));
    assert_eq!(notes, [Note::Resumed { step }]);
    assert_same(folder.path(), straight.path());

    let before = contents(folder.path());
    let (status, notes) = run_in(folder.path(), &experiment);
    assert!(matches!(status.unwrap(), RunStatus::AlreadyFinished(_)));
    assert!(notes.is_empty());
    assert!(contents(folder.path()) == before);
}

/// Each addition to plain SGD, stopped midway, goes on to the same bytes; and the resolved specification has it.
#[test]
fn a_run_with_each_addition_goes_on_where_it_was() {
    use thalweg::faer::mat;
    use thalweg::recipe::{Recipe, Sam};
    let covariance = || Some(mat![[0.3, 0.1], [0.1, 0.2]]);
    let sam = |normalised, independent| {
        Some(Sam {
            radius: 0.01,
            normalised,
            independent,
        })
    };
    let plain = Recipe::default;
    let recipes = [
        Recipe {
            sam: sam(false, false),
            momentum: 0.5,
            ..plain()
        },
        Recipe {
            sam: sam(true, false),
            ..plain()
        },
        Recipe {
            sam: sam(false, true),
            weight_decay: 1e-3,
            ..plain()
        },
        Recipe {
            added_noise_covariance: covariance(),
            ..plain()
        },
        Recipe {
            input_noise_covariance: covariance(),
            ..plain()
        },
        Recipe {
            input_dropout: 0.1,
            label_smoothing: 0.1,
            ..plain()
        },
        Recipe {
            hidden_dropout: 0.2,
            sam: sam(false, false),
            ..plain()
        },
    ];
    for recipe in recipes {
        let mut experiment = experiment(600);
        experiment.settings.recipe = recipe;
        let straight = finished(&experiment);
        let folder = scratch();
        let step = stopped_at(folder.path(), &experiment, 200);
        assert!((200..600).contains(&step));
        assert!(matches!(
            run_in(folder.path(), &experiment).0.unwrap(),
            RunStatus::Finished(_)
        ));
        assert_same(folder.path(), straight.path());
        let path = folder.path().join("specification.toml");
        assert_eq!(read_experiment::<Experiment>(&path).unwrap(), experiment);
    }
}

#[test]
fn a_directory_holds_what_memory_does() {
    let experiment = experiment(500);
    let folder = finished(&experiment);
    let stored = load::<Experiment>(folder.path()).unwrap();
    let memory = run_in_memory(&experiment, &mut (), &AtomicBool::new(false)).unwrap();
    assert!(memory.finished);
    assert!(stored.measurements == memory.measurements);
    assert_eq!(stored.outcomes, memory.outcomes);
    assert_eq!(stored.experiment, experiment);
    assert_eq!(stored.measurements.seeds(), [5, 1]);
    assert_eq!(stored.measurements.quantities().len(), 6 + 3);
    assert_eq!(stored.measurements.len(), 101 * 2 * 9);
}

#[test]
fn the_resolved_specification_reproduces_the_run() {
    let experiment = experiment(500);
    let first = finished(&experiment);
    let path = first.path().join("specification.toml");
    let text = fs::read_to_string(&path).unwrap();
    for field in ["program = \"thalweg ", "loss_convention = ", "[provenance]"] {
        assert!(text.contains(field), "{text}");
    }
    let again = finished(&read_experiment::<Experiment>(&path).unwrap());
    assert_same(first.path(), again.path());
}

#[test]
fn divergence_is_an_outcome_and_leaves_no_rows() {
    let mut experiment = experiment(400);
    experiment.seeds = (0..16).collect();
    experiment.settings = SimulateSettings {
        init: InitialWeights::Normal { deviation: 1.0 },
        ..SimulateSettings::new(0.1, 10)
    };
    let folder = finished(&experiment);
    let stored = load::<Experiment>(folder.path()).unwrap();
    let diverged = stored
        .outcomes
        .iter()
        .filter(|run| run.diverged_at.is_some());
    assert!((1..16).contains(&diverged.count()), "{:?}", stored.outcomes);
    for run in &stored.outcomes {
        let series = stored.measurements.series("sharpness", run.seed);
        let last = series.last().unwrap().step;
        match run.diverged_at {
            None => assert_eq!(last, 400),
            Some(step) => assert!(last < step && step <= 400),
        }
        assert!(series.iter().all(|point| point.value.is_finite()));
    }
}

/// The same numbers at all of these steps.
fn assert_same_at(left: &Measurements, right: &Measurements, steps: &[u64]) {
    for quantity in right.quantities() {
        for seed in right.seeds() {
            let at = |measurements: &Measurements| -> Vec<_> {
                let series = measurements.series(quantity, seed).into_iter();
                series.filter(|point| steps.contains(&point.step)).collect()
            };
            assert_eq!(at(left), at(right), "{quantity} of seed {seed}");
            assert_eq!(at(left).len(), steps.len(), "{quantity} of seed {seed}");
        }
    }
}

/// A run of 1000 steps that is given 3000, by way of 1001: its end is that of one long run, and it is measured where the
/// short runs are up to their ends and where the long one is from there.
#[test]
fn a_finished_run_goes_on_to_the_end_of_a_longer_one() {
    let long = finished(&experiment(3000));
    let folder = finished(&experiment(1000));
    for steps in [1001, 3000] {
        let before = load::<Experiment>(folder.path()).unwrap();
        let last = before.experiment.steps;
        let (status, notes) = run_in(folder.path(), &experiment(steps));
        assert!(matches!(status.unwrap(), RunStatus::Finished(_)));
        assert_eq!(notes, [Note::Resumed { step: last }]);
        let after = load::<Experiment>(folder.path()).unwrap();
        assert_eq!(after.experiment, experiment(steps));
        let measured = before.measurements.series("loss", 5);
        let steps: Vec<u64> = measured.iter().map(|point| point.step).collect();
        assert_same_at(&after.measurements, &before.measurements, &steps);
    }
    let [stored, straight] = [folder.path(), long.path()].map(|path| load(path).unwrap());
    let [stored, straight]: [StoredRun<Experiment>; 2] = [stored, straight];
    assert_eq!(stored.outcomes, straight.outcomes);
    // The long run is measured every 30 steps, the first one was every 10.
    let steps: Vec<u64> = (0..=100).map(|k| 30 * k).collect();
    assert_same_at(&stored.measurements, &straight.measurements, &steps);
    let series = stored.measurements.series("loss", 5);
    let found: Vec<u64> = series.iter().map(|point| point.step).collect();
    let first = (0..=100).map(|k| 10 * k);
    let rest = (0..=100).map(|k| 30 * k).filter(|step| *step > 1001);
    assert_eq!(found, first.chain([1001]).chain(rest).collect::<Vec<_>>());
    // All files but the measurements, with the digest that outcomes keep of them, and who made them.
    let (mut stored, mut straight) = (contents(folder.path()), contents(long.path()));
    for side in [&mut stored, &mut straight] {
        side.remove(Path::new("measurements.parquet"));
        side.remove(Path::new("outcomes.toml"));
        side.retain(|path, _| !path.starts_with("checkpoints"));
        let file = side.get_mut(Path::new("specification.toml")).unwrap();
        let text = String::from_utf8(file.clone()).unwrap();
        let own = |line: &&str| !line.starts_with("earlier_steps = [1000, 1001]");
        let lines = text
            .lines()
            .filter(own)
            .filter(|line| !line.starts_with("digest"));
        *file = lines.collect::<String>().into_bytes();
    }
    assert!(stored == straight);
    assert_eq!(
        names(&folder.path().join("checkpoints")).last(),
        names(&long.path().join("checkpoints")).last()
    );
    // And again the same call does nothing.
    let before = contents(folder.path());
    let (status, _) = run_in(folder.path(), &experiment(3000));
    assert!(matches!(status.unwrap(), RunStatus::AlreadyFinished(_)));
    assert!(contents(folder.path()) == before);
}

/// Killed while it is given more steps, again and again, and stopped before its first end was reached.
#[test]
fn a_run_that_is_given_more_steps_may_be_killed() {
    let (short, long) = (experiment(5000), experiment(20_000));
    let straight = finished(&short);
    run_in(straight.path(), &long).0.unwrap();
    let folder = scratch();
    let directory = folder.path().join("run");
    run_in(&directory, &short).0.unwrap();
    killed_again_and_again(5, || child(&directory, &long, None));
    assert_same(&directory, straight.path());

    let other = scratch();
    let step = stopped_at(other.path(), &short, 1000);
    let (status, notes) = run_in(other.path(), &long);
    assert!(matches!(status.unwrap(), RunStatus::Finished(_)));
    assert_eq!(notes, [Note::Resumed { step }]);
    let [found, expected] = [other.path(), straight.path()].map(|path| load(path).unwrap());
    let [found, expected]: [StoredRun<Experiment>; 2] = [found, expected];
    assert_same_at(&found.measurements, &expected.measurements, &[0, 20_000]);
}

/// Every state that a kill can leave while a finished run is opened again: it is still the finished run, or goes on.
#[test]
fn every_moment_of_giving_more_steps_is_safe() {
    let (short, long) = (experiment(1000), experiment(2000));
    let straight = finished(&short);
    run_in(straight.path(), &long).0.unwrap();
    let ended = finished(&short);
    let stop = AtomicBool::new(true);
    let opened = finished(&short);
    // Opened again, and stopped at once: the specification is the last file to change.
    let status = run(&long, opened.path(), Duration::ZERO, &mut (), &stop).unwrap();
    assert_eq!(status, RunStatus::Stopped { step: 1000 });
    let file = |folder: &TempDir, name: &str| fs::read(folder.path().join(name)).unwrap();
    let part = "parts/part-00000000000000000000.parquet";
    let checkpoint = "checkpoints/step-00000000000000001000.checkpoint";
    for moment in 0..5 {
        let folder = finished(&short);
        let put = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        let drop = |name: &str| fs::remove_file(folder.path().join(name)).unwrap();
        put(part, &file(&opened, part));
        if moment > 0 {
            let checkpoints = folder.path().join("checkpoints");
            for name in names(&checkpoints) {
                fs::remove_file(checkpoints.join(name)).unwrap();
            }
            put(checkpoint, &file(&opened, checkpoint));
        }
        if moment > 1 {
            drop("outcomes.toml");
        }
        if moment > 2 {
            drop("measurements.parquet");
        }
        if moment > 3 {
            put("specification.toml", &file(&opened, "specification.toml"));
        } else {
            let copy = scratch();
            copy_all(folder.path(), copy.path());
            run_in(copy.path(), &short).0.unwrap();
            for name in [
                "measurements.parquet",
                "outcomes.toml",
                "specification.toml",
            ] {
                assert!(file(&copy, name) == file(&ended, name), "{moment}: {name}");
            }
        }
        run_in(folder.path(), &long).0.unwrap();
        for name in [
            "measurements.parquet",
            "outcomes.toml",
            "specification.toml",
        ] {
            assert!(
                file(&folder, name) == file(&straight, name),
                "{moment}: {name}"
            );
        }
    }
}

fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            fs::create_dir_all(&to).unwrap();
            copy_all(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

/// Fewer steps, more steps of something else, and a run whose end is no longer there.
#[test]
fn only_more_steps_of_the_same_run_are_taken() {
    let folder = finished(&experiment(1000));
    let before = contents(folder.path());
    let message = store_error(folder.path(), &experiment(999)).to_string();
    assert!(
        message
            .contains("holds this run with 1000 steps already, and 999 are asked for: give 1000"),
        "{message}"
    );
    let mut other = experiment(2000);
    other.settings.batch = 20;
    let message = store_error(folder.path(), &other).to_string();
    assert!(
        message.contains("`batch` is 10 there and 20 here"),
        "{message}"
    );
    assert!(contents(folder.path()) == before);
    for name in names(&folder.path().join("checkpoints")) {
        fs::write(folder.path().join("checkpoints").join(name), "").unwrap();
    }
    let before = contents(folder.path());
    let error = store_error(folder.path(), &experiment(2000));
    assert!(matches!(error, StoreError::NoEnd { .. }), "{error}");
    assert!(contents(folder.path()) == before);
    assert!(load::<Experiment>(folder.path()).is_ok());
}

/// Without privileges, the file size limit is the disk that fills up: a write beyond it fails.
#[cfg(unix)]
#[test]
fn a_full_disk_loses_nothing_finished() {
    let experiment = experiment(4000);
    let straight = finished(&experiment);
    let folder = scratch();
    let directory = folder.path().join("run");
    // In blocks of 512 bytes. The parts fit, the merged measurements do not.
    let limited = "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\"";
    let output = child(&directory, &experiment, Some(limited))
        .wait_with_output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{message}");
    assert!(
        message.contains("cannot write") && message.contains("measurements.parquet"),
        "{message}"
    );
    assert!(
        message.contains("nothing finished before is lost"),
        "{message}"
    );
    assert!(
        !names(&directory)
            .iter()
            .any(|name| name.ends_with(".tmp") || name == "measurements.parquet")
    );

    let (status, notes) = run_in(&directory, &experiment);
    assert!(matches!(status.unwrap(), RunStatus::Finished(_)));
    assert_eq!(notes, [Note::Resumed { step: 4000 }]);
    assert_same(&directory, straight.path());
}

#[test]
fn a_damaged_checkpoint_falls_back_to_the_one_before() {
    let experiment = experiment(3000);
    let straight = finished(&experiment);
    let folder = scratch();
    stopped_at(folder.path(), &experiment, 1000);
    let checkpoints = folder.path().join("checkpoints");
    let damage = |name: &str| {
        let path = checkpoints.join(name);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        fs::write(&path, bytes).unwrap();
        path
    };
    let names = names(&checkpoints);
    assert_eq!(names.len(), 2);
    let newest = damage(&names[1]);

    let copy = scratch();
    stopped_at(copy.path(), &experiment, 1000);
    for name in self::names(&copy.path().join("checkpoints")) {
        fs::write(copy.path().join("checkpoints").join(name), "").unwrap();
    }
    assert!(matches!(
        store_error(copy.path(), &experiment),
        StoreError::Damaged { .. }
    ));

    let (status, notes) = run_in(folder.path(), &experiment);
    assert!(matches!(status.unwrap(), RunStatus::Finished(_)));
    assert_eq!(notes[0], Note::Damaged { path: newest });
    assert!(matches!(notes[1], Note::Resumed { .. }));
    assert_same(folder.path(), straight.path());
}

#[test]
fn what_is_not_this_run_is_left_alone() {
    let first = experiment(100);
    let folder = finished(&first);
    let mut other = first.clone();
    other.seeds = vec![5];
    other.settings.learning_rate = 0.02;
    let before = contents(folder.path());
    let message = store_error(folder.path(), &other).to_string();
    for part in [
        "`learning_rate` is 0.01 there and 0.02 here",
        "`seeds[1]` is 1 there and absent here",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert!(contents(folder.path()) == before);

    let strange = scratch();
    fs::write(strange.path().join("thesis.tex"), "…").unwrap();
    let message = store_error(strange.path(), &first).to_string();
    assert!(
        message.contains("holds other files (`thesis.tex`) and no run"),
        "{message}"
    );
    assert_eq!(names(strange.path()), ["thesis.tex"]);

    let message = store_error(&strange.path().join("thesis.tex"), &first).to_string();
    assert!(
        message.contains("is a file, and a directory is needed"),
        "{message}"
    );
}

#[test]
fn a_run_of_another_version_is_not_mixed_with_this_one() {
    let experiment = experiment(2000);
    let folder = scratch();
    stopped_at(folder.path(), &experiment, 500);
    let path = folder.path().join("specification.toml");
    let text = fs::read_to_string(&path).unwrap();
    let current = format!("thalweg {}", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&current));
    fs::write(&path, resealed(&text.replace(&current, "thalweg 0.0.1"))).unwrap();
    let message = store_error(folder.path(), &experiment).to_string();
    assert!(message.contains("was begun by thalweg 0.0.1"), "{message}");
}

#[test]
fn a_run_continued_by_another_build_says_so_and_records_it() {
    let experiment = experiment(2000);
    let folder = scratch();
    let step = stopped_at(folder.path(), &experiment, 500);
    let path = folder.path().join("specification.toml");
    let specification = || fs::read_to_string(&path).unwrap();
    // This test may be built outside a repository, where there is no commit to replace.
    let lines = specification();
    let lines = lines.lines().filter(|line| !line.starts_with("commit = "));
    let lines: Vec<_> = lines.collect();
    let text = lines.join("\n");
    let text = text.replace("[provenance]", "[provenance]\ncommit = \"0123abc\"");
    fs::write(&path, resealed(&text)).unwrap();

    let (status, notes) = run_in(folder.path(), &experiment);
    assert!(matches!(status, Ok(RunStatus::Finished(_))), "{status:?}");
    let other = |finished| {
        move |note: &Note| {
            matches!(note, Note::OtherBuild { found, finished: f, .. }
                if *f == finished && found.commit.as_deref() == Some("0123abc"))
        }
    };
    assert!(notes.iter().any(other(false)), "{notes:?}");
    let recorded = specification();
    assert!(recorded.contains("commit = \"0123abc\""), "{recorded}");
    assert!(
        recorded.contains("[[provenance.continued_by]]"),
        "{recorded}"
    );
    assert!(
        recorded.contains(&format!("from_step = {step}")),
        "{recorded}"
    );

    // Nothing else went on with it since: no second note, no second record.
    let (status, notes) = run_in(folder.path(), &experiment);
    assert!(matches!(status, Ok(RunStatus::AlreadyFinished(_))));
    assert!(
        !notes
            .iter()
            .any(|note| matches!(note, Note::OtherBuild { .. }))
    );
    assert_eq!(specification(), recorded);
}

#[test]
fn two_processes_do_not_write_one_run() {
    let experiment = experiment(100);
    let folder = scratch();
    let lock = fs::File::create(folder.path().join(".lock")).unwrap();
    lock.lock().unwrap();
    // Closing it would leave it to a child process that another test is starting.
    assert!(matches!(
        store_error(folder.path(), &experiment),
        StoreError::Locked { .. }
    ));
    lock.unlock().unwrap();
    assert!(run_in(folder.path(), &experiment).0.is_ok());
}

#[test]
fn settings_that_cannot_run_leave_no_directory() {
    let mut experiment = experiment(100);
    experiment.settings.recipe.momentum = 1.0;
    let folder = scratch();
    let path = folder.path().join("run");
    assert!(matches!(
        run_in(&path, &experiment).0,
        Err(RunError::Settings(_))
    ));
    assert!(!path.exists());
    experiment.settings.recipe.momentum = 0.0;
    experiment.seeds = vec![3, 3];
    assert!(matches!(
        run_in(&path, &experiment).0,
        Err(RunError::Seed { seed: 3 })
    ));
}
