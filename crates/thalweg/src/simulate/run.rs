//! One seed's state, and what is drawn once for it.

use std::sync::Arc;

use crate::random::Purpose;

use super::compress::compress;
use super::law::Law;
use super::sampler::{Sampler, SufficientStatistics};
use super::{Outcome, SampleSource, SimulateSettings};

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
    /// The run of `seed` in this state, with its data set, where none is `given`, and its fixed batch drawn anew: they depend on
    /// the seed alone.
    pub fn new(
        law: &Law,
        settings: &SimulateSettings,
        seed: u64,
        outcome: Outcome,
        weights: Vec<f64>,
        velocity: Vec<f64>,
        given: Option<&Arc<[f64]>>,
    ) -> Self {
        let data_set = given.map_or_else(|| data_set(law, seed).into(), Arc::clone);
        let fixed_batch = fixed_batch(law, settings, seed, &data_set);
        Self {
            seed,
            outcome,
            weights,
            velocity,
            data_set,
            fixed_batch: fixed_batch.into(),
        }
    }
}

/// The finite data set of `seed`.
fn data_set(law: &Law, seed: u64) -> Vec<f64> {
    let SampleSource::Finite { samples, .. } = law.data.source else {
        return Vec::new();
    };
    let mut sampler = Sampler::<f64>::new(&[seed]);
    let mut all = Vec::with_capacity(samples * (law.inputs + law.outputs));
    for i in 0..samples as u64 {
        all.extend_from_slice(sampler.samples(law, 1, i, Purpose::DataSet as u32));
    }
    all
}

/// The fixed batch, scaled so that the factor 1/√B of a minibatch is right for it too.
fn fixed_batch(law: &Law, settings: &SimulateSettings, seed: u64, data_set: &[f64]) -> Vec<f64> {
    let Some(switch) = settings.switch else {
        return Vec::new();
    };
    let samples = switch.samples;
    let (step, purpose) = (switch.at_step, Purpose::FixedBatch as u32);
    let mut sampler = Sampler::<f64>::new(&[seed]);
    let mut columns = if !data_set.is_empty() {
        data_set[..samples * (law.inputs + law.outputs)].to_vec()
    } else if law.sufficient() {
        let layout = law.layout(samples);
        sampler.sufficient(law, &layout, step, purpose).to_vec()
    } else {
        sampler.samples(law, samples, step, purpose).to_vec()
    };
    let scale = (settings.batch as f64 / samples as f64).sqrt();
    for x in &mut columns {
        *x *= scale;
    }
    compress(&columns, law.inputs, law.outputs)
}
