//! Whether the minimum of Theorem 1 is where SGD ends: noise and signal must share their axes.

use super::TheoryError;
use super::dense::{singular_values, squared_norm, thin_svd};
use crate::problem::Problem;

/// A direction whose part of the signal is below this share of the largest is not learnt.
const LEARNT: f64 = 1e-9;

/// ‖Σε C − C Σε‖ / (2 ‖Σε C‖) with C = V Σx Vᵀ, in [0, 1]: 0 where noise and signal share their axes.
///
/// **Beyond the paper.** Theorem 1 minimises the fluctuation F. SGD on fresh samples does not quite:
/// its drift along the minima, at leading order in η, is that of the stationary covariance of the
/// linearised motion (see [`crate::flow::Drift::Exact`]), and equals −¼ grad F only where the curvature
/// K commutes with I ⊗ Σε. At Theorem 1's minimum [K, I ⊗ Σε] = P ⊗ [M, Σε] with P positive definite,
/// and M commutes with Σε if and only if C does. So where this number is 0, and in every experiment of
/// the paper (V = Σx = I) it is, Theorem 1's minimum is a fixed point of SGD's drift; where it is not, SGD
/// ends elsewhere, by an amount that does not vanish with η.
///
/// D = 1 has a single minimum and gives 0, as does V = 0.
pub fn noise_misalignment(problem: &Problem) -> f64 {
    let signal = problem.teacher() * problem.input_factor().matrix();
    let product = problem.noise_covariance() * (&signal * signal.transpose());
    let size = squared_norm(&product);
    if problem.depth() == 1 || size == 0.0 {
        return 0.0;
    }
    let commutator = &product - product.transpose();
    (squared_norm(&commutator) / size).sqrt() / 2.0
}

/// λ_max(Σε) over the least noise in an output direction that the signal reaches: by this noise is loud beside what is quiet and learnt.
///
/// Without noise and signal are, for example, the sum of all outputs of classes that are labelled 0 and 1. 1 where nothing is learnt.
///
/// # Errors
/// When a decomposition does not converge.
pub(crate) fn learnt_noise_condition_number(problem: &Problem) -> Result<f64, TheoryError> {
    let signal = thin_svd((problem.teacher() * problem.input_factor().matrix()).as_ref())?;
    let values = &signal.singular_values;
    let least = LEARNT * values.first().copied().unwrap_or(0.0);
    let rank = values.iter().filter(|value| **value > least).count();
    if rank == 0 {
        return Ok(1.0);
    }
    // Of a factor rather than of Σε itself: its least singular value keeps twice as many digits.
    let factor = problem.noise_factor().matrix();
    let learnt = singular_values((factor.transpose() * signal.left.subcols(0, rank)).as_ref())?;
    let loudest = singular_values(factor)?.first().copied();
    Ok(match (loudest, learnt.get(rank - 1)) {
        (Some(loudest), Some(quietest)) => (loudest / quietest).powi(2),
        _ => f64::INFINITY,
    })
}

#[cfg(test)]
mod tests {
    use faer::mat;

    use super::*;

    fn misalignment(noise: faer::Mat<f64>, depth: usize) -> f64 {
        let teacher = mat![[1.5, 0.0], [0.0, 0.5]];
        let problem = Problem::new(faer::Mat::identity(2, 2), teacher, noise, depth).unwrap();
        noise_misalignment(&problem)
    }

    #[test]
    fn vanishes_where_axes_are_shared_and_only_there() {
        assert_eq!(misalignment(mat![[9.0, 0.0], [0.0, 0.1]], 3), 0.0);
        assert_eq!(misalignment(mat![[2.0, 0.0], [0.0, 2.0]], 3), 0.0);
        let turned = mat![[0.52, 0.48], [0.48, 0.52]];
        // [[1.17, .12], [1.08, .13]] by hand.
        let expected = 0.96 * 2f64.sqrt()
            / (2.0
                * (1.17f64.powi(2) + 0.12f64.powi(2) + 1.08f64.powi(2) + 0.13f64.powi(2)).sqrt());
        assert!((misalignment(turned.clone(), 2) - expected).abs() < 1e-14);
        assert_eq!(misalignment(turned, 1), 0.0);
    }

    /// Three classes with labels 0 and 1: noise and signal alike have no part in the sum of the outputs.
    #[test]
    fn outputs_that_are_not_learnt_have_no_quiet_noise() {
        let condition = |teacher: faer::Mat<f64>| {
            let noise = mat![[0.2, -0.1, -0.1], [-0.1, 0.25, -0.15], [-0.1, -0.15, 0.25]];
            let problem = Problem::new(faer::Mat::identity(2, 2), teacher, noise, 2).unwrap();
            learnt_noise_condition_number(&problem).unwrap()
        };
        let classes = mat![[0.5, 0.1], [-0.3, 0.2], [-0.2, -0.3]];
        // Σε has the eigenvalues 0.4 and 0.3 there.
        assert!((condition(classes) - 4.0 / 3.0).abs() < 1e-9);
        assert!(condition(mat![[0.5, 0.1], [-0.3, 0.1], [-0.2, 0.1]]) > 1e12);
    }
}
