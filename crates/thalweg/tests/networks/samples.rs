//! Each sample's gradient, and their squared norms without them.

use std::fmt::Debug;

use thalweg::tensor::Block;

use super::case::{Case, assert_close, dot};
use super::reference::Network;
use crate::for_random_cases;

fn per_sample<M: Network + Debug>(case: Case<M>) {
    let (n, batch) = (case.parameters.len(), case.inputs.len());
    let mut objective = case.objective::<f64>();
    let mut gradient = vec![0.0; n];
    objective.gradient(&case.parameters, &mut gradient);
    let blocks = case.tape.parameters();
    let mut norms = Block::zeros(blocks.len(), batch);
    objective.sample_squared_norms(&mut norms);

    let mut alone = case.objective::<f64>();
    let (mut found, mut exact) = (vec![0.0; n], vec![0.0; n]);
    for sample in 0..batch {
        case.fill(&mut alone, sample..sample + 1);
        alone.gradient(&case.parameters, &mut exact);
        objective.sample_gradient(sample, &mut found);
        assert_close(&case.name(), &found, &exact, 1e-12);
        for (index, block) in blocks.iter().enumerate() {
            let part = &exact[block.range()];
            let norm = norms.lines().line(index)[sample];
            assert_close(&case.name(), &[norm], &[dot(part, part)], 1e-11);
        }
    }
}

#[test]
fn squared_norms_are_those_of_sample_gradients() {
    for_random_cases!(25, per_sample);
}
