//! Gaussian elimination of a matrix in its own place, on this thread where the matrix is small.

use faer::{
    Conj, Mat, MatMut, Par,
    dyn_stack::{MemBuffer, MemStack},
    linalg::lu::partial_pivoting::{factor, solve},
    perm::PermRef,
};

/// Up to this many rows a second thread costs more than it saves.
const SMALL: usize = 512;

/// L and U with A = Pᵀ L U.
pub(super) struct Lu {
    /// U on and above the diagonal, L below it.
    factors: Mat<f64>,
    rows: Vec<usize>,
    rows_back: Vec<usize>,
}

impl Lu {
    /// The factors of a square matrix.
    pub(super) fn new(mut matrix: Mat<f64>) -> Self {
        let size = matrix.nrows();
        let (mut rows, mut rows_back) = (vec![0; size], vec![0; size]);
        let par = threads(size);
        let scratch =
            factor::lu_in_place_scratch::<usize, f64>(size, size, par, Default::default());
        factor::lu_in_place(
            matrix.as_mut(),
            &mut rows,
            &mut rows_back,
            par,
            MemStack::new(&mut MemBuffer::new(scratch)),
            Default::default(),
        );
        Self {
            factors: matrix,
            rows,
            rows_back,
        }
    }

    /// A⁻¹ x.
    pub(super) fn solve_in_place(&self, x: &mut [f64]) {
        let size = x.len();
        let par = threads(size);
        let scratch = solve::solve_in_place_scratch::<usize, f64>(size, 1, par);
        solve::solve_in_place_with_conj(
            self.factors.as_ref(),
            self.factors.as_ref(),
            PermRef::new_checked(&self.rows, &self.rows_back, size),
            Conj::No,
            MatMut::from_column_major_slice_mut(x, size, 1),
            par,
            MemStack::new(&mut MemBuffer::new(scratch)),
        );
    }
}

fn threads(size: usize) -> Par {
    if size <= SMALL {
        Par::Seq
    } else {
        faer::get_global_parallelism()
    }
}
