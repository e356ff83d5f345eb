//! Values that are given beside a file and take the place of the file's own.

use thalweg::simulate::InitialWeights;

use super::draft::Draft;
use super::error::SpecError;
use super::node::Node;
use super::resolved::init;

/// What a command line says of an experiment; `None` leaves it to the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// The step size η > 0, where it is given.
    pub learning_rate: Option<f64>,
    /// Samples in a minibatch, B ≥ 1, where it is given.
    pub batch: Option<usize>,
    /// Steps of each run.
    pub steps: Option<u64>,
    /// One run for each.
    pub seeds: Option<Vec<u64>>,
    /// Where the weights start; it replaces `start_weights` also.
    pub init: Option<InitialWeights>,
}

impl Overrides {
    /// Puts the values that are given into `draft`.
    ///
    /// # Errors
    /// When what the file has there is no table.
    pub fn apply(&self, draft: &mut Draft) -> Result<(), SpecError> {
        let mut set = |key: &str, value: Option<Node>| match value {
            Some(value) => draft.set(key, value),
            None => Ok(()),
        };
        set("learning_rate", self.learning_rate.map(Node::from))?;
        set("batch", self.batch.map(Node::from))?;
        set("steps", self.steps.map(Node::from))?;
        let seeds = self.seeds.as_ref();
        set("seeds", seeds.map(|seeds| seeds.iter().copied().collect()))?;
        if let Some(start) = &self.init {
            let (key, value) = init(start);
            draft.remove("init");
            draft.remove("start_weights");
            draft.set(key, value)?;
        }
        Ok(())
    }
}
