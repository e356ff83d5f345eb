//! Writes networks and their data as NumPy files with a description in JSON, for the baselines.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};
use thalweg::data::Samples;
use thalweg::loss::{Loss, Objective};
use thalweg::model::Network;
use thalweg::tensor::{LinesMut, Tape, Variable};

use super::case::Case;
use super::runs::{RATE, Runs, SEEDS};
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
            let parameters: Vec<f32> = trained.parameters.iter().map(|&x| x as f32).collect();
            save(&directory, "trained", &parameters)?;
            save_samples(&directory, "curvature", &trained.samples)?;
        }
        if let Some(set) = &case.set {
            save_samples(&directory, "set", set)?;
        }
        if let Some(teacher) = &case.teacher {
            let weights: Vec<f32> = teacher.weights.iter().map(|&x| x as f32).collect();
            save(&directory, "teacher", &weights)?;
        }
        descriptions.push(describe(case));
    }
    let text = serde_json::to_string_pretty(&descriptions)?;
    fs::write(directory.join("networks.json"), text)
}

fn save(directory: &Path, name: &str, numbers: &[f32]) -> io::Result<()> {
    fs::write(directory.join(name).with_extension("npy"), npy(numbers))
}

/// Inputs and targets, sample after sample; all of them came from single precision.
fn save_samples(directory: &Path, name: &str, samples: &Samples) -> io::Result<()> {
    for (side, matrix) in [("inputs", &samples.inputs), ("targets", &samples.targets)] {
        let numbers = matrix.col_iter().flat_map(|c| c.iter());
        let numbers: Vec<f32> = numbers.map(|&x| x as f32).collect();
        save(directory, &format!("{name}-{side}"), &numbers)?;
    }
    Ok(())
}

fn describe(case: &Case) -> Value {
    let tape = case.training.tape();
    let shape = |variable: Variable| [variable.rows(), variable.positions()];
    let parameters = |tape: &Tape| -> Vec<Value> {
        tape.parameters()
            .iter()
            .map(|parameter| json!([parameter.name, parameter.rows, parameter.columns]))
            .collect()
    };
    let batch = case.training.settings().batch;
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
        "parameters": parameters(tape),
        "batch": batch,
        "set": case.set.is_some(),
        "teacher": case.teacher.as_ref().map(|teacher| json!({
            "work": Runs::name(case.name, batch),
            "parameters": parameters(&teacher.tape),
            "input": shape(teacher.tape.input()),
            "output": shape(teacher.tape.output()),
            "deviations": teacher.deviations,
            "seeds": SEEDS,
            "learning_rate": RATE,
        })),
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
