//! The step for wide layers: one seed, its matrices through blocked products.

use faer::Mat;

use crate::lanes::{Call, Lanes, Real, Vector};
use crate::simulate::SimulateSettings;
use crate::simulate::law::Law;

use super::product::{Product, ROWS, View};
use super::{Kernel, Take, Update};

/// D layers of shapes h_k × h_{k−1}; every matrix is column by column. `R` is the vector that its
/// products run in.
pub(in crate::simulate) struct Blocked<R: Real> {
    widths: Vec<usize>,
    /// Where each layer starts in `weights`.
    starts: Vec<usize>,
    weights: Vec<R::Scalar>,
    velocity: Vec<R::Scalar>,
    teacher: Vec<R::Scalar>,
    /// L_x/√B and L_ε/√B.
    input_factor: Factor<R::Scalar>,
    noise_factor: Factor<R::Scalar>,
    update: Update<R>,
    /// H_0 = T and H_k = W_k H_{k−1}, h_k × m.
    layers: Vec<Vec<R::Scalar>>,
    room: Room<R::Scalar>,
}

/// Buffers that a step overwrites.
#[derive(Default)]
struct Room<S> {
    white: Vec<S>,
    noise: Vec<S>,
    target: Vec<S>,
    delta: Vec<S>,
    next: Vec<S>,
    gradient: Vec<S>,
    panel: Vec<S>,
}

/// A lower triangular matrix, and whether it is diagonal.
struct Factor<S> {
    entries: Vec<S>,
    diagonal: bool,
}

impl<R: Real> Blocked<R> {
    pub fn new(law: &Law, settings: &SimulateSettings, widths: &[usize]) -> Self {
        let zero = R::Scalar::default();
        let mut starts = vec![0];
        for shape in widths.windows(2) {
            starts.push(starts[starts.len() - 1] + shape[0] * shape[1]);
        }
        let all = starts.pop().unwrap_or(0);
        let scale = 1.0 / (settings.batch as f64).sqrt();
        Self {
            starts,
            weights: vec![zero; all],
            velocity: vec![
                zero;
                if settings.recipe.momentum == 0.0 {
                    0
                } else {
                    all
                }
            ],
            teacher: flat::<R>(&law.teacher, 1.0),
            input_factor: Factor::new::<R>(&law.input_factor, scale),
            noise_factor: Factor::new::<R>(&law.noise_factor, scale),
            update: Update::new(settings),
            layers: vec![Vec::new(); widths.len()],
            room: Room::default(),
            widths: widths.to_vec(),
        }
    }

    /// `layers` and δ_D = W_D … W_1 T − V T − N (in `delta`) of m columns.
    #[inline(always)]
    fn forward(&mut self, columns: &[f64], m: usize) {
        let room = &mut self.room;
        let (inputs, outputs) = (self.widths[0], self.widths[self.starts.len()]);
        let size = inputs + outputs;
        room.white.clear();
        room.noise.clear();
        for column in columns.chunks_exact(size) {
            room.white
                .extend(column[..inputs].iter().map(|&z| R::scalar(z)));
            room.noise
                .extend(column[inputs..].iter().map(|&z| R::scalar(z)));
        }
        self.input_factor
            .apply::<R>(&mut self.layers[0], &room.white, inputs, m, &mut room.panel);
        for k in 0..self.starts.len() {
            let (inner, rows) = (self.widths[k], self.widths[k + 1]);
            let (done, rest) = self.layers.split_at_mut(k + 1);
            multiply::<R>(
                &mut rest[0],
                View::new(&self.weights[self.starts[k]..], rows),
                View::new(&done[k], inner),
                [rows, inner, m],
                &mut room.panel,
            );
        }
        multiply::<R>(
            &mut room.target,
            View::new(&self.teacher, outputs),
            View::new(&self.layers[0], inputs),
            [outputs, inputs, m],
            &mut room.panel,
        );
        self.noise_factor
            .apply::<R>(&mut room.delta, &room.noise, outputs, m, &mut room.panel);
        let outputs = &self.layers[self.starts.len()];
        for ((d, y), v) in room.delta.iter_mut().zip(outputs).zip(&room.target) {
            *d = y.sub(*v).sub(*d);
        }
    }
}

impl<R: Real> Kernel<R::Scalar> for Blocked<R> {
    fn weights(&mut self) -> &mut Vec<R::Scalar> {
        &mut self.weights
    }

    fn velocity(&mut self) -> &mut [R::Scalar] {
        &mut self.velocity
    }

    #[inline(always)]
    fn step(&mut self, columns: &[f64]) -> R::Scalar {
        let update = self.update;
        let mut norm = [R::constant(0.0); ROWS];
        self.pass(columns, |weights, velocity, gradient, _| {
            R::Wide::within(Descend {
                update,
                weights,
                velocity,
                gradient,
                norm: &mut norm,
            });
        });
        // Sixteen partial sums, added in one order at any vector width.
        let mut parts = [R::Scalar::default(); ROWS];
        for (to, sum) in parts.chunks_exact_mut(R::Wide::LANES).zip(norm) {
            sum.store(to);
        }
        let mut total = R::Scalar::default();
        for part in parts {
            total = part.mul_add(R::scalar(1.0), total);
        }
        total
    }

    #[inline(always)]
    fn gradient(&mut self, columns: &[f64], to: &mut impl Take<R::Scalar>) {
        self.pass(
            columns,
            #[inline(always)]
            |weights, velocity, gradient, start| to.take(start, weights, velocity, gradient),
        );
    }
}

impl<R: Real> Blocked<R> {
    /// Computes the gradient, and lets `each` have every layer with its velocity (empty without momentum), its gradient and its
    /// place among the weights.
    #[inline(always)]
    fn pass(
        &mut self,
        columns: &[f64],
        mut each: impl FnMut(&mut [R::Scalar], &mut [R::Scalar], &[R::Scalar], usize),
    ) {
        let depth = self.starts.len();
        let m = columns.len() / (self.widths[0] + self.widths[depth]);
        self.forward(columns, m);
        for k in (0..depth).rev() {
            let (inner, rows) = (self.widths[k], self.widths[k + 1]);
            let span = self.starts[k]..self.starts[k] + rows * inner;
            let room = &mut self.room;
            multiply::<R>(
                &mut room.gradient,
                View::new(&room.delta, rows),
                View::transposed(&self.layers[k], inner),
                [rows, m, inner],
                &mut room.panel,
            );
            if k > 0 {
                multiply::<R>(
                    &mut room.next,
                    View::transposed(&self.weights[span.clone()], rows),
                    View::new(&room.delta, rows),
                    [inner, rows, m],
                    &mut room.panel,
                );
                std::mem::swap(&mut room.delta, &mut room.next);
            }
            let velocity = if self.velocity.is_empty() {
                &mut []
            } else {
                &mut self.velocity[span.clone()]
            };
            let start = span.start;
            let weights = &mut self.weights[span];
            each(weights, velocity, &room.gradient, start);
        }
    }
}

/// Applies a gradient to a layer, vector by vector.
struct Descend<'a, R: Real> {
    update: Update<R>,
    weights: &'a mut [R::Scalar],
    /// Empty without momentum.
    velocity: &'a mut [R::Scalar],
    gradient: &'a [R::Scalar],
    /// Σ w² by the entry's place modulo sixteen.
    norm: &'a mut [R; ROWS],
}

impl<R: Real> Call for Descend<'_, R> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let lanes = R::Wide::LANES;
        let zeros = [R::Scalar::default(); ROWS];
        for (i, w) in self.weights.chunks_mut(ROWS).enumerate() {
            let count = w.len();
            let (mut ws, mut vs, mut gs) = (zeros, zeros, zeros);
            ws[..count].copy_from_slice(w);
            gs[..count].copy_from_slice(&self.gradient[i * ROWS..][..count]);
            let moving = !self.velocity.is_empty();
            if moving {
                vs[..count].copy_from_slice(&self.velocity[i * ROWS..][..count]);
            }
            for at in (0..ROWS).step_by(lanes) {
                let mut weight = R::load(&ws[at..]);
                let mut velocity = R::load(&vs[at..]);
                let gradient = R::load(&gs[at..]);
                let norm = &mut self.norm[at / lanes];
                *norm = self
                    .update
                    .apply(&mut weight, &mut velocity, gradient, *norm);
                weight.store(&mut ws[at..]);
                velocity.store(&mut vs[at..]);
            }
            w.copy_from_slice(&ws[..count]);
            if moving {
                self.velocity[i * ROWS..][..count].copy_from_slice(&vs[..count]);
            }
        }
    }
}

impl<S: Real<Scalar = S, Wide = f64> + Default> Factor<S> {
    fn new<R: Real<Scalar = S>>(lower: &Mat<f64>, scale: f64) -> Self {
        let diagonal =
            (0..lower.ncols()).all(|c| (c + 1..lower.nrows()).all(|r| lower[(r, c)] == 0.0));
        Self {
            entries: flat::<R>(lower, scale),
            diagonal,
        }
    }

    /// out = L white, for `size` × m `white`.
    #[inline(always)]
    fn apply<R: Real<Scalar = S>>(
        &self,
        out: &mut Vec<S>,
        white: &[S],
        size: usize,
        m: usize,
        panel: &mut Vec<S>,
    ) {
        if self.diagonal {
            out.clear();
            for column in white.chunks_exact(size) {
                for (r, z) in column.iter().enumerate() {
                    out.push(self.entries[r * size + r].mul_add(*z, S::default()));
                }
            }
            return;
        }
        let (lower, white) = (View::new(&self.entries, size), View::new(white, size));
        multiply::<R>(out, lower, white, [size, size, m], panel);
    }
}

/// out = a b, of shape `[rows, inner, columns]`.
fn multiply<R: Real>(
    out: &mut Vec<R::Scalar>,
    a: View<'_, R::Scalar>,
    b: View<'_, R::Scalar>,
    shape: [usize; 3],
    panel: &mut Vec<R::Scalar>,
) {
    out.resize(shape[0] * shape[2], R::Scalar::default());
    R::Wide::within(Product::<R> {
        out,
        a,
        b,
        shape,
        panel,
    });
}

/// `scale` · m column by column.
fn flat<R: Real>(m: &Mat<f64>, scale: f64) -> Vec<R::Scalar> {
    let mut all = Vec::with_capacity(m.nrows() * m.ncols());
    for column in m.col_iter() {
        all.extend(column.iter().map(|x| R::scalar(scale * x)));
    }
    all
}
