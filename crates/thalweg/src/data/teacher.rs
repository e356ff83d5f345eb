//! Streams of fresh samples: Gaussian inputs, and a teacher network's outputs with label noise.

use std::sync::Arc;

use faer::Mat;

use super::DataError;
use super::mixing::Mixing;
use super::noise::{LabelNoise, Noise, Scratch, mixing};
use crate::problem::Field;
use crate::random::{Bulk, NoiseLaw};
use crate::tensor::{Block, LinesMut, Machine, Real, Tape};

/// x ~ N(0, Σx), independent at each position, and y = f*(x) + ε (or softmax of it): a fresh sample each
/// time.
#[derive(Clone, Debug)]
pub struct TeacherStream {
    tape: Arc<Tape>,
    weights: Vec<f64>,
    inputs: Mixing,
    noise: Noise,
}

impl TeacherStream {
    /// The teacher `tape` with parameters `weights`; Σx has a row for each row of the teacher's input, and
    /// Σε one for each row of its output.
    ///
    /// A perceptron teaches sequences through [`Network::tape_at`](crate::model::Network::tape_at).
    ///
    /// # Errors
    /// When a matrix is no covariance or does not fit the teacher, a weight is not finite, or there are
    /// not as many as the tape takes.
    pub fn new(
        tape: Tape,
        weights: Vec<f64>,
        input_covariance: Mat<f64>,
        noise: LabelNoise,
    ) -> Result<Self, DataError> {
        if weights.len() != tape.parameter_count() {
            return Err(DataError::TeacherWeights {
                found: weights.len(),
                expected: tape.parameter_count(),
            });
        }
        if let Some(index) = weights.iter().position(|w| !w.is_finite()) {
            return Err(DataError::NotFinite {
                field: "the teacher",
                index: index + 1,
                found: weights[index],
            });
        }
        let (inputs, outputs) = (tape.input().rows(), tape.output().rows());
        Ok(Self {
            inputs: mixing(
                Field::InputCovariance,
                input_covariance,
                inputs,
                "inputs of the teacher at each position",
            )?,
            noise: Noise::new(noise, outputs, "outputs of the teacher at each position")?,
            tape: Arc::new(tape),
            weights,
        })
    }

    /// f*.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// Whether the same input may have different labels.
    pub(super) fn has_noise(&self) -> bool {
        !self.noise.is_none()
    }

    /// Its parameters.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }
}

/// Draws from a stream in one precision.
#[derive(Clone, Debug)]
pub(super) struct TeacherSampler<T> {
    stream: Arc<TeacherStream>,
    machine: Machine<T>,
    weights: Vec<T>,
    scratch: Scratch<T>,
}

impl<T: Real> TeacherSampler<T> {
    /// For batches of `batch` samples, or of other sizes.
    pub fn new(stream: &Arc<TeacherStream>, batch: usize) -> Self {
        Self {
            stream: Arc::clone(stream),
            machine: Machine::new(Arc::clone(&stream.tape), batch),
            weights: stream.weights.iter().map(|&w| T::from_f64(w)).collect(),
            scratch: Scratch::default(),
        }
    }

    pub fn inputs(&mut self, bulk: &mut Bulk, mut to: LinesMut<'_, T>) {
        self.machine.resize(to.batch());
        self.draw(bulk, &mut to);
        self.machine.inputs_mut().data.copy_from_slice(to.data);
    }

    /// For the inputs just drawn.
    pub fn targets(&mut self, noisy: bool, bulk: &mut Bulk, mut to: LinesMut<'_, T>) {
        self.think();
        to.data.copy_from_slice(self.machine.seed().0.data);
        let noise = &self.stream.noise;
        noise.apply(noisy, bulk, &mut self.scratch, &mut to);
    }

    /// Draws the inputs of seed number `seed` into `to`, for one answer to all seeds.
    pub fn ask(&mut self, seed: usize, bulk: &mut Bulk, to: &mut Block<T>) {
        self.draw(bulk, &mut to.lines_mut());
        let (from, mut inputs) = (to.lines(), self.machine.inputs_mut());
        let first = seed * from.batch();
        for line in 0..from.count() {
            let x = from.line(line);
            inputs.line(line)[first..][..x.len()].copy_from_slice(x);
        }
    }

    /// f* of all inputs.
    pub fn think(&mut self) {
        self.machine.forward(&self.weights);
    }

    /// The noisy targets of seed number `seed` into `to`.
    pub fn answer(&mut self, seed: usize, bulk: &mut Bulk, to: &mut Block<T>) {
        let mut to = to.lines_mut();
        let outputs = self.machine.seed().0;
        let (batch, count) = (to.batch(), to.count());
        for line in 0..count {
            let answers = &outputs.line(line)[seed * batch..][..batch];
            to.line(line).copy_from_slice(answers);
        }
        let noise = &self.stream.noise;
        noise.apply(true, bulk, &mut self.scratch, &mut to);
    }

    fn draw(&mut self, bulk: &mut Bulk, to: &mut LinesMut<'_, T>) {
        let count = to.count() * to.batch();
        let white = self.scratch.white(bulk, NoiseLaw::Gaussian, count);
        to.data.fill(T::ZERO);
        self.stream.inputs.add(white, to);
    }
}
