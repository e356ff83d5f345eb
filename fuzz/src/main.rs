//! Damages files of every kind that thalweg reads, and reports each that is not told as an error.
//!
//! Input `i` of a target is a function of (seed, target, i) alone: whatever fails, fails again with
//! `--target NAME --seed S --first I --runs 1`. It is kept in `fuzz/findings` as well.

mod allocation;
mod corpus;
mod digests;
mod mutate;
mod targets;
mod trial;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

use targets::TARGETS;
use trial::{Finding, Trials};

#[global_allocator]
static ALLOCATOR: allocation::Watched = allocation::Watched;

/// Feed damaged problems, experiments, networks, images, run directories, results and pictures to their readers
#[derive(Debug, Parser)]
struct Arguments {
    /// Only this target: problem, experiment, network, safetensors, idx, run, measured, results or picture
    #[arg(long)]
    target: Option<String>,
    /// Fixes all inputs
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Number of the first input
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Inputs for each target
    #[arg(long, default_value_t = 1000)]
    runs: u64,
    /// Stop each target after so many seconds
    #[arg(long)]
    seconds: Option<u64>,
    /// Where inputs that failed are kept
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/findings"))]
    findings: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let chosen = |name: &str| {
        arguments
            .target
            .as_ref()
            .is_none_or(|target| target == name)
    };
    let targets: Vec<_> = TARGETS
        .iter()
        .filter(|target| chosen(target.name))
        .collect();
    if targets.is_empty() {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("there is no such target; there are {}", names.join(", "));
        return ExitCode::from(2);
    }
    trial::keep_panics_quiet();
    let mut failed = 0;
    for target in targets {
        let started = Instant::now();
        let late = || {
            let most = arguments.seconds.map(Duration::from_secs);
            most.is_some_and(|most| started.elapsed() >= most)
        };
        let mut trials = match Trials::new(target, arguments.seed) {
            Ok(trials) => trials,
            Err(error) => {
                eprintln!("{}: cannot be set up: {error}", target.name);
                return ExitCode::FAILURE;
            }
        };
        let (mut made, mut accepted) = (0u64, 0u64);
        for number in
            (arguments.first..).take(usize::try_from(arguments.runs).unwrap_or(usize::MAX))
        {
            if late() {
                break;
            }
            made += 1;
            match trials.run(number) {
                Ok(taken) => accepted += u64::from(taken),
                Err(finding) => {
                    failed += 1;
                    report(target.name, number, &finding, &arguments);
                }
            }
        }
        println!(
            "{:12} {made} inputs, {accepted} of them accepted, {:.1} s",
            target.name,
            started.elapsed().as_secs_f64()
        );
    }
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        eprintln!("{failed} inputs failed");
        ExitCode::FAILURE
    }
}

fn report(target: &str, number: u64, finding: &Finding, arguments: &Arguments) {
    eprintln!("{target} {number}: {}", finding.what);
    let path = arguments
        .findings
        .join(format!("{target}-{}-{number}", arguments.seed));
    let kept = std::fs::create_dir_all(&arguments.findings)
        .and_then(|()| std::fs::write(&path, &finding.input));
    match kept {
        Ok(()) => eprintln!("  kept as {}", path.display()),
        Err(error) => eprintln!("  could not be kept as {}: {error}", path.display()),
    }
}
