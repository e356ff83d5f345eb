//! Writes networks and their data as NumPy files with a description in JSON, for the baselines.

use std::fs;
use std::io;
use std::path::Path;

use faer::Mat;
use serde_json::{Value, json};
use thalweg::data::Samples;
use thalweg::loss::{Loss, Objective};
use thalweg::model::Network;
use thalweg::tensor::{LinesMut, Variable};

use super::case::Case;
use super::solution::{LAMBDA_MAX_LIMIT, TRACE_LIMIT};

/// Each case in a directory of its own, and `networks.json` to describe them.
pub fn write(directory: &Path, cases: &[Case]) -> io::Result<()> {
    let mut descriptions = Vec::new();
    for case in cases {
        let directory = directory.join(case.name);
        fs::create_dir_all(&directory)?;
        let (inputs, targets) = samples(&case.batches);
        let (evaluation_inputs, evaluation_targets) =
            samples(std::slice::from_ref(&case.evaluation));
        for (name, numbers) in [
            ("parameters", &case.parameters()),
            ("direction", &case.direction),
            ("inputs", &inputs),
            ("targets", &targets),
            ("evaluation-inputs", &evaluation_inputs),
            ("evaluation-targets", &evaluation_targets),
        ] {
            save(&directory, name, numbers)?;
        }
        if let Some(trained) = &case.trained {
            let Samples { inputs, targets } = &*trained.samples;
            // All of them came from single precision.
            let single = |numbers: &mut dyn Iterator<Item = &f64>| -> Vec<f32> {
                numbers.map(|&x| x as f32).collect()
            };
            let columns = |matrix: &Mat<f64>| single(&mut matrix.col_iter().flat_map(|c| c.iter()));
            save(
                &directory,
                "trained",
                &single(&mut trained.parameters.iter()),
            )?;
            save(&directory, "curvature-inputs", &columns(inputs))?;
            save(&directory, "curvature-targets", &columns(targets))?;
        }
        descriptions.push(describe(case));
    }
    let text = serde_json::to_string_pretty(&descriptions)?;
    fs::write(directory.join("networks.json"), text)
}

fn save(directory: &Path, name: &str, numbers: &[f32]) -> io::Result<()> {
    fs::write(directory.join(name).with_extension("npy"), npy(numbers))
}

fn describe(case: &Case) -> Value {
    let tape = case.training.tape();
    let shape = |variable: Variable| [variable.rows(), variable.positions()];
    let parameters: Vec<_> = tape
        .parameters()
        .iter()
        .map(|parameter| json!([parameter.name, parameter.rows, parameter.columns]))
        .collect();
    json!({
        "name": case.name,
        "kind": match &case.network {
            Network::Mlp(_) => "mlp",
            Network::Rnn(_) => "rnn",
            Network::Transformer(_) => "transformer",
            Network::LanguageModel(_) => "language-model",
        },
        "heads": match &case.network {
            Network::Transformer(transformer) => Some(transformer.heads),
            Network::LanguageModel(model) => Some(model.heads),
            _ => None,
        },
        "loss": match case.training.loss() {
            Loss::CrossEntropy => "cross-entropy",
            Loss::MeanCrossEntropy => "mean-cross-entropy",
            Loss::SquaredError(_) => "squared-error",
        },
        "learning_rate": case.training.settings().optimizer.learning_rate().at(0),
        "batches": case.batches.len(),
        "input": shape(tape.input()),
        "output": shape(tape.output()),
        "parameters": parameters,
        "curvature": case.trained.as_ref().map(|trained| json!({
            "lambda_max": { "value": trained.lambda_max, "limit": LAMBDA_MAX_LIMIT },
            "trace": { "value": trained.trace, "limit": TRACE_LIMIT },
        })),
    })
}

/// Inputs and targets, sample after sample.
fn samples(objectives: &[Objective<f32>]) -> (Vec<f32>, Vec<f32>) {
    let (mut inputs, mut targets) = (Vec::new(), Vec::new());
    for objective in objectives {
        let mut objective = objective.clone();
        push(objective.inputs_mut(), &mut inputs);
        push(objective.targets_mut(), &mut targets);
    }
    (inputs, targets)
}

fn push(mut lines: LinesMut<'_, f32>, to: &mut Vec<f32>) {
    for sample in 0..lines.batch() {
        to.extend((0..lines.count()).map(|index| lines.line(index)[sample]));
    }
}

/// A vector in NumPy's format, version 1.0.
fn npy(numbers: &[f32]) -> Vec<u8> {
    let mut header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({},)}}",
        numbers.len()
    );
    // Magic, version and length are 10 bytes; the header ends in a newline at a multiple of 64.
    let length = (header.len() + 11).next_multiple_of(64) - 10;
    header = format!("{header:<0$}\n", length - 1);
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(header.into_bytes());
    bytes.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
    bytes
}
