//! Trains a small network on a teacher's noisy answers, and measures how sharp the loss is where it ends.
//!
//! `cargo run --example train_and_measure`

#![allow(clippy::disallowed_macros, reason = "a program prints")]

use std::error::Error;
use std::sync::Arc;

use thalweg::curvature::{EigenSettings, End, TraceSettings, eigenpairs};
use thalweg::data::{LabelNoise, Samples, Source, TeacherStream};
use thalweg::estimate::Estimate;
use thalweg::evaluation::{CurvedLoss, Evaluation};
use thalweg::faer::Mat;
use thalweg::fluctuation::{self, SampleMean};
use thalweg::loss::{Convention, Loss};
use thalweg::model::{Init, Mlp};
use thalweg::tensor::Activation;
use thalweg::train::{TrainSettings, Trainer, Training};

/// ½‖y − f‖².
const LOSS: Loss = Loss::SquaredError(Convention::Half);

/// What came of a training.
pub struct Measured {
    /// θ: W_1 row by row, then W_2.
    pub parameters: Vec<f64>,
    /// The samples that it was measured on.
    pub samples: Samples,
    /// T, the trace of the Hessian.
    pub sharpness: Estimate,
    /// λ_max.
    pub lambda_max: Estimate,
    /// F = E‖∇ℓ‖² of one sample.
    pub fluctuation: SampleMean,
}

/// f(x) = W_2 tanh(W_1 x), with two inputs, two outputs and `hidden` units between them.
fn perceptron(hidden: usize) -> Mlp {
    Mlp {
        widths: vec![2, hidden, 2],
        activation: Activation::Tanh,
        biases: false,
    }
}

/// Trains for so many steps, and measures at their end.
pub fn measured(steps: u64, seed: u64) -> Result<Measured, Box<dyn Error>> {
    // The teacher: fifty hidden units. Its answers are noisier on the first output.
    let teacher = perceptron(50).tape()?;
    let init = Init::Kaiming { gain: 1.0 };
    let teacher_weights = init.teacher_weights(&teacher, seed);
    let noise = LabelNoise::gaussian(&[1.0, 0.1]);
    let stream = TeacherStream::new(teacher, teacher_weights, Mat::identity(2, 2), noise)?;
    let source = Source::from(stream);

    // The student: four hidden units, and SGD with η = 0.05 and minibatches of 10.
    let student = Arc::new(perceptron(4).tape()?);
    let start = init.weights(&student, seed);
    let training = Training::new(
        student.clone(),
        LOSS,
        source.clone(),
        TrainSettings::new(0.05, 10),
    )?;
    let mut trainer = Trainer::<f64>::start(&training, &start, seed)?;
    trainer.run_to(steps);
    let parameters = trainer.parameters().to_vec();

    // Measured on 500 samples that it was not trained on.
    let samples = source.evaluation(seed, 500);
    let mut loss = Evaluation::new(student, LOSS, samples.clone(), Evaluation::BATCH)?;
    let sharpness = loss.hessian_trace(&parameters, &TraceSettings::new(100))?;
    let top = EigenSettings::new(1, End::Top);
    let lambda_max = eigenpairs(&mut loss.hessian(&parameters)?, &top, None)?.values[0];
    let fluctuation = fluctuation::measure(&mut loss, &parameters)?;
    Ok(Measured {
        parameters,
        samples,
        sharpness,
        lambda_max,
        fluctuation: fluctuation.total.fluctuation,
    })
}

/// Trains, and prints what was measured.
pub fn main() -> Result<(), Box<dyn Error>> {
    let end = measured(5000, 1)?;
    println!("T     = {:?}", end.sharpness);
    println!("λ_max = {:?}", end.lambda_max);
    let (low, high) = end.fluctuation.interval();
    println!(
        "F     = {:.4}, between {low:.4} and {high:.4}",
        end.fluctuation.value
    );
    Ok(())
}
