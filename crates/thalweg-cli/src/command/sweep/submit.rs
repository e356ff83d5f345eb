//! `thalweg sweep submit`: hands the cells that are missing to a batch system.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use serde_json::json;
use thalweg_lab::store::{create_folder, write_whole};
use thalweg_lab::sweep::{self, Store};

use super::failure;
use crate::exit::Failure;
use crate::output;

/// Hand the cells that are missing to Slurm, as arrays of tasks
///
/// Each task does one cell, or several short ones. Before its time is up, and when
/// its node is taken away, it saves its state, queues itself again and goes on, to
/// the same bits; a task that was killed is tried three times more. What is still
/// missing afterwards is submitted by the same command.
///
/// Nothing else is to be done on the cluster: the store's folder must be one that
/// all nodes see, with file locks, and the program must lie at the same path.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub struct Arguments {
    /// The store of a sweep (`thalweg sweep plan FILE --out STORE` makes one)
    #[arg(value_name = "STORE")]
    store: PathBuf,
    /// By Slurm's sbatch
    #[arg(long, required = true)]
    slurm: bool,
    /// Cells of one task [default: as many as take ten minutes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    per_task: Option<u64>,
    /// The most tasks of an array that run at a time
    #[arg(long, value_name = "K", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    at_once: u64,
    /// Print the commands without giving them
    #[arg(long)]
    dry_run: bool,
    /// Print what was submitted as one JSON object
    #[arg(long)]
    json: bool,
    /// Options for sbatch: time, memory, partition, account, …
    #[arg(last = true, value_name = "SBATCH OPTIONS")]
    options: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
    thalweg sweep plan sweep.toml --out store
    thalweg sweep submit store --slurm -- --time=4:00:00 --mem=2G --cpus-per-task=2
    thalweg sweep status store";

/// What every task runs.
const JOB: &str = include_str!("job.sh");

/// Seconds that a task should take: the scheduler's own work for it is then less than a per cent.
const TASK: f64 = 600.0;

/// The indices that an array may have where the cluster does not say: Slurm's own default.
const USUAL_ARRAY: usize = 1001;

#[derive(Debug, thiserror::Error)]
enum SubmitError {
    #[error("`{program}` cannot be run here: {source}; submit from a machine of the cluster")]
    Missing {
        program: String,
        source: std::io::Error,
    },
    #[error("sbatch refused the array {array}: {words}")]
    Refused { array: String, words: String },
    #[error("the program's own path is not known: {0}")]
    Program(std::io::Error),
}

/// Submits, and prints the arrays.
///
/// # Errors
/// A directory that holds no sweep, a folder that cannot be written, or a batch system that refuses.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let store = Store::open(&arguments.store).map_err(failure)?;
    let missing = sweep::missing(&store).map_err(failure)?;
    let each = match arguments.per_task {
        Some(each) => usize::try_from(each).unwrap_or(usize::MAX),
        None => per_task(&store, missing.len())?,
    };
    let largest = if arguments.dry_run {
        None
    } else {
        max_array_size()
    };
    let arrays = arrays(&missing, each, largest.unwrap_or(USUAL_ARRAY));
    let commands = commands(arguments, &store, each, &arrays)?;
    if arguments.dry_run {
        let lines: String = commands
            .iter()
            .map(|command| command.join(" ") + "\n")
            .collect();
        return output::print(&lines);
    }
    let mut jobs = Vec::new();
    for (command, array) in commands.iter().zip(&arrays) {
        jobs.push(submit(command, array).map_err(Failure::work)?);
    }
    let tasks: usize = arrays.iter().map(|array| array.blocks.len()).sum();
    if arguments.json {
        return output::print_json(&json!({
            "jobs": jobs, "tasks": tasks, "cells": missing.len(), "cells_per_task": each,
        }));
    }
    let mut words = match missing.len() {
        0 => "nothing is missing\n".to_owned(),
        cells => format!("{cells} cells in {tasks} tasks, {each} cells each\n"),
    };
    for job in jobs {
        words += &format!("submitted array {job}\n");
    }
    output::print(&words)
}

/// So many cells that a task takes ten minutes, by what the finished ones took or else by a timed one of each kind.
fn per_task(store: &Store, missing: usize) -> Result<usize, Failure> {
    let status = sweep::status(store).map_err(failure)?;
    let seconds = match status.core_seconds_left {
        Some(seconds) => seconds / missing.max(1) as f64,
        None => {
            let estimate = sweep::estimate(store.sweep()).map_err(failure)?;
            estimate.core_seconds / estimate.cells.max(1) as f64
        }
    };
    Ok(((TASK / seconds.max(1e-3)) as usize).clamp(1, missing.max(1)))
}

/// One array: its first block, and which blocks of cells it does, counted from there.
#[derive(Debug, PartialEq, Eq)]
struct Array {
    first: usize,
    blocks: Vec<usize>,
}

/// The arrays for the cells `missing`, `each` to a task: indices below `largest`.
fn arrays(missing: &[usize], each: usize, largest: usize) -> Vec<Array> {
    let mut arrays: Vec<Array> = Vec::new();
    for number in missing {
        let block = number / each;
        let first = block - block % largest;
        let place = block - first;
        match arrays.last_mut() {
            Some(array) if array.first == first => {
                if array.blocks.last() != Some(&place) {
                    array.blocks.push(place);
                }
            }
            _ => arrays.push(Array {
                first,
                blocks: vec![place],
            }),
        }
    }
    arrays
}

impl Array {
    /// Its indices as sbatch takes them: 0-3,7.
    fn indices(&self) -> String {
        let runs = self.blocks.chunk_by(|a, b| a + 1 == *b);
        let words = runs.map(|run| match run {
            [one] => one.to_string(),
            [first, .., last] => format!("{first}-{last}"),
            [] => String::new(),
        });
        words.collect::<Vec<_>>().join(",")
    }
}

/// What is given for each of `arrays`, with its script and the folder of its logs made.
fn commands(
    arguments: &Arguments,
    store: &Store,
    each: usize,
    arrays: &[Array],
) -> Result<Vec<Vec<String>>, Failure> {
    let own =
        std::env::current_exe().map_err(|error| Failure::work(SubmitError::Program(error)))?;
    let path = std::path::absolute(store.path());
    let path = path.map_err(|error| Failure::work(SubmitError::Program(error)))?;
    let folder = path.join("slurm");
    let logs = folder.join("logs");
    let script = folder.join("job.sh");
    if !arguments.dry_run && !arrays.is_empty() {
        let write = create_folder(&logs).and_then(|()| write_whole(&script, JOB.as_bytes()));
        write.map_err(|error| Failure::stored(&error, &error))?;
    }
    let text = |path: &Path| path.display().to_string();
    let cells = store.sweep().cells();
    let command = |array: &Array| {
        let mut command = vec![
            "sbatch".to_owned(),
            "--parsable".to_owned(),
            format!("--array={}%{}", array.indices(), arguments.at_once),
            "--requeue".to_owned(),
            "--open-mode=append".to_owned(),
            "--signal=B:TERM@60".to_owned(),
            format!("--output={}/%A_%a.log", text(&logs)),
            "--job-name=thalweg".to_owned(),
        ];
        command.extend(arguments.options.iter().cloned());
        command.extend([
            text(&script),
            text(&own),
            text(&path),
            each.to_string(),
            array.first.to_string(),
            cells.to_string(),
        ]);
        command
    };
    Ok(arrays.iter().map(command).collect())
}

/// The job's number.
fn submit(command: &[String], array: &Array) -> Result<String, SubmitError> {
    let (program, rest) = command
        .split_first()
        .map_or(("sbatch", &[][..]), |(p, r)| (p, r));
    let ran = Command::new(program).args(rest).output();
    let ran = ran.map_err(|source| SubmitError::Missing {
        program: program.to_owned(),
        source,
    })?;
    if ran.status.success() {
        // Followed by the cluster's name where there are several.
        let words = String::from_utf8_lossy(&ran.stdout).into_owned();
        return Ok(words
            .trim()
            .split(';')
            .next()
            .unwrap_or_default()
            .to_owned());
    }
    Err(SubmitError::Refused {
        array: array.indices(),
        words: String::from_utf8_lossy(&ran.stderr).trim().to_owned(),
    })
}

/// How many indices an array may have: MaxArraySize is one more than the largest.
fn max_array_size() -> Option<usize> {
    let shown = Command::new("scontrol")
        .args(["show", "config"])
        .output()
        .ok()?;
    size_in(&String::from_utf8_lossy(&shown.stdout))
}

fn size_in(config: &str) -> Option<usize> {
    let line = config
        .lines()
        .find(|line| line.trim_start().starts_with("MaxArraySize"))?;
    let size = line.split('=').nth(1)?.trim().parse().ok()?;
    (size > 0).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten cells, two to a task, indices below three: blocks 0–2 in one array, 3 and 4 in the next.
    #[test]
    fn arrays_are_cut_where_the_cluster_says() {
        let all: Vec<usize> = (0..10).collect();
        let cut = arrays(&all, 2, 3);
        let expected = [(0, vec![0, 1, 2]), (3, vec![0, 1])];
        let expected = expected.map(|(first, blocks)| Array { first, blocks });
        assert_eq!(cut, expected);
        // Cells 1, 2 and 9 alone: blocks 0, 1 and 4.
        let some = arrays(&[1, 2, 9], 2, 1001);
        assert_eq!(some.len(), 1);
        assert_eq!(some[0].indices(), "0-1,4");
        assert_eq!(arrays(&[], 2, 3), []);
    }

    #[test]
    fn the_clusters_own_words_are_read() {
        let config = "MaxArraySize            = 21\nMaxDBDMsgs = 20000\n";
        assert_eq!(size_in(config), Some(21));
        assert_eq!(size_in("MaxArraySize = 0"), None);
        assert_eq!(size_in(""), None);
    }
}
