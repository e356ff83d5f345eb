//! One seed's state, and what is drawn once for it.

use std::sync::Arc;

use crate::lanes::{Task, dispatch};
use crate::random::Purpose;

use super::compress::compress;
use super::law::Law;
use super::sampler::Sampler;
use super::{Outcome, Settings, Source};
use crate::lanes::Lanes;

/// One seed's run.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub seed: u64,
    pub outcome: Outcome,
    /// W_1 … W_D, each column by column.
    pub weights: Vec<f64>,
    /// Laid out as the weights; empty without momentum.
    pub velocity: Vec<f64>,
    /// The whitened samples of a finite data set, d_x + d_y numbers each; empty when samples are fresh.
    pub data_set: Arc<[f64]>,
    /// The whitened columns of the fixed batch; empty without a switch.
    pub fixed_batch: Arc<[f64]>,
}

impl Run {
    /// The run of `seed` in this state, with its data set and fixed batch drawn anew: they depend on the
    /// seed alone.
    pub fn new(
        law: &Law,
        settings: &Settings,
        seed: u64,
        outcome: Outcome,
        weights: Vec<f64>,
        velocity: Vec<f64>,
    ) -> Self {
        let data_set = dispatch(DataSet { law, seed });
        let fixed_batch = dispatch(FixedBatch {
            law,
            settings,
            seed,
            data_set: &data_set,
        });
        Self {
            seed,
            outcome,
            weights,
            velocity,
            data_set: data_set.into(),
            fixed_batch: fixed_batch.into(),
        }
    }
}

/// Draws the finite data set, sample by sample in one lane.
struct DataSet<'a> {
    law: &'a Law,
    seed: u64,
}

impl Task for DataSet<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run<V: Lanes>(self) -> Vec<f64> {
        let Source::Finite { samples, .. } = self.law.data.source else {
            return Vec::new();
        };
        let mut sampler = Sampler::<f64>::new(&[self.seed]);
        let mut all = Vec::with_capacity(samples * (self.law.inputs + self.law.outputs));
        for i in 0..samples as u64 {
            all.extend_from_slice(sampler.samples(self.law, 1, i, Purpose::DataSet as u32));
        }
        all
    }
}

/// Draws the fixed batch, scaled so that the factor 1/√B of a minibatch is right for it too.
struct FixedBatch<'a> {
    law: &'a Law,
    settings: &'a Settings,
    seed: u64,
    data_set: &'a [f64],
}

impl Task for FixedBatch<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run<V: Lanes>(self) -> Vec<f64> {
        let Some(switch) = self.settings.switch else {
            return Vec::new();
        };
        let (law, samples) = (self.law, switch.samples);
        let (step, purpose) = (switch.at_step, Purpose::FixedBatch as u32);
        let mut sampler = Sampler::<f64>::new(&[self.seed]);
        let mut columns = if !self.data_set.is_empty() {
            self.data_set[..samples * (law.inputs + law.outputs)].to_vec()
        } else if law.sufficient() {
            let layout = law.layout(samples);
            sampler.sufficient(law, &layout, step, purpose).to_vec()
        } else {
            sampler.samples(law, samples, step, purpose).to_vec()
        };
        let scale = (self.settings.batch as f64 / samples as f64).sqrt();
        for x in &mut columns {
            *x *= scale;
        }
        compress(&columns, law.inputs, law.outputs)
    }
}
