//! Whether gradients scatter where the loss is curved.

use faer::{Mat, Side};

use crate::curvature::{CurvatureError, EigenSettings, Eigenpairs, End, eigenpairs};
use crate::evaluation::{Evaluation, EvaluationError};

/// The top k eigenpairs of the Hessian beside those of the gradients' covariance.
///
/// Where the k-th eigenvalue is also the (k + 1)-th, the subspace is one of several and its overlap says
/// less.
#[derive(Clone, Debug)]
pub struct Alignment {
    /// Of ∇²L: vectors U, n × k.
    pub hessian: Eigenpairs,
    /// Of Cov ∇ℓ (centred): vectors V, n × k.
    pub covariance: Eigenpairs,
    /// |u_i·v_j|, k × k.
    pub cosines: Mat<f64>,
    /// ‖UᵀV‖²_F/k: 1 for equal subspaces, 0 for orthogonal ones, k/n on average for random ones.
    pub overlap: f64,
    /// The principal angles between the subspaces, in radians, ascending.
    pub angles: Vec<f64>,
}

/// The top `settings.count` eigenpairs of both matrices at θ, compared. `settings.end` is taken to be the top.
///
/// # Errors
/// As [`Evaluation::loss`], and as [`eigenpairs`].
pub fn align(
    evaluation: &mut Evaluation,
    parameters: &[f64],
    settings: &EigenSettings,
) -> Result<Alignment, EvaluationError> {
    let settings = EigenSettings {
        end: End::Top,
        ..settings.clone()
    };
    let hessian = eigenpairs(&mut evaluation.hessian(parameters)?, &settings, None)?;
    let covariance = eigenpairs(
        &mut evaluation.gradient_covariance(parameters)?,
        &settings,
        None,
    )?;
    let products = hessian.vectors.transpose() * &covariance.vectors;
    let squares = (products.transpose() * &products)
        .self_adjoint_eigenvalues(Side::Lower)
        .map_err(|_| CurvatureError::Decomposition {
            what: "eigenvalue decomposition of the overlap",
        })?;
    // cos² of the angles: 1 at most but for rounding.
    let angle = |square: &f64| square.clamp(0.0, 1.0).sqrt().acos();
    Ok(Alignment {
        overlap: squares.iter().sum::<f64>() / settings.count as f64,
        angles: squares.iter().rev().map(angle).collect(),
        cosines: Mat::from_fn(products.nrows(), products.ncols(), |i, j| {
            products[(i, j)].abs()
        }),
        hessian,
        covariance,
    })
}
