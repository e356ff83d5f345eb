//! README and book show what the program really prints: each of their `console` blocks is run again.

#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One `$ thalweg …` of a page with the lines shown below it.
struct Example {
    command: String,
    shown: Vec<String>,
}

fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if inside {
            if let Some(command) = line.strip_prefix("$ ") {
                examples.push(Example {
                    command: command.to_owned(),
                    shown: Vec::new(),
                });
            } else if let Some(example) = examples.last_mut() {
                example.shown.push(line.to_owned());
            }
        }
    }
    examples
}

/// Whether `shown` is what was printed, where a line `…` stands for any number of lines.
fn matches(shown: &[&str], printed: &[&str]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((&"…", rest)) => (0..=printed.len()).any(|skip| matches(rest, &printed[skip..])),
        Some((line, rest)) => printed.first() == Some(line) && matches(rest, &printed[1..]),
    }
}

/// The README and the pages of the book.
fn pages(root: &Path) -> Vec<PathBuf> {
    let book = fs::read_dir(root.join("docs/src")).unwrap();
    let mut pages: Vec<_> = book.map(|entry| entry.unwrap().path()).collect();
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.push(root.join("README.md"));
    pages
}

/// Runs a page's commands one after another, in a folder that has the lab's example experiments.
fn check(root: &Path, page: &Path) -> usize {
    let examples = examples(&fs::read_to_string(page).unwrap());
    let scratch = tempfile::tempdir().unwrap();
    let examples_folder = "crates/thalweg-lab/examples";
    let folder = scratch.path().join(examples_folder);
    fs::create_dir_all(&folder).unwrap();
    for file in fs::read_dir(root.join(examples_folder)).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), folder.join(file.file_name())).unwrap();
    }
    for Example { command, shown } in &examples {
        let mut words = command.split_whitespace();
        assert_eq!(words.next(), Some("thalweg"), "not ours to run: {command}");
        let output = Command::new(env!("CARGO_BIN_EXE_thalweg"))
            .args(words)
            .current_dir(scratch.path())
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let shown: Vec<&str> = shown.iter().map(|line| line.trim_end()).collect();
        let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
        assert!(
            matches(&shown, &lines),
            "`{command}` prints other than {} shows:\n{printed}\n{}",
            page.display(),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    examples.len()
}

#[test]
fn console_blocks_are_what_the_program_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for page in pages(&root) {
        let count = check(&root, &page);
        let shows = ["README.md", "docs/src/networks.md"].map(|name| root.join(name));
        assert!(
            count > 0 || !shows.contains(&page),
            "{} shows no output",
            page.display()
        );
    }
}
