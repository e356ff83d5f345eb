//! Hutchinson, *A stochastic estimator of the trace of the influence matrix* (1990).

use super::{Counted, CurvatureError, Sampled, Stream, SymmetricOperator, forms, signs};

/// Probes applied at a time: enough to fill a block product, few enough to store.
const BLOCK: usize = 32;

/// ωᵀAω for `matvecs` vectors of random signs: E ωωᵀ = I, and the diagonal of A adds no variance.
pub(super) fn estimate<A: SymmetricOperator + ?Sized>(
    operator: &mut Counted<'_, A>,
    matvecs: usize,
    stream: &mut Stream,
) -> Result<Sampled, CurvatureError<A::Error>> {
    let mut samples = Vec::with_capacity(matvecs);
    while samples.len() < matvecs {
        let width = BLOCK.min(matvecs - samples.len());
        let probes = signs(operator.dim(), width, stream);
        let images = operator.block(probes.as_ref())?;
        samples.extend(forms(&probes, &images));
    }
    Ok(Sampled::mean(&samples))
}
