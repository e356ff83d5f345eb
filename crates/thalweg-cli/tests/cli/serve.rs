//! `thalweg serve`: its picture is the one that is shown, and it says what is wrong before it serves.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;

use tempfile::tempdir;

use crate::harness::{run, thalweg};

/// The numbers of a picture, and the text between them.
fn numbers(svg: &str) -> (Vec<f64>, Vec<&str>) {
    let is_part = |c: char| c.is_ascii_digit() || c == '.' || c == '-';
    let mut texts = Vec::new();
    let mut found = Vec::new();
    // Not those of the style sheet or of a colour.
    for word in svg.split([' ', ',', '"', '>', '<']) {
        match word.parse() {
            Ok(number) if word.chars().all(is_part) => found.push(number),
            _ => texts.push(word),
        }
    }
    (found, texts)
}

#[test]
fn the_picture_that_is_shown_is_what_the_command_writes() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("valley.svg");
    let written = run(&["serve", "--picture", file.to_str().unwrap()]);
    assert_eq!(written.status, Some(0), "{}", written.stderr);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shown = std::fs::read_to_string(root.join("docs/src/valley.svg")).unwrap();
    let made = std::fs::read_to_string(&file).unwrap();
    let ((shown, shown_text), (made, made_text)) = (numbers(&shown), numbers(&made));
    assert_eq!(shown_text, made_text);
    assert_eq!(shown.len(), made.len());
    assert!(shown.len() > 3000);
    // Coordinates have two decimals: another processor may round the last one otherwise.
    for (i, (shown, made)) in shown.iter().zip(&made).enumerate() {
        assert!(
            (shown - made).abs() < 0.011,
            "number {i}: {shown} and {made}"
        );
    }
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let first = readme.split("![").nth(1).unwrap();
    assert!(
        first
            .split_once("](")
            .unwrap()
            .1
            .starts_with("docs/src/valley.svg)")
    );
}

#[test]
fn what_cannot_be_served_is_said_at_once() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (arguments, words) in [
        (vec!["--port", &port], "--port 0 takes any that is free"),
        (vec!["--host", "no.such.host.invalid"], "is not known here"),
        (vec!["no-such-folder"], "no-such-folder is no folder"),
        (vec!["--picture", "x.png"], "name it x.svg"),
    ] {
        let run = run(&[&["serve"], &arguments[..]].concat());
        assert_eq!(run.status, Some(2), "{arguments:?}");
        assert!(run.stderr.contains(words), "{}", run.stderr);
        assert_eq!(run.stdout, "");
    }
}

/// A program that has printed its address has its port: nobody else can take it.
#[test]
fn the_printed_address_is_its_own() {
    let mut child = thalweg(&["serve", "--port", "0"]).spawn().unwrap();
    let mut url = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    lines.read_line(&mut url).unwrap();
    let address = url.trim().strip_prefix("http://").unwrap();
    assert!(address.starts_with("127.0.0.1:"), "{url}");
    assert!(TcpListener::bind(address.trim_end_matches('/')).is_err());
    child.kill().unwrap();
    child.wait().unwrap();
}
