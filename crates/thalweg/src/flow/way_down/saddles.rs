//! The saddles that a descent has still to leave.

use faer::Mat;

use crate::flow::{
    FlowError,
    point::{Model, Point},
};

/// Directions in which the teacher is so strong that steps of gradient descent leave the saddle without them later than gradient flow does.
pub(super) struct Saddles {
    /// Their left singular vectors of VX.
    outputs: Mat<f64>,
    /// Their right singular vectors.
    inputs: Mat<f64>,
    /// Their singular values.
    sizes: Vec<f64>,
}

/// In a step that multiplies a direction by 1 + s, s = η₁g, gradient flow multiplies it by e^s: it is ahead by s/2 of the logarithm of what the direction
/// has to grow by. Heavy ball multiplies it by the larger root of z² − (1 + β + (1 − β)s) z + β = 0, of logarithm s − s²(1 + β)/(2(1 − β)) + …, so that gradient
/// flow is ahead by s(1 + β)/(2(1 − β)). Where that is more than this it counts: some tenths of a percent of what there is to grow.
const COUNTS: f64 = 5e-4;

/// Where so much of a direction is missing gradient flow may go on.
const LEFT: f64 = 0.1;

impl Saddles {
    /// Those that count at learning rate η₁ = `rate` and momentum β.
    ///
    /// Without the direction i of singular value σ_i the product grows into it with at most σ_i ‖Xv_i‖ a^{D−2}, by layers that are at most as large as those of
    /// a balanced minimum, a^D = max_j σ_j/‖Xv_j‖.
    pub(super) fn of(model: &Model, rate: f64, momentum: f64) -> Result<Self, FlowError> {
        let svd = model
            .target()
            .thin_svd()
            .map_err(|_| FlowError::Decomposition {
                what: "singular value iteration of V√Σx",
            })?;
        let sizes: Vec<f64> = svd.S().column_vector().iter().copied().collect();
        let reach = |i: usize| (model.root() * svd.V().col(i)).norm_l2();
        let teacher = |i: usize| sizes[i] / reach(i).max(f64::MIN_POSITIVE);
        let largest = (0..sizes.len()).map(teacher).fold(0.0, f64::max);
        let layers = largest.powf(1.0 - 2.0 / model.depth() as f64);
        let ahead = 0.5 * rate * (1.0 + momentum) / (1.0 - momentum);
        // One layer has none.
        let counts =
            |i: &usize| model.depth() > 1 && ahead * sizes[*i] * reach(*i) * layers > COUNTS;
        let kept: Vec<usize> = (0..sizes.len()).filter(counts).collect();
        let columns = |of: faer::MatRef<'_, f64>| {
            Mat::from_fn(of.nrows(), kept.len(), |i, j| of[(i, kept[j])])
        };
        Ok(Self {
            outputs: columns(svd.U()),
            inputs: columns(svd.V()),
            sizes: kept.iter().map(|&i| sizes[i]).collect(),
        })
    }

    /// Whether the product has all but [`LEFT`] of the teacher in each of these directions. (From half of it on what is missing shrinks.)
    pub(super) fn are_left(&self, point: &Point) -> bool {
        let felt = &point.residual * &self.inputs;
        let missing = |i: usize| -(self.outputs.col(i).transpose() * felt.col(i));
        (0..self.sizes.len()).all(|i| missing(i) <= LEFT * self.sizes[i])
    }
}
