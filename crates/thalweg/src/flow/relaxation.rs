//! How fast the slow flow settles: its rates where it ends, by linearisation.

use faer::Mat;

use super::{
    Drift, FlowError, FlowSettings, ends_at_theorem_1, exact_rates, point::Model, rest,
    symmetric::SymmetricFlow, wide,
};
use crate::{problem::Problem, recipe::Forces, theory::Minimum};

/// The slow flow linearised where it ends: at SGD's minimum (Theorem 1), or where the forces beside the noise balance it.
#[derive(Clone, Debug, PartialEq)]
pub struct Relaxation {
    /// The rates of decay in slow time u, ascending; F − F_min decays twice as fast as the weights.
    /// Empty where nothing moves (D = 1, or V√Σx = 0), and the slowest alone where there are more than [`MOST_RATES`].
    pub rates: Vec<f64>,
}

impl Relaxation {
    /// 1/(slowest rate): the slow time in which the last deviation falls by a factor e. Zero where nothing
    /// moves.
    pub fn slow_time(&self) -> f64 {
        self.rates.first().map_or(0.0, |rate| 1.0 / rate)
    }

    /// The same in steps of SGD, B/(η² · slowest rate).
    pub fn steps(&self, learning_rate: f64, batch: usize) -> f64 {
        self.slow_time() * batch as f64 / (learning_rate * learning_rate)
    }
}

/// The most rates, (D − 1) r(r + 1)/2 with r = rank V√Σx, of which all are found: by the eigenvalues of a matrix of that size.
pub const MOST_RATES: usize = 320;

/// (D − 1) r³ up to which [`relaxation_is_quick`] under noise alone: r = 200 with four layers takes a second.
const MOST_WORK: usize = 24_000_000;

/// Rates times (d_y rank Σx)³ up to which those of the exact drift are quick: each takes two decompositions of K, whose rows these are.
const MOST_DECOMPOSED: usize = 50_000_000;

/// The least part of the fastest rate that a rate may be to be told from rounding.
const RESOLVED: f64 = 1e-14;

/// The same where rates are found by differences.
const RESOLVED_BY_DIFFERENCES: f64 = 1e-7;

/// The rates at which the slow flow approaches its end under `forces`: by symmetric generators where they follow all that moves SGD, else by the exact drift.
///
/// They are those of the r = rank V√Σx hidden directions that carry the teacher. A wider network has
/// others, unused at the minimum, which die out more slowly: for D ≥ 3 not even exponentially (F − F_min
/// was seen to fall like 1/u), so there the times are lower bounds.
///
/// ```
/// use thalweg::faer::Mat;
/// use thalweg::flow::relaxation;
/// use thalweg::problem::Problem;
/// use thalweg::recipe::{Forces, Recipe};
///
/// // y = x + ε, learnt by w_2 w_1: Q = w_1² − w_2² obeys dQ/du = −Q, and decay adds −2(λB/η) Q.
/// let one = || Mat::identity(1, 1);
/// let problem = Problem::new(one(), one(), one(), 2)?;
/// assert!((relaxation(&problem, Forces::default())?.slow_time() - 1.0).abs() < 1e-12);
/// let decay = Recipe { weight_decay: 1e-3, ..Recipe::default() };
/// assert!((relaxation(&problem, decay.forces(0.01, 10))?.slow_time() - 1.0 / 3.0).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When the problem has no minimum of Theorem 1 (see [`Minimum::of_sgd`]), forces see single hidden units (the end has others than those that carry the teacher),
/// the flow does not come to rest under them, a decomposition fails, or the slowest rate is lost in the rounding of the fastest.
pub fn relaxation(problem: &Problem, forces: Forces) -> Result<Relaxation, FlowError> {
    relaxation_by(Drift::that_follows(problem, &forces), problem, forces)
}

/// The same by `drift`: where noise and signal have different axes SGD settles by the exact one.
///
/// # Errors
/// See [`relaxation`].
pub fn relaxation_by(
    drift: Drift,
    problem: &Problem,
    forces: Forces,
) -> Result<Relaxation, FlowError> {
    let rank = Minimum::of_sgd(problem)?.rank();
    if problem.depth() == 1 || rank == 0 {
        return Ok(Relaxation { rates: Vec::new() });
    }
    if forces.see_hidden_units() {
        return Err(FlowError::ExactDriftAlone {
            force: "dropout of hidden units",
        });
    }
    let (model, layers) = at_rest(drift, problem, forces, rank)?;
    let by_differences = drift == Drift::Exact;
    if !by_differences && (problem.depth() - 1) * rank * (rank + 1) / 2 > MOST_RATES {
        let rate = wide::slowest_rate(&model, layers)?;
        return Ok(Relaxation { rates: vec![rate] });
    }
    let (rates, resolved) = if by_differences {
        (
            exact_rates::rates(&model, &layers)?,
            RESOLVED_BY_DIFFERENCES,
        )
    } else {
        let flow = SymmetricFlow { model: &model };
        (flow.rates(&model.flatten(&layers))?, RESOLVED)
    };
    match (rates.first(), rates.last()) {
        // The eigenvalues carry an error of rounding times the largest: this leaves the slowest two digits.
        (Some(&slowest), Some(&fastest)) if slowest <= resolved * fastest || slowest.is_nan() => {
            Err(FlowError::RatesApart { slowest, fastest })
        }
        _ => Ok(Relaxation { rates }),
    }
}

/// The rates of the linearised flow dX/du = `matrix` X, ascending.
pub(super) fn rates_of(matrix: &Mat<f64>) -> Result<Vec<f64>, FlowError> {
    let values = matrix.eigenvalues().map_err(|_| FlowError::Decomposition {
        what: "eigenvalue iteration of the linearised flow",
    })?;
    let mut rates: Vec<f64> = values.iter().map(|value| -value.re).collect();
    rates.sort_by(f64::total_cmp);
    Ok(rates)
}

/// Whether [`relaxation_by`] takes about a second at most: the rank r that the teacher may have decides, not the width. Under noise alone the slowest rate is sought by
/// itself where there are many; under decay the end is, by a flow, and by the exact drift K is decomposed for each rate.
pub fn relaxation_is_quick(drift: Drift, problem: &Problem, forces: Forces) -> bool {
    let hidden = problem.depth() - 1;
    let rank = problem.input_dim().min(problem.output_dim());
    let rates = hidden * rank * (rank + 1) / 2;
    if drift == Drift::Exact {
        let rows = problem.output_dim() * problem.input_factor().rank();
        !forces.see_hidden_units()
            && rates.saturating_mul(rows.saturating_pow(3)) <= MOST_DECOMPOSED
    } else if forces.are_noise_alone() {
        hidden * rank.pow(3) <= MOST_WORK
    } else {
        rates <= MOST_RATES
    }
}

/// The network whose hidden layers are as wide as the teacher's `rank`, under `forces`, and the weights with which its flow by `drift` rests.
fn at_rest(
    drift: Drift,
    problem: &Problem,
    forces: Forces,
    rank: usize,
) -> Result<(Model, Vec<Mat<f64>>), FlowError> {
    let narrow = Problem::with_hidden_widths(
        problem.input_covariance().to_owned(),
        problem.teacher().to_owned(),
        problem.noise_covariance().to_owned(),
        problem.depth(),
        &vec![rank; problem.depth() - 1],
    )?;
    let narrow = narrow.under_input_dropout(problem.input_dropout());
    let weights = if drift == Drift::Symmetric && ends_at_theorem_1(&narrow, &forces) {
        Minimum::of_sgd(&narrow)?.weights()?
    } else {
        let settings = FlowSettings {
            forces,
            drift,
            ..FlowSettings::default()
        };
        rest(&narrow, &settings)?.weights
    };
    let model = Model::new(&narrow).under(forces);
    Ok((model, weights.layers().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::tests::{forces, problem, problems};

    /// The iteration for the slowest rate against the eigenvalues of the matrix of all.
    #[test]
    fn the_slowest_rate_alone_is_the_first_of_all() {
        for problem in problems().iter().chain([&problem(6, 5, 3)]) {
            let rank = Minimum::of_sgd(problem).unwrap().rank();
            for forces in forces() {
                let (model, layers) = at_rest(Drift::Symmetric, problem, forces, rank).unwrap();
                let flow = SymmetricFlow { model: &model };
                let all = flow.rates(&model.flatten(&layers)).unwrap();
                let slowest = wide::slowest_rate(&model, layers).unwrap();
                let off = slowest / all[0] - 1.0;
                assert!(off.abs() < 1e-7, "{off} {} {forces:?}", all.len());
            }
        }
    }
}
