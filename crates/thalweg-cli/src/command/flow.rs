//! `thalweg flow`: how SGD gets there, by the slow flow along the minima.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use thalweg::flow::{
    self, ARRIVED, Descent, Drift, FlowError, Relaxation, Settings, Steps, Times, Trajectory,
    Waypoint,
};
use thalweg::problem::{Problem, Weights};
use thalweg::simulate::{self, Data, Ensemble, InitialWeights, Precision};
use thalweg_lab::compare::{Belief, MOST_WEIGHTS_UNASKED};
use thalweg_lab::memory;
use thalweg_lab::quantity::{self, Quantity};
use thalweg_lab::spec::ProblemFile;

use crate::arguments::{ProblemArguments, StartArguments, StepArguments, count, missing};
use crate::exit::Failure;
use crate::number::{known, significant};
use crate::output;
use crate::page::{Align, CONVENTION, Page, Table, json_of_notes};

/// The most weights that the dense integrator is given: its Jacobian then takes 128 MB.
const MOST_WEIGHTS: usize = 4000;

/// Refuses networks of these widths, h_0 … h_D, that have more than `most` weights.
///
/// # Errors
/// [`FlowError::TooLarge`].
pub fn fits(widths: &[usize], most: usize) -> Result<(), FlowError> {
    let layers = widths.windows(2);
    let parameters = layers.fold(0usize, |sum, h| sum.saturating_add(h[0] * h[1]));
    if parameters > most {
        return Err(FlowError::TooLarge { parameters, most });
    }
    Ok(())
}

/// Follow sharpness and fluctuation along the way, as functions of the step count
///
/// Gradient descent takes the weights down to the minima; there noise moves SGD
/// along them, in the slow time u = η² t / B, t in steps (beyond the paper). The
/// default drift decreases the fluctuation F all the way to Theorem 1's minimum,
/// while the sharpness T may rise, fall, or do both. Where noise Σε and signal
/// VΣxVᵀ have different axes (eigenvectors), SGD departs from this path:
/// --drift exact follows it there.
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
    #[arg(long, value_name = "t", value_parser = count, help_heading = "SGD")]
    steps: Option<u64>,
    #[command(flatten)]
    start: StartArguments,
    /// Which drift to follow
    #[arg(long, value_enum, default_value_t, help_heading = "SGD")]
    drift: DriftArgument,
    /// Seed of the initial weights
    #[arg(long, value_name = "SEED", default_value_t = 0, help_heading = "SGD")]
    seed: u64,
    /// Rows between the first step and the last, log-spaced
    #[arg(long, value_name = "N", default_value_t = 16, help_heading = "Output",
          value_parser = clap::value_parser!(u16).range(2..=10_000))]
    points: u16,
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
    /// SGD's own at leading order in η; differs where noise and signal have different axes. Small networks only
    Exact,
}

impl From<DriftArgument> for Drift {
    fn from(argument: DriftArgument) -> Self {
        match argument {
            DriftArgument::Symmetric => Self::Symmetric,
            DriftArgument::Exact => Self::Exact,
        }
    }
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
    thalweg flow start.json --json";

/// Prints the trajectory.
///
/// # Errors
/// Bad input, a start that gradient flow cannot take to a minimum, or an integration that fails.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    // A problem that is too large for the flow may be too large for the memory too: that is not what to mend.
    let accepted = |widths: &[usize]| fits(widths, MOST_WEIGHTS).map_err(Failure::input);
    let file = arguments.problem.read_if(accepted)?;
    let answer = Answer::new(&file, arguments)?;
    if arguments.json {
        output::print_json(&answer.json())
    } else {
        output::print(&answer.page())
    }
}

/// All that is printed, in either form.
struct Answer<'p> {
    problem: &'p Problem,
    /// The seed of a random start.
    seed: Option<u64>,
    /// The way to the minimum at which the slow times begin; with times in steps it is part of the trajectory.
    descent: Option<Descent>,
    trajectory: Trajectory,
    drift: Drift,
    /// In slow time; none where there is no limit.
    relaxation: Option<Relaxation>,
    /// η and B, where the times are steps.
    step: Option<(f64, usize)>,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "no times to follow: give --learning-rate, --batch and --steps (missing: {missing}), or slow_time in the file"
)]
struct NoTimes {
    missing: String,
}

impl<'p> Answer<'p> {
    fn new(file: &'p ProblemFile, arguments: &Arguments) -> Result<Self, Failure> {
        let problem = &file.problem;
        let times = times(file, arguments).map_err(Failure::input)?;
        let (start, seed) = start(file, arguments)?;
        let drift = arguments.drift.into();
        memory::fits(
            flow::memory(problem.widths(), drift),
            // Its largest products are those of a matrix of about half as many columns with one of them.
            memory::multiplying(problem.parameters() / 4),
            "narrower or fewer layers need less",
        )
        .map_err(Failure::input)?;
        let settings = Settings {
            drift,
            ..Settings::default()
        };
        let (descent, trajectory, step) = match times {
            Asked::Steps(steps) => {
                let path = flow::path(problem, &start, &steps, &settings).map_err(failure)?;
                (None, path, Some((steps.learning_rate, steps.batch)))
            }
            Asked::Slow(times) => {
                let descent = flow::descend(problem, &start, &settings).map_err(failure)?;
                let times = Times::Slow(times);
                let along = flow::slow_flow(problem, &descent.weights, &times, &settings);
                (Some(descent), along.map_err(failure)?, None)
            }
        };
        Ok(Self {
            problem,
            seed,
            descent,
            trajectory,
            drift,
            relaxation: relaxation(problem, drift),
            step,
        })
    }

    fn json(&self) -> Value {
        let all = |of: fn(&Waypoint) -> f64| -> Vec<f64> {
            self.trajectory.snapshots.iter().map(of).collect()
        };
        let steps: Option<Vec<u64>> = self.trajectory.snapshots.iter().map(|s| s.step).collect();
        let conditions: Vec<_> = self
            .trajectory
            .snapshots
            .iter()
            .map(|s| &s.layer_conditions)
            .collect();
        let limit = self.trajectory.limit.as_ref().ok().map(|limit| {
            let values = quantity::compared().into_iter();
            let values = values.map(|q| (q.key.to_string(), json!(q.at_limit(limit))));
            Value::Object(values.collect())
        });
        let validity = self.trajectory.validity.clone().map(Belief::from);
        let mut object = json!({
            "convention": CONVENTION,
            "notes": json_of_notes(self.problem.caveats()),
            "known_digits": self.problem.known_digits(),
            "drift": match self.drift {
                Drift::Symmetric => "symmetric",
                Drift::Exact => "exact",
            },
            "seed": self.seed,
            "descent_time": self.descent.as_ref().map(|descent| descent.time),
            "step": steps,
            "slow_time": all(|s| s.slow_time),
            "distance": all(|s| s.distance),
            "layer_conditions": conditions,
            "limit": limit,
            "relaxation_slow_time": self.relaxation.as_ref().map(Relaxation::slow_time),
            "relaxation_steps": self.relaxation_steps(),
            "validity": validity,
        });
        for quantity in quantity::compared() {
            let snapshots = self.trajectory.snapshots.iter();
            let values: Vec<_> = snapshots.map(|s| quantity.on_flow(s)).collect();
            object[&*quantity.key] = json!(values);
        }
        object
    }

    fn page(&self) -> String {
        let mut page = Page::for_output();
        page.problem(self.problem);
        let steps = self.step.is_some();
        let digits = self.problem.known_digits();
        let signal = self.trajectory.validity.as_ref().map_or(1.0, |v| v.signal);
        page.heading(if steps {
            "The path of SGD, down to the minima and along them"
        } else {
            "The slow flow along the minima, from where gradient flow reaches them"
        });
        let quantities = quantity::compared();
        let symbols: Vec<String> = quantities.iter().map(Quantity::plain_symbol).collect();
        let mut heads = vec![("u = η²t/B", Align::Right)];
        heads.extend(symbols.iter().map(|symbol| (&**symbol, Align::Right)));
        heads.extend([("κ(W_1)", Align::Right), ("κ(W_D)", Align::Right)]);
        if steps {
            heads.insert(0, ("step t", Align::Right));
            heads.push(("to V", Align::Right));
        }
        let mut table = Table::with_heads(&heads);
        for s in &self.trajectory.snapshots {
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
        match &self.trajectory.limit {
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
            &(format!("u: slow time. {}", key(&quantities))
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
        self.outlook(&mut page);
        page.finish()
    }

    /// How long it takes in steps, where the times are steps.
    fn relaxation_steps(&self) -> Option<f64> {
        let (learning_rate, batch) = self.step?;
        Some(self.relaxation.as_ref()?.steps(learning_rate, batch))
    }

    /// How long it takes, and whether to believe it.
    fn outlook(&self, page: &mut Page) {
        page.heading("How long, and whether to believe it");
        let approach = self.trajectory.validity.as_ref().and_then(|v| v.approach);
        if let Some(approach) = approach.filter(|approach| approach.arrival > 0.0) {
            page.paragraph(&format!(
                "Way down to the minima: {} steps. From then on the product of the weights and T are within {} % of \
                 their values at the minimum that gradient descent reaches from this start.",
                significant(approach.arrival, 3),
                100.0 * ARRIVED
            ));
        }
        if let Some(relaxation) = &self.relaxation {
            let steps = self.relaxation_steps().map_or(String::new(), |steps| {
                format!(", {} steps at this η and B", significant(steps, 3))
            });
            page.paragraph(&format!(
                "Relaxation time: u = {}{steps}. Near the limit, what is still missing shrinks by a factor of e (2.72) in \
                 each such time, or faster.",
                significant(relaxation.slow_time(), 3)
            ));
        }
        if let Some(validity) = &self.trajectory.validity {
            page.paragraph(&validity.sentence());
        } else {
            page.paragraph("Whether to believe it depends on η and B: give --learning-rate, --batch and --steps.");
        }
    }
}

/// Known only for the flow whose limit is Theorem 1's minimum, and where anything moves.
fn relaxation(problem: &Problem, drift: Drift) -> Option<Relaxation> {
    if drift == Drift::Exact || fits(problem.widths(), MOST_WEIGHTS_UNASKED).is_err() {
        return None;
    }
    let relaxation = flow::relaxation(problem).ok()?;
    (!relaxation.rates.is_empty()).then_some(relaxation)
}

/// The times at which the flow is wanted.
enum Asked {
    Steps(Steps),
    Slow(Vec<f64>),
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

/// The user's own steps, or the file's slow times.
fn times(file: &ProblemFile, arguments: &Arguments) -> Result<Asked, NoTimes> {
    if arguments.steps.is_none()
        && let Some(times) = &file.slow_time
    {
        return Ok(Asked::Slow(times.clone()));
    }
    let rate = arguments.step.learning_rate.or(file.learning_rate);
    let batch = arguments.step.batch().or(file.batch);
    let steps = arguments.steps.or(file.steps);
    if let (Some(learning_rate), Some(batch), Some(steps)) = (rate, batch, steps) {
        return Ok(Asked::Steps(Steps {
            learning_rate,
            batch,
            steps: log_spaced(steps, arguments.points.into()),
        }));
    }
    Err(NoTimes {
        missing: missing([rate.is_some(), batch.is_some(), steps.is_some()]),
    })
}

/// 0 and `points` numbers of equal ratio over four decades up to `last`, or fewer where they coincide.
fn log_spaced(last: u64, points: usize) -> Vec<u64> {
    const DECADES: f64 = 4.0;
    let mut steps = vec![0];
    steps.extend((1..=points).map(|i| {
        let exponent = DECADES * (i as f64 / points as f64 - 1.0);
        (last as f64 * 10f64.powf(exponent)).round() as u64
    }));
    steps.dedup();
    steps
}

/// The given start, or the random weights with which a simulation of the same seed begins.
fn start(file: &ProblemFile, arguments: &Arguments) -> Result<(Weights, Option<u64>), Failure> {
    if let (Some(start), None) = (&file.start_weights, &arguments.start.init) {
        return Ok((start.clone(), None));
    }
    let init = arguments.start.init.as_ref();
    let settings = simulate::Settings {
        learning_rate: 1.0,
        batch: 1,
        momentum: 0.0,
        weight_decay: 0.0,
        data: Data::default(),
        init: init.map_or(InitialWeights::Kaiming { gain: 1.0 }, |init| init.0.clone()),
        switch: None,
        precision: Precision::F64,
    };
    let ensemble =
        Ensemble::start(&file.problem, &settings, &[arguments.seed]).map_err(Failure::input)?;
    let weights = ensemble.weights().into_iter().flatten().next();
    // A run at step 0 has not diverged.
    weights
        .map(|weights| (weights, Some(arguments.seed)))
        .ok_or_else(|| Failure::input(NoStart))
}

#[derive(Debug, thiserror::Error)]
#[error("the initial weights are too large to start from; choose a smaller --init")]
struct NoStart;

/// What the user can mend, and what not.
fn failure(error: FlowError) -> Failure {
    match error {
        FlowError::TooManySteps { .. }
        | FlowError::StepTooSmall { .. }
        | FlowError::Decomposition { .. } => Failure::work(error),
        _ => Failure::input(error),
    }
}
