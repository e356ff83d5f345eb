//! `thalweg reproduce`: the paper's figures and ours, each claim with a verdict.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValue;
use thalweg::flow::LEAVES_OUT;
use thalweg_lab::memory;
use thalweg_report::claims::{Judged, Verdict};
use thalweg_report::report::{REPORT_FILE, ReportError};
use thalweg_report::reproduce::{self, ALIASES, FIGURES, ReproduceError};
use thalweg_report::results::{Budget, FigureFailure, Results, ResultsError, Summary, summarise};

use crate::exit::Failure;
use crate::number::significant;
use crate::page::{Align, Page, Table};
use crate::{interrupt, leave, output, progress};

/// Reproduce the paper's figures, with a verdict on every claim
///
/// Each figure is drawn (SVG, PNG) with the measured curves and their error bands,
/// the exact line and the slow flow at that budget, beside its data (CSV). Each
/// claim is measured and judged by a tolerance that was decided beforehand:
///
///   agrees                      within the tolerance, by a measurement precise
///                               enough to have shown otherwise
///   disagrees                   beyond the tolerance
///   not at this budget          the run is too short or too noisy to tell
///   outside the theory's range  η is too large for the theory to apply, whether or
///                               not the number is within the tolerance
///   not measured                too many trials diverged
///
/// One self-contained report.html ties it together, with the other figures that DIR
/// already holds; it opens with a summary in plain words. A folder named after each
/// figure holds its runs: the specification, from which simulate or train makes the
/// same numbers again, and what was measured in each trial.
///
/// A verdict is a result, not a failure: the exit status is 0 whatever it says. A
/// figure that cannot be made does not stop the others; it is named on stderr and
/// in the report, and the exit status is 1. The same goes for an earlier figure of
/// DIR whose picture is damaged or missing; its claims stay.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub struct Arguments {
    /// The figures, or all
    ///
    /// fig2-linear and fig5-linear are other names of fig2 and fig5.
    #[arg(value_name = "FIGURE", default_value = reproduce::ALL, value_parser = figure_names())]
    figures: Vec<String>,
    /// Shorter runs: everything in some five minutes on two cores
    #[arg(long)]
    quick: bool,
    /// Directory for pictures, data and report
    #[arg(long, value_name = "DIR", default_value = "reproduction")]
    out: PathBuf,
    /// Print the results as one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  Everything, in some minutes; then open reproduction/report.html:
    thalweg reproduce --quick
  One figure at its full budget:
    thalweg reproduce fig6 --out figure6

Ctrl-C or SIGTERM stops within a second (exit status 130); the figures that were
finished stay, with a report of them.";

fn figure_names() -> Vec<PossibleValue> {
    let names = FIGURES.iter().map(|entry| entry.id).chain([reproduce::ALL]);
    let with_alias = |id| {
        let aliases = ALIASES.iter().filter(move |(_, of)| *of == id);
        PossibleValue::new(id).aliases(aliases.map(|(alias, _)| *alias))
    };
    names.map(with_alias).collect()
}

/// Makes the figures and prints the verdicts.
///
/// # Errors
/// A figure that cannot be made (the others are), a directory that cannot be written, or Ctrl-C.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let figures = reproduce::find(&arguments.figures).map_err(Failure::input)?;
    let budget = if arguments.quick {
        Budget::Quick
    } else {
        Budget::Full
    };
    memory::fits(
        reproduce::memory(&figures, budget).map_err(failure)?,
        memory::multiplying(usize::MAX),
        if rayon::current_num_threads() > 1 {
            "fewer threads (RAYON_NUM_THREADS=1) need less, and so do figures without networks on images (all but fig2, fig5 and switch)"
        } else {
            "figures without networks on images need less (all but fig2, fig5 and switch)"
        },
    )
    .map_err(Failure::input)?;
    leave::keeping(format!(
        "the figures that were finished, if any, are in {}, with a report of them",
        arguments.out.display()
    ));
    interrupt::patiently();
    // A figure counts as a hundred: each tells how much of its runs is done, and then it is compared with theory and drawn.
    let count = figures.len();
    let bar = progress::bar_of_unlike(100 * count as u64, &format!("{count} figure(s)"));
    let tell = |name: &'static str, done: f64| {
        let place = figures.iter().position(|entry| entry.id == name);
        bar.set_message(if done < 1.0 {
            format!("{name} is run")
        } else {
            format!("{name} is compared with theory")
        });
        bar.set_position(100 * place.unwrap_or(0) as u64 + (100.0 * done) as u64);
    };
    let results = reproduce::write(&figures, budget, &arguments.out, &tell, interrupt::asked());
    bar.finish_and_clear();
    let results = results.map_err(failure)?;
    if arguments.json {
        output::print_json(&serde_json::to_value(&results).map_err(Failure::work)?)?;
    } else {
        output::print(&page(&results, arguments))?;
    }
    if results.failures.is_empty() {
        return Ok(());
    }
    let is_asked = |failure: &FigureFailure| figures.iter().any(|entry| entry.id == failure.id);
    let (failed, lost) = results.failures.into_iter().partition(is_asked);
    Err(Failure::work(NotMade {
        failed,
        asked: figures.len(),
        lost,
    }))
}

/// The figures that could not be made, and earlier ones whose picture is lost; all others are written.
#[derive(Debug)]
struct NotMade {
    failed: Vec<FigureFailure>,
    asked: usize,
    lost: Vec<FigureFailure>,
}

impl std::fmt::Display for NotMade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let each = |failures: &[FigureFailure]| {
            let each = failures.iter();
            let each = each.map(|one| format!("{}: {}", one.id, one.error));
            each.collect::<Vec<_>>().join("; ")
        };
        if !self.failed.is_empty() {
            let (count, asked) = (self.failed.len(), self.asked);
            let each = each(&self.failed);
            write!(
                f,
                "{count} of {asked} figures could not be made, the others are written: {each}"
            )?;
        }
        if !self.lost.is_empty() {
            let (separator, all) = if self.failed.is_empty() {
                ("", "all figures asked for are written, but ")
            } else {
                ("; ", "")
            };
            write!(
                f,
                "{separator}{all}of an earlier one the picture is lost, and its claims alone are in the report: {}",
                each(&self.lost)
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for NotMade {}

fn failure(error: ReproduceError) -> Failure {
    match &error {
        ReproduceError::Stopped { .. } => Failure::Interrupted(error.to_string()),
        ReproduceError::Store(cause) | ReproduceError::Results(ResultsError::Store(cause)) => {
            Failure::stored(&error, cause)
        }
        ReproduceError::Results(_) => Failure::input(error),
        ReproduceError::Report(report) => match &**report {
            ReportError::Store(cause) => Failure::stored(&error, cause),
            _ => Failure::input(error),
        },
        _ => Failure::work(error),
    }
}

fn page(results: &Results, arguments: &Arguments) -> String {
    let mut page = Page::for_output();
    for figure in &results.figures {
        page.heading(&format!("{} ({})", figure.title, figure.id));
        for claim in &figure.claims {
            page.paragraph(&format!("[{}] {}", claim.verdict, plain(&claim.statement)));
            page.detail(&numbers(claim));
            if let Some(others) = claim.side_by_side() {
                page.detail(&others);
            }
            if let Some(power) = claim.power() {
                page.detail(&power);
            }
            if let Some(seeds) = &claim.left_out {
                page.detail(&format!("left out: {seeds}"));
            }
            if let Some(reason) = &claim.reason {
                page.detail(&plain(reason));
            }
        }
    }
    summary(&mut page, &summarise(results));
    page.heading("All together");
    let mut table = Table::new(&[Align::Right, Align::Left]);
    for verdict in Verdict::ALL {
        let claims = results.figures.iter().flat_map(|figure| &figure.claims);
        let count = claims.filter(|claim| claim.verdict == verdict).count();
        if count > 0 {
            table.row([count.to_string(), verdict.to_string()]);
        }
    }
    page.table(&table);
    let mut claims = results.figures.iter().flat_map(|figure| &figure.claims);
    if claims.any(|claim| claim.beside_flow) {
        page.paragraph(LEAVES_OUT);
    }
    let report = arguments.out.join(REPORT_FILE);
    page.paragraph(&format!("report: {}", report.display()));
    page.finish()
}

/// The summary in plain words.
fn summary(page: &mut Page, summary: &Summary) {
    page.heading("In plain words");
    page.paragraph(&summary.opening.join(" "));
    for (heading, paragraphs) in [
        ("What of the paper was reproduced", &summary.reproduced),
        ("What was not, and why", &summary.not_reproduced),
        ("What is new", &summary.new),
    ] {
        if paragraphs.is_empty() {
            continue;
        }
        page.heading(heading);
        for paragraph in paragraphs {
            page.paragraph(&format!("{}: {}", paragraph.id, paragraph.says));
            page.detail(&plain(&paragraph.outcome.join(" ")));
        }
    }
}

/// Subscripts and superscripts as a terminal shows them: T_min for T_{min}.
fn plain(words: &str) -> String {
    words.replace("_{", "_").replace("^{", "^").replace('}', "")
}

/// The two values, how far apart they are, and how far they may be.
fn numbers(claim: &Judged) -> String {
    let number = |value: Option<f64>| value.map_or("–".into(), |value| significant(value, 5));
    let mut words = number(claim.measured);
    if let Some(error) = claim.standard_error {
        words += &format!(" ± {}", significant(error, 2));
    }
    words += &format!(
        " against {} ({})",
        number(claim.predicted),
        plain(&claim.predicted_by)
    );
    if let Some(error) = claim.relative_error {
        words += &format!(": {} %", significant(100.0 * error, 2));
    }
    if let Some(z) = claim.z_score {
        words += &format!(", z = {}", significant(z, 2));
    }
    if let Some(error) = claim.difference_error {
        words += &format!(", trial by trial ± {}", significant(error, 2));
    }
    let sampled = claim.standard_error.is_some();
    format!("{words}; agrees if {}", claim.tolerance.words(sampled))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// 10.5 ± 0.25 against 10: 5 % more, two standard errors.
    #[test]
    fn a_claims_numbers_stand_in_their_units() {
        let claim = json!({
            "statement": "s", "source": "eq. 1", "predicted_by": "T_{min}",
            "measured": 10.5, "standard_error": 0.25, "predicted": 10.0,
            "relative_error": 0.05, "z_score": 2.0,
            "tolerance": { "within": { "relative": 0.1 } },
            "verdict": "agrees", "reason": null,
        });
        let claim: Judged = serde_json::from_value(claim).unwrap();
        let words = numbers(&claim);
        assert!(
            words.starts_with("10.5 ± 0.25 against 10 (T_min): 5 %, z = 2; agrees if within 10 %"),
            "{words}"
        );
    }
}
