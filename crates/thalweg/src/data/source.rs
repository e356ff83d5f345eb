//! Where samples come from, whatever they are.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use super::draws::AnyDraw;
use super::law::{Batch, SampleLaw, SampleShape};
use super::redraw::Redraw;
use super::sampler::Sampler;
use super::{DataError, Samples};
use crate::tensor::{Block, Real, Tape};

/// Samples of any [`SampleLaw`]: fresh ones from a teacher, say, or those of a labelled set. Clones share the data.
#[derive(Clone, Debug)]
pub struct Source(Arc<dyn AnyLaw>);

/// [`SampleLaw`] of any type, in either precision.
trait AnyLaw: Debug + Send + Sync {
    fn shapes(&self) -> [SampleShape; 2];
    fn evaluation_limit(&self) -> Option<usize>;
    fn is_noisy(&self) -> bool;
    fn same_bits_together(&self) -> bool;
    fn draw_single(self: Arc<Self>, seeds: &[u64]) -> Box<dyn AnyDraw<f32>>;
    fn draw_double(self: Arc<Self>, seeds: &[u64]) -> Box<dyn AnyDraw<f64>>;
}

impl<L: SampleLaw> AnyLaw for L {
    fn shapes(&self) -> [SampleShape; 2] {
        SampleLaw::shapes(self)
    }
    fn evaluation_limit(&self) -> Option<usize> {
        SampleLaw::evaluation_limit(self)
    }
    fn is_noisy(&self) -> bool {
        SampleLaw::is_noisy(self)
    }
    fn same_bits_together(&self) -> bool {
        SampleLaw::same_bits_together(self)
    }
    fn draw_single(self: Arc<Self>, seeds: &[u64]) -> Box<dyn AnyDraw<f32>> {
        Box::new(self.draw::<f32>(seeds))
    }
    fn draw_double(self: Arc<Self>, seeds: &[u64]) -> Box<dyn AnyDraw<f64>> {
        Box::new(self.draw::<f64>(seeds))
    }
}

impl<L: SampleLaw> From<L> for Source {
    fn from(law: L) -> Self {
        Arc::new(law).into()
    }
}

impl<L: SampleLaw> From<Arc<L>> for Source {
    fn from(law: Arc<L>) -> Self {
        Self(law)
    }
}

impl Source {
    /// Whether a network can learn from it: a teacher has the shape of its student, and a labelled set as
    /// many features as the network has inputs, and a class for each output, at one position.
    ///
    /// # Errors
    /// When not.
    pub fn fits(&self, network: &Tape) -> Result<(), DataError> {
        let [inputs, outputs] = self.0.shapes();
        let input = (inputs, network.input());
        let output = (outputs, network.output());
        for (what, (own, network)) in [("inputs", input), ("outputs", output)] {
            let found = own.for_network(network);
            let right = [network.rows(), network.positions()];
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

    /// How many different samples there are to evaluate on; nothing limits a stream.
    pub fn evaluation_limit(&self) -> Option<usize> {
        self.0.evaluation_limit()
    }

    /// `count` samples with noise, to evaluate on: a function of the seed and the count alone, independent of all that is
    /// trained on with any seed's batches. Each sample of a labelled set is taken once, in random order and whatever the
    /// order of training, by weighted classes in their exact proportions; so that what scatters over samples scatters as
    /// over independent ones. Where there are no more, they are fewer than `count`: [`Source::evaluation_limit`].
    pub fn evaluation(&self, seed: u64, count: usize) -> Samples {
        self.samples(seed, count, true)
    }

    /// The same inputs without noise and flips. Where noise is on targets these are E[y|x].
    pub fn clean(&self, seed: u64, count: usize) -> Samples {
        self.samples(seed, count, false)
    }

    /// Draws the labels of the first `inputs` of [`Source::evaluation`]'s samples again, with the same inputs; nothing
    /// where there is neither noise nor flips, and a single label is all that is to be known of an input.
    pub fn redraw(&self, seed: u64, count: usize, inputs: usize) -> Option<Redraw> {
        let noisy = self.0.is_noisy();
        noisy.then(|| Redraw::new(self, seed, count, inputs))
    }

    fn samples(&self, seed: u64, count: usize, noisy: bool) -> Samples {
        let count = self.evaluated(count);
        let [mut inputs, mut targets] = self.lines().map(|lines| Block::<f64>::zeros(lines, count));
        Sampler::new(self, seed).samples(&Batch::held_out(noisy), &mut inputs, &mut targets);
        Samples::of(&inputs, &targets)
    }

    /// How many samples an evaluation set has when `count` are asked for.
    pub(super) fn evaluated(&self, count: usize) -> usize {
        self.evaluation_limit()
            .map_or(count, |limit| limit.min(count))
    }

    /// Lines of inputs and of targets.
    pub(super) fn lines(&self) -> [usize; 2] {
        self.0.shapes().map(SampleShape::lines)
    }

    /// Whether samples drawn for several runs at once have the bits that each run's have alone.
    pub(crate) fn same_bits_together(&self) -> bool {
        self.0.same_bits_together()
    }

    /// Draws for the runs of `seeds`.
    pub(super) fn draw<T: Real>(&self, seeds: &[u64]) -> Box<dyn AnyDraw<T>> {
        let law = || Arc::clone(&self.0);
        // There are two precisions, and `T` is one of them: the other's is never made.
        let mut found: Option<Box<dyn AnyDraw<T>>> = None;
        let place: &mut dyn Any = &mut found;
        if let Some(place) = place.downcast_mut::<Option<Box<dyn AnyDraw<f32>>>>() {
            *place = Some(law().draw_single(seeds));
        } else if let Some(place) = place.downcast_mut::<Option<Box<dyn AnyDraw<f64>>>>() {
            *place = Some(law().draw_double(seeds));
        }
        found.expect("numbers are of single or of double precision")
    }
}
