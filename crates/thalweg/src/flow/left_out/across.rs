//! Where a force beside the noise takes the weights across the minima, and where that leaves none.

use faer::Mat;

use crate::flow::{
    FlowError,
    point::{Model, Point},
    products::dot,
};
use crate::problem::{Problem, Weights};

/// Refuses a weight decay under which all minima but the network at 0 are gone.
///
/// Where L + (λ/2) Σ‖W_k‖² is stationary, λ‖W_k‖² = ⟨(V − P)X, PX⟩ for each layer, P = W_D…W_1. That is at most ‖VX‖²/4, and at
/// most the largest singular value σ of VΣx times ‖W_k‖^D. Both together leave only W = 0 where λ^{D/2} > σ (‖VX‖/2)^{D−2}.
///
/// # Errors
/// [`FlowError::DecayOutweighs`].
pub fn decay_leaves_a_minimum(problem: &Problem, decay: f64) -> Result<(), FlowError> {
    let depth = problem.depth() as f64;
    if depth < 2.0 {
        return Ok(());
    }
    let signal = Model::new(problem).signal();
    let slope = problem.teacher() * problem.input_covariance();
    let values = slope
        .singular_values()
        .map_err(|_| FlowError::Decomposition {
            what: "singular value iteration of VΣx",
        })?;
    let most = (values[0] * (signal / 2.0).powf(depth - 2.0)).powf(2.0 / depth);
    if signal > 0.0 && decay > most {
        return Err(FlowError::DecayOutweighs { decay });
    }
    Ok(())
}

/// So many times the way across the minima is mended.
const MOST_MENDINGS: usize = 200;

/// It has arrived where the next move is this part of the whole.
const ACROSS: f64 = 1e-3;

/// The product of the weights is moved by no more than this part of it at once.
const LONGEST: f64 = 0.3;

/// Below this part of ‖VX‖ the product of the weights counts as lost.
const LOST: f64 = 1e-3;

/// The relative change of T from the minimum `weights` to where the loss and the potential of gradient `pull` balance across the minima;
/// nothing where they do so nowhere near.
pub(super) fn across(
    model: &Model,
    weights: &Weights,
    pull: impl Fn(&Point, &mut [Mat<f64>]),
) -> Result<Option<f64>, FlowError> {
    let mut point = Point::new(model, weights.layers().to_vec());
    let before = point.sharpness();
    let mut last: Option<Mat<f64>> = None;
    let mut share = 1.0f64;
    for _ in 0..MOST_MENDINGS {
        let mut gradient: Vec<Mat<f64>> = point
            .layers
            .iter()
            .map(|layer| Mat::zeros(layer.nrows(), layer.ncols()))
            .collect();
        pull(&point, &mut gradient);
        let mut pushed = Mat::zeros(point.residual.nrows(), point.residual.ncols());
        for ((above, below), gradient) in point.above.iter().zip(&point.below).zip(&gradient) {
            pushed += above * (gradient * below);
        }
        let wanted = faer::Scale(-1.0) * point.unbend(&pushed)?;
        let missing = &wanted - &point.residual;
        let (size, whole) = (missing.norm_l2(), wanted.norm_l2());
        let last_layer = point.depth() - 1;
        let product = &point.layers[last_layer] * &point.below[last_layer];
        if !size.is_finite() || product.norm_l2() < LOST * model.signal() {
            return Ok(None);
        }
        if size <= ACROSS * whole {
            return Ok(Some(point.sharpness() / before - 1.0));
        }
        // A step that is taken back by the next one was too long.
        let back = |last: &Mat<f64>| dot(last, &missing) < 0.0;
        if last.as_ref().is_some_and(back) {
            share *= 0.5;
        }
        let step = share.min(LONGEST * product.norm_l2() / size);
        let multiplier = point.unbend(&(faer::Scale(step) * &missing))?;
        let layers = (0..point.depth())
            .map(|k| &point.layers[k] + point.pull(multiplier.as_ref(), k))
            .collect();
        point = Point::new(model, layers);
        last = Some(missing);
    }
    Ok(None)
}
