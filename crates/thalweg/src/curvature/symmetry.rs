//! Whether an operator is symmetric, which everything else here takes for granted.

use faer::Mat;

use super::error::require;
use super::operator::Counted;
use super::{CurvatureError, SymmetricOperator};
use crate::random::{Purpose, Stream};

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
    require(tolerance > 0.0, "symmetry tolerance", tolerance, "positive")
        .map_err(CurvatureError::widen)?;
    let mut operator = Counted::new(operator)?;
    let mut stream = Stream::new(seed, Purpose::Probes);
    let probes = Mat::from_fn(operator.dim(), PROBES, |_, _| stream.normal());
    let images = operator.block(probes.as_ref())?;
    let forms = probes.transpose() * &images;
    let pairs = (PROBES * (PROBES - 1)) as f64;
    let difference = (&forms - forms.transpose()).norm_l2() / pairs.sqrt();
    let size = images.norm_l2() / (PROBES as f64).sqrt();
    if difference <= tolerance * size {
        return Ok(());
    }
    Err(CurvatureError::NotSymmetric {
        found: difference / size,
        tolerance,
    })
}
