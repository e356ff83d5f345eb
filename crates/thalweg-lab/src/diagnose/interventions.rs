//! What changes of the training would do, as the theory has it.

use faer::Mat;
use serde::Serialize;
use thalweg::problem::{Problem, Spectral};
use thalweg::recipe::{LabelWeights, Recipe, Sam};
use thalweg::{Stop, Stopped};

use crate::answer::{PredictAnswer, Prepared};

/// What a change would do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Intervention {
    /// Which.
    pub change: String,
    /// T then; none where the theory has no answer.
    pub sharpness: Option<f64>,
    /// T/T_min then.
    pub ratio: Option<f64>,
    /// λ_max then.
    pub lambda_max: Option<f64>,
}

/// A table of changes to what is predicted if `nothing` is changed, with what is predicted of each.
pub(super) fn interventions(
    problem: &Problem,
    classes: bool,
    step: Option<(f64, usize)>,
    nothing: Intervention,
) -> Result<Vec<Intervention>, Stopped> {
    let size = problem.output_dim();
    let noise = problem.noise_covariance().to_owned();
    let largest = Spectral::of(noise.as_ref()).map_or(f64::NAN, |of| of.largest());
    let level = faer::Scale(largest) * Mat::<f64>::identity(size, size) - &noise;
    let inputs = problem.input_covariance();
    let tenth = Mat::from_fn(inputs.nrows(), inputs.ncols(), |i, j| {
        if i == j { 0.1 * inputs[(i, i)] } else { 0.0 }
    });
    let plain = Recipe::default;
    let mut all = vec![
        (
            "noise added until all directions of the outputs are as loud as the loudest",
            Recipe {
                added_noise_covariance: Some(level),
                ..plain()
            },
        ),
        (
            "labels weighted by Σε^(−1/2) (numbers are of that loss)",
            Recipe {
                label_weights: Some(LabelWeights::Whiten),
                ..plain()
            },
        ),
        (
            "noise of a tenth of each input's variance added to it",
            Recipe {
                input_noise_covariance: Some(tenth),
                ..plain()
            },
        ),
    ];
    if classes {
        all.push((
            "labels smoothed by 0.1 (squared error)",
            Recipe {
                label_smoothing: 0.1,
                ..plain()
            },
        ));
    }
    if let Some((learning_rate, _)) = step {
        all.push((
            "weight decay 1e-4",
            Recipe {
                weight_decay: 1e-4,
                ..plain()
            },
        ));
        all.push((
            "SAM with ρ = η on the same minibatch (three times as fast)",
            Recipe {
                sam: Some(Sam {
                    radius: learning_rate,
                    normalised: false,
                    independent: false,
                }),
                ..plain()
            },
        ));
    }
    let stop = Stop::here();
    let changed = all.into_iter().map(|(change, recipe)| {
        stop.asked()?;
        let found = Prepared::new(problem, recipe, step).and_then(|prepared| {
            let prepared = prepared.by_own_drift();
            let mut answer = PredictAnswer::new(&prepared, false)?;
            answer.follow_axes()?;
            let [sharpness, lambda_max, _] = answer.end_of_sgd();
            Ok((
                sharpness,
                sharpness / answer.prediction.min_sharpness,
                lambda_max,
            ))
        });
        let found = found.ok();
        Ok(Intervention {
            change: change.to_owned(),
            sharpness: found.map(|found| found.0),
            ratio: found.map(|found| found.1),
            lambda_max: found.map(|found| found.2),
        })
    });
    [Ok(nothing)].into_iter().chain(changed).collect()
}
