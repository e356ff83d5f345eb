//! Streams of fresh samples: Gaussian inputs, and a teacher network's outputs with label noise.

use std::sync::Arc;

use faer::Mat;

use super::DataError;
use super::law::{Batch, Draw, SampleLaw, SampleShape};
use super::mixing::Mixing;
use super::noise::{LabelNoise, Noise, Scratch, mixing};
use crate::problem::ProblemField;
use crate::random::{Bulk, NoiseLaw};
use crate::tensor::{Block, Evaluator, LinesMut, Real, Tape};

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
                ProblemField::InputCovariance,
                input_covariance,
                inputs,
                "inputs of the teacher at each position",
            )?,
            noise: Noise::new(noise, outputs, "outputs of the teacher at each position")?,
            tape: Arc::new(tape),
            weights,
        })
    }

    /// The teacher f*, as a recorded function of its parameters and an input.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// The teacher's parameters, laid out as its tape's parameter vector.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }
}

impl SampleLaw for TeacherStream {
    type Draw<T: Real> = TeacherDraw<T>;

    fn shapes(&self) -> [SampleShape; 2] {
        [self.tape.input(), self.tape.output()].map(SampleShape::of)
    }

    fn is_noisy(&self) -> bool {
        !self.noise.is_none()
    }

    fn draw<T: Real>(self: &Arc<Self>, seeds: &[u64]) -> TeacherDraw<T> {
        TeacherDraw {
            stream: Arc::clone(self),
            runs: seeds.len(),
            evaluator: Evaluator::new(Arc::clone(&self.tape)),
            questions: Block::zeros(SampleShape::of(self.tape.input()).lines(), seeds.len()),
            answers: Block::zeros(SampleShape::of(self.tape.output()).lines(), seeds.len()),
            weights: self.weights.iter().map(|&w| T::from_f64(w)).collect(),
            scratch: Scratch::default(),
        }
    }

    /// Large products are of another kind for single runs.
    fn same_bits_together(&self) -> bool {
        !self.tape.has_large_weight()
    }
}

/// Draws from a stream, and answers for all runs at once: see [`Draw`].
#[derive(Clone, Debug)]
pub struct TeacherDraw<T> {
    stream: Arc<TeacherStream>,
    runs: usize,
    evaluator: Evaluator<T>,
    /// All runs' inputs, one run after another, and f* of them.
    questions: Block<T>,
    answers: Block<T>,
    weights: Vec<T>,
    scratch: Scratch<T>,
}

impl<T: Real> Draw<T> for TeacherDraw<T> {
    fn inputs(&mut self, run: usize, _: &Batch, random: &mut Bulk, mut to: LinesMut<'_, T>) {
        let (batch, count) = (to.batch(), to.count());
        let white = self
            .scratch
            .white(random, NoiseLaw::Gaussian, count * batch);
        to.data.fill(T::ZERO);
        self.stream.inputs.add(white, &mut to);
        self.questions.resize(self.runs * batch);
        let mut questions = self.questions.lines_mut();
        for line in 0..count {
            questions.line(line)[run * batch..][..batch].copy_from_slice(to.line(line));
        }
    }

    fn between(&mut self) {
        self.answers.resize(self.questions.lines().batch());
        let (questions, mut answers) = (self.questions.lines(), self.answers.lines_mut());
        self.evaluator.run(&self.weights, questions, &mut answers);
    }

    fn targets(&mut self, run: usize, noisy: bool, random: &mut Bulk, mut to: LinesMut<'_, T>) {
        let answers = self.answers.lines();
        let (batch, count) = (to.batch(), to.count());
        for line in 0..count {
            let answers = &answers.line(line)[run * batch..][..batch];
            to.line(line).copy_from_slice(answers);
        }
        let noise = &self.stream.noise;
        noise.apply(noisy, random, &mut self.scratch, &mut to);
    }
}
