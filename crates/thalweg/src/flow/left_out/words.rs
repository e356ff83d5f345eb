//! What a prediction leaves out, in words.

use crate::flow::FlowError;
use crate::words::rounded;

/// What moves T beyond a prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The noise pulls more strongly where the curvature is large against 1/η.
    StepSize,
    /// For the same reason SGD is sooner on its way than the slow flow.
    Pace,
    /// It takes the product of the weights away from V.
    WeightDecay,
    /// What is of higher order in its radius, and that it takes the product of the weights away from V.
    Sam,
    /// Its gradient noise, and that it takes the product of the weights away from V.
    HiddenDropout,
    /// A data set has minima of its own.
    DataSet,
}

impl LeftOut {
    /// That of `cause`, infinite where it is not known.
    ///
    /// # Errors
    /// When it was stopped.
    pub(super) fn of(cause: Cause, change: Result<f64, FlowError>) -> Result<Self, FlowError> {
        let change = match change {
            Err(error @ FlowError::Stopped(_)) => return Err(error),
            Err(_) => f64::INFINITY,
            Ok(change) if change.abs() < ROUNDING => 0.0,
            Ok(change) => change,
        };
        Ok(Self { cause, change })
    }

    /// What it is, for a sentence.
    fn words(&self) -> &'static str {
        match self.cause {
            Cause::WeightDecay if self.change.is_infinite() => {
                "weight decay outweighs the teacher in some direction, which SGD loses"
            }
            Cause::StepSize if self.change.is_infinite() => {
                "with the scatter of minibatches about the mean over samples the steps are too large for SGD to rest, and a smaller learning rate or, where \
                 minibatches are small, larger ones are needed"
            }
            Cause::Sam if self.change.is_infinite() => {
                "SAM takes SGD beyond the edge of stability, or outweighs the teacher in some direction"
            }
            cause => cause.words(),
        }
    }
}

impl Cause {
    /// Its name in data.
    pub fn key(self) -> &'static str {
        match self {
            Self::StepSize => "learning_rate",
            Self::Pace => "pace",
            Self::WeightDecay => "weight_decay",
            Self::Sam => "sam",
            Self::HiddenDropout => "hidden_dropout",
            Self::DataSet => "data",
        }
    }

    /// What it is, for a sentence.
    fn words(self) -> &'static str {
        match self {
            Self::StepSize => {
                "at this learning rate noise pulls more strongly where the curvature is large"
            }
            Self::Pace => {
                "at this learning rate noise moves SGD sooner along the minima, most where the curvature is large"
            }
            Self::WeightDecay => "weight decay also takes the product of the weights below V",
            Self::Sam => {
                "SAM acts beyond its first order, most where the curvature is large, and takes the product of the weights below V"
            }
            Self::HiddenDropout => {
                "dropout of hidden units adds gradient noise and takes the product of the weights below V"
            }
            Self::DataSet => {
                "a set of N samples has minima of its own, which scatter by about √((1 + d_x tr Σε/‖V√Σx‖²)/N)"
            }
        }
    }
}

/// The leading term of what a prediction leaves out of one cause.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeftOut {
    /// Of what.
    pub cause: Cause,
    /// T with it, relative to T as predicted, less 1. Infinite where it is not known: where weight decay, SAM or dropout outweighs the teacher in
    /// some direction, or beyond the edge of stability.
    pub change: f64,
}

/// All that is left out may change T by this much, relative to it: T is then right to about a percent.
pub const MOST_LEFT_OUT: f64 = 1e-2;

/// A leading term above this is no estimate: what it is the first of may be as large.
const MOST_ESTIMATED: f64 = 0.3;

/// A change of T below this, relative, is of rounding: T itself is not known better.
const ROUNDING: f64 = 1e-7;

/// How much `parts` change T, relative to it, if all go the same way.
pub(in crate::flow) fn left_out_in_all(parts: &[LeftOut]) -> f64 {
    parts.iter().map(|part| part.change.abs()).sum()
}

/// The larger change by each cause.
pub(in crate::flow) fn worst_of(mut one: Vec<LeftOut>, other: &[LeftOut]) -> Vec<LeftOut> {
    for part in other {
        match one.iter_mut().find(|mine| mine.cause == part.cause) {
            Some(mine) if mine.change.abs() >= part.change.abs() => {}
            Some(mine) => *mine = *part,
            None => one.push(*part),
        }
    }
    one
}

/// By how much T may be off because of `parts` that are left out, if that is too much; `beside` something of which no size is given.
pub(in crate::flow) fn left_out_warning(parts: &[LeftOut], beside: bool) -> Option<String> {
    let all = left_out_in_all(parts);
    if all <= MOST_LEFT_OUT {
        return None;
    }
    let words = |part: &LeftOut| match signed_percent(part) {
        Some(size) => format!("{} (T {size})", part.words()),
        None => part.words().to_owned(),
    };
    let shown = parts.iter().filter(|part| part.change.abs() >= LEAST_SHOWN);
    let parts = shown.map(words).collect::<Vec<_>>().join("; ");
    Some(if all.is_finite() {
        let so_large = if all > MOST_ESTIMATED {
            " (one as large as this says that the prediction does not hold, and no more)"
        } else {
            ""
        };
        format!(
            "{}T of SGD may differ by about {} % from this prediction: {parts}. The sizes are estimates of the leading term left out{so_large}; SGD itself, as `thalweg \
             predict --simulate` runs it, has all of it.",
            if beside { "Beside that, " } else { "" },
            percent(all)
        )
    } else {
        format!(
            "T of SGD differs from this prediction by an amount that is not known: {parts}. SGD itself, as `thalweg predict --simulate` runs it, has all of it."
        )
    })
}

/// What is less is 0.0 % in print, and not worth a word.
const LEAST_SHOWN: f64 = 5e-4;

/// Two digits, of what is an estimate.
fn percent(fraction: f64) -> String {
    let percent = 100.0 * fraction;
    if percent >= 9.95 {
        rounded(percent.round())
    } else {
        format!("{percent:.1}")
    }
}

/// Nothing where it is not known.
fn signed_percent(part: &LeftOut) -> Option<String> {
    if !part.change.is_finite() {
        return None;
    }
    let sign = match part.cause {
        Cause::DataSet | Cause::Pace => "±",
        _ if part.change < 0.0 => "−",
        _ => "+",
    };
    Some(format!("{sign}{} %", percent(part.change.abs())))
}
