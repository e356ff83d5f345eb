//! What earlier solutions of a linear system say of the next.

use faer::Mat;

use crate::flow::{
    conjugate::inner,
    products::{Real, add_all},
};

/// Solutions p_i of systems A p = b for one A, symmetric and positive, made ⟨p_i, A p_j⟩ = 1 for i = j and 0 else, each with A p_i
/// (P. F. Fischer, Comput. Methods Appl. Mech. Eng. 163, 1998).
///
/// Corrections of one step are much like those of the last: what is left of the right side beside these takes fewer iterations.
pub(super) struct Known<T: Real>(Vec<Solution<T>>);

/// p and A p.
type Solution<T> = (Vec<Mat<T>>, Vec<Mat<T>>);

/// So many are kept: each takes a tenth of the time of an iteration.
const MOST: usize = 12;

impl<T: Real> Known<T> {
    /// Nothing as yet.
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// The best x among them for the right side `rest`, of which A x is taken off.
    pub(super) fn take_off(&self, rest: &mut [Mat<T>]) -> Option<Vec<Mat<T>>> {
        let mut guess: Option<Vec<Mat<T>>> = None;
        for (solution, image) in &self.0 {
            let along = inner(solution, rest);
            let into = guess.get_or_insert_with(|| {
                let shapes = solution.iter();
                shapes.map(|p| Mat::zeros(p.nrows(), p.ncols())).collect()
            });
            add_all(into, along, solution);
            add_all(rest, -along, image);
        }
        guess
    }

    /// Keeps `x`, for which A x is the right side `before` less the `rest` that is left of it.
    pub(super) fn keep(&mut self, x: &[Mat<T>], before: Vec<Mat<T>>, rest: &[Mat<T>]) {
        if self.0.len() == MOST {
            return;
        }
        let (mut x, mut image) = (x.to_vec(), before);
        add_all(&mut image, -1.0, rest);
        for (known, known_image) in &self.0 {
            let along = inner(known_image, &x);
            add_all(&mut x, -along, known);
            add_all(&mut image, -along, known_image);
        }
        let energy = inner(&x, &image);
        if energy > 0.0 && energy.is_finite() {
            let scale = T::rounded(energy.sqrt().recip());
            for part in x.iter_mut().chain(&mut image) {
                *part *= faer::Scale(scale);
            }
            self.0.push((x, image));
        }
    }
}
