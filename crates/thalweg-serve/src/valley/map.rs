//! T and F of the minima over the first layer's two gains, on a grid.

use serde_json::{Value, json};
use thalweg::problem::Problem;
use thalweg::theory::{TheoryError, Valley};

/// Grid points along each axis.
const POINTS: usize = 45;
/// The map ends at whole multiples of this ratio, so that it does not tremble while a slider moves.
const NOTCH: f64 = std::f64::consts::SQRT_2;
/// From what must be seen to the map's edge, at least.
const EDGE: f64 = 1.15;

/// Heights over the gains of the first layer, at points of equal ratios.
#[derive(Clone, Debug)]
pub struct Map {
    /// ‖W_1 e_1‖ and ‖W_1 e_2‖ at the grid's columns and rows, ascending.
    pub gains: [Vec<f64>; 2],
    /// T, row by row, the least ‖W_1 e_2‖ first; in loss/weight².
    pub sharpness: Vec<Vec<f64>>,
    /// F likewise, in loss²/weight².
    pub fluctuation: Vec<Vec<f64>>,
}

impl Map {
    /// The map of `problem`, large enough to hold the gains `shown`.
    ///
    /// # Errors
    /// When the minima are no surface over the gains (see [`Valley::new`]).
    pub fn new(problem: &Problem, shown: &[[f64; 2]]) -> Result<Self, TheoryError> {
        let valley = Valley::new(problem)?;
        let gains = [0, 1].map(|axis| grid(shown.iter().map(|gains| gains[axis])));
        let over = |height: &dyn Fn([f64; 2]) -> f64| -> Vec<Vec<f64>> {
            let row = |&second: &f64| gains[0].iter().map(move |&first| height([first, second]));
            gains[1]
                .iter()
                .map(|second| row(second).collect())
                .collect()
        };
        let sharpness = over(&|at| valley.sharpness(at));
        let fluctuation = over(&|at| valley.fluctuation(at));
        Ok(Self {
            sharpness,
            fluctuation,
            gains,
        })
    }

    /// As one JSON object; heights in single precision, which is more than a picture shows.
    pub fn json(&self) -> Value {
        let short = |rows: &[Vec<f64>]| -> Vec<Vec<f32>> {
            let row = |row: &Vec<f64>| row.iter().map(|&height| height as f32).collect();
            rows.iter().map(row).collect()
        };
        json!({
            "gains": self.gains,
            "sharpness": short(&self.sharpness),
            "fluctuation": short(&self.fluctuation),
        })
    }
}

/// Points of equal ratios that go beyond `shown` on both sides.
fn grid(shown: impl Iterator<Item = f64>) -> Vec<f64> {
    let (low, high) = shown.fold((1.0f64, 1.0f64), |(low, high), gain| {
        (low.min(gain), high.max(gain))
    });
    let notch = NOTCH.ln();
    let first = ((low / EDGE).ln() / notch).floor() * notch;
    let last = ((high * EDGE).ln() / notch).ceil() * notch;
    let at = |i: usize| (first + (last - first) * i as f64 / (POINTS - 1) as f64).exp();
    (0..POINTS).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_holds_what_is_shown_and_keeps_still() {
        let points = grid([0.3, 4.0].into_iter());
        assert!(points[0] < 0.3 && points[POINTS - 1] > 4.0 && points.len() == POINTS);
        assert!(points.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(points, grid([0.301, 4.01].into_iter()));
    }
}
