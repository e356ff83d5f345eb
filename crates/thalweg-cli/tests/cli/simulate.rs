//! `thalweg simulate` through its life: finished, repeated, interrupted, resumed, refused.

use std::path::Path;

use crate::harness::{file, interrupted, regex_escape, run, run_with_input, step_after};

/// Two seeds of the smallest interesting network.
const RUN: [&str; 14] = [
    "simulate",
    "--depth",
    "2",
    "--noise",
    "1,0.5",
    "--learning-rate",
    "0.01",
    "--batch",
    "10",
    "--seeds",
    "2",
    "--steps",
    "2000",
    "--out",
];

fn with_out<'a>(arguments: &[&'a str], out: &'a Path) -> Vec<&'a str> {
    let mut arguments = arguments.to_vec();
    arguments.push(out.to_str().unwrap());
    arguments
}

/// What `simulate` shows, `report` shows: without label noise, and with more weights than the flow takes, too. A predictor
/// without an answer is the same sentence in both.
#[test]
fn what_simulate_shows_report_shows() {
    let directory = tempfile::tempdir().unwrap();
    for (name, problem, silent) in [
        ("quiet", ["--noise", "0,0"], "No limit t → ∞: "),
        (
            "wide",
            ["--dimension", "60"],
            "No slow flow: the network has 7200 weights",
        ),
    ] {
        let out = directory.path().join(name);
        let arguments = [&RUN[..3], &problem, &RUN[5..12], &["2", "--out"]].concat();
        let shown = run(&with_out(&arguments, &out));
        assert_eq!(shown.status, Some(0), "{}", shown.stderr);
        let words: Vec<&str> = shown.stdout.split_whitespace().collect();
        assert!(words.join(" ").contains(silent), "{}", shown.stdout);
        let reported = run(&["report", out.to_str().unwrap()]);
        assert_eq!(reported.status, Some(0), "{}", reported.stderr);
        let page = std::fs::read_to_string(out.join("report.html")).unwrap();
        assert!(
            page.contains(silent) && page.contains("<polyline"),
            "{name}"
        );
    }
}

#[test]
fn a_finished_run_compares_and_repeats() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let arguments = with_out(&RUN, &out);
    let first = run(&arguments);
    let path = regex_escape(out.to_str().unwrap());
    insta::with_settings!({ filters => vec![(path.as_str(), "[out]")] }, {
        insta::assert_snapshot!(first.whole());
    });
    assert!(out.join("measurements.parquet").is_file());
    // The same command again does nothing and says the same.
    let before = std::fs::metadata(out.join("outcomes.toml"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(run(&arguments).stdout, first.stdout);
    let after = std::fs::metadata(out.join("outcomes.toml"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(before, after);
}

#[test]
fn a_written_specification_runs_again_to_the_same_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (
        directory.path().join("first"),
        directory.path().join("second"),
    );
    let json = |arguments: &[&str], out: &Path| {
        let mut arguments = with_out(arguments, out);
        arguments.push("--json");
        run(&arguments).json()
    };
    let expected = json(&RUN, &first);
    let specification = first.join("specification.toml");
    let again = ["simulate", specification.to_str().unwrap(), "--out"];
    assert_eq!(json(&again, &second), expected);
    // A flag takes the place of the file's field.
    let third = directory.path().join("third");
    let shorter = [
        "simulate",
        specification.to_str().unwrap(),
        "--steps",
        "100",
        "--out",
    ];
    assert_eq!(json(&shorter, &third)["step"], 100);
}

/// Ctrl-C, then SIGTERM, on a run that would take weeks: what was reached is kept and gone on from.
#[cfg(unix)]
#[test]
fn ctrl_c_and_sigterm_keep_what_is_done() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let mut arguments = with_out(&RUN, &out);
    arguments[12] = "1e12";
    let first = interrupted(&arguments, "-INT", &out.join("specification.toml"));
    assert_eq!((first.status, first.stdout.as_str()), (Some(130), ""));
    let reached = step_after("stopped at step ", &first.stderr);
    assert!(out.join("checkpoints").read_dir().unwrap().next().is_some());

    let second = interrupted(&arguments, "-TERM", &out.join("specification.toml"));
    assert_eq!(second.status, Some(130));
    assert_eq!(step_after("goes on from step ", &second.stderr), reached);
    assert!(step_after("stopped at step ", &second.stderr) > reached);
}

#[test]
fn another_experiment_does_not_overwrite_a_run() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    assert_eq!(run(&with_out(&RUN, &out)).status, Some(0));
    let mut other = RUN;
    other[6] = "0.02";
    let refused = run(&with_out(&other, &out));
    assert_eq!((refused.status, refused.stdout.as_str()), (Some(2), ""));
    assert!(
        refused.stderr.contains("learning_rate"),
        "{}",
        refused.stderr
    );
}

#[test]
fn what_cannot_run_leaves_no_directory() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let cases: [&[&str]; 5] = [
        &[
            "simulate", "--depth", "2", "--noise", "1,2", "--batch", "1", "--steps", "9", "--out",
        ],
        &["simulate", "-", "--out"],
        &["simulate", "nowhere.toml", "--out"],
        &[
            "simulate", "--depth", "2", "--noise", "1,2", "--seeds", "0", "--out",
        ],
        &[
            "simulate", "--depth", "2", "--noise", "1,2", "--seeds", "3,x", "--out",
        ],
    ];
    for arguments in cases {
        let run = run_with_input(&with_out(arguments, &out), b"depth = 'two'");
        assert_eq!(
            (run.status, run.stdout.as_str()),
            (Some(2), ""),
            "{arguments:?}"
        );
        assert!(!out.exists(), "{arguments:?}");
    }
}

/// A file where the directory should be cannot be written into, whoever asks.
#[test]
fn an_unusable_directory_is_an_error_that_names_it() {
    let (_directory, path) = file("taken", b"precious");
    let run = run(&with_out(&RUN, &path.join("run")));
    assert_eq!(
        (run.status, run.stdout.as_str()),
        (Some(1), ""),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("taken"), "{}", run.stderr);
    assert_eq!(std::fs::read(path).unwrap(), b"precious");
}

/// `arguments` run into a fresh directory, as JSON.
fn compared(arguments: &[&str]) -> serde_json::Value {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let mut arguments = with_out(arguments, &out);
    arguments.push("--json");
    let run = run(&arguments);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    run.json()
}

/// Runs that end on the way down to the minima: T of 16 seeds was 8.2 ± 1.2 and 13.6 ± 1.0, where the slow flow
/// from the minima is at 16.7. The path must be within those errors, and much closer seed by seed: |z| < 4, a
/// false alarm in a thousand.
#[test]
fn a_run_that_ends_before_the_minima_is_predicted_there() {
    for (steps, sharpness, error) in [("100", 8.2, 1.2), ("1000", 13.6, 1.0)] {
        let found = compared(&[
            "simulate",
            "--depth",
            "3",
            "--noise",
            "1,0.1",
            "--learning-rate",
            "0.003",
            "--batch",
            "10",
            "--seeds",
            "16",
            "--steps",
            steps,
            "--out",
        ]);
        let (row, validity) = (&found["sharpness"], &found["validity"]);
        for key in ["mean", "slow_flow"] {
            let value = row[key].as_f64().unwrap();
            assert!((value - sharpness).abs() < error, "{steps}: {key} {value}");
        }
        for quantity in ["sharpness", "lambda_max", "fluctuation"] {
            let z = found[quantity]["slow_flow_z"].as_f64().unwrap();
            assert!(z.abs() < 4.0, "{steps}: {quantity} {z}");
        }
        let steps: f64 = steps.parse().unwrap();
        assert!(validity["arrival_step"].as_f64().unwrap() > steps);
        assert!(validity["distance"].as_f64().unwrap() > 0.1);
    }
}

/// Nearly dependent inputs, 10⁵ steps: SGD has T = 20.7 ± 1.4, the slow flow from the minima 45.0.
#[test]
fn a_slow_descent_is_told_on_the_page() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/cli/cases/longley-standardised.toml"
    );
    let found = compared(&["simulate", file, "--out"]);
    let value = found["sharpness"]["slow_flow"].as_f64().unwrap();
    assert!((value - 20.7).abs() < 1.4, "{value}");
    let z = found["sharpness"]["slow_flow_z"].as_f64().unwrap();
    assert!(z.abs() < 4.0, "{z}");
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let page = run(&with_out(
        &["simulate", file, "--steps", "1000", "--out"],
        &out,
    ));
    let words: Vec<&str> = page.stdout.split_whitespace().collect();
    let text = words.join(" ");
    assert!(
        text.contains("still on their way down to the minima"),
        "{text}"
    );
}

/// Every run diverges at this step size: an outcome, not a NaN in a table.
#[test]
fn divergence_is_reported_as_such() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let mut arguments = RUN;
    arguments[6] = "5";
    let page = run(&with_out(&arguments, &out));
    assert_eq!(page.status, Some(0), "{}", page.stderr);
    assert!(
        page.stdout.contains("All 2 runs diverged"),
        "{}",
        page.stdout
    );
    assert!(!page.stdout.contains("NaN"), "{}", page.stdout);
    assert!(
        page.stdout.contains("No slow flow: every run diverged"),
        "{}",
        page.stdout
    );
}
