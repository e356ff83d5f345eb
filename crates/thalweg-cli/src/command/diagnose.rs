//! `thalweg diagnose`: which noise the labels of data have, and where SGD would go on them.

use std::path::{Path, PathBuf};

use clap::Args;
use thalweg_lab::answer;
use thalweg_lab::diagnose::{
    Columns, Csv, DiagnoseError, Diagnosis, Gathered, OnRows, Opened, Settings, TableRows,
    TokenDiagnosis, open,
};
use thalweg_lab::saved::SavedNetwork;
use thalweg_lab::shell::quoted;
use thalweg_lab::spec::problem_file_of;
use thalweg_lab::store::write_whole;
use thalweg_report::report::{diagnosis, token_diagnosis};

use super::{diagnosed, diagnosed_tokens};
use crate::arguments::{ColumnNames, StepArguments, count, positive, seed};
use crate::exit::Failure;
use crate::{interrupt, output, progress};

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
/// The noise is what a linear fit leaves, over the degrees of freedom that remain:
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
    /// The columns to be predicted: y,z; a name with a comma in double quotes
    #[arg(long, value_name = "COLUMNS", help_heading = "Of a table")]
    targets: Vec<ColumnNames>,
    /// Columns that are neither targets nor inputs
    #[arg(long, value_name = "COLUMNS", help_heading = "Of a table")]
    without: Vec<ColumnNames>,
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
        value_parser = seed,
        allow_hyphen_values = true,
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
    /// Write Σx, V and Σε as a problem file, for `predict`, `flow`, `simulate` and
    /// `design`
    #[arg(
        long,
        value_name = "FILE",
        verbatim_doc_comment,
        help_heading = "Output"
    )]
    problem: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  Which noise do the columns a and b of a table have?
    thalweg diagnose table.csv --targets a,b
  And does SGD on its rows end where the theory says?
    thalweg diagnose table.csv --targets a,b --simulate
  What would make SGD end flatter? The data as a problem of their own:
    thalweg diagnose table.csv --targets a,b --problem problem.toml
    thalweg design problem.toml --ratio 1.1 --learning-rate 0.01 --batch 32
  With the clock at your step size and batch, as data:
    thalweg diagnose table.csv --targets a,b --depth 3 --learning-rate 0.01 \\
      --batch 32 --json
  The noise of classes, of digits, of a text:
    thalweg diagnose table.csv --targets kind
    thalweg diagnose mnist
    thalweg diagnose book.txt
    thalweg diagnose alice";

/// Prints the diagnosis.
///
/// # Errors
/// A file that is no such table, or too small a one.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let named = |error: DiagnoseError| {
        let path = arguments.file.clone();
        Failure::input(Named { path, fault: error })
    };
    for written in arguments.html.iter().chain(&arguments.problem) {
        output::not_over(written, &arguments.file)?;
    }
    let asked = Columns {
        targets: names(&arguments.targets),
        without: names(&arguments.without),
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
    let gather = || Gathered::new(&mut *rows, arguments.seed);
    let gathered = progress::waiting("reading the rows", gather).map_err(named)?;
    let diagnose = || Diagnosis::new(&gathered, &settings);
    let found = progress::waiting(DIAGNOSING, diagnose).map_err(named)?;
    let seconds = if arguments.simulate {
        arguments.seconds
    } else {
        0.0
    };
    if seconds > 0.0 {
        interrupt::patiently();
    }
    let run = || OnRows::both(&found, step, seconds, interrupt::asked());
    let on_rows = progress::waiting("running SGD on them", run)?;
    // First what no full disk keeps from the reader.
    if arguments.json {
        output::print_json(&answer::diagnosed(&found, &on_rows))?;
    } else {
        output::print(&diagnosed::page(&found, &on_rows, step)?)?;
    }
    if let Some(path) = &arguments.html {
        let data = arguments.file.display().to_string();
        let page = diagnosis(&found, &on_rows, &data, &command(arguments));
        write_whole(path, page.as_bytes()).map_err(Failure::work)?;
    }
    if let Some(path) = &arguments.problem {
        write_whole(path, problem_file_of(&found.problem).as_bytes()).map_err(Failure::work)?;
    }
    interrupt::if_cut_short()
}

/// The names that were given, at once or one after the other.
fn names(given: &[ColumnNames]) -> Vec<String> {
    given.iter().flat_map(|names| names.0.clone()).collect()
}

/// What is being done.
const DIAGNOSING: &str = "diagnosing the noise";

/// What makes the same page again.
fn command(arguments: &Arguments) -> String {
    let mut words = vec![
        "thalweg diagnose".to_owned(),
        quoted(&arguments.file.display().to_string()),
    ];
    let mut flag = |name: &str, value: String| words.push(format!("{name} {}", quoted(&value)));
    for (name, columns) in [
        ("--targets", &arguments.targets),
        ("--without", &arguments.without),
    ] {
        for columns in columns {
            flag(name, columns.to_string());
        }
    }
    if let Some(depth) = arguments.depth {
        flag("--depth", depth.to_string());
    }
    if let (Some(rate), Some(batch)) = (arguments.step.learning_rate, arguments.step.batch) {
        flag("--learning-rate", rate.to_string());
        flag("--batch", batch.to_string());
    }
    if let Some(resamples) = arguments.resamples {
        flag("--resamples", resamples.to_string());
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
        ("--problem", arguments.problem.is_some()),
    ];
    if let Some((flag, _)) = meaningless.into_iter().find(|(_, given)| *given) {
        let path = path.clone();
        return Err(Failure::input(NotOfATextRun { path, flag }));
    }
    let diagnose = || TokenDiagnosis::new(saved, settings);
    let found = progress::waiting(DIAGNOSING, diagnose).map_err(|fault| {
        let path = path.clone();
        Failure::input(Named { path, fault })
    })?;
    if arguments.json {
        output::print_json(&answer::diagnosed_tokens(&found))?;
    } else {
        output::print(&diagnosed_tokens::page(&found))?;
    }
    if let Some(html) = &arguments.html {
        let data = path.display().to_string();
        let page = token_diagnosis(&found, &data, &command(arguments));
        write_whole(html, page.as_bytes()).map_err(Failure::work)?;
    }
    Ok(())
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
