//! The saddles that a descent has still to leave.

use faer::Mat;

use crate::flow::{
    FlowError,
    point::{Model, Point},
};

/// The directions of the teacher, in some of which steps of gradient descent leave a saddle later than gradient flow does.
pub(super) struct Saddles {
    /// The left singular vectors of VX.
    outputs: Mat<f64>,
    /// The right ones.
    inputs: Mat<f64>,
    directions: Vec<Direction>,
}

struct Direction {
    /// The singular value.
    size: f64,
    /// Whether gradient flow is too early by so much that it counts.
    counts: bool,
    /// The least curvature in it while it was missing.
    least: Option<f64>,
}

/// In a step that multiplies a direction by 1 + s, s = η₁g, gradient flow multiplies it by e^s: it is ahead by s/2 of the logarithm of what the direction
/// has to grow by. Heavy ball multiplies it by the larger root of z² − (1 + β + (1 − β)s) z + β = 0, of logarithm s − s²(1 + β)/(2(1 − β)) + …, so that gradient
/// flow is ahead by s(1 + β)/(2(1 − β)). Where that is more than this it counts: some tenths of a percent of what there is to grow.
const COUNTS: f64 = 5e-4;

/// Where so much of a direction is missing gradient flow may go on.
const LEFT: f64 = 0.1;

/// What is less than this part of the teacher hardly counts in T.
const WEAK: f64 = 1e-3;

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
        // One layer has none.
        let counts =
            |i: &usize| model.depth() > 1 && ahead * sizes[*i] * reach(*i) * layers > COUNTS;
        let strong = WEAK * sizes.first().copied().unwrap_or(0.0);
        let direction = |i: usize| Direction {
            size: sizes[i],
            counts: counts(&i),
            least: None,
        };
        let directions: Vec<Direction> = (0..sizes.len())
            .take_while(|&i| sizes[i] > strong || counts(&i))
            .map(direction)
            .collect();
        Ok(Self {
            outputs: svd.U().subcols(0, directions.len()).to_owned(),
            inputs: svd.V().subcols(0, directions.len()).to_owned(),
            directions,
        })
    }

    /// Whether the i-th direction has all but [`LEFT`] of the teacher.
    fn is_learnt(&self, point: &Point, i: usize) -> bool {
        let felt = &point.residual * self.inputs.col(i);
        // (From half of it on what is missing shrinks.)
        -(self.outputs.col(i).transpose() * felt) <= LEFT * self.directions[i].size
    }

    /// Whether all are left at which steps count.
    pub(super) fn are_left(&self, point: &Point) -> bool {
        let directions = self.directions.iter().enumerate();
        directions
            .filter(|(_, direction)| direction.counts)
            .all(|(i, _)| self.is_learnt(point, i))
    }

    /// Notes how fast the weights grow into what is missing at `point`.
    pub(super) fn look(&mut self, point: &Point) {
        let curvatures = self.curvatures(point);
        for (i, curvature) in curvatures.into_iter().enumerate() {
            if !self.is_learnt(point, i) {
                let least = &mut self.directions[i].least;
                *least = Some(least.map_or(curvature, |least| least.min(curvature)));
            }
        }
    }

    /// Whether the weights had to grow e times in some direction, on the way to the minimum `end`: at a saddle they grow by a share of themselves, and what
    /// noise adds to the share adds up.
    pub(super) fn were_met(&self, end: &Point) -> bool {
        let layers = end.depth() as f64 - 1.0;
        let grown = |(now, direction): (f64, &Direction)| {
            // Of one layer there is no other that grows.
            let least = direction.least.filter(|_| layers > 0.0);
            least.is_some_and(|least| now > least * (2.0 * layers).exp())
        };
        let curvatures = self.curvatures(end).into_iter();
        curvatures.zip(&self.directions).any(grown)
    }

    /// Σ_k ‖A_kᵀu‖² ‖B_kXv‖² in each of them.
    fn curvatures(&self, point: &Point) -> Vec<f64> {
        let mut sums = vec![0.0; self.directions.len()];
        for (above, below) in point.above.iter().zip(&point.below) {
            let (outputs, inputs) = (above.transpose() * &self.outputs, below * &self.inputs);
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum += outputs.col(i).squared_norm_l2() * inputs.col(i).squared_norm_l2();
            }
        }
        sums
    }
}
