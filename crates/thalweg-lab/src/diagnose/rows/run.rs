//! What a trained network leaves of its labels, as rows.

use faer::Mat;
use thalweg::evaluation::{Evaluation, SampledLoss};
use thalweg::loss::{Convention, Loss};

use crate::diagnose::{DiagnoseError, Matrices};
use crate::network::{Made, NetworkError, since_saved};
use crate::saved::SavedNetwork;

/// The most samples that a network is judged on; fewer where the data have no more.
const SAMPLES: usize = 4096;

/// x and y′ = a + A x − r of samples that the network `saved` of a training was not trained on:
/// r = f(x) − y is what the network leaves, and a + A x the linear function that its outputs f are closest to. So the noise about a linear
/// fit is what the network leaves, and not what a linear function cannot follow.
///
/// # Errors
/// When its data cannot be made again.
pub(super) fn run_rows(saved: &SavedNetwork) -> Result<Matrices, DiagnoseError> {
    let run = saved.seed.unwrap_or(0);
    let made = Made::of_run(&saved.experiment, run)?;
    let samples = match made.samples_of(SAMPLES, run) {
        Err(NetworkError::EvaluationSet { limit, .. }) => made.samples_of(limit, run)?,
        samples => samples?,
    };
    let (loss, classes) = match made.training.loss() {
        // A residual is then f − y, whatever factor the loss has.
        Loss::SquaredError(_) => (Loss::SquaredError(Convention::Half), false),
        other => (other, true),
    };
    let tape = made.tape().clone();
    let evaluation = Evaluation::new(tape, loss, samples.clone(), Evaluation::BATCH);
    let residuals = evaluation
        .and_then(|mut evaluation| evaluation.residuals(&saved.parameters))
        .map_err(NetworkError::from)?;
    let inputs = samples.inputs.transpose().to_owned();
    let residuals = residuals.transpose().to_owned();
    let outputs = samples.targets.transpose() + &residuals;
    let targets = linear_part(&inputs, &outputs) - &residuals;
    let words = format!(
        "Noise is what the network of seed {run} leaves of {} samples that it was not trained on: the targets here are the linear \
         function closest to the network’s outputs, less its residuals.",
        inputs.nrows()
    );
    let names = |kind: &str, count: usize| (1..=count).map(|i| format!("{kind} {i}")).collect();
    let input_names = names("input", inputs.ncols());
    let target_names = names(if classes { "class" } else { "output" }, targets.ncols());
    let mut rows = Matrices::new((inputs, input_names), (targets, target_names), classes);
    rows.left_out.extend(since_saved(&made, saved));
    rows.left_out.push(words);
    Ok(rows)
}

/// a + A x for each row x of `inputs`, by least squares to `outputs`.
fn linear_part(inputs: &Mat<f64>, outputs: &Mat<f64>) -> Mat<f64> {
    let (rows, size) = (inputs.nrows(), inputs.ncols());
    let mean = |column: usize| (0..rows).map(|i| inputs[(i, column)]).sum::<f64>() / rows as f64;
    let means: Vec<f64> = (0..size).map(mean).collect();
    let design = Mat::from_fn(rows, size + 1, |i, j| {
        if j == 0 {
            1.0
        } else {
            inputs[(i, j - 1)] - means[j - 1]
        }
    });
    // Pixels at the edge never change: the least squares of a rank that is not full.
    let factors = design.col_piv_qr();
    let diagonal = |j: usize| factors.thin_R()[(j, j)].abs();
    let rank = (0..size + 1)
        .take_while(|&j| diagonal(j) > 1e-10 * diagonal(0))
        .count();
    let basis = factors.compute_thin_Q();
    let basis = basis.subcols(0, rank);
    basis * (basis.transpose() * outputs)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use super::*;
    use crate::diagnose::{Columns, Diagnosis, Gathered, Opened, Rows, Settings, open};
    use crate::run;
    use crate::spec::{Draft, NetworkExperiment};

    /// A teacher far from linear, and a student that has learnt it.
    const EXPERIMENT: &str = r#"
learning_rate = 0.03
batch = 100
steps = 20000
seeds = 1
loss = "squared-error"
network = { kind = "mlp", inputs = 2, hidden = [12], outputs = 2, activation = "relu" }
measure = { samples = 100, count = 2 }
[data]
kind = "teacher"
teacher = { hidden = [4], seed = 3 }
noise_standard_deviations = [0.5, 0.1]
"#;

    /// The noise is the labels' own, which is known here, and not what a linear fit cannot follow.
    #[test]
    fn a_networks_noise_is_that_of_the_labels() {
        let folder = tempfile::tempdir().unwrap();
        let draft = Draft::from_toml(EXPERIMENT).unwrap();
        let experiment = draft.experiment::<NetworkExperiment>().unwrap();
        let stop = AtomicBool::new(false);
        run::run(
            &experiment,
            folder.path(),
            Duration::from_secs(60),
            &mut (),
            &stop,
        )
        .unwrap();
        let diagnosed = |rows: &mut dyn Rows| {
            let gathered = Gathered::new(rows, 0).unwrap();
            let settings = Settings {
                resamples: Some(0),
                ..Settings::default()
            };
            Diagnosis::new(&gathered, &settings)
                .unwrap()
                .noise
                .covariance
        };
        let Opened::Rows(mut rows) = open(folder.path(), &Columns::default()).unwrap() else {
            unreachable!("its data are no text");
        };
        let found = diagnosed(&mut *rows);
        // 4096 samples: 2 % standard error, and what the student has not learnt.
        assert!((found[(0, 0)] / 0.25 - 1.0).abs() < 0.08, "{found:?}");
        assert!((found[(1, 1)] / 0.01 - 1.0).abs() < 0.25, "{found:?}");
        let made = Made::new(&experiment).unwrap();
        let samples = made.samples_of(SAMPLES, 0).unwrap();
        let names = |count: usize| (0..count).map(|i| i.to_string()).collect();
        let plain = diagnosed(&mut Matrices::new(
            (samples.inputs.transpose().to_owned(), names(2)),
            (samples.targets.transpose().to_owned(), names(2)),
            false,
        ));
        assert!(plain[(1, 1)] > 2.0 * found[(1, 1)], "{plain:?}");
    }

    /// Columns that are constant or repeat others change nothing.
    #[test]
    fn the_linear_part_needs_no_full_rank() {
        let inputs = Mat::from_fn(6, 3, |i, j| match j {
            0 => i as f64,
            1 => 2.0 * i as f64,
            _ => 7.0,
        });
        let outputs = Mat::from_fn(6, 1, |i, _| 1.0 - 3.0 * i as f64);
        let found = linear_part(&inputs, &outputs);
        assert!((found - outputs).norm_max() < 1e-12);
    }
}
