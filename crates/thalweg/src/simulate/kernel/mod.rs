//! One SGD step: on a seed in each lane, or on one seed with wide layers.

mod blocked;
mod general;
mod perturbed;
mod product;
mod square;
mod tiles;
mod update;

pub(super) use blocked::Blocked;
pub(super) use general::{General, splat};
pub(super) use perturbed::Perturbed;
pub(super) use square::Square;
pub(super) use tiles::{Across, Along, Store, Sum, multiply};
pub(super) use update::Update;

use crate::lanes::Real;

/// The weights of one seed in each lane of `R` (one lane for a plain number), and how a step changes them.
pub(super) trait Kernel<R: Real> {
    /// W_1 … W_D, each column by column.
    fn weights(&mut self) -> &mut [R];
    /// Laid out as the weights.
    fn velocity(&mut self) -> &mut [R];
    /// One update with the minibatch whose whitened columns (d_x inputs, d_y noises each) are given.
    /// Returns Σ_k ‖W_k‖² after it.
    fn step(&mut self, columns: &[R::Wide]) -> R;
    /// The minibatch's gradient, laid out as the weights, which stay as they are.
    fn gradient(&mut self, columns: &[R::Wide], into: &mut [R]);
}
