//! `thalweg flow`: how SGD gets there, by the slow flow along the minima.

mod finite;

use clap::{Args, ValueEnum};
use thalweg::flow::{self, ARRIVED, Drift, FlowError};
use thalweg::problem::Weights;
use thalweg::simulate::InitialWeights;
use thalweg_lab::answer::{FlowAnswer, FlowTimes, Prepared, random_start};
use thalweg_lab::quantity::{self, Quantity};
use thalweg_lab::spec::ProblemFile;

use crate::arguments::{
    ProblemArguments, RecipeArguments, StartArguments, StepArguments, count, missing, seed,
};
use crate::exit::Failure;
use crate::number::{known, significant};
use crate::output;
use crate::page::{Align, Page, Table};
use crate::progress;

/// Refuses networks of these widths, h_0 … h_D, that have more weights than can be followed.
///
/// # Errors
/// [`FlowError::TooLarge`].
fn fits(widths: &[usize]) -> Result<(), FlowError> {
    let layers = widths.windows(2);
    let parameters = layers.fold(0usize, |sum, h| sum.saturating_add(h[0] * h[1]));
    if parameters > flow::MOST_WEIGHTS {
        return Err(FlowError::TooLarge {
            parameters,
            most: flow::MOST_WEIGHTS,
        });
    }
    Ok(())
}

/// Follow sharpness and fluctuation along the way, as functions of the step count
///
/// Gradient descent takes the weights down to the minima; there noise moves SGD
/// along them, in the slow time u = η² t / B, t in steps (beyond the paper). The
/// default drift decreases the fluctuation F all the way to Theorem 1's minimum,
/// while the sharpness T may rise, fall, or do both. Where the start is not
/// balanced, as random weights are not, or noise Σε and signal VΣxVᵀ have different
/// axes (eigenvectors), SGD departs from this path, in T by some per cent:
/// --drift exact follows it there, and the verdict says by how much they differ.
/// Both hold as η → 0. --drift finite gives T, λ_max and F at your own η and B, as
/// means over SGD's fluctuations; it is for at most four inputs and outputs, and
/// eight layers.
///
/// The start is start_weights of FILE, or random weights from --seed and --init,
/// the same as those of `thalweg simulate`. The times are log-spaced up to --steps
/// at your --learning-rate and --batch, counted from that start. Without --steps
/// they are slow_time of FILE, if it has one, counted from the minimum that
/// gradient flow reaches from that start.
///
/// Loss convention: ½‖y − f(x)‖², summed over outputs, mean over samples.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES, arg_required_else_help = true)]
pub struct Arguments {
    #[command(flatten)]
    problem: ProblemArguments,
    #[command(flatten)]
    step: StepArguments,
    /// t, the number of SGD steps to follow, such as 1000000 or 1e6
    #[arg(long, value_name = "t", value_parser = count, allow_hyphen_values = true, help_heading = "SGD")]
    steps: Option<u64>,
    #[command(flatten)]
    start: StartArguments,
    #[command(flatten)]
    recipe: RecipeArguments,
    /// Which drift to follow
    #[arg(long, value_enum, default_value_t, help_heading = "SGD")]
    drift: DriftArgument,
    /// Seed of the initial weights: 0 where none is given
    #[arg(long, value_name = "SEED", value_parser = seed, allow_hyphen_values = true, help_heading = "SGD")]
    seed: Option<u64>,
    /// Rows between the first step and the last, log-spaced: 16 where none are given
    #[arg(long, value_name = "N", help_heading = "Output",
          value_parser = clap::value_parser!(u16).range(2..=10_000))]
    points: Option<u16>,
    /// Print one JSON object with arrays; what is infinite or undefined is null
    #[arg(long, help_heading = "Output")]
    json: bool,
}

/// [`Drift`] on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum DriftArgument {
    /// By symmetric generators: F always falls, and the limit is Theorem 1's minimum
    #[default]
    Symmetric,
    /// SGD's own at leading order in η; differs where the start is not balanced, or noise and signal have different axes. Up to 2000 outputs times inputs
    Exact,
    /// SGD's own at a finite step size, averaged over its fluctuations; needs η and B. At most four inputs and outputs
    Finite,
}

const EXAMPLES: &str = "\
Examples:
  The sharpness after 10^7 steps, and on the way:
    thalweg flow --depth 3 --noise 1,0.1 --learning-rate 0.003 --batch 10 \\
      --steps 1e7
  From other random weights:
    thalweg flow --depth 3 --noise 1,0.1 --learning-rate 0.003 --batch 10 \\
      --steps 1e7 --seed 4 --init xavier:0.5
  From a file with start_weights (W_1 first) and slow_time, as data:
    thalweg flow start.json --json
  The same at the learning_rate and batch of that file, however large:
    thalweg flow start.json --drift finite --json";

/// Prints the trajectory.
///
/// # Errors
/// Bad input, a start that gradient flow cannot take to a minimum, or an integration that fails.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    // A problem that is too large for the flow may be too large for the memory too: that is not what to mend.
    let drift = match arguments.drift {
        DriftArgument::Symmetric => Some(Drift::Symmetric),
        DriftArgument::Exact => Some(Drift::Exact),
        DriftArgument::Finite => None,
    };
    let accepted = |widths: &[usize]| fits(widths).map_err(Failure::input);
    let file = arguments.problem.read_if(accepted)?;
    let Some(drift) = drift else {
        return finite::run(&file, arguments);
    };
    let prepared = prepared(&file, arguments)?;
    let times = times(&file, &prepared, arguments).map_err(Failure::input)?;
    let (start, seed) = start(&file, arguments)?;
    let follow = || FlowAnswer::new(&prepared, (&start, seed), times, drift);
    let answer = progress::waiting(FOLLOWING, follow)?;
    if arguments.json {
        output::print_json(&answer.json())
    } else {
        output::print(&Shown(answer).page())
    }
}

/// What is being done.
const FOLLOWING: &str = "following the path";

/// Rows where `--points` does not say how many.
const POINTS: u16 = 16;

/// What is asked for does not go together.
#[derive(Debug, thiserror::Error)]
enum Misfit {
    #[error(
        "no times to follow: give --learning-rate, --batch and --steps (missing: {missing}), or slow_time in the file"
    )]
    NoTimes { missing: String },
    #[error(
        "--points {points} is of rows up to --steps, and the slow_time of the file names its own times: leave --points out, or give --steps"
    )]
    PointsOfSlowTimes { points: u16 },
    #[error(
        "--seed {seed} draws random weights, and the file has start_weights: leave --seed out, or give --init too, which takes the place of start_weights"
    )]
    SeedOfGivenWeights { seed: u64 },
}

/// What is answered, as it is shown.
struct Shown<'p>(FlowAnswer<'p>);

impl Shown<'_> {
    fn page(&self) -> String {
        let mut page = Page::for_output();
        page.problem(self.0.problem);
        let steps = self.0.step.is_some();
        let digits = self.0.prepared.known_digits();
        let signal = self
            .0
            .trajectory
            .validity
            .as_ref()
            .map_or(1.0, |v| v.signal);
        page.heading(if steps {
            "The path of SGD, down to the minima and along them"
        } else {
            "The slow flow along the minima, from where gradient flow reaches them"
        });
        let quantities = quantity::compared();
        let symbols: Vec<String> = quantities.iter().map(Quantity::plain_symbol).collect();
        let rate = self.0.prepared.rate();
        let time = format!("u = {rate}²t/B");
        let mut heads = vec![(&*time, Align::Right)];
        heads.extend(symbols.iter().map(|symbol| (&**symbol, Align::Right)));
        heads.extend([("κ(W_1)", Align::Right), ("κ(W_D)", Align::Right)]);
        if steps {
            heads.insert(0, ("step t", Align::Right));
            heads.push(("to V", Align::Right));
        }
        let mut table = Table::with_heads(&heads);
        for s in &self.0.trajectory.snapshots {
            let ends = [s.layer_conditions.first(), s.layer_conditions.last()];
            let mut row: Vec<String> = s.step.iter().map(u64::to_string).collect();
            row.push(significant(s.slow_time, 4));
            let values = quantities.iter().map(|q| q.on_flow(s));
            // Where nothing has moved yet, the noise has no part in it.
            let digits = if s.slow_time > 0.0 {
                digits
            } else {
                usize::MAX
            };
            row.extend(values.map(|value| cell(value, digits)));
            let condition = |value: &f64| significant(*value, digits.min(4));
            row.extend(ends.map(|end| end.map_or(String::new(), condition)));
            if steps {
                row.push(if signal > 0.0 {
                    percent(s.distance)
                } else {
                    significant(s.distance, 2)
                });
            }
            table.row(row);
        }
        match &self.0.trajectory.limit {
            Ok(limit) => {
                let mut row = vec![String::new(); usize::from(steps)];
                row.push("∞".into());
                let values = quantities.iter().map(|q| q.at_limit(limit));
                row.extend(values.map(|value| cell(value, digits)));
                table.row(row);
                page.table(&table);
            }
            Err(error) => {
                page.table(&table);
                page.paragraph(&format!("No limit as t → ∞ is given: {error}."));
            }
        }
        page.paragraph(
            &(format!("u: slow time{}. {}", effective(rate), key(&quantities))
                + " κ: condition number of the first and the last layer, its largest singular value over its smallest."),
        );
        if steps {
            page.paragraph(&format!(
                "To V: how far the product of the weights would be from V without noise, ‖(W_D…W_1 − V)√Σx‖{}.",
                if signal > 0.0 {
                    " relative to ‖V√Σx‖ (–: below 0.0001 %)"
                } else {
                    ", not relative to ‖V√Σx‖, which is 0"
                }
            ));
        }
        for note in self.0.prepared.notes() {
            page.paragraph(&note);
        }
        self.outlook(&mut page);
        page.finish()
    }

    /// How long it takes, and whether to believe it.
    fn outlook(&self, page: &mut Page) {
        page.heading("How long, and whether to believe it");
        let approach = self.0.trajectory.validity.as_ref().and_then(|v| v.approach);
        if let Some(approach) = approach.filter(|approach| approach.arrival > 0.0) {
            page.paragraph(&format!(
                "Way down to the minima: {} steps. From then on the product of the weights and T are within {} % of \
                 their values at the minimum that gradient descent reaches from this start.",
                significant(approach.arrival, 3),
                100.0 * ARRIVED
            ));
        }
        if let Some(relaxation) = &self.0.relaxation {
            let steps = self.0.relaxation_steps().map_or(String::new(), |steps| {
                format!(", {} steps at this η and B", significant(steps, 3))
            });
            page.paragraph(&format!(
                "Relaxation time: u = {}{steps}. Near the limit, what is still missing shrinks by a factor of e (2.72) in \
                 each such time, or faster.",
                significant(relaxation.slow_time(), 3)
            ));
            if let Some(note) = self.0.prepared.note_on_unused_units() {
                page.paragraph(note);
            }
        }
        if let Some(belief) = &self.0.belief {
            page.paragraph(&belief.sentence);
        } else {
            page.paragraph(if self.0.prepared.step.is_some() {
                "Whether to believe it depends on the steps of SGD: give --steps in place of slow times."
            } else {
                "Whether to believe it depends on η and B: give --learning-rate, --batch and --steps."
            });
        }
    }
}

/// What each symbol stands for, and its unit.
fn key(quantities: &[Quantity]) -> String {
    let each = quantities.iter().map(|quantity| {
        let (symbol, words) = (quantity.plain_symbol(), quantity.words);
        format!("{symbol}: {words}, in {}.", quantity.unit)
    });
    each.collect::<Vec<_>>().join(" ")
}

fn cell(value: Option<f64>, digits: usize) -> String {
    value.map_or(String::new(), |value| known(value, digits))
}

/// Two digits; nothing where it is rounding.
fn percent(fraction: f64) -> String {
    if fraction < 1e-6 {
        "–".to_owned()
    } else {
        format!("{} %", significant(100.0 * fraction, 2))
    }
}

/// The file's problem with what is added to plain SGD, at the η and B that are given.
fn prepared<'p>(file: &'p ProblemFile, arguments: &Arguments) -> Result<Prepared<'p>, Failure> {
    let rate = arguments.step.learning_rate.or(file.learning_rate);
    let step = rate.zip(arguments.step.batch().or(file.batch));
    let recipe = arguments.recipe.over(file.recipe.clone(), &file.problem)?;
    let switches = file.switches(arguments.steps.or(file.steps));
    let batch = step.map(|(_, batch)| batch);
    file.data.validate(batch).map_err(Failure::input)?;
    Ok(Prepared::new(&file.problem, recipe, step)?.on(file.data, switches))
}

/// What the symbol of the learning rate means, where it is not η.
fn effective(rate: &str) -> &'static str {
    match rate {
        "η" => "",
        _ => ", η₁ = η/(1 − β)",
    }
}

/// The user's own steps, or the file's slow times.
fn times(
    file: &ProblemFile,
    prepared: &Prepared<'_>,
    arguments: &Arguments,
) -> Result<FlowTimes, Misfit> {
    if arguments.steps.is_none()
        && let Some(times) = &file.slow_time
    {
        return match arguments.points {
            Some(points) => Err(Misfit::PointsOfSlowTimes { points }),
            None => Ok(FlowTimes::Slow(times.clone())),
        };
    }
    let rate = arguments.step.learning_rate.or(file.learning_rate);
    let batch = arguments.step.batch().or(file.batch);
    let steps = arguments.steps.or(file.steps);
    if let (Some((learning_rate, batch)), Some(steps)) = (prepared.step, steps) {
        let points = arguments.points.unwrap_or(POINTS).into();
        return Ok(FlowTimes::log_spaced(learning_rate, batch, steps, points));
    }
    Err(Misfit::NoTimes {
        missing: missing([rate.is_some(), batch.is_some(), steps.is_some()]),
    })
}

/// The given start, or the random weights with which a simulation of the same seed begins.
fn start(file: &ProblemFile, arguments: &Arguments) -> Result<(Weights, Option<u64>), Failure> {
    if let (Some(start), None) = (&file.start_weights, &arguments.start.init) {
        return match arguments.seed {
            Some(seed) => Err(Failure::input(Misfit::SeedOfGivenWeights { seed })),
            None => Ok((start.clone(), None)),
        };
    }
    let seed = arguments.seed.unwrap_or_default();
    let init = arguments.start.init.as_ref();
    let init = init.map_or(InitialWeights::Kaiming { gain: 1.0 }, |init| init.0.clone());
    let start = random_start(&file.problem, init, seed)?;
    Ok((start, Some(seed)))
}
