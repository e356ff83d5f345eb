//! What a user may choose: output times and accuracy.

use super::FlowError;
use crate::problem::Problem;
use crate::recipe::{Forces, Sam};

/// Accuracy and effort of an integration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlowSettings {
    /// The error allowed in one step, relative to the norm of each layer: 1e-12 … 1e-2.
    pub tolerance: f64,
    /// The most steps, accepted and rejected together.
    pub max_steps: usize,
    /// Which drift to follow.
    pub drift: Drift,
    /// What moves SGD beside plain noise.
    pub forces: Forces,
    /// β of heavy-ball momentum, with which the steps down to the minima are made; the learning rate of [`Steps`](super::Steps) is then η/(1 − β).
    pub momentum: f64,
    /// SAM's ascent, with which those steps are made too. (What it does along the minima is in `forces`.)
    pub sam: Option<Sam>,
}

/// The vector field of the slow flow.
///
/// Both leave the product fixed and move Q_k = W_kW_kᵀ − W_{k+1}ᵀW_{k+1} as SGD's noise does. They differ in
/// the motion within the minima of equal Q, which Q does not fix. In the problem of `tests/flow/sgd.rs` (D = d = 2, noise in
/// turned axes), with deviations (1, .1): dF/du at the start is −1.585 by the exact drift and −1.516 by the symmetric one, and the fall of
/// SGD's F is within 2 % of the first and not of the second. With deviations (1, .2) SGD ends at T = 10.86, the exact drift at 10.87,
/// Theorem 1 says 11.31.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Drift {
    /// Symmetric generators, dW_k = X_k W_k − W_k X_{k−1}. F always falls, the limit is Theorem 1's
    /// minimum, and wide networks are within reach; SGD's own path is followed to some per cent.
    #[default]
    Symmetric,
    /// SGD's drift at leading order in η. For isotropic noise it is the Riemannian gradient flow of F/4;
    /// where K and I ⊗ Σε do not commute, its limit is not Theorem 1's minimum but near it, with a steady rotation of the
    /// hidden bases, on which no number depends: small networks are followed up to such rotations, their weights too.
    /// Each evaluation decomposes K, of d_y rank(Σx) rows, at most [`MOST_CURVATURE`] of them; networks that share all axes need no K,
    /// since there it is the symmetric drift.
    Exact,
}

impl Drift {
    /// By symmetric generators where they follow the noise of `problem` and all `forces`, else the exact drift.
    pub fn that_follows(problem: &Problem, forces: &Forces) -> Self {
        if problem.input_dropout() == 0.0 && forces.follow_generators() {
            Self::Symmetric
        } else {
            Self::Exact
        }
    }
}

/// Whether SGD on `problem` under `forces` ends at Theorem 1's minimum by symmetric generators: nothing moves it but noise that is independent of the inputs.
pub fn ends_at_theorem_1(problem: &Problem, forces: &Forces) -> bool {
    forces.are_noise_alone() && problem.input_dropout() == 0.0
}

/// The most weights of a network that is followed along the minima.
pub const MOST_WEIGHTS: usize = 10_000_000;

/// The most rows of K that the exact drift decomposes.
pub const MOST_CURVATURE: usize = 2000;

impl Default for FlowSettings {
    /// A tolerance of 1e-6, at which T and F along the minima came out right to 1e-7 in every problem tried but raw tables: 30 columns of
    /// κ(Σx) = 6·10¹¹ ask for 1e-8 (2e-4 with 1e-6, long after the start).
    /// The minimum that gradient flow reaches from a random start was right to 1e-6 (D ≤ 4) and 1e-5 (D = 8).
    fn default() -> Self {
        Self {
            tolerance: 1e-6,
            max_steps: 20_000,
            drift: Drift::Symmetric,
            forces: Forces::default(),
            momentum: 0.0,
            sam: None,
        }
    }
}

impl FlowSettings {
    /// Refuses a tolerance that is none, and a drift that does not follow what moves SGD on `problem`.
    pub(super) fn check(&self, problem: &Problem) -> Result<(), FlowError> {
        self.check_tolerance()?;
        if self.drift == Drift::Exact || Drift::that_follows(problem, &self.forces) == self.drift {
            return Ok(());
        }
        Err(FlowError::ExactDriftAlone {
            force: if self.forces.dropout != 0.0 {
                "dropout of hidden units"
            } else if self.forces.ascent != 0.0 {
                "SAM's normalised ascent"
            } else {
                "dropout of inputs"
            },
        })
    }

    pub(super) fn check_tolerance(&self) -> Result<(), FlowError> {
        if !(1e-12..=1e-2).contains(&self.tolerance) {
            return Err(FlowError::Tolerance {
                found: self.tolerance,
            });
        }
        Ok(())
    }
}

/// The times at which the trajectory is wanted, in increasing order.
#[derive(Clone, Debug, PartialEq)]
pub enum Times {
    /// Slow times u = η² t/B, free of η and B.
    Slow(Vec<f64>),
    /// Steps t of SGD. Only with these is there a validity report and a relaxation time in steps.
    Steps {
        /// η > 0, the step size of SGD.
        learning_rate: f64,
        /// B ≥ 1, the samples in a minibatch.
        batch: usize,
        /// The steps t at which it is wanted, in increasing order; the start is step 0.
        steps: Vec<u64>,
    },
}

/// Steps of SGD at which something is wanted, in increasing order.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps {
    /// The step size η > 0 of the run.
    pub learning_rate: f64,
    /// Samples in a minibatch of the run, B ≥ 1.
    pub batch: usize,
    /// Steps t.
    pub steps: Vec<u64>,
}

impl From<Steps> for Times {
    fn from(steps: Steps) -> Self {
        let Steps {
            learning_rate,
            batch,
            steps,
        } = steps;
        Self::Steps {
            learning_rate,
            batch,
            steps,
        }
    }
}

impl Times {
    /// η²/B, checked, and so that `step` times it is finite.
    pub(super) fn unit(learning_rate: f64, batch: usize, step: u64) -> Result<f64, FlowError> {
        if !(learning_rate.is_finite() && learning_rate > 0.0) {
            return Err(FlowError::LearningRate {
                found: learning_rate,
            });
        }
        if batch == 0 {
            return Err(FlowError::Batch);
        }
        let unit = learning_rate * learning_rate / batch as f64;
        if !(unit.is_normal() && (unit * step as f64).is_finite()) {
            return Err(FlowError::SlowTime {
                learning_rate,
                batch,
                step,
            });
        }
        Ok(unit)
    }

    /// The slow times, checked.
    pub(super) fn slow(&self) -> Result<Vec<f64>, FlowError> {
        let times: Vec<f64> = match self {
            Self::Slow(times) => times.clone(),
            Self::Steps {
                learning_rate,
                batch,
                steps,
            } => {
                let step = steps.iter().copied().max().unwrap_or(0);
                let unit = Self::unit(*learning_rate, *batch, step)?;
                steps.iter().map(|&t| unit * t as f64).collect()
            }
        };
        if times.is_empty() {
            return Err(FlowError::NoTimes);
        }
        for (i, &value) in times.iter().enumerate() {
            if !(value.is_finite() && value >= 0.0) {
                return Err(FlowError::BadTime {
                    position: i + 1,
                    value,
                });
            }
            if i > 0 && value < times[i - 1] {
                return Err(FlowError::UnsortedTimes {
                    position: i + 1,
                    value,
                    previous: times[i - 1],
                });
            }
        }
        Ok(times)
    }
}
