//! `thalweg simulate`: SGD itself, in a directory that it can go on from, beside the theory.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use thalweg::simulate::{Data, Init, Precision, Settings};
use thalweg_lab::run::{self, Note, Observer, RunError, RunStatus};
use thalweg_lab::spec::{self, Experiment, Overrides, Schedule};
use thalweg_lab::store::{self, StoreError};

use super::summary::Summary;
use crate::arguments::{ProblemArguments, StartArguments, StepArguments, count, missing};
use crate::exit::Failure;
use crate::{interrupt, output, progress};

/// How often the state is put on the disk: what a kill -9 can cost.
const SAVE_EVERY: Duration = Duration::from_secs(10);

/// Run SGD with many seeds, and compare where it gets with the theory
///
/// SGD on fresh samples, exact in law. The measurements (sharpness, λ_max,
/// fluctuation, loss, product error, layer condition numbers, none of them sampled)
/// go to the directory --out, as Parquet, beside the specification with every
/// default spelled out. The same command goes on where an earlier one was stopped,
/// by Ctrl-C or by kill -9, to the same numbers to the last bit.
///
/// At the end the mean over seeds with its standard error stands beside the exact
/// limit of Theorem 1 and the slow flow at the same number of steps.
///
/// FILE may hold learning_rate, batch, steps, seeds, init, momentum, weight_decay,
/// data, switch, precision and measure; flags take the place of its fields.
///
/// Loss convention: ½‖y − f(x)‖², summed over outputs, mean over samples.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES, arg_required_else_help = true)]
pub struct Arguments {
    #[command(flatten)]
    problem: ProblemArguments,
    #[command(flatten)]
    step: StepArguments,
    /// Steps of each run; 1e6 is understood
    #[arg(long, value_name = "t", value_parser = count, help_heading = "SGD")]
    steps: Option<u64>,
    /// How many seeds, 0, 1, 2, …, or a list such as 5,7,11 [default: 5, or FILE's]
    #[arg(long, value_name = "N", help_heading = "SGD")]
    seeds: Option<Seeds>,
    #[command(flatten)]
    start: StartArguments,
    /// Directory of the run, new or of an earlier call
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: PathBuf,
    /// Print the final comparison as one JSON object
    #[arg(long, help_heading = "Output")]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  Sixteen seeds of the paper's smallest network:
    thalweg simulate --depth 3 --noise 1,0.1 --learning-rate 0.003 --batch 10 \\
      --steps 1e6 --seeds 16 --out run
  The same settings from a file, with more steps:
    thalweg simulate run/specification.toml --steps 1e7 --out longer
  The measurements afterwards, in Python:
    pandas.read_parquet('run/measurements.parquet')

Ctrl-C or SIGTERM stops within a moment, keeps everything (exit status 130), and
the same command goes on from there.";

/// The seeds of the runs.
#[derive(Clone, Debug)]
struct Seeds(Vec<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        /// The most runs that a number can ask for.
        const MOST: u64 = 1 << 20;
        let seed = |part: &str| {
            let seed = part.trim().parse();
            seed.map_err(|_| format!("`{part}` is not a seed, a whole number from 0"))
        };
        if text.contains(',') {
            return Ok(Self(text.split(',').map(seed).collect::<Result<_, _>>()?));
        }
        match seed(text)? {
            many @ 1..=MOST => Ok(Self((0..many).collect())),
            _ => Err(format!("a number of seeds from 1 to {MOST} is needed")),
        }
    }
}

/// Runs, or goes on, and prints the comparison.
///
/// # Errors
/// Bad input, a directory that cannot be used, or Ctrl-C.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let experiment = experiment(arguments)?;
    interrupt::listen().map_err(Failure::work)?;
    let mut watcher = Watcher {
        bar: progress::bar(experiment.steps, &format!("{} steps", experiment.steps)),
    };
    let status = run::run(
        &experiment,
        &arguments.out,
        SAVE_EVERY,
        &mut watcher,
        interrupt::asked(),
    );
    watcher.bar.finish_and_clear();
    if let RunStatus::Stopped { step } = status.map_err(failure)? {
        return Err(Failure::Interrupted(format!(
            "stopped at step {step} of {}; all of it is in {}, and the same command goes on from there",
            experiment.steps,
            arguments.out.display()
        )));
    }
    let stored = store::load(&arguments.out).map_err(Failure::work)?;
    let summary = Summary::new(&stored)?;
    if arguments.json {
        output::print_json(&summary.json())
    } else {
        output::print(&summary.page(&arguments.out))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("--learning-rate, --batch and --steps are all needed (missing: {0})")]
struct Missing(String);

fn experiment(arguments: &Arguments) -> Result<Experiment, Failure> {
    let overrides = Overrides {
        learning_rate: arguments.step.learning_rate,
        batch: arguments.step.batch(),
        steps: arguments.steps,
        seeds: arguments.seeds.clone().map(|seeds| seeds.0),
        init: arguments.start.init.clone().map(|init| init.0),
    };
    if let Some(path) = &arguments.problem.file {
        return spec::read_experiment_with(path, &overrides).map_err(Failure::input);
    }
    let (Some(learning_rate), Some(batch), Some(steps)) =
        (overrides.learning_rate, overrides.batch, overrides.steps)
    else {
        let given = [
            overrides.learning_rate.is_some(),
            overrides.batch.is_some(),
            overrides.steps.is_some(),
        ];
        return Err(Failure::input(Missing(missing(given))));
    };
    Ok(Experiment {
        name: None,
        problem: arguments.problem.read()?.problem,
        settings: Settings {
            learning_rate,
            batch,
            momentum: 0.0,
            weight_decay: 0.0,
            data: Data::default(),
            init: overrides.init.unwrap_or(Init::Kaiming { gain: 1.0 }),
            switch: None,
            precision: Precision::F64,
        },
        seeds: overrides.seeds.unwrap_or_else(spec::default_seeds),
        steps,
        measure: Schedule::default(),
    })
}

/// Shows a run's progress.
struct Watcher {
    bar: ProgressBar,
}

impl Observer for Watcher {
    fn progress(&mut self, done: u64, _total: u64) {
        self.bar.set_position(done);
    }

    fn note(&mut self, note: Note) {
        let words = match note {
            Note::Resumed { step } => {
                // Steps made earlier say nothing of the speed.
                self.bar.set_position(step);
                self.bar.reset_eta();
                format!("goes on from step {step}")
            }
            Note::DamagedCheckpoint { path } => {
                format!("{} was damaged; an older state is used", path.display())
            }
        };
        self.bar.suspend(|| eprintln!("{words}"));
    }
}

/// What the user can mend by another command, and what not.
fn failure(error: RunError) -> Failure {
    match error {
        RunError::Store(
            StoreError::Write { .. } | StoreError::Read { .. } | StoreError::Damaged { .. },
        ) => Failure::work(error),
        _ => Failure::input(error),
    }
}
