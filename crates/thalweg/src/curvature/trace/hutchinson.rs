//! Hutchinson, *A stochastic estimator of the trace of the influence matrix* (1990).

use super::{CurvatureError, Products, Sampled, VectorSpace, WIDTH};

/// ωᵀAω for `matvecs` vectors of random signs: E ωωᵀ = I, and the diagonal of A adds no variance.
pub(super) fn estimate<S: VectorSpace + ?Sized>(
    products: &mut Products<'_, S>,
    matvecs: usize,
) -> Result<Sampled, CurvatureError<S::Error>> {
    let mut samples = Vec::with_capacity(matvecs);
    while samples.len() < matvecs {
        let width = WIDTH.min(matvecs - samples.len());
        let probes = products
            .space
            .signs(width)
            .map_err(CurvatureError::Operator)?;
        products.each(&probes, width, width, |space, _, images| {
            samples.extend(space.dots(&probes, &images)?);
            Ok(())
        })?;
    }
    Ok(Sampled::mean(&samples))
}
