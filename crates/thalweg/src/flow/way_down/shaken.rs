//! What the noise of minibatches does to T on the way down, and with it decay and dropout, which the descent does not know.
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

/// But not steps for which η₁ T would be more than this,
const MOST_CURVED: f64 = 0.2;

/// nor steps that would move the weights by more than this, relative to them: what leaves a saddle grows by as much.
const MOST_MOVED: f64 = 0.05;

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
    fn of(ratios: &[f64]) -> Self {
        let count = ratios.len() as f64;
        let mean = ratios.iter().sum::<f64>() / count;
        let squares: f64 = ratios.iter().map(|ratio| (ratio - mean).powi(2)).sum();
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
    /// At each of the steps asked for, as far as the pairs went; after the arrival until all have come down.
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
    pub(super) length: u64,
    /// Whether it leads to the minima.
    pub(super) arrives: bool,
}

/// T of one run.
struct Seen {
    /// At each of the steps asked for, as far as it went, until it is at the minima.
    on_the_way: Vec<f64>,
    /// At the minima; no number where it has gone astray.
    end: Option<f64>,
}

impl Seen {
    /// That at the `row`-th of the steps asked for.
    fn at(&self, row: usize) -> Option<f64> {
        self.on_the_way.get(row).copied().or(self.end)
    }
}

impl Shaken {
    pub(super) fn new(model: &Model, way: &Way, rule: &Rule) -> Result<Self, FlowError> {
        let gradients = if rule.sam.is_some() { 2.0 } else { 1.0 };
        let affordable = (0.5 * MOST_WORK / (gradients * gradient_work(model))) as usize;
        let (course, still) = Course::new(model, way, rule, affordable / LEAST_PAIRS)?;
        let most = MOST_PAIRS.min(affordable / course.strides.len().max(1));
        let mut pairs: Vec<[Seen; 2]> = Vec::new();
        let shift = |pairs: &[[Seen; 2]], of: &dyn Fn(&Seen) -> Option<f64>| {
            let ratio =
                |[one, other]: &[Seen; 2]| Some(0.5 * (of(one)? + of(other)?) / of(&still)?);
            let ratios: Option<Vec<f64>> = pairs.iter().map(ratio).collect();
            ratios.map(|ratios| Shift::of(&ratios))
        };
        loop {
            let stream = Stream::new(pairs.len() as u64, Purpose::Probes);
            pairs.push(course.shaken(stream)?);
            let runs = pairs.iter().flatten().chain([&still]);
            let rows = runs.map(|run| run.on_the_way.len()).max().unwrap_or(0);
            let on_the_way: Vec<Shift> = (0..rows)
                .map_while(|row| shift(&pairs, &|run| run.at(row)))
                .collect();
            let end = shift(&pairs, &|run| run.end);
            let enough =
                pairs.len() >= LEAST_PAIRS && on_the_way.iter().chain(&end).all(Shift::is_known);
            if enough || pairs.len() >= most.max(LEAST_PAIRS) {
                return Ok(Self {
                    on_the_way,
                    end,
                    is_whole: course.is_whole,
                });
            }
        }
    }
}

/// The steps that runs take from one start.
struct Course<'a> {
    model: &'a Model,
    rule: &'a Rule,
    start: &'a [f64],
    /// At which of them T is wanted.
    wanted: &'a [u64],
    /// How many are taken as one, time after time.
    strides: Vec<u64>,
    /// The most of them.
    longest: u64,
    /// Whether they go all the way.
    is_whole: bool,
    /// Whether they lead to the minima.
    arrives: bool,
}

impl<'a> Course<'a> {
    /// That of at most so many strides, and what is seen on it without noise.
    fn new(
        model: &'a Model,
        way: &Way<'a>,
        rule: &'a Rule,
        most: usize,
    ) -> Result<(Self, Seen), FlowError> {
        // SAM's ascent by the step's own minibatch does not become what more samples make of it.
        let longest = match rule.sam {
            Some(_) => 1,
            None => (way.length as f64 / MOST_STEPS).ceil().max(1.0) as u64,
        };
        let mut course = Self {
            model,
            rule,
            start: way.start,
            wanted: way.steps,
            strides: Vec::new(),
            longest,
            is_whole: false,
            arrives: false,
        };
        let mut run = Run::new(way.start.to_vec());
        let mut on_the_way = Vec::new();
        let mut step = 0;
        let stop = Stop::here();
        loop {
            stop.asked()?;
            let point = Point::new(model, model.layers(&run.weights));
            course.look(step, &point, &mut on_the_way);
            course.is_whole = step == way.length;
            if course.is_whole || course.strides.len() == most {
                break;
            }
            let stride = course.stride(&run, &point, step).min(way.length - step);
            run.advance(stride, model, &point, rule, None);
            course.strides.push(stride);
            step += stride;
        }
        course.arrives = course.is_whole && way.arrives;
        let still = course.come_down(run, step, on_the_way);
        Ok((course, still))
    }

    /// Notes T at `point`, after `step` steps, where it is wanted.
    fn look(&self, step: u64, point: &Point, seen: &mut Vec<f64>) {
        let wanted = self.wanted[seen.len()..].iter();
        let here = wanted.take_while(|wanted| **wanted == step).count();
        seen.extend(std::iter::repeat_n(point.sharpness(), here));
    }

    /// How many steps of `run` from `point` may be taken as one, after `step` steps.
    fn stride(&self, run: &Run, point: &Point, step: u64) -> u64 {
        let Rule {
            learning_rate,
            momentum,
            ..
        } = self.rule;
        let effective = learning_rate / (1.0 - momentum);
        let curved = MOST_CURVED / (effective * point.sharpness());
        let moved = MOST_MOVED / run.motion(self.rule);
        let stride = (curved.min(moved) as u64).clamp(1, self.longest);
        let seen = self.wanted.partition_point(|wanted| *wanted <= step);
        let next = self.wanted.get(seen);
        next.map_or(stride, |next| stride.min(next - step))
    }

    /// What is seen of two runs that meet the same minibatches with opposite signs.
    fn shaken(&self, mut stream: Stream) -> Result<[Seen; 2], FlowError> {
        let Self { model, rule, .. } = *self;
        let mut runs = [1.0, -1.0].map(|sign| (sign, Run::new(self.start.to_vec()), Vec::new()));
        let mut step = 0;
        let stop = Stop::here();
        for &stride in &self.strides {
            stop.asked()?;
            let batch = stride as f64 * rule.batch;
            let drawn = Departure::draw(model, batch, &mut stream);
            let is_own = rule.sam.is_some_and(|sam| sam.independent);
            let ascent = is_own.then(|| Departure::draw(model, batch, &mut stream));
            for (sign, run, seen) in &mut runs {
                let point = Point::new(model, model.layers(&run.weights));
                self.look(step, &point, seen);
                let drawn = Drawn {
                    step: &drawn,
                    ascent: ascent.as_ref().unwrap_or(&drawn),
                    sign: *sign,
                };
                run.advance(stride, model, &point, rule, Some(drawn));
            }
            step += stride;
        }
        Ok(runs.map(|(_, run, seen)| self.come_down(run, step, seen)))
    }

    /// What is seen of `run` from the last of the strides on: noise may have made it late, and it comes down without noise.
    fn come_down(&self, mut run: Run, mut step: u64, mut on_the_way: Vec<f64>) -> Seen {
        let Self { model, rule, .. } = *self;
        let mut point = Point::new(model, model.layers(&run.weights));
        self.look(step, &point, &mut on_the_way);
        if !self.arrives {
            return Seen {
                on_the_way,
                end: None,
            };
        }
        for _ in 0..self.strides.len() {
            if point.residual.norm_l2() <= BESIDE * model.scale() {
                break;
            }
            let stride = self.stride(&run, &point, step);
            run.advance(stride, model, &point, rule, None);
            step += stride;
            point = Point::new(model, model.layers(&run.weights));
            self.look(step, &point, &mut on_the_way);
        }
        let end = match to_manifold(model, &mut run.weights) {
            Ok(distance) if distance <= ON_MANIFOLD => {
                Point::new(model, model.layers(&run.weights)).sharpness()
            }
            _ => f64::NAN,
        };
        Seen {
            on_the_way,
            end: Some(end),
        }
    }
}

impl Departure {
    /// That of a minibatch of `batch` samples.
    pub(super) fn draw(model: &Model, batch: f64, stream: &mut Stream) -> Self {
        let mut normal = |rows, columns| Mat::from_fn(rows, columns, |_, _| stream.normal());
        let rank = model.rank();
        let second = normal(rank, rank);
        let noise = normal(model.noise_root().ncols(), rank);
        Self {
            second: faer::Scale((2.0 * batch).sqrt().recip()) * (&second + second.transpose()),
            noise: faer::Scale(batch.sqrt().recip()) * (model.noise_root() * noise),
        }
    }
}
