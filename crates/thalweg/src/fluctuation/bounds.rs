//! Theorem 2: the fluctuation between bounds that the sharpness sets.

use faer::{Mat, Side};

use super::{Moments, Residuals};
use crate::curvature::CurvatureError;
use crate::evaluation::SampledLoss;

/// λ_min T ≤ F ≤ λ_max T, with T = tr G and λ the [mismatch](Residuals::mismatch)'s eigenvalues (Theorem 2).
///
/// For the paper's squared error λ are the eigenvalues of Σε = E[(f − y)(f − y)ᵀ]; with PyTorch's
/// convention ℓ = (φ/2)‖y − f‖² they are φ times those. For F = tr E[Jᵀr rᵀJ] it holds when the residuals
/// are independent of the inputs, since then F = tr(E[J Jᵀ] C). (The paper prints the inequalities the other
/// way round.) Where residuals depend on inputs F may lie outside; how far they do is seen by comparing F with
/// `independent`, which for squared error is always between the bounds. For cross-entropy the output curvature depends on the inputs, too,
/// and the bounds are those of the averages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// λ_min T, in loss²/weight²: F is not below it where residuals do not depend on inputs.
    pub lower: f64,
    /// F = E‖∇ℓ‖² of one sample as measured, in loss²/weight².
    pub fluctuation: f64,
    /// λ_max T, in loss²/weight²: F is not above it where residuals do not depend on inputs. Infinite where residuals point where the loss does not curve.
    pub upper: f64,
    /// tr(E[J Jᵀ] C): what F would be with the same residuals, were they independent of the inputs.
    pub independent: f64,
}

impl Bounds {
    pub(super) fn measure<L: SampledLoss>(
        loss: &mut L,
        parameters: &[f64],
        residuals: &Residuals,
        moments: &Moments,
    ) -> Result<Self, L::Error> {
        let eigen = residuals
            .second_moment
            .self_adjoint_eigen(Side::Lower)
            .map_err(|_| CurvatureError::Decomposition {
                what: "eigenvalue decomposition of the residuals' second moment",
            })?;
        // √μ u for each eigenpair of C. Rounding may leave μ < 0 where it is 0.
        let lines = residuals.mean.len();
        let cotangents = Mat::from_fn(lines, lines, |i, j| {
            eigen.S()[j].max(0.0).sqrt() * eigen.U()[(i, j)]
        });
        let independent = loss.mean_pullbacks(parameters, cotangents.as_ref())?;
        let trace = moments.gauss_newton_trace.value;
        let end = |value: Option<&f64>| value.map_or(0.0, |value| value.max(0.0) * trace);
        Ok(Self {
            lower: end(residuals.mismatch.last()),
            fluctuation: moments.fluctuation.value,
            upper: if residuals.beyond {
                f64::INFINITY
            } else {
                end(residuals.mismatch.first())
            },
            independent: independent.iter().sum(),
        })
    }

    /// Whether the fluctuation lies between the bounds, to rounding.
    pub fn hold(&self) -> bool {
        let slack = 1e-12;
        (self.lower * (1.0 - slack)..=self.upper * (1.0 + slack)).contains(&self.fluctuation)
    }
}
