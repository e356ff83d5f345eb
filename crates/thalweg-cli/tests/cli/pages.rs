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

#[test]
fn an_error_reads_well() {
    let file =
        "depth = 2\ninput_covariance = [[1.0]]\nteacher = [[1.0]]\nnoise_covariance = [[-1.0]]\n";
    insta::assert_snapshot!(run_with_input(&["predict", "-"], file.as_bytes()).whole());
}

#[test]
fn predict_with_stability_at_a_step_size() {
    for (name, rate) in [
        ("in-range", "0.003"),
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
