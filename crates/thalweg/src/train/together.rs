//! Several seeds' runs side by side, a lane of the vector registers for each.

use super::step::{ASCENT, Step, bounded};
use super::{Drawn, Method, Trainer, Training};
use crate::data::SideBySide;
use crate::outcome::Outcome;
use crate::tensor::{LinesMut, Number, Real};

/// Goes on up to `step` updates in all with every one of `runs`, which must be of `training`: to the bit what
/// [`Trainer::run_to`] does with each alone, several of them at once where that is faster.
///
/// A batch of many samples fills the vector registers by itself. One of few leaves them empty, and then
/// [`Training::lanes`] runs at a time share them.
///
/// # Panics
/// When a run is of another training: a programmer's error.
pub fn run_together<T: Real, M: Method>(
    training: &Training<M>,
    runs: &mut [Trainer<T, M>],
    step: u64,
) {
    let settings = training.settings();
    let parameters = training.tape().parameter_count();
    for run in &*runs {
        assert!(run.settings == *settings && run.parameters.len() == parameters);
    }
    let last = settings
        .switch
        .map_or(step, |switch| step.min(switch.at_step));
    let going = |run: &&mut Trainer<T, M>| run.outcome == Outcome::Running && run.step < last;
    let mut going: Vec<_> = runs.iter_mut().filter(going).collect();
    for abreast in going.chunk_by_mut(|a, b| a.step == b.step) {
        let lanes = training.lanes::<T>(abreast.len());
        for runs in abreast.chunks_mut(lanes) {
            if training.lanes::<T>(runs.len()) > 1 {
                Together::new(training, runs).run_to(last);
            }
        }
    }
    for run in runs {
        run.run_to(step);
    }
}

/// Runs at one step, and their state in lanes.
struct Together<'a, 'r, T: Real, M> {
    training: &'a Training<M>,
    runs: &'a mut [&'r mut Trainer<T, M>],
    samples: SideBySide<T>,
    work: Step<T::Seeds>,
    parameters: Vec<T::Seeds>,
    memory: Vec<T::Seeds>,
}

impl<'a, 'r, T: Real, M: Method> Together<'a, 'r, T, M> {
    fn new(training: &'a Training<M>, runs: &'a mut [&'r mut Trainer<T, M>]) -> Self {
        let batch = training.settings().batch;
        let seeds = runs.iter().map(|run| run.seed).collect();
        let lanes = |list: fn(&Trainer<T, M>) -> &[T]| {
            let mut all = vec![T::Seeds::ZERO; runs.first().map_or(0, |run| list(run).len())];
            for (lane, run) in runs.iter().enumerate() {
                for (all, &x) in all.iter_mut().zip(list(run)) {
                    all.as_mut()[lane] = x;
                }
            }
            all
        };
        Self {
            parameters: lanes(|run| &run.parameters),
            memory: lanes(|run| &run.memory),
            samples: SideBySide::new(training.source(), seeds, batch),
            work: Step::new(training),
            training,
            runs,
        }
    }

    fn run_to(mut self, last: u64) {
        let training = self.training;
        let (method, tape) = (&training.settings().optimizer, &**training.tape());
        let change = |step: u64| {
            move |seed, inputs: LinesMut<'_, T>, targets: LinesMut<'_, T>| {
                let drawn = Drawn {
                    tape,
                    inputs,
                    targets,
                };
                method.batch(seed, step, drawn);
            }
        };
        let first = self.runs.first().map_or(last, |run| run.step);
        let mut going: Vec<bool> = vec![true; self.runs.len()];
        for step in first..last {
            let objective = &mut self.work.objective;
            self.samples.fill(step, objective, change(step));
            if let Some(ascent) = &mut self.work.room.ascent {
                self.samples
                    .fill_ascent(step, ascent, change(step | ASCENT));
            }
            let squared = self
                .work
                .take(method, step, &mut self.parameters, &mut self.memory);
            for (lane, going) in going.iter_mut().enumerate() {
                if *going && !bounded(squared.as_ref()[lane]) {
                    *going = false;
                    self.leave(lane, step + 1);
                    self.runs[lane].outcome = Outcome::Diverged { step: step + 1 };
                }
            }
            if !going.contains(&true) {
                return;
            }
        }
        for lane in (0..going.len()).filter(|&lane| going[lane]) {
            self.leave(lane, last);
        }
    }

    /// Gives a run its state back.
    fn leave(&mut self, lane: usize, step: u64) {
        let run = &mut self.runs[lane];
        run.step = step;
        let lists = [
            (&mut run.parameters, &self.parameters),
            (&mut run.memory, &self.memory),
        ];
        for (list, lanes) in lists {
            for (x, lanes) in list.iter_mut().zip(lanes) {
                *x = lanes.as_ref()[lane];
            }
        }
    }
}
