//! The saddles that a descent has still to leave.

use faer::{Col, Mat, Side};

use crate::flow::{
    FlowError,
    point::{Model, Point},
};

/// What of the teacher descents grow into, in some directions of which steps leave a saddle later than gradient flow does.
pub(super) struct Saddles {
    all: Directions,
    /// Those in which gradient flow is too early by so much that it counts.
    counted: Directions,
    /// Where the weights were nearest to a saddle.
    nearest: Option<Nearest>,
}

/// Singular vectors of VX.
struct Directions {
    /// The left ones.
    outputs: Mat<f64>,
    /// The right ones.
    inputs: Mat<f64>,
    /// The singular values.
    sizes: Vec<f64>,
}

/// A direction that is missing while the weights hardly grow into it.
struct Nearest {
    output: Col<f64>,
    input: Col<f64>,
    curvature: f64,
    /// The curvature over σ^{2−2/D} ‖Xv‖^{2/D}, which is a D-th of that of a balanced minimum.
    relative: f64,
}

/// In a step that multiplies a direction by 1 + s, s = η₁g, gradient flow multiplies it by e^s: it is ahead by s/2 of the logarithm of what the direction
/// has to grow by. Heavy ball multiplies it by the larger root of z² − (1 + β + (1 − β)s) z + β = 0, of logarithm s − s²(1 + β)/(2(1 − β)) + …, so that gradient
/// flow is ahead by s(1 + β)/(2(1 − β)). Where that is more than this it counts: some tenths of a percent of what there is to grow.
const COUNTS: f64 = 5e-4;

/// Where so much of a direction is missing gradient flow may go on.
const LEFT: f64 = 0.1;

/// What is less than this part of the teacher hardly counts in T.
const WEAK: f64 = 1e-3;

impl Directions {
    /// What is missing of the teacher at `point`, relative to it: S^{-½} M S^{-½} with M = −UᵀRV, the symmetric part of it. Where singular values are equal, or
    /// nearly so, a missing direction may be any mixture of theirs.
    fn missing(&self, point: &Point) -> Mat<f64> {
        let felt = self.outputs.transpose() * &point.residual * &self.inputs;
        let count = self.sizes.len();
        Mat::from_fn(count, count, |i, j| {
            -0.5 * (felt[(i, j)] + felt[(j, i)]) / (self.sizes[i] * self.sizes[j]).sqrt()
        })
    }

    /// The directions of which more than [`LEFT`] is missing, as unit vectors of outputs and inputs, with the size of the teacher in each.
    fn lacking(&self, point: &Point) -> Vec<(Col<f64>, Col<f64>, f64)> {
        let missing = self.missing(point);
        if are_learnt(&missing) {
            return Vec::new();
        }
        let Ok(eigen) = missing.self_adjoint_eigen(Side::Lower) else {
            return Vec::new();
        };
        let shares = eigen.S().column_vector().iter().enumerate();
        let direction = |i: usize| {
            let weigh = |j: usize| eigen.U()[(j, i)] / self.sizes[j].sqrt();
            let mixture = Col::from_fn(self.sizes.len(), weigh);
            let unit = &mixture * faer::Scale(mixture.norm_l2().recip());
            let size = (0..self.sizes.len()).map(|j| self.sizes[j] * unit[j] * unit[j]);
            (&self.outputs * &unit, &self.inputs * &unit, size.sum())
        };
        shares
            .filter(|(_, share)| **share > LEFT)
            .map(|(i, _)| direction(i))
            .collect()
    }
}

impl Saddles {
    /// Those of descent at learning rate η₁ = `rate` and momentum β.
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
        let counts = |i: &usize| ahead * sizes[*i] * reach(*i) * layers > COUNTS;
        let strong = WEAK * sizes.first().copied().unwrap_or(0.0);
        // One layer has no saddles.
        let listed = 0..if model.depth() > 1 { sizes.len() } else { 0 };
        let directions = |of: Vec<usize>| Directions {
            outputs: Mat::from_fn(svd.U().nrows(), of.len(), |i, j| svd.U()[(i, of[j])]),
            inputs: Mat::from_fn(svd.V().nrows(), of.len(), |i, j| svd.V()[(i, of[j])]),
            sizes: of.iter().map(|i| sizes[*i]).collect(),
        };
        let all = listed.clone().filter(|i| sizes[*i] > strong || counts(i));
        Ok(Self {
            all: directions(all.collect()),
            counted: directions(listed.filter(counts).collect()),
            nearest: None,
        })
    }

    /// Whether all are left at which steps count.
    pub(super) fn are_left(&self, point: &Point) -> bool {
        are_learnt(&self.counted.missing(point))
    }

    /// Notes how fast the weights grow into what is missing at `point`.
    pub(super) fn look(&mut self, point: &Point) {
        let share = 2.0 / point.depth() as f64;
        for (output, input, size) in self.all.lacking(point) {
            let curvature = curvature(point, &output, &input);
            let reach = (&point.below[0] * &input).norm_l2();
            let relative = curvature / (size.powf(2.0 - share) * reach.powf(share));
            let nearest = self.nearest.as_ref();
            if nearest.is_none_or(|nearest| relative < nearest.relative) {
                self.nearest = Some(Nearest {
                    output,
                    input,
                    curvature,
                    relative,
                });
            }
        }
    }

    /// Whether the weights had to grow e times in some direction, on the way to the minimum `end`: at a saddle they grow by a share of themselves, and what
    /// noise adds to the share adds up.
    pub(super) fn were_met(&self, end: &Point) -> bool {
        let layers = end.depth() as f64 - 1.0;
        let grown = |nearest: &Nearest| {
            let now = curvature(end, &nearest.output, &nearest.input);
            now > nearest.curvature * (2.0 * layers).exp()
        };
        self.nearest.as_ref().is_some_and(grown)
    }
}

/// Whether no more than [`LEFT`] is `missing` in any direction. (From half of the teacher on what is missing shrinks.)
fn are_learnt(missing: &Mat<f64>) -> bool {
    let count = missing.nrows();
    let rest = faer::Scale(LEFT) * Mat::<f64>::identity(count, count) - missing;
    count == 0 || rest.llt(Side::Lower).is_ok()
}

/// Σ_k ‖A_kᵀu‖² ‖B_kXv‖².
fn curvature(point: &Point, output: &Col<f64>, input: &Col<f64>) -> f64 {
    let layers = point.above.iter().zip(&point.below);
    let of_layer = |(above, below): (&Mat<f64>, &Mat<f64>)| {
        (above.transpose() * output).squared_norm_l2() * (below * input).squared_norm_l2()
    };
    layers.map(of_layer).sum()
}
