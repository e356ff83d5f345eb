//! Gradient flow's products at one point, and its derivative there.

use faer::{Mat, MatMut, Scale};

use super::{columns, flat};
use crate::flow::{
    point::Model,
    products::{add_times, add_times_to, sum_of_products, times},
};

/// A point of the flow. Where a teacher has few outputs, all products but those with W_k are of few rows.
///
/// With s_k = ρ (B_kX)ᵀ and V_k = dW_k/dt: s_1 = ρ Xᵀ, s_{k+1} = s_k W_kᵀ, V_k = −A_kᵀ s_k, and the rates Ȧ_{k−1} = Ȧ_k W_k + A_k V_k end in dρ/dt = Ȧ_0 X.
pub(super) struct Here {
    pub(super) layers: Vec<Mat<f64>>,
    /// A_k.
    pub(super) above: Vec<Mat<f64>>,
    /// s_k.
    pub(super) pulled: Vec<Mat<f64>>,
    /// Ȧ_0 … Ȧ_D.
    pub(super) rates: Vec<Mat<f64>>,
    /// 1/‖X_j‖² for each column of X: the sizes of ρ's columns, which may lie many orders apart.
    weights: Vec<f64>,
}

impl Here {
    pub(super) fn new(model: &Model, layers: Vec<Mat<f64>>, rho: &Mat<f64>) -> Self {
        let depth = layers.len();
        let outputs = model.outputs();
        let mut above = vec![Mat::identity(outputs, outputs)];
        for layer in layers[1..].iter().rev() {
            above.push(times(above[above.len() - 1].as_ref(), layer.as_ref()));
        }
        above.reverse();
        let pulled = pulled(model, &layers, rho);
        let mut rates = vec![Mat::zeros(outputs, outputs)];
        for k in (0..depth).rev() {
            let felt = times(above[k].as_ref(), above[k].transpose());
            let mut rate = times(felt.as_ref(), pulled[k].as_ref()) * Scale(-1.0);
            let before = &rates[rates.len() - 1];
            add_times(&mut rate, 1.0, before.as_ref(), layers[k].as_ref());
            rates.push(rate);
        }
        rates.reverse();
        let root = model.root();
        let size = |j: usize| root.col(j).squared_norm_l2().max(f64::MIN_POSITIVE);
        Self {
            weights: (0..root.ncols()).map(|j| 1.0 / size(j)).collect(),
            layers,
            above,
            pulled,
            rates,
        }
    }

    /// Writes V_k, layer after layer, to `out`, and dρ/dt behind them.
    pub(super) fn motion(&self, model: &Model, out: &mut [f64]) {
        let (weights, rho) = out.split_at_mut(model.dim());
        weights.fill(0.0);
        for (k, (above, pulled)) in self.above.iter().zip(&self.pulled).enumerate() {
            let (rows, columns) = (above.ncols(), pulled.ncols());
            let layer = &mut weights[model.range(k)];
            let layer = MatMut::from_column_major_slice_mut(layer, rows, columns);
            add_times_to(layer, -1.0, above.transpose(), pulled.as_ref());
        }
        let change = times(self.rates[0].as_ref(), model.root());
        for (out, change) in rho.iter_mut().zip(flat(&change)) {
            *out = change;
        }
    }

    /// J z.
    pub(super) fn derivative(&self, model: &Model, z: &[f64]) -> Vec<f64> {
        let dim = model.dim();
        let motion = model.layers(&z[..dim]);
        let depth = motion.len();
        // The changes of s_k.
        let residual = columns(&z[dim..], model.outputs());
        let mut pulled = vec![times(residual.as_ref(), model.root().transpose())];
        for k in 0..depth - 1 {
            let mut next = times(pulled[k].as_ref(), self.layers[k].transpose());
            add_times(
                &mut next,
                1.0,
                self.pulled[k].as_ref(),
                motion[k].transpose(),
            );
            pulled.push(next);
        }
        // Those of A_k, of V_k and of Ȧ_{k−1}, from the last layer down.
        let outputs = model.outputs();
        let mut above = Mat::zeros(outputs, outputs);
        let mut rate = above.clone();
        let mut velocity = Vec::with_capacity(depth);
        for k in (0..depth).rev() {
            let layer = &self.layers[k];
            let mut change = times(self.above[k].transpose(), pulled[k].as_ref()) * Scale(-1.0);
            add_times(
                &mut change,
                -1.0,
                above.transpose(),
                self.pulled[k].as_ref(),
            );
            let mut next = times(rate.as_ref(), layer.as_ref());
            add_times(
                &mut next,
                1.0,
                self.rates[k + 1].as_ref(),
                motion[k].as_ref(),
            );
            let felt = times(above.as_ref(), self.above[k].transpose());
            add_times(&mut next, -1.0, felt.as_ref(), self.pulled[k].as_ref());
            add_times(&mut next, 1.0, self.above[k].as_ref(), change.as_ref());
            rate = next;
            let mut next = times(above.as_ref(), layer.as_ref());
            add_times(&mut next, 1.0, self.above[k].as_ref(), motion[k].as_ref());
            above = next;
            velocity.push(change);
        }
        velocity.reverse();
        let mut out = model.flatten(&velocity);
        out.extend(flat(&times(rate.as_ref(), model.root())));
        out
    }

    /// (σ − J) z.
    pub(super) fn image(&self, model: &Model, shift: f64, z: &[f64]) -> Vec<f64> {
        let mut image = self.derivative(model, z);
        for (image, z) in image.iter_mut().zip(z) {
            *image = shift * z - *image;
        }
        image
    }

    /// What motions are measured by.
    pub(super) fn inner(&self, model: &Model, a: &[f64], b: &[f64]) -> f64 {
        let dim = model.dim();
        sum_of_products(&a[..dim], &b[..dim]) + self.inner_of_rho(&a[dim..], &b[dim..])
    }

    /// The part of it that the two ρ have.
    pub(super) fn inner_of_rho(&self, a: &[f64], b: &[f64]) -> f64 {
        let rows = self.rates[0].nrows();
        let columns = a.chunks_exact(rows).zip(b.chunks_exact(rows));
        let weighted = columns.zip(&self.weights);
        weighted.map(|((a, b), w)| w * sum_of_products(a, b)).sum()
    }

    /// ‖V‖, the gradient's norm.
    pub(super) fn speed(&self) -> f64 {
        let layers = self.above.iter().zip(&self.pulled);
        let squares = layers
            .map(|(above, pulled)| times(above.transpose(), pulled.as_ref()).squared_norm_l2());
        squares.sum::<f64>().sqrt()
    }
}

/// ρ (B_kX)ᵀ for each layer.
pub(super) fn pulled(model: &Model, layers: &[Mat<f64>], rho: &Mat<f64>) -> Vec<Mat<f64>> {
    let mut pulled = vec![times(rho.as_ref(), model.root().transpose())];
    for layer in &layers[..layers.len() - 1] {
        let last = &pulled[pulled.len() - 1];
        pulled.push(times(last.as_ref(), layer.transpose()));
    }
    pulled
}
