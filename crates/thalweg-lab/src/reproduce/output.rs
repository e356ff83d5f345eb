//! Runs figures into a directory: pictures, data and results, each file whole or absent.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::made::csv;
use super::network::Kept;
use super::results::{Environment, FigureResult, Results};
use super::{Budget, Claim, Context, Entry, ReproduceError};
use crate::plot;
use crate::report;
use crate::store::{create_folder, write_all_whole};

/// The file of [`Results`] in the directory.
pub const RESULTS_FILE: &str = "results.json";

/// Makes `figures` one after the other and writes each as soon as it is finished: `{id}.svg`,
/// `{id}.png` and `{id}.csv` together with `results.json`, then `report.html`. Other figures that the
/// directory already holds stay in both; those made here are returned.
///
/// # Errors
/// When a figure cannot be made, a file cannot be written, the directory's `results.json` holds something
/// else, or `stop` is set; what was finished before stays in the directory.
pub fn write(
    figures: &[Entry],
    budget: Budget,
    directory: &Path,
    progress: &(dyn Fn(&'static str, f64) + Sync),
    stop: &AtomicBool,
) -> Result<Results, ReproduceError> {
    create_folder(directory)?;
    let mut all = Results::read(directory).map_err(Box::new)?;
    // Of a figure without its picture nothing could be shown.
    let drawn = |id: &str| directory.join(format!("{id}.svg")).exists();
    all.figures.retain(|figure| drawn(&figure.id));
    let mut made_here = Results::default();
    let kept = Kept::default();
    for entry in figures {
        let begin = Instant::now();
        let context = Context {
            figure: entry.id,
            budget,
            progress,
            kept: &kept,
            stop,
        };
        context.tell(0.0)?;
        let made = (entry.make)(context)?;
        progress(entry.id, 1.0);
        let scene = made.figure.scene();
        let picture = plot::svg(&scene);
        let pixels = plot::png(&scene)?;
        let data = csv(&made.figure);
        let settings = made.settings.into_iter();
        let result = FigureResult {
            id: entry.id.to_owned(),
            title: entry.title.to_owned(),
            caption: made.caption,
            command: command(entry.id, budget),
            settings: settings
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            claims: made.claims.into_iter().map(Claim::judge).collect(),
            seconds: begin.elapsed().as_secs_f64(),
            budget,
            environment: Environment::here(),
        };
        made_here.put(result.clone());
        all.put(result);
        let json = serde_json::to_vec_pretty(&all)?;
        let path = |extension| directory.join(format!("{}.{extension}", entry.id));
        write_all_whole(&[
            (path("svg"), picture.as_bytes()),
            (path("png"), &pixels),
            (path("csv"), data.as_bytes()),
            (directory.join(RESULTS_FILE), &json),
        ])?;
        report::write(directory).map_err(Box::new)?;
    }
    Ok(made_here)
}

fn command(id: &str, budget: Budget) -> String {
    format!("thalweg reproduce {id}{}", budget.choose(" --quick", ""))
}
