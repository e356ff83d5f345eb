//! The gradient of the fluctuation F, and of weight decay, on weight space, with its Hessian.
//!
//! With F = Σ_m g_m h_{m−1}, g_m = tr G_m, h_m = tr H_m (G_m = A_mᵀ Σε A_m,
//! H_m = (W_m…W_1) Σx (W_m…W_1)ᵀ) and N_{km} = W_{k−1}…W_{m+1},
//!
//! ¼ ∇_k F = ½ (P_k W_k H_{k−1} + G_k W_k R_k),
//! P_k = Σ_{m>k} g_m N_{mk}ᵀN_{mk},  R_k = Σ_{m<k} h_{m−1} N_{km}N_{km}ᵀ.

use faer::Mat;

use super::{
    kronecker::{add_kron, add_outer, add_transposing_kron},
    point::{Model, Point},
    products::trace,
};
use crate::recipe::Forces;

/// The force on the weights, −¼ ∇F for plain noise, and the parts it is made of. Layers count from 0.
pub(super) struct Force {
    pub(super) point: Point,
    /// H_k, the input-side covariance of layer k + 1, h_k × h_k.
    inputs: Vec<Mat<f64>>,
    /// G_{k+1}, h_{k+1} × h_{k+1}.
    outputs: Vec<Mat<f64>>,
    /// P_{k+1}, h_{k+1} × h_{k+1}.
    later: Vec<Mat<f64>>,
    /// R_{k+1}, h_k × h_k.
    earlier: Vec<Mat<f64>>,
    /// The force on layer k + 1: −(noise/4) ∇F − decay W, see [`Forces`].
    pub(super) layers: Vec<Mat<f64>>,
    forces: Forces,
}

impl Force {
    /// The force at `layers`.
    pub(super) fn new(model: &Model, layers: Vec<Mat<f64>>) -> Self {
        Self::of(model.forces, model, layers)
    }

    /// That of these forces in place of the model's.
    pub(super) fn of(forces: Forces, model: &Model, layers: Vec<Mat<f64>>) -> Self {
        let point = Point::new(model, layers);
        let depth = point.depth();
        let layers = &point.layers;
        let inputs: Vec<_> = point.below.iter().map(|b| b * b.transpose()).collect();
        let outputs: Vec<_> = point.above.iter().map(|a| model.noise_within(a)).collect();
        let mut later =
            vec![Mat::zeros(outputs[depth - 1].nrows(), outputs[depth - 1].nrows()); depth];
        for k in (0..depth - 1).rev() {
            let next = layers[k + 1].transpose() * &later[k + 1] * &layers[k + 1];
            later[k] = plus_identity(next, trace(outputs[k + 1].as_ref()));
        }
        let mut earlier = vec![Mat::zeros(inputs[0].nrows(), inputs[0].nrows()); depth];
        for k in 1..depth {
            let next = &layers[k - 1] * &earlier[k - 1] * layers[k - 1].transpose();
            earlier[k] = plus_identity(next, trace(inputs[k - 1].as_ref()));
        }
        let force = (0..depth)
            .map(|k| {
                let gradient =
                    &later[k] * &layers[k] * &inputs[k] + &outputs[k] * &layers[k] * &earlier[k];
                faer::Scale(-0.5 * forces.noise) * gradient - faer::Scale(forces.decay) * &layers[k]
            })
            .collect();
        Self {
            point,
            inputs,
            outputs,
            later,
            earlier,
            layers: force,
            forces,
        }
    }

    /// Visits the force's derivative block by block, as (k, j, what takes a change of layer j to the force on layer k): the
    /// whole would be n × n.
    pub(super) fn each_hessian_block(&self, mut visit: impl FnMut(usize, usize, Mat<f64>)) {
        let Forces { noise, decay, .. } = self.forces;
        let mut visit = |k: usize, j: usize, mut block: Mat<f64>| {
            if noise != 1.0 {
                block *= faer::Scale(noise);
            }
            if k == j && decay != 0.0 {
                for i in 0..block.nrows() {
                    block[(i, i)] -= decay;
                }
            }
            visit(k, j, block);
        };
        for j in 0..self.point.depth() {
            let layer = &self.point.layers[j];
            let size = layer.nrows() * layer.ncols();
            let mut diagonal = Mat::zeros(size, size);
            let (input, earlier) = (self.inputs[j].as_ref(), self.earlier[j].as_ref());
            add_kron(&mut diagonal, -0.5, &self.later[j], input);
            add_kron(&mut diagonal, -0.5, &self.outputs[j], earlier);
            visit(j, j, diagonal);
            // M = W_{k−1} … W_{j+1}, grown as k moves up.
            let mut between = Mat::<f64>::identity(layer.nrows(), layer.nrows());
            for k in j + 1..self.point.depth() {
                let block = self.block(j, k, &between);
                visit(j, k, block.transpose().to_owned());
                visit(k, j, block);
                between = &self.point.layers[k] * between;
            }
        }
    }

    /// The block that takes a change of layer `j` to the force on layer `k` > `j`.
    fn block(&self, j: usize, k: usize, between: &Mat<f64>) -> Mat<f64> {
        let layers = &self.point.layers;
        let upto = between * &layers[j];
        let later = &self.later[k] * &layers[k];
        let output = &self.outputs[k] * &layers[k];
        let mut block = Mat::zeros(
            layers[k].nrows() * layers[k].ncols(),
            layers[j].nrows() * layers[j].ncols(),
        );
        // X dW_j Y: the change of H_{k−1} and of R_k through the first factor W_j.
        let right = &self.inputs[j] * upto.transpose();
        add_kron(&mut block, -0.5, &(&later * between), right.transpose());
        let right = &self.earlier[j] * upto.transpose();
        add_kron(&mut block, -0.5, &(&output * between), right.transpose());
        // X dW_jᵀ Y: through the second factor.
        let left = &later * &upto * &self.inputs[j] + &output * &upto * &self.earlier[j];
        add_transposing_kron(&mut block, -0.5, &left, between);
        // The traces h_{m−1} inside R_k, j < m < k, with `inner` = W_{m−1}…W_{j+1} and
        // `outer` = W_{k−1}…W_{m+1}.
        let mut inner = vec![Mat::<f64>::identity(layers[j].nrows(), layers[j].nrows())];
        for m in j + 1..k {
            inner.push(&layers[m] * &inner[m - j - 1]);
        }
        let mut outer = Mat::<f64>::identity(between.nrows(), between.nrows());
        for m in (j + 1..k).rev() {
            let inner = &inner[m - j - 1];
            let column = -&output * &outer * outer.transpose();
            let row = inner.transpose() * inner * &layers[j] * &self.inputs[j];
            add_outer(&mut block, &column, &row);
            outer = outer * &layers[m];
        }
        block
    }
}

fn plus_identity(mut matrix: Mat<f64>, scale: f64) -> Mat<f64> {
    for i in 0..matrix.nrows() {
        matrix[(i, i)] += scale;
    }
    matrix
}
