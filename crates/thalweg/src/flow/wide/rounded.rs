//! The field in single precision: a correction is sought to a few digits, and the next one sees what it missed.

use faer::Mat;

use super::{
    factors::{Factors, balances_along, lift},
    field::{Field, Generators},
};
use crate::flow::products::{Real, add, add_all, converted};
use crate::recipe::Forces;

/// A field in units in which no number leaves the range of single precision: weights in the norm of the largest layer, X and E in their own.
pub(super) struct Rounded {
    factors: Factors<f32>,
    /// The unit of weights.
    weights: f64,
    /// The unit of R.
    drift: f64,
}

impl Rounded {
    /// That of `field`.
    pub(super) fn new(field: &Field) -> Self {
        let full = &field.factors;
        let (depth, forces) = (full.layers.len() as i32, full.forces);
        // (`norm_l2`, which minds numbers beyond 1e154 too, takes as long as the product of two layers.)
        let squares = full.layers.iter().map(Mat::squared_norm_l2);
        let weights = squares.fold(f64::MIN_POSITIVE, f64::max).sqrt();
        let below = |k: i32| full.input_traces[0].sqrt() * weights.powi(k);
        let above = |k: i32| {
            let last = full.output_traces[full.hidden()].sqrt();
            last * weights.powi(depth - 1 - k)
        };
        let scaled = |from: &[Mat<f64>], unit: &dyn Fn(i32) -> f64| {
            let each = (0..).zip(from);
            each.map(|(k, x)| converted(unit(k).recip(), x)).collect()
        };
        let traces = |from: &[f64], unit: &dyn Fn(i32) -> f64| {
            let each = (0..).zip(from);
            each.map(|(k, x)| x / (unit(k) * unit(k))).collect()
        };
        let noise = forces.noise * (below(0) * above(0)).powi(2);
        let decay = forces.decay * weights * weights;
        let drift = (noise.abs() + decay.abs()).max(f64::MIN_POSITIVE);
        Self {
            factors: Factors {
                layers: scaled(&full.layers, &|_| weights),
                below: scaled(&full.below, &below),
                above: scaled(&full.above, &above),
                input_traces: traces(&full.input_traces, &below),
                output_traces: traces(&full.output_traces, &above),
                forces: Forces {
                    noise: noise / drift,
                    decay: decay / drift,
                    ..forces
                },
            },
            weights,
            drift,
        }
    }

    /// dR along `motion`, and `shift` times `defect`: their sum over the number that is given with it.
    pub(super) fn right(
        &self,
        motion: &[Mat<f64>],
        shift: f64,
        defect: &Generators,
    ) -> (f64, Vec<Mat<f32>>) {
        let per_motion = self.drift / self.weights;
        let scale = (per_motion * size(motion)).max(shift * size(defect));
        let scale = scale.max(f64::MIN_POSITIVE);
        let each = motion.iter();
        let motion: Vec<_> = each.map(|m| converted(per_motion / scale, m)).collect();
        let mut right = self.factors.drift_along(&motion);
        for (right, defect) in right.iter_mut().zip(defect) {
            add(right, 1.0, &converted(shift / scale, defect));
        }
        (scale, right)
    }

    /// E Y.
    pub(super) fn lift(&self, y: &[Mat<f64>]) -> Vec<Mat<f64>> {
        let (scale, y) = in_own_unit(y);
        converted_all(scale * self.weights, &self.factors.lift(&y))
    }

    /// What E X changes by as the weights move by `moved`.
    pub(super) fn turned(moved: &[Mat<f64>], x: &[Mat<f64>]) -> Vec<Mat<f64>> {
        let ((unit, moved), (scale, x)) = (in_own_unit(moved), in_own_unit(x));
        converted_all(unit * scale, &lift(&moved, &x))
    }

    /// What dQ along `motion` changes by as it changes by `change` and the weights move by `moved`.
    pub(super) fn balances_change(
        &self,
        motion: &[Mat<f64>],
        change: &[Mat<f64>],
        moved: &[Mat<f64>],
    ) -> Generators {
        let (scale, change) = in_own_unit(change);
        let of_change = balances_along(&change, &self.factors.layers);
        let mut sum = converted_all(scale * self.weights, &of_change);
        let ((scale, motion), (unit, moved)) = (in_own_unit(motion), in_own_unit(moved));
        let of_weights = balances_along(&motion, &moved);
        add_all(&mut sum, 1.0, &converted_all(scale * unit, &of_weights));
        sum
    }
}

/// The norm of all, and all over it.
fn in_own_unit(matrices: &[Mat<f64>]) -> (f64, Vec<Mat<f32>>) {
    let unit = size(matrices).max(f64::MIN_POSITIVE);
    (unit, converted_all(unit.recip(), matrices))
}

/// scale · x in another precision, matrix by matrix.
fn converted_all<T: Real, U: Real>(scale: f64, matrices: &[Mat<T>]) -> Vec<Mat<U>> {
    matrices.iter().map(|m| converted(scale, m)).collect()
}

/// The norm of all.
fn size(matrices: &[Mat<f64>]) -> f64 {
    let squares = matrices.iter().map(Mat::squared_norm_l2);
    squares.sum::<f64>().sqrt()
}
