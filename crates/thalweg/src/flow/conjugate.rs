//! Conjugate gradients on lists of matrices.

use faer::Mat;

use super::products::{Real, add, dot};

/// The solution of A x = b, A symmetric and positive, from x = 0.
///
/// `rest` is b, and then what is left of it. `apply` is A and `nearly` something like its inverse. `enough` says whether to stop, given ⟨r, nearly r⟩ of what is left, and by how much each iteration so far
/// lowered the energy ⟨e, A e⟩ of the error. Beside x it says whether that was so after at most `most` iterations, and A positive in all of them.
pub(super) fn conjugate_gradients<T: Real>(
    rest: &mut [Mat<T>],
    apply: impl Fn(&[Mat<T>]) -> Vec<Mat<T>>,
    nearly: impl Fn(&[Mat<T>]) -> Vec<Mat<T>>,
    most: usize,
    enough: impl Fn(f64, &[f64]) -> bool,
) -> (Vec<Mat<T>>, bool) {
    let mut x: Vec<Mat<T>> = rest
        .iter()
        .map(|b| Mat::zeros(b.nrows(), b.ncols()))
        .collect();
    let mut direction = nearly(rest);
    let mut size = inner(rest, &direction);
    let mut gains = Vec::new();
    loop {
        if size <= 0.0 || enough(size, &gains) {
            return (x, true);
        }
        if gains.len() == most {
            return (x, false);
        }
        let image = apply(&direction);
        let step = size / inner(&direction, &image);
        if !step.is_finite() {
            return (x, false);
        }
        gains.push(step * size);
        for k in 0..x.len() {
            add(&mut x[k], T::rounded(step), &direction[k]);
            add(&mut rest[k], T::rounded(-step), &image[k]);
        }
        let towards = nearly(rest);
        let next = inner(rest, &towards);
        for (direction, mut towards) in direction.iter_mut().zip(towards) {
            add(&mut towards, T::rounded(next / size), direction);
            *direction = towards;
        }
        size = next;
    }
}

/// Σ_k tr(A_kᵀ B_k).
pub(super) fn inner<T: Real>(a: &[Mat<T>], b: &[Mat<T>]) -> f64 {
    a.iter().zip(b).map(|(a, b)| dot(a, b)).sum()
}
