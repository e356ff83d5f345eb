//! Where a force beside the noise takes the weights across the minima, and where that leaves none.

use faer::Mat;

use crate::flow::{
    FlowError,
    point::{Model, Point},
    products::dot,
};
use crate::problem::{Problem, Weights};

/// Refuses a weight decay under which the network at 0 is all that is left: SGD goes there, and T to 0.
///
/// Where L + (λ/2) Σ‖W_k‖² is stationary the layers are balanced, W_D…W_1 = U S^D Rᵀ with S of each, and for a singular value s > 0 of
/// directions u and r s^{D−2}(uᵀVΣxr − s^D rᵀΣxr) = λ. The largest value of the left side over s is c_D a^{2−2/D} x^{2/D−1}, with a = uᵀVΣxr ≤ σ√x,
/// σ the largest singular value of V√Σx, x = rᵀΣxr ≤ λ_max(Σx) and c_D = D/(2D − 2) · ((D − 2)/(2D − 2))^{1−2/D}. So s > 0 needs
/// λ ≤ c_D σ^{2−2/D} λ_max(Σx)^{1/D}.
///
/// # Errors
/// [`FlowError::DecayOutweighs`].
pub fn decay_leaves_a_minimum(problem: &Problem, decay: f64) -> Result<(), FlowError> {
    let depth = problem.depth() as f64;
    if depth < 2.0 || decay == 0.0 {
        return Ok(());
    }
    let largest = |matrix: Mat<f64>| {
        let values = matrix.singular_values();
        let values = values.map_err(|_| FlowError::Decomposition {
            what: "singular value iteration of V√Σx",
        })?;
        Ok::<_, FlowError>(values[0])
    };
    let root = problem.input_factor().matrix();
    let signal = largest(problem.teacher() * root)?;
    if signal == 0.0 {
        return Ok(());
    }
    let layers = 2.0 * depth - 2.0;
    let share = depth / layers * ((depth - 2.0) / layers).powf(1.0 - 2.0 / depth);
    let most = share * signal.powf(2.0 - 2.0 / depth) * largest(root.to_owned())?.powf(2.0 / depth);
    if decay > most {
        return Err(FlowError::DecayOutweighs { decay, most });
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
