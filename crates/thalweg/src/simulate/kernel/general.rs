//! The step for layers of any shape, a seed in each lane.

use faer::Mat;

use crate::lanes::Real;
use crate::simulate::SimulateSettings;
use crate::simulate::law::Law;

use super::{Kernel, Update};

/// D layers of shapes h_k × h_{k−1}; every matrix is column by column.
pub(in crate::simulate) struct General<R> {
    widths: Vec<usize>,
    /// Where each layer starts in `weights`.
    starts: Vec<usize>,
    weights: Vec<R>,
    velocity: Vec<R>,
    /// W_k … W_1 (h_k × d_x) for k = 1 … D.
    products: Vec<Vec<R>>,
    teacher: Vec<R>,
    /// L_x/√B and L_ε/√B.
    input_factor: Vec<R>,
    noise_factor: Vec<R>,
    update: Update<R>,
    /// t and (W_D … W_1 − V) t − n of one column.
    t: Vec<R>,
    residual: Vec<R>,
    /// A_kᵀ G (h_k × d_x), the same of the layer before, and a gradient.
    back: Vec<R>,
    next: Vec<R>,
    gradient: Vec<R>,
}

impl<R: Real> General<R> {
    #[inline(always)]
    pub fn new(law: &Law, settings: &SimulateSettings, widths: &[usize]) -> Self {
        let zeros = |n: usize| vec![R::constant(0.0); n];
        let sizes: Vec<usize> = widths.windows(2).map(|w| w[0] * w[1]).collect();
        let starts = sizes
            .iter()
            .scan(0, |end, size| {
                *end += size;
                Some(*end - size)
            })
            .collect();
        let (all, largest) = (sizes.iter().sum(), sizes.iter().copied().max().unwrap_or(0));
        let widest = widths.iter().copied().max().unwrap_or(0);
        let scale = 1.0 / (settings.batch as f64).sqrt();
        Self {
            starts,
            weights: zeros(all),
            velocity: zeros(if settings.recipe.momentum == 0.0 {
                0
            } else {
                all
            }),
            products: widths[1..].iter().map(|h| zeros(h * widths[0])).collect(),
            teacher: splat(&law.teacher, 1.0),
            input_factor: splat(&law.input_factor, scale),
            noise_factor: splat(&law.noise_factor, scale),
            update: Update::new(settings),
            t: zeros(law.inputs),
            residual: zeros(law.outputs),
            back: zeros(widest * law.inputs),
            next: zeros(widest * law.inputs),
            gradient: zeros(largest),
            widths: widths.to_vec(),
        }
    }

    /// G into `back`.
    #[inline(always)]
    fn product_gradient(&mut self, columns: &[R::Wide]) {
        let zero = R::constant(0.0);
        let (inputs, outputs) = (self.t.len(), self.residual.len());
        let depth = self.starts.len();
        for (p, v) in self.products[depth - 1].iter_mut().zip(&self.teacher) {
            *p = p.sub(*v);
        }
        let error = &self.products[depth - 1];
        let g = &mut self.back[..outputs * inputs];
        g.fill(zero);
        for column in columns.chunks_exact(inputs + outputs) {
            self.t.fill(zero);
            for (c, factor) in self.input_factor.chunks_exact(inputs).enumerate() {
                add_scaled(&mut self.t[c..], &factor[c..], R::narrow(column[c]));
            }
            self.residual.fill(zero);
            for (c, factor) in self.noise_factor.chunks_exact(outputs).enumerate() {
                let noise = R::constant(0.0).sub(R::narrow(column[inputs + c]));
                add_scaled(&mut self.residual[c..], &factor[c..], noise);
            }
            for (&t, error) in self.t.iter().zip(error.chunks_exact(outputs)) {
                add_scaled(&mut self.residual, error, t);
            }
            for (&t, g) in self.t.iter().zip(g.chunks_exact_mut(outputs)) {
                add_scaled(g, &self.residual, t);
            }
        }
    }
}

impl<R: Real> Kernel<R> for General<R> {
    #[inline(always)]
    fn weights(&mut self) -> &mut [R] {
        &mut self.weights
    }

    #[inline(always)]
    fn velocity(&mut self) -> &mut [R] {
        &mut self.velocity
    }

    #[inline(always)]
    fn step(&mut self, columns: &[R::Wide]) -> R {
        let update = self.update;
        let mut norm = R::constant(0.0);
        self.pass(columns, |w, v, g, _| update.apply(w, v, g, &mut norm));
        norm
    }

    #[inline(always)]
    fn gradient(&mut self, columns: &[R::Wide], into: &mut [R]) {
        self.pass(columns, |_, _, g, at| into[at] = g);
    }
}

impl<R: Real> General<R> {
    /// Computes the gradient, and lets `each` have every weight with its velocity, its gradient and its place.
    #[inline(always)]
    fn pass(&mut self, columns: &[R::Wide], mut each: impl FnMut(&mut R, &mut R, R, usize)) {
        let inputs = self.widths[0];
        let depth = self.starts.len();
        self.products[0].copy_from_slice(&self.weights[..inputs * self.widths[1]]);
        for k in 1..depth {
            let (done, rest) = self.products.split_at_mut(k);
            let layer = &self.weights[self.starts[k]..];
            let (rows, inner) = (self.widths[k + 1], self.widths[k]);
            multiply(
                &mut rest[0],
                View::new(layer, 1, rows),
                View::new(&done[k - 1], 1, inner),
                [rows, inner, inputs],
            );
        }
        self.product_gradient(columns);
        for k in (0..depth).rev() {
            let (rows, inner) = (self.widths[k + 1], self.widths[k]);
            let layer = &mut self.weights[self.starts[k]..][..rows * inner];
            let gradient = if k == 0 {
                &self.back[..rows * inner]
            } else {
                multiply(
                    &mut self.gradient[..rows * inner],
                    View::new(&self.back, 1, rows),
                    View::new(&self.products[k - 1], inner, 1),
                    [rows, inputs, inner],
                );
                multiply(
                    &mut self.next[..inner * inputs],
                    View::new(layer, rows, 1),
                    View::new(&self.back, 1, rows),
                    [inner, rows, inputs],
                );
                &self.gradient[..rows * inner]
            };
            let mut unused = R::constant(0.0);
            for (i, (w, g)) in layer.iter_mut().zip(gradient).enumerate() {
                let v = self
                    .velocity
                    .get_mut(self.starts[k] + i)
                    .unwrap_or(&mut unused);
                each(w, v, *g, self.starts[k] + i);
            }
            std::mem::swap(&mut self.back, &mut self.next);
        }
    }
}

/// A matrix by the distances between its rows and between its columns.
#[derive(Clone, Copy)]
struct View<'a, R> {
    entries: &'a [R],
    row: usize,
    column: usize,
}

impl<'a, R: Real> View<'a, R> {
    #[inline(always)]
    fn new(entries: &'a [R], row: usize, column: usize) -> Self {
        Self {
            entries,
            row,
            column,
        }
    }

    #[inline(always)]
    fn at(self, row: usize, column: usize) -> R {
        self.entries[row * self.row + column * self.column]
    }
}

/// out = a b, of shape `[rows, inner, columns]`, four rows at a time.
#[inline(always)]
fn multiply<R: Real>(out: &mut [R], a: View<'_, R>, b: View<'_, R>, shape: [usize; 3]) {
    let [rows, inner, columns] = shape;
    for c in 0..columns {
        let mut r = 0;
        while r + 4 <= rows {
            let mut sums = [R::constant(0.0); 4];
            for k in 0..inner {
                let factor = b.at(k, c);
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = a.at(r + i, k).mul_add(factor, *sum);
                }
            }
            out[c * rows + r..][..4].copy_from_slice(&sums);
            r += 4;
        }
        for r in r..rows {
            let mut sum = R::constant(0.0);
            for k in 0..inner {
                sum = a.at(r, k).mul_add(b.at(k, c), sum);
            }
            out[c * rows + r] = sum;
        }
    }
}

/// to += from · factor.
#[inline(always)]
pub(super) fn add_scaled<R: Real>(to: &mut [R], from: &[R], factor: R) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = from.mul_add(factor, *to);
    }
}

/// `scale` · m in every lane, column by column.
#[inline(always)]
pub(super) fn splat<R: Real>(m: &Mat<f64>, scale: f64) -> Vec<R> {
    let mut out = Vec::with_capacity(m.nrows() * m.ncols());
    for c in 0..m.ncols() {
        for r in 0..m.nrows() {
            out.push(R::constant(scale * m[(r, c)]));
        }
    }
    out
}
