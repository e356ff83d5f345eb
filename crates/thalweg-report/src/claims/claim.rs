//! A claim: a statement, who makes it, and the numbers that decide it.

use serde::{Deserialize, Serialize};

use super::tolerance::Tolerance;
use crate::statistics::Measured;

/// Half of what lies between two statements that are one but for a flow's own error, relative.
const SAME: f64 = 1e-4;

/// A statement with the numbers that decide it.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// What is claimed, one sentence.
    pub statement: String,
    /// Who claims it, and where.
    pub source: Citation,
    /// The measured value: sampled, or computed by an independent route; or why there is none.
    pub measured: Result<Measured, String>,
    /// Standard error of measured − predicted, where the two share their starts; otherwise that of `measured`.
    pub difference_error: Option<f64>,
    /// What the claim says the value is.
    pub predicted: f64,
    /// How `predicted` was obtained.
    pub by: String,
    /// Whether that is the slow flow beside the runs, which leaves things out.
    pub beside_flow: bool,
    /// Whether differences count as they are, or as ratios.
    pub scale: Counting,
    /// What counts as agreement.
    pub tolerance: Tolerance,
    /// For a limit t → ∞: how far the slow flow gets within the budget.
    pub reach: Option<Reach>,
    /// For a statement about η → 0⁺: how large η is.
    pub range: Option<Range>,
    /// Why the run cannot decide it, if that is known without looking at the value.
    pub too_early: Option<String>,
    /// What others predict, where the step size is too large for the one that is usually asked.
    pub beside: Vec<Beside>,
}

/// Who says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The paper.
    #[default]
    Paper,
    /// Nobody before.
    Beyond,
    /// The paper, in error: it should disagree.
    Misprint,
    /// What should stand there instead.
    Correction,
}

/// Who claims something, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation {
    /// Who claims it.
    pub origin: Origin,
    /// An equation, a figure, or what it rests on.
    pub place: String,
}

/// The paper claims it, in `place`.
pub fn paper(place: impl Into<String>) -> Citation {
    Citation {
        origin: Origin::Paper,
        place: place.into(),
    }
}

/// It goes beyond the paper; `place` says what it rests on, or is empty.
pub fn beyond(place: impl Into<String>) -> Citation {
    let place = place.into();
    Citation {
        origin: Origin::Beyond,
        place: if place.is_empty() {
            "beyond the paper".to_owned()
        } else {
            format!("beyond the paper: {place}")
        },
    }
}

/// How a difference is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// measured − predicted, relative to the prediction.
    Plain,
    /// ln(measured/predicted): for a ratio whose logarithm was averaged.
    Log,
}

/// What another predictor says of a claim's value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    /// Which one.
    pub by: String,
    /// Its number, if it has one.
    pub predicted: Option<f64>,
    /// What is to be known of that: why there is none, or that it is beyond its own range too.
    pub note: Option<String>,
}

impl std::fmt::Display for Beside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.by)?;
        if let Some(predicted) = self.predicted {
            write!(f, " {predicted:.4}")?;
        }
        match &self.note {
            Some(note) => write!(f, " ({note})"),
            None => Ok(()),
        }
    }
}

/// What follows the runs at the end of the budget and at t → ∞, by which a claim about the limit is testable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reach {
    /// What follows the run.
    pub by: &'static str,
    /// The budget.
    pub steps: u64,
    /// Its value at that step.
    pub flow: f64,
    /// The flow's relaxation time at its limit, steps.
    pub relaxation: f64,
}

/// How far a run is from η → 0⁺; the limits are those of [`thalweg::flow::Validity`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The stability number ηλ_max/2, 1 at the edge.
    pub stability: f64,
    /// How far the product of the weights fluctuates, E‖(W_D…W_1 − V)√Σx‖²/‖V√Σx‖².
    pub relative_weighted_fluctuation: f64,
}

impl Claim {
    /// A claim about a number that both sides compute.
    pub fn exact(
        statement: impl Into<String>,
        source: Citation,
        (measured, predicted): (f64, f64),
        by: impl Into<String>,
        tolerance: Tolerance,
    ) -> Self {
        let measured = Ok(Measured::exact(measured));
        Self::new(statement, source, (measured, predicted), by, tolerance)
    }

    /// A claim about something measured, with an error if it was sampled; or why it was not.
    pub fn new(
        statement: impl Into<String>,
        source: Citation,
        (measured, predicted): (Result<Measured, String>, f64),
        by: impl Into<String>,
        tolerance: Tolerance,
    ) -> Self {
        Self {
            statement: statement.into(),
            source,
            measured,
            difference_error: None,
            predicted,
            by: by.into(),
            beside_flow: false,
            scale: Counting::Plain,
            tolerance,
            reach: None,
            range: None,
            too_early: None,
            beside: Vec::new(),
        }
    }

    /// The same where another statement says `other`: it agrees within half of what lies between the two, where that is less than its tolerance, so that a
    /// measurement cannot agree with both. Nothing is changed where they say the same, to the digits that a flow is good for.
    #[must_use]
    pub fn told_from(mut self, other: f64) -> Self {
        let half = 0.5 * (other / self.predicted - 1.0).abs();
        if let Some(relative) = self.tolerance.relative()
            && half > SAME
            && half < relative
        {
            self.tolerance = Tolerance::Within { relative: half };
        }
        self
    }

    /// A claim about a ratio whose logarithm was averaged over trials.
    pub fn ratio(
        statement: impl Into<String>,
        source: Citation,
        ratio: Result<Measured, String>,
        tolerance: Tolerance,
    ) -> Self {
        Self {
            scale: Counting::Log,
            ..Self::new(
                statement,
                source,
                (ratio, 1.0),
                "ratio 1: no difference",
                tolerance,
            )
        }
    }
}
