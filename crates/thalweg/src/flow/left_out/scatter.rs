//! How minibatches scatter about the mean over samples, and where that leaves SGD no rest.

use crate::flow::{FlowError, point::Model};
use crate::recipe::{Recipe, Sam};

/// The second moment S of the inputs of a minibatch of Gaussian samples, in the largest direction of Σx and in units of it, where E S = 1.
#[derive(Clone, Copy)]
pub(in crate::flow) struct Scatter {
    /// tr Σx/λ_max(Σx): so many inputs count.
    inputs: f64,
    /// B.
    batch: f64,
}

impl Scatter {
    /// That of minibatches of so many samples.
    pub(in crate::flow) fn of(model: &Model, batch: usize) -> Result<Self, FlowError> {
        let values = model.root().singular_values();
        let values = values.map_err(|_| FlowError::Decomposition {
            what: "singular value iteration of √Σx",
        })?;
        let largest = values.iter().copied().fold(0.0, f64::max);
        let total: f64 = values.iter().map(|value| value * value).sum();
        Ok(Self {
            inputs: total / (largest * largest),
            batch: batch as f64,
        })
    }

    /// c of E S² = 1 + c: E S_xx² = (1 + 1/B) Σx² + (tr Σx/B) Σx.
    pub(super) fn excess(self) -> f64 {
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
