//! The README shows what the program really prints: each of its `console` blocks is run again.

use std::path::Path;
use std::process::Command;

/// One `$ thalweg …` of the README with the lines shown below it.
struct Example {
    command: String,
    shown: Vec<String>,
}

fn examples(readme: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
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

#[test]
fn console_blocks_are_what_the_program_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let examples = examples(&readme);
    assert!(!examples.is_empty(), "the README shows no output");
    let scratch = tempfile::tempdir().unwrap();
    for Example { command, shown } in examples {
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
            "`{command}` prints other than the README shows:\n{printed}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
