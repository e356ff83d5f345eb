//! A claim, what was measured for it, and the verdict by a tolerance that was decided beforehand.

use serde::{Deserialize, Serialize};
use thalweg::flow::{MOST_PRODUCT_FLUCTUATION, MOST_STABILITY};

use super::trials::OverSeeds;

/// More than this fraction of the prediction as allowance for error: the measurement decides nothing.
pub const RESOLUTION: f64 = 0.25;

/// A statement with the numbers that decide it.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// What is claimed, one sentence.
    pub statement: String,
    /// Who claims it: an equation of the paper, or "beyond the paper".
    pub source: String,
    /// The measured value: sampled, or computed by an independent route; or why there is none.
    pub measured: Result<f64, String>,
    /// Standard error of `measured`; nothing where it is computed and not sampled.
    pub error: Option<f64>,
    /// Standard error of measured − predicted, where the two share their starts; otherwise `error`.
    pub difference_error: Option<f64>,
    /// Which seeds `measured` leaves out and why, if there are any.
    pub left_out: Option<String>,
    /// What the claim says the value is.
    pub predicted: f64,
    /// How `predicted` was obtained.
    pub by: String,
    /// What counts as agreement.
    pub tolerance: Tolerance,
    /// For a limit t → ∞: how far the slow flow gets within the budget.
    pub reach: Option<Reach>,
    /// For a statement about η → 0⁺: how large η is.
    pub range: Option<Range>,
}

/// What counts as agreement between a measured and a predicted value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tolerance {
    /// |measured − predicted| ≤ relative·|predicted| + errors · standard error.
    Within {
        /// A fraction of the prediction.
        relative: f64,
        /// Standard errors allowed on top.
        errors: f64,
    },
    /// measured ≥ predicted + errors · standard error; undecided while it is less far on either side.
    AtLeast {
        /// Standard errors that make it clear.
        errors: f64,
    },
    /// measured ≤ predicted − errors · standard error; undecided while it is less far on either side.
    AtMost {
        /// Standard errors that make it clear.
        errors: f64,
    },
}

/// With these words begins [`Judged::predicted_by`] where the slow flow is compared with.
pub const SLOW_FLOW: &str = "slow flow";

/// The tolerance for SGD against the slow flow and against limits: 5 % for the terms of higher order
/// in η, and three standard errors.
pub const SGD: Tolerance = Tolerance::Within {
    relative: 0.05,
    errors: 3.0,
};

/// The tolerance for two exact computations of one number: rounding.
pub const EXACT: Tolerance = Tolerance::Within {
    relative: 1e-9,
    errors: 0.0,
};

/// `value` with three significant digits, and no more than it needs.
fn three_digits(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

impl std::fmt::Display for Tolerance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let errors = |errors: f64| {
            if errors > 0.0 {
                format!(", clear by {errors} s.e.")
            } else {
                String::new()
            }
        };
        match *self {
            Self::Within { relative, errors } if relative < 1e-4 && errors == 0.0 => {
                write!(f, "equal to {relative:e} relative")
            }
            Self::Within { relative, errors } => {
                let parts = [
                    (relative > 0.0).then(|| format!("{} %", three_digits(100.0 * relative))),
                    (errors > 0.0).then(|| format!("{errors} s.e.")),
                ];
                let parts: Vec<String> = parts.into_iter().flatten().collect();
                write!(f, "within {}", parts.join(" + "))
            }
            Self::AtLeast { errors: e } => write!(f, "at least the prediction{}", errors(e)),
            Self::AtMost { errors: e } => write!(f, "at most the prediction{}", errors(e)),
        }
    }
}

/// The slow flow at the end of the budget and at t → ∞, by which a claim about the limit is testable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reach {
    /// The budget.
    pub steps: u64,
    /// The flow's value at that step.
    pub flow: f64,
    /// The flow's relaxation time at its limit, steps.
    pub relaxation: f64,
}

/// How far a run is from η → 0⁺; the limits are those of [`thalweg::flow::Validity`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// ηλ_max/2.
    pub stability: f64,
    /// E‖(W_D…W_1 − V)√Σx‖²/‖V√Σx‖².
    pub product: f64,
}

impl Range {
    fn exceeded(self) -> bool {
        self.stability > MOST_STABILITY || self.product > MOST_PRODUCT_FLUCTUATION
    }
}

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Within the tolerance.
    #[serde(rename = "agrees")]
    Agrees,
    /// Beyond the tolerance.
    #[serde(rename = "disagrees")]
    Disagrees,
    /// The run is too short, or its error too large, for the claim to be tested.
    #[serde(rename = "not at this budget")]
    NotAtThisBudget,
    /// Beyond the tolerance, at an η for which the theory does not speak.
    #[serde(rename = "outside the theory's range")]
    OutsideTheRange,
    /// There is nothing to compare: fewer than two seeds are left, or a number is not finite.
    #[serde(rename = "not measured")]
    NotMeasured,
}

impl Verdict {
    /// Every verdict, in the order in which they are counted up.
    pub const ALL: [Self; 5] = [
        Self::Agrees,
        Self::Disagrees,
        Self::NotAtThisBudget,
        Self::OutsideTheRange,
        Self::NotMeasured,
    ];
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Agrees => "agrees",
            Self::Disagrees => "disagrees",
            Self::NotAtThisBudget => "not at this budget",
            Self::OutsideTheRange => "outside the theory's range",
            Self::NotMeasured => "not measured",
        })
    }
}

/// A claim with its verdict, as it stands in the results. Every number is finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// What is claimed.
    pub statement: String,
    /// Who claims it.
    pub source: String,
    /// The measured value, if there is one.
    pub measured: Option<f64>,
    /// Its standard error, if it was sampled.
    pub standard_error: Option<f64>,
    /// Which seeds are not in it and why, if there are any.
    #[serde(default)]
    pub left_out: Option<String>,
    /// What the claim says it is, if that is finite.
    pub predicted: Option<f64>,
    /// How that was obtained.
    pub predicted_by: String,
    /// (measured − predicted)/|predicted|; nothing where the prediction is 0.
    pub relative_error: Option<f64>,
    /// (measured − predicted)/standard error of that difference, if there is one.
    pub z_score: Option<f64>,
    /// What counts as agreement.
    pub tolerance: Tolerance,
    /// What came out.
    pub verdict: Verdict,
    /// Why, where it is neither agreement nor disagreement.
    pub reason: Option<String>,
}

impl Claim {
    /// A claim about a number that both sides compute.
    pub fn exact(
        statement: impl Into<String>,
        source: impl Into<String>,
        (measured, predicted): (f64, f64),
        by: impl Into<String>,
        tolerance: Tolerance,
    ) -> Self {
        Self::new(statement, source, (Ok(measured), predicted), by, tolerance)
    }

    /// A claim about a mean over seeds.
    pub fn sampled(
        statement: impl Into<String>,
        source: impl Into<String>,
        (measured, predicted): (Result<OverSeeds, String>, f64),
        by: impl Into<String>,
        tolerance: Tolerance,
    ) -> Self {
        let over = measured.as_ref().ok();
        let error = over.and_then(|over| over.estimate.standard_error);
        let left_out = over.and_then(|over| over.left_out.clone());
        let numbers = (measured.map(|over| over.estimate.mean), predicted);
        Self {
            error,
            left_out,
            ..Self::new(statement, source, numbers, by, tolerance)
        }
    }

    /// A claim about a number without error, that may not have been measured.
    pub fn new(
        statement: impl Into<String>,
        source: impl Into<String>,
        (measured, predicted): (Result<f64, String>, f64),
        by: impl Into<String>,
        tolerance: Tolerance,
    ) -> Self {
        Self {
            statement: statement.into(),
            source: source.into(),
            measured,
            error: None,
            difference_error: None,
            left_out: None,
            predicted,
            by: by.into(),
            tolerance,
            reach: None,
            range: None,
        }
    }

    /// The verdict, from the numbers alone.
    pub fn judge(self) -> Judged {
        let error = self.difference_error.or(self.error);
        let measured = self.measured.clone();
        let difference = measured.and_then(|measured| {
            let numbers = [
                (measured, "measured value"),
                (self.predicted, "prediction"),
                (error.unwrap_or(0.0), "standard error"),
            ];
            match numbers.iter().find(|(number, _)| !number.is_finite()) {
                Some((number, what)) => Err(format!("the {what} is {number}")),
                None => Ok(measured - self.predicted),
            }
        });
        let (verdict, reason) = match &difference {
            Ok(difference) => self.verdict(*difference, error.unwrap_or(0.0)),
            Err(reason) => (Verdict::NotMeasured, Some(reason.clone())),
        };
        let ratio = |divisor: Option<f64>| {
            let ratio = difference.as_ref().ok()? / divisor?;
            finite(ratio)
        };
        Judged {
            statement: self.statement,
            source: self.source,
            measured: self.measured.ok().and_then(finite),
            standard_error: self.error.and_then(finite),
            left_out: self.left_out,
            predicted: finite(self.predicted),
            predicted_by: self.by,
            relative_error: ratio(Some(self.predicted.abs())),
            z_score: ratio(error),
            tolerance: self.tolerance,
            verdict,
            reason,
        }
    }

    fn verdict(&self, difference: f64, error: f64) -> (Verdict, Option<String>) {
        if let Some(reason) = self.too_short(error) {
            return (Verdict::NotAtThisBudget, Some(reason));
        }
        let (agrees, clear) = match self.tolerance {
            Tolerance::Within { relative, errors } => {
                let allowed = relative * self.predicted.abs() + errors * error;
                (difference.abs() <= allowed, 0.0)
            }
            Tolerance::AtLeast { errors } => (difference >= errors * error, errors),
            Tolerance::AtMost { errors } => (difference <= -errors * error, errors),
        };
        if !agrees && difference.abs() < clear * error {
            let reason = format!(
                "the difference is {:.1} standard errors: {clear} would decide",
                difference / error
            );
            return (Verdict::NotAtThisBudget, Some(reason));
        }
        match (agrees, self.range) {
            (true, _) => (Verdict::Agrees, None),
            (false, Some(range)) if range.exceeded() => {
                let reason = format!(
                    "the theory is leading order in η: here ηλ_{{max}}/2 = {:.2} (at most {MOST_STABILITY}) and the product fluctuates by {:.1} % (at most {} %)",
                    range.stability,
                    100.0 * range.product,
                    100.0 * MOST_PRODUCT_FLUCTUATION
                );
                (Verdict::OutsideTheRange, Some(reason))
            }
            (false, _) => (Verdict::Disagrees, None),
        }
    }

    /// Why the budget does not decide the claim, if it does not.
    fn too_short(&self, error: f64) -> Option<String> {
        let Tolerance::Within { relative, errors } = self.tolerance else {
            return None;
        };
        let size = self.predicted.abs();
        if let Some(Reach {
            steps,
            flow,
            relaxation,
        }) = self.reach
            && (flow - self.predicted).abs() > relative * size
        {
            return Some(format!(
                "after {steps} steps the slow flow itself is at {flow:.4}, more than the tolerance from the limit {:.4}; its relaxation time is {relaxation:.0} steps",
                self.predicted
            ));
        }
        (errors * error > RESOLUTION * size).then(|| {
            format!(
                "{errors} standard errors are {:.0} % of the prediction, over {:.0} %",
                100.0 * errors * error / size,
                100.0 * RESOLUTION
            )
        })
    }
}

/// JSON has no other numbers.
fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(measured: f64, error: f64) -> Claim {
        Claim {
            error: Some(error),
            ..Claim::exact("s", "eq. 1", (measured, 10.0), "theory", SGD)
        }
    }

    #[test]
    fn tolerances_show_no_more_digits_than_they_need() {
        let within = |relative, errors| Tolerance::Within { relative, errors }.to_string();
        assert_eq!(within(5.0 / 21.0, 0.0), "within 23.8 %");
        assert_eq!(within(0.05, 3.0), "within 5 % + 3 s.e.");
    }

    #[test]
    fn each_verdict_can_come_out() {
        assert_eq!(claim(10.4, 0.0).judge().verdict, Verdict::Agrees);
        assert_eq!(claim(10.6, 0.0).judge().verdict, Verdict::Disagrees);
        assert_eq!(claim(10.6, 0.05).judge().verdict, Verdict::Agrees);
        assert_eq!(claim(10.0, 2.0).judge().verdict, Verdict::NotAtThisBudget);
        let early = Claim {
            reach: Some(Reach {
                steps: 7,
                flow: 8.0,
                relaxation: 50.0,
            }),
            ..claim(10.0, 0.0)
        };
        let judged = early.judge();
        assert_eq!(judged.verdict, Verdict::NotAtThisBudget);
        assert!(judged.reason.unwrap().contains("after 7 steps"));
        let beyond = |measured, stability| Claim {
            range: Some(Range {
                stability,
                product: 0.0,
            }),
            ..claim(measured, 0.0)
        };
        assert_eq!(beyond(20.0, 0.9).judge().verdict, Verdict::OutsideTheRange);
        assert_eq!(beyond(20.0, 0.1).judge().verdict, Verdict::Disagrees);
        assert_eq!(beyond(10.0, 0.9).judge().verdict, Verdict::Agrees);
    }

    #[test]
    fn a_paired_error_replaces_the_spread_of_the_starts() {
        let paired = Claim {
            difference_error: Some(0.01),
            ..claim(10.6, 2.0)
        };
        let judged = paired.judge();
        assert_eq!(judged.verdict, Verdict::Disagrees);
        assert!((judged.z_score.unwrap() - 60.0).abs() < 1e-9);
        assert_eq!(judged.standard_error, Some(2.0));
    }

    #[test]
    fn bounds_hold_on_one_side_and_a_wrong_value_never_agrees() {
        let bound = |tolerance| {
            Claim::exact("s", "e", (3.0, 2.0), "t", tolerance)
                .judge()
                .verdict
        };
        assert_eq!(bound(Tolerance::AtLeast { errors: 0.0 }), Verdict::Agrees);
        assert_eq!(bound(Tolerance::AtMost { errors: 0.0 }), Verdict::Disagrees);
    }

    #[test]
    fn a_bound_within_the_errors_is_undecided() {
        let above = |measured, error| {
            let claim = Claim {
                tolerance: Tolerance::AtLeast { errors: 3.0 },
                ..claim(measured, error)
            };
            claim.judge().verdict
        };
        assert_eq!(above(10.7, 0.2), Verdict::Agrees);
        assert_eq!(above(10.5, 0.2), Verdict::NotAtThisBudget);
        assert_eq!(above(9.5, 0.2), Verdict::NotAtThisBudget);
        assert_eq!(above(9.3, 0.2), Verdict::Disagrees);
    }

    /// Whatever goes in, the results can be written and read again.
    #[test]
    fn numbers_that_are_not_finite_are_not_measured() {
        let no_seeds = Claim {
            measured: Err("all 5 seeds diverged".to_owned()),
            ..claim(1.0, 0.1)
        };
        let no_prediction = Claim {
            predicted: f64::NAN,
            ..claim(1.0, 0.1)
        };
        let infinite_error = claim(10.0, f64::INFINITY);
        let infinite = claim(f64::INFINITY, 0.0);
        for claim in [no_seeds, no_prediction, infinite_error, infinite] {
            let judged = claim.judge();
            assert_eq!(judged.verdict, Verdict::NotMeasured, "{judged:?}");
            assert!(judged.reason.is_some());
            let json = serde_json::to_string(&judged).unwrap();
            assert_eq!(serde_json::from_str::<Judged>(&json).unwrap(), judged);
        }
    }
}
