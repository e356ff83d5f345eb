//! What is drawn of a value, and what a curve is made of.

/// A value with its error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Its place along the horizontal axis.
    pub x: f64,
    /// Its value.
    pub y: f64,
    /// Standard error of y; 0 for an exact value.
    pub error: f64,
}

impl Point {
    /// A point without error.
    pub fn exact(x: f64, y: f64) -> Self {
        Self { x, y, error: 0.0 }
    }
}
