//! Two layers: minima that Theorem 1 gives beyond its assumptions, with other covariances in its place.
//!
//! With W_2 W_1 = V the minimum of tr(W_2ᵀ P W_2) + tr(W_1 Q W_1ᵀ) is Theorem 1's for Σε = P and Σx = Q, up to a factor, wherever
//! tr P = tr Q: its F is then tr P times this. So is the fluctuation over a data set (`thalweg::theory::least_fluctuation`), and that under decay.

use faer::MatRef;
use thalweg::problem::{Problem, Weights};
use thalweg::theory::{functionals, predict};

use super::ReproduceError;

/// T of `problem` at these weights.
pub fn sharpness(problem: &Problem, weights: &Weights) -> Result<f64, ReproduceError> {
    Ok(functionals(problem, weights)?.sharpness)
}

/// T where F/4 + `strength` ½ Σ‖W_k‖² is least over the minima of `problem`, which has two layers and as many inputs as outputs.
///
/// With a = tr Σε, b = tr Σx and F = b tr(W_2ᵀΣεW_2) + a tr(W_1ΣxW_1ᵀ), it is least at Theorem 1's minimum for
/// Σε + (2 `strength`/b) I and Σx + (2 `strength`/a) I.
pub fn sharpness_under_decay(problem: &Problem, strength: f64) -> Result<f64, ReproduceError> {
    let raised = |covariance: MatRef<'_, f64>, by: f64| {
        let mut raised = covariance.to_owned();
        for i in 0..raised.nrows() {
            raised[(i, i)] += by;
        }
        raised
    };
    let (noise, inputs) = (problem.noise_covariance(), problem.input_covariance());
    let trace = |matrix: MatRef<'_, f64>| (0..matrix.nrows()).map(|i| matrix[(i, i)]).sum::<f64>();
    let decayed = Problem::new(
        raised(inputs, 2.0 * strength / trace(noise)),
        problem.teacher().to_owned(),
        raised(noise, 2.0 * strength / trace(inputs)),
        2,
    )?;
    sharpness(problem, &predict(&decayed)?.minimum.weights()?)
}

#[cfg(test)]
mod tests {
    use faer::Mat;

    use super::*;

    /// By hand, Σε = diag(1, .04) and V = I, for Σx = diag(x_1, x_2): output i has ‖W_2‖² = s_i and ‖W_1‖² = 1/s_i with
    /// s_i² = (a x_i/4 + λB/2η)/(b σ_i²/4 + λB/2η), and T = Σ (b s_i + 2 x_i/s_i).
    #[test]
    fn decay_has_the_end_that_is_found_output_by_output() {
        for inputs in [[1.0_f64, 1.0], [2.0, 0.3]] {
            let noise: [f64; 2] = [1.0, 0.04];
            let diagonal =
                |values: [f64; 2]| Mat::from_fn(2, 2, |i, j| if i == j { values[i] } else { 0.0 });
            let problem =
                Problem::new(diagonal(inputs), Mat::identity(2, 2), diagonal(noise), 2).unwrap();
            let (a, b) = (noise[0] + noise[1], inputs[0] + inputs[1]);
            for strength in [0.0, 0.04, 0.2, 3.0] {
                let by_hand: f64 = [0, 1]
                    .map(|i| {
                        let below: f64 = b * noise[i] / 4.0 + strength / 2.0;
                        let size = ((a * inputs[i] / 4.0 + strength / 2.0) / below).sqrt();
                        b * size + 2.0 * inputs[i] / size
                    })
                    .iter()
                    .sum();
                let found = sharpness_under_decay(&problem, strength).unwrap();
                assert!(
                    (found / by_hand - 1.0).abs() < 1e-12,
                    "{inputs:?}, {strength}: {found} {by_hand}"
                );
            }
        }
    }
}
