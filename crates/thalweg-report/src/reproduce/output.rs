//! Runs figures into a directory: pictures, data and results, each file whole or absent.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::exhibit::csv;
use super::ran::{Kept, Ran};
use super::{Context, Entry, FIGURES, ReproduceError, beside};
use crate::claims::Claim;
use crate::plot;
use crate::report;
use crate::results::{
    Budget, Environment, FigureFailure, FigureResult, RESULTS_FILE, Results, picture_path,
};
use thalweg_lab::store::{Lock, create_folder, json, subfolder, write_all_whole};

/// Makes `figures` one after the other and writes each as soon as it is finished: `{id}.svg`,
/// `{id}.png` and `{id}.csv` together with `results.json`, then `report.html`. Other figures that the
/// directory holds by then, other processes' too, stay in both; those made here are returned. A figure that
/// cannot be made does not stop the others: it is among the failures, there and in both files. So is an earlier one
/// whose picture is damaged or gone; its claims stay.
///
/// # Errors
/// When a file cannot be written, the directory's `results.json` holds something else, or `stop` is set;
/// what was finished before stays in the directory.
pub fn write(
    figures: &[Entry],
    budget: Budget,
    directory: &Path,
    progress: &(dyn Fn(&'static str, f64) + Sync),
    stop: &AtomicBool,
) -> Result<Results, ReproduceError> {
    create_folder(directory)?;
    // What holds something else should be known before the work is done.
    Results::read(directory)?;
    let mut results = Results::default();
    let kept = Kept::default();
    for entry in figures {
        let context = Context {
            figure: entry.id,
            budget,
            progress,
            kept: &kept,
            stop,
        };
        context.tell(0.0)?;
        let lost = match draw(entry, context) {
            Ok(drawn) => {
                results.put(drawn.result.clone(), &drawn.picture, &order());
                merge(directory, drawn)?
            }
            Err(stopped @ ReproduceError::Stopped { .. }) => return Err(stopped),
            Err(error) => {
                let failure = FigureFailure {
                    id: entry.id.to_owned(),
                    title: entry.title.to_owned(),
                    error: error.to_string(),
                    command: command(entry.id, budget),
                };
                results.put_failure(failure.clone());
                change(directory, &[], |all| all.put_failure(failure))?
            }
        };
        // What is still to be made has its picture again by then.
        let stay = |lost: &FigureFailure| figures.iter().all(|entry| entry.id != lost.id);
        lost.into_iter()
            .filter(stay)
            .for_each(|lost| results.put_failure(lost));
        progress(entry.id, 1.0);
    }
    Ok(results)
}

/// Puts a figure beside those that `directory` holds by now.
fn merge(directory: &Path, drawn: Drawn) -> Result<Vec<FigureFailure>, ReproduceError> {
    let Drawn {
        result,
        picture,
        pixels,
        data,
        runs,
    } = drawn;
    if !runs.is_empty() {
        subfolder(directory, &result.id)?;
    }
    let path = |extension| directory.join(format!("{}.{extension}", result.id));
    let mut files = vec![
        (picture_path(directory, &result.id), picture.as_bytes()),
        (path("png"), &pixels[..]),
        (path("csv"), data.as_bytes()),
    ];
    files.extend(
        runs.iter()
            .map(|(name, bytes)| (directory.join(name), &bytes[..])),
    );
    change(directory, &files, |all| all.put(result, &picture, &order()))
}

/// Changes the results in `directory`, writes `files` together with them, and then the report, while no other
/// process does. Gives the figures whose picture was found lost.
fn change(
    directory: &Path,
    files: &[(PathBuf, &[u8])],
    change: impl FnOnce(&mut Results),
) -> Result<Vec<FigureFailure>, ReproduceError> {
    let lock = Lock::take(directory, Lock::FOR_A_PAGE)?;
    let mut all = Results::read(directory)?;
    let lost = all.note_lost_pictures(directory);
    change(&mut all);
    let results = json(&all)?;
    let mut files = files.to_vec();
    files.push((directory.join(RESULTS_FILE), &results));
    write_all_whole(&files)?;
    report::write_reproduction(directory, &lock).map_err(Box::new)?;
    Ok(lost)
}

/// A finished figure in all its forms.
struct Drawn {
    result: FigureResult,
    /// SVG.
    picture: String,
    /// PNG.
    pixels: Vec<u8>,
    /// CSV.
    data: String,
    /// What stands beside it, by its path in the directory.
    runs: Vec<(String, Vec<u8>)>,
}

fn draw(entry: &Entry, context: Context<'_>) -> Result<Drawn, ReproduceError> {
    let begin = Instant::now();
    let ran = Ran::new((entry.plan)(context.budget)?, context)?;
    let made = (entry.show)(&ran, context)?;
    let (run_files, runs) = beside::files(entry.id, &ran)?;
    let scene = made.figure.scene();
    let settings = made.settings.into_iter();
    Ok(Drawn {
        picture: plot::svg(&scene),
        pixels: plot::png(&scene)?,
        data: csv(&made.figure),
        runs,
        result: FigureResult {
            id: entry.id.to_owned(),
            title: entry.title.to_owned(),
            origin: entry.origin,
            says: entry.says.to_owned(),
            caption: made.caption,
            notes: Vec::new(),
            runs: run_files,
            command: command(entry.id, context.budget),
            settings: settings
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            claims: made.claims.into_iter().map(Claim::judge).collect(),
            seconds: begin.elapsed().as_secs_f64(),
            budget: context.budget,
            environment: Environment::here(),
        },
    })
}

/// The names of figures, in the order of the report.
fn order() -> Vec<&'static str> {
    FIGURES.iter().map(|entry| entry.id).collect()
}

fn command(id: &str, budget: Budget) -> String {
    format!("thalweg reproduce {id}{}", budget.choose(" --quick", ""))
}
