//! How minibatches scatter about the mean over samples, and where that leaves SGD no rest.

use faer::{Mat, Side};

use crate::flow::{FlowError, point::Point, products::gram};
use crate::recipe::{Recipe, Sam};

/// The second moment S of the inputs of a minibatch of Gaussian samples as one output feels it, in its steepest direction and in units of it, where
/// E S = 1.
#[derive(Clone, Copy)]
pub(in crate::flow) struct Scatter {
    /// So many inputs count: Σ_j h_ij/λ_max, h_ij the curvatures of output i, the most of any output.
    inputs: f64,
    /// B.
    batch: f64,
}

/// Σ_j h_ij/λ_max at `point`, h_ij the curvatures of output i and the most of any output: so many inputs count.
///
/// A minibatch takes the residual r = (W_D…W_1 − V)X of one output along to Σ_k (A_kA_kᵀ) r S (B_kX)ᵀ(B_kX), S of the whitened inputs: with axes that
/// are shared the mean square of r_j gains (η₁²h_j²/B) Σ_l r_l². Summed over inputs the curvature is Σ_k A_kA_kᵀ ‖B_kX‖², whose largest
/// eigenvalue is taken. (That the quieter inputs' r_l is amplified as much as the steepest's is more than is so.)
pub(in crate::flow) fn inputs_that_count(point: &Point, lambda_max: f64) -> Result<f64, FlowError> {
    let rows = point.residual.nrows();
    let mut summed = Mat::<f64>::zeros(rows, rows);
    for (above, below) in point.above.iter().zip(&point.below) {
        summed += faer::Scale(below.squared_norm_l2()) * gram(above.as_ref());
    }
    let values = summed.self_adjoint_eigenvalues(Side::Lower);
    let values = values.map_err(|_| FlowError::Decomposition {
        what: "eigenvalue iteration of the curvature summed over inputs",
    })?;
    let largest = values.last().copied().unwrap_or(0.0);
    Ok(largest / lambda_max.max(f64::MIN_POSITIVE))
}

impl Scatter {
    /// Where so many inputs count.
    pub(in crate::flow) fn of(inputs: f64, batch: usize) -> Self {
        Self {
            inputs,
            batch: batch as f64,
        }
    }

    /// c of E S² = 1 + c.
    pub(in crate::flow) fn excess(self) -> f64 {
        self.moments()[0] - 1.0
    }

    /// E S², E S³ and E S⁴, those of a Wishart matrix of `inputs` equal directions over B.
    fn moments(self) -> [f64; 3] {
        let (r, b) = (self.inputs, self.batch);
        [
            1.0 + (r + 1.0) / b,
            1.0 + 3.0 * (r + 1.0) / b + (r * r + 3.0 * r + 4.0) / (b * b),
            1.0 + 6.0 * (r + 1.0) / b
                + (6.0 * r * r + 17.0 * r + 21.0) / (b * b)
                + (r * r * r + 6.0 * r * r + 21.0 * r + 20.0) / (b * b * b),
        ]
    }

    /// The stability number of `recipe` at curvature h = `curvature` and η₁ = `rate` in the mean square, where minibatches scatter: from 1 on the mean
    /// square of what is off the minimum grows.
    ///
    /// A step takes x along to the gradient G x, and multiplies E x² by 1 − 2η E G + η² E G² without momentum: E G² > (E G)² counts beside the
    /// [stability number](Recipe::stability_number) as (η₁/2)(E G²/E G − E G). Plain, G = hS; with SAM's ascent by the step's own
    /// minibatch hS(1 + ρhS), and by another, with S′ of the same law, hS(1 + ρhS′).
    pub(in crate::flow) fn stability(self, recipe: &Recipe, rate: f64, curvature: f64) -> f64 {
        let [second, third, fourth] = self.moments();
        let steep = recipe.linear_radius() * curvature;
        let [mean, square] = match recipe.sam {
            Some(Sam {
                independent: false, ..
            }) => [
                1.0 + steep * second,
                second + 2.0 * steep * third + steep * steep * fourth,
            ],
            _ => [
                1.0 + steep,
                second * (1.0 + 2.0 * steep + steep * steep * second),
            ],
        };
        let mean_scatters = 0.5 * rate * (1.0 - recipe.momentum) / (1.0 + recipe.momentum)
            * curvature
            * (mean - 1.0 - steep);
        recipe.stability_number(rate * (1.0 - recipe.momentum), curvature)
            + mean_scatters
            + 0.5 * rate * curvature * (square / mean - mean)
    }
}
