//! What can be wrong with data, said so that a person can mend it.

use crate::problem::{ProblemError, ProblemField};
use crate::words::shown;

/// Data that cannot be learnt from: the field, what was found, and what would be right.
///
/// Samples and rows count from 1, classes from 0.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DataError {
    /// A covariance does not fit its network or its classes.
    #[error(
        "{field} is {found_rows} × {found_columns} where there are {size} {of}: give one row and one column for each"
    )]
    CovarianceShape {
        /// The covariance.
        field: ProblemField,
        /// Rows given.
        found_rows: usize,
        /// Columns given.
        found_columns: usize,
        /// Rows and columns it must have.
        size: usize,
        /// What has a row each.
        of: &'static str,
    },
    /// A covariance is none.
    #[error(transparent)]
    Covariance(#[from] ProblemError),
    /// Student's t without a variance.
    #[error(
        "the noise has {} degrees of freedom: give a finite number above 2, below which Student's t has no variance; for the limit of many use a Gaussian",
        shown(*found)
    )]
    Degrees {
        /// ν as given.
        found: f64,
    },
    /// The teacher's parameters do not fit its network.
    #[error("the teacher has {found} parameters given and its network takes {expected}")]
    TeacherWeights {
        /// How many are given.
        found: usize,
        /// How many the network has.
        expected: usize,
    },
    /// A number is NaN or infinite.
    #[error("{field} has {found} as number {index}: every number must be finite")]
    NotFinite {
        /// What holds it.
        field: &'static str,
        /// Its place, from 1.
        index: usize,
        /// What was found.
        found: f64,
    },
    /// A data set holds nothing.
    #[error("the data set is {features} × {samples}: it needs at least one feature and one sample")]
    Empty {
        /// Features of each sample.
        features: usize,
        /// Samples.
        samples: usize,
    },
    /// A data set has more samples than can be counted in 32 bits.
    #[error("the data set has {found} samples: at most {limit} can be drawn from")]
    TooMany {
        /// Samples given.
        found: usize,
        /// The most there may be.
        limit: usize,
    },
    /// A text is too short, or a window has no place.
    #[error(
        "a window has {positions} positions and the text {tokens} tokens: give at least 1 position, and more tokens than positions"
    )]
    Window {
        /// Tokens given.
        tokens: usize,
        /// Positions of a window.
        positions: usize,
    },
    /// Samples and labels are not as many.
    #[error("there are {labels} labels for {samples} samples: give one for each")]
    LabelCount {
        /// Labels given.
        labels: usize,
        /// Samples given.
        samples: usize,
    },
    /// A label is not that of a class.
    #[error("the label of sample {sample} is {found}: the classes are 0 … {}", classes - 1)]
    Label {
        /// Which sample.
        sample: usize,
        /// Its label.
        found: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// Too few classes.
    #[error("there are {found} classes: give {expected}")]
    Classes {
        /// Classes given.
        found: usize,
        /// What would be right.
        expected: &'static str,
    },
    /// Class weights are not as many as classes.
    #[error("there are {found} class weights for {classes} classes: give one for each")]
    ClassWeightCount {
        /// Weights given.
        found: usize,
        /// Classes.
        classes: usize,
    },
    /// A class weight is no weight.
    #[error("the weight of class {class} is {found}: give a finite number, 0 or above")]
    ClassWeight {
        /// Which class.
        class: usize,
        /// Its weight.
        found: f64,
    },
    /// Class weights cannot be made probabilities.
    #[error("the class weights sum to {total}: give finite ones, not all 0")]
    ClassWeightSum {
        /// Their sum.
        total: f64,
    },
    /// A class is to be drawn and has no samples.
    #[error("class {class} has weight {weight} but no sample: give it weight 0")]
    ClassWithoutSamples {
        /// Which class.
        class: usize,
        /// Its weight.
        weight: f64,
    },
    /// A confusion matrix has the wrong shape.
    #[error(
        "the confusion matrix is {found_rows} × {found_columns} for {classes} classes: give a row for each true class and a column for each label"
    )]
    ConfusionShape {
        /// Rows given.
        found_rows: usize,
        /// Columns given.
        found_columns: usize,
        /// Classes.
        classes: usize,
    },
    /// A row of a confusion matrix is no distribution.
    #[error(
        "row {row} of the confusion matrix has the smallest entry {smallest} and the sum {sum}: give probabilities, which sum to 1"
    )]
    ConfusionRow {
        /// Which row, from 1.
        row: usize,
        /// Its smallest entry.
        smallest: f64,
        /// Its sum.
        sum: f64,
    },
    /// Samples' distributions over classes are not as many as samples, or not over the classes.
    #[error(
        "the distributions are {found_rows} × {found_columns} for {classes} classes and {samples} samples: one distribution for each sample is needed, with a probability for each class"
    )]
    DistributionsShape {
        /// Rows given.
        found_rows: usize,
        /// Columns given.
        found_columns: usize,
        /// Classes.
        classes: usize,
        /// Samples.
        samples: usize,
    },
    /// A sample's distribution over classes is none.
    #[error(
        "the distribution of sample {sample} has the smallest entry {smallest} and the sum {sum}: give probabilities, which sum to 1"
    )]
    Distribution {
        /// Which sample, from 1.
        sample: usize,
        /// Its smallest entry.
        smallest: f64,
        /// Its sum.
        sum: f64,
    },
    /// Class weights where targets are numbers.
    #[error("the targets are numbers: there are no classes to be drawn by weights")]
    NoClasses,
    /// A probability is none.
    #[error("{field} is {}: give a probability, from 0 to 1", shown(*found))]
    Probability {
        /// What should be one.
        field: &'static str,
        /// What was found.
        found: f64,
    },
    /// The data do not have the shape of a network's inputs or outputs.
    #[error(
        "the data have {what} of {found_rows} rows at {found_positions} positions, the network of {rows} rows at {positions}"
    )]
    Network {
        /// Inputs or outputs.
        what: &'static str,
        /// Rows of the data.
        found_rows: usize,
        /// Positions of the data.
        found_positions: usize,
        /// Rows of the network.
        rows: usize,
        /// Positions of the network.
        positions: usize,
    },
}
