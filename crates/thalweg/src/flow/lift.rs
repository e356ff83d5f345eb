//! The map E from symmetric matrices X_1 … X_{D−1} to motions of the weights, dW_k = X_k W_k − W_k X_{k−1},
//! and least squares on it by its structure.
//!
//! X_k moves layers k and k + 1 only, so EᵀE is block tridiagonal, with blocks of size h_k(h_k + 1)/2:
//! its Cholesky factorisation takes Σ_k h_k⁶ operations, D² times fewer than a dense one. E itself is
//! never formed.

use std::ops::Range;

use faer::prelude::{Reborrow, ReborrowMut};
use faer::{
    Accum, Mat, MatMut, MatRef, Par, Side,
    linalg::{matmul::matmul, solvers::Llt},
};

use super::{FlowError, point::Model};

/// Added to the diagonal of EᵀE, relative to a block's largest entry. A hidden direction that neither
/// layer uses any more (wider than rank V, late in the flow) makes EᵀE singular; what X is there does
/// not matter, since it multiplies weights that are zero.
const RIDGE: f64 = 1e-14;

/// E at some layers. X_k is numbered by its entries on and below the diagonal, column by column.
pub(super) struct Lift<'a> {
    layers: &'a [Mat<f64>],
    /// Where X_{k+1}'s unknowns begin; one more entry than there are of them.
    offsets: Vec<usize>,
}

impl<'a> Lift<'a> {
    /// E at `layers`.
    pub(super) fn new(layers: &'a [Mat<f64>]) -> Self {
        let mut offsets = vec![0];
        for layer in &layers[..layers.len() - 1] {
            let width = layer.nrows();
            offsets.push(offsets[offsets.len() - 1] + width * (width + 1) / 2);
        }
        Self { layers, offsets }
    }

    /// The number of unknowns, Σ_k h_k(h_k + 1)/2.
    pub(super) fn unknowns(&self) -> usize {
        self.offsets[self.layers.len() - 1]
    }

    /// X_1 … X_{D−1} as matrices.
    pub(super) fn matrices(&self, x: &[f64]) -> Vec<Mat<f64>> {
        (0..self.layers.len() - 1)
            .map(|k| {
                let width = self.layers[k].nrows();
                let mut entries = x[self.offsets[k]..self.offsets[k + 1]].iter();
                let mut matrix = Mat::zeros(width, width);
                for (p, q) in lower(width) {
                    if let Some(&entry) = entries.next() {
                        matrix[(p, q)] = entry;
                        matrix[(q, p)] = entry;
                    }
                }
                matrix
            })
            .collect()
    }

    /// E x, layer by layer.
    pub(super) fn apply(&self, x: &[f64]) -> Vec<Mat<f64>> {
        let matrices = self.matrices(x);
        let mut motion: Vec<Mat<f64>> = Vec::with_capacity(self.layers.len());
        for (k, layer) in self.layers.iter().enumerate() {
            let mut change = Mat::zeros(layer.nrows(), layer.ncols());
            if let Some(x) = matrices.get(k) {
                change += x * layer;
            }
            if k > 0 {
                change -= layer * &matrices[k - 1];
            }
            motion.push(change);
        }
        motion
    }

    /// Eᵀ m for a flat motion m, written to `out`.
    pub(super) fn transpose_apply(&self, model: &Model, m: &[f64], out: &mut [f64]) {
        for k in 0..self.layers.len() - 1 {
            let (low, high) = (&self.layers[k], &self.layers[k + 1]);
            let width = low.nrows();
            let view = |k: usize, layer: &Mat<f64>| {
                MatRef::from_column_major_slice(&m[model.range(k)], layer.nrows(), layer.ncols())
            };
            let mut sum = Mat::<f64>::zeros(width, width);
            let into = sum.as_mut();
            matmul(
                into,
                Accum::Replace,
                view(k, low),
                low.transpose(),
                1.0,
                Par::Seq,
            );
            let (left, right) = (high.transpose(), view(k + 1, high));
            matmul(sum.as_mut(), Accum::Add, left, right, -1.0, Par::Seq);
            let entries = &mut out[self.offsets[k]..self.offsets[k + 1]];
            for ((p, q), entry) in lower(width).zip(entries) {
                *entry = if p == q {
                    sum[(p, p)]
                } else {
                    sum[(p, q)] + sum[(q, p)]
                };
            }
        }
    }

    /// Adds E, as a matrix, to `into`, n × unknowns.
    pub(super) fn add_to(&self, model: &Model, into: &mut Mat<f64>) {
        for layer in 0..self.layers.len() {
            let start = model.range(layer).start;
            self.each_entry(layer, |weight, unknown, entry| {
                into[(start + weight, unknown)] += entry;
            });
        }
    }

    /// Adds M E to the rows `into_rows` of `into`, where the columns of M beside those of layer `from` are
    /// zero, and `block` holds the others column by column, without gaps.
    pub(super) fn add_times(
        &self,
        from: usize,
        block: &[f64],
        into: &mut Mat<f64>,
        into_rows: Range<usize>,
    ) {
        let weights = &self.layers[from];
        let (high, low) = (weights.nrows(), weights.ncols());
        let rows = into_rows.len();
        let mut add = |unknown: usize, scale: f64, column: &[f64]| {
            let into = &mut into.col_as_slice_mut(unknown)[into_rows.clone()];
            for (into, m) in into.iter_mut().zip(column) {
                *into += scale * m;
            }
        };
        // X_{k−1} on the right, dW = −W X: for each of its columns the sum over W's rows.
        if from > 0 {
            let mut sums = vec![0.0; rows * low * low];
            let columns = block.chunks_exact(rows * high);
            for (sum, column) in sums.chunks_exact_mut(rows * low).zip(columns) {
                let into = MatMut::from_column_major_slice_mut(sum, rows, low);
                let column = MatRef::from_column_major_slice(column, rows, high);
                matmul(into, Accum::Replace, column, weights, 1.0, Par::Seq);
            }
            for ((p, q), unknown) in lower(low).zip(self.offsets[from - 1]..) {
                for (to, from) in both(p, q) {
                    let start = (to * low + from) * rows;
                    add(unknown, -1.0, &sums[start..start + rows]);
                }
            }
        }
        // X_k on the left, dW = X W: for each of its rows the sum over W's columns.
        if from + 1 < self.layers.len() {
            let mut sums = vec![0.0; rows * high * high];
            let into = MatMut::from_column_major_slice_mut(&mut sums, rows * high, high);
            let block = MatRef::from_column_major_slice(block, rows * high, low);
            matmul(
                into,
                Accum::Replace,
                block,
                weights.transpose(),
                1.0,
                Par::Seq,
            );
            for ((p, q), unknown) in lower(high).zip(self.offsets[from]..) {
                for (to, from) in both(p, q) {
                    let start = (from * high + to) * rows;
                    add(unknown, 1.0, &sums[start..start + rows]);
                }
            }
        }
    }

    /// Visits the entries of E that move one layer as (weight in that layer, unknown, contribution),
    /// unknown by unknown.
    fn each_entry(&self, layer: usize, mut visit: impl FnMut(usize, usize, f64)) {
        let weights = &self.layers[layer];
        let (rows, columns) = (weights.nrows(), weights.ncols());
        // X_{k−1} on the right: dW = −W X.
        if layer > 0 {
            for ((p, q), unknown) in lower(columns).zip(self.offsets[layer - 1]..) {
                for (to, from) in both(p, q) {
                    for i in 0..rows {
                        visit(to * rows + i, unknown, -weights[(i, from)]);
                    }
                }
            }
        }
        // X_k on the left: dW = X W.
        if layer + 1 < self.layers.len() {
            for ((p, q), unknown) in lower(rows).zip(self.offsets[layer]..) {
                for (to, from) in both(p, q) {
                    for j in 0..columns {
                        visit(j * rows + to, unknown, weights[(from, j)]);
                    }
                }
            }
        }
    }

    /// The block of EᵀE that takes X_{k+1} to its own equation, X ↦ ½(X C + C X) twice off the diagonal.
    fn diagonal_block(&self, k: usize) -> Mat<f64> {
        let width = self.layers[k].nrows();
        let c = &self.layers[k] * self.layers[k].transpose()
            + self.layers[k + 1].transpose() * &self.layers[k + 1];
        let mut block = Mat::zeros(self.size(k), self.size(k));
        for (column, (a, b)) in lower(width).enumerate() {
            // X = e_a e_bᵀ + e_b e_aᵀ, halved where a = b: X C + C X lives in rows and columns a, b.
            let scale = if a == b { 0.5 } else { 1.0 };
            for (own, other) in [(a, b), (b, a)] {
                for t in 0..width {
                    let value = scale * c[(other, t)];
                    // Entry (own, t) of X C and (t, own) of C X; on the diagonal both, halved.
                    block[(number(width, own.max(t), own.min(t)), column)] += value;
                }
            }
        }
        let largest = (0..block.nrows())
            .map(|i| block[(i, i)])
            .fold(0.0, f64::max);
        for i in 0..block.nrows() {
            block[(i, i)] += RIDGE * largest;
        }
        block
    }

    /// The block of EᵀE that takes X_k to the equation of X_{k+1}: −W X Wᵀ, twice off the diagonal.
    fn coupling_block(&self, k: usize) -> Mat<f64> {
        // Rows of W, contiguous: this is the inner loop of every field evaluation.
        let rows = self.layers[k].transpose().to_owned();
        let mut block = Mat::zeros(self.size(k - 1), self.size(k));
        for (column, (p, q)) in lower(rows.ncols()).enumerate() {
            let (up, uq) = (rows.col_as_slice(p), rows.col_as_slice(q));
            let scale = if p == q { -1.0 } else { -2.0 };
            let mut entries = block.col_as_slice_mut(column);
            for b in 0..rows.nrows() {
                let (run, rest) = entries.split_at_mut(rows.nrows() - b);
                for ((entry, up_a), uq_a) in run.iter_mut().zip(&up[b..]).zip(&uq[b..]) {
                    *entry = scale * (up_a * uq[b] + up[b] * uq_a);
                }
                run[0] *= 0.5;
                entries = rest;
            }
        }
        block
    }

    fn size(&self, k: usize) -> usize {
        self.offsets[k + 1] - self.offsets[k]
    }

    /// EᵀE as a matrix.
    pub(super) fn gram_matrix(&self) -> Mat<f64> {
        let mut matrix = Mat::zeros(self.unknowns(), self.unknowns());
        for k in 0..self.layers.len() - 1 {
            let (start, size) = (self.offsets[k], self.size(k));
            let diagonal = self.diagonal_block(k);
            matrix
                .submatrix_mut(start, start, size, size)
                .copy_from(&diagonal);
            if k > 0 {
                let (before, rows) = (self.offsets[k - 1], self.size(k - 1));
                let block = self.coupling_block(k);
                matrix
                    .submatrix_mut(before, start, rows, size)
                    .copy_from(&block);
                matrix
                    .submatrix_mut(start, before, size, rows)
                    .copy_from(block.transpose());
            }
        }
        matrix
    }

    /// EᵀE, factored.
    pub(super) fn gram(&self) -> Result<Gram, FlowError> {
        self.ridged_gram(0.0)
    }

    /// EᵀE + `ridge` I, factored.
    pub(super) fn ridged_gram(&self, ridge: f64) -> Result<Gram, FlowError> {
        let mut factors: Vec<Factor> = Vec::with_capacity(self.layers.len() - 1);
        for k in 0..self.layers.len() - 1 {
            let mut diagonal = self.diagonal_block(k);
            for i in 0..diagonal.nrows() {
                diagonal[(i, i)] += ridge;
            }
            let mut coupling = None;
            if k > 0 {
                let mut y = self.coupling_block(k);
                factors[k - 1].forward(y.as_mut());
                diagonal -= y.transpose() * &y;
                coupling = Some(y);
            }
            let cholesky = diagonal
                .llt(Side::Lower)
                .map_err(|_| FlowError::Decomposition {
                    what: "Cholesky factorisation of the slow flow's linear system",
                })?;
            factors.push(Factor {
                cholesky,
                coupling,
                offset: self.offsets[k],
                size: self.size(k),
            });
        }
        Ok(Gram { factors })
    }
}

/// The entries (p, q), p ≥ q, of a symmetric matrix, in order.
fn lower(width: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..width).flat_map(move |q| (q..width).map(move |p| (p, q)))
}

/// (p, q) and (q, p), once if they are the same.
fn both(p: usize, q: usize) -> impl Iterator<Item = (usize, usize)> {
    [(p, q), (q, p)].into_iter().take(1 + usize::from(p != q))
}

/// The place of (p, q), p ≥ q, in that order.
fn number(width: usize, p: usize, q: usize) -> usize {
    q * width - q * (q + 1) / 2 + p
}

/// The block Cholesky factors of EᵀE.
pub(super) struct Gram {
    factors: Vec<Factor>,
}

struct Factor {
    /// L_k.
    cholesky: Llt<f64>,
    /// L_{k−1}⁻¹ times the block above the diagonal.
    coupling: Option<Mat<f64>>,
    offset: usize,
    size: usize,
}

impl Factor {
    fn forward(&self, x: MatMut<'_, f64>) {
        self.cholesky.L().solve_lower_triangular_in_place(x);
    }

    fn backward(&self, x: MatMut<'_, f64>) {
        self.cholesky
            .L()
            .transpose()
            .solve_upper_triangular_in_place(x);
    }
}

impl Gram {
    /// (EᵀE)⁻¹ x.
    pub(super) fn solve_in_place(&self, x: &mut [f64]) {
        let rows = x.len();
        let mut x = MatMut::from_column_major_slice_mut(x, rows, 1);
        for (k, factor) in self.factors.iter().enumerate() {
            if let Some(coupling) = &factor.coupling {
                let before = &self.factors[k - 1];
                let known = coupling.transpose() * x.rb().subrows(before.offset, before.size);
                let mut rows = x.rb_mut().subrows_mut(factor.offset, factor.size);
                rows -= known;
            }
            factor.forward(x.rb_mut().subrows_mut(factor.offset, factor.size));
        }
        for (k, factor) in self.factors.iter().enumerate().rev() {
            if let Some(after) = self.factors.get(k + 1)
                && let Some(coupling) = &after.coupling
            {
                let known = coupling * x.rb().subrows(after.offset, after.size);
                let mut rows = x.rb_mut().subrows_mut(factor.offset, factor.size);
                rows -= known;
            }
            factor.backward(x.rb_mut().subrows_mut(factor.offset, factor.size));
        }
    }
}
