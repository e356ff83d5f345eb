//! The weights a run starts from.

use crate::problem::Problem;
use crate::random::{Purpose, Streams, normal_pair};

use super::{InitialWeights, Precision, SimulateSettings};

/// W_1 … W_D of `seed` at step 0, each column by column.
pub(super) fn weights(problem: &Problem, settings: &SimulateSettings, seed: u64) -> Vec<f64> {
    let mut normals = normals(seed, problem.parameters()).into_iter();
    let mut weights = Vec::with_capacity(problem.parameters());
    for (k, shape) in problem.widths().windows(2).enumerate() {
        let (fan_in, fan_out) = (shape[0] as f64, shape[1] as f64);
        let deviation = match &settings.init {
            InitialWeights::Kaiming { gain } => gain / fan_in.sqrt(),
            InitialWeights::Xavier { gain } => gain * (2.0 / (fan_in + fan_out)).sqrt(),
            InitialWeights::Normal { deviation } => *deviation,
            InitialWeights::Given(given) => {
                let layer = given.layer(k + 1);
                weights.extend(layer.col_iter().flat_map(|c| c.iter().copied()));
                continue;
            }
        };
        let layer = normals.by_ref().take(shape[0] * shape[1]);
        weights.extend(layer.map(|z| deviation * z));
    }
    if settings.precision == Precision::F32 {
        for w in &mut weights {
            *w = f64::from(*w as f32);
        }
    }
    weights
}

/// The first `count` (and up to three more) normals of a seed's initial stream.
fn normals(seed: u64, count: usize) -> Vec<f64> {
    let streams = Streams::<f64>::new(&[seed]);
    let mut normals = Vec::with_capacity(count + 3);
    let mut words = [[0; 4]];
    for block in 0..count.div_ceil(4) as u32 {
        streams.fill(0, block, Purpose::Initial as u32, &mut words);
        for pair in words[0].chunks_exact(2) {
            let (first, second) = normal_pair::<f64>(pair[0], pair[1]);
            normals.extend([first, second]);
        }
    }
    normals
}
