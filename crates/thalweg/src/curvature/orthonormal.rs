//! Orthonormal directions beside those that there are already.

use faer::{Mat, MatRef, Side};

use super::space::Products;
use super::{CurvatureError, VectorSpace};
use crate::Stop;

/// Directions are taken together from a Gram matrix while its eigenvalues are within this of 1: its condition squared
/// would cost digits.
const CONDITION: f64 = 1e-2;
/// Where they are within this, they are orthonormal to rounding at once.
const GOOD: f64 = 0.25;
/// A projection has left enough of a vector when it took less than this times what is left.
const TAKEN: f64 = 0.5;
/// Columns of a block that are made orthonormal together.
const PANEL: usize = 8;
/// Rounds after which a direction that is still not clear of the others is given up.
const ROUNDS: usize = 8;
/// What is this many times the rounding error is rounding.
pub(super) const ROUNDING: f64 = 32.0;

/// Puts orthonormal directions of `vectors` into `basis`, whose first `filled` columns are orthonormal, from
/// there on: `wanted` of them, random ones where `vectors` has fewer. Its columns are W, `count` of them.
///
/// The answer is H with W = U H, U being `basis` then: (filled + wanted) × count. What is left of a column and
/// not longer than its entry in `rounding` is dropped.
///
/// Block Gram–Schmidt by classical projections, as often as rounding makes it necessary, and within the block by the
/// eigenvectors of its Gram matrix (Stathopoulos and Wu, *A block orthogonalization procedure with constant
/// synchronization requirements*, 2002): all of it in products of blocks.
pub(super) fn extend<S: VectorSpace + ?Sized>(
    products: &mut Products<'_, S>,
    basis: &mut S::Block,
    filled: usize,
    mut vectors: S::Block,
    rounding: &[f64],
    wanted: usize,
) -> Result<Mat<f64>, CurvatureError<S::Error>> {
    let most = filled + wanted;
    let mut coefficients = Mat::zeros(most, rounding.len());
    let mut reached = gather(
        products,
        basis,
        (filled, most),
        &mut vectors,
        rounding,
        &mut coefficients,
    )?;
    drop(vectors);
    while reached < most {
        let count = most - reached;
        let mut random = products
            .space
            .normal(count)
            .map_err(CurvatureError::Operator)?;
        // Of length √n; where so little is left, the basis is as good as whole.
        let length = (products.dim() as f64).sqrt();
        let rounding = vec![ROUNDING * products.space.epsilon() * length; count];
        let mut unused = Mat::zeros(most, count);
        reached = gather(
            products,
            basis,
            (reached, most),
            &mut random,
            &rounding,
            &mut unused,
        )?;
    }
    Ok(coefficients)
}

/// Puts an orthonormal basis Q of W, the first `count` columns of `block`, in their place, and gives R with W = Q R. Where W has lower
/// rank, Q has random directions too.
pub(super) fn in_place<S: VectorSpace + ?Sized>(
    products: &mut Products<'_, S>,
    block: &mut S::Block,
    count: usize,
) -> Result<Mat<f64>, CurvatureError<S::Error>> {
    let mut r = Mat::zeros(count, count);
    for start in (0..count).step_by(PANEL) {
        let end = count.min(start + PANEL);
        let width = end - start;
        let own = Mat::<f64>::identity(width, width);
        let space = &mut *products.space;
        let panel = space
            .combine(block, start..end, own.as_ref())
            .map_err(CurvatureError::Operator)?;
        let squares = space
            .dots(&panel, &panel)
            .map_err(CurvatureError::Operator)?;
        let rounding = ROUNDING * space.epsilon();
        let limits: Vec<f64> = squares.iter().map(|s| rounding * s.sqrt()).collect();
        let part = extend(products, block, start, panel, &limits, width)?;
        r.submatrix_mut(0, start, end, width).copy_from(&part);
    }
    Ok(r)
}

/// As [`extend`], without random directions: how many columns of `basis` there are at the end, at most `most`.
fn gather<S: VectorSpace + ?Sized>(
    products: &mut Products<'_, S>,
    basis: &mut S::Block,
    (mut filled, most): (usize, usize),
    vectors: &mut S::Block,
    rounding: &[f64],
    coefficients: &mut Mat<f64>,
) -> Result<usize, CurvatureError<S::Error>> {
    let count = rounding.len();
    let matvecs = products.matvecs();
    let space = &mut *products.space;
    let stop = Stop::here();
    for _ in 0..ROUNDS {
        stop.asked()?;
        let mut taken = vec![0.0; count];
        if filled > 0 {
            let overlaps = space
                .inner(basis, 0..filled, vectors)
                .map_err(CurvatureError::Operator)?;
            let minus = -&overlaps;
            space
                .add(vectors, basis, 0..filled, minus.as_ref())
                .map_err(CurvatureError::Operator)?;
            let mut sums = coefficients.as_mut().subrows_mut(0, filled);
            sums += &overlaps;
            taken = overlaps.col_iter().map(|c| c.norm_l2()).collect();
        }
        if filled == most {
            return Ok(filled);
        }
        let gram = space
            .inner(vectors, 0..count, vectors)
            .map_err(CurvatureError::Operator)?;
        if !gram.is_all_finite() {
            return Err(CurvatureError::NonFinite { matvecs });
        }
        let lengths: Vec<f64> = (0..count).map(|j| gram[(j, j)].max(0.0).sqrt()).collect();
        let left: Vec<usize> = (0..count).filter(|&j| lengths[j] > rounding[j]).collect();
        if left.is_empty() {
            return Ok(filled);
        }
        if left.iter().any(|&j| taken[j] > TAKEN * lengths[j]) {
            continue;
        }
        let found = Directions::of(gram.as_ref(), &lengths, &left, most - filled)
            .map_err(CurvatureError::widen)?;
        let size = found.from_vectors.ncols();
        let from_vectors = found.from_vectors.as_ref();
        if found.good {
            space
                .place(basis, filled, vectors, from_vectors)
                .map_err(CurvatureError::Operator)?;
        } else {
            let mut new = space
                .combine(vectors, 0..count, from_vectors)
                .map_err(CurvatureError::Operator)?;
            let gram = space
                .inner(&new, 0..size, &new)
                .map_err(CurvatureError::Operator)?;
            let polish = inverse_root(gram.as_ref()).map_err(CurvatureError::widen)?;
            space
                .transform(&mut new, 0..size, polish.as_ref())
                .and_then(|()| space.put(basis, filled, &new))
                .map_err(CurvatureError::Operator)?;
        }
        filled += size;
        if found.whole && found.good {
            // W = Q (QᵀW), and QᵀW is known.
            let mut sums = coefficients.as_mut().subrows_mut(filled - size, size);
            sums += &found.to_vectors;
            return Ok(filled);
        }
    }
    Ok(filled)
}

/// Orthonormal directions of some vectors, from their Gram matrix.
struct Directions {
    /// Q = W M.
    from_vectors: Mat<f64>,
    /// W = Q R, if all directions are there.
    to_vectors: Mat<f64>,
    /// All that the vectors have.
    whole: bool,
    /// Orthonormal to rounding.
    good: bool,
}

impl Directions {
    /// Those of the columns `left`, at most `most` of them: the clearest.
    fn of(
        gram: MatRef<'_, f64>,
        lengths: &[f64],
        left: &[usize],
        most: usize,
    ) -> Result<Self, CurvatureError> {
        let scaled = Mat::from_fn(left.len(), left.len(), |i, j| {
            gram[(left[i], left[j])] / (lengths[left[i]] * lengths[left[j]])
        });
        let (values, vectors) = eigen(scaled.as_ref())?;
        // Ascending.
        let clear = values.iter().filter(|&&value| value > CONDITION).count();
        let size = clear.min(most);
        let first = values.len() - size;
        let root = |k: usize| values[first + k].sqrt();
        let mut from_vectors = Mat::zeros(lengths.len(), size);
        let mut to_vectors = Mat::zeros(size, lengths.len());
        for k in 0..size {
            for (i, &column) in left.iter().enumerate() {
                let entry = vectors[(i, first + k)];
                from_vectors[(column, k)] = entry / (root(k) * lengths[column]);
                to_vectors[(k, column)] = entry * root(k) * lengths[column];
            }
        }
        Ok(Self {
            from_vectors,
            to_vectors,
            whole: size == values.len(),
            good: values[first] > GOOD,
        })
    }
}

/// G^(−1/2).
fn inverse_root(gram: MatRef<'_, f64>) -> Result<Mat<f64>, CurvatureError> {
    let (values, vectors) = eigen(gram)?;
    let scaled = Mat::from_fn(vectors.nrows(), vectors.ncols(), |i, j| {
        vectors[(i, j)] / values[j].sqrt()
    });
    Ok(scaled * vectors.transpose())
}

fn eigen(matrix: MatRef<'_, f64>) -> Result<(Vec<f64>, Mat<f64>), CurvatureError> {
    if matrix.nrows() == 1 {
        return Ok((vec![matrix[(0, 0)]], Mat::from_fn(1, 1, |_, _| 1.0)));
    }
    let found =
        matrix
            .self_adjoint_eigen(Side::Lower)
            .map_err(|_| CurvatureError::Decomposition {
                what: "eigenvalue decomposition of a Gram matrix",
            })?;
    let values = (0..matrix.nrows()).map(|i| found.S()[i]).collect();
    Ok((values, found.U().to_owned()))
}
