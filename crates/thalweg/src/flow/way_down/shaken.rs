//! What the noise of minibatches does to T on the way down, and with it decay and dropout, which the descent does not know.
//!
//! It is tried: descents go down in pairs whose minibatches depart from the mean over samples by opposite amounts. What changes its sign with them
//! cancels in the mean of a pair, and what is left is how far the noise takes the mean of T, at second order in it: a few pairs know that well
//! where thousands of runs of SGD would be needed. So only the covariances of a minibatch's moments count, and they are drawn as Gaussian:
//! S − I of B Gaussian samples has variances 1/B beside the diagonal and 2/B on it. Of units that are dropped what is linear in their masks is drawn with them.
//!
//! Beside a saddle it is this that counts. There a direction grows as (1 + ηg)ᵗ, g of variance σ²/B, so that the mean of its logarithm is
//! later by ½η²σ²t/B: nothing is linear in the noise, and no sum over the residual ([`Scattered`](super::scattered::Scattered)) has it.
//!
//! For as long as single runs come down after the descent its T is not SGD's mean. Of a few runs none may be late at a step at which one in twenty is: how many are is
//! told by the spread of their times, and not by their number.

use std::f64::consts::FRAC_2_PI;

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

/// The least number of pairs: one alone has no standard error.
const LEAST_PAIRS: usize = 2;

/// The least where runs come down so late that it counts.
const LEAST_LATE: usize = 16;

/// The most.
const MOST_PAIRS: usize = 32;

/// The most where it is late runs that are not known: those that matter may be few.
const MOST_LATE: usize = 128;

/// So many steps of the way are looked at beside those asked for, so that it does not depend on these how many pairs there are.
const LOOKS: u64 = 16;

/// They are enough where each standard error is below this,
const SMALL_ERROR: f64 = 1e-3;

/// or below this share of its shift.
const SMALL_SHARE: f64 = 0.2;

/// What they cost ends at so many multiplications in all, about a second.
const MOST_WORK: f64 = 1e9;

/// A normal number costs as much as so many multiplications.
const DRAWN: usize = 10;

/// Where the way is longer than this, several steps are taken as one with as many times the samples.
const MOST_STEPS: f64 = 1000.0;

/// But not steps for which η₁ T would be more than this,
const MOST_CURVED: f64 = 0.2;

/// nor steps that would move the weights by more than this, relative to them: what leaves a saddle grows by as much.
const MOST_MOVED: f64 = 0.05;

/// The relative residual below which a minimum is beside the weights, and T there stands for theirs.
const BESIDE: f64 = 1e-3;

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

    /// Of the two the one that may be further.
    fn or_further(self, other: Self) -> Self {
        if other.from(0.0) > self.from(0.0) {
            other
        } else {
            self
        }
    }

    /// Whether it may be more than errors that are small.
    fn counts(&self) -> bool {
        self.from(0.0) > SMALL_ERROR
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
#[derive(Default)]
struct Seen {
    /// At each of the steps that are looked at, as far as it went, until it is at the minima.
    on_the_way: Vec<f64>,
    /// At the minima; no number where it has gone astray.
    end: Option<f64>,
    /// The part of T that is missing at the last step of the way, relative to that at the minima, and its sum over the steps from then on.
    missing: [f64; 2],
}

impl Seen {
    /// That at the `row`-th of the steps that are looked at.
    fn at(&self, row: usize) -> Option<f64> {
        self.on_the_way.get(row).copied().or(self.end)
    }
}

impl Shaken {
    pub(super) fn new(model: &Model, way: &Way, rule: &Rule) -> Result<Self, FlowError> {
        let longest = (way.length as f64 / MOST_STEPS).ceil().max(1.0) as u64;
        let gradients = match rule.sam {
            None => 1.0,
            Some(_) if longest == 1 => 2.0,
            Some(_) => 4.0,
        };
        let mut gradient = gradient_work(model);
        if rule.dropped(model) > 0.0 {
            gradient += dropped_work(model);
        }
        let affordable = (0.5 * MOST_WORK / (gradients * gradient)) as usize;
        let (course, still) = Course::new(model, way, rule, longest, affordable / LEAST_PAIRS)?;
        let affordable = affordable / course.strides.len().max(1);
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
            let late = Late::of(&pairs, &still, way.length);
            let runs = pairs.iter().flatten().chain([&still]);
            let rows = runs.map(|run| run.on_the_way.len()).max().unwrap_or(0);
            let lates: Vec<Shift> = course.looks.iter().map(|look| late.shift(*look)).collect();
            let shifts: Vec<Shift> = (0..course.looks.len())
                .map_while(|row| {
                    let counts = row < rows || lates[row].counts();
                    let seen = counts.then(|| shift(&pairs, &|run| run.at(row)))??;
                    Some(seen.or_further(lates[row]))
                })
                .collect();
            let end = shift(&pairs, &|run| run.end);
            let least = if lates.iter().any(|late| late.counts()) {
                LEAST_LATE
            } else {
                LEAST_PAIRS
            };
            let most = if lates.iter().all(Shift::is_known) {
                MOST_PAIRS
            } else {
                MOST_LATE
            };
            let enough = pairs.len() >= least && shifts.iter().chain(&end).all(Shift::is_known);
            if enough || pairs.len() >= most.min(affordable).max(LEAST_PAIRS) {
                let row = |step: &u64| course.looks.partition_point(|look| look < step);
                return Ok(Self {
                    on_the_way: way
                        .steps
                        .iter()
                        .map_while(|step| shifts.get(row(step)).copied())
                        .collect(),
                    end,
                    is_whole: course.is_whole,
                });
            }
        }
    }
}

/// Runs that come down after the descent. Of what T is missing in all of them on its arrival t_a, in t steps of its own on average, there is still a part missing at
/// t_a + Δ: e^{−Δ/t} if the last of them come down at a constant rate, and erfc(Δ/(√π t)) if their times are those of a normal distribution. Of either the larger.
struct Late {
    /// The last step of the way.
    arrival: u64,
    /// Of each pair the part of T that is missing then, and its sum over the steps from then on, beyond those of the run without noise.
    pairs: Vec<[f64; 2]>,
}

impl Late {
    fn of(pairs: &[[Seen; 2]], still: &Seen, arrival: u64) -> Self {
        let beyond = |[one, other]: &[Seen; 2]| {
            [0, 1].map(|i| 0.5 * (one.missing[i] + other.missing[i]) - still.missing[i])
        };
        Self {
            arrival,
            pairs: pairs.iter().map(beyond).collect(),
        }
    }

    /// How far they take the mean of T at `step`, once the descent is down, with the error of what is found without one pair after the other.
    fn shift(&self, step: u64) -> Shift {
        let Some(since) = step.checked_sub(self.arrival) else {
            return Shift {
                mean: 0.0,
                error: 0.0,
            };
        };
        let count = self.pairs.len() as f64;
        let all = [0, 1].map(|i| self.pairs.iter().map(|pair| pair[i]).sum::<f64>());
        let shift = |[missing, sum]: [f64; 2], of: f64| {
            -missing / of * still_late(since as f64 * missing / sum)
        };
        let without = self
            .pairs
            .iter()
            .map(|pair| shift([0, 1].map(|i| all[i] - pair[i]), count - 1.0));
        let mean = without.clone().sum::<f64>() / count;
        let squares: f64 = without.map(|one| (one - mean).powi(2)).sum();
        Shift {
            mean: shift(all, count),
            error: (squares * (count - 1.0) / count).sqrt(),
        }
    }
}

/// From so many mean times on the tail of a constant rate is the larger: e⁻² = .135, erfc(2/√π) = .111.
const CROSSED: f64 = 2.0;

/// The part of the late runs that is still late after `times` their mean time.
pub(super) fn still_late(times: f64) -> f64 {
    if times.is_nan() {
        return 0.0;
    }
    let at_a_rate = (-times.abs()).exp();
    if times.abs() > CROSSED {
        return at_a_rate;
    }
    // The integral from there to six standard deviations, by the middles of 64 steps.
    let from = times.abs() * FRAC_2_PI.sqrt();
    let width = (6.0 - from).max(0.0) / 64.0;
    let density = |i: i32| (-0.5 * (from + width * (f64::from(i) + 0.5)).powi(2)).exp();
    let beyond = FRAC_2_PI.sqrt() * width * (0..64).map(density).sum::<f64>();
    at_a_rate.max(beyond)
}

/// The steps that runs take from one start.
struct Course<'a> {
    model: &'a Model,
    rule: &'a Rule,
    start: &'a [f64],
    /// At which of them T is looked at.
    looks: Vec<u64>,
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
    /// That of at most `most` strides, each of at most `longest` steps, and what is seen on it without noise.
    fn new(
        model: &'a Model,
        way: &Way<'a>,
        rule: &'a Rule,
        longest: u64,
        most: usize,
    ) -> Result<(Self, Seen), FlowError> {
        let own = (0..=LOOKS).map(|look| way.length * look / LOOKS);
        let mut looks: Vec<u64> = way.steps.iter().copied().chain(own).collect();
        looks.sort_unstable();
        looks.dedup();
        let mut course = Self {
            model,
            rule,
            start: way.start,
            looks,
            strides: Vec::new(),
            longest,
            is_whole: false,
            arrives: false,
        };
        let mut run = Run::new(way.start.to_vec());
        let mut seen = Seen::default();
        let mut step = 0;
        let stop = Stop::here();
        loop {
            stop.asked()?;
            let point = Point::new(model, model.layers(&run.weights));
            course.look(step, &point, &mut seen);
            course.is_whole = step == way.length;
            if course.is_whole || course.strides.len() == most {
                break;
            }
            let stride = course.stride(&run, &point, step).min(way.length - step);
            run.advance(stride, model, &point, rule, &[]);
            course.strides.push(stride);
            step += stride;
        }
        course.arrives = course.is_whole && way.arrives;
        let still = course.come_down(run, step, seen);
        Ok((course, still))
    }

    /// Notes T at `point`, after `step` steps, where it is looked at.
    fn look(&self, step: u64, point: &Point, seen: &mut Seen) {
        if self.looks.get(seen.on_the_way.len()) == Some(&step) {
            seen.on_the_way.push(point.sharpness());
        }
    }

    /// How many steps of `run` from `point` may be taken as one, after `step` steps.
    fn stride(&self, run: &Run, point: &Point, step: u64) -> u64 {
        let Rule {
            learning_rate,
            momentum,
            ..
        } = self.rule;
        let effective = learning_rate / (1.0 - momentum);
        let steeper = self.rule.steeper(self.model, point);
        let curved = MOST_CURVED / (effective * steeper * point.sharpness());
        let moved = MOST_MOVED / run.motion(self.rule);
        let stride = (curved.min(moved) as u64).clamp(1, self.longest);
        let seen = self.looks.partition_point(|look| *look <= step);
        let next = self.looks.get(seen);
        next.map_or(stride, |next| stride.min(next - step))
    }

    /// What is seen of two runs that meet the same minibatches with opposite signs.
    fn shaken(&self, mut stream: Stream) -> Result<[Seen; 2], FlowError> {
        let Self { model, rule, .. } = *self;
        let mut runs =
            [1.0, -1.0].map(|sign| (sign, Run::new(self.start.to_vec()), Seen::default()));
        let mut step = 0;
        let stop = Stop::here();
        for &stride in &self.strides {
            stop.asked()?;
            let minibatches = Minibatches::draw(model, rule, stride, &mut stream);
            for (sign, run, seen) in &mut runs {
                let point = Point::new(model, model.layers(&run.weights));
                self.look(step, &point, seen);
                run.advance(stride, model, &point, rule, &minibatches.of(*sign));
            }
            step += stride;
        }
        Ok(runs.map(|(_, run, seen)| self.come_down(run, step, seen)))
    }

    /// What is seen of `run` from the last of the strides on: noise may have made it late, and it comes down without noise.
    fn come_down(&self, mut run: Run, mut step: u64, mut seen: Seen) -> Seen {
        let Self { model, rule, .. } = *self;
        let mut point = Point::new(model, model.layers(&run.weights));
        self.look(step, &point, &mut seen);
        if !self.arrives {
            return seen;
        }
        let on_arrival = point.sharpness();
        // The steps, and the sum of T over them.
        let (mut steps, mut sum) = (0.0, 0.0);
        for _ in 0..self.strides.len() {
            if point.residual.norm_l2() <= BESIDE * model.scale() {
                break;
            }
            let stride = self.stride(&run, &point, step);
            steps += stride as f64;
            sum += stride as f64 * point.sharpness();
            run.advance(stride, model, &point, rule, &[]);
            step += stride;
            point = Point::new(model, model.layers(&run.weights));
            self.look(step, &point, &mut seen);
        }
        let end = match to_manifold(model, &mut run.weights) {
            Ok(distance) if distance <= ON_MANIFOLD => {
                Point::new(model, model.layers(&run.weights)).sharpness()
            }
            _ => f64::NAN,
        };
        // A run that has gone astray is not late.
        let missing = if end.is_finite() {
            [1.0 - on_arrival / end, steps - sum / end]
        } else {
            [0.0; 2]
        };
        Seen {
            end: Some(end),
            missing,
            ..seen
        }
    }
}

/// The minibatches of several steps that are taken as one: by how much their mean departs from that of all samples, and single ones from their mean.
///
/// What is linear in a departure is felt of the mean alone. SAM's step is not: what it makes of a minibatch it makes on average of single ones, of which two stand
/// for all, as far from their mean on either side.
struct Minibatches {
    mean: Drawn,
    single: Option<Drawn>,
}

impl Minibatches {
    fn draw(model: &Model, rule: &Rule, stride: u64, stream: &mut Stream) -> Self {
        let is_other = rule.sam.is_some_and(|sam| sam.independent);
        let dropped = rule.dropped(model);
        let mut draw = |batch: f64| Drawn {
            step: Departure::draw(model, batch, dropped, stream),
            ascent: is_other.then(|| Departure::draw(model, batch, dropped, stream)),
        };
        let steps = stride as f64;
        let mean = draw(steps * rule.batch);
        let is_linear = stride == 1 || rule.sam.is_none();
        // 1/B of one is 1/(steps B) of the mean and the rest.
        let single = (!is_linear).then(|| draw(rule.batch * steps / (steps - 1.0)));
        Self { mean, single }
    }

    /// Those with this sign.
    fn of(&self, sign: f64) -> Vec<Drawn> {
        match &self.single {
            Some(single) => {
                let sides = [1.0, -1.0];
                sides.map(|side| self.mean.mixed(sign, side, single)).into()
            }
            None => vec![self.mean.scaled(sign)],
        }
    }
}

impl Departure {
    /// That of a minibatch of `batch` samples, with units that are dropped by so much.
    pub(super) fn draw(model: &Model, batch: f64, dropped: f64, stream: &mut Stream) -> Self {
        let mut normal = |rows, columns| Mat::from_fn(rows, columns, |_, _| stream.normal());
        let rank = model.rank();
        let mut moments = |variance: f64| {
            let second = normal(rank, rank);
            let noise = model.noise_root() * normal(model.noise_root().ncols(), rank);
            [
                faer::Scale((0.5 * variance).sqrt()) * (&second + second.transpose()),
                faer::Scale(variance.sqrt()) * noise,
            ]
        };
        let [second, noise] = moments(batch.recip());
        let units = if dropped > 0.0 {
            hidden_units(model)
        } else {
            0
        };
        let variance = dropped / batch;
        let mut units: Vec<[Mat<f64>; 2]> = (0..units).map(|_| moments(variance)).collect();
        for [second, _] in &mut units {
            // The moments zzᵀ of samples scatter about I, and their masks about 0.
            let mean = variance.sqrt() * stream.normal();
            *second += faer::Scale(mean) * Mat::<f64>::identity(rank, rank);
        }
        Self {
            second,
            noise,
            units,
        }
    }
}

/// Units of all hidden layers.
fn hidden_units(model: &Model) -> usize {
    model.widths()[1..model.depth()].iter().sum()
}

/// The multiplications that the dropout of units adds to a gradient, about: of each a departure is drawn and felt.
fn dropped_work(model: &Model) -> f64 {
    let (rank, outputs) = (model.rank(), model.outputs());
    (2 * hidden_units(model) * (rank * rank * (outputs + DRAWN) + DRAWN * rank * outputs)) as f64
}
