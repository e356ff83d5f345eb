//! Several runs on one page.

use std::path::Path;

use serde_json::Value;

use crate::harness::{Run, run};

fn simulated(folder: &Path, name: &str, noise: &str) -> String {
    let out = folder.join(name).to_str().unwrap().to_owned();
    let words = format!(
        "simulate --depth 2 --noise {noise} --learning-rate 0.01 --batch 10 --steps 200 --seeds 3 --out {out}"
    );
    let made = run(&words.split(' ').collect::<Vec<_>>());
    assert_eq!(made.status, Some(0), "{}", made.stderr);
    out
}

fn refused(found: &Run, sentence: &str) {
    assert_eq!(found.status, Some(2));
    assert!(found.stderr.contains(sentence), "{}", found.stderr);
    assert_eq!(found.stdout, "");
}

#[test]
fn runs_stand_beside_one_another_as_data_and_on_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let one = simulated(folder.path(), "one", "1,1");
    let other = simulated(folder.path(), "other", "1,0.1");
    let found = run(&["report", &one, &other, "--json"]).json();
    assert_eq!(found["runs"][1]["label"], Value::from(other.clone()));
    assert_eq!(found["differences"][0]["field"], "problem.noise_covariance");
    // Both have the same starts, and noise of a hundredth in one of two directions leaves about half of F.
    let factor = &found["ends"]["fluctuation"][1]["factor"];
    let mean = factor["mean"].as_f64().unwrap();
    assert!(0.3 < mean && mean < 0.8, "{factor}");
    assert_eq!(factor["count"], 3);
    let page = folder.path().join("page.html");
    let place = page.to_str().unwrap();
    let written = run(&["report", &one, &other, "--out", place]);
    assert_eq!(written.stdout, format!("{place}\n"));
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("problem.noise_covariance") && page.contains("<svg"));
}

#[test]
fn what_does_not_go_together_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let one = simulated(folder.path(), "one", "1,1");
    refused(
        &run(&["report", &one, "--json"]),
        "leave --json out, or give another run",
    );
    refused(
        &run(&["report", &one, &one, "--watch", "1"]),
        "--watch is for one directory",
    );
    refused(
        &run(&["report", &one, "missing"]),
        "there is no such directory",
    );
    let many = [&*one; 7];
    refused(&run(&[&["report"], &many[..]].concat()), "give 6 at most");
}
