//! `thalweg sweep run`: does the cells that are missing.

use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;
use thalweg_lab::answer;
use thalweg_lab::run::Note;
use thalweg_lab::sweep::{self, CellRecord, Done, Listed, Progress, Store, Task, Which};

use super::given::Given;
use super::{failure, status};
use crate::exit::Failure;
use crate::{interrupt, leave, output, progress};

/// Run the cells that are missing, on all cores
///
/// FILE with --out makes the store, or adds the new cells of FILE to it: axes and
/// values may be added to a sweep, but its base must stay the same. STORE alone
/// continues a sweep. Several such commands may work on one store at the same
/// time, on one machine or on several that share its folder: each cell is run once.
///
/// Ctrl-C or SIGTERM stops within a second (exit status 130) and keeps every
/// finished cell; the same command continues from there. kill -9 loses the short
/// cells of the last quarter of a second, and at most ten seconds of a long cell.
///
/// With exit status 1 some cells could not be run, and all others are finished.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    #[command(flatten)]
    given: Given,
    /// Only this cell, or several: 7, or 7,9, or 20-39
    #[arg(long, value_name = "I", value_parser = cells)]
    cell: Option<Cells>,
    /// Count the cells of --cell in this list, which `submit` writes: its numbers
    /// stay the same if the sweep is changed
    #[arg(long, value_name = "FILE", requires = "cell", verbatim_doc_comment)]
    listed: Option<PathBuf>,
    /// Try cells again that could not be run
    #[arg(long)]
    retry: bool,
    /// Print how far the sweep has come as one JSON object
    #[arg(long)]
    json: bool,
}

/// Numbers of cells.
#[derive(Clone, Debug)]
pub struct Cells(pub Vec<usize>);

/// `7`, `7,9` or `20-39`.
fn cells(text: &str) -> Result<Cells, String> {
    let wrong = |part: &str| format!("`{part}` is no number of a cell: give 7, or 7,9, or 20-39");
    let mut numbers = Vec::new();
    for part in text.split(',') {
        let number = |text: &str| text.trim().parse::<usize>().map_err(|_| wrong(part));
        match part.split_once('-') {
            None => numbers.push(number(part)?),
            Some((from, to)) => {
                let (from, to) = (number(from)?, number(to)?);
                if from > to || to - from >= 100_000_000 {
                    return Err(wrong(part));
                }
                numbers.extend(from..=to);
            }
        }
    }
    Ok(Cells(numbers))
}

/// Cells could not be run.
#[derive(Debug, thiserror::Error)]
#[error("{count} of {cells} cells could not be run; the reasons stand above, and in `thalweg sweep status {}`", store.display())]
struct FailedCells {
    count: usize,
    cells: usize,
    store: PathBuf,
}

/// Does what is missing, and prints how far the sweep has come.
///
/// # Errors
/// Bad input, a store that cannot be used, cells that could not be run, or Ctrl-C.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let store = arguments.given.store()?;
    let which = match (&arguments.cell, &arguments.listed) {
        (None, _) => Which::All,
        (Some(cells), None) => Which::Cells(cells.0.clone()),
        (Some(cells), Some(list)) => Which::Cells(listed(&store, list, &cells.0)?),
    };
    let task = Task {
        retry: arguments.retry,
        ..Task::default()
    };
    let done = work(&store, &which, task)?;
    let status = sweep::status(&store).map_err(failure)?;
    if done.stopped {
        return Err(Failure::Interrupted(format!(
            "stopped with {} of {} cells finished; they are in {}, and the same command goes on from there",
            status.finished,
            status.cells,
            store.path().display()
        )));
    }
    if arguments.json {
        output::print_json(&answer::progressed(&status))?;
    } else {
        output::print(&status::page(&store, &status))?;
    }
    if status.failed.is_empty() {
        return Ok(());
    }
    Err(Failure::work(FailedCells {
        count: status.failed.len(),
        cells: status.cells,
        store: store.path().to_owned(),
    }))
}

/// The cells in these `places` of the list in the file `path`, as `store` counts them now.
fn listed(store: &Store, path: &Path, places: &[usize]) -> Result<Vec<usize>, Failure> {
    let list = Listed::read(path).map_err(failure)?;
    let numbers = list.numbers(store, places).map_err(failure)?;
    let gone = places.len() - numbers.len();
    if gone > 0 {
        eprintln!("{gone} of these cells are no longer in the sweep, and are left out");
    }
    Ok(numbers)
}

/// Does the wanted cells of `store`, with a progress bar, until a signal stops it.
fn work(store: &Store, which: &Which, task: Task) -> Result<Done, Failure> {
    let watcher = Watcher {
        bar: progress::bar(0, "the cells"),
        store,
    };
    leave::keeping(watcher.kept("the cells that were finished before"));
    interrupt::patiently();
    let done = sweep::run(store, which, task, &watcher, interrupt::asked());
    watcher.bar.finish_and_clear();
    let done = done.map_err(failure)?;
    if !done.stopped {
        interrupt::impatiently();
    }
    Ok(done)
}

struct Watcher<'s> {
    bar: ProgressBar,
    store: &'s Store,
}

impl Watcher<'_> {
    fn kept(&self, what: &str) -> String {
        let path = self.store.path().display();
        format!("{what} are in {path}, and the same command goes on from there")
    }
}

impl Progress for Watcher<'_> {
    fn begun(&self, done: usize, wanted: usize) {
        self.bar.set_length(wanted as u64);
        self.bar.set_position(done as u64);
        // Cells that were done earlier say nothing of the speed.
        self.bar.reset_eta();
    }

    fn done(&self, _number: usize, _record: &CellRecord) {
        self.bar.inc(1);
    }

    fn saved(&self, cells: usize) {
        leave::keeping(self.kept(&format!("{cells} cells of this call, and those before it,")));
    }

    fn note(&self, number: usize, note: Note) {
        if let Note::Resumed { step } = note {
            self.bar
                .suspend(|| eprintln!("cell {number} goes on from step {step}"));
        }
    }

    fn stopping(&self) {
        interrupt::saving();
    }
}

#[cfg(test)]
mod tests {
    use super::cells;

    #[test]
    fn numbers_of_cells_are_lists_and_ranges() {
        assert_eq!(cells("7").unwrap().0, [7]);
        assert_eq!(cells("1,3-5, 9").unwrap().0, [1, 3, 4, 5, 9]);
        for wrong in ["", "a", "5-3", "1-", "-1", "1,,2"] {
            assert!(cells(wrong).is_err(), "{wrong}");
        }
    }
}
