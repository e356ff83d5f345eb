//! SGD at the run's own step size, by the finite-step theory, from each seed's own start.

use rayon::prelude::*;
use thalweg::flow::{self, FiniteTrajectory, FiniteValidity, FiniteWaypoint, Steps};
use thalweg::problem::Problem;
use thalweg::recipe::Recipe;
use thalweg::simulate::SimulateSettings;

use super::predictor::{Answer, NoAnswer, Predictor, Question, SeedStart, Values};
use crate::quantity::Quantity;
use crate::run::left_out;

/// The finite-step theory.
pub struct FiniteStep;

/// Steps at which all starts together are followed, each some milliseconds: where more are asked for, values between them are
/// interpolated on the logarithm of the step.
const MOST_TIMES: usize = 400;

/// And each at no fewer than so many.
const FEWEST_TIMES: usize = 20;

/// The most entries of the product, and of the weights, of a network that is followed unasked.
const MOST_ENTRIES: usize = 4;
const MOST_WEIGHTS: usize = 32;

impl Predictor for FiniteStep {
    fn key(&self) -> &'static str {
        "finite_step"
    }

    fn name(&self) -> &'static str {
        "finite-step theory"
    }

    fn legend(&self, _: &Question<'_>) -> &'static str {
        "finite-step theory from the same starts"
    }

    fn concerns(&self, problem: &Problem, settings: &SimulateSettings) -> bool {
        not_plain(&settings.recipe).is_none()
            && left_out(settings).is_none()
            && flow::finite_offered(problem).is_ok()
    }

    fn answer(&self, question: &Question<'_>) -> Result<Answer, NoAnswer> {
        let problem = question.problem;
        let entries = problem.output_dim() * problem.input_factor().rank();
        let weights = problem.parameters();
        if entries > MOST_ENTRIES || weights > MOST_WEIGHTS {
            return Err(NoAnswer(format!(
                "the network has {weights} weights and a product of {entries} entries, and it is followed here up to {MOST_WEIGHTS} and \
                 {MOST_ENTRIES}; `thalweg flow --drift finite` follows larger ones"
            )));
        }
        if question.starts.is_empty() {
            return Err(NoAnswer::diverged());
        }
        let most = (MOST_TIMES / question.starts.len()).max(FEWEST_TIMES);
        let times = chosen(question.steps, most);
        let paths = question
            .starts
            .par_iter()
            .map(|from| path(question, from, &times));
        let paths: Vec<FiniteTrajectory> = paths.collect::<Result<_, _>>()?;
        let values = paths.iter().map(|path| {
            let steps = question.steps.iter();
            steps
                .map(|step| at(&path.snapshots, *step, question.quantities))
                .collect()
        });
        Ok(Answer {
            values: Values::Paths(values.collect()),
            belief: paths
                .iter()
                .map(|path| path.validity.clone().at_end())
                .reduce(|worst, next: FiniteValidity| worst.worst(&next))
                .map(Into::into),
        })
    }
}

fn path(
    question: &Question<'_>,
    from: &SeedStart,
    times: &[u64],
) -> Result<FiniteTrajectory, NoAnswer> {
    let steps = Steps {
        learning_rate: question.settings.learning_rate,
        batch: question.settings.batch,
        steps: times.to_vec(),
    };
    flow::finite_path(question.problem, &from.start, &steps)
        .map_err(|error| NoAnswer(format!("from the start of seed {}: {error}", from.seeds[0])))
}

/// The first and the last of `steps`, and of those between about as many per decade: `most` in all, if there are more.
fn chosen(steps: &[u64], most: usize) -> Vec<u64> {
    if steps.len() <= most {
        return steps.to_vec();
    }
    let log = |step: u64| (step as f64 + 1.0).ln();
    let (first, last) = (steps[0], steps[steps.len() - 1]);
    let width = (log(last) - log(first)) / (most - 1) as f64;
    let mut times = vec![first];
    for i in 1..most {
        let wanted = log(first) + i as f64 * width;
        let next = steps.partition_point(|step| log(*step) < wanted);
        times.push(steps.get(next).copied().unwrap_or(last));
    }
    times.dedup();
    times
}

/// The values at `step`, between the snapshots beside it.
fn at(path: &[FiniteWaypoint], step: u64, quantities: &[Quantity]) -> Vec<Option<f64>> {
    let place = |waypoint: &FiniteWaypoint| waypoint.step.unwrap_or(0);
    let after = path.partition_point(|waypoint| place(waypoint) < step);
    let after = after.min(path.len() - 1);
    let (low, high) = (&path[after.saturating_sub(1)], &path[after]);
    let log = |step: u64| (step as f64 + 1.0).ln();
    let share = if place(high) > place(low) {
        (log(step) - log(place(low))) / (log(place(high)) - log(place(low)))
    } else {
        1.0
    };
    let value = |quantity: &Quantity| {
        let (low, high) = (
            quantity.at_finite_step(low)?,
            quantity.at_finite_step(high)?,
        );
        Some(low + share * (high - low))
    };
    quantities.iter().map(value).collect()
}

/// What takes SGD by `recipe` away from plain SGD on another problem: the first such field, and its value.
pub(crate) fn not_plain(recipe: &Recipe) -> Option<(&'static str, f64)> {
    let fields = [
        ("momentum", recipe.momentum),
        ("weight_decay", recipe.weight_decay),
        ("sam.radius", recipe.sam.map_or(0.0, |sam| sam.radius)),
        ("input_dropout", recipe.input_dropout),
        ("hidden_dropout", recipe.hidden_dropout),
    ];
    fields.into_iter().find(|(_, value)| *value != 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::{FLUCTUATION, SHARPNESS, condition_number};

    #[test]
    fn few_steps_are_all_followed_and_of_many_some_in_each_decade() {
        assert_eq!(chosen(&[0, 3, 9], 20), [0, 3, 9]);
        let all: Vec<u64> = (0..=10_000).collect();
        let times = chosen(&all, 25);
        assert!((20..=25).contains(&times.len()), "{times:?}");
        assert_eq!((times[0], times[times.len() - 1]), (0, 10_000));
        let late = times.iter().filter(|step| **step > 1000).count();
        assert!((5..=7).contains(&late), "{times:?}");
    }

    /// T = 10 + ln(t + 1) is found again between the steps, and F beside it.
    #[test]
    fn values_between_the_steps_lie_on_the_logarithm_of_the_step() {
        let waypoint = |step: u64| FiniteWaypoint {
            slow_time: 0.0,
            step: Some(step),
            sharpness: 10.0 + (step as f64 + 1.0).ln(),
            lambda_max: 0.0,
            fluctuation: 5.0,
            layer_conditions: vec![2.0],
            relative_weighted_fluctuation: None,
        };
        let path = [0, 10, 100, 2000].map(waypoint);
        let quantities = [SHARPNESS, FLUCTUATION, condition_number(1)];
        for step in [0, 1, 10, 50, 1999, 2000] {
            let found = at(&path, step, &quantities);
            let expected = 10.0 + (step as f64 + 1.0).ln();
            assert!((found[0].unwrap() - expected).abs() < 1e-12, "{step}");
            assert!((found[1].unwrap() - 5.0).abs() < 1e-12, "{step}");
            assert!((found[2].unwrap() - 2.0).abs() < 1e-12, "{step}");
        }
    }
}
