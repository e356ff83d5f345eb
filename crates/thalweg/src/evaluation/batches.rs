//! The samples in batches, as many of them recorded at the point as memory allows.

use std::ops::Range;
use std::sync::Arc;

use faer::{Mat, MatRef};
use rayon::prelude::*;

use crate::data::Samples;
use crate::loss::{Loss, Objective};
use crate::tensor::{LinesMut, Tape};
use crate::{Stop, Stopped};

/// Directions that a batch is taken along at a time.
pub(super) const DIRECTIONS: usize = 4;
/// Numbers that are kept for good: half a gigabyte.
pub(super) const RESIDENT: usize = 1 << 26;

/// The whole set, with a point.
#[derive(Debug)]
pub(super) struct Batches {
    set: Set,
    /// One for each batch, or, where memory does not allow it, one for each core.
    slots: Vec<Batch>,
    cores: usize,
    parameters: Vec<f64>,
}

#[derive(Debug)]
struct Set {
    loss: Loss,
    samples: Arc<Samples>,
    batch: usize,
}

/// Some of the samples, recorded at the point.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub objective: Objective<f64>,
    /// Of the batch's own mean loss.
    pub gradient: Vec<f64>,
    /// Which samples.
    pub samples: Range<usize>,
    recorded: bool,
}

impl Batch {
    /// n_i/N: its share in a mean over all N samples.
    pub fn weight(&self, all: f64) -> f64 {
        self.samples.len() as f64 / all
    }

    fn record(&mut self, set: &Set, samples: Range<usize>, parameters: &[f64]) {
        if self.samples != samples {
            self.objective.resize(samples.len());
            let Samples { inputs, targets } = &*set.samples;
            let mut first = self.objective.inputs_mut().count();
            let own = inputs.subrows(0, first);
            fill(self.objective.inputs_mut(), own, samples.clone());
            for mask in 0..self.objective.tape().masks().len() {
                let to = self.objective.mask_mut(mask);
                let rows = inputs.subrows(first, to.count());
                first += to.count();
                fill(to, rows, samples.clone());
            }
            fill(
                self.objective.targets_mut(),
                targets.as_ref(),
                samples.clone(),
            );
            self.samples = samples;
            self.recorded = false;
        }
        if !self.recorded {
            self.objective.gradient(parameters, &mut self.gradient);
            self.recorded = true;
        }
    }
}

/// The columns `samples` of `matrix`, as lines.
pub(super) fn fill(mut lines: LinesMut<'_, f64>, matrix: MatRef<'_, f64>, samples: Range<usize>) {
    for line in 0..matrix.nrows() {
        for (x, sample) in lines.line(line).iter_mut().zip(samples.clone()) {
            *x = matrix[(line, sample)];
        }
    }
}

impl Batches {
    /// All batches are kept recorded if they need no more than `resident` numbers.
    pub fn new(
        tape: Arc<Tape>,
        loss: Loss,
        samples: Arc<Samples>,
        batch: usize,
        resident: usize,
    ) -> Self {
        let all = samples.inputs.ncols();
        let batch = batch.min(all);
        let count = all.div_ceil(batch);
        let cores = rayon::current_num_threads();
        let numbers = tape.lines() * batch * (2 + 2 * DIRECTIONS) + tape.parameter_count();
        let fits = numbers.saturating_mul(count) <= resident;
        let slots = if fits { count } else { cores.min(count) };
        let slot = Batch {
            objective: Objective::new(tape.clone(), loss, batch),
            gradient: vec![0.0; tape.parameter_count()],
            samples: 0..0,
            recorded: false,
        };
        Self {
            set: Set {
                loss,
                samples,
                batch,
            },
            slots: vec![slot; slots],
            cores,
            parameters: Vec::new(),
        }
    }

    pub fn loss(&self) -> Loss {
        self.set.loss
    }

    pub fn targets(&self) -> MatRef<'_, f64> {
        self.set.samples.targets.as_ref()
    }

    pub fn samples(&self) -> usize {
        self.set.samples.inputs.ncols()
    }

    /// The first `count` samples, at most all, at no point yet.
    pub fn first(&self, tape: Arc<Tape>, count: usize) -> Self {
        let Samples { inputs, targets } = &*self.set.samples;
        let part = |matrix: &Mat<f64>| matrix.subcols(0, count).to_owned();
        let samples = Samples {
            inputs: part(inputs),
            targets: part(targets),
        };
        Self::new(
            tape,
            self.set.loss,
            Arc::new(samples),
            self.set.batch,
            RESIDENT,
        )
    }

    /// Moves to a point.
    pub fn at(&mut self, parameters: &[f64]) {
        if self.parameters != parameters {
            self.parameters.clear();
            self.parameters.extend_from_slice(parameters);
            self.forget();
        }
    }

    /// What is recorded is no longer that of the point.
    pub fn forget(&mut self) {
        for slot in &mut self.slots {
            slot.recorded = false;
        }
    }

    /// Does `work` on every batch, recorded at the point, as many at once as there are cores; `take`
    /// gets the results in the batches' order. Between batches, and in `work`, it may be stopped; nothing is then recorded any more.
    pub fn each<R: Send>(
        &mut self,
        work: impl Fn(&mut Batch, &[f64], &Stop) -> Result<R, Stopped> + Sync,
        take: impl FnMut(R),
    ) -> Result<(), Stopped> {
        let done = self.all(work, take);
        if done.is_err() {
            self.forget();
        }
        done
    }

    fn all<R: Send>(
        &mut self,
        work: impl Fn(&mut Batch, &[f64], &Stop) -> Result<R, Stopped> + Sync,
        mut take: impl FnMut(R),
    ) -> Result<(), Stopped> {
        let stop = Stop::here();
        let (samples, size) = (self.samples(), self.set.batch);
        let count = samples.div_ceil(size);
        let Self {
            set,
            slots,
            cores,
            parameters,
        } = self;
        for start in (0..count).step_by(*cores) {
            let together = (*cores).min(count - start);
            let first = if slots.len() == count { start } else { 0 };
            let one = |(i, slot): (usize, &mut Batch)| {
                stop.asked()?;
                let from = (start + i) * size;
                slot.record(set, from..(from + size).min(samples), parameters);
                work(slot, parameters, &stop)
            };
            let slots = &mut slots[first..first + together];
            // A single batch is not worth waking another thread for.
            if let [slot] = slots {
                take(one((0, slot))?);
            } else {
                let results = slots.par_iter_mut().enumerate().map(one);
                let results: Vec<R> = results.collect::<Result<_, _>>()?;
                results.into_iter().for_each(&mut take);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;
    use crate::random::{Purpose, Stream};
    use crate::stoppable;
    use crate::tensor::{Activation, Recorder};

    /// 101 samples of a small network, and two points.
    fn case() -> (Arc<Tape>, Arc<Samples>, Mat<f64>) {
        let mut recorder = Recorder::new(2, 1).unwrap();
        let (w, x) = (recorder.weight("in", 3, 2).unwrap(), recorder.input());
        let x = recorder.affine(w, None, x).unwrap();
        let x = recorder.pointwise(Activation::Tanh, x);
        let w = recorder.weight("out", 2, 3).unwrap();
        let x = recorder.affine(w, None, x).unwrap();
        let tape = Arc::new(recorder.finish(x).unwrap());
        let n = tape.parameter_count();
        let mut stream = Stream::new(1, Purpose::DataSet);
        let mut draw = |rows, columns| Mat::from_fn(rows, columns, |_, _| stream.normal());
        let (inputs, targets) = (draw(2, 101), draw(2, 101));
        let samples = Arc::new(Samples { inputs, targets });
        let points = draw(n, 2);
        (tape, samples, points)
    }

    /// Recorded anew each time, for want of memory: the same bits, for every product and at every point.
    #[test]
    fn memory_changes_nothing() {
        let (tape, samples, points) = case();
        let n = points.nrows();
        let run = |resident| {
            let loss = Loss::CrossEntropy;
            let mut batches = Batches::new(tape.clone(), loss, samples.clone(), 10, resident);
            let mut all = Vec::new();
            for point in [0, 1, 0] {
                let point: Vec<f64> = points.col(point).iter().copied().collect();
                batches.at(&point);
                for _ in 0..2 {
                    let done = batches.each(
                        |batch, parameters, _| {
                            let mut product = vec![0.0; n];
                            batch
                                .objective
                                .hessian(parameters, parameters, &mut product);
                            Ok((batch.samples.clone(), batch.gradient.clone(), product))
                        },
                        |part| all.push(part),
                    );
                    done.unwrap();
                }
            }
            (batches.slots.len(), all)
        };
        let ((many, kept), (few, again)) = (run(RESIDENT), run(0));
        assert_eq!(many, 11);
        assert!(few <= rayon::current_num_threads());
        assert_eq!(kept, again);
        assert_eq!(kept[10].0, 100..101);
    }

    /// Asked to stop in the fourth batch: those that are begun with it are the last, and what comes after is as if nothing had been.
    #[test]
    fn no_batch_is_begun_after_one_was_asked_to_stop() {
        let (tape, samples, points) = case();
        let point: Vec<f64> = points.col(0).iter().copied().collect();
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let batches = || {
                let loss = Loss::CrossEntropy;
                let mut batches = Batches::new(tape.clone(), loss, samples.clone(), 10, RESIDENT);
                batches.at(&point);
                batches
            };
            let (mut fresh, mut batches) = (batches(), pool.build().unwrap().install(batches));
            let (stop, begun) = (Arc::new(AtomicBool::new(false)), AtomicUsize::new(0));
            let mut taken = 0;
            let work = |batch: &mut Batch, _: &[f64], stopped: &Stop| {
                begun.fetch_add(1, Ordering::Relaxed);
                if batch.samples.start == 30 {
                    stop.store(true, Ordering::Relaxed);
                }
                // Spoils what is recorded, as some work does.
                batch.gradient.fill(f64::NAN);
                stopped.asked()
            };
            let done = stoppable(&stop, || batches.each(work, |()| taken += 1));
            assert_eq!(done, Err(Stopped));
            assert_eq!(taken, 3);
            assert!(begun.into_inner() <= 3 + threads);
            let gradients = |batches: &mut Batches| {
                let mut all = Vec::new();
                let each = |batch: &mut Batch, _: &[f64], _: &Stop| Ok(batch.gradient.clone());
                batches.each(each, |gradient| all.push(gradient)).unwrap();
                all
            };
            let again = gradients(&mut batches);
            assert_eq!(again, gradients(&mut fresh));
        }
    }
}
