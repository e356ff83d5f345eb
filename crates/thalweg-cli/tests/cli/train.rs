//! `thalweg train` through its life: finished, repeated, interrupted, killed, starved, refused.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::harness::{
    begun, collected, file, interrupted, regex_escape, run, run_with_input, send, step_after,
};

/// Two seeds of the smallest interesting network.
pub const SMALL: &str = r#"
learning_rate = 0.05
batch = 10
steps = 400
seeds = 2
loss = "squared-error"
network = { kind = "mlp", inputs = 2, hidden = [4], outputs = 2 }
measure = { count = 5, samples = 64 }
[data]
kind = "teacher"
teacher = { hidden = [9], seed = 3 }
noise_standard_deviations = [1, 0.1]
"#;

/// A folder with an experiment.
fn experiment(content: &str) -> TempDir {
    file("experiment.toml", content.as_bytes()).0
}

/// Its training into `name` beside it.
fn train(folder: &TempDir, name: &str, more: &[&str]) -> Vec<String> {
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mut all = vec!["train".to_owned(), path("experiment.toml")];
    all.extend(["--out".to_owned(), path(name)]);
    all.extend(more.iter().map(|&argument| argument.to_owned()));
    all
}

fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// Every file of a finished run but its checkpoints, which also count what was saved before them.
fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut contents = BTreeMap::new();
    for folder in [directory.to_owned(), directory.join("networks")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                contents.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    contents
}

fn assert_same_runs(found: &Path, expected: &Path) {
    let (found, expected) = (contents(found), contents(expected));
    assert!(expected.contains_key("seed-1.safetensors"));
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    for (name, bytes) in found {
        assert!(bytes == expected[&name], "{name} differs");
    }
}

#[test]
fn a_finished_training_says_what_became_of_it_and_repeats() {
    let folder = experiment(SMALL);
    let arguments = train(&folder, "run", &[]);
    let first = run(&borrowed(&arguments));
    let path = regex_escape(folder.path().to_str().unwrap());
    insta::with_settings!({ filters => vec![(path.as_str(), "[folder]")] }, {
        insta::assert_snapshot!(first.whole());
    });
    // The same command again does nothing and says the same.
    let before = contents(&folder.path().join("run"));
    let written = folder.path().join("run/outcomes.toml");
    let time = |path: &Path| std::fs::metadata(path).unwrap().modified().unwrap();
    let at = time(&written);
    assert_eq!(run(&borrowed(&arguments)).stdout, first.stdout);
    assert_eq!(
        (contents(&folder.path().join("run")), time(&written)),
        (before, at)
    );
}

#[test]
fn a_written_specification_trains_again_to_the_same_bytes() {
    let folder = experiment(SMALL);
    let json = |arguments: &[String]| run(&borrowed(arguments)).json();
    let expected = json(&train(&folder, "first", &["--json"]));
    for quantity in ["sharpness", "lambda_max", "fluctuation", "loss"] {
        for when in ["start", "end", "factor"] {
            assert!(
                expected[quantity][when]["mean"]
                    .as_f64()
                    .unwrap()
                    .is_finite()
            );
        }
    }
    let mut again = train(&folder, "second", &["--json"]);
    again[1] = folder
        .path()
        .join("first/specification.toml")
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(json(&again), expected);
    assert_same_runs(&folder.path().join("second"), &folder.path().join("first"));
    // A flag takes the place of the file's field.
    let shorter = json(&train(
        &folder,
        "third",
        &["--json", "--steps", "100", "--seeds", "7,5,9"],
    ));
    assert_eq!(
        (&shorter["steps"], &shorter["seeds"]),
        (&100.into(), &3.into())
    );
}

/// Twice as many steps: the end is that of one long training, to the bit. A few more, so that its last fifth began
/// before the first end: the page and the JSON say at which steps it was measured, and that one long training has others.
#[test]
fn the_end_of_a_longer_training_is_that_of_one_long_training_or_says_where_it_differs() {
    let content = SMALL.replace("count = 5", "count = 11, spacing = \"linear\"");
    let folder = experiment(&content);
    let trained = |name: &str, more: &[&str]| run(&borrowed(&train(&folder, name, more)));
    let json = |name: &str, steps: &str| trained(name, &["--json", "--steps", steps]).json();
    let long = json("long", "800");
    assert_eq!(long["end_steps"], serde_json::json!([640, 720, 800]));
    json("extended", "400");
    assert_eq!(json("extended", "800"), long);
    let page = |name: &str| {
        let page = trained(name, &["--steps", "800"]).stdout;
        page.replace(&format!("{}/{name}", folder.path().display()), "")
    };
    assert_eq!(page("extended"), page("long"));
    assert!(!page("extended").contains("given more steps"));
    json("short", "400");
    let a_few = json("short", "440");
    assert_eq!(a_few["end_steps"], serde_json::json!([360, 400, 440]));
    let said = trained("short", &["--steps", "440"]).whole();
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("over the measured steps 360, 400 and 440 in the last fifth")
            && words.contains("The run was given more steps")
            && words
                .contains("One run of 440 steps averages over the measured steps 352, 396 and 440"),
        "{words}"
    );
}

/// Ctrl-C, then SIGTERM, on a training that would take weeks: what was reached is kept and gone on from.
#[cfg(unix)]
#[test]
fn ctrl_c_and_sigterm_keep_what_is_done() {
    let folder = experiment(SMALL);
    let arguments = train(&folder, "run", &["--steps", "1e12"]);
    let begins = folder.path().join("run/specification.toml");
    let first = interrupted(&borrowed(&arguments), "-INT", &begins);
    assert_eq!((first.status, first.stdout.as_str()), (Some(130), ""));
    let reached = step_after("stopped at step ", &first.stderr);
    assert!(reached > 0);

    let second = interrupted(&borrowed(&arguments), "-TERM", &begins);
    assert_eq!(second.status, Some(130));
    assert_eq!(step_after("goes on from step ", &second.stderr), reached);
    assert!(step_after("stopped at step ", &second.stderr) > reached);
}

/// Killed where it cannot tidy up, stopped where it can, gone on with: the bytes of a run that was left alone.
#[cfg(unix)]
#[test]
fn a_killed_training_goes_on_to_the_same_bytes() {
    let folder = experiment(SMALL);
    let more = ["--steps", "3e5"];
    assert_eq!(
        run(&borrowed(&train(&folder, "whole", &more))).status,
        Some(0)
    );
    let arguments = train(&folder, "run", &more);
    let begins = folder.path().join("run/specification.toml");
    let mut signals = 0;
    for (signal, pause) in [("-KILL", 60), ("-INT", 80), ("-KILL", 50), ("-INT", 20)] {
        let child = begun(&borrowed(&arguments), &begins);
        std::thread::sleep(Duration::from_millis(pause));
        send(signal, &child);
        signals += usize::from(collected(child).status != Some(0));
    }
    assert!(signals >= 2, "only {signals} signals came before the end");
    let last = run(&borrowed(&arguments));
    assert_eq!(last.status, Some(0), "{}", last.stderr);
    assert_same_runs(&folder.path().join("run"), &folder.path().join("whole"));
}

/// On a disk that is full a training says so, and goes on once there is room. (A limit on the size of files
/// stands in for the disk; it is in blocks of 512 bytes.)
#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error_that_loses_nothing() {
    let folder = experiment(SMALL);
    assert_eq!(
        run(&borrowed(&train(&folder, "whole", &[]))).status,
        Some(0)
    );
    let arguments = train(&folder, "run", &[]);
    let starved = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 3; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_thalweg"))
        .args(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let starved = collected(starved);
    assert_eq!((starved.status, starved.stdout.as_str()), (Some(1), ""));
    assert!(
        starved.stderr.contains("cannot write"),
        "{}",
        starved.stderr
    );
    assert!(!folder.path().join("run/outcomes.toml").exists());
    assert_eq!(run(&borrowed(&arguments)).status, Some(0));
    assert_same_runs(&folder.path().join("run"), &folder.path().join("whole"));
}

#[test]
fn another_experiment_does_not_overwrite_a_training() {
    let folder = experiment(SMALL);
    assert_eq!(run(&borrowed(&train(&folder, "run", &[]))).status, Some(0));
    let other = run(&borrowed(&train(
        &folder,
        "run",
        &["--learning-rate", "0.02"],
    )));
    assert_eq!((other.status, other.stdout.as_str()), (Some(2), ""));
    assert!(other.stderr.contains("learning_rate"), "{}", other.stderr);
}

/// Each with what the message must name. None leaves a directory behind.
#[test]
fn what_cannot_be_trained_is_refused_by_name() {
    let network = |new: &str| SMALL.replace("hidden = [4]", new);
    let data = |new: &str| SMALL.replace("kind = \"teacher\"", new);
    let cases = [
        ("steps = [".to_owned(), "experiment.toml"),
        (SMALL.replace("batch = 10", "batch = 0"), "batch"),
        (SMALL.replace("batch = 10\n", ""), "batch"),
        (SMALL.replace("0.05", "-0.05"), "learning_rate"),
        (SMALL.replace("0.05", "inf"), "learning_rate"),
        (SMALL.replace("squared-error", "hinge"), "loss"),
        (SMALL.replace("seeds = 2", "seeds = [3, 3]"), "seeds[1]"),
        (SMALL.replace("seeds = 2", "sedes = 2"), "sedes"),
        (
            SMALL.replace("[1, 0.1]", "[1, 0.1, 2]"),
            "noise_standard_deviations",
        ),
        (
            SMALL.replace("[1, 0.1]", "[1, nan]"),
            "noise_standard_deviations",
        ),
        (network("hidden = [0]"), "hidden"),
        (network("hidden = [4000000000, 4000000000]"), "hidden"),
        (network("hidden = [4], activation = \"gleu\""), "gelu-tanh"),
        (network("hidden = [4], heads = 2"), "heads"),
        (data("kind = \"mnist\""), "teacher"),
        (data("kind = \"imagenet\""), "imagenet"),
    ];
    for (content, needle) in cases {
        let folder = experiment(&content);
        let refused = run(&borrowed(&train(&folder, "run", &[])));
        assert_eq!(
            (refused.status, refused.stdout.as_str()),
            (Some(2), ""),
            "{needle}: {content}"
        );
        assert!(
            refused.stderr.contains(needle),
            "{needle}: {}",
            refused.stderr
        );
        assert!(!folder.path().join("run").exists(), "{content}");
    }
    let transformer =
        r#"network = { kind = "transformer", width = 5, heads = 2, positions = 3, hidden = 4 }"#;
    let mlp = "network = { kind = \"mlp\", inputs = 2, hidden = [4], outputs = 2 }";
    let folder = experiment(&SMALL.replace(mlp, transformer));
    let refused = run(&borrowed(&train(&folder, "run", &[])));
    assert_eq!(refused.status, Some(2));
    assert!(refused.stderr.contains("heads"), "{}", refused.stderr);
}

#[test]
fn images_that_are_none_are_refused_by_name() {
    let folder =
        experiment(&SMALL.replace("kind = \"teacher\"", "kind = \"idx\"\npath = \"images\""));
    let text = std::fs::read_to_string(folder.path().join("experiment.toml")).unwrap();
    let text = text.replace("teacher = { hidden = [9], seed = 3 }\n", "");
    let text = text.replace("inputs = 2, hidden = [4], outputs = 2", "hidden = [4]");
    let text = text.replace("noise_standard_deviations = [1, 0.1]\n", "");
    let images = folder.path().join("images");
    let text = text.replace("\"images\"", &format!("{:?}", images.to_str().unwrap()));
    std::fs::write(folder.path().join("experiment.toml"), text).unwrap();
    let refused = |needle: &str| {
        let refused = run(&borrowed(&train(&folder, "run", &[])));
        assert_eq!((refused.status, refused.stdout.as_str()), (Some(2), ""));
        assert!(
            refused.stderr.contains(needle),
            "{needle}: {}",
            refused.stderr
        );
        assert!(!folder.path().join("run").exists());
    };
    refused("images");
    std::fs::create_dir(&images).unwrap();
    refused("train-images-idx3-ubyte");
    // A header that promises more than there is.
    let header = |kind: u8, sizes: &[u32]| {
        let mut bytes = vec![0, 0, 8, kind];
        bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
        bytes
    };
    let mut cut = header(3, &[2, 28, 28]);
    cut.resize(500, 7);
    std::fs::write(images.join("train-images-idx3-ubyte"), cut).unwrap();
    refused("train-images-idx3-ubyte");
}

#[test]
fn standard_input_is_read_and_the_file_must_be_there() {
    let folder = experiment(SMALL);
    let out = folder.path().join("run");
    let piped = ["train", "-", "--out", out.to_str().unwrap()];
    assert_eq!(run_with_input(&piped, SMALL.as_bytes()).status, Some(0));
    let nowhere = ["train", "nowhere.toml", "--out", out.to_str().unwrap()];
    let refused = run(&nowhere);
    assert_eq!(refused.status, Some(2));
    assert!(
        refused.stderr.contains("nowhere.toml"),
        "{}",
        refused.stderr
    );
}

/// Every run diverges at this step size: an outcome, not a NaN in a table.
#[test]
fn divergence_is_reported_as_such() {
    let folder = experiment(SMALL);
    let page = run(&borrowed(&train(
        &folder,
        "run",
        &["--learning-rate", "50"],
    )));
    assert_eq!(page.status, Some(0), "{}", page.stderr);
    assert!(page.stdout.contains("diverged"), "{}", page.stdout);
    assert!(!page.stdout.contains("NaN"), "{}", page.stdout);
}
