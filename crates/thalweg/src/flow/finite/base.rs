//! A point Y on the manifold of minima, with what the fast law needs to know of its neighbourhood.
//!
//! The weights near Y are Exp_Y(Z), where Exp_Y(Z) is where the flow dW/ds = h_Z(W) of the lift
//! h_Z(W)_k = A_kᵀ Z (B_kX)ᵀ takes Y in a time of 1. Along it (W_D…W_1)X moves by K(W) Z, so that to second order
//!
//! E = (W_D…W_1 − V)X = K Z + ½ DK[h_Z] Z, and one step −ηh_Γ of the weights moves Z by −η G(Z) Γ with
//! G(Z) Γ = Γ + ½ K⁻¹ (DK[h_Z] Γ − DK[h_Γ] Z), all at Y.

use faer::{Mat, MatRef, Side};

use super::super::{
    FlowError,
    kronecker::add_kron,
    point::{Model, Point},
};

/// Eigenvalues of K below this fraction of the largest count as zero.
const SINGULAR: f64 = 1e-10;

/// Y in the eigenbasis of K.
pub(super) struct Base {
    /// Y, flat.
    pub(super) weights: Vec<f64>,
    /// The eigenvalues λ of K, ascending.
    pub(super) values: Vec<f64>,
    /// Their eigenvectors, n × n.
    pub(super) vectors: Mat<f64>,
    /// g_a of G(Z) = I + Σ_a Z_a g_a, n × n each, not in the eigenbasis.
    pub(super) turn: Vec<f64>,
    /// The symmetric forms D_i of the third cumulant, in the eigenbasis: see [`Base::new`].
    pub(super) bend: Vec<Mat<f64>>,
}

impl Base {
    /// The neighbourhood of `weights`, which must lie on the manifold.
    ///
    /// The third cumulant κ of Z is what its drift at second order, −η(½ DK[h_Z]Z + g(Z)KZ), and the noise −ηG(Z)Γ, which
    /// brings twice as much of g, leave it: with D(u, v) = ½(DK[h_u]v + DK[h_v]u) − g(u)Kv − g(v)Ku,
    /// κ_slm (λ_s + λ_l + λ_m) = −D_s(S_l, S_m), and what exchanging the indices gives.
    ///
    /// # Errors
    /// When K is singular, or its eigenvalue iteration fails.
    pub(super) fn new(model: &Model, weights: Vec<f64>) -> Result<Self, FlowError> {
        let point = Point::new(model, model.layers(&weights));
        let eigen = point
            .curvature_matrix()
            .self_adjoint_eigen(Side::Lower)
            .map_err(|_| FlowError::Decomposition {
                what: "eigenvalue iteration of K",
            })?;
        let values: Vec<f64> = eigen.S().column_vector().iter().copied().collect();
        if values[0] <= SINGULAR * values[values.len() - 1] {
            return Err(FlowError::FlatDirection);
        }
        let vectors = eigen.U().to_owned();
        let n = values.len();
        // DK[h_a]_ij along the lift of each eigenvector a, in the eigenbasis.
        let slopes: Vec<Mat<f64>> = (0..n)
            .map(|a| vectors.transpose() * curvature_slope(&point, vectors.col(a)) * &vectors)
            .collect();
        // g_a,ij = (DK[h_a]_ij − DK[h_j]_ia) / 2λ_i.
        let turn = |a: usize, i: usize, j: usize| {
            0.5 * (slopes[a][(i, j)] - slopes[j][(i, a)]) / values[i]
        };
        let bend = (0..n)
            .map(|i| {
                let half = |a: usize, j: usize| 0.5 * slopes[a][(i, j)] - turn(a, i, j) * values[j];
                Mat::from_fn(n, n, |a, j| half(a, j) + half(j, a))
            })
            .collect();
        let rotated: Vec<Mat<f64>> = (0..n)
            .map(|a| {
                let turn = Mat::from_fn(n, n, |i, j| turn(a, i, j));
                &vectors * turn * vectors.transpose()
            })
            .collect();
        let mut flat = Vec::with_capacity(n * n * n);
        for b in 0..n {
            let mut sum = Mat::<f64>::zeros(n, n);
            for (a, rotated) in rotated.iter().enumerate() {
                sum += faer::Scale(vectors[(b, a)]) * rotated;
            }
            flat.extend((0..n).flat_map(|j| sum.col_as_slice(j)));
        }
        Ok(Self {
            weights,
            values,
            vectors,
            turn: flat,
            bend,
        })
    }
}

/// Z, stacked column by column, as a matrix.
pub(super) fn unstacked(z: faer::ColRef<'_, f64>, rows: usize) -> Mat<f64> {
    Mat::from_fn(rows, z.nrows() / rows, |i, j| z[j * rows + i])
}

/// The changes of A_k and of B_kX when the layers move along `motion`.
pub(super) fn variation(point: &Point, motion: &[Mat<f64>]) -> (Vec<Mat<f64>>, Vec<Mat<f64>>) {
    let depth = point.depth();
    let zero = |like: &Mat<f64>| Mat::<f64>::zeros(like.nrows(), like.ncols());
    let mut above: Vec<Mat<f64>> = point.above.iter().map(zero).collect();
    for k in (0..depth - 1).rev() {
        above[k] = &above[k + 1] * &point.layers[k + 1] + &point.above[k + 1] * &motion[k + 1];
    }
    let mut below = vec![zero(&point.below[0])];
    for k in 0..depth - 1 {
        below.push(&motion[k] * &point.below[k] + &point.layers[k] * &below[k]);
    }
    (above, below)
}

/// h_Z, layer by layer.
pub(super) fn lift(point: &Point, z: MatRef<'_, f64>) -> Vec<Mat<f64>> {
    (0..point.depth()).map(|k| point.pull(z, k)).collect()
}

/// DK[h_Z], n × n.
fn curvature_slope(point: &Point, z: faer::ColRef<'_, f64>) -> Mat<f64> {
    let n = z.nrows();
    let z = unstacked(z, point.residual.nrows());
    let (above, below) = variation(point, &lift(point, z.as_ref()));
    let mut slope = Mat::zeros(n, n);
    for k in 0..point.depth() {
        let (a, b) = (&point.above[k], &point.below[k]);
        let output = &above[k] * a.transpose();
        let input = below[k].transpose() * b;
        let symmetric = |m: &Mat<f64>| m + m.transpose();
        let (left, right) = (a * a.transpose(), b.transpose() * b);
        add_kron(&mut slope, 1.0, &symmetric(&output), right.as_ref());
        add_kron(&mut slope, 1.0, &left, symmetric(&input).as_ref());
    }
    slope
}
