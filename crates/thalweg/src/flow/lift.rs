//! The map E from symmetric matrices X_1 … X_{D−1} to motions of the weights, dW_k = X_k W_k − W_k X_{k−1},
//! and least squares on it by its structure.
//!
//! X_k moves layers k and k + 1 only, so EᵀE is block tridiagonal, with blocks of size h_k(h_k + 1)/2:
//! its Cholesky factorisation takes Σ_k h_k⁶ operations, D² times fewer than a dense one.

use faer::{Mat, MatMut, MatRef, Side, linalg::solvers::Llt};

use super::{FlowError, point::Model};

/// E at some layers M_1 … M_D: block k takes X_k to (X_k M_k, −M_{k+1} X_k).
///
/// X_k is numbered by its entries on and below the diagonal, column by column.
pub(super) struct Lift {
    blocks: Vec<Block>,
}

struct Block {
    /// First weight of layer k; those of layer k + 1 follow those of layer k.
    start: usize,
    /// Rows of layer k, then of layer k + 1.
    matrix: Mat<f64>,
    /// How many of the rows are layer k's.
    split: usize,
    /// Where X_k's unknowns begin.
    offset: usize,
}

impl Lift {
    /// E at `layers`.
    pub(super) fn new(model: &Model, layers: &[Mat<f64>]) -> Self {
        let mut offset = 0;
        let blocks = (0..model.depth() - 1)
            .map(|k| {
                let (low, high) = (&layers[k], &layers[k + 1]);
                let width = low.nrows();
                let split = model.range(k).len();
                let unknowns = width * (width + 1) / 2;
                let mut matrix = Mat::zeros(split + model.range(k + 1).len(), unknowns);
                let mut column = 0;
                for q in 0..width {
                    for p in q..width {
                        let into = matrix.col_as_slice_mut(column);
                        for (to, from) in [(p, q), (q, p)].into_iter().take(1 + usize::from(p != q))
                        {
                            for j in 0..low.ncols() {
                                into[j * width + to] += low[(from, j)];
                            }
                            let rows = high.nrows();
                            let segment = split + to * rows;
                            for (into, high) in into[segment..segment + rows]
                                .iter_mut()
                                .zip(high.col_as_slice(from))
                            {
                                *into -= high;
                            }
                        }
                        column += 1;
                    }
                }
                let block = Block {
                    start: model.range(k).start,
                    matrix,
                    split,
                    offset,
                };
                offset += unknowns;
                block
            })
            .collect();
        Self { blocks }
    }

    /// The number of unknowns, Σ_k h_k(h_k + 1)/2.
    pub(super) fn unknowns(&self) -> usize {
        self.blocks
            .last()
            .map_or(0, |block| block.offset + block.matrix.ncols())
    }

    /// E x, for each column of `x`.
    pub(super) fn apply(&self, x: MatRef<'_, f64>, dim: usize) -> Mat<f64> {
        let mut image = Mat::zeros(dim, x.ncols());
        for block in &self.blocks {
            let part = &block.matrix * x.subrows(block.offset, block.matrix.ncols());
            let mut rows = image.subrows_mut(block.start, part.nrows());
            rows += part;
        }
        image
    }

    /// Eᵀ m, for each column of `m`.
    pub(super) fn transpose_apply(&self, m: MatRef<'_, f64>) -> Mat<f64> {
        let mut image = Mat::zeros(self.unknowns(), m.ncols());
        for block in &self.blocks {
            let part = block.matrix.transpose() * m.subrows(block.start, block.matrix.nrows());
            image
                .subrows_mut(block.offset, part.nrows())
                .copy_from(&part);
        }
        image
    }

    /// Eᵀ as a dense matrix added to `into`.
    pub(super) fn add_transpose(&self, into: &mut Mat<f64>) {
        for block in &self.blocks {
            let mut part = into.submatrix_mut(
                block.offset,
                block.start,
                block.matrix.ncols(),
                block.matrix.nrows(),
            );
            part += block.matrix.transpose();
        }
    }

    /// EᵀE, factored.
    pub(super) fn gram(&self) -> Result<Gram, FlowError> {
        let mut factors: Vec<Factor> = Vec::with_capacity(self.blocks.len());
        for (i, block) in self.blocks.iter().enumerate() {
            let mut diagonal = block.matrix.transpose() * &block.matrix;
            let floor = Gram::RIDGE
                * (0..diagonal.nrows())
                    .map(|j| diagonal[(j, j)])
                    .fold(0.0, f64::max);
            for j in 0..diagonal.nrows() {
                diagonal[(j, j)] += floor;
            }
            let mut coupling = None;
            if i > 0 {
                let before = &self.blocks[i - 1];
                // Both move layer k: the lower rows of the one are the upper rows of the other.
                let lower = before.matrix.subrows(before.split, block.split);
                let mut y = lower.transpose() * block.matrix.subrows(0, block.split);
                factors[i - 1].forward(y.as_mut());
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
                offset: block.offset,
                size: block.matrix.ncols(),
            });
        }
        Ok(Gram { factors })
    }
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
    /// Added to the diagonal, relative to the block's largest entry. A hidden direction that neither
    /// layer uses any more (wider than rank V, late in the flow) makes EᵀE singular; what X is
    /// there does not matter, since it multiplies weights that are zero.
    const RIDGE: f64 = 1e-14;

    /// (EᵀE)⁻¹ x for each column.
    pub(super) fn solve_in_place(&self, x: &mut Mat<f64>) {
        for (i, factor) in self.factors.iter().enumerate() {
            if let Some(coupling) = &factor.coupling {
                let before = &self.factors[i - 1];
                let known = coupling.transpose() * x.subrows(before.offset, before.size);
                let mut rows = x.subrows_mut(factor.offset, factor.size);
                rows -= known;
            }
            factor.forward(x.subrows_mut(factor.offset, factor.size));
        }
        for (i, factor) in self.factors.iter().enumerate().rev() {
            if let Some(after) = self.factors.get(i + 1)
                && let Some(coupling) = &after.coupling
            {
                let known = coupling * x.subrows(after.offset, after.size);
                let mut rows = x.subrows_mut(factor.offset, factor.size);
                rows -= known;
            }
            factor.backward(x.subrows_mut(factor.offset, factor.size));
        }
    }
}
