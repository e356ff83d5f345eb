//! Two layers: minima that Theorem 1 gives beyond its assumptions, with other covariances in its place.
//!
//! With W_2 W_1 = V the minimum of tr(W_2ᵀ P W_2) + tr(W_1 Q W_1ᵀ) is Theorem 1's for Σε = P and Σx = Q, up to a factor, wherever
//! tr P = tr Q: its F is then tr P times this. Both potentials below have this form.

use faer::prelude::Solve as _;
use faer::{Mat, MatRef, Scale};
use thalweg::problem::{Problem, Weights};
use thalweg::theory::{Minimum, functionals, predict};

use super::ReproduceError;

/// The weights at which the fluctuation over a data set, (1/N) Σ_i ‖∇ℓ_i‖², is least among the set's own minima. Its N samples are the
/// columns of `inputs` (d_x × N) and `labels` (d_y × N).
///
/// There W_2 W_1 = V̂, the least-squares fit, and with residuals r_i = y_i − V̂x_i it is
/// tr(W_2ᵀ P W_2) + tr(W_1 Q W_1ᵀ), P = (1/N) Σ ‖x_i‖² r_ir_iᵀ and Q = (1/N) Σ ‖r_i‖² x_ix_iᵀ, of equal traces.
pub fn least_fluctuation(
    inputs: MatRef<'_, f64>,
    labels: MatRef<'_, f64>,
) -> Result<Weights, ReproduceError> {
    let moment = inputs * inputs.transpose();
    let cross = labels * inputs.transpose();
    let fit = moment.partial_piv_lu().solve(cross.transpose());
    let fit = fit.transpose().to_owned();
    let residuals = labels - &fit * inputs;
    let outputs = weighted_moment(residuals.as_ref(), inputs);
    let sources = weighted_moment(inputs, residuals.as_ref());
    let problem = Problem::new(sources, fit, outputs, 2)?;
    Ok(Minimum::of_sgd(&problem)?.weights()?)
}

/// (1/N) Σ ‖by_i‖² of_i of_iᵀ over the columns.
fn weighted_moment(of: MatRef<'_, f64>, by: MatRef<'_, f64>) -> Mat<f64> {
    let weighted = Mat::from_fn(of.nrows(), of.ncols(), |i, sample| {
        of[(i, sample)] * by.col(sample).squared_norm_l2()
    });
    Scale(1.0 / of.ncols() as f64) * (weighted * of.transpose())
}

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
    use super::super::linear::identity_problem;
    use super::*;
    use thalweg::random::{Purpose, Stream};

    /// Twenty samples, whose residuals depend on their inputs.
    fn set() -> [Mat<f64>; 2] {
        let mut stream = Stream::new(4, Purpose::DataSet);
        let inputs = Mat::from_fn(2, 20, |_, _| stream.normal());
        let labels = Mat::from_fn(2, 20, |i, sample| {
            let x = inputs.col(sample);
            [1.5, 0.5][i] * x[i] + (0.2 + x[0].abs()) * stream.normal()
        });
        [inputs, labels]
    }

    /// (1/N) Σ ‖∇ℓ_i‖² sample by sample, from the gradients W_2ᵀ r xᵀ and r (W_1x)ᵀ themselves.
    fn fluctuation([inputs, labels]: &[Mat<f64>; 2], layers: [&Mat<f64>; 2]) -> f64 {
        let mut sum = 0.0;
        for i in 0..inputs.ncols() {
            let (x, y) = (inputs.subcols(i, 1), labels.subcols(i, 1));
            let hidden = layers[0] * x;
            let residual = layers[1] * &hidden - y;
            sum += (layers[1].transpose() * &residual * x.transpose()).squared_norm_l2();
            sum += (&residual * hidden.transpose()).squared_norm_l2();
        }
        sum / inputs.ncols() as f64
    }

    /// It is the least-squares fit, and every way along the set's minima, W_2 (I + δ) and (I + δ)⁻¹ W_1, leads up, at second order in δ.
    #[test]
    fn no_way_along_the_sets_minima_lowers_its_fluctuation() {
        let set = set();
        let weights = least_fluctuation(set[0].as_ref(), set[1].as_ref()).unwrap();
        let [first, second] = [&weights.layers()[0], &weights.layers()[1]];
        let residuals = &set[1] - weights.product() * &set[0];
        assert!((residuals * set[0].transpose()).norm_max() < 1e-10);
        let least = fluctuation(&set, [first, second]);
        let moved = |entry: usize, by: f64| {
            let mut turn = Mat::<f64>::identity(2, 2);
            turn[(entry % 2, entry / 2)] += by;
            let back = turn.partial_piv_lu().solve(first);
            fluctuation(&set, [&back, &(second * turn)])
        };
        for entry in 0..4 {
            let [up, down] = [1e-3, -1e-3].map(|by| moved(entry, by) - least);
            assert!(up > 0.0 && down > 0.0, "{entry}: {up} {down}");
            // No slope: what is left is the curvature's, and of third order.
            assert!(
                (up - down).abs() < 5e-3 * (up + down),
                "{entry}: {up} {down}"
            );
        }
    }

    /// By hand, √Σε = (1, .2), V = Σx = I: output i has ‖W_2‖² = s_i, s_i² = (a/4 + λB/2η)/(σ_i²/2 + λB/2η), and
    /// T = 2 Σ (s_i + 1/s_i).
    #[test]
    fn decay_has_the_end_that_is_found_output_by_output() {
        let problem = identity_problem(&[1.0, 0.2], 2).unwrap();
        for strength in [0.0, 0.04, 0.2, 3.0] {
            let by_hand: f64 = [1.0, 0.04]
                .map(|variance: f64| {
                    let square = (0.26 + strength / 2.0) / (variance / 2.0 + strength / 2.0);
                    2.0 * (square.sqrt() + 1.0 / square.sqrt())
                })
                .iter()
                .sum();
            let found = sharpness_under_decay(&problem, strength).unwrap();
            assert!(
                (found / by_hand - 1.0).abs() < 1e-12,
                "{strength}: {found} {by_hand}"
            );
        }
    }
}
