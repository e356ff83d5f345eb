//! One SGD step: on a seed in each lane, or on one seed with wide layers.

mod blocked;
mod general;
mod perturbed;
mod product;
mod square;
mod tiles;
mod update;

pub(super) use blocked::Blocked;
pub(super) use general::General;
pub(super) use perturbed::Perturbed;
pub(super) use square::Square;
pub(super) use tiles::{Across, Along, Store, Sum, multiply};
pub(super) use update::Update;

use crate::lanes::Real;

/// The weights of one seed in each lane of `R` (one lane for a plain number), and how a step changes them.
pub(super) trait Kernel<R: Real> {
    /// W_1 … W_D, each column by column; as many others may be put in their place.
    fn weights(&mut self) -> &mut Vec<R>;
    /// Laid out as the weights.
    fn velocity(&mut self) -> &mut [R];
    /// One update with the minibatch whose whitened columns (d_x inputs, d_y noises each) are given.
    /// Returns Σ_k ‖W_k‖² after it.
    fn step(&mut self, columns: &[R::Wide]) -> R;
    /// Lets `to` take the minibatch's gradient at the weights, all of it, part by part as it is found.
    fn gradient(&mut self, columns: &[R::Wide], to: &mut impl Take<R>);
}

/// What is done with a gradient.
pub(super) trait Take<R> {
    /// Takes the part that begins at place `at` of the weights. `weights` and `velocity` (empty without momentum) are those there.
    fn take(&mut self, at: usize, weights: &[R], velocity: &mut [R], gradient: &[R]);
}
