//! The few dense decompositions that the theory uses, with its own errors.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::svd::{ComputeSvdVectors, svd, svd_scratch};
use faer::{Mat, MatRef, Par};

use super::TheoryError;
use super::jacobi::graded_svd;

/// From this size on the Gram matrix is tried first: below it nothing is slow.
const GRAM_SIZE: usize = 128;
/// The least λ_min/λ_max of a Gram matrix that is trusted. Its eigenvalues are wrong by some ε λ_max,
/// so their roots are right to some 10³ ε.
const GRAM_CONDITION: f64 = 1e-3;

/// Singular values below this share of the largest would be wrong from the tenth digit on.
const WEAK: f64 = 1e-6;
/// The largest matrix whose weak singular values are found by rotations, which take their time.
const ROTATED: usize = 256;

/// Singular values, descending. An empty matrix has none.
pub(super) fn singular_values(matrix: MatRef<'_, f64>) -> Result<Vec<f64>, TheoryError> {
    let size = matrix.nrows().min(matrix.ncols());
    if size >= GRAM_SIZE
        && let Some(values) = gram_singular_values(matrix)?
    {
        return Ok(values);
    }
    decompose(matrix, ComputeSvdVectors::No).map(|svd| svd.singular_values)
}

/// Roots of the eigenvalues of AAᵀ or AᵀA, in a third of the time of a decomposition of A; nothing
/// where A is too badly conditioned for its square.
fn gram_singular_values(matrix: MatRef<'_, f64>) -> Result<Option<Vec<f64>>, TheoryError> {
    let gram = if matrix.nrows() <= matrix.ncols() {
        matrix * matrix.transpose()
    } else {
        matrix.transpose() * matrix
    };
    let values = eigenvalues(gram.as_ref())?;
    let trusted = values[0] >= GRAM_CONDITION * values[values.len() - 1];
    Ok((trusted && values[0] > 0.0).then(|| values.iter().rev().map(|v| v.sqrt()).collect()))
}

/// L diag(S) Rᵀ, with min(rows, columns) columns in L and R and S descending.
pub(super) struct ThinSvd {
    pub(super) left: Mat<f64>,
    pub(super) singular_values: Vec<f64>,
    pub(super) right: Mat<f64>,
}

/// The thin SVD; that of an empty matrix is empty.
pub(super) fn thin_svd(matrix: MatRef<'_, f64>) -> Result<ThinSvd, TheoryError> {
    let svd = decompose(matrix, ComputeSvdVectors::Thin)?;
    let graded = match svd.singular_values[..] {
        [largest, .., smallest] => smallest < WEAK * largest,
        _ => false,
    };
    if graded && svd.singular_values.len() <= ROTATED {
        return Ok(graded_svd(matrix).unwrap_or(svd));
    }
    Ok(svd)
}

/// The SVD, with empty L and R where no vectors are asked for. On the calling thread alone: it is bound
/// by memory, so that a second thread costs more than it saves and is better used for another matrix.
fn decompose(matrix: MatRef<'_, f64>, vectors: ComputeSvdVectors) -> Result<ThinSvd, TheoryError> {
    let (rows, columns) = (matrix.nrows(), matrix.ncols());
    let size = rows.min(columns);
    let with_vectors = vectors != ComputeSvdVectors::No;
    let kept = if with_vectors { size } else { 0 };
    let (mut left, mut right) = (Mat::zeros(rows, kept), Mat::zeros(columns, kept));
    let mut values = Diag::<f64>::zeros(size);
    if size > 0 {
        let scratch = svd_scratch::<f64>(
            rows,
            columns,
            vectors,
            vectors,
            Par::Seq,
            Default::default(),
        );
        svd(
            matrix,
            values.as_mut(),
            with_vectors.then(|| left.as_mut()),
            with_vectors.then(|| right.as_mut()),
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
            Default::default(),
        )
        .map_err(|_| TheoryError::NotConverged {
            what: "singular value decomposition",
        })?;
    }
    Ok(ThinSvd {
        left,
        singular_values: values.column_vector().iter().copied().collect(),
        right,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Basis, teacher};

    /// A `rows` × `columns` matrix with singular values from 1 down to `least`, equally spaced, known
    /// as given.
    fn known(rows: usize, columns: usize, least: f64) -> (Mat<f64>, Vec<f64>) {
        let size = rows.min(columns);
        let step = (1.0 - least) / (size as f64 - 1.0);
        let values: Vec<f64> = (0..size).map(|i| 1.0 - step * i as f64).collect();
        let bases = (Basis::Random { seed: 1 }, Basis::Random { seed: 2 });
        let matrix = teacher::from_singular_values(rows, columns, &values, bases.0, bases.1);
        (matrix, values)
    }

    #[test]
    fn the_gram_matrix_keeps_twelve_digits_or_is_refused() {
        for (rows, columns) in [(150, 150), (150, 200), (200, 150)] {
            let (matrix, values) = known(rows, columns, 0.04);
            let found = gram_singular_values(matrix.as_ref()).unwrap().unwrap();
            for (found, value) in found.iter().zip(&values) {
                assert!((found / value - 1.0).abs() < 1e-12, "{found} {value}");
            }
            let (matrix, values) = known(rows, columns, 0.001);
            assert_eq!(gram_singular_values(matrix.as_ref()), Ok(None));
            let found = singular_values(matrix.as_ref()).unwrap();
            assert_eq!(found.len(), values.len());
            for (found, value) in found.iter().zip(&values) {
                assert!((found / value - 1.0).abs() < 1e-11, "{found} {value}");
            }
        }
    }
}
