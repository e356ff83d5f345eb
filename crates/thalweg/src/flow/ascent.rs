//! SAM's normalised ascent: the gradient of E‖g‖, g the mean gradient of a minibatch.

use faer::{Mat, MatMut, MatRef, Side};

use super::{
    exact::through_layers,
    point::{Model, Point},
    products::{add_times_to, gram},
};
use crate::random::{Purpose, Stream};

/// So many minibatches stand for the law of their gradient. Their second moment is made exact, and with it E‖g‖²: what is left of the
/// error of E‖g‖ takes T of the end 0.2 % up or down (D = d = 2, B = 10), as that of sixteen times as many would without.
const MINIBATCHES: usize = 1 << 12;

/// They are looked at in groups of about so many numbers, which stay in the cache.
const GROUP: usize = 1 << 13;

/// From so many samples on the inputs' own second moment is taken for that of the minibatch.
const MANY: usize = 128;

/// The law of a minibatch's S = (1/B) Σ ε_i z_iᵀ, x = X z, of which its gradient at a minimum is made: g_k = −A_kᵀ S (B_kX)ᵀ.
pub(super) struct Ascent {
    /// S of each minibatch; none where nothing ascends.
    groups: Vec<Group>,
}

/// One matrix, like S, for each of some minibatches.
struct Group {
    /// How many.
    many: usize,
    outputs: usize,
    inputs: usize,
    /// Entry (i, j) of all, at (i + `outputs` j) `many`.
    entries: Vec<f64>,
}

impl Ascent {
    /// Draws the minibatches, which are the same at every point, so that E‖g‖ is a smooth function of the weights.
    pub(super) fn new(model: &Model) -> Self {
        let forces = &model.forces;
        let (root, inputs, outputs) = (model.noise_root(), model.rank(), model.outputs());
        if forces.ascent == 0.0 {
            return Self { groups: Vec::new() };
        }
        let sources = root.ncols();
        let draw = |index: usize| {
            let mut stream = Stream::new(index as u64, Purpose::Ascent);
            let mut normal =
                |rows: usize, columns: usize| Mat::from_fn(rows, columns, |_, _| stream.normal());
            if forces.batch < MANY {
                let (noise, input) = (normal(sources, forces.batch), normal(inputs, forces.batch));
                noise * input.transpose()
            } else {
                normal(sources, inputs)
            }
        };
        let drawn: Vec<Mat<f64>> = (0..MINIBATCHES).map(draw).collect();
        let whitened = with_identity_moment(Mat::from_fn(sources * inputs, MINIBATCHES, |i, m| {
            drawn[m][(i % sources, i / sources)]
        }));
        let scale = 1.0 / (forces.batch as f64).sqrt();
        let of_source = |r: usize, column: &[f64]| -> f64 {
            (0..sources).map(|s| root[(r, s)] * column[s]).sum()
        };
        let many = (GROUP / (outputs * inputs)).clamp(1, MINIBATCHES);
        let group = |first: usize| {
            let mut group = Group::zeros(many.min(MINIBATCHES - first), outputs, inputs);
            for (i, entries) in group.entries.chunks_exact_mut(group.many).enumerate() {
                for (m, entry) in entries.iter_mut().enumerate() {
                    let column = &whitened.col_as_slice(first + m)[(i / outputs) * sources..];
                    *entry = scale * of_source(i % outputs, column);
                }
            }
            group
        };
        Self {
            groups: (0..MINIBATCHES).step_by(many).map(group).collect(),
        }
    }

    /// Adds the gradient of `ascent` E‖g‖ at `point`, ‖g‖² = Σ_k tr(S N_k Sᵀ M_k) with M_k = A_kA_kᵀ and N_k = (B_kX)ᵀ(B_kX).
    pub(super) fn add_gradient(&self, point: &Point, ascent: f64, gradient: &mut [Mat<f64>]) {
        if ascent == 0.0 {
            return;
        }
        let each = || point.above.iter().zip(&point.below);
        let factors: Vec<_> = each()
            .map(|(above, below)| (gram(above.as_ref()), gram(below.transpose())))
            .collect();
        let (rows, columns) = (point.residual.nrows(), point.residual.ncols());
        // E S N_k Sᵀ/‖g‖ and E Sᵀ M_k S/‖g‖.
        let mut outputs = vec![Mat::<f64>::zeros(rows, rows); factors.len()];
        let mut inputs = vec![Mat::<f64>::zeros(columns, columns); factors.len()];
        for group in &self.groups {
            let turned: Vec<_> = factors.iter().map(|(m, n)| group.turned(m, n)).collect();
            let shares = shares(&turned, ascent / MINIBATCHES as f64);
            for (k, (mut left, mut right)) in turned.into_iter().enumerate() {
                right.scale(&shares);
                for j in 0..columns {
                    let (all, right) = (group.input(j).transpose(), right.input(j));
                    add_times_to(outputs[k].as_mut(), 1.0, all, right);
                }
                left.scale(&shares);
                for i in 0..rows {
                    let (all, left) = (group.output(i).transpose(), left.output(i));
                    add_times_to(inputs[k].as_mut(), 1.0, all, left);
                }
            }
        }
        let on_above: Vec<_> = each().zip(&outputs).map(|((a, _), q)| q * a).collect();
        let on_below: Vec<_> = each().zip(&inputs).map(|((_, b), p)| b * p).collect();
        for (gradient, part) in gradient
            .iter_mut()
            .zip(through_layers(point, &on_above, &on_below))
        {
            *gradient += part;
        }
    }
}

impl Group {
    fn zeros(many: usize, outputs: usize, inputs: usize) -> Self {
        Self {
            many,
            outputs,
            inputs,
            entries: vec![0.0; many * outputs * inputs],
        }
    }

    /// Column j of all, one in each row.
    fn input(&self, j: usize) -> MatRef<'_, f64> {
        let size = self.many * self.outputs;
        let column = &self.entries[j * size..(j + 1) * size];
        MatRef::from_column_major_slice(column, self.many, self.outputs)
    }

    /// Row i of all, one in each row.
    fn output(&self, i: usize) -> MatRef<'_, f64> {
        let from = &self.entries[i * self.many..];
        let stride = self.many * self.outputs;
        MatRef::from_column_major_slice_with_stride(from, self.many, self.inputs, stride)
    }

    /// M S and S N of all.
    fn turned(&self, m: &Mat<f64>, n: &Mat<f64>) -> (Self, Self) {
        let zeros = || Self::zeros(self.many, self.outputs, self.inputs);
        let (mut left, mut right) = (zeros(), zeros());
        let size = self.many * self.outputs;
        for (j, column) in left.entries.chunks_exact_mut(size).enumerate() {
            let to = MatMut::from_column_major_slice_mut(column, self.many, self.outputs);
            add_times_to(to, 1.0, self.input(j), m.as_ref());
        }
        for i in 0..self.outputs {
            let to = MatMut::from_column_major_slice_with_stride_mut(
                &mut right.entries[i * self.many..],
                self.many,
                self.inputs,
                size,
            );
            add_times_to(to, 1.0, self.output(i), n.as_ref());
        }
        (left, right)
    }

    /// Multiplies each minibatch's matrix by its own number.
    fn scale(&mut self, shares: &[f64]) {
        for entries in self.entries.chunks_exact_mut(self.many) {
            for (entry, share) in entries.iter_mut().zip(shares) {
                *entry *= share;
            }
        }
    }
}

/// `strength` over ‖g‖ of each minibatch, ‖g‖² the sum over layers of ⟨M_k S, S N_k⟩.
fn shares(turned: &[(Group, Group)], strength: f64) -> Vec<f64> {
    let many = turned[0].0.many;
    let mut squares = vec![0.0; many];
    for (left, right) in turned {
        let pairs = left
            .entries
            .chunks_exact(many)
            .zip(right.entries.chunks_exact(many));
        for (left, right) in pairs {
            for (square, (left, right)) in squares.iter_mut().zip(left.iter().zip(right)) {
                *square += left * right;
            }
        }
    }
    squares
        .iter()
        .map(|square| strength / square.sqrt())
        .collect()
}

/// L⁻¹ times the columns, L Lᵀ their second moment, so that it becomes I; the columns as they are where it is singular.
fn with_identity_moment(mut columns: Mat<f64>) -> Mat<f64> {
    let share = faer::Scale(1.0 / columns.ncols() as f64);
    let moment = share * (&columns * columns.transpose());
    if let Ok(cholesky) = moment.llt(Side::Lower) {
        cholesky
            .L()
            .solve_lower_triangular_in_place(columns.as_mut());
    }
    columns
}
