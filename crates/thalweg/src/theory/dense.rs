//! The few dense decompositions that the theory uses, with its own errors.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::{Mat, MatRef, Par};

use super::TheoryError;

/// Singular values, descending. An empty matrix has none.
pub(super) fn singular_values(matrix: MatRef<'_, f64>) -> Result<Vec<f64>, TheoryError> {
    if matrix.nrows() == 0 || matrix.ncols() == 0 {
        return Ok(Vec::new());
    }
    matrix
        .singular_values()
        .map_err(|_| TheoryError::NotConverged {
            what: "singular value decomposition",
        })
}

/// L diag(S) Rᵀ, with min(rows, columns) columns in L and R and S descending.
pub(super) struct ThinSvd {
    pub(super) left: Mat<f64>,
    pub(super) singular_values: Vec<f64>,
    pub(super) right: Mat<f64>,
}

/// The thin SVD; that of an empty matrix is empty.
pub(super) fn thin_svd(matrix: MatRef<'_, f64>) -> Result<ThinSvd, TheoryError> {
    let (rows, columns) = (matrix.nrows(), matrix.ncols());
    if rows == 0 || columns == 0 {
        return Ok(ThinSvd {
            left: Mat::zeros(rows, 0),
            singular_values: Vec::new(),
            right: Mat::zeros(columns, 0),
        });
    }
    let svd = matrix.thin_svd().map_err(|_| TheoryError::NotConverged {
        what: "singular value decomposition",
    })?;
    Ok(ThinSvd {
        left: svd.U().to_owned(),
        singular_values: svd.S().column_vector().iter().copied().collect(),
        right: svd.V().to_owned(),
    })
}

/// Eigenvalues of a symmetric matrix, ascending, on the calling thread alone: callers that have many
/// matrices spread them over threads themselves.
pub(super) fn eigenvalues(matrix: MatRef<'_, f64>) -> Result<Vec<f64>, TheoryError> {
    let size = matrix.nrows();
    if size == 0 {
        return Ok(Vec::new());
    }
    let mut values = Diag::<f64>::zeros(size);
    let scratch = self_adjoint_evd_scratch::<f64>(
        size,
        ComputeEigenvectors::No,
        Par::Seq,
        Default::default(),
    );
    self_adjoint_evd(
        matrix,
        values.as_mut(),
        None,
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    )
    .map_err(|_| TheoryError::NotConverged {
        what: "eigenvalue decomposition",
    })?;
    Ok(values.column_vector().iter().copied().collect())
}

/// tr Σ.
pub(super) fn trace(matrix: MatRef<'_, f64>) -> f64 {
    (0..matrix.nrows()).map(|i| matrix[(i, i)]).sum()
}

/// ‖A‖² = tr AᵀA (Frobenius).
pub(super) fn squared_norm(matrix: &Mat<f64>) -> f64 {
    matrix.squared_norm_l2()
}
