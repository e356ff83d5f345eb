//! `thalweg train`: SGD on a network, in a directory that it can go on from, and what became of it.

use std::path::PathBuf;

use clap::Args;
use thalweg_lab::answer::TrainAnswer;
use thalweg_lab::run;
use thalweg_lab::spec::{Draft, NetworkExperiment, Overrides};
use thalweg_lab::store;

use super::running::{SAVE_EVERY, to_its_end};
use super::training::Shown;
use crate::arguments::{Seeds, StartArguments, StepArguments, count};
use crate::exit::Failure;
use crate::page::Page;
use crate::{interrupt, output};

/// Train a network under designed label noise: what happens to its sharpness?
///
/// FILE describes a perceptron, a recurrent network, a transformer or a language
/// model, the samples and the noise on their labels, and how SGD steps; the
/// repository has one of each kind in crates/thalweg-lab/examples. At chosen steps
/// sharpness (the Hessian's trace), its largest eigenvalue and the fluctuation of
/// the gradient are measured in double precision on an evaluation set. At the end
/// each stands as a mean over seeds with its standard error, from start to end,
/// with the ratio of fluctuation to sharpness.
///
/// The directory --out keeps the measurements as Parquet, the specification with
/// every default spelled out, and the final networks as safetensors for
/// `thalweg measure`. If a training is stopped, by Ctrl-C or by kill -9, the same
/// command continues it, to the same numbers to the last bit.
///
/// With more steps it continues a finished training: to the networks of one long
/// training, to the last bit, and to the same measurements of them. What was
/// measured before stays, at the steps that suited the shorter run.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES, arg_required_else_help = true)]
pub struct Arguments {
    /// Experiment in TOML or JSON; `-` reads standard input
    ///
    /// Fields: network, data, loss, learning_rate, batch, steps; optional: name, seeds, init,
    /// momentum, weight_decay, warmup, decay, switch, precision, measure; what is added to SGD:
    /// optimizer, sam, clipping, label_smoothing, mixup, input_noise, shifts, flips,
    /// input_dropout, hidden_dropout, attention_dropout.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    step: StepArguments,
    /// Steps of each run, such as 1000000 or 1e6
    #[arg(long, value_name = "t", value_parser = count, help_heading = "SGD")]
    steps: Option<u64>,
    /// How many seeds, counted from 0; or a list such as 5,7,11 [default: 5, or FILE's]
    #[arg(long, value_name = "N", help_heading = "SGD")]
    seeds: Option<Seeds>,
    #[command(flatten)]
    start: StartArguments,
    /// Directory of the run, new or of an earlier call
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: PathBuf,
    /// Print what became of the run as one JSON object
    #[arg(long, help_heading = "Output")]
    json: bool,
}

const EXAMPLES: &str = "\
The least that FILE can say:
    learning_rate = 0.1
    batch = 100
    steps = 10_000
    loss = \"squared-error\"            # or \"cross-entropy\"
    network = { kind = \"mlp\", inputs = 2, hidden = [4], outputs = 2 }
    [data]
    kind = \"teacher\"                  # or mnist, idx, cifar, table, alice, text
    teacher = { hidden = [100] }
    noise_standard_deviations = [3, 0.03]
Of a text, each character predicted from those before it (`tokens` is how many
characters are told apart; \"alice\" is a book that comes with the program):
    loss = { kind = \"cross-entropy\", positions = \"mean\" }      # or \"sum\"
    network = { kind = \"language-model\", tokens = 60, width = 32,
                positions = 32, heads = 4, hidden = 128, layer_norm = true }
    data = { kind = \"text\", path = \"book.txt\" }             # or \"alice\"
A network's activation is \"relu\", \"tanh\", \"identity\", \"gelu\" (exact, as
PyTorch's GELU() is) or \"gelu-tanh\" (its approximate=\"tanh\").

Examples:
    thalweg train relu.toml --out relu
  The same, shorter, with two seeds:
    thalweg train relu.toml --steps 1e4 --seeds 2 --out short
  The same training, longer:
    thalweg train relu.toml --steps 2e4 --seeds 2 --out short
  Then:
    thalweg measure relu
    thalweg report relu

Ctrl-C or SIGTERM stops within a second (exit status 130) and keeps everything;
where a single step or measurement takes longer, it keeps what was last saved,
which is done every ten seconds. The same command goes on from there. A second
signal stops at once.";

/// Trains, or goes on, and prints what became of it.
///
/// # Errors
/// Bad input, a directory that cannot be used, or Ctrl-C.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let overrides = Overrides {
        learning_rate: arguments.step.learning_rate,
        batch: arguments.step.batch(),
        steps: arguments.steps,
        seeds: arguments.seeds.clone().map(|seeds| seeds.0),
        init: arguments.start.init.clone().map(|init| init.0),
    };
    let mut draft = Draft::read(&arguments.file).map_err(Failure::input)?;
    overrides.apply(&mut draft).map_err(Failure::input)?;
    let experiment: NetworkExperiment = draft.experiment().map_err(Failure::input)?;
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
    let answer = TrainAnswer::new(&stored);
    if arguments.json {
        output::print_json(&answer.json())
    } else {
        let mut notes = Page::for_output();
        notes.notes(&experiment.caveats());
        output::print(&(Shown(answer).page(&arguments.out) + &notes.finish()))
    }
}
