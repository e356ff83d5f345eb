//! Whether a prediction lies in the range of the theory, which is leading order in η.

use super::{
    Cause, FlowError, LeftOut, MOST_LEFT_OUT, Place, Waypoint,
    left_out::{left_out_at, left_out_in_all, left_out_warning, worst_of},
    own_drift::{MOST_OWN_DRIFT, OwnDrift},
    point::Model,
    products::trace,
};
use crate::problem::{Problem, Weights};
use crate::recipe::Recipe;
use crate::theory::{learnt_noise_condition_number, noise_misalignment};
use crate::words::{by_up_to, rounded};

/// How far from leading order a run at this η and B is, and what follows.
///
/// Two parameters must be small. `stability` compares η with the edge of stability: the fluctuation in the
/// stiffest direction is 1/(1 − s) times what the leading order says. `relative_weighted_fluctuation` is
/// the leading-order E‖(W_D…W_1 − V)√Σx‖² = η F/(2B), relative to ‖V√Σx‖²: the drift is computed on
/// the manifold of minima, and this is how far off it SGD lives.
///
/// The second follows from linearised SGD. With ẽ = (W_D…W_1 − V)√Σx, one step is
/// ẽ ← ẽ − ηK(ẽ − ξ), ξ of covariance (I ⊗ Σε)/B, so in K's eigenbasis the stationary covariance is
/// η κ_iκ_j Ξ_ij/(κ_i + κ_j − ηκ_iκ_j), of trace (η/2) tr(K Ξ) = (η/2B) F to leading order.
///
/// The limits were set by measurement on the way to the end (D = 3, d = 2, Σx = I, V near I, B = 10): T of SGD, taken back to
/// the manifold, at the same slow time and different η. With √Σε = (1, .1) it was off by 0.1 %, 0.6 %,
/// 2 % and 4 % at a product fluctuation of 1, 3, 7 and 11 ·10⁻³ (ηλ_max/2 up to 0.1, 0.2, 0.4, 0.6); with
/// √Σε = (3, .1) by 0.2 %, 0.6 %, 2 % and 7 % at 1, 3, 9 and 28 ·10⁻³; with √Σε = (10, .1) by 4 % at
/// 10 ·10⁻³ and 10 % at 30 ·10⁻³. At the end of a long run the step's size shows earlier: [`left_out`](super::left_out) has by how much.
#[derive(Clone, Debug, PartialEq)]
pub struct Validity {
    /// ‖V√Σx‖. Where it is 0 nothing is to be learnt, and there is no scale by which a fluctuation is small.
    pub signal: f64,
    /// The stability number at λ_max ([`Recipe::stability_number`]: η λ_max/2 of plain SGD), the largest along the snapshots.
    pub stability: f64,
    /// η₁ λ_max/2 with the effective rate η₁ = η/(1 − β), by which the mean of the weights moves: the largest, the limit's too.
    pub effective_stability: f64,
    /// `stability` at the limit, where there is one.
    pub limit_stability: Option<f64>,
    /// η F/(2B ‖V√Σx‖²), the largest along the snapshots; NaN where V√Σx = 0.
    pub relative_weighted_fluctuation: f64,
    /// η F/(2B ‖V√Σx‖²) at the limit, where there is one, and V√Σx is not 0.
    pub limit_relative_weighted_fluctuation: Option<f64>,
    /// [`noise_misalignment`](crate::theory::noise_misalignment) for a path by symmetric generators, which
    /// leaves SGD's where noise and signal have different axes; 0 for the exact drift.
    pub misalignment: f64,
    /// [`most_misalignment`] of the problem.
    pub most_misalignment: f64,
    /// By how much T of SGD's own drift differs from that of a path by symmetric generators; none for other paths.
    pub own_drift: Option<OwnDrift>,
    /// η₁ λ_max times the steps of an epoch, of a set that is reshuffled in each.
    pub moved_in_epoch: Option<f64>,
    /// How many times the leading term the product's fluctuation is at most, 1/(1 − s) with s the stability number in the mean square, with the scatter of
    /// minibatches ([`left_out`](super::left_out)): the verdict counts it in.
    pub amplified: f64,
    /// The stability number as a formula.
    pub stability_formula: String,
    /// Whether something that acts on the weights is added to plain SGD.
    pub is_forced: bool,
    /// What the prediction leaves out: of the step's size, and of what is added to SGD.
    pub left_out: Vec<LeftOut>,
    /// How the weights come down to the minima, where the path starts off them.
    pub approach: Option<Approach>,
}

/// How far gradient descent has come, without any noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Approach {
    /// ‖(W_D…W_1 − V)√Σx‖ / ‖V√Σx‖ at the last step asked for; without the denominator where that is 0.
    pub distance: f64,
    /// The last step asked for.
    pub step: f64,
    /// The step from which on the product is within [`ARRIVED`] of V, and T of its value at the minimum.
    pub arrival: f64,
    /// How much is uncertain because noise, and what is added to SGD, move the weights already on the way down: the largest change, of T
    /// relative to it or of the product relative to ‖V√Σx‖, if the slow motion sets in on arrival and not with the
    /// first step, and that of T by the scatter of minibatches about the mean over samples; or what runs with noise, decay and dropout
    /// show of T, where that is more.
    pub drift: f64,
    /// The same at the last step alone.
    pub end_drift: f64,
    /// Whether runs with noise went all this way; a long way in a large network would take too long.
    pub is_tried: bool,
    /// Whether the weights grow e times or more in some direction, out of a saddle, where noise counts: the drift is 1 where that is not tried.
    pub leaves_saddle: bool,
    /// λ_max where T was largest.
    pub lambda_max: f64,
    /// Σ_j h_ij/λ_max there, with the curvatures h_ij of one output i: the most inputs that count in what scatters.
    pub inputs: f64,
}

/// A descent has arrived when the product of its weights is this close to V, relative to ‖V√Σx‖, and T this
/// close to its value at the minimum, relative to it. Where inputs are nearly dependent T lags far behind.
pub const ARRIVED: f64 = 1e-2;

/// The drift on the way down may be this large: T is then right to about a percent.
pub const MOST_DRIFT: f64 = 1e-2;

/// The stability number may be this large: on the way T is then right to about a percent where it changes slowly.
pub const MOST_STABILITY: f64 = 0.2;

/// The relative product fluctuation may be this large: T is then right to about a percent.
pub const MOST_RELATIVE_WEIGHTED_FLUCTUATION: f64 = 2e-3;

/// The misalignment is never in range above this, whatever the noise.
pub const MOST_MISALIGNMENT: f64 = 0.1;

/// And above this over √κ, κ the loudest noise over the least in outputs that are learnt: the loud noise that a turn brings into the quiet outputs counts beside what is there.
const MOST_TURNED_NOISE: f64 = 0.3;

/// Below this a misalignment is rounding.
const LEAST_MISALIGNMENT: f64 = 1e-9;

/// The misalignment of this problem's noise may be so large: T of Theorem 1's minimum is then right to about a percent.
///
/// Set by measurement: at 0.4/√κ T of the exact drift's end is 0.0 to 1.7 % below it (D = 2 to 4, √Σε = (1, s) with s from 0.003 to 0.2, turned
/// against V = diag(1.5, .5), (.5, 1.5) and (1, .8)), and what a turn changes grows as its square. With √Σε = (1, .2) and D = 2 T of SGD is 2.4 %, 6.8 %
/// and 10 % below it at misalignments of 0.16, 0.30 and 0.42.
pub fn most_misalignment(problem: &Problem) -> f64 {
    let condition = learnt_noise_condition_number(problem).unwrap_or(f64::INFINITY);
    (MOST_TURNED_NOISE / condition.sqrt()).clamp(LEAST_MISALIGNMENT, MOST_MISALIGNMENT)
}

/// Whether noise and signal have so different axes that SGD does not end at Theorem 1's minimum.
pub fn is_turned(problem: &Problem) -> bool {
    noise_misalignment(problem) > most_misalignment(problem)
}

/// In an epoch the weights hardly move where η₁ λ_max times its steps is at most this.
///
/// Set by measurement (sets of 20 and of 100 samples, minibatches of 10, noise turned against the signal): at .16 T of reshuffled SGD was .7 and .9 %
/// below that of the least fluctuation, at .8 2.0 and 2.6 %, and drawn with replacement 6.6 to 12 %.
const SHORT_EPOCH: f64 = 0.1;

/// What a number of the slow flow does not contain, for a reader who sees it beside one of SGD's.
pub const LEAVES_OUT: &str = "The slow flow is gradient descent to the minima and then the mean drift along them, at leading order in η. \
    Three things are not in it: at finite η SGD fluctuates about that path (the product of the weights about V, and \
    with it every quantity here), single runs scatter about the mean, and higher orders in η change the path.";

/// λ_max and F of one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) lambda_max: f64,
    pub(super) fluctuation: f64,
}

impl Size {
    pub(super) fn of(snapshot: &Waypoint) -> Self {
        Self {
            lambda_max: snapshot.lambda_max,
            fluctuation: snapshot.fluctuation,
        }
    }
}

impl Approach {
    /// Whether it is over by the last step asked for.
    pub fn has_arrived(&self) -> bool {
        self.step >= self.arrival
    }

    /// What the drift on the way down does to T, where that is too much.
    fn drift_warning(self, is_forced: bool) -> Option<String> {
        let (moves, less) = if is_forced {
            (
                "Noise, and what is added to SGD, move",
                ", a larger batch, or less of what is added",
            )
        } else {
            ("Noise moves", " or a larger batch")
        };
        if self.leaves_saddle && !self.is_tried {
            return Some(
                "On their way down the weights leave a saddle, where noise and what is added to SGD make them later or sooner: by how much is not tried on a way \
                 so long in a network of this size, and may be any part of T. Start from larger weights, or simulate SGD."
                    .to_owned(),
            );
        }
        (self.drift > MOST_DRIFT).then(|| {
            format!(
                "{moves} the weights while they still descend to the minima, which leaves T, or the product relative to V, uncertain {} \
                 (at most {} % is in range{}); a smaller η{less} reduces this.",
                by_up_to(self.drift, self.end_drift),
                short(100.0 * MOST_DRIFT),
                if self.is_tried {
                    ""
                } else {
                    "; it may be more, since it is not tried on a way so long in a network of this size"
                }
            )
        })
    }

    /// How far there is to go, where the run is over before the weights have arrived.
    fn on_the_way(self, signal: f64) -> Option<String> {
        (!self.has_arrived()).then(|| {
            let away = if signal > 0.0 {
                format!("up to {:.0} % of ‖V√Σx‖", 100.0 * self.distance)
            } else {
                format!("up to {} in ‖(W_D…W_1 − V)√Σx‖", short(self.distance))
            };
            format!(
                "At the last of these steps the weights are still on their way down to the minima, and the prediction is for \
                 this descent: without noise, the product of the weights is then {away} away from V, and T comes within {} % of \
                 its value at the minima only after up to {} steps.",
                100.0 * ARRIVED,
                rounded(self.arrival)
            )
        })
    }

    /// The larger of each number.
    fn worst(self, other: Self) -> Self {
        Self {
            distance: self.distance.max(other.distance),
            step: self.step.max(other.step),
            arrival: self.arrival.max(other.arrival),
            drift: self.drift.max(other.drift),
            end_drift: self.end_drift.max(other.end_drift),
            is_tried: self.is_tried && other.is_tried,
            leaves_saddle: self.leaves_saddle || other.leaves_saddle,
            lambda_max: self.lambda_max.max(other.lambda_max),
            inputs: self.inputs.max(other.inputs),
        }
    }
}

impl Validity {
    /// The report for a path and its limit, with ‖V√Σx‖ = `signal`.
    pub(super) fn new(
        learning_rate: f64,
        batch: usize,
        signal: f64,
        (misalignment, most_misalignment): (f64, f64),
        path: impl Iterator<Item = Size>,
        limit: Option<Size>,
    ) -> Self {
        let stability = |size: Size| learning_rate * size.lambda_max / 2.0;
        let spread =
            |size: Size| learning_rate * size.fluctuation / (2.0 * batch as f64 * signal * signal);
        let (path_stability, path_spread) = path.fold((0.0f64, 0.0f64), |(a, b), size| {
            (a.max(stability(size)), b.max(spread(size)))
        });
        let has_scale = signal > 0.0;
        Self {
            signal,
            stability: path_stability,
            effective_stability: limit
                .map_or(path_stability, |limit| path_stability.max(stability(limit))),
            limit_stability: limit.map(stability),
            relative_weighted_fluctuation: if has_scale { path_spread } else { f64::NAN },
            limit_relative_weighted_fluctuation: limit.filter(|_| has_scale).map(spread),
            misalignment,
            most_misalignment,
            own_drift: None,
            moved_in_epoch: None,
            amplified: 1.0,
            stability_formula: Recipe::default().stability_formula(),
            is_forced: false,
            left_out: Vec::new(),
            approach: None,
        }
    }

    /// The same for SGD by `recipe` on what is in effect `problem`, at the effective rate η₁ = η/(1 − β) and B of `step`: with what the
    /// prediction, which is of the minimum `weights`, leaves out.
    ///
    /// # Errors
    /// Those of `weights` and of [`left_out`](super::left_out).
    pub fn under(
        self,
        problem: &Problem,
        recipe: &Recipe,
        step: (f64, usize),
        weights: impl FnOnce() -> Result<Weights, FlowError>,
    ) -> Result<Self, FlowError> {
        let lambda_max = 2.0 * self.largest_stability().0 / step.0;
        self.under_at(problem, recipe, step, || {
            Ok(Place::end(weights()?, lambda_max))
        })
    }

    /// The same, of which the last prediction is of `place`.
    pub(super) fn under_at(
        mut self,
        problem: &Problem,
        recipe: &Recipe,
        step: (f64, usize),
        place: impl FnOnce() -> Result<Place, FlowError>,
    ) -> Result<Self, FlowError> {
        let lambda_max = |stability: f64| 2.0 * stability / step.0;
        let is_wider = recipe.sam.is_some_and(|sam| !sam.independent);
        // The noise of another minibatch is not made larger, to first order.
        let radius = if is_wider {
            recipe.linear_radius()
        } else {
            0.0
        };
        let wider = |stability: f64| 1.0 + radius * lambda_max(stability);
        self.relative_weighted_fluctuation *= wider(self.stability);
        if let (Some(spread), Some(stability)) = (
            &mut self.limit_relative_weighted_fluctuation,
            self.limit_stability,
        ) {
            *spread *= wider(stability);
        }
        let learning_rate = step.0 * (1.0 - recipe.momentum);
        for stability in [Some(&mut self.stability), self.limit_stability.as_mut()]
            .into_iter()
            .flatten()
        {
            *stability = recipe.stability_number(learning_rate, lambda_max(*stability));
        }
        self.stability_formula = recipe.stability_formula();
        self.is_forced = recipe.is_approximate();
        (self.left_out, self.amplified) = left_out_at(problem, recipe, &place()?, step)?;
        Ok(self)
    }

    /// The same for SGD on a set of so many samples of `problem`, of which the prediction, for fresh ones, leaves out that its minima are its own: their V is
    /// off by noise of covariance Σε/N in each of the r directions of the inputs, so that T changes by about √((1 + r tr Σε/‖V√Σx‖²)/N). (In nine problems
    /// with N from 1000 to 20,000 T was 0.3 to 2.3 times as far off.) Where the set is reshuffled each epoch, which takes `epoch` steps, and in an epoch the
    /// weights hardly move, SGD ends at the least fluctuation whatever the axes of noise and signal; in longer ones between that and its end on fresh samples.
    #[must_use]
    pub fn on_set(mut self, problem: &Problem, samples: usize, epoch: Option<f64>) -> Self {
        self.moved_in_epoch = epoch.map(|epoch| 2.0 * self.effective_stability * epoch);
        if self
            .moved_in_epoch
            .is_some_and(|moved| moved <= SHORT_EPOCH)
        {
            self.misalignment = 0.0;
        }
        let rank = problem.input_factor().matrix().ncols();
        let noise = rank as f64 * trace(problem.noise_covariance());
        let noisy = if self.signal > 0.0 {
            noise / (self.signal * self.signal)
        } else {
            0.0
        };
        self.left_out.push(LeftOut {
            cause: Cause::DataSet,
            change: ((1.0 + noisy) / samples as f64).sqrt(),
        });
        self
    }

    /// The same for an end to which the exact drift was `followed`, if it was: then the axes of noise and signal do not count.
    #[must_use]
    pub fn with_axes_followed(mut self, followed: bool) -> Self {
        if followed {
            self.misalignment = 0.0;
        }
        self
    }

    /// The same for a path from which SGD's own drift differs by so much.
    pub(super) fn with_own_drift(self, own_drift: Option<OwnDrift>) -> Self {
        Self { own_drift, ..self }
    }

    /// The same for a path that begins with a descent.
    pub(super) fn with_approach(self, approach: Approach) -> Self {
        Self {
            approach: Some(approach),
            ..self
        }
    }

    /// The report for one minimum of this λ_max and F, in loss/weight² and loss²/weight², whatever way leads to it.
    pub fn at(
        problem: &Problem,
        [lambda_max, fluctuation]: [f64; 2],
        learning_rate: f64,
        batch: usize,
    ) -> Self {
        let size = Size {
            lambda_max,
            fluctuation,
        };
        Self::new(
            learning_rate,
            batch,
            Model::new(problem).signal(),
            (noise_misalignment(problem), most_misalignment(problem)),
            std::iter::once(size),
            Some(size),
        )
    }

    /// The larger of each number: the report for several paths.
    #[must_use]
    pub fn worst(self, other: &Self) -> Self {
        let larger = |a: Option<f64>, b: Option<f64>| a.into_iter().chain(b).reduce(f64::max);
        Self {
            signal: self.signal,
            stability: self.stability.max(other.stability),
            effective_stability: self.effective_stability.max(other.effective_stability),
            limit_stability: larger(self.limit_stability, other.limit_stability),
            relative_weighted_fluctuation: self
                .relative_weighted_fluctuation
                .max(other.relative_weighted_fluctuation),
            limit_relative_weighted_fluctuation: larger(
                self.limit_relative_weighted_fluctuation,
                other.limit_relative_weighted_fluctuation,
            ),
            misalignment: self.misalignment.max(other.misalignment),
            most_misalignment: self.most_misalignment.min(other.most_misalignment),
            own_drift: match (self.own_drift, other.own_drift) {
                (Some(one), Some(other)) => Some(one.worst(other)),
                (one, other) => one.or(other),
            },
            moved_in_epoch: larger(self.moved_in_epoch, other.moved_in_epoch),
            amplified: self.amplified.max(other.amplified),
            stability_formula: self.stability_formula,
            is_forced: self.is_forced,
            left_out: worst_of(self.left_out, &other.left_out),
            approach: match (self.approach, other.approach) {
                (Some(one), Some(other)) => Some(one.worst(other)),
                (one, other) => one.or(other),
            },
        }
    }

    /// Whether every number is within its limit, at the times asked for and at the predicted minimum, and the two that may each move T by a
    /// percent also together. Without a signal there is no limit to be within.
    pub fn in_range(&self) -> bool {
        self.largest_stability().0 <= MOST_STABILITY
            && self.largest_spread().0 <= MOST_RELATIVE_WEIGHTED_FLUCTUATION
            && self.misalignment <= self.most_misalignment
            && self
                .own_drift
                .is_none_or(|own| own.largest <= MOST_OWN_DRIFT)
            && left_out_in_all(&self.left_out) <= MOST_LEFT_OUT
            && self.used_up() <= 1.0
            && self
                .approach
                .is_none_or(|approach| approach.drift <= MOST_DRIFT)
    }

    /// Whether the product of the weights does so too much.
    fn fluctuates(&self) -> bool {
        self.largest_spread().0 > MOST_RELATIVE_WEIGHTED_FLUCTUATION
    }

    /// The product's fluctuation and what is left out, over their limits, in all: both move T.
    fn used_up(&self) -> f64 {
        self.largest_spread().0 / MOST_RELATIVE_WEIGHTED_FLUCTUATION
            + left_out_in_all(&self.left_out) / MOST_LEFT_OUT
    }

    /// What to say where each of the two is within its limit, and both together are not.
    fn together_warning(&self) -> Option<String> {
        let (spread, left_out) = (self.largest_spread().0, left_out_in_all(&self.left_out));
        let each = spread <= MOST_RELATIVE_WEIGHTED_FLUCTUATION && left_out <= MOST_LEFT_OUT;
        (each && self.used_up() > 1.0).then(|| {
            format!(
                "T of SGD may differ by more than a percent: the product of the weights fluctuates by {} % of ‖V√Σx‖² (at most {} % is in range), and what \
                 is left out moves T by about {} % (at most {} %). Each alone would be in range; a smaller η{} makes them smaller.",
                short(100.0 * spread),
                short(100.0 * MOST_RELATIVE_WEIGHTED_FLUCTUATION),
                short(100.0 * left_out),
                short(100.0 * MOST_LEFT_OUT),
                if self.is_forced {
                    ", or less of what is added to SGD,"
                } else {
                    ""
                }
            )
        })
    }

    /// Whether to believe the theory at this η and B, in a few sentences for a user.
    pub fn sentence(&self) -> String {
        let on_the_way = self.approach.and_then(|a| a.on_the_way(self.signal));
        let verdict = if self.signal == 0.0 {
            vec![self.without_signal()]
        } else if self.in_range() {
            let is_tried = self.approach.is_none_or(|approach| approach.is_tried);
            let follows = match (on_the_way.is_some(), is_tried) {
                (true, true) => "so that SGD follows this descent",
                (true, false) => {
                    "so that SGD follows this descent, which leaves no saddle, if minibatches do no more on the way down than is counted: that is not tried on a way so long in a network of this size"
                }
                (false, true) => "so that T is right to about a percent",
                (false, false) => {
                    "so that T is right to about a percent, if minibatches do no more on the way down than is counted: that is not tried on a way so long in a network of this size"
                }
            };
            vec![format!(
                "In the range of the theory: {} is at most {} and the product of the weights \
                 fluctuates by at most {} % of ‖V√Σx‖², {follows}.",
                self.stability_formula,
                short(self.largest_stability().0),
                short(100.0 * self.largest_spread().0)
            )]
        } else {
            let coarse = self.coarse().map(|reasons| {
                format!(
                    "Outside the range of the theory, which is for small η: {reasons}. Expect SGD to {}; for a prediction \
                     that holds, take a smaller η{}.",
                    if self.largest_stability().0 >= 1.0 {
                        "end flatter than predicted, or to diverge"
                    } else {
                        "differ from it on the way and to end flatter"
                    },
                    match (self.is_forced, self.fluctuates()) {
                        (true, true) => ", a larger batch, or less of what is added to SGD",
                        (true, false) => " or less of what is added to SGD",
                        (false, true) => " or a larger batch",
                        // The stability number does not know the batch.
                        (false, false) => "",
                    }
                )
            });
            let drift = self.approach.and_then(|a| a.drift_warning(self.is_forced));
            let turned = misalignment_warning(
                self.misalignment,
                self.most_misalignment,
                self.moved_in_epoch,
            );
            let own_drift = self.own_drift.and_then(OwnDrift::warning);
            let left_out = left_out_warning(&self.left_out, turned.is_some());
            coarse
                .into_iter()
                .chain(drift)
                .chain(turned)
                .chain(own_drift)
                .chain(left_out)
                .chain(self.together_warning())
                .collect()
        };
        let sentences: Vec<String> = on_the_way.into_iter().chain(verdict).collect();
        sentences.join(" ")
    }

    /// What can be said where nothing sets the scale.
    fn without_signal(&self) -> String {
        let (stability, at) = self.largest_stability();
        format!(
            "V√Σx is 0: there is nothing to learn, and no scale by which the fluctuation of the product of the weights would be \
             large or small. So it is not known whether this is in the range of the theory; {} is at most {} {at}, where 1 is \
             the edge of stability.",
            self.stability_formula,
            short(stability)
        )
    }

    /// Why η is too large for the leading order, if it is.
    fn coarse(&self) -> Option<String> {
        let (stability, at) = self.largest_stability();
        let (spread, spread_at) = self.largest_spread();
        let mut reasons = Vec::new();
        if stability >= 1.0 {
            reasons.push(format!(
                "{} reaches {} {at}, beyond the edge of stability at 1, where SGD cannot rest",
                self.stability_formula,
                short(stability)
            ));
        } else if stability > MOST_STABILITY {
            reasons.push(format!(
                "{} reaches {} {at} (at most {MOST_STABILITY} is in range)",
                self.stability_formula,
                short(stability)
            ));
        }
        if self.fluctuates() {
            reasons.push(format!(
                "the product of the weights fluctuates by {} % of ‖V√Σx‖² {spread_at} (at most {} % is in range)",
                short(100.0 * spread),
                short(100.0 * MOST_RELATIVE_WEIGHTED_FLUCTUATION)
            ));
        }
        (!reasons.is_empty()).then(|| reasons.join(", and "))
    }

    pub(super) fn largest_stability(&self) -> (f64, &'static str) {
        larger(self.stability, self.limit_stability)
    }

    /// The most that the product fluctuates, and where.
    fn largest_spread(&self) -> (f64, &'static str) {
        let (spread, at) = larger(
            self.relative_weighted_fluctuation,
            self.limit_relative_weighted_fluctuation,
        );
        (self.amplified * spread, at)
    }
}

/// What follows from a [`noise_misalignment`] above `most`, in a few words for a user; of a set that is reshuffled if `moved_in_epoch`,
/// η₁ λ_max times the steps of an epoch, is given.
pub fn misalignment_warning(
    misalignment: f64,
    most: f64,
    moved_in_epoch: Option<f64>,
) -> Option<String> {
    (misalignment > most).then(|| {
        let end = match moved_in_epoch {
            None => "SGD then does not end at Theorem 1's minimum, however small η is; the slow flow's exact drift follows it to its end (beyond the paper)".to_owned(),
            Some(moved) => format!(
                "On a set that is reshuffled SGD then ends between Theorem 1's minimum and the end of the slow flow's exact drift: the nearer to the minimum, the \
                 less the weights move in an epoch (η₁ λ_max times its steps is {} here; up to {SHORT_EPOCH} the axes do not count)",
                short(moved)
            ),
        };
        format!(
            "Noise and signal have different axes: the misalignment of Σε with VΣxVᵀ is {} (0 if they share \
             them; up to {} changes T by about a percent). {end}.",
            digits(misalignment),
            digits(most).trim_end_matches('0')
        )
    })
}

/// Two digits.
fn digits(x: f64) -> String {
    let places = (1.0 - x.log10().floor()).clamp(2.0, 12.0) as usize;
    format!("{x:.places$}")
}

/// Four digits at most.
fn short(x: f64) -> String {
    if x.is_infinite() {
        "∞".to_owned()
    } else {
        rounded(x)
    }
}

/// The larger of the two, and where it is.
fn larger(path: f64, limit: Option<f64>) -> (f64, &'static str) {
    match limit {
        Some(limit) if limit >= path => (limit, "at the predicted minimum"),
        _ => (path, "on the way"),
    }
}
