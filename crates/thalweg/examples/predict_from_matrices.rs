//! Where SGD ends for a problem given as matrices: closed forms, and how far to trust them.
//!
//! `cargo run --example predict_from_matrices`

#![allow(clippy::disallowed_macros, reason = "a program prints")]

use std::error::Error;

use thalweg::faer::mat;
use thalweg::problem::Problem;
use thalweg::theory::{Stability, predict};

/// The step size η and the samples in a minibatch, B.
const LEARNING_RATE: f64 = 0.003;
const BATCH: usize = 10;

/// Three inputs, two outputs, three layers. The noise is stronger on the first output, and the two go together.
pub fn problem() -> Result<Problem, Box<dyn Error>> {
    let input_covariance = mat![[2.0, 0.3, 0.0], [0.3, 1.0, 0.2], [0.0, 0.2, 0.5]];
    let teacher = mat![[1.0, 0.5, -0.2], [0.0, 0.8, 0.4]];
    let noise_covariance = mat![[1.0, 0.1], [0.1, 0.04]];
    let hidden_widths = [4, 3];
    let problem = Problem::with_hidden_widths(
        input_covariance,
        teacher,
        noise_covariance,
        3,
        &hidden_widths,
    )?;
    Ok(problem)
}

/// How far a run at this η and B stays from the limit η → 0 that is predicted.
pub fn stability(problem: &Problem) -> Result<Stability, Box<dyn Error>> {
    Ok(predict(problem)?.stability(LEARNING_RATE, BATCH)?)
}

/// Predicts, and prints.
pub fn main() -> Result<(), Box<dyn Error>> {
    let problem = problem()?;
    let prediction = predict(&problem)?;
    println!("T      = {:.6}", prediction.sharpness);
    println!("T_min  = {:.6}", prediction.min_sharpness);
    println!("λ_max  = {:.6}", prediction.lambda_max);
    println!("F      = {:.6}", prediction.fluctuation);
    for (k, layer) in (1..).zip(prediction.minimum.weights()?.layers()) {
        println!("W_{k} = {layer:.4?}");
    }
    let stability = stability(&problem)?;
    println!("η λ_max/2 = {:.4}", stability.stability_number);
    Ok(())
}
