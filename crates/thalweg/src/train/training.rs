//! What is trained, on what, and how.

use std::sync::Arc;

use super::{Method, TrainError};
use crate::data::Source;
use crate::loss::Loss;
use crate::optimizer::Sgd;
use crate::switch::Switch;
use crate::tensor::{Real, Tape};

/// Samples that as many lanes could do while they wait for their seeds' random numbers: measured (`benches/`).
const OVERHEAD: usize = 4;

/// Samples are counted in 32 bits.
const MOST: usize = u32::MAX as usize;

/// Everything that, with a seed, a start and a precision, fixes a run's numbers. Clones share the data.
#[derive(Clone, Debug)]
pub struct Training<M = Sgd> {
    tape: Arc<Tape>,
    loss: Loss,
    source: Source,
    settings: TrainSettings<M>,
}

/// How a network is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainSettings<M = Sgd> {
    /// What a step does: SGD with its learning rate, momentum and weight decay, say.
    pub optimizer: M,
    /// B ≥ 1, samples in a minibatch.
    pub batch: usize,
    /// Change to full-batch gradient descent, if wanted.
    pub switch: Option<Switch>,
}

impl TrainSettings {
    /// Plain SGD at one learning rate.
    pub fn new(learning_rate: f64, batch: usize) -> Self {
        Self {
            optimizer: Sgd::new(learning_rate),
            batch,
            switch: None,
        }
    }
}

impl<M: Method> Training<M> {
    /// The network `tape` on samples of `source`.
    ///
    /// # Errors
    /// When the source does not fit the network or a setting is out of its range.
    pub fn new(
        tape: Arc<Tape>,
        loss: Loss,
        source: Source,
        settings: TrainSettings<M>,
    ) -> Result<Self, TrainError> {
        source.fits(&tape)?;
        samples("batch", settings.batch)?;
        let mut batches = vec![settings.batch];
        if let Some(switch) = settings.switch {
            samples("switch.samples", switch.samples)?;
            batches.push(switch.samples);
        }
        settings.optimizer.validate(&batches)?;
        Ok(Self {
            tape,
            loss,
            source,
            settings,
        })
    }

    /// The network f, as a recorded function of θ and an input.
    pub fn tape(&self) -> &Arc<Tape> {
        &self.tape
    }

    /// The loss ℓ of one sample.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// Where samples come from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// How many of `runs` runs [`run_together`](super::run_together) does at once: 1 where they are faster one by one,
    /// since the batch fills the vector registers, or the runs are too few for the lanes, or the network or its
    /// teacher has such large matrices that products are of another kind.
    pub fn lanes<T: Real>(&self, runs: usize) -> usize {
        let lanes = T::Seeds::default().as_ref().len();
        let runs = runs.min(lanes);
        // One by one, every run pays for its padding; in lanes, for those that are empty. What is done for each
        // seed either way costs as much as some samples.
        let pays = runs * T::PADDING >= lanes * (self.settings.batch + OVERHEAD);
        if self.tape.has_large_weight() || !self.source.same_bits_together() || !pays {
            return 1;
        }
        runs
    }

    /// How it is trained.
    pub fn settings(&self) -> &TrainSettings<M> {
        &self.settings
    }
}

fn samples(field: &'static str, found: usize) -> Result<(), TrainError> {
    if (1..=MOST).contains(&found) {
        return Ok(());
    }
    Err(TrainError::Samples {
        field,
        found,
        limit: MOST,
    })
}
