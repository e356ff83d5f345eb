//! A reader that leaves early.

use std::io::Read;

use crate::harness::thalweg;

/// 10⁶ bytes of spectrum into a pipe that nobody reads to its end.
#[test]
fn a_closed_pipe_ends_the_program_quietly() {
    let mut child = thalweg(&[
        "predict",
        "--depth",
        "2",
        "--dimension",
        "150",
        "--noise",
        "power:1",
        "--spectrum",
        "--json",
    ])
    .spawn()
    .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut start = [0; 10];
    stdout.read_exact(&mut start).unwrap();
    drop(stdout);
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(stderr, "");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
