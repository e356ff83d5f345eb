//! The residuals' second moment, alone and against the loss's own curvature.

use faer::{Mat, MatRef, Side};

use crate::curvature::CurvatureError;

/// Eigenvalues of Λ below this, relative to the largest, count as none.
const RANK: f64 = 1e-12;

/// A smaller part of the residuals than this is rounding.
const BEYOND: f64 = 1e-9;

/// The residuals r = ∂ℓ/∂f of a set: f − y for the paper's squared error, (2/outputs)(f − y) for PyTorch's,
/// p − y for cross-entropy (with labels y of sum 1).
#[derive(Clone, Debug, PartialEq)]
pub struct Residuals {
    /// E r, for each output line.
    pub mean: Vec<f64>,
    /// C = E[r rᵀ], not centred: what the fluctuation is made of. Output lines × output lines.
    pub second_moment: Mat<f64>,
    /// E[(r − E r)(r − E r)ᵀ], divided by N.
    pub covariance: Mat<f64>,
    /// C's eigenvalues, descending; for cross-entropy without those of the directions that add a constant to all
    /// classes at a position, where C is 0 by construction.
    pub spectrum: Vec<f64>,
    /// The mismatch of C and the loss's curvature, on average over the set: eigenvalues, descending, of
    /// Λ^{+1/2} C Λ^{+1/2} on the range of Λ = E ∂²ℓ/∂f². **Beyond the paper**: for squared error it is C up to the
    /// convention's factor, which is why C alone matters there; for cross-entropy Λ = E[diag p − p pᵀ],
    /// and all eigenvalues are 1, up to the scatter of N labels, where labels follow p.
    pub mismatch: Vec<f64>,
    /// Whether residuals also point where the loss does not curve, as those of |y − f| do everywhere: no number of times Λ is then as large as C.
    pub beyond: bool,
}

impl Residuals {
    /// Of residuals r (output lines × N), with the mean output curvature Λ (lines × lines). `classes` is (classes,
    /// positions) where the residuals of a position sum to 0.
    ///
    /// # Errors
    /// When a number is not finite, or a decomposition fails.
    pub fn new(
        residuals: MatRef<'_, f64>,
        lambda: MatRef<'_, f64>,
        classes: Option<(usize, usize)>,
    ) -> Result<Self, CurvatureError> {
        let lines = residuals.nrows();
        let share = 1.0 / residuals.ncols() as f64;
        let mean: Vec<f64> = (0..lines)
            .map(|line| share * residuals.row(line).iter().sum::<f64>())
            .collect();
        let second_moment = faer::Scale(share) * (residuals * residuals.transpose());
        Self::of_moments(mean, second_moment, lambda, classes)
    }

    /// The same from E r and C.
    ///
    /// # Errors
    /// As [`Residuals::new`].
    pub(super) fn of_moments(
        mean: Vec<f64>,
        second_moment: Mat<f64>,
        lambda: MatRef<'_, f64>,
        classes: Option<(usize, usize)>,
    ) -> Result<Self, CurvatureError> {
        let lines = mean.len();
        let covariance = Mat::from_fn(lines, lines, |i, j| {
            second_moment[(i, j)] - mean[i] * mean[j]
        });
        let basis = directions(lines, classes);
        let within = basis.transpose() * &second_moment * &basis;
        let curved = basis.transpose() * lambda * &basis;
        if !within.is_all_finite() || !curved.is_all_finite() {
            return Err(CurvatureError::NonFinite { matvecs: 0 });
        }
        let half = inverse_root(curved.as_ref())?;
        Ok(Self {
            spectrum: descending(within.as_ref())?,
            mismatch: descending((half.transpose() * &within * &half).as_ref())?,
            beyond: is_beyond(&within, &half),
            mean,
            second_moment,
            covariance,
        })
    }

    /// C's condition number on its range, λ_max/λ_min: the anisotropy of the noise, for squared error.
    /// Infinite where C is singular, as it must be where the samples are fewer than the outputs.
    pub fn condition(&self) -> f64 {
        condition(&self.spectrum)
    }

    /// The condition number of the mismatch: the anisotropy that matters for cross-entropy. Infinite where residuals also point where the loss does not curve.
    pub fn mismatch_condition(&self) -> f64 {
        if self.beyond {
            return f64::INFINITY;
        }
        condition(&self.mismatch)
    }
}

/// Whether a part of `within` that is more than rounding lies beyond the range of `half`.
fn is_beyond(within: &Mat<f64>, half: &Mat<f64>) -> bool {
    let trace = |m: &Mat<f64>| (0..m.nrows()).map(|i| m[(i, i)]).sum::<f64>();
    let all = trace(within);
    let range = half.qr().compute_thin_Q();
    let inside = trace(&(range.transpose() * within * &range));
    all - inside > BEYOND * all
}

/// An orthonormal basis of the directions in which residuals of `lines` lines can point, as [`Residuals::new`] has them.
pub(super) fn directions(lines: usize, classes: Option<(usize, usize)>) -> Mat<f64> {
    match classes {
        Some((classes, positions)) => contrasts(classes, positions),
        None => Mat::identity(lines, lines),
    }
}

/// Largest over smallest of positive numbers in descending order; 1 if there are none.
pub(super) fn condition(spectrum: &[f64]) -> f64 {
    match (spectrum.first(), spectrum.last()) {
        (Some(&largest), Some(&smallest)) if smallest > f64::EPSILON * largest => {
            largest / smallest
        }
        (Some(_), Some(_)) => f64::INFINITY,
        _ => 1.0,
    }
}

/// An orthonormal basis of what sums to 0 over the classes of every position (Helmert's), line (class · positions +
/// position).
fn contrasts(classes: usize, positions: usize) -> Mat<f64> {
    let mut basis = Mat::zeros(classes * positions, (classes - 1) * positions);
    for position in 0..positions {
        for k in 1..classes {
            // k ones, then −k.
            let scale = 1.0 / ((k * (k + 1)) as f64).sqrt();
            for class in 0..=k {
                let entry = if class < k { 1.0 } else { -(k as f64) };
                let column = position * (classes - 1) + k - 1;
                basis[(class * positions + position, column)] = scale * entry;
            }
        }
    }
    basis
}

/// W with W Wᵀ = A⁺ for A ⪰ 0 (of A's positive part, if it is not), of as many columns as A has eigenvalues above rounding.
pub(super) fn inverse_root(a: MatRef<'_, f64>) -> Result<Mat<f64>, CurvatureError> {
    let n = a.nrows();
    if n == 0 {
        return Ok(Mat::zeros(0, 0));
    }
    let eigen = a
        .self_adjoint_eigen(Side::Lower)
        .map_err(|_| CurvatureError::Decomposition {
            what: "eigenvalue decomposition of the output curvature",
        })?;
    let (values, vectors) = (eigen.S(), eigen.U());
    let kept: Vec<usize> = (0..n)
        .filter(|&i| values[i] > RANK * values[n - 1].max(0.0))
        .collect();
    Ok(Mat::from_fn(n, kept.len(), |i, j| {
        vectors[(i, kept[j])] / values[kept[j]].sqrt()
    }))
}

/// All eigenvalues.
pub(super) fn descending(matrix: MatRef<'_, f64>) -> Result<Vec<f64>, CurvatureError> {
    if matrix.nrows() == 0 {
        return Ok(Vec::new());
    }
    let mut values = matrix.self_adjoint_eigenvalues(Side::Lower).map_err(|_| {
        CurvatureError::Decomposition {
            what: "eigenvalue decomposition of the residuals' second moment",
        }
    })?;
    values.reverse();
    Ok(values)
}

#[cfg(test)]
mod tests {
    use faer::mat;

    use super::{Residuals, condition};

    #[test]
    fn residuals_where_the_loss_does_not_curve_are_infinitely_mismatched() {
        let residuals = mat![[1.0, -1.0, 1.0, -1.0], [2.0, -2.0, -2.0, 2.0]];
        let condition = |lambda: faer::Mat<f64>| {
            let found = Residuals::new(residuals.as_ref(), lambda.as_ref(), None);
            found.unwrap().mismatch_condition()
        };
        assert_eq!(condition(mat![[1.0, 0.0], [0.0, 0.0]]), f64::INFINITY);
        assert_eq!(condition(mat![[1.0, 0.0], [0.0, 1.0]]), 4.0);
        assert_eq!(condition(faer::Mat::zeros(2, 2)), f64::INFINITY);
    }

    /// What is left of a zero by rounding is a zero.
    #[test]
    fn a_condition_number_ends_where_rounding_begins() {
        assert_eq!(condition(&[6.0, 3.0, 1.5]), 4.0);
        assert!((condition(&[1.0, 1e-15]) / 1e15 - 1.0).abs() < 1e-14);
        for smallest in [1e-17, 0.0, -1e-18] {
            assert_eq!(condition(&[1.0, smallest]), f64::INFINITY);
        }
        assert_eq!(condition(&[]), 1.0);
    }
}
