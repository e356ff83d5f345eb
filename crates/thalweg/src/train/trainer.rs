//! One seed's run.

use super::step::{ASCENT, Step, bounded};
use super::{Drawn, Method, TrainError, TrainSettings, TrainerSnapshot, Training};
use crate::data::Sampler;
use crate::loss::Objective;
use crate::optimizer::Sgd;
use crate::outcome::Outcome;
use crate::tensor::Real;

/// One seed's run of a training, in f32 or f64. Once warm, a step of SGD allocates no more than a
/// [`Machine`](crate::tensor::Machine) does.
///
/// Its numbers depend on the training, the seed and the start, and on nothing else: not on where it was
/// stopped and resumed.
#[derive(Clone, Debug)]
pub struct Trainer<T, M = Sgd> {
    pub(super) settings: TrainSettings<M>,
    pub(super) seed: u64,
    pub(super) step: u64,
    pub(super) outcome: Outcome,
    sampler: Sampler<T>,
    work: Step<T>,
    /// Whether `work` holds the fixed batch.
    fixed: bool,
    pub(super) parameters: Vec<T>,
    /// The method's.
    pub(super) memory: Vec<T>,
}

impl<T: Real, M: Method> Trainer<T, M> {
    /// The run of `seed` at step 0, from `start`: what [`Init::weights`](crate::model::Init::weights) of
    /// the same seed gives, say.
    ///
    /// # Errors
    /// When the start has not as many parameters as the network, or one is not finite in this precision.
    pub fn start(training: &Training<M>, start: &[f64], seed: u64) -> Result<Self, TrainError> {
        let expected = training.tape().parameter_count();
        if start.len() != expected {
            return Err(TrainError::Start {
                found: start.len(),
                expected,
            });
        }
        let parameters: Vec<T> = start.iter().map(|&x| T::from_f64(x)).collect();
        if let Some(index) = parameters.iter().position(|x| !x.to_f64().is_finite()) {
            return Err(TrainError::NotFinite {
                index: index + 1,
                found: start[index],
            });
        }
        let settings = training.settings().clone();
        let memory = vec![T::ZERO; settings.optimizer.memory_len(expected)];
        Ok(Self {
            settings,
            seed,
            step: 0,
            outcome: Outcome::Running,
            sampler: Sampler::new(training.source(), seed),
            work: Step::new(training),
            fixed: false,
            parameters,
            memory,
        })
    }

    /// The run of `snapshot`, which must come from the same training and precision.
    ///
    /// # Errors
    /// When the snapshot's sizes do not fit.
    pub fn resume(training: &Training<M>, snapshot: &TrainerSnapshot) -> Result<Self, TrainError> {
        let count = training.tape().parameter_count();
        let mut run = Self::start(training, &vec![0.0; count], snapshot.seed)?;
        let restore = |field, bits: &[u64], to: &mut [T]| {
            if bits.len() != to.len() {
                return Err(TrainError::Snapshot {
                    seed: snapshot.seed,
                    field,
                    found: bits.len(),
                    expected: to.len(),
                });
            }
            for (x, &bits) in to.iter_mut().zip(bits) {
                *x = T::from_f64(f64::from_bits(bits));
            }
            Ok(())
        };
        restore("parameters", &snapshot.parameters, &mut run.parameters)?;
        restore("memory", &snapshot.memory, &mut run.memory)?;
        run.step = snapshot.step;
        run.outcome = snapshot.outcome;
        Ok(run)
    }

    /// Goes on up to `step` updates in all, or until it diverges. Does nothing if already there.
    pub fn run_to(&mut self, step: u64) {
        while self.step < step && self.outcome == Outcome::Running {
            self.load_batch();
            let method = &self.settings.optimizer;
            let squared = self
                .work
                .take(method, self.step, &mut self.parameters, &mut self.memory);
            self.step += 1;
            if !bounded(squared) {
                self.outcome = Outcome::Diverged { step: self.step };
            }
        }
    }

    fn load_batch(&mut self) {
        let objective = &mut self.work.objective;
        match self.settings.switch {
            Some(switch) if self.step >= switch.at_step => {
                if self.fixed {
                    return;
                }
                objective.resize(switch.samples);
                let (at, batch) = (switch.at_step, self.settings.batch);
                self.sampler.fill_fixed(at, batch, objective);
                self.fixed = true;
                self.work.room.ascent = None;
                change(&self.settings.optimizer, self.seed, at, objective);
            }
            _ => {
                let (method, seed, step) = (&self.settings.optimizer, self.seed, self.step);
                self.sampler.fill(step, objective);
                change(method, seed, step, objective);
                if let Some(ascent) = &mut self.work.room.ascent {
                    self.sampler.fill_ascent(step, ascent);
                    change(method, seed, step | ASCENT, ascent);
                }
            }
        }
    }

    /// The seed of its random numbers: samples, labels and their order.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// t, the number of updates made.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Whether it goes on, or diverged and when.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// θ, laid out as the tape's parameter vector.
    pub fn parameters(&self) -> &[T] {
        &self.parameters
    }

    /// P of each parameter, where a step is −η P⁻¹ times a mean of gradients; nothing where it is plain, nor before the first step.
    pub fn preconditioner(&self) -> Option<Vec<f64>> {
        let memory: Vec<f64> = self.memory.iter().map(|x| x.to_f64()).collect();
        let method = &self.settings.optimizer;
        method.preconditioner(self.step, &memory)
    }

    /// The whole state, bit for bit.
    pub fn snapshot(&self) -> TrainerSnapshot {
        let bits = |numbers: &[T]| numbers.iter().map(|x| x.to_f64().to_bits()).collect();
        TrainerSnapshot {
            seed: self.seed,
            step: self.step,
            outcome: self.outcome,
            parameters: bits(&self.parameters),
            memory: bits(&self.memory),
        }
    }
}

/// Lets `method` change a batch.
fn change<T: Real>(method: &impl Method, seed: u64, step: u64, objective: &mut Objective<T>) {
    let (tape, inputs, targets) = objective.parts_mut();
    method.batch(
        seed,
        step,
        Drawn {
            tape,
            inputs,
            targets,
        },
    );
}
