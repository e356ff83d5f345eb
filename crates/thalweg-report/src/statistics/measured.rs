//! One measured number, with its error if it was sampled.

use super::point::Point;

/// A number, how uncertain it is, and how many trials are behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The number.
    pub value: f64,
    /// Its standard error; nothing where it is computed and not sampled.
    pub error: Option<f64>,
    /// Independent trials behind it; 0 where it is computed.
    pub trials: usize,
    /// Which trials are not in it and why, if there are any.
    pub left_out: Option<String>,
}

impl Measured {
    /// A number without error.
    pub fn exact(value: f64) -> Self {
        Self {
            value,
            error: None,
            trials: 0,
            left_out: None,
        }
    }

    /// On a picture, at this place across.
    pub fn point(&self, x: f64) -> Point {
        Point {
            x,
            y: self.value,
            error: self.error.unwrap_or(0.0),
        }
    }

    /// The same number without its sign.
    #[must_use]
    pub fn size(self) -> Self {
        Self {
            value: self.value.abs(),
            ..self
        }
    }
}
