//! Where a force beside the noise takes the weights across the minima, and where that leaves none.

use faer::Mat;

use super::Reference;
use crate::flow::{
    FlowError,
    point::{Point, Unbending},
    products::dot,
};
use crate::problem::Problem;

/// The largest weight decay at which L + (λ/2) Σ‖W_k‖² may have a minimum other than the network at 0; none for one layer, which has one at any,
/// and where there is nothing to learn, so that 0 is the minimum.
///
/// Where it is stationary the layers are balanced, W_D…W_1 = U S^D Rᵀ with S of each, and for a singular value s > 0 of
/// directions u and r s^{D−2}(uᵀVΣxr − s^D rᵀΣxr) = λ. The largest value of the left side over s is c_D a^{2−2/D} x^{2/D−1}, with a = uᵀVΣxr ≤ σ√x,
/// σ the largest singular value of V√Σx, x = rᵀΣxr ≤ λ_max(Σx) and c_D = D/(2D − 2) · ((D − 2)/(2D − 2))^{1−2/D}. So s > 0 needs
/// λ ≤ c_D σ^{2−2/D} λ_max(Σx)^{1/D}.
///
/// # Errors
/// When singular values do not converge.
pub fn most_decay(problem: &Problem) -> Result<Option<f64>, FlowError> {
    let depth = problem.depth() as f64;
    if depth < 2.0 {
        return Ok(None);
    }
    let largest = |matrix: Mat<f64>| {
        let values = matrix.singular_values();
        let values = values.map_err(|_| FlowError::Decomposition {
            what: "singular value iteration of V√Σx",
        })?;
        Ok::<_, FlowError>(values.first().copied().unwrap_or(0.0))
    };
    let root = problem.input_factor().matrix();
    let signal = largest(problem.teacher() * root)?;
    if signal == 0.0 {
        return Ok(None);
    }
    let layers = 2.0 * depth - 2.0;
    let share = depth / layers * ((depth - 2.0) / layers).powf(1.0 - 2.0 / depth);
    let inputs = largest(root.to_owned())?;
    Ok(Some(
        share * signal.powf(2.0 - 2.0 / depth) * inputs.powf(2.0 / depth),
    ))
}

/// Refuses a weight decay under which the network at 0 is all that is left, by [`most_decay`]: SGD goes there, and T to 0.
///
/// # Errors
/// [`FlowError::DecayOutweighs`].
pub fn decay_leaves_a_minimum(problem: &Problem, decay: f64) -> Result<(), FlowError> {
    match most_decay(problem)? {
        Some(most) if decay > most => Err(FlowError::DecayOutweighs { decay, most }),
        _ => Ok(()),
    }
}

/// So many times the way across the minima is mended.
const MOST_MENDINGS: usize = 200;

/// It has arrived where the next move is this part of the whole.
const ACROSS: f64 = 1e-3;

/// The product of the weights is moved by no more than this part of it at once, in any of its directions.
const LONGEST: f64 = 0.3;

/// A direction of the product counts as lost where this part of it is left.
const LOST: f64 = 1e-3;

/// Moves of the product below this part of it are rounding: a pull that asks for no more than that moves nothing.
const ROUNDING: f64 = 1e-12;

/// A singular value of the product below this part of the largest is none.
const NONE: f64 = 1e-12;

/// The directions of the product W_D…W_1X, which set the scale of what moves it.
struct Directions {
    outputs: Mat<f64>,
    inputs: Mat<f64>,
    sizes: Vec<f64>,
}

impl Directions {
    /// Those of what is learnt, V√Σx, by a `point` at the minima.
    fn learnt(point: &Point) -> Result<Self, FlowError> {
        Self::of(&(product(point) - &point.residual), usize::MAX)
    }

    /// The largest `most` of those of `product` that are not 0.
    fn of(product: &Mat<f64>, most: usize) -> Result<Self, FlowError> {
        let svd = product.thin_svd().map_err(|_| FlowError::Decomposition {
            what: "singular value decomposition of the product of the weights",
        })?;
        let values = svd.S().column_vector();
        let values = (0..values.nrows()).map(|i| values[i]);
        let sizes: Vec<f64> = values.take(most).collect();
        let floor = NONE * sizes.first().copied().unwrap_or(0.0);
        let count = sizes.iter().filter(|size| **size > floor).count();
        Ok(Self {
            outputs: svd.U().subcols(0, count).to_owned(),
            inputs: svd.V().subcols(0, count).to_owned(),
            sizes: sizes[..count].to_vec(),
        })
    }

    /// What nothing carries: all outputs beyond these by all inputs beyond these, if there are any.
    fn dead(&self) -> Option<Dead> {
        let [outputs, inputs] = [&self.outputs, &self.inputs].map(beyond);
        let (outputs, inputs) = outputs.zip(inputs)?;
        Some(Dead { outputs, inputs })
    }

    /// The size of `change`, each direction measured by the product's own size there.
    fn relative(&self, change: &Mat<f64>) -> f64 {
        let seen = self.outputs.transpose() * change * &self.inputs;
        let scaled = Mat::from_fn(seen.nrows(), seen.ncols(), |i, j| {
            seen[(i, j)] / self.sizes[i]
        });
        scaled.norm_l2()
    }

    fn smallest(&self) -> f64 {
        self.sizes.last().copied().unwrap_or(0.0)
    }
}

/// Projections on outputs and inputs between which hidden units have died out, since nothing uses them: the product stays 0 there.
struct Dead {
    outputs: Mat<f64>,
    inputs: Mat<f64>,
}

impl Dead {
    /// K at `point` where they are held: what pulls at their last weights would be divided by next to nothing.
    fn held(&self, point: &Point) -> Result<Unbending, FlowError> {
        let terms = point.above.iter().zip(&point.below);
        let size: f64 = terms
            .map(|(above, below)| above.squared_norm_l2() * below.squared_norm_l2())
            .sum();
        let more = (faer::Scale(size) * &self.outputs, self.inputs.clone());
        point.unbending_with(Some(more))
    }

    /// `change` without what it would do there.
    fn taken_off(&self, change: &Mat<f64>) -> Mat<f64> {
        change - &self.outputs * change * &self.inputs
    }
}

/// The projection on what is orthogonal to all of `axes`, if there is any.
fn beyond(axes: &Mat<f64>) -> Option<Mat<f64>> {
    let size = axes.nrows();
    (axes.ncols() < size).then(|| Mat::<f64>::identity(size, size) - axes * axes.transpose())
}

/// W_D…W_1X.
fn product(point: &Point) -> Mat<f64> {
    let last = point.depth() - 1;
    &point.layers[last] * &point.below[last]
}

impl Reference<'_> {
    /// The relative change of T from the predicted minimum to where the loss and the potential of gradient `pull` balance across the minima;
    /// infinite where they do so nowhere near.
    pub(super) fn across(&self, pull: impl Fn(&Point, &mut [Mat<f64>])) -> Result<f64, FlowError> {
        let mut point = Point::new(&self.model, self.point.layers.clone());
        let before = point.sharpness();
        let start = Directions::learnt(&point)?;
        let dead = start.dead();
        let alive = |change: Mat<f64>| match &dead {
            Some(dead) => dead.taken_off(&change),
            None => change,
        };
        let mut last: Option<Mat<f64>> = None;
        let mut share = 1.0f64;
        for _ in 0..MOST_MENDINGS {
            let mut gradient: Vec<Mat<f64>> = point
                .layers
                .iter()
                .map(|layer| Mat::zeros(layer.nrows(), layer.ncols()))
                .collect();
            pull(&point, &mut gradient);
            let pushed = point.pushed(&gradient);
            let unbending = match &dead {
                Some(dead) => dead.held(&point)?,
                None => point.unbending()?,
            };
            let wanted = alive(faer::Scale(-1.0) * unbending.solve(&pushed));
            let missing = &wanted - alive(point.residual.clone());
            if !missing.norm_l2().is_finite() {
                return Ok(f64::INFINITY);
            }
            let directions = Directions::of(&product(&point), start.sizes.len())?;
            if directions.sizes.len() < start.sizes.len()
                || directions.smallest() < LOST * start.smallest()
            {
                return Ok(f64::INFINITY);
            }
            let size = directions.relative(&missing);
            if size <= (ACROSS * directions.relative(&wanted)).max(ROUNDING) {
                return Ok(point.sharpness() / before - 1.0);
            }
            // A step that is taken back by the next one was too long.
            let back = |last: &Mat<f64>| dot(last, &missing) < 0.0;
            if last.as_ref().is_some_and(back) {
                share *= 0.5;
            }
            let step = share.min(LONGEST / size);
            let multiplier = unbending.solve(&(faer::Scale(step) * &missing));
            let layers = (0..point.depth())
                .map(|k| &point.layers[k] + point.pull(multiplier.as_ref(), k))
                .collect();
            point = Point::new(&self.model, layers);
            last = Some(missing);
        }
        Ok(f64::INFINITY)
    }
}
