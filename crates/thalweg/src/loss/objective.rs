//! The mean loss of a tape's output over one batch, as a function of the parameters.

use std::sync::Arc;

use super::Loss;
use crate::tensor::{Block, LinesMut, Machine, Order, Real, Tape};

/// L(θ) = (1/B) Σ_b ℓ(f(x_b; θ), y_b) over one batch of B samples, with its derivatives.
///
/// Fill [`Objective::inputs_mut`] and [`Objective::targets_mut`], then call [`Objective::gradient`]: it
/// leaves the point recorded, at which Hessian and Gauss–Newton products and the samples' parts are then
/// taken as often as one likes. Nothing is allocated once warm.
///
/// Its methods panic when a slice does not fit the tape's number of parameters: a programmer's error,
/// which no data can cause.
#[derive(Clone, Debug)]
pub struct Objective<T> {
    machine: Machine<T>,
    loss: Loss,
    targets: Block<T>,
}

impl<T: Real> Objective<T> {
    /// For batches of `batch` samples, at least 1. Inputs and targets are 0.
    pub fn new(tape: Arc<Tape>, loss: Loss, batch: usize) -> Self {
        let output = tape.output();
        Self {
            targets: Block::zeros(output.rows() * output.positions(), batch),
            machine: Machine::new(tape, batch),
            loss,
        }
    }

    /// Makes room for `batch` samples. Inputs and targets are 0 after it, unless the batch had that
    /// size already.
    pub fn resize(&mut self, batch: usize) {
        self.machine.resize(batch);
        self.targets.resize(batch);
    }

    /// The function of which this is the loss.
    pub fn tape(&self) -> &Tape {
        self.machine.tape()
    }

    /// B.
    pub fn batch(&self) -> usize {
        self.machine.batch()
    }

    /// Where the inputs go: finite numbers, line (row · positions + position).
    pub fn inputs_mut(&mut self) -> LinesMut<'_, T> {
        self.machine.inputs_mut()
    }

    /// Where the targets go, laid out as the outputs.
    pub fn targets_mut(&mut self) -> LinesMut<'_, T> {
        self.targets.lines_mut()
    }

    /// ℓ of each sample at `parameters`.
    pub fn sample_losses(&mut self, parameters: &[T], losses: &mut [T]) {
        assert_eq!(losses.len(), self.batch());
        self.machine.forward(parameters);
        let positions = self.positions();
        let (outputs, _) = self.machine.seed();
        self.loss
            .values(positions, outputs, self.targets.lines(), losses);
    }

    /// ∇L at `parameters`.
    pub fn gradient(&mut self, parameters: &[T], gradient: &mut [T]) {
        self.machine.forward(parameters);
        let (scale, positions) = (self.scale(), self.positions());
        let (outputs, seed) = self.machine.seed();
        self.loss
            .gradient(positions, outputs, self.targets.lines(), scale, seed);
        self.machine.backward(parameters, gradient);
    }

    /// H v for each of `directions` v, given one after another; H = ∇²L at the recorded point, which is
    /// that of the last [`Objective::gradient`] and must be `parameters`.
    pub fn hessian(&mut self, parameters: &[T], directions: &[T], products: &mut [T]) {
        self.second(parameters, directions, Order::Hessian, products);
    }

    /// G v as [`Objective::hessian`], with the Gauss–Newton matrix G = (1/B) Σ Jᵀ (∂²ℓ/∂f²) J.
    pub fn gauss_newton(&mut self, parameters: &[T], directions: &[T], products: &mut [T]) {
        self.second(parameters, directions, Order::GaussNewton, products);
    }

    fn second(&mut self, parameters: &[T], directions: &[T], order: Order, products: &mut [T]) {
        self.machine.tangent(parameters, directions);
        let (scale, positions) = (self.scale(), self.positions());
        for index in 0..directions.len() / parameters.len() {
            let (outputs, tangent, seed) = self.machine.tangent_seed(index);
            let targets = self.targets.lines();
            self.loss
                .curvature(positions, outputs, targets, tangent, scale, seed);
        }
        self.machine
            .tangent_backward(parameters, directions, order, products);
    }

    /// ‖∇ℓ‖² for each parameter block (a line each, in the tape's order) and each sample, at the
    /// recorded point. No gradient of a single sample is formed.
    pub fn sample_squared_norms(&mut self, norms: &mut Block<T>) {
        self.machine.sample_squared_norms(norms);
        let square = T::from_f64((self.batch() as f64).powi(2));
        for norm in norms.lines_mut().data {
            *norm = square * *norm;
        }
    }

    /// ∇ℓ of one sample at the recorded point.
    pub fn sample_gradient(&self, sample: usize, gradient: &mut [T]) {
        self.machine.sample_gradient(sample, gradient);
        let batch = T::from_f64(self.batch() as f64);
        for entry in gradient {
            *entry = batch * *entry;
        }
    }

    /// 1/B.
    fn scale(&self) -> T {
        T::ONE / T::from_f64(self.batch() as f64)
    }

    fn positions(&self) -> usize {
        self.tape().output().positions()
    }
}
