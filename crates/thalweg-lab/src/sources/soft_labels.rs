//! Distributions over classes in place of labels: how many people called an image what, say.

use std::path::PathBuf;

use faer::Mat;

use crate::diagnose::numbers;
use crate::network::NetworkError;
use crate::spec::{Fault, Field, Node, Word};

/// A distribution over the classes for each image that is trained on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoftLabels {
    /// A table: a row for each image, in their order, and a column for each class, of probabilities or of counts.
    pub path: PathBuf,
    /// Whether a label is drawn from the distribution at each visit, or the distribution is the target.
    pub drawn: bool,
}

/// How distributions are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SoftUse {
    /// As the target.
    Target,
    /// As the law of a label that is drawn at each visit.
    Drawn,
}

impl SoftLabels {
    /// Those in the field `soft_labels` of `data`.
    pub(super) fn read(data: &Field<'_>) -> Result<Option<Self>, Fault> {
        let Some(field) = data.optional("soft_labels") else {
            return Ok(None);
        };
        field.only(&["path", "use"])?;
        let path = field.required("path", "the table with a row for each image")?;
        let how = field.required("use", "\"drawn\" or \"target\"")?;
        Ok(Some(Self {
            path: path.text()?.into(),
            drawn: SoftUse::read(&how)? == SoftUse::Drawn,
        }))
    }

    pub(super) fn to_node(&self) -> Node {
        let how = match self.drawn {
            true => SoftUse::Drawn,
            false => SoftUse::Target,
        };
        let path = self.path.to_string_lossy().as_ref().into();
        [("path", path), ("use", how.word().into())].into()
    }

    /// For a reader.
    pub(super) fn words(&self) -> String {
        let how = match self.drawn {
            true => "labels drawn from the distributions",
            false => "the distributions",
        };
        format!("{how} in {} as targets", self.path.display())
    }

    /// What the file holds.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, NetworkError> {
        std::fs::read(&self.path).map_err(|error| NetworkError::table(&self.path, error.into()))
    }

    /// The distributions of a file that holds `bytes`, classes × images: each row of the table over its sum.
    pub(super) fn table(&self, bytes: &[u8]) -> Result<Mat<f64>, NetworkError> {
        let rows = numbers(bytes).map_err(|error| NetworkError::table(&self.path, error))?;
        let sums: Vec<f64> = (0..rows.nrows()).map(|i| rows.row(i).sum()).collect();
        let usable = |sum: &f64| *sum > 0.0 && sum.is_finite();
        if let Some(row) = sums.iter().position(|sum| !usable(sum)) {
            return Err(NetworkError::Distribution {
                path: self.path.clone(),
                row: row + 1,
                sum: sums[row],
            });
        }
        Ok(Mat::from_fn(rows.ncols(), rows.nrows(), |class, image| {
            rows[(image, class)] / sums[image]
        }))
    }
}
