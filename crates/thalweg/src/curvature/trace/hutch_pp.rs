//! Meyer, Musco, Musco and Woodruff, *Hutch++: Optimal stochastic trace estimation* (2021).

use super::{CurvatureError, Products, Sampled, VectorSpace, WIDTH, in_place};

/// tr(QᵀAQ) + ωᵀ(I − QQᵀ)A(I − QQᵀ)ω for as many ω as a third of the products allows.
///
/// Q is an orthonormal basis of A S, S random signs, from another third; QᵀAQ takes the last. Given
/// Q the samples are independent and unbiased, so their scatter is an honest standard error.
pub(super) fn estimate<S: VectorSpace + ?Sized>(
    products: &mut Products<'_, S>,
    matvecs: usize,
) -> Result<Sampled, CurvatureError<S::Error>> {
    let sketched = matvecs / 3;
    let mut range = products
        .space
        .room(sketched)
        .map_err(CurvatureError::Operator)?;
    for start in (0..sketched).step_by(WIDTH) {
        let width = WIDTH.min(sketched - start);
        let signs = products
            .space
            .signs(width)
            .map_err(CurvatureError::Operator)?;
        products.each(&signs, width, width, |space, _, images| {
            space.put(&mut range, start, &images)
        })?;
    }
    in_place(products, &mut range, sketched)?;
    let mut known = 0.0;
    products.each(&range, sketched, WIDTH, |space, columns, images| {
        let width = columns.len();
        let forms = space.inner(&range, columns, &images)?;
        known += (0..width).map(|i| forms[(i, i)]).sum::<f64>();
        Ok(())
    })?;
    let count = matvecs - 2 * sketched;
    let mut samples = Vec::with_capacity(count);
    while samples.len() < count {
        let width = WIDTH.min(count - samples.len());
        let space = &mut *products.space;
        let mut rest = space.signs(width).map_err(CurvatureError::Operator)?;
        let overlaps = space
            .inner(&range, 0..sketched, &rest)
            .map_err(CurvatureError::Operator)?;
        let minus = -overlaps;
        space
            .add(&mut rest, &range, 0..sketched, minus.as_ref())
            .map_err(CurvatureError::Operator)?;
        products.each(&rest, width, width, |space, _, images| {
            let forms = space.dots(&rest, &images)?;
            samples.extend(forms.iter().map(|form| known + form));
            Ok(())
        })?;
    }
    Ok(Sampled::mean(&samples))
}
