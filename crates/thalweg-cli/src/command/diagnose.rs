//! `thalweg diagnose`: which noise the labels of data have, and where SGD would go on them.

use std::path::{Path, PathBuf};

use clap::Args;
use thalweg_lab::answer::{PredictAnswer, Prepared, diagnosed, diagnosed_tokens as of_tokens};
use thalweg_lab::diagnose::{
    Columns, Csv, DiagnoseError, Diagnosis, Gathered, Interval, OnRows, Opened, Settings,
    TableRows, TokenDiagnosis, Trial, open,
};
use thalweg_lab::saved::SavedNetwork;
use thalweg_lab::store::write_whole;
use thalweg_report::report::{diagnosis, token_diagnosis};

use super::diagnosed_tokens;
use crate::arguments::{StepArguments, count, positive};
use crate::exit::Failure;
use crate::interrupt;
use crate::number::{number, percent, significant};
use crate::output;
use crate::page::{Align, Page, Table};

/// Find out which noise your labels have, and where it would take SGD
///
/// DATA is a table in CSV or Parquet, of which --targets names the columns to be
/// predicted (all others are inputs; a column of words is one of classes); a folder
/// of labelled images, as `train` reads it, or `mnist`, the digits that come with
/// the program; a text whose name ends in .txt, each character of which is
/// predicted from the one before; or a finished run of `train`, whose network says
/// what noise is (on a text: token by token, by the network's own probabilities).
/// `penguins`, `elections` and `economy` are tables, `alice` is a book, that come
/// with the program.
///
/// The noise is what a linear fit leaves, judged on rows that the fit has not seen:
/// Σε with its condition number, a test of isotropy and one of whether the noise
/// depends on the inputs (then the closed forms do not hold). From it follows where
/// SGD would end in a linear network of --depth layers, and what would change that.
/// With --simulate SGD is run on the rows themselves, beside the prediction.
///
/// Loss convention: ½‖y − f(x)‖², summed over outputs, mean over samples. Inputs
/// and targets are centred, and not scaled: scale them as you train on them. Of
/// classes y is 0 but for a 1 at the row's own.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES, arg_required_else_help = true)]
pub struct Arguments {
    /// A table, a folder of images, `mnist`, a text, or a run; `-` reads a table
    /// from standard input
    #[arg(value_name = "DATA", verbatim_doc_comment)]
    file: PathBuf,
    /// The columns to be predicted
    #[arg(
        long,
        value_name = "COLUMNS",
        value_delimiter = ',',
        help_heading = "Of a table"
    )]
    targets: Vec<String>,
    /// Columns that are neither targets nor inputs
    #[arg(
        long,
        value_name = "COLUMNS",
        value_delimiter = ',',
        help_heading = "Of a table"
    )]
    without: Vec<String>,
    /// The target's numbers name classes
    #[arg(long, help_heading = "Of a table")]
    classes: bool,
    /// D, the layers of the linear network [default: 2]
    #[arg(long, value_name = "D", value_parser = clap::value_parser!(u16).range(1..=1000))]
    depth: Option<u16>,
    #[command(flatten)]
    step: StepArguments,
    /// Run SGD on the rows too, with and without replacement, from the predicted
    /// end (at 4096 rows drawn from more)
    #[arg(long, verbatim_doc_comment, help_heading = "Simulation")]
    simulate: bool,
    /// Seconds that this may take
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 10.0,
        value_parser = positive,
        requires = "simulate",
        help_heading = "Simulation"
    )]
    seconds: f64,
    /// Tables of resampled rows for the intervals [default: 400, or fewer where
    /// inputs are many]
    #[arg(long, value_name = "N", value_parser = count, verbatim_doc_comment, help_heading = "Statistics")]
    resamples: Option<u64>,
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
    /// Write the answer as a page for a browser too
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    html: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  Which noise do the columns a and b of a table have?
    thalweg diagnose table.csv --targets a,b
  And does SGD on its rows end where the theory says?
    thalweg diagnose table.csv --targets a,b --simulate
  With the clock at your step size and batch, as data:
    thalweg diagnose table.csv --targets a,b --depth 3 --learning-rate 0.01 \\
      --batch 32 --json
  The noise of classes, of digits, of a text:
    thalweg diagnose table.csv --targets kind
    thalweg diagnose mnist
    thalweg diagnose book.txt
    thalweg diagnose alice";

/// A p-value below this counts as a finding.
pub(super) const SMALL: f64 = 0.05;

/// Prints the diagnosis.
///
/// # Errors
/// A file that is no such table, or too small a one.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let named = |error: DiagnoseError| {
        let path = arguments.file.clone();
        Failure::input(Named { path, fault: error })
    };
    let asked = Columns {
        targets: arguments.targets.clone(),
        without: arguments.without.clone(),
        classes: arguments.classes,
    };
    let (rate, batch) = (arguments.step.learning_rate, arguments.step.batch());
    if rate.is_some() != batch.is_some() {
        return Err(Failure::input(HalfAStep));
    }
    let step = rate.zip(batch);
    let resamples = arguments.resamples;
    let usual = Settings::default();
    let settings = Settings {
        depth: arguments.depth.map_or(usual.depth, usize::from),
        step,
        resamples: resamples.map(|resamples| usize::try_from(resamples).unwrap_or(usize::MAX)),
        seed: arguments.seed,
    };
    let mut rows = match opened(&arguments.file, &asked).map_err(named)? {
        Opened::Rows(rows) => rows,
        Opened::Tokens(saved) => return tokens(arguments, &saved, &settings),
    };
    let gathered = Gathered::new(&mut *rows, arguments.seed).map_err(named)?;
    let found = Diagnosis::new(&gathered, &settings).map_err(named)?;
    let seconds = if arguments.simulate {
        arguments.seconds
    } else {
        0.0
    };
    let on_rows = OnRows::both(&found, step, seconds, interrupt::asked())?;
    if let Some(path) = &arguments.html {
        let data = arguments.file.display().to_string();
        let page = diagnosis(&found, &on_rows, &data, &command(arguments));
        write_whole(path, page.as_bytes()).map_err(Failure::work)?;
    }
    if arguments.json {
        output::print_json(&diagnosed(&found, &on_rows))
    } else {
        output::print(&page(&found, &on_rows, step)?)
    }
}

/// What makes the same page again.
fn command(arguments: &Arguments) -> String {
    let mut words = vec![
        "thalweg diagnose".to_owned(),
        arguments.file.display().to_string(),
    ];
    let mut flag = |name: &str, value: String| words.push(format!("{name} {value}"));
    for (name, columns) in [
        ("--targets", &arguments.targets),
        ("--without", &arguments.without),
    ] {
        if !columns.is_empty() {
            flag(name, columns.join(","));
        }
    }
    if let Some(depth) = arguments.depth {
        flag("--depth", depth.to_string());
    }
    if let (Some(rate), Some(batch)) = (arguments.step.learning_rate, arguments.step.batch) {
        flag("--learning-rate", rate.to_string());
        flag("--batch", batch.to_string());
    }
    flag("--seed", arguments.seed.to_string());
    if arguments.simulate {
        flag("--simulate --seconds", arguments.seconds.to_string());
    }
    if arguments.classes {
        words.push("--classes".to_owned());
    }
    words.join(" ")
}

/// Prints the diagnosis of a training on a text.
fn tokens(arguments: &Arguments, saved: &SavedNetwork, settings: &Settings) -> Result<(), Failure> {
    let path = &arguments.file;
    let meaningless = [
        ("--depth", arguments.depth.is_some()),
        ("--simulate", arguments.simulate),
        ("--resamples", arguments.resamples.is_some()),
    ];
    if let Some((flag, _)) = meaningless.into_iter().find(|(_, given)| *given) {
        let path = path.clone();
        return Err(Failure::input(NotOfATextRun { path, flag }));
    }
    let found = TokenDiagnosis::new(saved, settings).map_err(|fault| {
        let path = path.clone();
        Failure::input(Named { path, fault })
    })?;
    if let Some(html) = &arguments.html {
        let data = path.display().to_string();
        let page = token_diagnosis(&found, &data, &command(arguments));
        write_whole(html, page.as_bytes()).map_err(Failure::work)?;
    }
    if arguments.json {
        output::print_json(&of_tokens(&found))
    } else {
        output::print(&diagnosed_tokens::page(&found))
    }
}

fn opened(path: &Path, asked: &Columns) -> Result<Opened, DiagnoseError> {
    if path.as_os_str() != "-" {
        return open(path, asked);
    }
    // Before standard input is waited for.
    if asked.targets.is_empty() {
        return Err(DiagnoseError::NoTargets);
    }
    let table = Csv::new(std::io::stdin().lock())?;
    Ok(Opened::Rows(Box::new(TableRows::new(table, asked)?)))
}

#[derive(Debug, thiserror::Error)]
#[error("{}: is a training on a text, of which {flag} has no meaning; leave it out", path.display())]
struct NotOfATextRun {
    path: PathBuf,
    flag: &'static str,
}

#[derive(Debug, thiserror::Error)]
#[error("--learning-rate and --batch belong together: give both, or neither")]
struct HalfAStep;

#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
struct Named {
    path: PathBuf,
    fault: DiagnoseError,
}

/// The most outputs that are listed.
const LISTED: usize = 20;

fn page(
    found: &Diagnosis,
    on_rows: &[OnRows],
    step: Option<(f64, usize)>,
) -> Result<String, Failure> {
    let mut page = Page::for_output();
    page.heading("Which noise the labels have");
    let mut heads = vec![
        (if found.classes { "class" } else { "output" }, Align::Left),
        ("noise, std dev", Align::Right),
        ("explained", Align::Right),
    ];
    heads.push(if found.classes {
        ("of the rows", Align::Right)
    } else {
        ("T/T_min if its noise were average", Align::Right)
    });
    let mut loudest: Vec<_> = found.outputs.iter().collect();
    loudest.sort_by(|a, b| b.noise_variance.total_cmp(&a.noise_variance));
    loudest.truncate(LISTED);
    let mut outputs = Table::with_heads(&heads);
    // In the order of the columns where all are listed.
    let all = found.outputs.len() <= LISTED;
    for output in found
        .outputs
        .iter()
        .filter(|_| all)
        .chain(loudest.into_iter().filter(|_| !all))
    {
        let last = match output.share {
            Some(share) => Some(percent(share)),
            None => output.ratio_if_average.map(|ratio| significant(ratio, 4)),
        };
        outputs.row([
            output.name.clone(),
            significant(output.noise_variance.sqrt(), 4),
            percent(output.explained),
            last.unwrap_or_else(|| "–".to_owned()),
        ]);
    }
    page.table(&outputs);
    if !all {
        page.paragraph(&format!(
            "The {LISTED} with most noise, of {}.",
            found.outputs.len()
        ));
    }
    if found.outputs.iter().any(|output| output.own_rows.is_some()) {
        own_rows(&mut page, found);
    }
    page.paragraph(&format!(
        "From {}. Noise is what a linear fit with an intercept leaves of rows that it has not seen.",
        found.size()
    ));
    for sentence in &found.left_out {
        page.paragraph(sentence);
    }
    let tested = |trial: &Trial| {
        let p = significant(trial.p_value, 2);
        if (trial.rows as u64) < found.rows {
            format!("p = {p}, on {} rows drawn from all", trial.rows)
        } else {
            format!("p = {p}")
        }
    };
    let (isotropy, heteroscedasticity) = (&found.isotropy, &found.heteroscedasticity);
    page.paragraph(&if found.outputs.len() == 1 {
        "With one output its noise is isotropic, and SGD ends at the flattest minimum.".to_owned()
    } else if isotropy.p_value < SMALL {
        format!("It is not the same on all outputs (isotropy: {}).", tested(isotropy))
    } else {
        format!(
            "It may be the same and uncorrelated on all outputs (isotropy: {}): these rows cannot tell.",
            tested(isotropy)
        )
    });
    page.paragraph(&if heteroscedasticity.p_value < SMALL {
        format!(
            "It depends on the inputs ({}), or the targets are no linear functions of them: the closed forms below do not hold, and say at best \
             where SGD tends.",
            tested(heteroscedasticity)
        )
    } else {
        format!("That it depends on the inputs is not seen ({}).", tested(heteroscedasticity))
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
    if !on_rows.is_empty() {
        simulated(&mut page, found, on_rows);
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

/// The noise of each class's own rows, the classes with the largest part of it first.
fn own_rows(page: &mut Page, found: &Diagnosis) {
    let outputs = found.outputs.iter();
    let mut classes: Vec<_> = outputs
        .filter_map(|output| Some((output, output.own_rows.as_ref()?)))
        .collect();
    classes.sort_by(|(_, a), (_, b)| b.share_of_noise.value.total_cmp(&a.share_of_noise.value));
    let rows: usize = classes.iter().map(|(_, own)| own.rows).sum();
    classes.truncate(LISTED);
    let mut table = Table::with_heads(&[
        ("rows of class", Align::Left),
        ("of the rows", Align::Right),
        ("of the noise", Align::Right),
        ("95 % interval", Align::Left),
        ("in one direction", Align::Right),
    ]);
    for (output, own) in &classes {
        let [low, high] = own.share_of_noise.interval;
        table.row([
            output.name.clone(),
            output.share.map_or_else(|| "–".to_owned(), percent),
            percent(own.share_of_noise.value),
            if low.is_finite() {
                format!("{} … {}", percent(low), percent(high))
            } else {
                "–".to_owned()
            },
            percent(own.along_one_direction),
        ]);
    }
    page.table(&table);
    page.paragraph(&format!(
        "The noise of a class’s own rows is the mean of ‖r‖² over them, from {rows} rows drawn from all; `in one direction` is 100 % where all \
         of them are mistaken in the same way.",
    ));
}

/// SGD on the rows beside the prediction.
fn simulated(page: &mut Page, found: &Diagnosis, on_rows: &[OnRows]) {
    page.heading("SGD on the rows themselves");
    let mut table = Table::with_heads(&[
        ("", Align::Left),
        ("T", Align::Right),
        ("std error", Align::Right),
        ("less predicted", Align::Right),
    ]);
    table.row([
        "predicted, η → 0".to_owned(),
        significant(found.sharpness.value, 5),
        "–".to_owned(),
        "–".to_owned(),
    ]);
    if let Some(least) = on_rows.iter().find_map(|on| on.least) {
        table.row([
            "least fluctuation over the rows, η → 0".to_owned(),
            significant(least, 5),
            "–".to_owned(),
            percent(least / found.sharpness.value - 1.0),
        ]);
    }
    for on in on_rows {
        let mean = on.end.means.as_ref().map(|means| means[0]);
        let error = mean.and_then(|mean| mean.standard_error);
        table.row([
            format!("SGD, {}", on.words()),
            mean.map_or_else(|| "diverged".to_owned(), |mean| significant(mean.mean, 5)),
            error.map_or_else(|| "–".to_owned(), |error| significant(error, 2)),
            on.departure(found).map_or_else(|| "–".to_owned(), percent),
        ]);
    }
    page.table(&table);
    if let Some(on) = on_rows.first() {
        let (rate, batch) = on.step;
        page.paragraph(&format!(
            "On {} rows, at η = {} and B = {batch}.",
            on.rows,
            significant(rate, 3)
        ));
    }
    for on in on_rows {
        page.paragraph(&format!("Rows {}: {}", on.words(), on.end.sentence()));
    }
}

fn interval(of: &Interval) -> String {
    let [low, high] = of.interval;
    if low.is_finite() && high.is_finite() {
        format!("{} … {}", significant(low, 4), significant(high, 4))
    } else {
        "too few resamples".to_owned()
    }
}
