//! Reads a learning problem, with the start and the budget that may stand beside it.

use faer::Mat;
use thalweg::problem::{Problem, Weights};
use thalweg::recipe::Recipe;
use thalweg::theory;

use super::error::Fault;
use super::experiment::{Data, data, switch};
use super::field::Field;
use super::matrix::{covariance, dimension, from_deviations, matrix, size};
use super::recipe::recipe;
use crate::memory::{self, TooLittle};
use crate::provenance::mended;

/// The fields that make a problem; they stand at the top of a file or in its table `problem`.
pub(crate) const PROBLEM_FIELDS: &[&str] = &[
    "depth",
    "input_covariance",
    "teacher",
    "noise_covariance",
    "noise_standard_deviations",
    "hidden_widths",
];

/// A learning problem and what a file may say beside it; see [`super::read_problem`].
#[derive(Clone, Debug)]
pub struct ProblemFile {
    /// What the file calls it.
    pub name: Option<String>,
    /// (Σx, V, Σε, D, widths).
    pub problem: Problem,
    /// Where a flow or a run begins.
    pub start_weights: Option<Weights>,
    /// Slow times u = η² t / B at which answers are wanted, ascending, ≥ 0.
    pub slow_time: Option<Vec<f64>>,
    /// The step size η > 0, where it is given.
    pub learning_rate: Option<f64>,
    /// Samples in a minibatch, B ≥ 1, where it is given.
    pub batch: Option<usize>,
    /// t, in steps.
    pub steps: Option<u64>,
    /// What is added to plain SGD.
    pub recipe: Recipe,
    /// The law of the samples, for a run of SGD.
    pub data: Data,
    /// The step at which a run of SGD switches to gradient descent, where it does.
    pub switch_step: Option<u64>,
}

impl ProblemFile {
    /// Whether a run of so many `steps`, without end where that is not known, switches to gradient descent before its last one.
    pub fn switches(&self, steps: Option<u64>) -> bool {
        let within = |at: u64| steps.is_none_or(|steps| at < steps);
        self.switch_step.is_some_and(within)
    }
}

/// What the whole file `root` says of a problem.
pub(crate) fn problem_file(root: &Field<'_>) -> Result<ProblemFile, Fault> {
    let (problem, start_weights) = problem_and_start(root)?;
    let switch = root.optional("switch").map(|f| switch(&f)).transpose()?;
    Ok(ProblemFile {
        name: name(root)?,
        problem,
        start_weights,
        slow_time: slow_time(root)?,
        learning_rate: learning_rate(root)?,
        batch: batch(root)?,
        steps: root.optional("steps").map(|f| f.count()).transpose()?,
        recipe: recipe(root)?,
        data: data(root)?,
        switch_step: switch.map(|switch| switch.at_step),
    })
}

/// The problem, and the weights to start from where the file gives them.
///
/// Hidden widths that are not given are those of the start, or else max(d_x, d_y).
pub(crate) fn problem_and_start(root: &Field<'_>) -> Result<(Problem, Option<Weights>), Fault> {
    let inner = root.optional("problem");
    if let Some(inner) = &inner {
        inner.only(PROBLEM_FIELDS)?;
        if let Some(field) = PROBLEM_FIELDS.iter().find_map(|key| root.optional(key)) {
            return Err(Fault::Conflict {
                first: field.path().to_owned(),
                second: "problem".to_owned(),
            });
        }
    }
    let table = inner.as_ref().unwrap_or(root);
    let start = start(root)?;
    let problem = problem(table, start.as_deref())?.recalling(mended(root)?);
    let start = start
        .map(|layers| Weights::new(&problem, layers))
        .transpose()?;
    Ok((problem, start))
}

fn problem(table: &Field<'_>, start: Option<&[Mat<f64>]>) -> Result<Problem, Fault> {
    let depth = table.required("depth", "the number of layers D")?.size()?;
    fits(table)?;
    let input = covariance(&table.required("input_covariance", "Σx, d_x × d_x,")?)?;
    let teacher = matrix(&table.required("teacher", "V, d_y × d_x,")?)?;
    let noise = noise(table)?;
    let widths = match (table.optional("hidden_widths"), start) {
        (Some(field), _) => {
            let widths = field.list("a list of the D − 1 hidden widths")?;
            Some(
                widths
                    .iter()
                    .map(dimension)
                    .collect::<Result<Vec<_>, _>>()?,
            )
        }
        (None, Some(layers)) if layers.len() == depth => {
            Some(layers.iter().rev().skip(1).rev().map(Mat::nrows).collect())
        }
        (None, _) => None,
    };
    Ok(match widths {
        Some(widths) => Problem::with_hidden_widths(input, teacher, noise, depth, &widths)?,
        None => Problem::new(input, teacher, noise, depth)?,
    })
}

/// Refuses matrices that there is no memory for, before any is made.
fn fits(table: &Field<'_>) -> Result<(), TooLittle> {
    let size_of = |key| table.optional(key).and_then(|field| size(&field));
    let (outputs, inputs) = size_of("teacher").unwrap_or((0, 0));
    let side = |key, least: usize| size_of(key).map_or(least, |(rows, _)| rows.max(least));
    let inputs = side("input_covariance", inputs);
    let outputs = side("noise_covariance", outputs);
    memory::fits(
        theory::memory(inputs, outputs),
        memory::multiplying(inputs.max(outputs)),
        "a smaller dimension needs less",
    )
}

fn noise(table: &Field<'_>) -> Result<Mat<f64>, Fault> {
    let needed = "Σε, d_y × d_y, (or `noise_standard_deviations`)";
    match noise_covariance(table)? {
        Some(covariance) => Ok(covariance),
        None => covariance(&table.required("noise_covariance", needed)?),
    }
}

/// Σε, given as such or by standard deviations, if at all.
pub(crate) fn noise_covariance(table: &Field<'_>) -> Result<Option<Mat<f64>>, Fault> {
    let given = table.optional("noise_covariance");
    match (given, table.optional("noise_standard_deviations")) {
        (None, None) => Ok(None),
        (Some(given), None) => covariance(&given).map(Some),
        (None, Some(deviations)) => from_deviations(&deviations).map(Some),
        (Some(given), Some(deviations)) => Err(Fault::Conflict {
            first: given.path().to_owned(),
            second: deviations.path().to_owned(),
        }),
    }
}

/// W_1 … W_D, if given.
fn start(root: &Field<'_>) -> Result<Option<Vec<Mat<f64>>>, Fault> {
    let Some(field) = root.optional("start_weights") else {
        return Ok(None);
    };
    let layers = field.list("a list of matrices, W_1 first,")?;
    layers
        .iter()
        .map(matrix)
        .collect::<Result<_, _>>()
        .map(Some)
}

/// u = η² t/B, ascending, if given in `slow_time` of `root`.
///
/// # Errors
/// When it is no list of numbers, or one is below that before it.
pub fn slow_time(root: &Field<'_>) -> Result<Option<Vec<f64>>, Fault> {
    root.optional("slow_time")
        .map(|field| times(&field))
        .transpose()
}

fn times(field: &Field<'_>) -> Result<Vec<f64>, Fault> {
    let items = field.list("a list of slow times")?;
    let mut last = 0.0;
    let mut times = Vec::with_capacity(items.len());
    for item in &items {
        let time = item.number()?;
        if time < last {
            return Err(item.not(format!(
                "a slow time of at least {last}, in ascending order,"
            )));
        }
        last = time;
        times.push(time);
    }
    Ok(times)
}

/// η, if given in `learning_rate` of `root`.
///
/// # Errors
/// When it is no number above 0, or none that has a square.
pub fn learning_rate(root: &Field<'_>) -> Result<Option<f64>, Fault> {
    root.optional("learning_rate")
        .map(|field| match field.number()? {
            // Slow times are made of its square.
            rate if (1e-150..=1e150).contains(&rate) => Ok(rate),
            rate if rate > 0.0 => Err(field.not("a learning rate from 1e-150 to 1e150")),
            _ => Err(field.not("a learning rate above 0")),
        })
        .transpose()
}

/// B, if given in `batch` of `root`.
///
/// # Errors
/// When it is no whole number above 0.
pub fn batch(root: &Field<'_>) -> Result<Option<usize>, Fault> {
    root.optional("batch")
        .map(|field| match field.size()? {
            0 => Err(field.not("a batch of at least 1 sample")),
            batch => Ok(batch),
        })
        .transpose()
}

/// The file's own name for itself, if any.
pub(crate) fn name(root: &Field<'_>) -> Result<Option<String>, Fault> {
    let name = root
        .optional("name")
        .map(|field| field.text())
        .transpose()?;
    Ok(name.map(str::to_owned))
}
