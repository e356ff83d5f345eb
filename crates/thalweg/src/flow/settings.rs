//! What a user may choose: output times and accuracy.

use super::FlowError;

/// Accuracy and effort of an integration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The error allowed in one step, relative to the norm of each layer: 1e-12 … 1e-2.
    pub tolerance: f64,
    /// The most steps, accepted and rejected together.
    pub max_steps: usize,
    /// Which drift to follow.
    pub drift: Drift,
}

/// The vector field of the slow flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Drift {
    /// Symmetric generators: dW_k = X_k W_k − W_k X_{k−1} with the X_k that move the imbalances Q_k as SGD
    /// does. F always falls, and the limit is Theorem 1's minimum. It is not SGD's drift exactly:
    /// Q_k does not fix the motion within the minima of equal Q.
    #[default]
    Symmetric,
    /// SGD's drift at leading order in η. Its limit is Theorem 1's minimum only where K and I ⊗ Σε commute
    /// there. Costs 2n field evaluations a step, n the number of weights: for small networks.
    Exact,
}

impl Default for Settings {
    /// A tolerance of 1e-8: about eight digits in T and F, at a few steps for each factor of ten in time.
    fn default() -> Self {
        Self {
            tolerance: 1e-8,
            max_steps: 20_000,
            drift: Drift::Symmetric,
        }
    }
}

impl Settings {
    pub(super) fn check(&self) -> Result<(), FlowError> {
        if (1e-12..=1e-2).contains(&self.tolerance) {
            Ok(())
        } else {
            Err(FlowError::Tolerance {
                found: self.tolerance,
            })
        }
    }
}

/// The times at which the trajectory is wanted, in increasing order.
#[derive(Clone, Debug, PartialEq)]
pub enum Times {
    /// Slow times u = η² t/B, free of η and B.
    Slow(Vec<f64>),
    /// Steps t of SGD. Only with these is there a validity report and a relaxation time in steps.
    Steps {
        /// η > 0.
        learning_rate: f64,
        /// B ≥ 1.
        batch: usize,
        /// Steps t.
        steps: Vec<u64>,
    },
}

impl Times {
    /// The slow times, checked.
    pub(super) fn slow(&self) -> Result<Vec<f64>, FlowError> {
        let times: Vec<f64> = match self {
            Self::Slow(times) => times.clone(),
            Self::Steps {
                learning_rate,
                batch,
                steps,
            } => {
                if !(learning_rate.is_finite() && *learning_rate > 0.0) {
                    return Err(FlowError::LearningRate {
                        found: *learning_rate,
                    });
                }
                if *batch == 0 {
                    return Err(FlowError::Batch);
                }
                let unit = learning_rate * learning_rate / *batch as f64;
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
