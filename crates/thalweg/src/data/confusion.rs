//! Labels that are mistaken for others.

use faer::Mat;

use super::DataError;

/// How far from 1 a row of probabilities may sum.
const SUM_TOLERANCE: f64 = 1e-9;

/// The confusion matrix of flips that know no preference: a label stays with probability 1 − p, and is
/// each of the other classes with probability p/(C − 1).
///
/// # Errors
/// When p is no probability or there are fewer than two classes.
pub fn symmetric_flips(classes: usize, probability: f64) -> Result<Mat<f64>, DataError> {
    if classes < 2 {
        return Err(DataError::Classes {
            found: classes,
            expected: "at least two, so that a label can be flipped",
        });
    }
    if !(0.0..=1.0).contains(&probability) {
        return Err(DataError::Probability {
            field: "the probability of a flip",
            found: probability,
        });
    }
    let other = probability / (classes - 1) as f64;
    Ok(Mat::from_fn(classes, classes, |i, j| {
        if i == j { 1.0 - probability } else { other }
    }))
}

/// A confusion matrix that has been checked: cumulative probabilities, row after row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Confusion {
    classes: usize,
    cumulative: Vec<f64>,
}

impl Confusion {
    /// From P(label j | true class i) in row i.
    pub fn new(matrix: &Mat<f64>, classes: usize) -> Result<Self, DataError> {
        if (matrix.nrows(), matrix.ncols()) != (classes, classes) {
            return Err(DataError::ConfusionShape {
                found_rows: matrix.nrows(),
                found_columns: matrix.ncols(),
                classes,
            });
        }
        let mut all = Vec::with_capacity(classes * classes);
        for i in 0..classes {
            let row: Vec<f64> = (0..classes).map(|j| matrix[(i, j)]).collect();
            let wrong = |(smallest, sum)| DataError::ConfusionRow {
                row: i + 1,
                smallest,
                sum,
            };
            all.extend(distribution(&row).map_err(wrong)?);
        }
        Ok(Self {
            classes,
            cumulative: all,
        })
    }

    /// The label given to `class`, from a random word.
    pub fn label(&self, class: usize, word: u32) -> usize {
        choose(
            &self.cumulative[class * self.classes..][..self.classes],
            word,
        )
    }
}

/// Cumulative probabilities of each of `samples` distributions, columns of `matrix`, one after another.
pub(super) fn columns(
    matrix: &Mat<f64>,
    classes: usize,
    samples: usize,
) -> Result<Vec<f64>, DataError> {
    if (matrix.nrows(), matrix.ncols()) != (classes, samples) {
        return Err(DataError::DistributionsShape {
            found_rows: matrix.nrows(),
            found_columns: matrix.ncols(),
            classes,
            samples,
        });
    }
    let mut all = Vec::with_capacity(classes * samples);
    for sample in 0..samples {
        let wrong = |(smallest, sum)| DataError::Distribution {
            sample: sample + 1,
            smallest,
            sum,
        };
        all.extend(distribution(matrix.col_as_slice(sample)).map_err(wrong)?);
    }
    Ok(all)
}

/// The cumulative probabilities of a distribution; the smallest of them and their sum where it is none.
fn distribution(probabilities: &[f64]) -> Result<Vec<f64>, (f64, f64)> {
    let sum: f64 = probabilities.iter().sum();
    let least = probabilities.iter().copied().fold(f64::INFINITY, f64::min);
    // Also where one is NaN.
    if !(least >= 0.0 && (sum - 1.0).abs() <= SUM_TOLERANCE) {
        return Err((least, sum));
    }
    Ok(cumulative(probabilities))
}

/// The sums of the first numbers of `weights`, over the sum of all.
pub(super) fn cumulative(weights: &[f64]) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    let mut sum = 0.0;
    let add = |weight: &f64| {
        sum += weight;
        sum / total
    };
    weights.iter().map(add).collect()
}

/// The first entry of `cumulative` above a uniform number, or the last that has a probability of its own.
pub(super) fn choose(cumulative: &[f64], word: u32) -> usize {
    // Below the last entry, which rounding may have left below 1.
    let last = cumulative.last().copied().unwrap_or(1.0);
    let uniform = last * (f64::from(word) + 0.5) / 4_294_967_296.0;
    cumulative.partition_point(|&sum| sum <= uniform)
}
