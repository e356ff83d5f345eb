//! `thalweg sweep submit`: hands the cells that are missing to a batch system.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use serde_json::json;
use thalweg_lab::shell::quoted;
use thalweg_lab::store::{create_folder, write_whole};
use thalweg_lab::sweep::{self, Listed, Store};

use super::failure;
use crate::exit::Failure;
use crate::output;

/// Hand the cells that are missing to Slurm, as arrays of tasks
///
/// Each task runs one cell, or several short ones. A task saves its state before
/// its time is up and when its node is taken away, puts itself into the queue
/// again, and continues later, to the same bits. A task whose program is killed is
/// tried three times more. If cells are still missing when the queue is empty, give
/// the same command again.
///
/// Tasks run the cells that were missing when they were submitted, also if the
/// sweep is changed before they start. Cells that you add later need the same
/// command again; cells that you take out are not run.
///
/// The store must be in a folder that all nodes see, on a file system with locks,
/// and the program must be at the same path on all nodes.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub struct Arguments {
    /// The store of a sweep (`thalweg sweep plan FILE --out STORE` makes one)
    #[arg(value_name = "STORE")]
    store: PathBuf,
    /// Submit with Slurm's sbatch
    #[arg(long, required = true)]
    slurm: bool,
    /// Cells in one task [default: as many as take ten minutes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    per_task: Option<u64>,
    /// The most tasks of an array that run at the same time
    #[arg(long, value_name = "K", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    at_once: u64,
    /// Print the commands, quoted for a shell; submit and write nothing
    #[arg(long, conflicts_with = "json")]
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

/// The tasks that an array may have where the cluster does not say: Slurm's own default.
const USUAL_ARRAY: usize = 1001;

/// What `submit` itself says to sbatch, with the letter that stands for it, and how else its aim is reached.
const OURS: [(&str, Option<char>, &str); 6] = [
    (
        "--array",
        Some('a'),
        "--per-task and --at-once, before the `--`, say how many tasks there are",
    ),
    (
        "--signal",
        None,
        "a task saves its state sixty seconds before its time is up",
    ),
    (
        "--output",
        Some('o'),
        "the logs lie in slurm/logs in the store",
    ),
    (
        "--requeue",
        None,
        "tasks are always requeued, and go on where they were",
    ),
    (
        "--no-requeue",
        None,
        "a task whose time is up goes on in the queue; `scancel` ends it",
    ),
    ("--open-mode", None, "a requeued task goes on in its log"),
];

/// Which of [`OURS`] an option for sbatch is, also shortened as sbatch allows.
fn set_by_us(given: &str) -> Option<usize> {
    let name = given.split('=').next().unwrap_or(given);
    let is = |(long, letter, _): &(&str, Option<char>, &str)| {
        let shortened = name.len() > 3 && name.starts_with("--") && long.starts_with(name);
        let by_letter = letter.is_some_and(|letter| given.starts_with(&format!("-{letter}")));
        shortened || by_letter
    };
    OURS.iter().position(is)
}

#[derive(Debug, thiserror::Error)]
enum SubmitError {
    #[error("{} is set by `thalweg sweep submit` itself, and cannot stand behind the `--`: {}", OURS[*option].0, OURS[*option].2)]
    Ours { option: usize },
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
    if let Some(option) = arguments.options.iter().find_map(|given| set_by_us(given)) {
        return Err(Failure::input(SubmitError::Ours { option }));
    }
    let store = Store::open(&arguments.store).map_err(failure)?;
    let missing = sweep::missing(&store).map_err(failure)?;
    let each = match arguments.per_task {
        Some(each) => usize::try_from(each).unwrap_or(usize::MAX),
        None => per_task(&store, missing.len())?,
    };
    let largest = max_array_size();
    let arrays = arrays(missing.len(), each, largest.unwrap_or(USUAL_ARRAY));
    let commands = commands(arguments, &store, &missing, each, &arrays)?;
    if arguments.dry_run {
        return output::print(&lines(&commands, largest));
    }
    let mut jobs = Vec::new();
    for (command, array) in commands.iter().zip(&arrays) {
        jobs.push(submit(command, array).map_err(Failure::work)?);
    }
    let tasks: usize = arrays.iter().map(|array| array.tasks).sum();
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

/// `commands` for a shell, after remarks on what they need and on the size of arrays, `largest` if the cluster says it.
fn lines(commands: &[Vec<String>], largest: Option<usize>) -> String {
    if commands.is_empty() {
        return "# Nothing is missing.\n".to_owned();
    }
    let mut lines = "# Nothing is submitted, and neither the script nor the list of cells that the commands name is written:\n\
                     # the same command without --dry-run does both.\n"
        .to_owned();
    lines += &match largest {
        Some(size) => format!("# The cluster allows {size} tasks in an array (MaxArraySize).\n"),
        None => format!(
            "# No cluster says here how many tasks an array may have (`scontrol show config`, MaxArraySize):\n\
             # {USUAL_ARRAY} are assumed, Slurm's default.\n"
        ),
    };
    for command in commands {
        let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
        lines += &(words.join(" ") + "\n");
    }
    lines
}

/// So many cells that a task takes ten minutes, by what the finished ones took or else by a timed one of each kind.
fn per_task(store: &Store, missing: usize) -> Result<usize, Failure> {
    let status = sweep::status(store).map_err(failure)?;
    let status = status.estimated_before_the_first(store).map_err(failure)?;
    let seconds = status.core_seconds_left.unwrap_or(0.0) / missing.max(1) as f64;
    Ok(((TASK / seconds.max(1e-3)) as usize).clamp(1, missing.max(1)))
}

/// One array: tasks as many as it may have, of which the first is the task `first` of all.
#[derive(Debug, PartialEq, Eq)]
struct Array {
    first: usize,
    tasks: usize,
}

/// The arrays for `cells`, `each` to a task: of `largest` tasks at most.
fn arrays(cells: usize, each: usize, largest: usize) -> Vec<Array> {
    let tasks = cells.div_ceil(each);
    let array = |first: usize| Array {
        first,
        tasks: (tasks - first).min(largest),
    };
    (0..tasks).step_by(largest).map(array).collect()
}

impl Array {
    /// Its indices as sbatch takes them: 0-3.
    fn indices(&self) -> String {
        match self.tasks {
            1 => "0".to_owned(),
            tasks => format!("0-{}", tasks - 1),
        }
    }
}

/// What is given for each of `arrays`, with its script, its list of cells and the folder of its logs made.
fn commands(
    arguments: &Arguments,
    store: &Store,
    missing: &[usize],
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
    let list = Listed::new(store, missing);
    if !arguments.dry_run && !arrays.is_empty() {
        let write = create_folder(&logs)
            .and_then(|()| write_whole(&script, JOB.as_bytes()))
            .and_then(|()| list.write(&folder));
        write.map_err(|error| Failure::stored(&error, &error))?;
    }
    let text = |path: &Path| path.display().to_string();
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
            text(&list.path(&folder)),
            each.to_string(),
            array.first.to_string(),
            missing.len().to_string(),
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

    /// Nine cells, two to a task, three tasks to an array: tasks 0 to 2, and 3 and 4.
    #[test]
    fn arrays_are_cut_where_the_cluster_says() {
        let cut = arrays(9, 2, 3);
        let expected = [(0, 3), (3, 2)].map(|(first, tasks)| Array { first, tasks });
        assert_eq!(cut, expected);
        assert_eq!([cut[0].indices(), cut[1].indices()], ["0-2", "0-1"]);
        assert_eq!(arrays(1, 2, 3)[0].indices(), "0");
        assert_eq!(arrays(0, 2, 3), []);
    }

    #[test]
    fn what_is_set_by_us_is_known_however_it_is_written() {
        for (given, option) in [
            ("--array=0-3", "--array"),
            ("--arr", "--array"),
            ("-a0-3", "--array"),
            ("-o", "--output"),
            ("--output=log", "--output"),
            ("--signal=TERM@30", "--signal"),
            ("--requeue", "--requeue"),
            ("--no-requeue", "--no-requeue"),
            ("--open-mode=truncate", "--open-mode"),
        ] {
            assert_eq!(set_by_us(given).map(|n| OURS[n].0), Some(option), "{given}");
        }
        for free in [
            "--time=5",
            "-A",
            "--account=a",
            "--overcommit",
            "--error=e",
            "--reservation=r",
            "5",
        ] {
            assert_eq!(set_by_us(free), None, "{free}");
        }
    }

    /// What a shell makes of the printed words is what was printed.
    #[cfg(unix)]
    #[test]
    fn printed_words_can_be_pasted() {
        let words = [
            "plain/a_b-c=1,2%3",
            "two words",
            "it's",
            "$HOME",
            "",
            "a;b*",
            "\"q\"",
        ];
        let line: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        let script = format!("printf '%s\\n' {}", line.join(" "));
        let shell = Command::new("sh").args(["-c", &script]).output().unwrap();
        let said = String::from_utf8(shell.stdout).unwrap();
        assert_eq!(said.lines().collect::<Vec<_>>(), words);
        let printed = lines(&[vec!["sbatch".to_owned(), "a b".to_owned()]], None);
        assert!(printed.ends_with("\nsbatch 'a b'\n"), "{printed}");
        let commands = |line: &&str| !line.starts_with('#');
        assert_eq!(printed.lines().filter(commands).count(), 1);
        assert_eq!(lines(&[], None), "# Nothing is missing.\n");
    }

    #[test]
    fn the_clusters_own_words_are_read() {
        let config = "MaxArraySize            = 21\nMaxDBDMsgs = 20000\n";
        assert_eq!(size_in(config), Some(21));
        assert_eq!(size_in("MaxArraySize = 0"), None);
        assert_eq!(size_in(""), None);
    }
}
