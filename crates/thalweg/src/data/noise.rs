//! Label noise: its law, its covariance, and where it is added.

use faer::Mat;

use super::DataError;
use super::mixing::Mixing;
use crate::lanes::vectorise;
use crate::problem::{ProblemField, covariance, factored};
use crate::random::{Bulk, NoiseLaw};
use crate::tensor::{Group, LinesMut, Real, softmax};

/// Label noise ε, independent from sample to sample, from position to position and of the inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelNoise {
    /// Σε = E εεᵀ over the rows of the output (the classes), at each position.
    pub covariance: Mat<f64>,
    /// The law of the coordinates z of ε = L z, L the lower Cholesky factor of Σε.
    pub law: NoiseLaw,
    /// Where ε is added.
    pub place: Place,
}

/// What label noise is added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The targets: y = f* + ε.
    Targets,
    /// What a softmax over the rows makes targets of, at each position: y = softmax(f* + ε).
    Logits,
}

impl LabelNoise {
    /// Gaussian noise on targets, from the diagonal of √Σε.
    pub fn gaussian(deviations: &[f64]) -> Self {
        Self {
            covariance: covariance::from_deviations(deviations),
            law: NoiseLaw::Gaussian,
            place: Place::Targets,
        }
    }

    /// No noise on `outputs` rows.
    pub fn none(outputs: usize) -> Self {
        Self::gaussian(&vec![0.0; outputs])
    }
}

/// Label noise that has been checked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Noise {
    mixing: Mixing,
    law: NoiseLaw,
    place: Place,
}

impl Noise {
    /// `noise` on `size` rows, which are called `of`.
    pub fn new(noise: LabelNoise, size: usize, of: &'static str) -> Result<Self, DataError> {
        if let NoiseLaw::StudentT { degrees } = noise.law
            && !(degrees.is_finite() && degrees > 2.0)
        {
            return Err(DataError::Degrees { found: degrees });
        }
        Ok(Self {
            mixing: mixing(ProblemField::NoiseCovariance, noise.covariance, size, of)?,
            law: noise.law,
            place: noise.place,
        })
    }

    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.mixing.is_zero()
    }

    /// Makes targets of what is without noise; `noisy` says whether with noise. Keeps what it needs in
    /// between in `scratch`.
    pub fn apply<T: Real>(
        &self,
        noisy: bool,
        bulk: &mut Bulk,
        scratch: &mut Scratch<T>,
        targets: &mut LinesMut<'_, T>,
    ) {
        if noisy && !self.is_none() {
            let white = scratch.white(bulk, self.law, targets.count() * targets.batch());
            self.mixing.add(white, targets);
        }
        if self.place == Place::Logits {
            let positions = targets.count() / self.mixing.rows();
            scratch.softmax(self.mixing.rows(), positions, targets);
        }
    }
}

/// The checked factor of a covariance.
pub(super) fn mixing(
    field: ProblemField,
    covariance: Mat<f64>,
    size: usize,
    of: &'static str,
) -> Result<Mixing, DataError> {
    if (covariance.nrows(), covariance.ncols()) != (size, size) {
        return Err(DataError::CovarianceShape {
            field,
            found_rows: covariance.nrows(),
            found_columns: covariance.ncols(),
            size,
            of,
        });
    }
    Ok(Mixing::new(&factored(field, covariance, size)?.0))
}

/// Room for what is needed in between, kept from batch to batch.
#[derive(Clone, Debug, Default)]
pub(super) struct Scratch<T> {
    white: Vec<f64>,
    logits: Vec<T>,
}

impl<T: Real> Scratch<T> {
    /// `count` variates, and perhaps more.
    pub fn white(&mut self, bulk: &mut Bulk, law: NoiseLaw, count: usize) -> &[f64] {
        self.white.resize(Bulk::room(count), 0.0);
        bulk.variates(law, &mut self.white);
        &self.white
    }

    /// softmax over the rows at each position.
    fn softmax(&mut self, rows: usize, positions: usize, targets: &mut LinesMut<'_, T>) {
        self.logits.clear();
        self.logits.extend_from_slice(targets.data);
        let (logits, stride) = (&self.logits, targets.columns.stride);
        for position in 0..positions {
            let classes = Group {
                first: position,
                step: positions,
                count: rows,
            };
            vectorise(
                #[inline(always)]
                || softmax(&[classes], stride, logits, targets.data),
            );
        }
    }
}
