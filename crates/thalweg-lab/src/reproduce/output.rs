//! Runs figures into a directory: pictures, data and results, each file whole or absent.

use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::made::csv;
use super::results::{Environment, FigureResult, Results};
use super::{Budget, Claim, Context, Entry, ReproduceError};
use crate::plot;
use crate::report;
use crate::store::{create_folder, write_whole};

/// The file of [`Results`] in the directory.
pub const RESULTS_FILE: &str = "results.json";

/// Makes `figures` one after the other and writes each as soon as it is finished: `{id}.svg`,
/// `{id}.png`, `{id}.csv`, then `results.json` and `report.html` with all figures so far.
///
/// # Errors
/// When a figure cannot be made, a file cannot be written, or `stop` is set; what was finished before
/// stays in the directory.
pub fn write(
    figures: &[Entry],
    budget: Budget,
    directory: &Path,
    progress: &(dyn Fn(&'static str, f64) + Sync),
    stop: &AtomicBool,
) -> Result<Results, ReproduceError> {
    create_folder(directory)?;
    let mut results = Results {
        environment: Environment::here(),
        budget,
        figures: vec![],
    };
    for entry in figures {
        let begin = Instant::now();
        let context = Context {
            figure: entry.id,
            budget,
            progress,
            stop,
        };
        context.tell(0.0)?;
        let made = (entry.make)(context)?;
        progress(entry.id, 1.0);
        let scene = made.figure.scene();
        let save = |extension: &str, bytes: &[u8]| {
            let path = directory.join(format!("{}.{extension}", entry.id));
            write_whole(&path, |file| file.write_all(bytes))
        };
        save("svg", plot::svg(&scene).as_bytes())?;
        save("png", &plot::png(&scene)?)?;
        save("csv", csv(&made.figure).as_bytes())?;
        results.figures.push(FigureResult {
            id: entry.id.to_owned(),
            title: entry.title.to_owned(),
            caption: made.caption,
            command: command(entry.id, budget),
            settings: made
                .settings
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            claims: made.claims.into_iter().map(Claim::judge).collect(),
            seconds: begin.elapsed().as_secs_f64(),
        });
        let json = serde_json::to_vec_pretty(&results)?;
        write_whole(&directory.join(RESULTS_FILE), |file| file.write_all(&json))?;
        report::write(directory).map_err(Box::new)?;
    }
    Ok(results)
}

fn command(id: &str, budget: Budget) -> String {
    format!("thalweg reproduce {id}{}", budget.choose(" --quick", ""))
}
