//! The noise of dropped inputs, which depends on them.
//!
//! With x̃ = x ∘ m/(1 − p), m zeros and ones, the residual r = y − V′x̃ is uncorrelated with x̃ and depends on it all the same: what dropping an input adds to r is
//! there where that input is not in x̃. So E (r_a x̃_i)(r_c x̃_j), the noise that moves SGD along the minima, is not Σε′ ⊗ Σx′. How far it is from that is found here, exactly
//! at any p, for Gaussian x of covariance S before dropout. (Beyond the paper.)
//!
//! For masks held still r and x̃ are Gaussian together, and fourth moments are sums of products of second ones; these are polynomials of
//! m/(1 − p) = 1 + z, whose entries are independent with the moments E z² = q = p/(1 − p), κ₃ and κ₄. For outputs a, c, with v_l = V′_al V′_cl, s = diag S, D = diag(v ∘ s), the
//! difference is, as a matrix over i, j,
//!
//! (3κ₃ − 4q²)(DS + SD) + 2q S diag(v) S + diag_i((2q³ − 6qκ₃ + 3(κ₄ − q²)) v_i s_i² + 2q² Σ_{l≠i} v_l S_li²) + 2q² S_ij² (V′_ai V′_cj + V′_aj V′_ci), the last for i ≠ j.
//!
//! To first order in p, and where S is diagonal, it is −p v_i s_i² at i = j: of the noise that dropout adds an input's own part is missing beside that input.

use faer::{Mat, prelude::SolveLstsq};

use super::point::Model;

/// E (r_a ξ_i)(r_c ξ_j) − Σε′_ac δ_ij for x̃ = Xξ, over (a, i) and (c, j), outputs running fastest: p is `dropped`, and the model that of the problem that is in effect
/// learnt.
pub(super) fn dependence(model: &Model, dropped: f64) -> Mat<f64> {
    let root = model.root();
    let (inputs, outputs, rank) = (root.nrows(), model.outputs(), root.ncols());
    let after = root * root.transpose();
    let before = Mat::from_fn(inputs, inputs, |i, j| {
        let kept = if i == j { 1.0 - dropped } else { 1.0 };
        kept * after[(i, j)]
    });
    // X⁺.
    let back = root.qr().solve_lstsq(Mat::<f64>::identity(inputs, inputs));
    let teacher = model.target() * &back;
    let moments = Moments::of(dropped);
    let mut noise = Mat::<f64>::zeros(outputs * rank, outputs * rank);
    for c in 0..outputs {
        for a in 0..outputs {
            let block = moments.block(&before, &teacher, (a, c));
            let block = &back * block * back.transpose();
            for (i, j) in (0..rank).flat_map(|i| (0..rank).map(move |j| (i, j))) {
                noise[(i * outputs + a, j * outputs + c)] = block[(i, j)];
            }
        }
    }
    noise
}

/// E z², E z³ and E z⁴ of z = m/(1 − p) − 1.
struct Moments {
    second: f64,
    third: f64,
    fourth: f64,
}

impl Moments {
    fn of(dropped: f64) -> Self {
        let kept = 1.0 - dropped;
        // z is q where an input is kept, and −1 where it is dropped.
        let q = dropped / kept;
        Self {
            second: q,
            third: kept * q.powi(3) - dropped,
            fourth: kept * q.powi(4) + dropped,
        }
    }

    /// The difference for outputs a and c, over inputs.
    fn block(&self, s: &Mat<f64>, teacher: &Mat<f64>, (a, c): (usize, usize)) -> Mat<f64> {
        let Self {
            second: q,
            third,
            fourth,
        } = *self;
        let inputs = s.nrows();
        let v: Vec<f64> = (0..inputs)
            .map(|l| teacher[(a, l)] * teacher[(c, l)])
            .collect();
        let scaled = Mat::from_fn(inputs, inputs, |i, j| v[i] * s[(i, j)]);
        let through = s * scaled;
        let alone = 2.0 * q.powi(3) - 6.0 * q * third + 3.0 * (fourth - q * q);
        Mat::from_fn(inputs, inputs, |i, j| {
            let sides = v[i] * s[(i, i)] + v[j] * s[(j, j)];
            let common =
                (3.0 * third - 4.0 * q * q) * sides * s[(i, j)] + 2.0 * q * through[(i, j)];
            let square = |l: usize| s[(l, j)].powi(2);
            let own = if i == j {
                let others: f64 = (0..inputs)
                    .filter(|l| *l != i)
                    .map(|l| v[l] * square(l))
                    .sum();
                alone * v[i] * square(i) + 2.0 * q * q * others
            } else {
                let both = teacher[(a, i)] * teacher[(c, j)] + teacher[(a, j)] * teacher[(c, i)];
                2.0 * q * q * square(i) * both
            };
            common + own
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Basis, Problem, covariance};
    use crate::recipe::Recipe;

    /// All masks, each with Isserlis' theorem: E r_a r_c x̃_i x̃_j = R_ac X_ij + C_ai C_cj + C_aj C_ci.
    fn by_masks(plain: &Problem, learnt: &Problem, dropped: f64) -> Mat<f64> {
        let (inputs, outputs) = (plain.input_dim(), plain.output_dim());
        let s = plain.input_covariance();
        let mut moments = Mat::<f64>::zeros(outputs * inputs, outputs * inputs);
        for mask in 0..1usize << inputs {
            let is_kept = |i: usize| mask >> i & 1 == 1;
            let chance: f64 = (0..inputs)
                .map(|i| if is_kept(i) { 1.0 - dropped } else { dropped })
                .product();
            let kept = Mat::from_fn(inputs, inputs, |i, j| {
                if i == j && is_kept(i) {
                    1.0 / (1.0 - dropped)
                } else {
                    0.0
                }
            });
            let missing = plain.teacher() - learnt.teacher() * &kept;
            let x = &kept * s * &kept;
            let r = plain.noise_covariance() + &missing * s * missing.transpose();
            let both = &missing * s * &kept;
            for (i, a) in (0..inputs).flat_map(|i| (0..outputs).map(move |a| (i, a))) {
                for (j, c) in (0..inputs).flat_map(|j| (0..outputs).map(move |c| (j, c))) {
                    moments[(i * outputs + a, j * outputs + c)] += chance
                        * (r[(a, c)] * x[(i, j)]
                            + both[(a, i)] * both[(c, j)]
                            + both[(a, j)] * both[(c, i)]);
                }
            }
        }
        moments
    }

    #[test]
    fn it_is_the_mean_over_all_masks() {
        let turned =
            |values: &[f64], seed| covariance::from_spectrum(values, Basis::Random { seed });
        for (dropped, seed) in [(0.01, 1), (0.2, 2), (0.7, 3)] {
            let teacher = Basis::Random { seed: seed + 10 }.matrix(4);
            let teacher = Mat::from_fn(2, 4, |i, j| teacher[(i, j)] * (1 + i + j) as f64);
            let plain = Problem::new(
                turned(&[2.0, 1.0, 0.5, 0.1], seed),
                teacher,
                turned(&[0.3, 0.01], seed + 5),
                2,
            );
            let plain = plain.unwrap();
            let recipe = Recipe {
                input_dropout: dropped,
                ..Recipe::default()
            };
            let learnt = recipe.problem(&plain).unwrap().into_owned();
            let model = Model::new(&learnt);
            let (root, outputs) = (model.root(), model.outputs());
            let found = dependence(&model, dropped);
            // X ⊗ I on both sides, with Σε′ ⊗ I added.
            let size = outputs * root.nrows();
            let wide = Mat::from_fn(size, outputs * root.ncols(), |row, column| {
                if row % outputs == column % outputs {
                    root[(row / outputs, column / outputs)]
                } else {
                    0.0
                }
            });
            let noise = learnt.noise_covariance();
            let all = Mat::from_fn(found.nrows(), found.ncols(), |row, column| {
                let same = if row / outputs == column / outputs {
                    noise[(row % outputs, column % outputs)]
                } else {
                    0.0
                };
                found[(row, column)] + same
            });
            let all = &wide * all * wide.transpose();
            let expected = by_masks(&plain, &learnt, dropped);
            let off = (&all - &expected).norm_max() / expected.norm_max();
            assert!(off < 1e-12, "{dropped}: {off}");
            // And it is no rounding.
            let size = (&wide * &found * wide.transpose()).norm_max() / expected.norm_max();
            assert!(size > 1e-3, "{dropped}: {size}");
        }
    }
}
