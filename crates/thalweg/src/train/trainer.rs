//! One seed's run.

use std::sync::Arc;

use super::{Settings, Snapshot, TrainError, Training};
use crate::data::Sampler;
use crate::loss::Objective;
use crate::outcome::{DIVERGED, Outcome};
use crate::tensor::Real;

/// One seed's run of a training, in f32 or f64. Once warm, a step allocates no more than a
/// [`Machine`](crate::tensor::Machine) does.
///
/// Its numbers depend on the training, the seed and the start, and on nothing else: not on where it was
/// stopped and resumed.
#[derive(Clone, Debug)]
pub struct Trainer<T> {
    pub(super) settings: Settings,
    pub(super) seed: u64,
    pub(super) step: u64,
    pub(super) outcome: Outcome,
    sampler: Sampler<T>,
    objective: Objective<T>,
    /// Whether `objective` holds the fixed batch.
    fixed: bool,
    pub(super) parameters: Vec<T>,
    pub(super) velocity: Vec<T>,
    gradient: Vec<T>,
}

impl<T: Real> Trainer<T> {
    /// The run of `seed` at step 0, from `start`: what [`Init::weights`](crate::model::Init::weights) of
    /// the same seed gives, say.
    ///
    /// # Errors
    /// When the start has not as many parameters as the network, or one is not finite in this precision.
    pub fn start(training: &Training, start: &[f64], seed: u64) -> Result<Self, TrainError> {
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
        let settings = *training.settings();
        let velocity = vec![T::ZERO; settings.optimizer.velocity_len(expected)];
        Ok(Self {
            settings,
            seed,
            step: 0,
            outcome: Outcome::Running,
            sampler: Sampler::new(training.source(), seed),
            objective: Objective::new(Arc::clone(training.tape()), training.loss(), settings.batch),
            fixed: false,
            gradient: vec![T::ZERO; expected],
            parameters,
            velocity,
        })
    }

    /// The run of `snapshot`, which must come from the same training and precision.
    ///
    /// # Errors
    /// When the snapshot's sizes do not fit.
    pub fn resume(training: &Training, snapshot: &Snapshot) -> Result<Self, TrainError> {
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
        restore("velocity", &snapshot.velocity, &mut run.velocity)?;
        run.step = snapshot.step;
        run.outcome = snapshot.outcome;
        Ok(run)
    }

    /// Goes on up to `step` updates in all, or until it diverges. Does nothing if already there.
    pub fn run_to(&mut self, step: u64) {
        while self.step < step && self.outcome == Outcome::Running {
            self.load_batch();
            self.objective
                .gradient(&self.parameters, &mut self.gradient);
            let optimizer = &self.settings.optimizer;
            let squared = optimizer.update(
                self.step,
                &mut self.parameters,
                &mut self.velocity,
                &self.gradient,
            );
            self.step += 1;
            // A norm that is not a number is not below either.
            let bounded = squared.to_f64() < DIVERGED;
            if !bounded {
                self.outcome = Outcome::Diverged { step: self.step };
            }
        }
    }

    fn load_batch(&mut self) {
        match self.settings.switch {
            Some(switch) if self.step >= switch.at_step => {
                if !self.fixed {
                    self.objective.resize(switch.samples);
                    let (at, batch) = (switch.at_step, self.settings.batch);
                    self.sampler.fill_fixed(at, batch, &mut self.objective);
                    self.fixed = true;
                }
            }
            _ => self.sampler.fill(self.step, &mut self.objective),
        }
    }

    /// Its seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// t, the number of updates made.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// How it stands.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// θ, laid out as the tape's parameter vector.
    pub fn parameters(&self) -> &[T] {
        &self.parameters
    }

    /// The whole state, bit for bit.
    pub fn snapshot(&self) -> Snapshot {
        let bits = |numbers: &[T]| numbers.iter().map(|x| x.to_f64().to_bits()).collect();
        Snapshot {
            seed: self.seed,
            step: self.step,
            outcome: self.outcome,
            parameters: bits(&self.parameters),
            velocity: bits(&self.velocity),
        }
    }
}
