//! Whether to believe the finite-step theory, which is a measured statement: no bound is known.

use super::{super::validity::MOST_DRIFT, FiniteWaypoint};
use crate::{problem::Problem, words::rounded};

/// How strongly SGD fluctuates, by which the theory is trusted or not.
#[derive(Clone, Debug, PartialEq)]
pub struct FiniteValidity {
    /// The largest ε = E‖(W_D…W_1 − V)√Σx‖² / ‖V√Σx‖² on the way; 0 where no time lies beyond the descent.
    pub relative_weighted_fluctuation: f64,
    /// η E λ_max/2, the largest on the way: 1 is the edge of stability.
    pub stability: f64,
    /// The same with the scatter of minibatches, in the mean square; 0 where no time lies beyond the descent.
    pub mean_square_stability: f64,
    /// κ(Σε), the largest eigenvalue of the label noise's covariance over its smallest; infinite where that is 0.
    pub noise_condition: f64,
    /// D, the number of layers.
    pub depth: usize,
    /// The step from which on gradient descent is at the minima, where the path starts off them: until then the numbers are of
    /// leading order.
    pub arrival: Option<f64>,
    /// How many steps the fluctuation takes to settle about the first minimum, 2/(ηλ) with the smallest eigenvalue λ of K there: e⁻⁴ of its
    /// distance from the stationary law is then left. 0 where no time lies beyond the descent.
    pub settling: f64,
    /// How uncertain T is, relative to it, because noise moves the weights already on the way down, the largest at the times asked for;
    /// and the same at the last of them, by when most of it may be forgotten. 0 from a minimum.
    pub drift: f64,
    /// At the last time.
    pub end_drift: f64,
    /// Whether runs with noise went all the way down ([`Approach::is_tried`](super::super::Approach::is_tried)); true from a minimum.
    pub is_tried: bool,
}

/// How near to SGD T was wherever the theory is in its range, relative.
pub const TRUSTED_ERROR: f64 = 0.02;

/// Up to this product fluctuation T was within 2 % of SGD, and mostly within 0.4 %, in every problem tried.
pub const TRUSTED_FLUCTUATION: f64 = 0.035;

/// Up to this product fluctuation it was so where the noise's condition number is at most [`TRUSTED_CONDITION`].
pub const TRUSTED_MILD_FLUCTUATION: f64 = 0.09;

/// How near to SGD T was in the outer range, which fewer runs have tried, relative.
pub const OUTER_ERROR: f64 = 0.05;

/// The largest product fluctuation of the outer range. At κ(Σε) = 10⁴ and 7.5 % T was up to 5 % off.
pub const OUTER_FLUCTUATION: f64 = 0.055;

/// The same under isotropic noise, with ηλ_max/2 up to [`OUTER_ISOTROPIC_STABILITY`]: T and F were within 0.5 % of SGD. At ηλ_max/2 = 0.18 they
/// were 6 % off.
pub const OUTER_ISOTROPIC_FLUCTUATION: f64 = 0.3;

/// The largest ηλ_max/2 of those runs.
pub const OUTER_ISOTROPIC_STABILITY: f64 = 0.03;

/// The largest drift of the outer range. At 8 % T was 3 % off, and F 4 %.
pub const OUTER_DRIFT: f64 = 0.05;

/// The most layers of the outer range.
pub const OUTER_DEPTH: usize = 3;

/// The most layers with which it was so. With eight T was within 1 % from a minimum on, but up to 7 % off after a descent from afar.
pub const TRUSTED_DEPTH: usize = 4;

/// κ(Σε) up to which the fluctuation may be larger.
pub const TRUSTED_CONDITION: f64 = 100.0;

/// Where both are reached some of 32 runs of 300,000 steps diverged, though their means are known: the stability number in the mean square, and the product's
/// fluctuation. (D = 2 and 3, one to three inputs and outputs, B = 2, 10 and 100: 16 of the 136 problems in range, and none outside these limits.)
pub const SHAKY_STABILITY: f64 = 0.6;
/// See [`SHAKY_STABILITY`].
pub const SHAKY_FLUCTUATION: f64 = 0.01;

impl FiniteValidity {
    pub(super) fn new(problem: &Problem, learning_rate: f64, snapshots: &[FiniteWaypoint]) -> Self {
        let fluctuations = snapshots
            .iter()
            .filter_map(|at| at.relative_weighted_fluctuation);
        let stabilities = snapshots
            .iter()
            .map(|at| 0.5 * learning_rate * at.lambda_max);
        Self {
            relative_weighted_fluctuation: fluctuations.fold(0.0, f64::max),
            stability: stabilities.fold(0.0, f64::max),
            mean_square_stability: 0.0,
            noise_condition: noise_condition(problem),
            depth: problem.depth(),
            arrival: None,
            settling: 0.0,
            drift: 0.0,
            end_drift: 0.0,
            is_tried: true,
        }
    }

    /// The same of the last time alone, so far as times differ in it.
    #[must_use]
    pub fn at_end(self) -> Self {
        Self {
            drift: self.end_drift,
            ..self
        }
    }

    /// Whether it was confirmed how near T is to SGD's.
    pub fn in_range(&self) -> bool {
        self.error().is_some()
    }

    /// Whether single runs may diverge where their means do not.
    pub fn may_diverge(&self) -> bool {
        self.mean_square_stability >= SHAKY_STABILITY
            && self.relative_weighted_fluctuation >= SHAKY_FLUCTUATION
    }

    /// How near T is to SGD's, relative, as far as that was measured: [`TRUSTED_ERROR`], or [`OUTER_ERROR`] in the outer range.
    pub fn error(&self) -> Option<f64> {
        let inner = self.relative_weighted_fluctuation <= self.most()
            && self.depth <= TRUSTED_DEPTH
            && self.drift <= MOST_DRIFT;
        let outer = self.relative_weighted_fluctuation <= self.outermost()
            && self.depth <= OUTER_DEPTH
            && self.drift <= OUTER_DRIFT;
        match (inner, outer) {
            (true, _) => Some(TRUSTED_ERROR),
            (false, true) => Some(OUTER_ERROR),
            (false, false) => None,
        }
    }

    /// The largest ε of the inner range.
    fn most(&self) -> f64 {
        if self.noise_condition <= TRUSTED_CONDITION {
            TRUSTED_MILD_FLUCTUATION
        } else {
            TRUSTED_FLUCTUATION
        }
    }

    /// The largest ε of the outer range.
    fn outermost(&self) -> f64 {
        let isotropic = self.noise_condition <= 1.0 + 1e-6;
        if isotropic && self.stability <= OUTER_ISOTROPIC_STABILITY {
            OUTER_ISOTROPIC_FLUCTUATION
        } else {
            self.most().max(OUTER_FLUCTUATION)
        }
    }

    /// The larger of each number: the report for several paths.
    #[must_use]
    pub fn worst(self, other: &Self) -> Self {
        Self {
            relative_weighted_fluctuation: self
                .relative_weighted_fluctuation
                .max(other.relative_weighted_fluctuation),
            stability: self.stability.max(other.stability),
            mean_square_stability: self.mean_square_stability.max(other.mean_square_stability),
            noise_condition: self.noise_condition.max(other.noise_condition),
            depth: self.depth.max(other.depth),
            arrival: self
                .arrival
                .into_iter()
                .chain(other.arrival)
                .reduce(f64::max),
            settling: self.settling.max(other.settling),
            drift: self.drift.max(other.drift),
            end_drift: self.end_drift.max(other.end_drift),
            is_tried: self.is_tried && other.is_tried,
        }
    }

    /// Whether to believe it, in a few sentences for a user.
    pub fn sentence(&self) -> String {
        let percent = percent(self.relative_weighted_fluctuation);
        let drifts = format!(
            "noise moves the weights while they still descend to the minima, which leaves T and F uncertain by up to {:.1} %",
            100.0 * self.drift
        );
        let verdict = match self.error() {
            Some(TRUSTED_ERROR) => format!(
                "In the range of the finite-step theory: the product of the weights fluctuates by at most {percent} % of ‖V√Σx‖². In \
                 every problem tried T was then within 2 % of SGD, mostly within 0.4 %."
            ),
            Some(error) => format!(
                "In the outer range of the finite-step theory, in which T was within {} % of SGD: the product of the weights fluctuates by at most \
                 {percent} % of ‖V√Σx‖²{}.",
                rounded(100.0 * error),
                if self.drift > MOST_DRIFT {
                    format!(", and {drifts}")
                } else {
                    String::new()
                }
            ),
            None => format!(
                "Outside the range in which the finite-step theory was confirmed: {}",
                self.excess(&percent, &drifts)
            ),
        };
        let arrival = self.arrival.filter(|arrival| *arrival > 0.0);
        let before = arrival.map(|arrival| {
            format!(
                " Before step {}, while the weights descend to the minima, the numbers are those of the slow flow, without fluctuation.",
                arrival.ceil()
            )
        });
        let settled = arrival.unwrap_or(0.0) + self.settling;
        let settles = (self.settling > 0.0).then(|| {
            format!(
                " Until about step {} the fluctuation still grows to its full size, and the numbers, which have it, may be off by more.",
                rounded(settled.ceil())
            )
        });
        let tried = if self.is_tried {
            ""
        } else {
            " What noise does on a way down so long was not tried."
        };
        let strays = if self.may_diverge() {
            format!(
                " Single runs may diverge sooner or later, and these are means over those that do not: with the scatter of minibatches the stability number is {} in \
                 the mean square (from {SHAKY_STABILITY} on some runs of 300,000 steps did).",
                rounded(self.mean_square_stability)
            )
        } else {
            String::new()
        };
        verdict + &strays + &before.unwrap_or_default() + tried + &settles.unwrap_or_default()
    }

    /// What takes it out of its range, and what to expect there.
    fn excess(&self, percent: &str, drifts: &str) -> String {
        if self.depth > TRUSTED_DEPTH {
            format!(
                "it was for at most {TRUSTED_DEPTH} layers, and there are {}. With eight, T was within 1 % of SGD from a minimum on, and up to 7 % off \
                 after a descent to one, on which noise has more time to act.",
                self.depth
            )
        } else if self.relative_weighted_fluctuation <= self.most() {
            format!(
                "{drifts} (at most {} % is in range with up to {OUTER_DEPTH} layers, {} % with more); later steps forget it, and a smaller η or a larger \
                 batch reduces it.",
                rounded(100.0 * OUTER_DRIFT),
                rounded(100.0 * MOST_DRIFT)
            )
        } else {
            format!(
                "the product of the weights fluctuates by {percent} % of ‖V√Σx‖² (at most {} % is in range at this condition number of Σε). Expect SGD \
                 to end flatter, by 2 to 16 % where this was tried; for a prediction that holds, take a smaller η or a larger batch, or simulate.",
                rounded(
                    100.0
                        * if self.depth <= OUTER_DEPTH {
                            self.outermost()
                        } else {
                            self.most()
                        }
                )
            )
        }
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
