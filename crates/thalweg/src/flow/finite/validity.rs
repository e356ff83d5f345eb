//! Whether to believe the finite-step theory, which is a measured statement: no bound is known.

use super::FiniteWaypoint;
use crate::problem::Problem;

/// How strongly SGD fluctuates, by which the theory is trusted or not.
#[derive(Clone, Debug, PartialEq)]
pub struct FiniteValidity {
    /// The largest ε = E‖(W_D…W_1 − V)√Σx‖² / ‖V√Σx‖² on the way; 0 where no time lies beyond the descent.
    pub product_fluctuation: f64,
    /// η E λ_max/2, the largest on the way: 1 is the edge of stability.
    pub stability: f64,
    /// κ(Σε), the largest eigenvalue of the label noise's covariance over its smallest; infinite where that is 0.
    pub noise_condition: f64,
    /// D, the number of layers.
    pub depth: usize,
    /// The step from which on gradient descent is at the minima, where the path starts off them: until then the numbers are of
    /// leading order.
    pub arrival: Option<f64>,
}

/// Up to this product fluctuation T was within 2 % of SGD, and mostly within 0.4 %, in every problem tried.
pub const TRUSTED_FLUCTUATION: f64 = 0.035;

/// Up to this product fluctuation it was so where the noise's condition number is at most [`TRUSTED_CONDITION`].
pub const TRUSTED_MILD_FLUCTUATION: f64 = 0.09;

/// The most layers with which it was so. With eight T was 2 to 4 % high at first, and within 0.4 % only later.
pub const TRUSTED_DEPTH: usize = 4;

/// κ(Σε) up to which the fluctuation may be larger.
pub const TRUSTED_CONDITION: f64 = 100.0;

impl FiniteValidity {
    pub(super) fn new(problem: &Problem, learning_rate: f64, snapshots: &[FiniteWaypoint]) -> Self {
        let fluctuations = snapshots.iter().filter_map(|at| at.product_fluctuation);
        let stabilities = snapshots
            .iter()
            .map(|at| 0.5 * learning_rate * at.lambda_max);
        Self {
            product_fluctuation: fluctuations.fold(0.0, f64::max),
            stability: stabilities.fold(0.0, f64::max),
            noise_condition: noise_condition(problem),
            depth: problem.depth(),
            arrival: None,
        }
    }

    /// Whether T is right to 2 %, as far as that was measured.
    pub fn in_range(&self) -> bool {
        self.product_fluctuation <= self.most() && self.depth <= TRUSTED_DEPTH
    }

    /// The largest ε that is in range.
    fn most(&self) -> f64 {
        if self.noise_condition <= TRUSTED_CONDITION {
            TRUSTED_MILD_FLUCTUATION
        } else {
            TRUSTED_FLUCTUATION
        }
    }

    /// The larger of each number: the report for several paths.
    #[must_use]
    pub fn worst(self, other: &Self) -> Self {
        Self {
            product_fluctuation: self.product_fluctuation.max(other.product_fluctuation),
            stability: self.stability.max(other.stability),
            noise_condition: self.noise_condition.max(other.noise_condition),
            depth: self.depth.max(other.depth),
            arrival: self
                .arrival
                .into_iter()
                .chain(other.arrival)
                .reduce(f64::max),
        }
    }

    /// Whether to believe it, in a few sentences for a user.
    pub fn sentence(&self) -> String {
        let percent = percent(self.product_fluctuation);
        let verdict = if self.in_range() {
            format!(
                "In the range of the finite-step theory: the product of the weights fluctuates by at most {percent} % of ‖V√Σx‖². In \
                 every problem tried T was then within 2 % of SGD, mostly within 0.4 %."
            )
        } else if self.product_fluctuation <= self.most() {
            format!(
                "Outside the range in which the finite-step theory was confirmed: it was for at most {TRUSTED_DEPTH} layers, and there are {}. With \
                 eight, T was 2 to 4 % high at first, and within 0.4 % of SGD later.",
                self.depth
            )
        } else {
            format!(
                "Outside the range in which the finite-step theory was confirmed: the product of the weights fluctuates by {percent} % of \
                 ‖V√Σx‖² (at most {} % is in range at this condition number of Σε). Expect SGD to end flatter, by 2 to 16 % where \
                 this was tried; for a prediction that holds, take a smaller η or a larger batch, or simulate.",
                100.0 * self.most()
            )
        };
        let before = self.arrival.filter(|arrival| *arrival > 0.0).map(|arrival| {
            format!(
                " Before step {}, while the weights descend to the minima, the numbers are those of the slow flow, without fluctuation.",
                arrival.ceil()
            )
        });
        verdict + &before.unwrap_or_default()
    }
}

/// Two digits where they say something.
fn percent(fraction: f64) -> String {
    match 100.0 * fraction {
        percent if percent >= 9.95 => format!("{percent:.0}"),
        percent if percent >= 0.995 => format!("{percent:.1}"),
        percent => format!("{percent:.2}"),
    }
}

fn noise_condition(problem: &Problem) -> f64 {
    let factor = problem.noise_factor();
    let values = factor.matrix().singular_values().unwrap_or_default();
    match (values.first(), values.last()) {
        _ if factor.rank() < problem.output_dim() => f64::INFINITY,
        (Some(largest), Some(smallest)) => (largest / smallest).powi(2),
        _ => f64::INFINITY,
    }
}
