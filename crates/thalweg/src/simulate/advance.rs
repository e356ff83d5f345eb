//! Drives the runs of one group of lanes from step to step.

use std::ops::Range;

use crate::lanes::{Lanes, Real, Task, Vector};
use crate::outcome::DIVERGED;
use crate::random::Purpose;

use super::ascent::Ascent;
use super::kernel::{Blocked, General, Kernel, Perturbed, Square};
use super::law::Law;
use super::minibatches::Minibatches;
use super::run::Run;
use super::sampler::{Sampler, SufficientStatistics};
use super::wide_sampler::WideSampler;
use super::{Outcome, Precision, SimulateSettings};

/// As many runs as there are lanes, or fewer, over `steps`.
pub(super) struct Advance<'a> {
    pub law: &'a Law,
    pub settings: &'a SimulateSettings,
    /// h_0 … h_D.
    pub widths: &'a [usize],
    pub runs: &'a mut [Run],
    pub steps: Range<u64>,
}

/// Widths from which seeds are run one at a time. Measured in CPU time of a seed's step at D = 3, B = 100, in f64 with AVX-512, over
/// width³: one at a time 0.7 ns at 32; side by side 0.4 ns at 28 to 48, in groups of eight, each as slow as eight where lanes are
/// idle: a few seeds of wide layers would lose more than many gain.
const WIDE: usize = 28;

/// Whether a network is run, and measured, one seed at a time.
pub(super) fn wide(widths: &[usize]) -> bool {
    widths.iter().any(|&h| h >= WIDE)
}

/// Whether a network has a kernel of its own shape, which takes one column of a minibatch after another and keeps none.
pub(super) fn column_by_column(widths: &[usize]) -> bool {
    (2..=4).contains(&widths[0]) && widths.iter().all(|&h| h == widths[0])
}

/// How many runs one [`Advance`] takes.
pub(super) struct GroupSize<'a> {
    /// h_0 … h_D.
    pub widths: &'a [usize],
    /// Whether samples are changed one by one.
    pub perturbed: bool,
}

impl Task for GroupSize<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<V: Lanes>(self) -> usize {
        if wide(self.widths) && !self.perturbed {
            1
        } else {
            V::LANES
        }
    }
}

impl Task for Advance<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        match self.settings.precision {
            Precision::F64 => self.in_precision::<V>(),
            Precision::F32 => self.in_precision::<V::Single>(),
        }
    }
}

impl Advance<'_> {
    #[inline(always)]
    fn in_precision<R: Real>(self) {
        let (law, settings, widths) = (self.law, self.settings, self.widths);
        if settings.is_perturbed() {
            return self.beside(Perturbed::<R>::new(law, settings, widths));
        }
        if wide(widths) {
            let sampler = WideSampler::<R::Wide>::new(self.runs[0].seed);
            let kernel = Blocked::<R>::new(law, settings, widths);
            return self.with::<R::Scalar, _, _>(kernel, sampler);
        }
        let depth = widths.len() - 1;
        let square = column_by_column(widths);
        match widths[0] {
            2 if square => self.beside(Square::<R, 2>::new(law, settings, depth)),
            3 if square => self.beside(Square::<R, 3>::new(law, settings, depth)),
            4 if square => self.beside(Square::<R, 4>::new(law, settings, depth)),
            _ => self.beside(General::<R>::new(law, settings, widths)),
        }
    }

    /// With a seed in each lane.
    #[inline(always)]
    fn beside<R: Real, K: Kernel<R>>(self, kernel: K) {
        let sampler = Sampler::<R::Wide>::new(&seeds(self.runs, R::Wide::LANES));
        self.with(kernel, sampler);
    }

    #[inline(always)]
    fn with<R: Real, K: Kernel<R>, S: SufficientStatistics<R::Wide>>(
        self,
        mut kernel: K,
        source: S,
    ) {
        let (law, settings) = (self.law, self.settings);
        let lanes = R::Wide::LANES;
        let runs = self.runs;
        let seeds = seeds(runs, lanes);
        let mut alive = 0u32;
        for (l, run) in runs.iter().enumerate() {
            if run.outcome == Outcome::Running {
                alive |= 1 << l;
            }
        }
        load(kernel.weights(), runs, |run| &run.weights);
        load(kernel.velocity(), runs, |run| &run.velocity);
        let mut ascent = Ascent::<R>::new(settings, kernel.weights().len());
        let mut fixed = vec![R::Wide::splat(0.0); runs[0].fixed_batch.len()];
        load(&mut fixed, runs, |run| &run.fixed_batch);
        let mut minibatches = Minibatches::new(law, settings, self.widths, &seeds, source, fixed);
        let limit = R::Wide::splat(DIVERGED);
        for step in self.steps {
            if alive == 0 {
                break;
            }
            if let Some(ascent) = ascent.as_mut().filter(|ascent| ascent.is_independent()) {
                let columns = minibatches.draw(runs, step, Purpose::Ascent);
                ascent.climb(&mut kernel, columns);
            }
            let columns = minibatches.draw(runs, step, Purpose::Batches);
            let norm = match &mut ascent {
                None => kernel.step(columns),
                Some(ascent) => {
                    if !ascent.is_independent() {
                        ascent.climb(&mut kernel, columns);
                    }
                    ascent.descend(&mut kernel, columns)
                }
            };
            let norm = norm.widen();
            let over = !norm.below(limit) & alive;
            if over != 0 {
                let outcome = Outcome::Diverged { step: step + 1 };
                save(&mut kernel, runs, over, outcome);
                alive &= !over;
            }
        }
        save(&mut kernel, runs, alive, Outcome::Running);
    }
}

/// The seed of each lane. Idle lanes repeat the last; they are never read.
fn seeds(runs: &[Run], lanes: usize) -> Vec<u64> {
    (0..lanes)
        .map(|l| runs[l.min(runs.len() - 1)].seed)
        .collect()
}

/// Puts these numbers of each run, if it keeps any, in a lane of its own; idle lanes are 0.
#[inline(always)]
fn load<R: Real>(to: &mut [R], runs: &[Run], of: impl Fn(&Run) -> &[f64]) {
    // Entry by entry, so that each vector is put together once.
    let mut buffer = [R::Scalar::default(); 8];
    for (i, to) in to.iter_mut().take(of(&runs[0]).len()).enumerate() {
        for (run, lane) in runs.iter().zip(&mut buffer) {
            *lane = R::scalar(of(run)[i]);
        }
        *to = R::load(&buffer);
    }
}

/// Writes the weights and velocities of the lanes in `mask` back to their runs.
#[inline(always)]
fn save<R: Real, K: Kernel<R>>(kernel: &mut K, runs: &mut [Run], mask: u32, outcome: Outcome) {
    for (l, run) in runs.iter_mut().enumerate() {
        if mask >> l & 1 == 1 {
            run.outcome = outcome;
        }
    }
    unload(kernel.weights(), runs, mask, |run| &mut run.weights);
    unload(kernel.velocity(), runs, mask, |run| &mut run.velocity);
}

/// Puts each lane in `mask` in these numbers of its run.
#[inline(always)]
fn unload<R: Real>(
    from: &[R],
    runs: &mut [Run],
    mask: u32,
    of: impl Fn(&mut Run) -> &mut Vec<f64>,
) {
    let mut buffer = [0.0; 8];
    let length = of(&mut runs[0]).len();
    for (i, from) in from.iter().take(length).enumerate() {
        from.widen().store(&mut buffer);
        for (l, run) in runs.iter_mut().enumerate() {
            if mask >> l & 1 == 1 {
                of(run)[i] = buffer[l];
            }
        }
    }
}
