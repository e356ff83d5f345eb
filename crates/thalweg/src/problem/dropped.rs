//! Dropped inputs: the noise of what is in effect learnt depends on them.
//!
//! With x̃ = x ∘ m/(1 − p), m zeros and ones, the residual r = y − V′x̃ is uncorrelated with x̃ and depends on it all the same: what dropping an input adds to r is
//! there where that input is not in x̃. So E (r_a x̃_i)(r_c x̃_j), what gradients fluctuate by and what moves SGD along the minima, is not Σx′ ⊗ Σε′. How far it is from
//! that is found here, exactly at any p, for Gaussian x of covariance S before dropout. (Beyond the paper.)
//!
//! For masks held still r and x̃ are Gaussian together, and fourth moments are sums of products of second ones; these are polynomials of
//! m/(1 − p) = 1 + z, whose entries are independent with the moments E z² = q = p/(1 − p), κ₃ and κ₄. For outputs a, c, with U_ij = V′_ai V′_cj, u = diag U, s = diag S,
//! D = diag(u ∘ s), the difference is, as a matrix over i, j,
//!
//! (3κ₃ − 4q²)(DS + SD) + 2q S diag(u) S + diag_i((2q³ − 6qκ₃ + 3(κ₄ − q²)) u_i s_i² + 2q² Σ_{l≠i} u_l S_li²) + 2q² S_ij² (U_ij + U_ji), the last for i ≠ j.
//!
//! Where S is diagonal it is −p u_i s_i²/(1 − p)³ at i = j: of the noise that dropout adds an input's own part is missing beside that input.

use faer::{Mat, MatRef};

use super::Problem;

/// What is known of the dropped inputs of one problem.
#[derive(Clone, Debug)]
pub(crate) struct Dropped {
    /// E z², E z³ and E z⁴ of z = m/(1 − p) − 1.
    moments: [f64; 3],
    /// S.
    before: Mat<f64>,
    /// V′.
    teacher: Mat<f64>,
}

impl Dropped {
    /// That of `problem`, which is in effect learnt; nothing where no inputs are dropped.
    pub fn of(problem: &Problem) -> Option<Self> {
        let dropped = problem.input_dropout();
        if dropped == 0.0 {
            return None;
        }
        let kept = 1.0 - dropped;
        // z is q where an input is kept, and −1 where it is dropped.
        let q = dropped / kept;
        let after = problem.input_covariance();
        Some(Self {
            moments: [q, kept * q.powi(3) - dropped, kept * q.powi(4) + dropped],
            before: Mat::from_fn(after.nrows(), after.ncols(), |i, j| {
                let part = if i == j { kept } else { 1.0 };
                part * after[(i, j)]
            }),
            teacher: problem.teacher().to_owned(),
        })
    }

    /// E (r_a x̃_i)(r_c x̃_j) − Σε′_ac Σx′_ij for the outputs `a` and `c`, over i and j.
    pub fn between(&self, a: usize, c: usize) -> Mat<f64> {
        let (a, c) = (self.teacher.row(a), self.teacher.row(c));
        self.noise(&(a.transpose() * c))
    }

    /// How much more each layer's gradient fluctuates at W_1 … W_D, `layers`, than by noise that is independent of the inputs:
    /// Σ (A_kA_kᵀ)_ac (B_kᵀB_k)_ij times the difference.
    pub fn shares(&self, layers: &[MatRef<'_, f64>]) -> Vec<f64> {
        let mut below = Mat::<f64>::identity(self.before.nrows(), self.before.ncols());
        let mut inputs = Vec::with_capacity(layers.len());
        for layer in layers {
            inputs.push(below.transpose() * &below);
            below = layer * below;
        }
        // A_kᵀV′.
        let mut felt = self.teacher.clone();
        let mut shares = Vec::with_capacity(layers.len());
        for (layer, inputs) in layers.iter().zip(inputs).rev() {
            let noise = self.noise(&(felt.transpose() * &felt));
            let columns = noise.col_iter().zip(inputs.col_iter());
            shares.push(
                columns
                    .map(|(noise, inputs)| noise.transpose() * inputs)
                    .sum(),
            );
            felt = layer.transpose() * felt;
        }
        shares.reverse();
        shares
    }

    /// The difference over inputs, summed over outputs with weights H_ac: U = V′ᵀ H V′.
    fn noise(&self, u: &Mat<f64>) -> Mat<f64> {
        let ([q, third, fourth], s) = (self.moments, &self.before);
        let inputs = s.nrows();
        let scaled = Mat::from_fn(inputs, inputs, |i, j| u[(i, i)] * s[(i, j)]);
        let through = s * scaled;
        let square = |i: usize, j: usize| s[(i, j)] * s[(i, j)];
        let alone = 2.0 * q.powi(3) - 6.0 * q * third + 3.0 * (fourth - q * q);
        Mat::from_fn(inputs, inputs, |i, j| {
            let sides = u[(i, i)] * s[(i, i)] + u[(j, j)] * s[(j, j)];
            let common =
                (3.0 * third - 4.0 * q * q) * sides * s[(i, j)] + 2.0 * q * through[(i, j)];
            let own = if i == j {
                let others = (0..inputs).filter(|l| *l != i);
                let others: f64 = others.map(|l| u[(l, l)] * square(l, i)).sum();
                alone * u[(i, i)] * square(i, i) + 2.0 * q * q * others
            } else {
                2.0 * q * q * square(i, j) * (u[(i, j)] + u[(j, i)])
            };
            common + own
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Basis, covariance};
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
            let found = Dropped::of(&learnt).unwrap();
            let (inputs, outputs) = (learnt.input_dim(), learnt.output_dim());
            let mut all = Mat::<f64>::zeros(outputs * inputs, outputs * inputs);
            for (a, c) in (0..outputs).flat_map(|a| (0..outputs).map(move |c| (a, c))) {
                let between = found.between(a, c);
                for (i, j) in (0..inputs).flat_map(|i| (0..inputs).map(move |j| (i, j))) {
                    let alone =
                        learnt.noise_covariance()[(a, c)] * learnt.input_covariance()[(i, j)];
                    all[(i * outputs + a, j * outputs + c)] = alone + between[(i, j)];
                }
            }
            let expected = by_masks(&plain, &learnt, dropped);
            let off = (&all - &expected).norm_max() / expected.norm_max();
            assert!(off < 1e-12, "{dropped}: {off}");
            // And it is no rounding.
            let size = found.between(0, 0).norm_max() / expected.norm_max();
            assert!(size > 1e-3, "{dropped}: {size}");
        }
    }
}
