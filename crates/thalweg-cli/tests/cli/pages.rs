//! Snapshots of whole answers.

use crate::harness::{run, run_with_input};

#[test]
fn predict_for_the_papers_figure_2() {
    let run = run(&[
        "predict",
        "--depth",
        "3",
        "--dimension",
        "2",
        "--noise",
        "10,0.1",
    ]);
    insta::assert_snapshot!(run.whole());
}

#[test]
fn predict_a_single_layer() {
    let run = run(&["predict", "--depth", "1", "--noise", "10,0.1"]);
    insta::assert_snapshot!(run.whole());
}

#[test]
fn predict_with_its_spectrum_as_json() {
    let run = run(&["predict", "--depth", "3", "--noise", "10,0.1", "--json"]);
    insta::with_settings!({ filters => vec![
        // The last digits depend on the processor's vector width.
        (r"(\d\.\d{9})\d+", "$1…"),
        (r"(\d\d\.\d{9})\d+", "$1…"),
    ]}, { insta::assert_snapshot!(run.whole()) });
}

#[test]
fn flow_from_a_random_start() {
    let run = run(&[
        "flow",
        "--depth",
        "3",
        "--noise",
        "1,0.1",
        "--learning-rate",
        "0.003",
        "--batch",
        "10",
        "--steps",
        "1e7",
        "--points",
        "8",
    ]);
    insta::assert_snapshot!(run.whole());
}

/// The way down at leading order, then means over the fluctuation, at a step size at which it matters.
#[test]
fn flow_at_a_finite_step_size() {
    let words = "flow --depth 3 --noise 3,0.3 --learning-rate 0.01 --batch 10 --steps 1e6 --points 8 --drift finite";
    let run = run(&words.split(' ').collect::<Vec<_>>());
    insta::assert_snapshot!(run.whole());
}

#[test]
fn flow_at_a_finite_step_size_names_what_is_missing() {
    let file = r#"{"depth": 2, "input_covariance": [[1, 0], [0, 1]], "teacher": [[1, 0], [0, 1]],
        "noise_covariance": [[1, 0], [0, 0.25]], "slow_time": [0, 1], "learning_rate": 0.01}"#;
    let run = run_with_input(&["flow", "-", "--drift", "finite"], file.as_bytes());
    assert!(run.stderr.contains("(missing: --batch)"), "{}", run.stderr);
}

#[test]
fn flow_at_a_finite_step_size_is_of_plain_sgd() {
    let words = "flow --depth 3 --noise 3,0.3 --learning-rate 0.01 --batch 10 --steps 1e3 --drift finite --momentum 0.5";
    let run = run(&words.split(' ').collect::<Vec<_>>());
    assert_eq!(run.status, Some(2));
    assert!(run.stderr.contains("`momentum` is 0.5"), "{}", run.stderr);
}

/// The table begins where SGD does, not at the end of the way down.
#[test]
fn flow_starts_at_its_start() {
    // T = Σ‖A_k‖²‖B_k‖² of W_1 = diag(2, 1), W_2 = diag(1, 3) by hand: (1 + 9)·2 + 2·(4 + 1).
    let file = r#"{"depth": 2, "input_covariance": [[1, 0], [0, 1]], "teacher": [[1, 0], [0, 1]],
        "noise_covariance": [[1, 0], [0, 0.25]], "start_weights": [[[2, 0], [0, 1]], [[1, 0], [0, 3]]],
        "learning_rate": 0.001, "batch": 10, "steps": 100000}"#;
    let run = run_with_input(&["flow", "-", "--json"], file.as_bytes());
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let found = run.json();
    let first = |key: &str| found[key][0].as_f64().unwrap();
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found}");
    assert_eq!(found["step"][0], 0);
    near(first("sharpness"), 30.0);
    // Σε in A_kᵀΣεA_k: (1 + 9/4)·2 for the first layer, 5/4·5 for the second.
    near(first("fluctuation"), 12.75);
    // The eigenvalues of K = A_1A_1ᵀ ⊗ I + I ⊗ W_1ᵀW_1: 9 + 4 is the largest.
    near(first("lambda_max"), 13.0);
    // The product is diag(2, 3) beside V = I.
    near(first("distance"), (5.0f64 / 2.0).sqrt());
    let last = found["distance"].as_array().unwrap().last().unwrap();
    assert!(last.as_f64().unwrap() < 1e-9);
    assert!(found["validity"]["arrival_step"].as_f64().unwrap() > 0.0);
}

/// The verdict in data is that of the page, both ways.
#[test]
fn a_verdict_can_be_no_in_data_too() {
    for (noise, in_range) in [("1,0.1", true), ("10,0.1", false)] {
        let run = run(&[
            "flow",
            "--depth",
            "3",
            "--noise",
            noise,
            "--learning-rate",
            "0.003",
            "--batch",
            "10",
            "--steps",
            "1e6",
            "--json",
        ]);
        let validity = &run.json()["validity"];
        assert_eq!(validity["in_range"], in_range, "{noise}");
        assert_eq!(validity["warning"].is_null(), in_range, "{noise}");
    }
}

#[test]
fn an_error_reads_well() {
    let file =
        "depth = 2\ninput_covariance = [[1.0]]\nteacher = [[1.0]]\nnoise_covariance = [[-1.0]]\n";
    insta::assert_snapshot!(run_with_input(&["predict", "-"], file.as_bytes()).whole());
}

#[test]
fn predict_with_stability_at_a_step_size() {
    for (name, rate) in [
        ("in-range", "0.002"),
        ("out-of-range", "0.05"),
        ("beyond-the-edge", "0.2"),
    ] {
        let run = run(&[
            "predict",
            "--depth",
            "3",
            "--noise",
            "1,0.1",
            "--learning-rate",
            rate,
            "--batch",
            "10",
        ]);
        insta::assert_snapshot!(name, run.whole());
    }
}
