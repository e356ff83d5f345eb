//! Meyer, Musco, Musco and Woodruff, *Hutch++: Optimal stochastic trace estimation* (2021).

use super::{Counted, CurvatureError, Sampled, Stream, SymmetricOperator, forms, signs};

/// tr(QᵀAQ) + ωᵀ(I − QQᵀ)A(I − QQᵀ)ω for as many ω as a third of the products allows.
///
/// Q is an orthonormal basis of A S, S random signs, from another third; QᵀAQ takes the last. Given
/// Q the samples are independent and unbiased, so their scatter is an honest standard error.
pub(super) fn estimate<A: SymmetricOperator + ?Sized>(
    operator: &mut Counted<'_, A>,
    matvecs: usize,
    stream: &mut Stream,
) -> Result<Sampled, CurvatureError<A::Error>> {
    let sketched = matvecs / 3;
    let sketch = signs(operator.dim(), sketched, stream);
    let range = operator.block(sketch.as_ref())?.qr().compute_thin_Q();
    let known: f64 = forms(&range, &operator.block(range.as_ref())?).sum();
    let probes = signs(operator.dim(), matvecs - 2 * sketched, stream);
    let rest = &probes - &range * (range.transpose() * &probes);
    let images = operator.block(rest.as_ref())?;
    let samples: Vec<f64> = forms(&rest, &images).map(|form| known + form).collect();
    Ok(Sampled::mean(&samples))
}
