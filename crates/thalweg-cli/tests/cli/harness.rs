//! Runs the built program and collects what it prints.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// What one run of the program left behind.
pub struct Run {
    /// The exit status; `None` after a signal.
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// The one JSON object on standard output.
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.status, Some(0), "{}", self.stderr);
        serde_json::from_str(&self.stdout).expect("standard output is one JSON value")
    }

    /// Everything, as a snapshot shows it.
    pub fn whole(&self) -> String {
        let (status, stdout, stderr) = (self.status, &self.stdout, &self.stderr);
        format!("status: {status:?}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }
}

/// The program with these arguments, away from the terminal and the environment of the test.
pub fn thalweg(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thalweg"));
    command
        .args(arguments)
        .env_remove("COLUMNS")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs to the end without input.
pub fn run(arguments: &[&str]) -> Run {
    run_with_input(arguments, b"")
}

/// Runs to the end with `input` on standard input.
pub fn run_with_input(arguments: &[&str], input: &[u8]) -> Run {
    let mut child = thalweg(arguments).stdin(Stdio::piped()).spawn().unwrap();
    // A program that refuses its arguments may be gone before it reads.
    let _ = child.stdin.take().unwrap().write_all(input);
    collected(child)
}

/// What a process that ends leaves behind.
pub fn collected(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    Run {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A file of this name and content, in its own directory.
pub fn file(name: &str, content: &[u8]) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, content).unwrap();
    (directory, path)
}

/// Runs until `begins` exists and a little longer, then sends `signal`.
pub fn interrupted(arguments: &[&str], signal: &str, begins: &Path) -> Run {
    let child = begun(arguments, begins);
    std::thread::sleep(Duration::from_millis(300));
    send(signal, &child);
    collected(child)
}

/// A run under way, of which `begins` exists.
pub fn begun(arguments: &[&str], begins: &Path) -> Child {
    let child = thalweg(arguments).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !begins.exists() {
        assert!(Instant::now() < deadline, "the run does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

pub fn send(signal: &str, child: &Child) {
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([signal, &id])
            .status()
            .unwrap()
            .success()
    );
}

pub fn step_after(words: &str, stderr: &str) -> u64 {
    let (_, rest) = stderr
        .split_once(words)
        .unwrap_or_else(|| panic!("no {words:?} in {stderr}"));
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

/// `path` as a regular expression that matches it alone.
pub fn regex_escape(path: &str) -> String {
    path.replace('.', r"\.")
}

/// FNV-1a, 64 bits.
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// `bytes` of a file that carries its digest, that of the file with its digits as zeros, made to fit.
pub fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let label = b"fnv1a64:";
    let Some(place) = bytes.windows(8).rposition(|window| window == label) else {
        return bytes;
    };
    let digits = place + label.len()..place + label.len() + 16;
    bytes[digits.clone()].fill(b'0');
    let digest = format!("{:016x}", fnv(&bytes));
    bytes[digits].copy_from_slice(digest.as_bytes());
    bytes
}
