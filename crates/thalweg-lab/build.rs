//! Tells the library which commit it is built from, where there is one.

#![allow(
    clippy::disallowed_macros,
    reason = "a build script speaks to Cargo by printing"
)]

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Sources and the log of HEAD: an edit or a commit, and nothing else, changes the answer.
    println!("cargo::rerun-if-changed=..");
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"])
        && std::fs::exists(&log).unwrap_or(false)
    {
        println!("cargo::rerun-if-changed={log}");
    }
    let Some(commit) = git(&["rev-parse", "HEAD"]) else {
        return;
    };
    // Sources unpacked inside somebody else's repository are not of its commit.
    if git(&["ls-files", "build.rs"]).is_none_or(|tracked| tracked.is_empty()) {
        return;
    }
    let clean =
        git(&["status", "--porcelain", "--", ".."]).is_some_and(|changes| changes.is_empty());
    let changes = if clean { "" } else { "+changes" };
    println!("cargo::rustc-env=THALWEG_COMMIT={commit}{changes}");
}

/// What `git` answers, or nothing if there is no git or no repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
