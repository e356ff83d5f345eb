//! The whole answer for one table: its noise, where SGD would go, and what would change that.

use faer::{Mat, Side};
use rayon::prelude::*;
use serde::Serialize;
use thalweg::problem::Problem;
use thalweg::random::{Purpose, Stream};
use thalweg::recipe::{LabelWeights, Recipe, Sam};
use thalweg::theory;

use super::draw::resampled;
use super::trials::{heteroscedasticity, isotropy};
use super::{DiagnoseError, Noise, Table};
use crate::answer::{AnswerError, PredictAnswer, Prepared};

/// What a diagnosis is made with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// D of the linear network.
    pub depth: usize,
    /// η and B, for what depends on them.
    pub step: Option<(f64, usize)>,
    /// Tables of resampled rows, by which intervals are found.
    pub resamples: usize,
    /// Of everything that is drawn.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            depth: 2,
            step: None,
            resamples: 400,
            seed: 0,
        }
    }
}

/// A number and where it lies with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The number.
    pub value: f64,
    /// By resampled rows, on a logarithmic scale, turned about the number so that a bias is taken out and not in twice ("basic").
    pub interval: [f64; 2],
}

/// The noise of one output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutputNoise {
    /// The column.
    pub name: String,
    /// Its own variance, the diagonal of Σε.
    pub noise_variance: f64,
    /// The part of the column's variance that the inputs explain, 1 − noise/variance.
    pub explained: f64,
    /// T/T_min if this output's noise were as loud as the mean of the others, uncorrelated: what of the anisotropy is its.
    pub ratio_if_average: Option<f64>,
}

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

/// What a table's labels are like, and what follows.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// n.
    pub rows: usize,
    /// V, Σx and Σε.
    pub noise: Noise,
    /// Eigenvalues of Σε, descending.
    pub noise_spectrum: Vec<f64>,
    /// κ(Σε).
    pub condition_number: Interval,
    /// T of SGD's minimum in a linear network.
    pub sharpness: Interval,
    /// T_min.
    pub min_sharpness: Interval,
    /// λ_max.
    pub lambda_max: Interval,
    /// F.
    pub fluctuation: Interval,
    /// p-value of the hypothesis that Σε ∝ I.
    pub isotropy: f64,
    /// p-value of the hypothesis that the noise does not depend on the inputs.
    pub heteroscedasticity: f64,
    /// Output by output.
    pub outputs: Vec<OutputNoise>,
    /// What would change it.
    pub interventions: Vec<Intervention>,
    /// The problem.
    pub problem: Problem,
}

/// κ(Σε), T, T_min, λ_max, F of what `noise` says of inputs and teacher, with noise of this covariance.
fn numbers(
    noise: &Noise,
    covariance: &Mat<f64>,
    depth: usize,
) -> Result<([f64; 5], Problem), DiagnoseError> {
    let problem = Problem::new(
        noise.input_covariance.clone(),
        noise.teacher.clone(),
        covariance.clone(),
        depth,
    )
    .map_err(|error| AnswerError::Input(Box::new(error)))?;
    let found = theory::predict(&problem).map_err(|error| AnswerError::Input(Box::new(error)))?;
    let spectrum = spectrum(covariance);
    let condition = spectrum[0] / spectrum[spectrum.len() - 1];
    let all = [
        condition,
        found.sharpness,
        found.min_sharpness,
        found.lambda_max,
        found.fluctuation,
    ];
    Ok((all, problem))
}

fn spectrum(covariance: &Mat<f64>) -> Vec<f64> {
    let values = covariance.self_adjoint_eigenvalues(Side::Lower);
    let mut values = values.unwrap_or_else(|_| vec![f64::NAN; covariance.nrows()]);
    values.reverse();
    values
}

/// The part of the targets' variance below which noise is rounding.
const ROUNDING: f64 = 1e-20;

impl Diagnosis {
    /// Diagnoses `table`.
    ///
    /// # Errors
    /// When there are too few rows, a column never changes, inputs are linearly dependent, or there is no noise.
    pub fn new(table: &Table, settings: &Settings) -> Result<Self, DiagnoseError> {
        let (rows, inputs) = (table.rows(), table.inputs.ncols());
        let needed = 2 * (inputs + 1).max(table.targets.ncols() + 1) + 10;
        if rows < needed {
            return Err(DiagnoseError::TooFewRows {
                rows,
                inputs,
                needed,
            });
        }
        let input = centred(&table.inputs, &table.input_names)?;
        let target = centred(&table.targets, &table.target_names)?;
        let mut stream = Stream::new(settings.seed, Purpose::EvaluationOrder);
        let folds = Noise::folds(rows, &mut stream);
        let all: Vec<usize> = (0..rows).collect();
        let noise = Noise::of((&input, &target), &all, &folds)?;
        let variance = |j: usize| {
            let column = (0..rows).map(|i| target[(i, j)] * target[(i, j)]);
            column.sum::<f64>() / rows as f64
        };
        if (0..target.ncols()).all(|j| noise.covariance[(j, j)] <= ROUNDING * variance(j)) {
            return Err(DiagnoseError::NoNoise);
        }
        let (found, problem) = numbers(&noise, &noise.covariance, settings.depth)?;
        let resampled: Vec<[f64; 5]> = (0..settings.resamples)
            .into_par_iter()
            .filter_map(|index| {
                let mut stream =
                    Stream::new(settings.seed ^ (index as u64 + 1) << 20, Purpose::Changes);
                let drawn = resampled(rows, &mut stream);
                let noise = Noise::of((&input, &target), &drawn, &folds).ok()?;
                Some(numbers(&noise, &noise.covariance, settings.depth).ok()?.0)
            })
            .collect();
        let interval = |k: usize| {
            let logs: Vec<f64> = resampled.iter().map(|all| all[k].ln()).collect();
            Interval {
                value: found[k],
                interval: basic(found[k], logs),
            }
        };
        let mut stream = Stream::new(settings.seed, Purpose::Redraws);
        Ok(Self {
            rows,
            noise_spectrum: spectrum(&noise.covariance),
            condition_number: interval(0),
            sharpness: interval(1),
            min_sharpness: interval(2),
            lambda_max: interval(3),
            fluctuation: interval(4),
            isotropy: isotropy(&noise.residuals, &mut stream),
            heteroscedasticity: heteroscedasticity(&input, &noise.residuals, &mut stream),
            outputs: outputs(table, &noise, &variance, settings.depth),
            interventions: interventions(&problem, settings.step),
            noise,
            problem,
        })
    }
}

/// [θ²/q_{97.5 %}, θ²/q_{2.5 %}]; unbounded where there are too few resamples.
fn basic(value: f64, mut logs: Vec<f64>) -> [f64; 2] {
    logs.retain(|x| x.is_finite());
    if logs.len() < 40 {
        return [f64::NAN, f64::NAN];
    }
    logs.sort_by(f64::total_cmp);
    let quantile = |p: f64| logs[((logs.len() - 1) as f64 * p).round() as usize];
    let turned = |log: f64| (2.0 * value.ln() - log).exp();
    [turned(quantile(0.975)), turned(quantile(0.025))]
}

fn centred(columns: &Mat<f64>, names: &[String]) -> Result<Mat<f64>, DiagnoseError> {
    let rows = columns.nrows();
    let mut centred = columns.clone();
    for (j, name) in names.iter().enumerate() {
        let mean = (0..rows).map(|i| columns[(i, j)]).sum::<f64>() / rows as f64;
        let mut spread = 0.0f64;
        for i in 0..rows {
            centred[(i, j)] -= mean;
            spread = spread.max(centred[(i, j)].abs());
        }
        if spread <= 1e-14 * mean.abs() {
            return Err(DiagnoseError::Constant {
                column: name.clone(),
            });
        }
    }
    Ok(centred)
}

fn outputs(
    table: &Table,
    noise: &Noise,
    variance: &dyn Fn(usize) -> f64,
    depth: usize,
) -> Vec<OutputNoise> {
    let count = table.target_names.len();
    let own = |j: usize| noise.covariance[(j, j)];
    let total: f64 = (0..count).map(own).sum();
    table
        .target_names
        .iter()
        .enumerate()
        .map(|(j, name)| {
            let ratio_if_average = (count > 1).then(|| {
                let mut changed = noise.covariance.clone();
                for k in 0..count {
                    changed[(j, k)] = 0.0;
                    changed[(k, j)] = 0.0;
                }
                changed[(j, j)] = (total - own(j)) / (count - 1) as f64;
                let found = numbers(noise, &changed, depth).ok()?.0;
                Some(found[1] / found[2])
            });
            OutputNoise {
                name: name.clone(),
                noise_variance: own(j),
                explained: 1.0 - own(j) / variance(j),
                ratio_if_average: ratio_if_average.flatten(),
            }
        })
        .collect()
}

/// A table of changes, with what is predicted of each.
fn interventions(problem: &Problem, step: Option<(f64, usize)>) -> Vec<Intervention> {
    let size = problem.output_dim();
    let noise = problem.noise_covariance().to_owned();
    let largest = spectrum(&noise)[0];
    let level = faer::Scale(largest) * Mat::<f64>::identity(size, size) - &noise;
    let inputs = problem.input_covariance();
    let tenth = Mat::from_fn(inputs.nrows(), inputs.ncols(), |i, j| {
        if i == j { 0.1 * inputs[(i, i)] } else { 0.0 }
    });
    let plain = Recipe::default;
    let mut all = vec![
        ("nothing", plain()),
        (
            "noise added until all outputs are as loud as the loudest",
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
            "labels smoothed by 0.1 (squared error)",
            Recipe {
                label_smoothing: 0.1,
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
    all.into_iter()
        .map(|(change, recipe)| {
            let found = Prepared::new(problem, recipe, step).and_then(|prepared| {
                let answer = PredictAnswer::new(&prepared, false)?;
                let [sharpness, lambda_max, _] = answer.sharpness_lambda_max_fluctuation();
                Ok((
                    sharpness,
                    sharpness / answer.prediction.min_sharpness,
                    lambda_max,
                ))
            });
            let found = found.ok();
            Intervention {
                change: change.to_owned(),
                sharpness: found.map(|found| found.0),
                ratio: found.map(|found| found.1),
                lambda_max: found.map(|found| found.2),
            }
        })
        .collect()
}
