//! The verdict on a claim, from its numbers alone.

use serde::{Deserialize, Serialize};
use thalweg::flow::{MOST_RELATIVE_WEIGHTED_FLUCTUATION, MOST_STABILITY};

use super::claim::{Beside, Claim, Counting, Origin, Range, Reach};
use super::power::detectable;
use super::tolerance::{ERRORS, ROUNDING, Tolerance};

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Within the tolerance, by a measurement that could have been beyond it.
    #[serde(rename = "agrees")]
    Agrees,
    /// Beyond the tolerance.
    #[serde(rename = "disagrees")]
    Disagrees,
    /// The run is too short, or its error too large, for the claim to be tested.
    #[serde(rename = "not at this budget")]
    NotAtThisBudget,
    /// At an η for which the theory does not speak: neither a hit nor a miss decides.
    #[serde(rename = "outside the theory's range")]
    OutsideTheRange,
    /// There is nothing to compare: fewer than two trials are left, or a number is not finite.
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

/// Why a claim was not decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The run ends before what the claim is about.
    TooShort,
    /// The trials scatter too much.
    TooNoisy,
    /// The step size is too large for a theory of small ones.
    StepTooLarge,
    /// There is no number.
    NoNumber,
}

/// A claim with its verdict, as it stands in the results. Every number is finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// What is claimed.
    pub statement: String,
    /// Whose claim it is.
    #[serde(default)]
    pub origin: Origin,
    /// Where it stands.
    pub source: String,
    /// The measured value, if there is one.
    pub measured: Option<f64>,
    /// Its standard error, if it was sampled.
    pub standard_error: Option<f64>,
    /// Independent trials behind it; 0 where it is computed.
    #[serde(default)]
    pub trials: usize,
    /// Which seeds are not in it and why, if there are any.
    #[serde(default)]
    pub left_out: Option<String>,
    /// What the claim says it is, if that is finite.
    pub predicted: Option<f64>,
    /// How that was obtained.
    pub predicted_by: String,
    /// Whether that is the slow flow beside the runs.
    #[serde(default)]
    pub beside_flow: bool,
    /// (measured − predicted)/|predicted|; nothing where the prediction is 0.
    pub relative_error: Option<f64>,
    /// The standard error of measured − predicted trial by trial, where each trial has its own prediction: it decides, and
    /// not the standard error of the measured value, which holds the scatter of the starts too.
    #[serde(default)]
    pub difference_error: Option<f64>,
    /// (measured − predicted)/standard error of that difference, or the same of logarithms for a ratio.
    pub z_score: Option<f64>,
    /// For an inequality between sampled numbers: the true value that would have been clear in nine of ten
    /// repetitions with as many trials and their scatter. The smaller its distance from the prediction, the more
    /// powerful the test.
    #[serde(default)]
    pub detectable: Option<f64>,
    /// What counts as agreement.
    pub tolerance: Tolerance,
    /// What came out.
    pub verdict: Verdict,
    /// Why, where it is neither agreement nor disagreement.
    pub reason: Option<String>,
    /// The kind of that reason.
    #[serde(default)]
    pub cause: Option<Cause>,
    /// What others predict, where the step size is too large for the one that is usually asked.
    #[serde(default)]
    pub beside: Vec<Beside>,
}

impl Judged {
    /// What others predict, in words.
    pub fn side_by_side(&self) -> Option<String> {
        let others: Vec<String> = self.beside.iter().map(Beside::to_string).collect();
        (!others.is_empty()).then(|| format!("beside it: {}", others.join("; ")))
    }

    /// What its test would have found, in words; nothing where it is no inequality between sampled numbers.
    pub fn power(&self) -> Option<String> {
        let detectable = self.detectable?;
        // What is measured so are ratios.
        if detectable <= 0.0 {
            return Some(
                "no positive true value would be clear in nine of ten repetitions".to_owned(),
            );
        }
        Some(format!(
            "a true value of {detectable:.3} would be clear in nine of ten repetitions"
        ))
    }
}

/// What a claim's numbers come down to.
struct Difference {
    /// measured − predicted, or ln(measured/predicted).
    value: f64,
    /// Its standard error; nothing where nothing is sampled.
    error: Option<f64>,
    /// What a relative tolerance is relative to.
    size: f64,
}

type Finding = (Verdict, Option<(Cause, String)>);

fn undecided(cause: Cause, reason: String) -> Finding {
    let verdict = match cause {
        Cause::TooShort | Cause::TooNoisy => Verdict::NotAtThisBudget,
        Cause::StepTooLarge => Verdict::OutsideTheRange,
        Cause::NoNumber => Verdict::NotMeasured,
    };
    (verdict, Some((cause, reason)))
}

impl Claim {
    /// The verdict, from the numbers alone.
    pub fn judge(self) -> Judged {
        let difference = self.difference();
        // That a run is too short is known before there is a number.
        let (verdict, why) = match (&self.too_early, &difference) {
            (Some(reason), _) => undecided(Cause::TooShort, reason.clone()),
            (None, Ok(difference)) => self.decide(difference),
            (None, Err(reason)) => undecided(Cause::NoNumber, reason.clone()),
        };
        let (cause, reason) = why.unzip();
        let difference = difference.ok();
        let detectable = difference.as_ref().and_then(|found| self.detectable(found));
        let measured = self.measured.ok();
        let value = measured
            .as_ref()
            .and_then(|measured| finite(measured.value));
        let predicted = finite(self.predicted);
        Judged {
            statement: self.statement,
            origin: self.source.origin,
            source: self.source.place,
            measured: value,
            standard_error: measured
                .as_ref()
                .and_then(|measured| finite(measured.error?)),
            trials: measured.as_ref().map_or(0, |measured| measured.trials),
            left_out: measured.and_then(|measured| measured.left_out),
            predicted,
            predicted_by: self.by,
            beside_flow: self.beside_flow,
            relative_error: value
                .zip(predicted)
                .and_then(|(value, predicted)| finite((value - predicted) / predicted.abs())),
            difference_error: self.difference_error.and_then(finite),
            z_score: difference.and_then(|found| finite(found.value / found.error?)),
            detectable,
            tolerance: self.tolerance,
            verdict,
            reason,
            cause,
            beside: self.beside,
        }
    }

    /// How far the measurement is from the prediction, or why that is not known.
    fn difference(&self) -> Result<Difference, String> {
        let measured = self.measured.as_ref().map_err(Clone::clone)?;
        let error = self.difference_error.or(measured.error);
        let numbers = [
            (measured.value, "measured value"),
            (self.predicted, "prediction"),
            (error.unwrap_or(0.0), "standard error"),
        ];
        if let Some((number, what)) = numbers.iter().find(|(number, _)| !number.is_finite()) {
            return Err(format!("the {what} is {number}"));
        }
        // That nothing moves in any trial is a measurement; that all move alike is none.
        if error == Some(0.0) && measured.value != 0.0 {
            return Err("the trials do not differ at all: they are not independent".to_owned());
        }
        match self.scale {
            Counting::Plain => Ok(Difference {
                value: measured.value - self.predicted,
                error,
                size: self.predicted.abs(),
            }),
            Counting::Log if measured.value > 0.0 && self.predicted > 0.0 => Ok(Difference {
                value: (measured.value / self.predicted).ln(),
                error: error.map(|error| error / measured.value),
                size: 1.0,
            }),
            Counting::Log => Err(format!(
                "{} is no ratio of positive numbers",
                measured.value
            )),
        }
    }

    fn decide(&self, difference: &Difference) -> Finding {
        if let (Some(reach), Some(relative)) = (self.reach, self.tolerance.relative())
            && (reach.flow - self.predicted).abs() > relative * self.predicted.abs()
        {
            return undecided(Cause::TooShort, reach.words(self.predicted));
        }
        // Where the theory does not claim to hold, a hit is no more its merit than a miss is its fault.
        if let Some(range) = self.range.filter(|range| range.exceeded()) {
            return undecided(Cause::StepTooLarge, range.words());
        }
        match (self.tolerance.relative(), self.tolerance.side()) {
            (Some(relative), _) => self.value(difference, relative),
            (None, side) => self.inequality(difference, side.unwrap_or(1.0)),
        }
    }

    /// A value: as predicted, to `relative`.
    fn value(&self, difference: &Difference, relative: f64) -> Finding {
        let allowed = relative * difference.size;
        let doubt = ERRORS * difference.error.unwrap_or(0.0);
        if difference.value.abs() > allowed + doubt {
            return (Verdict::Disagrees, None);
        }
        if doubt > allowed {
            let percent = |part: f64| 100.0 * part / difference.size;
            let so = if difference.value.abs() > allowed {
                "chance alone may have put it beyond"
            } else {
                "a wrong value would have passed"
            };
            let reason = format!(
                "{ERRORS} standard errors are {:.1} % of the prediction, more than the {:.1} % by which it may be off: {so}",
                percent(doubt),
                percent(allowed)
            );
            return undecided(Cause::TooNoisy, reason);
        }
        (Verdict::Agrees, None)
    }

    /// An inequality, to this `side` of the prediction.
    fn inequality(&self, difference: &Difference, side: f64) -> Finding {
        let doubt = ERRORS * difference.error.unwrap_or(0.0);
        let toward = side * difference.value;
        let enough = !self.tolerance.strict() || toward > ROUNDING * difference.size;
        if toward >= doubt && enough {
            return (Verdict::Agrees, None);
        }
        if let Some(error) = difference.error
            && toward > -doubt
        {
            let reason = format!(
                "the difference is {:.2} standard errors: {ERRORS} would decide",
                toward.abs() / error
            );
            return undecided(Cause::TooNoisy, reason);
        }
        (Verdict::Disagrees, None)
    }

    /// What an inequality's test would have found.
    fn detectable(&self, difference: &Difference) -> Option<f64> {
        let side = self.tolerance.side()?;
        let trials = self.measured.as_ref().ok()?.trials;
        let shift = side * detectable(trials, difference.error?)?;
        finite(match self.scale {
            Counting::Plain => self.predicted + shift,
            Counting::Log => self.predicted * shift.exp(),
        })
    }
}

impl Reach {
    fn words(self, limit: f64) -> String {
        let Self {
            by,
            steps,
            flow,
            relaxation,
        } = self;
        format!(
            "after {steps} steps the {by} itself is at {flow:.4}, more than the tolerance from the limit {limit:.4}; its relaxation time is {relaxation:.0} steps"
        )
    }
}

impl Range {
    /// Whether η is too large for a theory of small ones.
    pub fn exceeded(self) -> bool {
        self.stability > MOST_STABILITY
            || self.relative_weighted_fluctuation > MOST_RELATIVE_WEIGHTED_FLUCTUATION
    }

    fn words(self) -> String {
        format!(
            "the theory is for small η: here ηλ_{{max}}/2 = {:.2} (at most {MOST_STABILITY}) and the product fluctuates by {:.1} % (at most {} %)",
            self.stability,
            100.0 * self.relative_weighted_fluctuation,
            100.0 * MOST_RELATIVE_WEIGHTED_FLUCTUATION
        )
    }
}

/// JSON has no other numbers.
fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
