//! Losses, and a network's loss over a batch with all its derivatives.
//!
//! ```
//! use std::sync::Arc;
//! use thalweg::loss::{Convention, Loss, Objective};
//! use thalweg::model::Mlp;
//! use thalweg::tensor::Activation;
//!
//! // f(x) = w x at x = 1 and 2, where y = 0: L = ½ w² (1 + 4)/2 and ∇L = 2.5 w.
//! let line = Mlp { widths: vec![1, 1], activation: Activation::Identity, biases: false };
//! let loss = Loss::SquaredError(Convention::Half);
//! let mut objective = Objective::<f64>::new(Arc::new(line.tape()?), loss, 2);
//! objective.inputs_mut().line(0).copy_from_slice(&[1.0, 2.0]);
//! let mut gradient = [0.0];
//! objective.gradient(&[2.0], &mut gradient);
//! assert_eq!(gradient, [5.0]);
//! # Ok::<(), thalweg::model::ModelError>(())
//! ```

mod cross_entropy;
mod objective;
mod squared;

pub use objective::Objective;
pub use squared::Convention;

use crate::lanes::vectorise;
use crate::tensor::{Group, Lines, LinesMut, Number};

/// A loss of one sample, as a function of the network's output f and a target y of the same shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// ‖y − f‖², up to a factor.
    SquaredError(Convention),
    /// −Σ_c y_c ln softmax(f)_c over the rows c, summed over positions. y holds the probabilities of the
    /// classes: one of them 1 for hard labels, any for soft ones, not even summing to 1 for noisy ones.
    CrossEntropy,
    /// The same over the number of positions: the mean cross-entropy of a token, for sequences of them.
    MeanCrossEntropy,
}

impl Loss {
    /// Whether it is a cross-entropy: with p = softmax(f) at each position, the residual ∂ℓ/∂f is p − y up to [`Loss::share`].
    pub fn is_cross_entropy(self) -> bool {
        matches!(self, Self::CrossEntropy | Self::MeanCrossEntropy)
    }

    /// What each of `positions` counts in the loss of a sample: 1 where they are summed, 1/positions where they are averaged.
    pub fn share(self, positions: usize) -> f64 {
        match self {
            Self::MeanCrossEntropy => 1.0 / positions as f64,
            Self::CrossEntropy | Self::SquaredError(_) => 1.0,
        }
    }

    /// The loss of each sample, for outputs at `positions` places.
    pub fn values<T: Number>(
        self,
        positions: usize,
        outputs: Lines<'_, T>,
        targets: Lines<'_, T>,
        losses: &mut [T],
    ) {
        match self {
            Self::SquaredError(convention) => convention.values(outputs, targets, losses),
            Self::CrossEntropy | Self::MeanCrossEntropy => {
                cross_entropy::values(positions, outputs, targets, losses);
                let share = T::from_f64(self.share(positions));
                losses.iter_mut().for_each(|loss| *loss = share * *loss);
            }
        }
    }

    /// scale ∂ℓ/∂f for each sample.
    pub fn gradient<T: Number>(
        self,
        positions: usize,
        outputs: Lines<'_, T>,
        targets: Lines<'_, T>,
        scale: T,
        mut gradient: LinesMut<'_, T>,
    ) {
        vectorise(
            #[inline(always)]
            || match self {
                Self::SquaredError(convention) => {
                    convention.gradient(outputs, targets, scale, &mut gradient);
                }
                Self::CrossEntropy | Self::MeanCrossEntropy => {
                    let scale = scale * T::from_f64(self.share(positions));
                    cross_entropy::gradient(positions, outputs, targets, scale, &mut gradient);
                }
            },
        );
        gradient.clear_padding();
    }

    /// scale ∂²ℓ/∂f² · ḟ for each sample.
    pub fn curvature<T: Number>(
        self,
        positions: usize,
        outputs: Lines<'_, T>,
        targets: Lines<'_, T>,
        tangent: Lines<'_, T>,
        scale: T,
        mut product: LinesMut<'_, T>,
    ) {
        vectorise(
            #[inline(always)]
            || match self {
                Self::SquaredError(convention) => {
                    convention.curvature(outputs.count(), tangent, scale, &mut product);
                }
                Self::CrossEntropy | Self::MeanCrossEntropy => cross_entropy::curvature(
                    positions,
                    outputs,
                    targets,
                    tangent,
                    scale * T::from_f64(self.share(positions)),
                    &mut product,
                ),
            },
        );
        product.clear_padding();
    }

    /// Term `index` of ∂²ℓ/∂f² = Σ_k w_k c_k c_kᵀ, which has as many as the output has lines: c_k into
    /// `column` and w_k into `weights`, for each sample.
    ///
    /// For squared error c_k is a unit vector. For cross-entropy, s (diag p − p pᵀ) = Σ_c s p_c (e_c − p)(e_c − p)ᵀ
    /// at each position.
    pub fn curvature_term<T: Number>(
        self,
        positions: usize,
        index: usize,
        outputs: Lines<'_, T>,
        targets: Lines<'_, T>,
        mut column: LinesMut<'_, T>,
        weights: &mut [T],
    ) {
        match self {
            Self::SquaredError(convention) => {
                convention.curvature_term(index, &mut column, weights);
            }
            Self::CrossEntropy | Self::MeanCrossEntropy => {
                let share = T::from_f64(self.share(positions));
                cross_entropy::curvature_term(
                    positions,
                    index,
                    outputs,
                    targets,
                    &mut column,
                    weights,
                );
                weights
                    .iter_mut()
                    .for_each(|weight| *weight = share * *weight);
            }
        }
        column.clear_padding();
    }
}

/// The lines of position `position`: one for each class.
#[inline(always)]
fn classes(lines: usize, positions: usize, position: usize) -> Group {
    Group {
        first: position,
        step: positions,
        count: lines / positions,
    }
}
