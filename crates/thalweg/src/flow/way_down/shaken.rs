//! What the noise of minibatches does to T on the way down.
//!
//! It is tried: descents go down in pairs whose minibatches depart from the mean over samples by opposite amounts. What changes its sign with them
//! cancels in the mean of a pair, and what is left is how far the noise takes the mean of T, at second order in it: a few pairs know that well
//! where thousands of runs of SGD would be needed. So only the covariances of a minibatch's moments count, and they are drawn as Gaussian:
//! S − I of B Gaussian samples has variances 1/B beside the diagonal and 2/B on it.
//!
//! Beside a saddle it is this that counts. There a direction grows as (1 + ηg)ᵗ, g of variance σ²/B, so that the mean of its logarithm is
//! later by ½η²σ²t/B: nothing is linear in the noise, and no sum over the residual ([`Scattered`](super::scattered::Scattered)) has it.

use faer::Mat;

use super::{
    gradient_work,
    step::{Departure, Drawn, Rule, Run},
};
use crate::Stop;
use crate::flow::{
    FlowError,
    manifold::to_manifold,
    point::{Model, Point},
    trajectory::ON_MANIFOLD,
};
use crate::random::{Purpose, Stream};

/// The most pairs.
const MOST_PAIRS: usize = 32;

/// The least: one alone has no standard error.
const LEAST_PAIRS: usize = 2;

/// They are enough where each standard error is below this,
const SMALL_ERROR: f64 = 1e-3;

/// or below this share of its shift.
const SMALL_SHARE: f64 = 0.2;

/// What they cost ends at so many multiplications in all, about a second.
const MOST_WORK: f64 = 1e9;

/// Where the way is longer than this, several steps are taken as one with as many times the samples.
const MOST_STEPS: f64 = 1000.0;

/// But not steps for which η₁ T would be more than this.
const MOST_CURVED: f64 = 0.2;

/// The relative residual below which a minimum is beside the weights.
const BESIDE: f64 = 1e-2;

/// T of SGD on average over T without its noise, less 1.
#[derive(Clone, Copy, Debug)]
pub(in crate::flow) struct Shift {
    pub(super) mean: f64,
    /// The standard error of it.
    pub(super) error: f64,
}

impl Shift {
    /// How far it may be from `expected`, by a standard error more than seen.
    pub(in crate::flow) fn from(self, expected: f64) -> f64 {
        let off = (self.mean - expected).abs() + self.error;
        // What diverges is as far as can be.
        if off.is_finite() { off } else { f64::INFINITY }
    }

    /// That of means of pairs over what is there without noise.
    fn of(ratios: impl Iterator<Item = f64> + Clone) -> Self {
        let count = ratios.clone().count() as f64;
        let mean = ratios.clone().sum::<f64>() / count;
        let squares: f64 = ratios.map(|ratio| (ratio - mean).powi(2)).sum();
        Self {
            mean: mean - 1.0,
            error: (squares / (count * (count - 1.0))).sqrt(),
        }
    }

    fn is_known(&self) -> bool {
        // More pairs say no more of what diverges.
        self.error.is_nan() || self.error <= SMALL_ERROR.max(SMALL_SHARE * self.mean.abs())
    }
}

/// The shifts of T on the way.
pub(in crate::flow) struct Shaken {
    /// At each of the steps asked for, as far as the pairs went.
    pub(in crate::flow) on_the_way: Vec<Shift>,
    /// At the minima to which the last step of the way leads.
    pub(in crate::flow) end: Option<Shift>,
    /// Whether the pairs went all the way.
    pub(in crate::flow) is_whole: bool,
}

/// The way to try.
pub(super) struct Way<'a> {
    pub(super) start: &'a [f64],
    /// The steps at which the shift is wanted, in rising order.
    pub(super) steps: &'a [u64],
    /// How many steps it takes.
    pub(super) length: f64,
    /// Whether it leads to the minima.
    pub(super) arrives: bool,
    /// The largest T on it.
    pub(super) sharpest: f64,
}

impl Shaken {
    pub(super) fn new(model: &Model, way: &Way, rule: &Rule) -> Result<Self, FlowError> {
        let (rule, stride) = coarser(rule, way);
        let gradients = if rule.sam.is_some() { 2.0 } else { 1.0 };
        let each = gradients * gradient_work(model);
        let affordable = (0.5 * MOST_WORK / each).floor();
        let whole = (way.length / stride).ceil();
        let length = whole.min((affordable / LEAST_PAIRS as f64).floor());
        let most = MOST_PAIRS.min((affordable / length.max(1.0)) as usize);
        let course = Course {
            model,
            rule,
            start: way.start,
            wanted: way
                .steps
                .iter()
                .map(|&step| (step as f64 / stride).round())
                .take_while(|step| *step <= length)
                .map(|step| step as u64)
                .collect(),
            length: length as u64,
            arrives: way.arrives && length == whole,
        };
        let still = course.sharpness([0.0], None)?;
        let mut pairs = Vec::new();
        let shifts = loop {
            let stream = Stream::new(pairs.len() as u64, Purpose::Probes);
            pairs.push(course.sharpness([1.0, -1.0], Some(stream))?);
            let shifts: Vec<_> = (0..still.len())
                .map(|row| {
                    let ratio =
                        |pair: &Vec<[f64; 2]>| 0.5 * (pair[row][0] + pair[row][1]) / still[row][0];
                    Shift::of(pairs.iter().map(ratio))
                })
                .collect();
            let enough = pairs.len() >= LEAST_PAIRS && shifts.iter().all(Shift::is_known);
            if enough || pairs.len() >= most.max(LEAST_PAIRS) {
                break shifts;
            }
        };
        let mut on_the_way = shifts;
        let end = course.arrives.then(|| on_the_way.pop()).flatten();
        Ok(Self {
            on_the_way,
            end,
            is_whole: length == whole,
        })
    }
}

/// The steps that runs take from one start.
struct Course<'a> {
    model: &'a Model,
    rule: Rule,
    start: &'a [f64],
    /// After which of them T is wanted.
    wanted: Vec<u64>,
    length: u64,
    /// Whether T at the minima beside its end is wanted too.
    arrives: bool,
}

impl Course<'_> {
    /// T of runs that see the same minibatches, each with its sign, at what is wanted.
    fn sharpness<const N: usize>(
        &self,
        signs: [f64; N],
        mut stream: Option<Stream>,
    ) -> Result<Vec<[f64; N]>, FlowError> {
        let Self { model, rule, .. } = self;
        let mut runs = signs.map(|_| Run::new(self.start.to_vec()));
        let mut wanted = self.wanted.iter().peekable();
        let mut seen = Vec::with_capacity(self.wanted.len() + 1);
        let stop = Stop::here();
        for step in 0..=self.length {
            let points = runs
                .each_ref()
                .map(|run| Point::new(model, model.layers(&run.weights)));
            while wanted.next_if(|wanted| **wanted == step).is_some() {
                seen.push(points.each_ref().map(Point::sharpness));
            }
            if step == self.length {
                break;
            }
            stop.asked()?;
            let drawn = stream.as_mut().map(|stream| {
                let step = Departure::draw(model, rule, stream);
                let is_own = rule.sam.is_some_and(|sam| sam.independent);
                (step, is_own.then(|| Departure::draw(model, rule, stream)))
            });
            for ((run, point), sign) in runs.iter_mut().zip(&points).zip(signs) {
                let drawn = drawn.as_ref().map(|(step, ascent)| Drawn {
                    step,
                    ascent: ascent.as_ref().unwrap_or(step),
                    sign,
                });
                run.advance(model, point, rule, drawn);
            }
        }
        if self.arrives {
            seen.push(runs.map(|run| self.at_minima(run)));
        }
        Ok(seen)
    }

    /// T at the minimum beside the end of `run`, which noise may have made late: it comes down without noise. No number where it does not, and has gone
    /// astray.
    fn at_minima(&self, mut run: Run) -> f64 {
        let Self { model, rule, .. } = self;
        for _ in 0..self.length {
            let point = Point::new(model, model.layers(&run.weights));
            if point.residual.norm_l2() <= BESIDE * model.scale() {
                break;
            }
            run.advance(model, &point, rule, None);
        }
        match to_manifold(model, &mut run.weights) {
            Ok(distance) if distance <= ON_MANIFOLD => {
                Point::new(model, model.layers(&run.weights)).sharpness()
            }
            _ => f64::NAN,
        }
    }
}

/// The same for as many steps at once as the length of the way asks for, and how many.
fn coarser(rule: &Rule, way: &Way) -> (Rule, f64) {
    let effective = rule.learning_rate / (1.0 - rule.momentum);
    let most = (MOST_CURVED / (effective * way.sharpest)).floor();
    let stride = (way.length / MOST_STEPS).ceil().min(most);
    // SAM's ascent by the step's own minibatch does not become what more samples make of it.
    if stride <= 1.0 || rule.sam.is_some() {
        return (*rule, 1.0);
    }
    let coarse = Rule {
        learning_rate: effective * stride,
        batch: rule.batch * stride,
        momentum: 0.0,
        sam: None,
    };
    (coarse, stride)
}

impl Departure {
    /// That of a minibatch of `rule`.
    pub(super) fn draw(model: &Model, rule: &Rule, stream: &mut Stream) -> Self {
        let mut normal = |rows, columns| Mat::from_fn(rows, columns, |_, _| stream.normal());
        let rank = model.rank();
        let second = normal(rank, rank);
        let noise = normal(model.noise_root().ncols(), rank);
        Self {
            second: faer::Scale((2.0 * rule.batch).sqrt().recip()) * (&second + second.transpose()),
            noise: faer::Scale(rule.batch.sqrt().recip()) * (model.noise_root() * noise),
        }
    }
}
