//! The whole answer for some rows: their noise, where SGD would go, and what would change that.

use std::collections::BTreeSet;

use faer::{Mat, Side};
use rayon::prelude::*;
use serde::Serialize;
use thalweg::problem::Problem;
use thalweg::random::{Purpose, Stream};
use thalweg::theory;
use thalweg::words::counted;
use thalweg::{Stop, Stopped};

use super::classes::{ClassNoise, Sums, of_classes, squares, sums};
use super::draw::resampled;
use super::gathered::Gathered;
use super::interval::{Interval, LEAST};
use super::interventions::{Intervention, interventions};
use super::noise::{Entries, HeldOut, independent};
use super::trials::{Trial, Trials, heteroscedasticity, isotropy};
use super::{DiagnoseError, Noise};
use crate::answer::AnswerError;

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

    /// Why the intervals are not to be trusted, where that is to be seen of them.
    pub fn doubt(&self) -> Option<String> {
        let all = [
            ("κ(Σε)", &self.condition_number),
            ("T", &self.sharpness),
            ("T_min", &self.min_sharpness),
            ("λ_max", &self.lambda_max),
            ("F", &self.fluctuation),
        ];
        let shifted = all.iter().filter(|(_, number)| number.is_shifted());
        let symbols: Vec<&str> = shifted.map(|(symbol, _)| *symbol).collect();
        (!symbols.is_empty()).then(|| {
            format!(
                "Resampled rows shift {} by more than they scatter: {} are too few for these intervals, which are not to be trusted. More rows or fewer inputs would help.",
                symbols.join(", "),
                self.size()
            )
        })
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
            inputs.len()
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
            inputs: &inputs,
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
        let noise = of(&once).ok_or(DiagnoseError::NoNoise)?;
        let held_out = HeldOut::new(gathered, &entries, &mut stream, &stop)?;
        let held_out = held_out.ok_or(DiagnoseError::NoNoise)?;
        let own = |j: usize| noise.covariance[(j, j)];
        if (0..targets.len()).all(|j| own(j) <= ROUNDING * variances[j]) {
            return Err(DiagnoseError::NoNoise);
        }
        let free = independent(&noise.covariance);
        if let Some(column) = (0..targets.len()).find(|j| !free.contains(j))
            && free.len() < rank
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
        let rows = uncentred(gathered, &entries);
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
                let found = numbers(&noise, &noise.covariance, depth);
                Ok(found.ok().map(|(numbers, _)| (numbers, by_class)))
            })
            .collect::<Result<_, Stopped>>()?;
        let again = again.into_iter().flatten();
        let (again, by_class): (Vec<Numbers>, Vec<Option<Sums>>) = again.unzip();
        let by_class: Vec<Sums> = by_class.into_iter().flatten().collect();
        let interval = |k: usize| Interval::new(found[k], again.iter().map(|numbers| numbers[k]));
        let sample = (centred(rows.0), centred(rows.1));
        let residuals: Vec<Vec<f64>> = gathered
            .sample
            .iter()
            .map(|row| held_out.residual(row))
            .collect();
        let residuals = Mat::from_fn(residuals.len(), targets.len(), |i, j| residuals[i][j]);
        let mut stream = Stream::new(settings.seed, Purpose::Redraws);
        let trials = Trials::new((&sample.0, &sample.1), &residuals, rank);
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
        Ok(Self {
            rows: gathered.rows,
            classes: gathered.classes,
            input_names: inputs
                .iter()
                .map(|&at| gathered.input_names[at].clone())
                .collect(),
            left_out,
            noise_spectrum: spectrum(&noise.covariance, rank),
            condition_number: interval(0).at_least(1.0),
            sharpness: interval(1),
            min_sharpness: interval(2),
            lambda_max: interval(3),
            fluctuation: interval(4),
            isotropy: isotropy(&trials, &mut stream)?,
            heteroscedasticity: heteroscedasticity(&trials, &mut stream)?,
            outputs: outputs.collect::<Result<_, Stopped>>()?,
            interventions: interventions(&problem, settings.step)?,
            noise,
            problem,
            sample,
        })
    }
}

/// Entries of x and of y that are used, and the variance of each target.
struct Used {
    inputs: Vec<usize>,
    targets: Vec<usize>,
    variances: Vec<f64>,
    /// Of each target, from the first row's: of classes the part of the rows that are of it.
    means: Vec<f64>,
}

/// Which entries are used: constants and functions of other columns are left out.
fn used(gathered: &Gathered, left_out: &mut Vec<String>) -> Result<Used, DiagnoseError> {
    let total = gathered.total();
    let (names, size) = (&gathered.input_names, gathered.input_names.len());
    if total.rows() < 2.0 {
        return Err(DiagnoseError::TooFewRows {
            rows: gathered.rows,
            inputs: size,
            needed: 2 * (size + 1) + 10,
        });
    }
    let mean: Vec<f64> = (0..total.entries()).map(|i| total.mean(i)).collect();
    let share = faer::Scale(1.0 / total.rows());
    let all: Vec<usize> = (0..size).collect();
    let covariance = share * total.about(&all, &all, &mean);
    if let Some(at) = (0..size).find(|&i| !covariance[(i, i)].is_finite()) {
        return Err(DiagnoseError::TooLarge {
            column: names[at].clone(),
        });
    }
    let inputs = independent(&covariance);
    let (mut constant, mut dependent) = (Vec::new(), Vec::new());
    for at in all.iter().filter(|at| !inputs.contains(at)) {
        if covariance[(*at, *at)] <= 0.0 {
            constant.push(names[*at].as_str());
        } else {
            dependent.push(names[*at].as_str());
        }
    }
    let listed = |names: &[&str]| {
        let first: Vec<String> = names
            .iter()
            .take(5)
            .map(|name| format!("`{name}`"))
            .collect();
        let more = match names.len() {
            0..=5 => String::new(),
            many => format!(" and {} more", many - 5),
        };
        format!("{}{more}", first.join(", "))
    };
    if !constant.is_empty() {
        left_out.push(format!(
            "Inputs that have the same value in every row were left out: {}.",
            listed(&constant)
        ));
    }
    if !dependent.is_empty() {
        left_out.push(format!(
            "Inputs that are linear functions of those before them were left out: {}.",
            listed(&dependent)
        ));
    }
    if inputs.is_empty() {
        return Err(DiagnoseError::NoInputs);
    }
    let (mut targets, mut variances) = (Vec::new(), Vec::new());
    for (at, name) in gathered.target_names.iter().enumerate() {
        let entry = [size + at];
        let variance = (share * total.about(&entry, &entry, &mean))[(0, 0)];
        if !variance.is_finite() {
            return Err(DiagnoseError::TooLarge {
                column: name.clone(),
            });
        }
        if variance <= 0.0 {
            if gathered.classes {
                left_out.push(format!("No row is of the class `{name}`."));
                continue;
            }
            return Err(DiagnoseError::Constant {
                column: name.clone(),
            });
        }
        targets.push(entry[0]);
        variances.push(variance);
    }
    Ok(Used {
        means: targets.iter().map(|&entry| mean[entry]).collect(),
        inputs,
        targets,
        variances,
    })
}

/// The most different whole numbers that look like the numbers of classes.
const FEW: usize = 20;

/// What to know where a single target may hold the numbers of classes: few whole numbers, each of them often.
fn may_be_classes(gathered: &Gathered, targets: &[usize]) -> Option<String> {
    let &[target] = targets else {
        return None;
    };
    // They are counted from the first row's.
    let values = gathered.sample.iter().map(|row| row.entries[target]);
    let values: Vec<f64> = values.collect();
    let whole: BTreeSet<i64> = values.iter().map(|value| *value as i64).collect();
    let is_few = (3..=FEW).contains(&whole.len()) && 10 * whole.len() <= values.len();
    let are_whole = values.iter().all(|value| value.fract() == 0.0);
    (!gathered.classes && is_few && are_whole).then(|| {
        format!(
            "`{}` has {} different whole numbers, and is taken for a quantity: if they are the numbers of classes, which have no order, say so (--classes), and another \
             answer follows.",
            gathered.target_names[target - gathered.input_names.len()],
            whole.len()
        )
    })
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
fn uncentred(gathered: &Gathered, entries: &Entries<'_>) -> (Mat<f64>, Mat<f64>) {
    let part = |columns: &[usize]| {
        Mat::from_fn(gathered.sample.len(), columns.len(), |i, j| {
            gathered.sample[i].entries[columns[j]]
        })
    };
    (part(entries.inputs), part(entries.targets))
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
