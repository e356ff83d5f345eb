//! The step for layers of any shape, a seed in each lane.

use faer::Mat;

use crate::lanes::Real;
use crate::simulate::SimulateSettings;
use crate::simulate::law::Law;

use super::tiles::{Across, Along, Sink, Store, Subtract, multiply};
use super::{Kernel, Take, Update};

/// D layers of shapes h_k × h_{k−1}; every matrix is column by column.
pub(in crate::simulate) struct General<R> {
    widths: Vec<usize>,
    /// Where each layer starts in `weights`.
    starts: Vec<usize>,
    weights: Vec<R>,
    velocity: Vec<R>,
    /// L_x/√B, V and L_ε/√B.
    input_factor: Factor<R>,
    teacher: Factor<R>,
    noise_factor: Factor<R>,
    update: Update<R>,
    /// Whether H_0 is 0 above its diagonal.
    lower: bool,
    /// H_0 = T and H_k = W_k H_{k−1}, h_k × m; on the way back δ_k takes the place of H_k.
    layers: Vec<Vec<R>>,
    /// Room for whitened coordinates, for a δ_k and for a gradient.
    white: Vec<R>,
    next: Vec<R>,
    gradient: Vec<R>,
}

/// A constant matrix, and its diagonal where there is no more to it.
struct Factor<R> {
    entries: Vec<R>,
    diagonal: Option<Vec<R>>,
}

/// The gradient of a layer, δ_k H_{k−1}ᵀ, as its factors.
struct LayerGradient<'a, R> {
    delta: Across<'a, R>,
    below: Across<'a, R>,
    /// h_k, m and h_{k−1}.
    shape: [usize; 3],
    /// Where the layer starts among the weights.
    start: usize,
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
        let all = sizes.iter().sum();
        let scale = 1.0 / (settings.batch as f64).sqrt();
        let moving = settings.recipe.momentum != 0.0;
        Self {
            starts,
            weights: zeros(all),
            velocity: zeros(if moving { all } else { 0 }),
            input_factor: Factor::new(&law.input_factor, scale),
            teacher: Factor::new(&law.teacher, 1.0),
            noise_factor: Factor::new(&law.noise_factor, scale),
            update: Update::new(settings),
            lower: law.sufficient() && settings.switch.is_none(),
            layers: vec![Vec::new(); widths.len()],
            white: Vec::new(),
            next: Vec::new(),
            gradient: zeros(sizes.iter().copied().max().unwrap_or(0)),
            widths: widths.to_vec(),
        }
    }

    /// H_0 … H_{D−1} and δ_D = H_D − V T − L_ε Z, of m columns of `size` whitened coordinates.
    #[inline(always)]
    fn forward(&mut self, columns: &[R::Wide], size: usize, m: usize) {
        let (inputs, outputs, depth) = (self.widths[0], size - self.widths[0], self.starts.len());
        for (layer, width) in self.layers.iter_mut().zip(&self.widths) {
            layer.resize(width * m, R::constant(0.0));
        }
        let first = &mut self.layers[0];
        if let Some(diagonal) = &self.input_factor.diagonal {
            for (t, z) in first
                .chunks_exact_mut(inputs)
                .zip(columns.chunks_exact(size))
            {
                for ((t, z), l) in t.iter_mut().zip(z).zip(diagonal) {
                    *t = l.mul_add(R::narrow(*z), R::constant(0.0));
                }
            }
        } else {
            let factor = Across::new(&self.input_factor.entries, inputs);
            let white = whitened(&mut self.white, columns.chunks_exact(size), 0..inputs);
            multiply(
                factor,
                white,
                [inputs, inputs, m],
                Store::new(first, inputs),
            );
        }
        let (teacher, noise) = (&self.teacher, &self.noise_factor);
        for k in 0..depth {
            let (inner, rows) = (self.widths[k], self.widths[k + 1]);
            let (done, rest) = self.layers.split_at_mut(k + 1);
            let layer = Across::new(&self.weights[self.starts[k]..], rows);
            let below = Along::new(&done[k], inner).trapezoid(k == 0 && self.lower);
            let shape = [rows, inner, m];
            let out = &mut rest[0][..];
            if k + 1 < depth {
                multiply(layer, below, shape, Store::new(out, rows));
                continue;
            }
            let dense = teacher.diagonal.is_none();
            if dense {
                multiply(layer, below, shape, Store::new(out, rows));
            }
            let residual = Residual {
                out,
                rows,
                subtract: dense,
                teacher: teacher.diagonal.as_deref(),
                inputs: &done[0],
                noise: noise.diagonal.as_deref(),
                columns,
                size,
            };
            if dense {
                let teacher = Across::new(&teacher.entries, rows);
                let below = Along::new(&done[0], inputs).trapezoid(self.lower);
                multiply(teacher, below, [rows, inputs, m], residual);
            } else {
                multiply(layer, below, shape, residual);
            }
        }
        if noise.diagonal.is_none() {
            let factor = Across::new(&noise.entries, outputs);
            let white = whitened(&mut self.white, columns.chunks_exact(size), inputs..size);
            let shape = [outputs, outputs, m];
            let delta = Subtract::new(&mut self.layers[depth], outputs);
            multiply(factor, white, shape, delta);
        }
    }

    /// From the last layer to the first, lets `each` have its weights, velocity (empty without momentum) and gradient.
    #[inline(always)]
    fn pass(
        &mut self,
        columns: &[R::Wide],
        mut each: impl FnMut(&mut [R], &mut [R], LayerGradient<'_, R>),
    ) {
        let depth = self.starts.len();
        let size = self.widths[0] + self.widths[depth];
        let m = columns.len() / size;
        self.forward(columns, size, m);
        for k in (0..depth).rev() {
            let (inner, rows, start) = (self.widths[k], self.widths[k + 1], self.starts[k]);
            let span = start..start + rows * inner;
            if k > 0 {
                self.next.resize(inner * m, R::constant(0.0));
                let layer = Along::new(&self.weights[span.clone()], rows);
                let delta = Along::new(&self.layers[k + 1], rows);
                multiply(
                    layer,
                    delta,
                    [inner, rows, m],
                    Store::new(&mut self.next, inner),
                );
            }
            let velocity = if self.velocity.is_empty() {
                &mut []
            } else {
                &mut self.velocity[span.clone()]
            };
            let gradient = LayerGradient {
                delta: Across::new(&self.layers[k + 1], rows),
                below: Across::new(&self.layers[k], inner).trapezoid(k == 0 && self.lower),
                shape: [rows, m, inner],
                start,
            };
            each(&mut self.weights[span], velocity, gradient);
            std::mem::swap(&mut self.layers[k], &mut self.next);
        }
    }
}

impl<R: Real> Kernel<R> for General<R> {
    fn weights(&mut self) -> &mut Vec<R> {
        &mut self.weights
    }

    fn velocity(&mut self) -> &mut [R] {
        &mut self.velocity
    }

    #[inline(always)]
    fn step(&mut self, columns: &[R::Wide]) -> R {
        let update = self.update;
        let mut norm = R::constant(0.0);
        let mut room = std::mem::take(&mut self.gradient);
        self.pass(
            columns,
            #[inline(always)]
            |weights, velocity, gradient| {
                if let Some(rate) = update.plain() {
                    let rows = gradient.shape[0];
                    let descend = Descend {
                        rate,
                        weights,
                        rows,
                        norm,
                    };
                    norm = multiply(gradient.delta, gradient.below, gradient.shape, descend).norm;
                    return;
                }
                gradient.store(&mut room);
                norm = update.apply_all(weights, velocity, &room, norm);
            },
        );
        self.gradient = room;
        norm
    }

    #[inline(always)]
    fn gradient(&mut self, columns: &[R::Wide], to: &mut impl Take<R>) {
        self.pass(
            columns,
            #[inline(always)]
            |weights, velocity, gradient| {
                let taking = Taking {
                    to: &mut *to,
                    weights,
                    velocity,
                    rows: gradient.shape[0],
                    start: gradient.start,
                };
                multiply(gradient.delta, gradient.below, gradient.shape, taking);
            },
        );
    }
}

impl<R: Real> LayerGradient<'_, R> {
    #[inline(always)]
    fn store(&self, out: &mut [R]) {
        let rows = self.shape[0];
        multiply(self.delta, self.below, self.shape, Store::new(out, rows));
    }
}

impl<R: Real> Factor<R> {
    #[inline(always)]
    fn new(matrix: &Mat<f64>, scale: f64) -> Self {
        let (rows, columns) = (matrix.nrows(), matrix.ncols());
        let diagonal = rows == columns
            && (0..columns).all(|c| (0..rows).all(|r| r == c || matrix[(r, c)] == 0.0));
        let entries: Vec<R> = splat(matrix, scale);
        let diagonal = diagonal.then(|| entries.iter().copied().step_by(rows + 1).collect());
        Self { entries, diagonal }
    }
}

/// W ← W − η g, and Σ w² added to `norm`.
struct Descend<'a, R> {
    rate: R,
    weights: &'a mut [R],
    rows: usize,
    norm: R,
}

impl<R: Real> Sink<R> for Descend<'_, R> {
    #[inline(always)]
    fn take<const M: usize>(&mut self, row: usize, column: usize, gradient: [R; M]) {
        let mut norm = R::constant(0.0);
        let weights = &mut self.weights[column * self.rows + row..][..M];
        for i in 0..M {
            weights[i] = self.rate.neg_mul_add(gradient[i], weights[i]);
            norm = weights[i].mul_add(weights[i], norm);
        }
        self.norm = self.norm.add(norm);
    }
}

/// Hands a gradient on.
struct Taking<'a, R, T> {
    to: &'a mut T,
    weights: &'a [R],
    velocity: &'a mut [R],
    rows: usize,
    /// Where the layer starts among the weights.
    start: usize,
}

impl<R: Real, T: Take<R>> Sink<R> for Taking<'_, R, T> {
    #[inline(always)]
    fn take<const M: usize>(&mut self, row: usize, column: usize, gradient: [R; M]) {
        let at = column * self.rows + row;
        let weights = &self.weights[at..][..M];
        let velocity = if self.velocity.is_empty() {
            &mut []
        } else {
            &mut self.velocity[at..][..M]
        };
        self.to.take(self.start + at, weights, velocity, &gradient);
    }
}

/// δ_D: what a product gives, or what was there less that if `subtract`; less V T and L_ε Z where the factors are diagonal.
struct Residual<'a, R: Real> {
    out: &'a mut [R],
    rows: usize,
    subtract: bool,
    /// V's diagonal, and T.
    teacher: Option<&'a [R]>,
    inputs: &'a [R],
    /// That of L_ε/√B, and columns of `size` numbers that end with Z's.
    noise: Option<&'a [R]>,
    columns: &'a [R::Wide],
    size: usize,
}

impl<R: Real> Sink<R> for Residual<'_, R> {
    #[inline(always)]
    fn take<const M: usize>(&mut self, row: usize, column: usize, entries: [R; M]) {
        let out = &mut self.out[column * self.rows + row..][..M];
        let mut left = entries;
        if self.subtract {
            for i in 0..M {
                left[i] = out[i].sub(entries[i]);
            }
        }
        if let Some(diagonal) = self.teacher {
            let inputs = &self.inputs[column * (self.size - self.rows) + row..][..M];
            let diagonal = &diagonal[row..][..M];
            for i in 0..M {
                left[i] = diagonal[i].neg_mul_add(inputs[i], left[i]);
            }
        }
        if let Some(diagonal) = self.noise {
            let white = &self.columns[(column + 1) * self.size - self.rows + row..][..M];
            let diagonal = &diagonal[row..][..M];
            for i in 0..M {
                left[i] = diagonal[i].neg_mul_add(R::narrow(white[i]), left[i]);
            }
        }
        out.copy_from_slice(&left);
    }
}

/// The coordinates `range` of each of `columns`, in `room`.
#[inline(always)]
fn whitened<'a, R: Real>(
    room: &'a mut Vec<R>,
    columns: std::slice::ChunksExact<'_, R::Wide>,
    range: std::ops::Range<usize>,
) -> Along<'a, R> {
    let size = range.len();
    room.resize(size * columns.len(), R::constant(0.0));
    for (to, from) in room.chunks_exact_mut(size).zip(columns) {
        for (to, z) in to.iter_mut().zip(&from[range.clone()]) {
            *to = R::narrow(*z);
        }
    }
    Along::new(room, size)
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
