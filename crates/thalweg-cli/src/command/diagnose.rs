//! `thalweg diagnose`: which noise the labels of a table have, and where SGD would go on it.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use clap::Args;
use thalweg_lab::answer::{PredictAnswer, Prepared, diagnosed};
use thalweg_lab::diagnose::{DiagnoseError, Diagnosis, Interval, Settings, Table as Rows};

use crate::arguments::{StepArguments, count};
use crate::exit::Failure;
use crate::number::{number, percent, significant};
use crate::output;
use crate::page::{Align, Page, Table};

/// Find out which noise your labels have, and where it would take SGD
///
/// FILE is a table of numbers in CSV with a header; --targets names the columns to
/// be predicted, and all others are inputs. Its noise is what a linear fit leaves,
/// judged on rows that the fit has not seen: Σε with its condition number, a test
/// of isotropy and one of whether the noise depends on the inputs (then the closed
/// forms do not hold). From it follows where SGD would end in a linear network of
/// --depth layers, and what would change that.
///
/// Loss convention: ½‖y − f(x)‖², summed over outputs, mean over samples. Inputs and
/// targets are centred, and not scaled: scale them as you train on them.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES, arg_required_else_help = true)]
pub struct Arguments {
    /// The table, CSV with a header; `-` reads standard input
    file: PathBuf,
    /// The columns to be predicted
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', required = true)]
    targets: Vec<String>,
    /// D, the layers of the linear network
    #[arg(long, value_name = "D", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=1000))]
    depth: u16,
    #[command(flatten)]
    step: StepArguments,
    /// Tables of resampled rows for the intervals
    #[arg(long, value_name = "N", default_value = "400", value_parser = count, help_heading = "Statistics")]
    resamples: u64,
    /// Seed of everything that is drawn
    #[arg(
        long,
        value_name = "SEED",
        default_value_t = 0,
        help_heading = "Statistics"
    )]
    seed: u64,
    /// Print one JSON object
    #[arg(long, help_heading = "Output")]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  Which noise do the columns a and b of a table have?
    thalweg diagnose table.csv --targets a,b
  With the clock at your step size and batch, as data:
    thalweg diagnose table.csv --targets a,b --depth 3 --learning-rate 0.01 \\
      --batch 32 --json";

/// A p-value below this counts as a finding.
const SMALL: f64 = 0.05;

/// Prints the diagnosis.
///
/// # Errors
/// A file that is no such table, or too small a one.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let named = |error: DiagnoseError| {
        let path = arguments.file.clone();
        Failure::input(Named { path, fault: error })
    };
    let table = if arguments.file.as_os_str() == "-" {
        Rows::from_csv(std::io::stdin().lock(), &arguments.targets)
    } else {
        let file = File::open(&arguments.file).map_err(|error| named(error.into()))?;
        Rows::from_csv(BufReader::new(file), &arguments.targets)
    };
    let table = table.map_err(named)?;
    let step = arguments.step.learning_rate.zip(arguments.step.batch());
    let settings = Settings {
        depth: arguments.depth.into(),
        step,
        resamples: usize::try_from(arguments.resamples).unwrap_or(usize::MAX),
        seed: arguments.seed,
    };
    let found = Diagnosis::new(&table, &settings).map_err(named)?;
    if arguments.json {
        output::print_json(&diagnosed(&found))
    } else {
        output::print(&page(&found, &table, step)?)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
struct Named {
    path: PathBuf,
    fault: DiagnoseError,
}

fn page(found: &Diagnosis, table: &Rows, step: Option<(f64, usize)>) -> Result<String, Failure> {
    let mut page = Page::for_output();
    page.heading("Which noise the labels have");
    let mut outputs = Table::with_heads(&[
        ("output", Align::Left),
        ("noise, std dev", Align::Right),
        ("explained", Align::Right),
        ("T/T_min if its noise were average", Align::Right),
    ]);
    for output in &found.outputs {
        outputs.row([
            output.name.clone(),
            significant(output.noise_variance.sqrt(), 4),
            percent(output.explained),
            output
                .ratio_if_average
                .map_or_else(|| "–".to_owned(), |ratio| significant(ratio, 4)),
        ]);
    }
    page.table(&outputs);
    page.paragraph(&format!(
        "From {} rows, {} inputs. Noise is what a linear fit with an intercept leaves of rows that it has not seen.",
        found.rows,
        table.input_names.len()
    ));
    page.paragraph(&if found.outputs.len() == 1 {
        "With one output its noise is isotropic, and SGD ends at the flattest minimum.".to_owned()
    } else if found.isotropy < SMALL {
        format!("It is not the same on all outputs (isotropy: p = {}).", significant(found.isotropy, 2))
    } else {
        format!(
            "It may be the same and uncorrelated on all outputs (isotropy: p = {}): these rows cannot tell.",
            significant(found.isotropy, 2)
        )
    });
    page.paragraph(&if found.heteroscedasticity < SMALL {
        format!(
            "It depends on the inputs (p = {}), or the targets are no linear functions of them: the closed forms below do not hold, and say at best \
             where SGD tends.",
            significant(found.heteroscedasticity, 2)
        )
    } else {
        format!(
            "That it depends on the inputs is not seen (p = {}).",
            significant(found.heteroscedasticity, 2)
        )
    });
    page.heading(&format!(
        "Where SGD would end, in a linear network of {} layers",
        found.problem.depth()
    ));
    let mut ends = Table::with_heads(&[
        ("quantity", Align::Left),
        ("symbol", Align::Left),
        ("value", Align::Right),
        ("95 % interval", Align::Left),
    ]);
    for (words, symbol, of) in [
        ("noise condition number", "κ(Σε)", &found.condition_number),
        ("sharpness", "T", &found.sharpness),
        ("… of the flattest minimum", "T_min", &found.min_sharpness),
        ("largest eigenvalue", "λ_max", &found.lambda_max),
        ("fluctuation", "F", &found.fluctuation),
    ] {
        ends.row([
            words.to_owned(),
            symbol.to_owned(),
            significant(of.value, 5),
            interval(of),
        ]);
    }
    page.table(&ends);
    if step.is_some() {
        let prepared = Prepared::plain(&found.problem, step);
        let answer = PredictAnswer::new(&prepared, false)?;
        if let Some(run) = &answer.run {
            if let Some(steps) = run.relaxation {
                page.paragraph(&format!(
                    "At η = {} and B = {} it takes some {} steps to get there.",
                    number(run.learning_rate),
                    run.batch,
                    significant(steps, 3)
                ));
            }
            page.paragraph(&run.validity.sentence());
        }
    }
    page.heading("What would change it");
    let mut changes = Table::with_heads(&[
        ("change", Align::Left),
        ("T", Align::Right),
        ("T/T_min", Align::Right),
        ("λ_max", Align::Right),
    ]);
    let shown =
        |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| significant(value, 5));
    for change in &found.interventions {
        changes.row([
            change.change.clone(),
            shown(change.sharpness),
            shown(change.ratio),
            shown(change.lambda_max),
        ]);
    }
    page.table(&changes);
    page.paragraph("`thalweg design` finds how much of each takes T where you want it.");
    Ok(page.finish())
}

fn interval(of: &Interval) -> String {
    let [low, high] = of.interval;
    if low.is_finite() && high.is_finite() {
        format!("{} … {}", significant(low, 4), significant(high, 4))
    } else {
        "too few resamples".to_owned()
    }
}
