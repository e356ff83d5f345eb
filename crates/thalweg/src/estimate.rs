//! One computed number with its error, its cost and whether it may be relied on.
//!
//! ```
//! use thalweg::curvature::{CurvatureError, Dense, TraceSettings, trace};
//! use thalweg::estimate::Status;
//! use thalweg::faer::Mat;
//!
//! // A trace read off the diagonal is exact; from random probes it has a standard error.
//! let mut operator = Dense::new(Mat::from_fn(50, 50, |i, j| 1.0 / (1.0 + i.abs_diff(j) as f64)))?;
//! let exact = trace(&mut operator, &TraceSettings::new(50))?;
//! assert_eq!((exact.value, exact.status, exact.standard_error()), (50.0, Status::Exact, None));
//! let sampled = trace(&mut operator, &TraceSettings::new(40))?;
//! assert!((sampled.value - 50.0).abs() < 4.0 * sampled.standard_error().unwrap());
//! # Ok::<(), CurvatureError>(())
//! ```

/// What an iterative or randomised computation says about one number.
///
/// The error is that of the computation. How a quantity scatters from one training run to the next is
/// another matter, and needs several runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The number.
    pub value: f64,
    /// How far it may be from the truth.
    pub uncertainty: Uncertainty,
    /// Products of the operator with one vector that it took; shared by all that came out of one call.
    pub matvecs: usize,
    /// Whether the accuracy asked for was reached.
    pub status: Status,
}

/// The kind of error an estimate has, and its size in the unit of the value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Uncertainty {
    /// Rounding only.
    Rounding,
    /// The estimate is random.
    StandardError {
        /// The standard deviation of the value, estimated from its probes.
        value: f64,
        /// n, the random probes (or groups of them) it was estimated from: n − 1 degrees of freedom.
        probes: usize,
    },
    /// ‖A v − θ v‖ for a unit vector v: some eigenvalue lies within this distance of θ.
    Residual(f64),
}

/// Whether the accuracy asked for was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing was left out: only rounding stands between the value and the truth.
    Exact,
    /// The tolerance was met.
    Converged,
    /// The budget ended before the tolerance was met: the uncertainty says what was reached.
    Unconverged,
}

impl Status {
    /// `Converged` where `met`, else `Unconverged`.
    pub(crate) fn met(met: bool) -> Self {
        if met {
            Self::Converged
        } else {
            Self::Unconverged
        }
    }
}

impl Estimate {
    /// Whether the value is exact or within its tolerance.
    pub fn converged(&self) -> bool {
        self.status != Status::Unconverged
    }

    /// The standard error of a random estimate; `None` where there is no randomness.
    pub fn standard_error(&self) -> Option<f64> {
        match self.uncertainty {
            Uncertainty::StandardError { value, .. } => Some(value),
            Uncertainty::Rounding | Uncertainty::Residual(_) => None,
        }
    }
}
