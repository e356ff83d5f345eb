//! The slow flow's field at one point, as products of matrices and operators on the generators.

use faer::Mat;

use super::factors::{Factors, imbalance};
use crate::flow::{
    point::Model,
    products::{Parity, add, gram, times, with_transpose},
};
use crate::recipe::Forces;

/// X_1 … X_{D−1}, or what has their shape.
pub(super) type Generators = Vec<Mat<f64>>;

/// What the field at one point is made of. `inputs[k]` is H_{k+1}.
pub(super) struct Field {
    pub(super) factors: Factors<f64>,
    /// H_1 … H_{D−1}.
    inputs: Generators,
    /// G_1 … G_{D−1}.
    outputs: Generators,
    /// δ, which stands beside EᵀE.
    pub(super) least: f64,
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

/// δ relative to the square of the largest layer's norm.
const LEAST: f64 = 1e-12;

impl Field {
    /// The field at `layers`.
    pub(super) fn new(model: &Model, layers: Vec<Mat<f64>>) -> Self {
        let factors = Factors::new(model, layers);
        let below = factors.below[1..].iter();
        let above = factors.above[..factors.hidden()].iter();
        let sizes = factors.layers.iter().map(Mat::squared_norm_l2);
        let least = LEAST * sizes.fold(0.0, f64::max);
        Self {
            least,
            inputs: below.map(|below| gram(below.as_ref())).collect(),
            outputs: above.map(|above| gram(above.transpose())).collect(),
            factors,
        }
    }

    /// R.
    pub(super) fn drift(&self) -> Generators {
        let Forces { noise, decay, .. } = self.factors.forces;
        (0..self.factors.hidden())
            .map(|k| {
                let (low, high) = (
                    noise * self.factors.input_traces[k],
                    noise * self.factors.output_traces[k + 1],
                );
                let mut drift = Mat::zeros(self.inputs[k].nrows(), self.inputs[k].nrows());
                add(&mut drift, low, &self.outputs[k]);
                add(&mut drift, -high, &self.inputs[k]);
                if decay != 0.0 {
                    let half = imbalance(&self.factors.layers, &self.factors.layers, k);
                    add(&mut drift, -decay, &with_transpose(half));
                }
                drift
            })
            .collect()
    }

    /// What `operator` does to X_k by multiplying it from either side, k = 1 … D − 1.
    pub(super) fn own(&self, operator: Operator) -> Generators {
        let each = self.factors.layers.windows(2).enumerate();
        each.map(|(k, pair)| {
            let mut sum = gram(pair[0].as_ref());
            sum += gram(pair[1].transpose());
            // Half of δ from either side.
            for i in 0..sum.nrows() {
                sum[(i, i)] += 0.5 * self.least;
            }
            let mut own = sum * faer::Scale(operator.gram(&self.factors.forces));
            if let Some(noise) = operator.coupling(&self.factors.forces) {
                own += faer::Scale(noise * self.factors.input_traces[k]) * &self.outputs[k]
                    + faer::Scale(noise * self.factors.output_traces[k + 1]) * &self.inputs[k];
            }
            own
        })
        .collect()
    }

    /// Eᵀ of a motion of the weights for antisymmetric generators.
    pub(super) fn turning_of(&self, motion: &[Mat<f64>]) -> Generators {
        let halves = (0..self.factors.hidden()).map(|k| imbalance(motion, &self.factors.layers, k));
        halves.map(|half| &half - half.transpose()).collect()
    }

    /// U_kᵀ H_k U_k.
    pub(super) fn inputs_in(&self, bases: &[Mat<f64>]) -> Generators {
        let each = bases.iter().zip(&self.factors.below[1..]);
        each.map(|(u, below)| {
            let turned = times(u.transpose(), below.as_ref());
            gram(turned.as_ref())
        })
        .collect()
    }

    /// U_kᵀ G_k U_k.
    pub(super) fn outputs_in(&self, bases: &[Mat<f64>]) -> Generators {
        let each = bases.iter().zip(&self.factors.above);
        each.map(|(u, above)| {
            let turned = times(u.transpose(), above.transpose());
            gram(turned.as_ref())
        })
        .collect()
    }
}
