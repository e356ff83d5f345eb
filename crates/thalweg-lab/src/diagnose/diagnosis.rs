//! The whole answer for some rows: their noise, where SGD would go, and what would change that.

use faer::{Mat, Side};
use rayon::prelude::*;
use serde::Serialize;
use thalweg::flow::Waypoint;
use thalweg::problem::Problem;
use thalweg::random::{Purpose, Stream};
use thalweg::theory;
use thalweg::words::{counted, rounded};
use thalweg::{Stop, Stopped};

use super::classes::{ClassNoise, Sums, of_classes, squares, sums};
use super::doubts::Doubts;
use super::draw::resampled;
use super::gathered::Gathered;
use super::interval::{Interval, LEAST};
use super::interventions::{Intervention, interventions};
use super::noise::{Entries, HeldOut, independent};
use super::trials::{Trial, Trials, heteroscedasticity, isotropy};
use super::used::{Used, may_be_classes, used};
use super::{DiagnoseError, Noise};
use crate::answer::{AnswerError, PredictAnswer, Prepared};

/// What a diagnosis is made with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// D of the linear network.
    pub depth: usize,
    /// η and B, for what depends on them.
    pub step: Option<(f64, usize)>,
    /// How often rows are resampled for the intervals; none for 400, or fewer where inputs are so many that this would take long.
    pub resamples: Option<usize>,
    /// Of everything that is drawn.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            depth: 2,
            step: None,
            resamples: None,
            seed: 0,
        }
    }
}

/// Resamples, where nothing is said of them.
const RESAMPLES: usize = 400;

/// The operations of all resamples, where nothing is said of their number: a fit and what is predicted from it take some 5 d³.
const OPERATIONS: f64 = 4e10;

/// The noise of one output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutputNoise {
    /// The column, or the class.
    pub name: String,
    /// Its own variance, the diagonal of Σε.
    pub noise_variance: f64,
    /// The part of the column's variance that the inputs explain, 1 − noise/variance.
    pub explained: f64,
    /// Of a class: the part of the rows that are of it.
    pub share: Option<f64>,
    /// Of a class: the noise of its own rows, whatever the output.
    pub own_rows: Option<ClassNoise>,
    /// T/T_min if this output's noise were as loud as the mean of the others, uncorrelated: what of the anisotropy is its. Not of classes,
    /// whose noises cannot be uncorrelated.
    pub ratio_if_average: Option<f64>,
}

/// What labels are like, and what follows.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// n.
    pub rows: u64,
    /// Whether the outputs are classes.
    pub classes: bool,
    /// What the inputs that are used are called.
    pub input_names: Vec<String>,
    /// What was left out of the data, and why, or may have been mistaken, in sentences.
    pub left_out: Vec<String>,
    /// V, Σx and Σε.
    pub noise: Noise,
    /// Eigenvalues of Σε, descending; of classes without the one that is 0, since each row is of one class.
    pub noise_spectrum: Vec<f64>,
    /// κ(Σε), of these eigenvalues.
    pub condition_number: Interval,
    /// T of SGD's minimum in a linear network.
    pub sharpness: Interval,
    /// T_min.
    pub min_sharpness: Interval,
    /// λ_max.
    pub lambda_max: Interval,
    /// F.
    pub fluctuation: Interval,
    /// Where SGD ends instead, if noise and signal have different axes and that is quickly found.
    pub exact_drift: Option<Waypoint>,
    /// Of the hypothesis that Σε ∝ I.
    pub isotropy: Trial,
    /// Of the hypothesis that the noise does not depend on the inputs.
    pub heteroscedasticity: Trial,
    /// Output by output.
    pub outputs: Vec<OutputNoise>,
    /// What would change it.
    pub interventions: Vec<Intervention>,
    /// The problem.
    pub problem: Problem,
    /// The rows of the tests as x and y, centred, n × d_x and n × d_y.
    pub sample: (Mat<f64>, Mat<f64>),
    doubts: Doubts,
}

/// κ(Σε), T, T_min, λ_max, F, in this order.
type Numbers = [f64; 5];

/// What resampled rows say: beside the numbers, of classes what they leave.
type Again = (Numbers, Option<Sums>);

/// Those of what `noise` says of inputs and teacher, with noise of this covariance.
fn numbers(
    noise: &Noise,
    covariance: &Mat<f64>,
    (depth, rank): (usize, usize),
) -> Result<(Numbers, Problem), DiagnoseError> {
    let problem = Problem::new(
        noise.input_covariance.clone(),
        noise.teacher.clone(),
        covariance.clone(),
        depth,
    )
    .map_err(AnswerError::input)?;
    let found = theory::predict(&problem).map_err(AnswerError::input)?;
    let spectrum = spectrum(covariance, rank);
    let all = [
        spectrum[0] / spectrum[rank - 1],
        found.sharpness,
        found.min_sharpness,
        found.lambda_max,
        found.fluctuation,
    ];
    Ok((all, problem))
}

/// Where the exact drift rests, if noise and signal of `problem` have different axes and that is quickly found.
fn end_of_own_drift(problem: &Problem) -> Result<Option<Waypoint>, DiagnoseError> {
    let prepared = Prepared::plain(problem, None);
    let mut answer = PredictAnswer::new(&prepared, false)?;
    answer.follow_axes()?;
    Ok(answer.exact_drift)
}

/// The `rank` largest eigenvalues, descending.
pub(super) fn spectrum(covariance: &Mat<f64>, rank: usize) -> Vec<f64> {
    let values = covariance.self_adjoint_eigenvalues(Side::Lower);
    let mut values = values.unwrap_or_else(|_| vec![f64::NAN; covariance.nrows()]);
    values.reverse();
    values.truncate(rank);
    values
}

/// The part of a target's variance below which noise is the rounding of sums.
const ROUNDING: f64 = 1e-11;

impl Diagnosis {
    /// What it was made from: "342 rows and 1 input".
    pub fn size(&self) -> String {
        let inputs = counted(self.input_names.len(), "input");
        format!("{} rows and {inputs}", self.rows)
    }

    /// Why the numbers and intervals are not to be trusted, where that is to be seen of the rows.
    pub fn doubt(&self) -> Option<String> {
        let all = [
            ("κ(Σε)", &self.condition_number),
            ("T", &self.sharpness),
            ("T_min", &self.min_sharpness),
            ("λ_max", &self.lambda_max),
            ("F", &self.fluctuation),
        ];
        self.doubts.words(&all, &self.size())
    }

    /// T where SGD ends on fresh samples as η → 0.
    pub fn end_sharpness(&self) -> f64 {
        let end = self.exact_drift.as_ref();
        end.map_or(self.sharpness.value, |end| end.sharpness)
    }

    /// What differs between [`sharpness`](Self::sharpness) and [`end_sharpness`](Self::end_sharpness), where it does.
    pub fn turned(&self) -> Option<String> {
        let end = self.exact_drift.as_ref()?;
        Some(format!(
            "Noise and signal have different axes, and these numbers are of Theorem 1's minimum, where F is least: SGD on fresh samples ends at T = {}, \
             λ_max = {}, F = {}, where its own drift rests; so do rows that are drawn with replacement. Rows shuffled in each epoch lead to where F is least, if \
             the weights hardly move in an epoch.",
            rounded(end.sharpness),
            rounded(end.lambda_max),
            rounded(end.fluctuation)
        ))
    }

    /// Diagnoses what was gathered.
    ///
    /// # Errors
    /// When there are too few rows, a target never changes, there is no noise, or it was asked to stop.
    pub fn new(gathered: &Gathered, settings: &Settings) -> Result<Self, DiagnoseError> {
        let mut left_out = gathered.left_out.clone();
        let once = vec![1.0; gathered.groups.len()];
        let Used {
            inputs,
            free,
            dependence,
            targets,
            variances,
            means,
        } = used(gathered, &mut left_out)?;
        if let Some(hint) = may_be_classes(gathered, &targets) {
            left_out.push(hint);
        }
        let size = gathered.input_names.len();
        // Of more columns than rows some are functions of the others, whatever they hold.
        let counted = if gathered.rows > size as u64 {
            free.len()
        } else {
            size
        };
        let needed = 2 * (counted + 1).max(targets.len() + 1) + 10;
        if gathered.rows < needed as u64 {
            return Err(DiagnoseError::TooFewRows {
                rows: gathered.rows,
                inputs: counted,
                needed,
            });
        }
        let entries = Entries {
            inputs: &free,
            targets: &targets,
        };
        let name = |at: usize| gathered.target_names[targets[at] - size].clone();
        let mut stream = Stream::new(settings.seed, Purpose::EvaluationOrder);
        let rank = targets.len() - usize::from(gathered.classes);
        let stop = Stop::here();
        let of = |times: &[f64]| {
            let noise = Noise::of(gathered, &entries, times);
            noise.map(|noise| match gathered.classes {
                true => noise.of_classes(),
                false => noise,
            })
        };
        let all_inputs = |noise: Noise| match &dependence {
            Some(dependence) => noise.of_all_inputs(dependence),
            None => noise,
        };
        let noise = of(&once).ok_or(DiagnoseError::NoNoise)?;
        let doubts = Doubts::new(&noise, gathered, free.len());
        let noise = all_inputs(noise);
        let held_out = HeldOut::new(gathered, &entries, &mut stream, &stop)?;
        let held_out = held_out.ok_or(DiagnoseError::NoNoise)?;
        let own = |j: usize| noise.covariance[(j, j)];
        if (0..targets.len()).all(|j| own(j) <= ROUNDING * variances[j]) {
            return Err(DiagnoseError::NoNoise);
        }
        let moving = independent(&noise.covariance);
        if let Some(column) = (0..targets.len()).find(|j| !moving.contains(j))
            && moving.len() < rank
        {
            return Err(DiagnoseError::DependentTargets {
                column: name(column),
            });
        }
        let (found, problem) = numbers(&noise, &noise.covariance, (settings.depth, rank))?;
        let resamples = settings.resamples.unwrap_or_else(|| {
            let affordable = OPERATIONS / (inputs.len() as f64).powi(3);
            RESAMPLES.min((affordable as usize).max(LEAST + 10))
        });
        let rows = uncentred(gathered, &free, &targets);
        let class: Option<Vec<usize>> = match gathered.classes {
            // What a network leaves of classes has no row of one class alone.
            true => gathered
                .sample
                .iter()
                .map(|row| targets.iter().position(|&at| row.entries[at] == 1.0))
                .collect(),
            false => None,
        };
        let again: Vec<Option<Again>> = (0..resamples)
            .into_par_iter()
            .map(|index| {
                stop.asked()?;
                let seed = settings.seed ^ (index as u64 + 1) << 20;
                let mut stream = Stream::new(seed, Purpose::Changes);
                let mut times = vec![0.0; once.len()];
                for group in resampled(once.len(), &mut stream) {
                    times[group] += 1.0;
                }
                let Some(noise) = of(&times) else {
                    return Ok(None);
                };
                let depth = (settings.depth, rank);
                let by_class = class.as_ref().map(|class| {
                    let own = squares(&noise.left_of((&rows.0, &rows.1), &entries));
                    let times = |row: usize| times[gathered.sample[row].group];
                    sums(targets.len(), class, &own, times)
                });
                let noise = all_inputs(noise);
                let found = numbers(&noise, &noise.covariance, depth);
                Ok(found.ok().map(|(numbers, _)| (numbers, by_class)))
            })
            .collect::<Result<_, Stopped>>()?;
        let again = again.into_iter().flatten();
        let (again, by_class): (Vec<Numbers>, Vec<Option<Sums>>) = again.unzip();
        let by_class: Vec<Sums> = by_class.into_iter().flatten().collect();
        let interval = |k: usize| Interval::new(found[k], again.iter().map(|numbers| numbers[k]));
        let tried = (centred(rows.0), centred(rows.1));
        let residuals: Vec<Vec<f64>> = gathered
            .sample
            .iter()
            .map(|row| held_out.residual(row))
            .collect();
        let residuals = Mat::from_fn(residuals.len(), targets.len(), |i, j| residuals[i][j]);
        let mut stream = Stream::new(settings.seed, Purpose::Redraws);
        let in_order = gathered.rows == residuals.nrows() as u64;
        let doubts = match in_order {
            true => doubts.of_neighbours(&residuals),
            false => doubts,
        };
        let trials = Trials::new((&tried.0, &tried.1), &residuals, rank);
        let isotropy = isotropy(&trials, &mut stream)?;
        let heteroscedasticity = heteroscedasticity(&trials, &mut stream)?;
        let condition_number = interval(0).at_least(1.0);
        let class_noise = class.map(|class| of_classes(&residuals, &class, &by_class));
        let outputs = (0..targets.len()).map(|j| {
            stop.asked()?;
            Ok(OutputNoise {
                name: name(j),
                noise_variance: own(j),
                explained: 1.0 - own(j) / variances[j],
                share: gathered.classes.then(|| means[j]),
                own_rows: class_noise.as_ref().and_then(|noise| noise[j].clone()),
                ratio_if_average: (rank == targets.len())
                    .then(|| if_average(&noise, j, settings.depth))
                    .flatten(),
            })
        });
        let exact_drift = end_of_own_drift(&problem)?;
        let end = exact_drift.as_ref();
        let [sharpness, lambda_max] =
            end.map_or([found[1], found[3]], |end| [end.sharpness, end.lambda_max]);
        let nothing = Intervention {
            change: "nothing".to_owned(),
            sharpness: Some(sharpness),
            ratio: Some(sharpness / found[2]),
            lambda_max: Some(lambda_max),
        };
        Ok(Self {
            rows: gathered.rows,
            classes: gathered.classes,
            input_names: inputs
                .iter()
                .map(|&at| gathered.input_names[at].clone())
                .collect(),
            left_out,
            noise_spectrum: spectrum(&noise.covariance, rank),
            // What the test cannot tell from 1 may be 1.
            condition_number: match isotropy.rejects() {
                true => condition_number,
                false => condition_number.down_to(1.0),
            },
            sharpness: interval(1),
            min_sharpness: interval(2),
            lambda_max: interval(3),
            fluctuation: interval(4),
            exact_drift,
            isotropy,
            heteroscedasticity,
            outputs: outputs.collect::<Result<_, Stopped>>()?,
            interventions: interventions(&problem, gathered.classes, settings.step, nothing)?,
            sample: {
                let rows = uncentred(gathered, &inputs, &targets);
                (centred(rows.0), centred(rows.1))
            },
            noise,
            problem,
            doubts,
        })
    }
}

/// T/T_min if the noise of output `j` were as loud as the mean of the others and uncorrelated with it.
fn if_average(noise: &Noise, j: usize, depth: usize) -> Option<f64> {
    let count = noise.covariance.nrows();
    if count == 1 {
        return None;
    }
    let mut changed = noise.covariance.clone();
    let others = (0..count).filter(|&k| k != j);
    let level = others.map(|k| changed[(k, k)]).sum::<f64>() / (count - 1) as f64;
    for k in 0..count {
        changed[(j, k)] = 0.0;
        changed[(k, j)] = 0.0;
    }
    changed[(j, j)] = level;
    let found = numbers(noise, &changed, (depth, count)).ok()?.0;
    Some(found[1] / found[2])
}

/// x and y of the sampled rows, counted from the first row of all.
fn uncentred(gathered: &Gathered, inputs: &[usize], targets: &[usize]) -> (Mat<f64>, Mat<f64>) {
    let part = |columns: &[usize]| {
        Mat::from_fn(gathered.sample.len(), columns.len(), |i, j| {
            gathered.sample[i].entries[columns[j]]
        })
    };
    (part(inputs), part(targets))
}

/// Less its mean, column by column.
fn centred(mut rows: Mat<f64>) -> Mat<f64> {
    let count = rows.nrows() as f64;
    for j in 0..rows.ncols() {
        let column = rows.col_as_slice_mut(j);
        let mean = column.iter().sum::<f64>() / count;
        column.iter_mut().for_each(|x| *x -= mean);
    }
    rows
}
