//! The partial products at one point of weight space, which both flows are made of.

use std::sync::{Arc, OnceLock};

use faer::{Mat, MatRef, Side, linalg::solvers::Solve, prelude::SolveLstsq};

use super::{
    FlowError, kronecker::add_kron, kronecker_sum::KroneckerSum, products::sum_of_products,
};
use crate::problem::{Dropped, Problem};
use crate::recipe::Forces;

/// Up to this size K is formed and factored.
pub(super) const MOST_DENSE: usize = 700;

/// The problem in the form the flows use: Σx = X Xᵀ with X of full column rank, so that a singular Σx
/// needs no special case.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// h_0 … h_D.
    widths: Vec<usize>,
    /// Where layer k's weights begin in the flat state; one more entry than layers.
    offsets: Vec<usize>,
    /// X, d_x × rank Σx.
    root: Mat<f64>,
    /// V X.
    target: Mat<f64>,
    /// Σε.
    noise: Mat<f64>,
    /// E with E Eᵀ = Σε, d_y × rank Σε.
    noise_root: Mat<f64>,
    /// What moves the weights along the minima.
    pub(super) forces: Forces,
    /// Where inputs are dropped, on which the noise then depends.
    dropped: Option<Dropped>,
    /// By how much, once it is asked for: found once for all copies.
    dependence: Arc<OnceLock<Mat<f64>>>,
}

impl Model {
    /// The model of `problem`.
    pub(super) fn new(problem: &Problem) -> Self {
        let root = problem.input_factor().matrix().to_owned();
        let mut offsets = vec![0];
        for pair in problem.widths().windows(2) {
            offsets.push(offsets[offsets.len() - 1] + pair[0] * pair[1]);
        }
        Self {
            widths: problem.widths().to_vec(),
            offsets,
            target: problem.teacher() * &root,
            root,
            noise: problem.noise_covariance().to_owned(),
            noise_root: problem.noise_factor().matrix().to_owned(),
            forces: Forces::default(),
            dropped: Dropped::of(problem),
            dependence: Arc::default(),
        }
    }

    /// The same under `forces`.
    pub(super) fn under(self, forces: Forces) -> Self {
        Self { forces, ..self }
    }

    /// Whether symmetric generators follow the noise and all `forces`.
    pub(super) fn follows_generators(&self, forces: &Forces) -> bool {
        self.dropped.is_none() && forces.follow_generators()
    }

    /// E (r_a ξ_i)(r_c ξ_j) − Σε_ac δ_ij for x = Xξ, over (a, i) and (c, j), outputs running fastest; nothing where noise is independent of the inputs.
    pub(super) fn dependence(&self) -> Option<&Mat<f64>> {
        let dropped = self.dropped.as_ref()?;
        Some(self.dependence.get_or_init(|| self.whitened(dropped)))
    }

    fn whitened(&self, dropped: &Dropped) -> Mat<f64> {
        let (outputs, rank) = (self.outputs(), self.rank());
        // X⁺.
        let inputs = Mat::<f64>::identity(self.root.nrows(), self.root.nrows());
        let back = self.root.qr().solve_lstsq(inputs);
        let mut noise = Mat::<f64>::zeros(outputs * rank, outputs * rank);
        for (a, c) in (0..outputs).flat_map(|a| (0..outputs).map(move |c| (a, c))) {
            let block = &back * dropped.between(a, c) * back.transpose();
            for (i, j) in (0..rank).flat_map(|i| (0..rank).map(move |j| (i, j))) {
                noise[(i * outputs + a, j * outputs + c)] = block[(i, j)];
            }
        }
        noise
    }

    /// D.
    pub(super) fn depth(&self) -> usize {
        self.widths.len() - 1
    }

    /// d_y.
    pub(super) fn outputs(&self) -> usize {
        self.widths[self.depth()]
    }

    /// h_0 … h_D.
    pub(super) fn widths(&self) -> &[usize] {
        &self.widths
    }

    /// X with X Xᵀ = Σx, d_x × rank Σx.
    pub(super) fn root(&self) -> MatRef<'_, f64> {
        self.root.as_ref()
    }

    /// V X, d_y × rank Σx.
    pub(super) fn target(&self) -> MatRef<'_, f64> {
        self.target.as_ref()
    }

    /// E with E Eᵀ = Σε, d_y × rank Σε.
    pub(super) fn noise_root(&self) -> MatRef<'_, f64> {
        self.noise_root.as_ref()
    }

    /// Number of weights.
    pub(super) fn dim(&self) -> usize {
        self.offsets[self.depth()]
    }

    /// Σε.
    pub(super) fn noise(&self) -> MatRef<'_, f64> {
        self.noise.as_ref()
    }

    /// Aᵀ Σε A as (Eᵀ A)ᵀ(Eᵀ A): where A is largest in the quietest outputs, as at SGD's minimum, the
    /// product with Σε itself would lose them to rounding.
    pub(super) fn noise_within(&self, above: &Mat<f64>) -> Mat<f64> {
        let felt = self.noise_root.transpose() * above;
        felt.transpose() * &felt
    }

    /// F = Σ_k tr(A_kᵀ Σε A_k) ‖B_kX‖², and what there is more where the noise depends on the inputs.
    pub(super) fn fluctuation(&self, point: &Point) -> f64 {
        let layers = point.above.iter().zip(&point.below);
        let independent: f64 = layers
            .map(|(above, below)| {
                let felt = self.noise_root.transpose() * above;
                felt.squared_norm_l2() * below.squared_norm_l2()
            })
            .sum();
        let more = self.dropped.as_ref().map_or(0.0, |dropped| {
            let layers: Vec<_> = point.layers.iter().map(Mat::as_ref).collect();
            dropped.shares(&layers).iter().sum()
        });
        independent + more
    }

    /// rank Σx.
    pub(super) fn rank(&self) -> usize {
        self.root.ncols()
    }

    /// ‖V X‖ = ‖V√Σx‖.
    pub(super) fn signal(&self) -> f64 {
        self.target.norm_l2()
    }

    /// What distances from the minima are measured in: ‖V√Σx‖, or 1 where it is 0.
    pub(super) fn scale(&self) -> f64 {
        match self.signal() {
            0.0 => 1.0,
            norm => norm,
        }
    }

    /// The place of layer `k` (from 0) in the flat state.
    pub(super) fn range(&self, k: usize) -> std::ops::Range<usize> {
        self.offsets[k]..self.offsets[k + 1]
    }

    /// Layers to a flat state, each column by column.
    pub(super) fn flatten(&self, layers: &[Mat<f64>]) -> Vec<f64> {
        let mut state = vec![0.0; self.dim()];
        self.flatten_to(layers, &mut state);
        state
    }

    /// The same to a state that is there.
    pub(super) fn flatten_to(&self, layers: &[Mat<f64>], state: &mut [f64]) {
        for (k, layer) in layers.iter().enumerate() {
            let columns = state[self.range(k)].chunks_exact_mut(layer.nrows());
            for (j, column) in columns.enumerate() {
                column.copy_from_slice(layer.col_as_slice(j));
            }
        }
    }

    /// A flat state to layers.
    pub(super) fn layers(&self, state: &[f64]) -> Vec<Mat<f64>> {
        (0..self.depth())
            .map(|k| {
                let slice = &state[self.range(k)];
                MatRef::from_column_major_slice(slice, self.widths[k + 1], self.widths[k])
                    .to_owned()
            })
            .collect()
    }

    /// The largest relative change of a layer, max_k ‖δW_k‖ / ‖W_k‖ (Frobenius): unlike a weight by
    /// weight measure it does not change when the hidden bases are rotated.
    pub(super) fn relative_size(&self, change: &[f64], state: &[f64]) -> f64 {
        let norm = |x: &[f64]| sum_of_products(x, x).sqrt();
        (0..self.depth())
            .map(|k| norm(&change[self.range(k)]) / norm(&state[self.range(k)]).max(1e-300))
            .fold(0.0, |a: f64, b| if b > a || b.is_nan() { b } else { a })
    }
}

/// Everything that follows from the weights alone. Layers count from 0, so `above[k]` is A_{k+1}.
#[derive(Clone, Debug)]
pub(super) struct Point {
    /// W_{k+1}, h_{k+1} × h_k.
    pub(super) layers: Vec<Mat<f64>>,
    /// A_{k+1}, d_y × h_{k+1}.
    pub(super) above: Vec<Mat<f64>>,
    /// B_{k+1} X, h_k × rank Σx.
    pub(super) below: Vec<Mat<f64>>,
    /// (W_D … W_1 − V) X.
    pub(super) residual: Mat<f64>,
}

impl Point {
    /// The products at `layers`.
    pub(super) fn new(model: &Model, layers: Vec<Mat<f64>>) -> Self {
        let depth = layers.len();
        let mut below = vec![model.root.clone()];
        for k in 0..depth {
            let next = &layers[k] * &below[k];
            below.push(next);
        }
        let residual = below.swap_remove(depth) - &model.target;
        let outputs = model.widths[depth];
        let mut above = vec![Mat::identity(outputs, outputs); depth];
        for k in (0..depth - 1).rev() {
            above[k] = &above[k + 1] * &layers[k + 1];
        }
        Self {
            layers,
            above,
            below,
            residual,
        }
    }

    /// D.
    pub(super) fn depth(&self) -> usize {
        self.layers.len()
    }

    /// T = Σ_k ‖A_k‖² ‖B_kX‖², the trace of the Hessian at any weights (eq. 44).
    pub(super) fn sharpness(&self) -> f64 {
        let layers = self.above.iter().zip(&self.below);
        layers
            .map(|(above, below)| above.squared_norm_l2() * below.squared_norm_l2())
            .sum()
    }

    /// A_kᵀ Λ (B_kX)ᵀ: the motion of layer `k` along the constraint's normal Λ.
    pub(super) fn pull(&self, multiplier: MatRef<'_, f64>, k: usize) -> Mat<f64> {
        let (above, below) = (self.above[k].transpose(), self.below[k].transpose());
        if multiplier.nrows() <= multiplier.ncols() {
            above * (multiplier * below)
        } else {
            (above * multiplier) * below
        }
    }

    /// Σ_k A_k M_k B_kX: the motion of the product of the weights, times X, by motions M of the layers.
    pub(super) fn pushed(&self, motion: &[Mat<f64>]) -> Mat<f64> {
        let mut product = Mat::zeros(self.residual.nrows(), self.residual.ncols());
        for (k, motion) in motion.iter().enumerate() {
            product += &self.above[k] * motion * &self.below[k];
        }
        product
    }

    /// K = Σ_k (B_kX)ᵀ(B_kX) ⊗ A_kA_kᵀ on matrices Λ stacked column by column.
    pub(super) fn curvature_matrix(&self) -> Mat<f64> {
        let (rows, columns) = (self.residual.nrows(), self.residual.ncols());
        let mut matrix = Mat::<f64>::zeros(rows * columns, rows * columns);
        for k in 0..self.depth() {
            let left = &self.above[k] * self.above[k].transpose();
            let right = self.below[k].transpose() * &self.below[k];
            add_kron(&mut matrix, 1.0, &left, right.as_ref());
        }
        matrix
    }
}

impl Point {
    /// K, factored.
    pub(super) fn curvature(&self) -> Result<Curvature, FlowError> {
        Curvature::new(&self.curvature_matrix())
    }

    /// K in the form that its size allows.
    pub(super) fn unbending(&self) -> Result<Unbending, FlowError> {
        self.unbending_with(None)
    }

    /// K with one more of its terms, given as A_kA_kᵀ and (B_kX)ᵀ(B_kX) of it would be.
    pub(super) fn unbending_with(
        &self,
        more: Option<(Mat<f64>, Mat<f64>)>,
    ) -> Result<Unbending, FlowError> {
        if self.residual.nrows() * self.residual.ncols() > MOST_DENSE {
            return Ok(Unbending::Sum(KroneckerSum::new(self, more)?));
        }
        let mut matrix = self.curvature_matrix();
        if let Some((left, right)) = more {
            add_kron(&mut matrix, 1.0, &left, right.as_ref());
        }
        Ok(Unbending::Dense(Curvature::new(&matrix)?))
    }
}

/// K made ready to be solved with, for any number of right sides.
pub(super) enum Unbending {
    Dense(Curvature),
    Sum(KroneckerSum),
}

impl Unbending {
    /// K⁻¹ M for one d_y × rank Σx matrix.
    pub(super) fn solve(&self, matrix: &Mat<f64>) -> Mat<f64> {
        match self {
            Self::Dense(curvature) => curvature.solve_matrix(matrix),
            Self::Sum(curvature) => curvature.solve(0.0, matrix, 1e-8),
        }
    }
}

/// K in a form that solves K Λ = M, in the least-squares sense where K is singular (a teacher of
/// deficient rank, at the minimum that SGD selects).
pub(super) enum Curvature {
    Cholesky(faer::linalg::solvers::Llt<f64>),
    Decomposed(Decomposed),
}

/// K = U diag(κ) Uᵀ.
pub(super) struct Decomposed {
    /// U.
    pub(super) vectors: Mat<f64>,
    /// κ in rising order; 0 where it is rounding.
    pub(super) values: Vec<f64>,
}

impl Decomposed {
    /// That of `matrix`.
    pub(super) fn new(matrix: &Mat<f64>) -> Result<Self, FlowError> {
        let eigen =
            matrix
                .self_adjoint_eigen(Side::Lower)
                .map_err(|_| FlowError::Decomposition {
                    what: "eigenvalue iteration of K",
                })?;
        let values = eigen.S().column_vector();
        let floor = SINGULAR * values[matrix.nrows() - 1];
        let kept = |value: &f64| if *value > floor { *value } else { 0.0 };
        Ok(Self {
            values: values.iter().map(kept).collect(),
            vectors: eigen.U().to_owned(),
        })
    }

    /// The pseudoinverse of K times each column.
    fn solve(&self, columns: &mut Mat<f64>) {
        let mut along = self.vectors.transpose() * &*columns;
        for j in 0..along.ncols() {
            let entries = along.col_as_slice_mut(j).iter_mut();
            for (entry, value) in entries.zip(&self.values) {
                *entry = if *value > 0.0 { *entry / value } else { 0.0 };
            }
        }
        *columns = &self.vectors * along;
    }
}

/// Eigenvalues of K below this fraction of the largest count as zero.
const SINGULAR: f64 = 1e-12;

impl Curvature {
    fn new(matrix: &Mat<f64>) -> Result<Self, FlowError> {
        if let Ok(cholesky) = matrix.llt(Side::Lower) {
            let pivots = (0..matrix.nrows()).map(|i| cholesky.L()[(i, i)]);
            let (low, high) = pivots.fold((f64::INFINITY, 0.0f64), |(low, high), pivot| {
                (low.min(pivot), high.max(pivot))
            });
            if low * low > SINGULAR * high * high {
                return Ok(Self::Cholesky(cholesky));
            }
        }
        Ok(Self::Decomposed(Decomposed::new(matrix)?))
    }

    /// K⁻¹ applied to each column.
    pub(super) fn solve(&self, columns: &mut Mat<f64>) {
        match self {
            Self::Cholesky(cholesky) => cholesky.solve_in_place(columns.as_mut()),
            Self::Decomposed(decomposed) => decomposed.solve(columns),
        }
    }

    /// K⁻¹ M for one d_y × rank Σx matrix.
    pub(super) fn solve_matrix(&self, matrix: &Mat<f64>) -> Mat<f64> {
        let (rows, columns) = (matrix.nrows(), matrix.ncols());
        let mut stacked = Mat::from_fn(rows * columns, 1, |i, _| matrix[(i % rows, i / rows)]);
        self.solve(&mut stacked);
        Mat::from_fn(rows, columns, |i, j| stacked[(j * rows + i, 0)])
    }
}
