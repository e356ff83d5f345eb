//! The minimum of the fluctuation over a data set, with two layers.

use faer::prelude::Solve as _;
use faer::{Mat, MatRef, Scale};

use super::{Minimum, TheoryError};
use crate::problem::{Problem, Weights};

/// The weights at which the fluctuation over a data set, (1/N) Σ_i ‖∇ℓ_i‖², is least among the set's own minima. Its N samples are the
/// columns of `inputs` (d_x × N) and `labels` (d_y × N).
///
/// There W_2 W_1 = V̂, the least-squares fit, and with residuals r_i = y_i − V̂x_i it is
/// tr(W_2ᵀ P W_2) + tr(W_1 Q W_1ᵀ), P = (1/N) Σ ‖x_i‖² r_ir_iᵀ and Q = (1/N) Σ ‖r_i‖² x_ix_iᵀ, of equal traces: so it is
/// Theorem 1's minimum with P and Q in place of Σε and Σx, up to a factor; neither independent noise nor shared axes are needed.
/// (Beyond the paper.)
///
/// ```
/// use thalweg::faer::mat;
/// use thalweg::theory::least_fluctuation;
///
/// let (inputs, labels) = (mat![[1.0, -1.0, 2.0, -2.0]], mat![[1.1, -1.2, 1.9, -1.8]]);
/// let weights = least_fluctuation(inputs.as_ref(), labels.as_ref())?;
/// // Least squares on these four samples is y = 0.97 x, and with one input and output |W_1| = |W_2|.
/// assert!((weights.product()[(0, 0)] - 0.97).abs() < 1e-12);
/// assert!((weights.layers()[0][(0, 0)].abs() - 0.97_f64.sqrt()).abs() < 1e-12);
/// # Ok::<(), thalweg::theory::TheoryError>(())
/// ```
///
/// # Errors
/// When the samples are no problem of Theorem 1: too few of them for a least-squares fit, or none with a residual.
pub fn least_fluctuation(
    inputs: MatRef<'_, f64>,
    labels: MatRef<'_, f64>,
) -> Result<Weights, TheoryError> {
    let moment = inputs * inputs.transpose();
    let cross = labels * inputs.transpose();
    let fit = moment.partial_piv_lu().solve(cross.transpose());
    let fit = fit.transpose().to_owned();
    let residuals = labels - &fit * inputs;
    let outputs = weighted_moment(residuals.as_ref(), inputs);
    let sources = weighted_moment(inputs, residuals.as_ref());
    let problem = Problem::new(sources, fit, outputs, 2)?;
    Minimum::of_sgd(&problem)?.weights()
}

/// (1/N) Σ ‖by_i‖² of_i of_iᵀ over the columns.
fn weighted_moment(of: MatRef<'_, f64>, by: MatRef<'_, f64>) -> Mat<f64> {
    let weighted = Mat::from_fn(of.nrows(), of.ncols(), |i, sample| {
        of[(i, sample)] * by.col(sample).squared_norm_l2()
    });
    Scale(1.0 / of.ncols() as f64) * (weighted * of.transpose())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

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
}
