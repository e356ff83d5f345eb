//! The finite-step theory as its users see it: T, λ_max and F of SGD at chosen times, averaged over its fluctuations.

use super::{
    super::{FlowError, FlowSettings, Steps, Times, descend, path::path_and_minimum, point::Model},
    FiniteValidity,
    network::Network,
    slow::{Setting, Slow},
};
use crate::problem::{Problem, Weights};

/// The most outputs, and the most inputs, of a network: the quadrature's nodes grow as the fourth power.
const MOST_DIM: usize = 4;

/// The widest hidden layer.
const MOST_WIDTH: usize = 8;

/// The most layers.
const MOST_DEPTH: usize = 8;

/// SGD at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct FiniteWaypoint {
    /// u = η² t/B.
    pub slow_time: f64,
    /// t, where the times were given in steps.
    pub step: Option<u64>,
    /// E T, the trace of the Hessian, in loss/weight².
    pub sharpness: f64,
    /// E λ_max, the Hessian's largest eigenvalue (that of K, its Gauss–Newton part), in loss/weight².
    pub lambda_max: f64,
    /// E F, of one sample, in loss²/weight².
    pub fluctuation: f64,
    /// E σ_max(W_k)/σ_min(W_k), from W_1 on. Where σ_min may be 0, as where V lacks rank, the mean has no limit: the number says only that it is large.
    pub layer_conditions: Vec<f64>,
    /// ε = E‖(W_D…W_1 − V)√Σx‖² / ‖V√Σx‖²; none while the weights still descend to the minima.
    pub relative_weighted_fluctuation: Option<f64>,
}

/// SGD's mean path from one start at one step size.
#[derive(Clone, Debug, PartialEq)]
pub struct FiniteTrajectory {
    /// One for each time asked for.
    pub snapshots: Vec<FiniteWaypoint>,
    /// Whether to believe it.
    pub validity: FiniteValidity,
}

/// SGD on `problem` from the minimum that gradient flow reaches from `start`, with step size η = `learning_rate` and minibatches of B = `batch` samples, at slow
/// times u = η² t/B counted from there.
///
/// ```
/// use thalweg::faer::{Mat, mat};
/// use thalweg::flow::finite_step;
/// use thalweg::problem::{Problem, Weights};
/// use thalweg::theory::predict;
///
/// let noise = mat![[1.0, 0.0], [0.0, 0.01]];
/// let problem = Problem::new(Mat::identity(2, 2), Mat::identity(2, 2), noise, 3)?;
/// let start = Weights::new(&problem, vec![mat![[1.0, 0.2], [0.0, 0.8]]; 3])?;
/// let path = finite_step(&problem, &start, 0.1, 10, &[0.0, 100.0])?;
/// // As η → 0 SGD would end at 31.55; at η = 0.1 it ends at 21.1.
/// assert!((predict(&problem)?.sharpness - 31.55).abs() < 0.01);
/// assert!((path.snapshots[1].sharpness - 21.1).abs() < 0.2);
/// assert!(path.validity.in_range());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When `start` does not fit the problem or gradient flow from it reaches no minimum, when η, B or a time is not valid, when the
/// network is larger than the theory is offered for, and when at this η and B there is no stationary law of the fluctuation.
pub fn finite_step(
    problem: &Problem,
    start: &Weights,
    learning_rate: f64,
    batch: usize,
    slow_times: &[f64],
) -> Result<FiniteTrajectory, FlowError> {
    finite_offered(problem)?;
    let unit = Times::unit(learning_rate, batch, 0)?;
    let slow_times = Times::Slow(slow_times.to_vec()).slow()?;
    let model = Model::new(problem);
    start.fits(problem)?;
    let signal = model.signal();
    let minimum = descend(problem, start, &FlowSettings::default())?.weights;
    let net = Network::new(problem, batch);
    let setting = Setting::new(&model, &net, learning_rate, batch);
    let mut slow = Slow::new(&setting, model.flatten(minimum.layers()))?;
    let mut snapshots = Vec::with_capacity(slow_times.len());
    let mut mean_square_stability = 0.0f64;
    for &slow_time in &slow_times {
        slow.reach(slow_time / unit)?;
        let means = slow.means()?;
        mean_square_stability = mean_square_stability.max(means.mean_square_stability);
        snapshots.push(FiniteWaypoint {
            slow_time,
            step: None,
            sharpness: means.sharpness,
            lambda_max: means.lambda_max,
            fluctuation: means.fluctuation,
            layer_conditions: means.layer_conditions,
            relative_weighted_fluctuation: Some(means.error / (signal * signal)),
        });
    }
    let validity = FiniteValidity {
        mean_square_stability,
        settling: slow.settling(),
        ..FiniteValidity::new(problem, learning_rate, &snapshots)
    };
    Ok(FiniteTrajectory {
        snapshots,
        validity,
    })
}

/// SGD on `problem` from any `start`, at `steps` counted from it.
///
/// Until gradient descent has arrived at the minima these are the values of the leading order
/// ([`path`](super::super::path())), from then on those of [`finite_step`] from the minimum to which SGD's own steps lead without noise.
///
/// # Errors
/// Those of [`path`](super::super::path()) and of [`finite_step`].
pub fn finite_path(
    problem: &Problem,
    start: &Weights,
    steps: &Steps,
) -> Result<FiniteTrajectory, FlowError> {
    finite_offered(problem)?;
    let settings = FlowSettings::default();
    let (leading, minimum) = path_and_minimum(problem, start, steps, &settings)?;
    let approach = leading.validity.as_ref().and_then(|found| found.approach);
    let arrival = approach.map_or(0.0, |approach| approach.arrival);
    let there = |step: &u64| *step as f64 >= arrival;
    let first = steps.steps.partition_point(|step| !there(step));
    let mut snapshots: Vec<FiniteWaypoint> = leading.snapshots[..first]
        .iter()
        .map(|waypoint| FiniteWaypoint {
            slow_time: waypoint.slow_time,
            step: waypoint.step,
            sharpness: waypoint.sharpness,
            lambda_max: waypoint.lambda_max,
            fluctuation: waypoint.fluctuation,
            layer_conditions: waypoint.layer_conditions.clone(),
            relative_weighted_fluctuation: None,
        })
        .collect();
    let mut validity = FiniteValidity::new(problem, steps.learning_rate, &snapshots);
    if first < steps.steps.len() {
        let times: Vec<f64> = Times::from(steps.clone()).slow()?;
        let rest = finite_step(
            problem,
            &minimum,
            steps.learning_rate,
            steps.batch,
            &times[first..],
        )?;
        let numbered = rest.snapshots.into_iter().zip(&steps.steps[first..]);
        snapshots.extend(numbered.map(|(mut waypoint, step)| {
            waypoint.step = Some(*step);
            waypoint
        }));
        validity = rest.validity;
    }
    validity.arrival = Some(arrival);
    if let Some(approach) = approach {
        validity.drift = approach.drift;
        validity.end_drift = approach.end_drift;
        validity.is_tried = approach.is_tried;
    }
    Ok(FiniteTrajectory {
        snapshots,
        validity,
    })
}

/// Whether the theory is offered for this problem: for its size, and where there is something to learn, and noise.
///
/// # Errors
/// When it is not, in words.
pub fn finite_offered(problem: &Problem) -> Result<(), FlowError> {
    let widths = problem.widths();
    let hidden = widths[1..widths.len() - 1].iter().copied().max();
    let fits = problem.input_factor().rank() <= MOST_DIM
        && problem.output_dim() <= MOST_DIM
        && problem.depth() <= MOST_DEPTH
        && hidden.unwrap_or(1) <= MOST_WIDTH;
    if !fits {
        return Err(FlowError::FiniteTooLarge {
            widths: widths.to_vec(),
            most: [MOST_DIM, MOST_WIDTH, MOST_DEPTH],
        });
    }
    let signal = problem.teacher() * problem.input_factor().matrix();
    if signal.norm_max() == 0.0 {
        return Err(FlowError::NoSignal);
    }
    if problem.noise_factor().rank() == 0 {
        return Err(FlowError::NoNoise);
    }
    Ok(())
}
