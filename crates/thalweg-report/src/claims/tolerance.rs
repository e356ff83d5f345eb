//! What counts as agreement between a measured and a predicted value.

use serde::{Deserialize, Serialize};

/// Standard errors that make a difference clear. Normal values are as far off, to one side, in 1 of 700 cases
/// by chance alone; the mean of 16 trials in 1 of 200, that of 5 in 1 of 50 (Student's t).
pub const ERRORS: f64 = 3.0;

/// A difference of this part of the prediction is rounding.
pub const ROUNDING: f64 = 1e-9;

/// What counts as agreement. The measurement's error is always counted, by [`ERRORS`]; a number that both
/// sides compute has none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tolerance {
    /// |measured − predicted| is at most `relative` of the prediction and the errors, and the errors alone are no
    /// more than `relative`: else the measurement could not have said no.
    Within {
        /// A fraction of the prediction.
        relative: f64,
    },
    /// measured ≥ predicted, clear by the errors; undecided while it is less far on either side.
    AtLeast {},
    /// measured ≤ predicted, likewise.
    AtMost {},
    /// measured > predicted by more than rounding, likewise.
    Above {},
    /// measured < predicted by more than rounding, likewise.
    Below {},
}

/// The tolerance for SGD against the slow flow and against limits: 5 % for the terms of higher order in η.
pub const SGD: Tolerance = Tolerance::Within { relative: 0.05 };

/// The tolerance for two exact computations of one number: rounding.
pub const EXACT: Tolerance = Tolerance::Within { relative: ROUNDING };

impl Tolerance {
    /// The relative difference that is still agreement; nothing for an inequality.
    pub(super) fn relative(self) -> Option<f64> {
        match self {
            Self::Within { relative } => Some(relative),
            _ => None,
        }
    }

    /// Which side of the prediction is claimed: 1 above, −1 below, nothing for a value.
    pub(super) fn side(self) -> Option<f64> {
        match self {
            Self::Within { .. } => None,
            Self::AtLeast {} | Self::Above {} => Some(1.0),
            Self::AtMost {} | Self::Below {} => Some(-1.0),
        }
    }

    /// Whether equality is not enough.
    pub(super) fn strict(self) -> bool {
        matches!(self, Self::Above {} | Self::Below {})
    }

    /// In words, for a measurement with an error (`sampled`) or without.
    pub fn words(self, sampled: bool) -> String {
        let clear = if sampled {
            format!(", clear by {ERRORS} s.e.")
        } else {
            String::new()
        };
        match self {
            Self::Within { relative } if relative < 1e-4 => {
                format!("equal to {relative:e} relative")
            }
            Self::Within { relative } => {
                let percent = three_digits(100.0 * relative);
                if sampled {
                    format!(
                        "within {percent} % + {ERRORS} s.e., and {ERRORS} s.e. within {percent} %"
                    )
                } else {
                    format!("within {percent} %")
                }
            }
            Self::AtLeast {} => format!("at least the prediction{clear}"),
            Self::AtMost {} => format!("at most the prediction{clear}"),
            Self::Above {} => format!("above the prediction{clear}"),
            Self::Below {} => format!("below the prediction{clear}"),
        }
    }
}

/// `value` with three significant digits, and no more than it needs.
fn three_digits(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_show_no_more_digits_than_they_need_and_the_errors_only_where_there_are_any() {
        let within = |relative| Tolerance::Within { relative };
        assert_eq!(within(5.0 / 21.0).words(false), "within 23.8 %");
        assert_eq!(
            within(0.05).words(true),
            "within 5 % + 3 s.e., and 3 s.e. within 5 %"
        );
        assert_eq!(
            Tolerance::Above {}.words(true),
            "above the prediction, clear by 3 s.e."
        );
        assert_eq!(EXACT.words(false), "equal to 1e-9 relative");
    }
}
