//! The driver itself: whole inputs are accepted, a few damaged ones are told as errors.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::process::{Command, Output};

fn fuzz(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_thalweg-fuzz");
    Command::new(program).args(arguments).output().unwrap()
}

#[test]
fn a_few_inputs_of_every_kind_are_told_as_errors() {
    let output = fuzz(&["--runs", "25", "--seed", "1"]);
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert!(output.status.success(), "{out}{err}");
    assert_eq!(out.lines().count(), 9, "{out}");
    assert!(
        out.lines().all(|line| line.contains(" 25 inputs, ")),
        "{out}"
    );
}

#[test]
fn an_unknown_target_is_told_which_there_are() {
    let output = fuzz(&["--target", "nothing"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("safetensors"));
}
