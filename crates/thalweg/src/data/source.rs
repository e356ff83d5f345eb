//! Where samples come from, whatever they are.

use std::sync::Arc;

use super::labelled::LabelledSet;
use super::redraw::Redraw;
use super::sampler::{Batch, Sampler};
use super::samples::matrix;
use super::teacher::TeacherStream;
use super::{DataError, Samples};
use crate::tensor::{Block, Tape, Variable};

/// A law of samples: fresh ones from a teacher, or those of a labelled set. Clones share the data.
#[derive(Clone, Debug)]
pub enum Source {
    /// A teacher's stream.
    Teacher(Arc<TeacherStream>),
    /// A labelled set in memory.
    Labelled(Arc<LabelledSet>),
}

impl From<TeacherStream> for Source {
    fn from(stream: TeacherStream) -> Self {
        Self::Teacher(Arc::new(stream))
    }
}

impl From<LabelledSet> for Source {
    fn from(set: LabelledSet) -> Self {
        Self::Labelled(Arc::new(set))
    }
}

impl Source {
    /// Whether a network can learn from it: a teacher has the shape of its student, and a labelled set as
    /// many features as the network has inputs, and a class for each output, at one position.
    ///
    /// # Errors
    /// When not.
    pub fn fits(&self, network: &Tape) -> Result<(), DataError> {
        let shape = |variable: Variable| [variable.rows(), variable.positions()];
        let [inputs, outputs] = [network.input(), network.output()].map(shape);
        let own = match self {
            Self::Teacher(stream) => [stream.tape().input(), stream.tape().output()].map(shape),
            // Features are whatever the network makes of them, a sequence's rows too.
            Self::Labelled(set) if set.inputs().nrows() == inputs[0] * inputs[1] => {
                [inputs, [set.classes(), 1]]
            }
            Self::Labelled(set) => [[set.inputs().nrows(), 1], [set.classes(), 1]],
        };
        for (what, found, right) in [("inputs", own[0], inputs), ("outputs", own[1], outputs)] {
            if found != right {
                return Err(DataError::Network {
                    what,
                    found_rows: found[0],
                    found_positions: found[1],
                    rows: right[0],
                    positions: right[1],
                });
            }
        }
        Ok(())
    }

    /// `count` samples with noise, to evaluate on: a function of the seed alone, independent of all that is
    /// trained on with any seed's batches. Those of a labelled set differ from one another as far as there
    /// are enough, unless they are drawn with replacement or by weighted classes.
    pub fn evaluation(&self, seed: u64, count: usize) -> Samples {
        self.samples(seed, count, true)
    }

    /// The same inputs without noise and flips. Where noise is on targets these are E[y|x].
    pub fn clean(&self, seed: u64, count: usize) -> Samples {
        self.samples(seed, count, false)
    }

    /// Draws the labels of [`Source::evaluation`]'s samples again, with the same inputs; nothing where there is
    /// neither noise nor flips, and a single label is all that is to be known of an input.
    pub fn redraw(&self, seed: u64, count: usize) -> Option<Redraw> {
        let noisy = match self {
            Self::Teacher(stream) => stream.has_noise(),
            Self::Labelled(set) => set.has_noise(),
        };
        noisy.then(|| Redraw::new(self, seed, count))
    }

    fn samples(&self, seed: u64, count: usize, noisy: bool) -> Samples {
        let (inputs, targets) = self.lines();
        let mut inputs = Block::<f64>::zeros(inputs, count);
        let mut targets = Block::<f64>::zeros(targets, count);
        let batch = Batch::held_out(noisy);
        let mut sampler = Sampler::new(self, seed);
        let mut bulk = sampler.inputs(&batch, inputs.lines_mut());
        sampler.targets(&batch, &mut bulk, targets.lines_mut());
        Samples {
            inputs: matrix(&inputs),
            targets: matrix(&targets),
        }
    }

    /// Lines of inputs and of targets.
    pub(super) fn lines(&self) -> (usize, usize) {
        let lines = |variable: Variable| variable.rows() * variable.positions();
        match self {
            Self::Teacher(stream) => (lines(stream.tape().input()), lines(stream.tape().output())),
            Self::Labelled(set) => (set.inputs().nrows(), set.classes()),
        }
    }
}
