//! Whether an operator is symmetric, which everything else here takes for granted.

use super::error::require;
use super::host::Host;
use super::space::Products;
use super::{CurvatureError, SymmetricOperator, VectorSpace};

/// Random vectors compared with one another.
const PROBES: usize = 4;

/// Checks that xᵀA y = yᵀA x for all pairs of four random vectors, at the cost of four products.
///
/// With standard normal x and y, xᵀ(A − Aᵀ)y has variance ‖A − Aᵀ‖² (Frobenius), so the pairs' mean square
/// estimates it, and ‖A x‖² estimates ‖A‖². An operator in single precision is symmetric to about 1e-6.
///
/// # Errors
/// [`CurvatureError::NotSymmetric`] when ‖A − Aᵀ‖ is estimated to be above `tolerance` · ‖A‖; or when
/// `tolerance` is not positive, or a product fails or is not finite.
pub fn check_symmetry<A: SymmetricOperator + ?Sized>(
    operator: &mut A,
    tolerance: f64,
    seed: u64,
) -> Result<(), CurvatureError<A::Error>> {
    check_symmetry_in(&mut Host::new(operator, seed), tolerance)
}

/// [`check_symmetry`] of a space's operator.
///
/// # Errors
/// As [`check_symmetry`].
pub fn check_symmetry_in<S: VectorSpace + ?Sized>(
    space: &mut S,
    tolerance: f64,
) -> Result<(), CurvatureError<S::Error>> {
    require(tolerance > 0.0, "symmetry tolerance", tolerance, "positive")
        .map_err(CurvatureError::widen)?;
    let mut products = Products::new(space)?;
    let probes = products
        .space
        .normal(PROBES)
        .map_err(CurvatureError::Operator)?;
    let images = products.apply(&probes, 0..PROBES)?;
    let space = products.space;
    let forms = space
        .inner(&probes, 0..PROBES, &images)
        .map_err(CurvatureError::Operator)?;
    let squares = space
        .dots(&images, &images)
        .map_err(CurvatureError::Operator)?;
    let pairs = (PROBES * (PROBES - 1)) as f64;
    let difference = (&forms - forms.transpose()).norm_l2() / pairs.sqrt();
    let size = (squares.iter().sum::<f64>() / PROBES as f64).sqrt();
    if difference <= tolerance * size {
        return Ok(());
    }
    Err(CurvatureError::NotSymmetric {
        found: difference / size,
        tolerance,
    })
}
