//! The layers at one point with the products of those below and above each, and how a motion of the weights changes what drives it.

use faer::Mat;

use crate::flow::{
    point::Model,
    products::{Real, add, add_times, dot, times, with_transpose},
};
use crate::recipe::Forces;

/// Layers count from 0, hidden layers too.
pub(super) struct Factors<T: Real> {
    pub(super) layers: Vec<Mat<T>>,
    /// B_{k+1} X, h_k × rank Σx, k = 0 … D − 1.
    pub(super) below: Vec<Mat<T>>,
    /// Eᵀ A_{k+1}, rank Σε × h_{k+1} where E Eᵀ = Σε, k = 0 … D − 1.
    pub(super) above: Vec<Mat<T>>,
    /// h_0 … h_{D−1}.
    pub(super) input_traces: Vec<f64>,
    /// g_1 … g_D.
    pub(super) output_traces: Vec<f64>,
    pub(super) forces: Forces,
}

impl Factors<f64> {
    /// Those of `layers`.
    pub(super) fn new(model: &Model, layers: Vec<Mat<f64>>) -> Self {
        let depth = layers.len();
        let mut below = vec![model.root().to_owned()];
        for layer in &layers[..depth - 1] {
            below.push(times(layer.as_ref(), below[below.len() - 1].as_ref()));
        }
        let mut above = vec![model.noise_root().transpose().to_owned()];
        for layer in layers[1..].iter().rev() {
            above.push(times(above[above.len() - 1].as_ref(), layer.as_ref()));
        }
        above.reverse();
        Self {
            input_traces: below.iter().map(Mat::squared_norm_l2).collect(),
            output_traces: above.iter().map(Mat::squared_norm_l2).collect(),
            forces: model.forces,
            layers,
            below,
            above,
        }
    }
}

impl<T: Real> Factors<T> {
    /// D − 1.
    pub(super) fn hidden(&self) -> usize {
        self.layers.len() - 1
    }

    /// E X.
    pub(super) fn lift(&self, x: &[Mat<T>]) -> Vec<Mat<T>> {
        lift(&self.layers, x)
    }

    /// dR along a motion of the weights.
    pub(super) fn drift_along(&self, motion: &[Mat<T>]) -> Vec<Mat<T>> {
        let (one, depth) = (T::rounded(1.0), self.layers.len());
        // The inputs and the outputs do not change.
        let mut below: Vec<Mat<T>> = Vec::with_capacity(depth - 1);
        for k in 0..depth - 1 {
            let mut next = times(motion[k].as_ref(), self.below[k].as_ref());
            if let Some(before) = below.last() {
                add_times(&mut next, one, self.layers[k].as_ref(), before.as_ref());
            }
            below.push(next);
        }
        let mut above: Vec<Mat<T>> = Vec::with_capacity(depth - 1);
        for k in (1..depth).rev() {
            let mut next = times(self.above[k].as_ref(), motion[k].as_ref());
            if let Some(before) = above.last() {
                add_times(&mut next, one, before.as_ref(), self.layers[k].as_ref());
            }
            above.push(next);
        }
        above.reverse();
        let Forces { noise, decay, .. } = self.forces;
        // Half of what a trace changes by.
        let along = |value: &Mat<T>, change: Option<&Mat<T>>| {
            change.map_or(0.0, |change| noise * dot(value, change))
        };
        let before = |k: usize| k.checked_sub(1);
        let inputs: Vec<f64> = (0..self.hidden())
            .map(|k| along(&self.below[k], before(k).map(|before| &below[before])))
            .collect();
        let outputs: Vec<f64> = (0..self.hidden())
            .map(|k| along(&self.above[k + 1], above.get(k + 1)))
            .collect();
        (0..self.hidden())
            .map(|k| {
                let (low, high) = (
                    noise * self.input_traces[k],
                    noise * self.output_traces[k + 1],
                );
                // A product and its transpose make each term: G = AᵀA changes by (δA)ᵀA, and where its factor does, by half of that.
                let up = combined(low, &above[k], inputs[k], &self.above[k]);
                let down = combined(-high, &below[k], -outputs[k], &self.below[k + 1]);
                let mut half = times(up.transpose(), self.above[k].as_ref());
                let right = self.below[k + 1].transpose();
                add_times(&mut half, one, down.as_ref(), right);
                if decay != 0.0 {
                    let change = imbalance(motion, &self.layers, k);
                    add(&mut half, T::rounded(-2.0 * decay), &change);
                }
                with_transpose(half)
            })
            .collect()
    }
}

/// E X at `layers`, of which it is linear.
pub(in crate::flow) fn lift<T: Real>(layers: &[Mat<T>], x: &[Mat<T>]) -> Vec<Mat<T>> {
    let each = layers.iter().enumerate();
    each.map(|(k, layer)| {
        let mut motion = Mat::zeros(layer.nrows(), layer.ncols());
        if let Some(x) = x.get(k) {
            add_times(&mut motion, T::rounded(1.0), x.as_ref(), layer.as_ref());
        }
        if k > 0 {
            let before = x[k - 1].as_ref();
            add_times(&mut motion, T::rounded(-1.0), layer.as_ref(), before);
        }
        motion
    })
    .collect()
}

/// dQ along a motion of the weights at `layers`.
pub(super) fn balances_along<T: Real>(motion: &[Mat<T>], layers: &[Mat<T>]) -> Vec<Mat<T>> {
    (0..layers.len() - 1)
        .map(|k| with_transpose(imbalance(motion, layers, k)))
        .collect()
}

/// a · x + b · y.
fn combined<T: Real>(a: f64, x: &Mat<T>, b: f64, y: &Mat<T>) -> Mat<T> {
    let mut sum = x * faer::Scale(T::rounded(a));
    add(&mut sum, T::rounded(b), y);
    sum
}

/// M_k W_kᵀ − W_{k+1}ᵀ M_{k+1}, k from 0.
pub(super) fn imbalance<T: Real>(motion: &[Mat<T>], layers: &[Mat<T>], k: usize) -> Mat<T> {
    let mut half = times(motion[k].as_ref(), layers[k].transpose());
    add_times(
        &mut half,
        T::rounded(-1.0),
        layers[k + 1].transpose(),
        motion[k + 1].as_ref(),
    );
    half
}
