//! The slow flow's field at one point, as products of matrices and operators on the generators.

use faer::Mat;

use crate::flow::{
    point::Model,
    products::{Parity, add, add_times, dot, gram, times, with_transpose},
};
use crate::recipe::Forces;

/// X_1 … X_{D−1}, or what has their shape.
pub(super) type Generators = Vec<Mat<f64>>;

/// What the field at one point is made of. Layers count from 0, hidden layers too: `inputs[k]` is H_{k+1}.
pub(super) struct Field {
    pub(super) layers: Vec<Mat<f64>>,
    /// B_{k+1} X, h_k × rank Σx, k = 0 … D − 1.
    below: Vec<Mat<f64>>,
    /// Eᵀ A_{k+1}, rank Σε × h_{k+1} where E Eᵀ = Σε, k = 0 … D − 1.
    above: Vec<Mat<f64>>,
    /// H_1 … H_{D−1}.
    inputs: Generators,
    /// G_1 … G_{D−1}.
    outputs: Generators,
    /// h_0 … h_{D−1}.
    input_traces: Vec<f64>,
    /// g_1 … g_D.
    output_traces: Vec<f64>,
    forces: Forces,
}

/// A symmetric operator on the generators.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operator {
    /// EᵀE.
    Gram,
    /// σ EᵀE + M.
    Implicit(f64),
    /// EᵀE on antisymmetric generators, which turn the hidden bases.
    Turns,
}

impl Operator {
    /// How often EᵀE is in it: with a decay c of the weights M has 2c EᵀE more.
    pub(super) fn gram(self, forces: &Forces) -> f64 {
        match self {
            Self::Gram | Self::Turns => 1.0,
            Self::Implicit(shift) => shift + 2.0 * forces.decay,
        }
    }

    /// How much traces couple neighbours, if they do.
    pub(super) fn coupling(self, forces: &Forces) -> Option<f64> {
        match self {
            Self::Gram | Self::Turns => None,
            Self::Implicit(_) => Some(forces.noise),
        }
    }

    /// That of the generators.
    pub(super) fn parity(self) -> Parity {
        match self {
            Self::Gram | Self::Implicit(_) => Parity::Symmetric,
            Self::Turns => Parity::Antisymmetric,
        }
    }
}

impl Field {
    /// The field at `layers`.
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
        let inputs: Generators = below[1..].iter().map(|b| gram(b.as_ref())).collect();
        let outputs = above[..depth - 1]
            .iter()
            .map(|a| gram(a.transpose()))
            .collect();
        Self {
            input_traces: below.iter().map(Mat::squared_norm_l2).collect(),
            output_traces: above.iter().map(Mat::squared_norm_l2).collect(),
            forces: model.forces,
            layers,
            below,
            above,
            inputs,
            outputs,
        }
    }

    /// D − 1.
    fn hidden(&self) -> usize {
        self.layers.len() - 1
    }

    /// R.
    pub(super) fn drift(&self) -> Generators {
        let Forces { noise, decay, .. } = self.forces;
        (0..self.hidden())
            .map(|k| {
                let (low, high) = (
                    noise * self.input_traces[k],
                    noise * self.output_traces[k + 1],
                );
                let mut drift = Mat::zeros(self.inputs[k].nrows(), self.inputs[k].nrows());
                add(&mut drift, low, &self.outputs[k]);
                add(&mut drift, -high, &self.inputs[k]);
                if decay != 0.0 {
                    let half = imbalance(&self.layers, &self.layers, k);
                    add(&mut drift, -decay, &with_transpose(half));
                }
                drift
            })
            .collect()
    }

    /// dR along a motion of the weights.
    pub(super) fn drift_along(&self, motion: &[Mat<f64>]) -> Generators {
        let depth = self.layers.len();
        // The inputs and the outputs do not change.
        let mut below: Vec<Mat<f64>> = Vec::with_capacity(depth - 1);
        for k in 0..depth - 1 {
            let mut next = times(motion[k].as_ref(), self.below[k].as_ref());
            if let Some(before) = below.last() {
                add_times(&mut next, 1.0, self.layers[k].as_ref(), before.as_ref());
            }
            below.push(next);
        }
        let mut above: Vec<Mat<f64>> = Vec::with_capacity(depth - 1);
        for k in (1..depth).rev() {
            let mut next = times(self.above[k].as_ref(), motion[k].as_ref());
            if let Some(before) = above.last() {
                add_times(&mut next, 1.0, before.as_ref(), self.layers[k].as_ref());
            }
            above.push(next);
        }
        above.reverse();
        let Forces { noise, decay, .. } = self.forces;
        (0..self.hidden())
            .map(|k| {
                let along = |value: &Mat<f64>, change: Option<&Mat<f64>>| {
                    change.map_or(0.0, |change| 2.0 * noise * dot(value, change))
                };
                let input = along(
                    &self.below[k],
                    k.checked_sub(1).map(|before| &below[before]),
                );
                let output = along(&self.above[k + 1], above.get(k + 1));
                let (low, high) = (
                    noise * self.input_traces[k],
                    noise * self.output_traces[k + 1],
                );
                let mut half = Mat::zeros(self.inputs[k].nrows(), self.inputs[k].nrows());
                add_times(&mut half, low, above[k].transpose(), self.above[k].as_ref());
                add_times(
                    &mut half,
                    -high,
                    below[k].as_ref(),
                    self.below[k + 1].transpose(),
                );
                if decay != 0.0 {
                    let change = imbalance(motion, &self.layers, k);
                    add(&mut half, -2.0 * decay, &change);
                }
                let mut change = with_transpose(half);
                add(&mut change, input, &self.outputs[k]);
                add(&mut change, -output, &self.inputs[k]);
                change
            })
            .collect()
    }

    /// E X.
    pub(super) fn lift(&self, x: &[Mat<f64>]) -> Vec<Mat<f64>> {
        let each = self.layers.iter().enumerate();
        each.map(|(k, layer)| {
            let mut motion = Mat::zeros(layer.nrows(), layer.ncols());
            if let Some(x) = x.get(k) {
                add_times(&mut motion, 1.0, x.as_ref(), layer.as_ref());
            }
            if k > 0 {
                add_times(&mut motion, -1.0, layer.as_ref(), x[k - 1].as_ref());
            }
            motion
        })
        .collect()
    }

    /// What `operator` does to X_k by multiplying it from either side, k = 1 … D − 1.
    pub(super) fn own(&self, operator: Operator) -> Generators {
        let each = self.layers.windows(2).enumerate();
        each.map(|(k, pair)| {
            let mut sum = gram(pair[0].as_ref());
            sum += gram(pair[1].transpose());
            let mut own = sum * faer::Scale(operator.gram(&self.forces));
            if let Some(noise) = operator.coupling(&self.forces) {
                own += faer::Scale(noise * self.input_traces[k]) * &self.outputs[k]
                    + faer::Scale(noise * self.output_traces[k + 1]) * &self.inputs[k];
            }
            own
        })
        .collect()
    }

    /// dQ along a motion of the weights.
    pub(super) fn balances_along(&self, motion: &[Mat<f64>]) -> Generators {
        (0..self.hidden())
            .map(|k| with_transpose(imbalance(motion, &self.layers, k)))
            .collect()
    }

    /// Eᵀ of a motion of the weights for antisymmetric generators.
    pub(super) fn turning_of(&self, motion: &[Mat<f64>]) -> Generators {
        let halves = (0..self.hidden()).map(|k| imbalance(motion, &self.layers, k));
        halves.map(|half| &half - half.transpose()).collect()
    }

    pub(super) fn forces(&self) -> &Forces {
        &self.forces
    }

    /// U_kᵀ H_k U_k.
    pub(super) fn inputs_in(&self, bases: &[Mat<f64>]) -> Generators {
        let each = bases.iter().zip(&self.below[1..]);
        each.map(|(u, below)| {
            let turned = times(u.transpose(), below.as_ref());
            gram(turned.as_ref())
        })
        .collect()
    }

    /// U_kᵀ G_k U_k.
    pub(super) fn outputs_in(&self, bases: &[Mat<f64>]) -> Generators {
        let each = bases.iter().zip(&self.above);
        each.map(|(u, above)| {
            let turned = times(u.transpose(), above.transpose());
            gram(turned.as_ref())
        })
        .collect()
    }
}

/// M_k W_kᵀ − W_{k+1}ᵀ M_{k+1}, k from 0.
fn imbalance(motion: &[Mat<f64>], layers: &[Mat<f64>], k: usize) -> Mat<f64> {
    let mut half = times(motion[k].as_ref(), layers[k].transpose());
    add_times(
        &mut half,
        -1.0,
        layers[k + 1].transpose(),
        motion[k + 1].as_ref(),
    );
    half
}
