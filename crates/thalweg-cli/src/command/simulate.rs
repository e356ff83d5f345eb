//! `thalweg simulate`: SGD itself, in a directory that it can go on from, beside the theory.

use std::path::PathBuf;

use clap::Args;
use thalweg::recipe::Recipe;
use thalweg::simulate::{InitialWeights, SimulateSettings};
use thalweg_lab::answer;
use thalweg_lab::compare::Comparison;
use thalweg_lab::run;
use thalweg_lab::spec::{Draft, Experiment, Overrides, Schedule, default_seeds};
use thalweg_lab::store;

use super::running::{SAVE_EVERY, to_its_end};
use super::summary;
use crate::arguments::{
    ProblemArguments, RecipeArguments, Seeds, StartArguments, StepArguments, count, missing,
};
use crate::exit::Failure;
use crate::{interrupt, output, progress};

/// Run SGD with many seeds, and compare where it gets with the theory
///
/// SGD steps on fresh samples, drawn exactly from their distribution. The
/// measurements (sharpness, λ_max, fluctuation, loss, product error, condition
/// numbers of layers, all computed from the weights without sampling) go to the
/// directory --out, as Parquet, beside the specification with every default spelled
/// out. If a run is stopped, by Ctrl-C or kill -9, the same command continues it,
/// to the same numbers to the last bit. With more steps it continues a finished
/// run, to the weights of one long run to the last bit; what was measured before
/// stays, at the steps that suited the shorter run.
///
/// At the end the mean over seeds with its standard error stands beside the exact
/// limit of Theorem 1 and the slow flow at the same number of steps.
///
/// FILE may hold learning_rate, batch, steps, seeds, init, data, switch, precision,
/// measure, and what is added to plain SGD: momentum, weight_decay, sam,
/// added_noise_covariance, input_noise_covariance, input_dropout, hidden_dropout,
/// label_smoothing, label_weights. Flags take the place of its fields.
///
/// Samples are fresh in each step, unless FILE has a set of its own:
///   [data.source]
///   kind = "finite"
///   samples = 100
///   replacement = true    # without it the set is reshuffled in each epoch
///
/// Loss convention: ½‖y − f(x)‖², summed over outputs, mean over samples.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES, arg_required_else_help = true)]
pub struct Arguments {
    #[command(flatten)]
    problem: ProblemArguments,
    #[command(flatten)]
    step: StepArguments,
    /// Steps of each run, such as 1000000 or 1e6
    #[arg(long, value_name = "t", value_parser = count, allow_hyphen_values = true, help_heading = "SGD")]
    steps: Option<u64>,
    /// How many seeds, counted from 0; or a list such as 5,7,11 [default: 5, or FILE's]
    #[arg(long, value_name = "N", help_heading = "SGD")]
    seeds: Option<Seeds>,
    #[command(flatten)]
    start: StartArguments,
    #[command(flatten)]
    recipe: RecipeArguments,
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
  The same run, longer; and one of the same settings elsewhere:
    thalweg simulate run/specification.toml --steps 2e6 --out run
    thalweg simulate run/specification.toml --steps 1e7 --out longer
  The measurements afterwards, in Python:
    pandas.read_parquet('run/measurements.parquet')

Ctrl-C or SIGTERM stops within a second (exit status 130) and keeps everything;
where a single step or measurement takes longer, it keeps what was last saved,
which is done every ten seconds. The same command goes on from there. A second
signal stops at once.";

/// Runs, or goes on, and prints the comparison.
///
/// # Errors
/// Bad input, a directory that cannot be used, or Ctrl-C.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let experiment = experiment(arguments)?;
    to_its_end(experiment.steps, &arguments.out, |watcher| {
        run::run(
            &experiment,
            &arguments.out,
            SAVE_EVERY,
            watcher,
            interrupt::asked(),
        )
    })?;
    let stored = store::load(&arguments.out).map_err(|error| Failure::stored(&error, &error))?;
    let compare = || Comparison::of(&stored).map_err(Failure::work);
    let comparison = progress::waiting("following the theory from the same starts", compare)?;
    if arguments.json {
        output::print_json(&answer::simulated(
            &comparison,
            experiment.problem.caveats(),
        ))
    } else {
        output::print(&summary::page(&comparison, &experiment, &arguments.out))
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
        let mut draft = Draft::read(path).map_err(Failure::input)?;
        overrides.apply(&mut draft).map_err(Failure::input)?;
        let mut experiment: Experiment = draft.experiment().map_err(Failure::input)?;
        let recipe = experiment.settings.recipe;
        experiment.settings.recipe = arguments.recipe.over(recipe, &experiment.problem)?;
        return Ok(experiment);
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
    let problem = arguments.problem.read()?.problem;
    let recipe = arguments.recipe.over(Recipe::default(), &problem)?;
    Ok(Experiment {
        name: None,
        problem,
        settings: SimulateSettings {
            recipe,
            init: overrides
                .init
                .unwrap_or(InitialWeights::Kaiming { gain: 1.0 }),
            ..SimulateSettings::new(learning_rate, batch)
        },
        seeds: overrides.seeds.unwrap_or_else(default_seeds),
        steps,
        measure: Schedule::default(),
    })
}
