//! The step that goes sample by sample: inputs, labels and units are changed at random for each.

use crate::lanes::Real;
use crate::simulate::SimulateSettings;
use crate::simulate::law::Law;
use crate::simulate::perturbations::Perturbations;

use super::general::splat;
use super::{Kernel, Take, Update};

/// D layers of shapes h_k × h_{k−1}; every matrix is column by column. A column of the minibatch is the whitened sample and what
/// [`Perturbations`] adds to it.
pub(in crate::simulate) struct Perturbed<R> {
    widths: Vec<usize>,
    /// Where each layer starts in `weights`.
    starts: Vec<usize>,
    weights: Vec<R>,
    velocity: Vec<R>,
    teacher: Vec<R>,
    /// L_x and L_ε; roots of N and S, empty where nothing is added.
    input_factor: Vec<R>,
    noise_factor: Vec<R>,
    input_noise: Vec<R>,
    added_noise: Vec<R>,
    layout: Perturbations,
    /// 1/B.
    share: R,
    update: Update<R>,
    /// x and y.
    input: Vec<R>,
    label: Vec<R>,
    /// h_0 = x̃ … h_D of one sample, after their masks.
    units: Vec<Vec<R>>,
    /// δ_k, and that of the layer before.
    delta: Vec<R>,
    next: Vec<R>,
    gradient: Vec<R>,
}

impl<R: Real> Perturbed<R> {
    pub fn new(law: &Law, settings: &SimulateSettings, widths: &[usize]) -> Self {
        let zeros = |n: usize| vec![R::constant(0.0); n];
        let mut starts = vec![0];
        for shape in widths.windows(2) {
            starts.push(starts[starts.len() - 1] + shape[0] * shape[1]);
        }
        let all = starts.pop().unwrap_or(0);
        let widest = widths.iter().copied().max().unwrap_or(0);
        let root = |matrix: &Option<faer::Mat<f64>>| {
            let matrix = matrix.as_ref();
            matrix.map_or(Vec::new(), |matrix| splat(matrix, 1.0))
        };
        Self {
            starts,
            weights: zeros(all),
            velocity: zeros(if settings.recipe.momentum == 0.0 {
                0
            } else {
                all
            }),
            teacher: splat(&law.teacher, 1.0),
            input_factor: splat(&law.input_factor, 1.0),
            noise_factor: splat(&law.noise_factor, 1.0),
            input_noise: root(&law.input_noise_factor),
            added_noise: root(&law.added_noise_factor),
            layout: Perturbations::new(law, widths),
            share: R::constant(1.0 / settings.batch as f64),
            update: Update::new(settings),
            input: zeros(law.inputs),
            label: zeros(law.outputs),
            units: widths.iter().map(|&h| zeros(h)).collect(),
            delta: zeros(widest),
            next: zeros(widest),
            gradient: zeros(all),
            widths: widths.to_vec(),
        }
    }

    /// `gradient` of a minibatch.
    #[inline(always)]
    fn average(&mut self, columns: &[R::Wide]) {
        self.gradient.fill(R::constant(0.0));
        let size = self.input.len() + self.label.len() + self.layout.size;
        for column in columns.chunks_exact(size) {
            self.sample(column);
        }
        for sum in &mut self.gradient {
            *sum = sum.mul_add(self.share, R::constant(0.0));
        }
    }

    /// Adds the gradient of one sample to `gradient`.
    #[inline(always)]
    fn sample(&mut self, column: &[R::Wide]) {
        let zero = R::constant(0.0);
        let (inputs, outputs) = (self.input.len(), self.label.len());
        let depth = self.starts.len();
        let (sample, changes) = column.split_at(inputs + outputs);
        self.input.fill(zero);
        multiply_add(&mut self.input, &self.input_factor, &sample[..inputs]);
        self.label.fill(zero);
        multiply_add(&mut self.label, &self.noise_factor, &sample[inputs..]);
        for (x, column) in self.input.iter().zip(self.teacher.chunks_exact(outputs)) {
            add_scaled(&mut self.label, column, *x);
        }
        let places = &self.layout;
        self.units[0].copy_from_slice(&self.input);
        if !self.input_noise.is_empty() {
            let noise = &changes[places.input_noise.clone()];
            multiply_add(&mut self.units[0], &self.input_noise, noise);
        }
        if !self.added_noise.is_empty() {
            let noise = &changes[places.added_noise.clone()];
            multiply_add(&mut self.label, &self.added_noise, noise);
        }
        mask(&mut self.units[0], &changes[places.masks[0].clone()]);
        for k in 0..depth {
            let (done, rest) = self.units.split_at_mut(k + 1);
            let (rows, to) = (self.widths[k + 1], &mut rest[0]);
            to.fill(zero);
            let layer = self.weights[self.starts[k]..].chunks_exact(rows);
            for (h, column) in done[k].iter().zip(layer) {
                add_scaled(to, column, *h);
            }
            if k + 1 < depth {
                mask(to, &changes[places.masks[k + 1].clone()]);
            }
        }
        for ((d, f), y) in self
            .delta
            .iter_mut()
            .zip(&self.units[depth])
            .zip(&self.label)
        {
            *d = f.sub(*y);
        }
        for k in (0..depth).rev() {
            let (inner, rows) = (self.widths[k], self.widths[k + 1]);
            let layer = &self.weights[self.starts[k]..][..rows * inner];
            let gradient = &mut self.gradient[self.starts[k]..][..rows * inner];
            let delta = &self.delta[..rows];
            for ((h, column), next) in self.units[k]
                .iter()
                .zip(gradient.chunks_exact_mut(rows))
                .zip(&mut self.next)
            {
                add_scaled(column, delta, *h);
                *next = zero;
            }
            if k > 0 {
                for (next, column) in self.next[..inner].iter_mut().zip(layer.chunks_exact(rows)) {
                    for (w, d) in column.iter().zip(delta) {
                        *next = w.mul_add(*d, *next);
                    }
                }
                mask(&mut self.next[..inner], &changes[places.masks[k].clone()]);
                std::mem::swap(&mut self.delta, &mut self.next);
            }
        }
    }
}

impl<R: Real> Kernel<R> for Perturbed<R> {
    fn weights(&mut self) -> &mut Vec<R> {
        &mut self.weights
    }

    fn velocity(&mut self) -> &mut [R] {
        &mut self.velocity
    }

    #[inline(always)]
    fn step(&mut self, columns: &[R::Wide]) -> R {
        self.average(columns);
        let (weights, velocity) = (&mut self.weights, &mut self.velocity);
        self.update
            .apply_all(weights, velocity, &self.gradient, R::constant(0.0))
    }

    #[inline(always)]
    fn gradient(&mut self, columns: &[R::Wide], to: &mut impl Take<R>) {
        self.average(columns);
        to.take(0, &self.weights, &mut self.velocity, &self.gradient);
    }
}

/// to += m z, m with as many columns as z has entries.
#[inline(always)]
fn multiply_add<R: Real>(to: &mut [R], matrix: &[R], z: &[R::Wide]) {
    let rows = to.len();
    for (column, z) in matrix.chunks_exact(rows).zip(z) {
        add_scaled(to, column, R::narrow(*z));
    }
}

/// Multiplies each of `units` by its mask; there are none where nothing is dropped.
#[inline(always)]
fn mask<R: Real>(units: &mut [R], masks: &[R::Wide]) {
    for (unit, mask) in units.iter_mut().zip(masks) {
        *unit = unit.mul_add(R::narrow(*mask), R::constant(0.0));
    }
}

/// to += from · factor.
#[inline(always)]
fn add_scaled<R: Real>(to: &mut [R], from: &[R], factor: R) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = from.mul_add(factor, *to);
    }
}
