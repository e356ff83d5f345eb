//! The mean loss of a tape's output over one batch, as a function of the parameters.

use std::sync::Arc;

use super::Loss;
use crate::tensor::write::Write;
use crate::tensor::{Block, LinesMut, Machine, Number, Order, Tape};

/// L(θ) = (1/B) Σ_b ℓ(f(x_b; θ), y_b) over one batch of B samples, with its derivatives.
///
/// Fill [`Objective::inputs_mut`] and [`Objective::targets_mut`], then call [`Objective::gradient`]: it
/// leaves the point recorded, at which Hessian and Gauss–Newton products and the samples' parts are then
/// taken as often as one likes. Once warm it allocates no more than its [`Machine`].
///
/// Its methods panic when a slice does not fit the tape's number of parameters: a programmer's error,
/// which no data can cause.
#[derive(Clone, Debug)]
pub struct Objective<T> {
    machine: Machine<T>,
    loss: Loss,
    targets: Block<T>,
    /// One number for each sample, while a product is taken.
    weights: Vec<T>,
    /// A sum over samples that only their parts are wanted of.
    unwanted: Vec<T>,
}

impl<T: Number> Objective<T> {
    /// For batches of `batch` samples, at least 1. Inputs and targets are 0.
    pub fn new(tape: Arc<Tape>, loss: Loss, batch: usize) -> Self {
        let output = tape.output();
        Self {
            targets: Block::zeros(output.rows() * output.positions(), batch),
            machine: Machine::new(tape, batch),
            loss,
            weights: Vec::new(),
            unwanted: Vec::new(),
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

    /// B, the samples in the batch: the loss is a mean over so many.
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

    /// Where the numbers of the tape's mask `index` go; see [`Recorder::dropout`](crate::tensor::Recorder::dropout).
    pub fn mask_mut(&mut self, index: usize) -> LinesMut<'_, T> {
        self.machine.mask_mut(index)
    }

    /// Inputs and targets at once.
    pub fn samples_mut(&mut self) -> (LinesMut<'_, T>, LinesMut<'_, T>) {
        (self.machine.inputs_mut(), self.targets.lines_mut())
    }

    /// The tape with inputs and targets.
    pub(crate) fn parts_mut(&mut self) -> (&Tape, LinesMut<'_, T>, LinesMut<'_, T>) {
        let (tape, inputs) = self.machine.parts_mut();
        (tape, inputs, self.targets.lines_mut())
    }

    /// Takes over as many samples of `other`, one of the same tape, as this batch has, from number `first` on.
    pub(crate) fn copy_samples(&mut self, other: &mut Self, first: usize) {
        let batch = self.batch();
        let (mut inputs, mut targets) = self.samples_mut();
        let (mut from_inputs, mut from_targets) = other.samples_mut();
        for (to, from) in [
            (&mut inputs, &mut from_inputs),
            (&mut targets, &mut from_targets),
        ] {
            for line in 0..to.count() {
                let samples = &from.line(line)[first..][..batch];
                to.line(line).copy_from_slice(samples);
            }
        }
        for mask in 0..self.tape().masks().len() {
            let (mut to, mut from) = (self.mask_mut(mask), other.mask_mut(mask));
            for line in 0..to.count() {
                let samples = &from.line(line)[first..][..batch];
                to.line(line).copy_from_slice(samples);
            }
        }
    }

    /// ℓ of each sample at `parameters`.
    pub fn sample_losses(&mut self, parameters: &[T], losses: &mut [T]) {
        assert_eq!(losses.len(), self.batch());
        self.machine.forward(parameters);
        self.losses(losses);
    }

    /// ℓ of each sample at the recorded point.
    pub fn losses(&mut self, losses: &mut [T]) {
        assert_eq!(losses.len(), self.batch());
        let positions = self.positions();
        let (outputs, _) = self.machine.adjoint();
        self.loss
            .values(positions, outputs, self.targets.lines(), losses);
    }

    /// ∇L at `parameters`.
    pub fn gradient(&mut self, parameters: &[T], gradient: &mut [T]) {
        self.machine.forward(parameters);
        let (scale, positions) = (self.scale(), self.positions());
        let (outputs, adjoint) = self.machine.adjoint();
        self.loss
            .gradient(positions, outputs, self.targets.lines(), scale, adjoint);
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
            let (outputs, tangent, adjoint) = self.machine.tangent_adjoint(index);
            let targets = self.targets.lines();
            self.loss
                .curvature(positions, outputs, targets, tangent, scale, adjoint);
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

    /// (1/B) Σ_b ∇ℓ_b ∘ ∇ℓ_b at the recorded point: the mean square of each entry of the samples' gradients.
    pub fn mean_squares(&mut self, squares: &mut [T]) {
        self.machine.summed_squares(squares);
        let batch = T::from_f64(self.batch() as f64);
        for entry in squares {
            *entry = batch * *entry;
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

    /// ∂ℓ/∂f of each sample at the recorded point, laid out as the outputs: f − y for the paper's squared
    /// error, p − y for cross-entropy.
    pub fn residuals(&mut self, residuals: &mut Block<T>) {
        let positions = self.positions();
        let outputs = self.machine.adjoint().0;
        let (targets, adjoint) = (self.targets.lines(), residuals.lines_mut());
        self.loss
            .gradient(positions, outputs, targets, T::ONE, adjoint);
    }

    /// ∂²ℓ/∂f² c of each sample at the recorded point, c being the same for all of them.
    pub fn output_curvature(&mut self, c: &[T], products: &mut Block<T>) {
        let positions = self.positions();
        let outputs = self.machine.adjoint().0;
        let along = Block::from_fn(c.len(), outputs.batch(), |line, _| c[line]);
        let (targets, product) = (self.targets.lines(), products.lines_mut());
        self.loss
            .curvature(positions, outputs, targets, along.lines(), T::ONE, product);
    }

    /// ∇ℓ·v of each sample, for each of `directions` v (a line each), at the recorded point.
    pub fn sample_slopes(&mut self, parameters: &[T], directions: &[T], slopes: &mut Block<T>) {
        self.machine.tangent(parameters, directions);
        for index in 0..directions.len() / parameters.len() {
            self.slope(index, slopes.lines_mut().line(index));
        }
    }

    /// The gradients' second moment, not centred, times vectors: (1/B) Σ_b ∇ℓ_b (∇ℓ_b·v) for each of `directions` v, at the recorded point: a forward pass gives the
    /// slopes ∇ℓ_b·v, and one backward pass the sum weighted by them. No gradient of a single sample
    /// is formed.
    pub fn gradient_moment(&mut self, parameters: &[T], directions: &[T], products: &mut [T]) {
        self.machine.tangent(parameters, directions);
        let scale = self.scale();
        let mut slopes = std::mem::take(&mut self.weights);
        slopes.resize(self.batch(), T::ZERO);
        for index in 0..directions.len() / parameters.len() {
            self.slope(index, &mut slopes);
            let (.., mut adjoint) = self.machine.tangent_adjoint(index);
            for line in 0..adjoint.count() {
                for (adjoint, &slope) in adjoint.line(line).iter_mut().zip(&slopes) {
                    *adjoint = scale * slope * *adjoint;
                }
            }
        }
        self.weights = slopes;
        self.machine
            .tangent_backward(parameters, directions, Order::GaussNewton, products);
    }

    /// ∇ℓ·v of each sample for direction `index` of the last tangents, whose adjoint becomes ∂ℓ/∂f.
    fn slope(&mut self, index: usize, slopes: &mut [T]) {
        let positions = self.positions();
        let (outputs, tangent, mut adjoint) = self.machine.tangent_adjoint(index);
        let targets = self.targets.lines();
        self.loss
            .gradient(positions, outputs, targets, T::ONE, adjoint.reborrow());
        slopes.fill(T::ZERO);
        for line in 0..adjoint.count() {
            let sources = [&*adjoint.line(line), tangent.line(line)];
            Write::Add.each(slopes, sources, |[u, v]| u * v);
        }
    }

    /// w_k ‖Jᵀc_k‖² for each parameter block and each sample, `term` being k of
    /// [`Loss::curvature_term`]: their sum over k is the trace of a sample's Gauss–Newton matrix.
    /// Afterwards the recorded gradient is lost: Hessian products and samples' parts need a new one.
    pub fn sample_curvature(&mut self, parameters: &[T], term: usize, traces: &mut Block<T>) {
        let positions = self.positions();
        let mut weights = std::mem::take(&mut self.weights);
        weights.resize(self.batch(), T::ZERO);
        let (outputs, adjoint) = self.machine.adjoint();
        let targets = self.targets.lines();
        self.loss
            .curvature_term(positions, term, outputs, targets, adjoint, &mut weights);
        self.squared_pullbacks(parameters, traces);
        let mut traces = traces.lines_mut();
        for block in 0..traces.count() {
            for (trace, &weight) in traces.line(block).iter_mut().zip(&weights) {
                *trace = weight * *trace;
            }
        }
        self.weights = weights;
    }

    /// ‖Jᵀc‖² for each parameter block and each sample, c being the same for all of them. The
    /// recorded gradient is lost.
    pub fn sample_pullbacks(&mut self, parameters: &[T], c: &[T], norms: &mut Block<T>) {
        let (_, mut adjoint) = self.machine.adjoint();
        assert_eq!(c.len(), adjoint.count());
        for (line, &c) in c.iter().enumerate() {
            adjoint.line(line).fill(c);
        }
        adjoint.clear_padding();
        self.squared_pullbacks(parameters, norms);
    }

    /// ‖∇ℓ_p‖² of what position `position` adds to a sample's loss ℓ = Σ_p ℓ_p, for each parameter block and each sample, at the
    /// recorded point, which must be `parameters`. The recorded gradient is lost.
    pub fn position_squared_norms(
        &mut self,
        parameters: &[T],
        position: usize,
        norms: &mut Block<T>,
    ) {
        let positions = self.positions();
        let (outputs, mut adjoint) = self.machine.adjoint();
        let targets = self.targets.lines();
        self.loss
            .gradient(positions, outputs, targets, T::ONE, adjoint.reborrow());
        for line in (0..adjoint.count()).filter(|line| line % positions != position) {
            adjoint.line(line).fill(T::ZERO);
        }
        self.squared_pullbacks(parameters, norms);
    }

    /// ‖Jᵀc‖² for the c that the output's adjoint holds.
    fn squared_pullbacks(&mut self, parameters: &[T], norms: &mut Block<T>) {
        self.unwanted.resize(parameters.len(), T::ZERO);
        self.machine.backward(parameters, &mut self.unwanted);
        self.machine.sample_squared_norms(norms);
    }

    /// 1/B.
    fn scale(&self) -> T {
        T::ONE / T::from_f64(self.batch() as f64)
    }

    fn positions(&self) -> usize {
        self.tape().output().positions()
    }
}
