//! Theory and simulation share no code but the problem, so that their agreement proves something.

#![expect(clippy::unwrap_used, reason = "the helpers are tests too")]

use std::path::{Path, PathBuf};

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// The first line of code in `module` that names one of `others`, with its file.
fn import(module: &str, others: &[&str]) -> Option<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src")
        .join(module);
    let files = sources(&directory);
    assert!(!files.is_empty(), "{module} has no sources");
    let names = |line: &str| {
        let code = line.split("//").next().unwrap_or_default();
        others.iter().any(|other| {
            code.split(|c: char| !(c.is_alphanumeric() || c == '_'))
                .any(|word| word == *other)
                && (code.contains("crate") || code.contains("super") || code.contains("::"))
        })
    };
    files.iter().find_map(|file| {
        let text = std::fs::read_to_string(file).unwrap();
        let line = text.lines().find(|line| names(line))?;
        Some(format!("{}: {line}", file.display()))
    })
}

#[test]
fn theory_and_flow_do_not_know_the_simulator() {
    assert_eq!(import("theory", &["simulate"]), None);
    assert_eq!(import("flow", &["simulate"]), None);
}

#[test]
fn the_simulator_knows_neither_theory_nor_flow() {
    assert_eq!(import("simulate", &["theory", "flow"]), None);
    assert_eq!(import("random", &["theory", "flow", "simulate"]), None);
    assert_eq!(import("lanes", &["theory", "flow", "simulate"]), None);
}

/// The scan finds what is there.
#[test]
fn the_scan_sees_imports() {
    assert!(import("simulate", &["problem"]).is_some());
}
