//! Labels that are mistaken for others, by class.

use faer::Mat;
use thalweg::data::{DataError, symmetric_flips};

use crate::spec::{Fault, Field, Node, matrix, matrix_to_node};

/// With which chances labels are replaced.
#[derive(Clone, Debug, PartialEq)]
pub enum LabelFlips {
    /// By a random other one with this chance, whatever the class; 0 for none.
    Chance(f64),
    /// By the label of column j with the chance in row i, for a sample of class i: a confusion matrix, whose rows sum to 1.
    Confusion(Mat<f64>),
}

impl LabelFlips {
    /// A chance, or a matrix for `classes` classes.
    pub(super) fn read(field: &Field<'_>, classes: usize) -> Result<Self, Fault> {
        if let Ok(chance) = field.number() {
            return match (0.0..=1.0).contains(&chance) {
                true => Ok(Self::Chance(chance)),
                false => Err(field.not("a probability from 0 to 1, or a confusion matrix")),
            };
        }
        let found = matrix(field)?;
        if (found.nrows(), found.ncols()) != (classes, classes) {
            return Err(field.not(format!(
                "a probability, or a {classes} × {classes} matrix, a row of probabilities for each class,"
            )));
        }
        Ok(Self::Confusion(found))
    }

    pub(super) fn to_node(&self) -> Node {
        match self {
            Self::Chance(chance) => (*chance).into(),
            Self::Confusion(confusion) => matrix_to_node(confusion.as_ref()),
        }
    }

    /// In words, to be added to those of the data.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Chance(0.0) => String::new(),
            Self::Chance(chance) => {
                format!(", labels replaced by another with a chance of {chance}")
            }
            Self::Confusion(_) => {
                ", labels replaced by the chances of a confusion matrix".to_owned()
            }
        }
    }

    /// P(label j | class i) in row i; nothing where labels stay.
    pub(super) fn confusion(&self, classes: usize) -> Result<Option<Mat<f64>>, DataError> {
        match self {
            Self::Chance(0.0) => Ok(None),
            Self::Chance(chance) => symmetric_flips(classes, *chance).map(Some),
            Self::Confusion(confusion) => Ok(Some(confusion.clone())),
        }
    }
}
