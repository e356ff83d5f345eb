//! Everything that is measured of one network, as it is written and read.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};
use thalweg::estimate::{Estimate, Status, Uncertainty};
use thalweg::fluctuation::{self, SampleMean};

use super::landscape::LandscapeRecord;
use super::tokens_record::TokensRecord;
use crate::store::{
    Lock, StoreError, create_folder, files_with, json, read_sealed, subfolder, write_whole,
};

/// The folder of measurements in a directory.
const FOLDER: &str = "measured";
/// How their names end.
const EXTENSION: &str = "json";

/// A network's curvature and fluctuation on one evaluation set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkMeasurement {
    /// What was measured: the name of its file, without the extension.
    pub name: String,
    /// The network in words.
    pub network: String,
    /// The evaluation set in words.
    pub data: String,
    /// How the loss is counted.
    pub loss_convention: String,
    /// The seed it was trained with, if its file says so.
    pub seed: Option<u64>,
    /// The step it was saved at, if its file says so.
    pub step: Option<u64>,
    /// n, the parameters.
    pub parameters: usize,
    /// Samples of the evaluation set.
    pub samples: usize,
    /// A sentence where the files of the data have changed since the training.
    pub changed_data: Option<String>,
    /// The mean loss L over the evaluation set, with its standard error.
    pub loss: MeanRecord,
    /// The sharpness T = tr ∇²L, in loss/weight², with its error.
    pub sharpness: EstimateRecord,
    /// How T was computed.
    pub sharpness_method: String,
    /// tr G, of the Gauss–Newton matrix; nothing where the loss is no function of the network's output.
    pub gauss_newton_trace: Option<EstimateRecord>,
    /// The largest eigenvalues of the Hessian, descending.
    pub top: Vec<EstimateRecord>,
    /// The smallest, ascending.
    pub bottom: Vec<EstimateRecord>,
    /// The Hessian's spectral density.
    pub density: DensityRecord,
    /// The gradient fluctuation F = E‖∇ℓ‖² of one sample, in loss²/weight², with its interval.
    ///
    /// Nothing where neither single samples nor several batches have gradients of their own.
    pub fluctuation: Option<MeanRecord>,
    /// tr Cov ∇ℓ, centred; nothing where there is no fluctuation.
    pub covariance_trace: Option<MeanRecord>,
    /// F/tr G: between the smallest and the largest mismatch by Theorem 2, where residuals do not depend
    /// on inputs. Nothing where tr G is 0, or single samples have no gradients of their own.
    pub ratio: Option<MeanRecord>,
    /// Each layer's own curvature and fluctuation.
    pub layers: Vec<LayerRecord>,
    /// What each output line contributes to tr G; nothing for texts, which have too many.
    pub outputs: Vec<MeanRecord>,
    /// The residuals and how they scatter; for texts those of single tokens, over all positions.
    ///
    /// Nothing where the loss is no function of the network's output, or the outputs are too many.
    pub residuals: Option<ResidualsRecord>,
    /// Theorem 2; nothing without the residuals.
    pub bounds: Option<BoundsRecord>,
    /// A text's tokens by frequency; nothing where the data are no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokensRecord>,
    /// The mismatch input by input; nothing where labels have no noise, so that they cannot be drawn again.
    pub conditional: Option<ConditionalRecord>,
    /// The largest eigenvalues of the gradients' covariance, descending.
    pub gradient_covariance: Vec<EstimateRecord>,
    /// How far its leading eigenspace is the Hessian's; nothing where the covariance's was not computed.
    pub alignment: Option<AlignmentRecord>,
    /// The loss around the network and the run's way through it; nothing where it was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landscape: Option<LandscapeRecord>,
    /// What a reader must know of how it was measured, or why something was not: sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The program that measured.
    pub program: String,
}

/// One computed number with its error, cost and status.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EstimateRecord {
    /// The number.
    pub value: f64,
    /// How far it may be from the truth, in the value's unit; 0 where only rounding is in between.
    pub error: f64,
    /// What kind of error.
    pub kind: ErrorKind,
    /// Products with the operator that it took, shared by all that came out of one call.
    pub matvecs: usize,
    /// Whether the accuracy asked for was reached.
    pub converged: bool,
}

/// What an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// Rounding alone.
    Rounding,
    /// The standard error of a random estimate.
    StandardError,
    /// A residual ‖A v − θ v‖: an eigenvalue lies within it.
    Residual,
}

/// A mean over samples, or a number from groups of them, with what it leaves open about the law they were drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanRecord {
    /// The mean over the evaluation set, exact.
    pub value: f64,
    /// Its standard error as an estimate of the law's; nothing where it comes from too few for one.
    pub standard_error: Option<f64>,
    /// The 95 % confidence interval; nothing without the standard error.
    pub interval: Option<(f64, f64)>,
}

/// A smoothed spectral density.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DensityRecord {
    /// Standard deviation of the Gaussian that it was smoothed by.
    pub width: f64,
    /// Eigenvalue, density, and the density's standard error (0 where exact).
    pub curve: Vec<(f64, f64, f64)>,
    /// (1/n) tr ∇²L from the same quadrature, to be compared with T/n.
    pub mean: EstimateRecord,
}

/// One layer's own block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// Its parameters' common name.
    pub name: String,
    /// How many they are.
    pub parameters: usize,
    /// The trace of its block of the Hessian.
    pub sharpness: EstimateRecord,
    /// The largest eigenvalue of that block.
    pub lambda_max: EstimateRecord,
    /// Its part of F; nothing where there is no F.
    pub fluctuation: Option<MeanRecord>,
    /// Its part of tr Cov; nothing where there is none.
    pub covariance_trace: Option<MeanRecord>,
}

/// The residuals r = ∂ℓ/∂f and how they scatter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResidualsRecord {
    /// The mean residual E r, one number for each output at each position.
    pub mean: Vec<f64>,
    /// The residuals' covariance E[(r − E r)(r − E r)ᵀ], row by row, in units of loss for squared error.
    pub covariance: Vec<Vec<f64>>,
    /// Eigenvalues of E[r rᵀ], descending.
    pub spectrum: Vec<f64>,
    /// The largest over the smallest of them; nothing where that is infinite.
    pub condition: Option<f64>,
    /// Eigenvalues of Λ^{+1/2} E[r rᵀ] Λ^{+1/2}, descending: the mismatch with the loss's own curvature.
    pub mismatch: Vec<f64>,
    /// The largest over the smallest of them; nothing where that is infinite.
    pub mismatch_condition: Option<f64>,
}

/// A number that JSON has as null where it is infinite.
fn infinite_if_null<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::INFINITY))
}

/// Theorem 2 at this network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoundsRecord {
    /// Smallest mismatch · tr G.
    pub lower: f64,
    /// The fluctuation F that is bounded, in loss²/weight².
    pub fluctuation: f64,
    /// Largest mismatch · tr G; infinite, and null in JSON, where residuals also point where the loss does not curve.
    #[serde(deserialize_with = "infinite_if_null")]
    pub upper: f64,
    /// What F would be if residuals did not depend on inputs, as the theorem assumes.
    pub independent: f64,
    /// Whether F lies between the bounds.
    pub hold: bool,
}

/// The mismatch M(x) = Λ(x)^{+1/2} E[r rᵀ | x] Λ(x)^{+1/2} input by input, from labels drawn again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConditionalRecord {
    /// Inputs at which M has eigenvalues, Λ not being 0 there.
    pub inputs: usize,
    /// Labels drawn for each.
    pub draws: usize,
    /// M's smallest eigenvalue; nothing if no input has any. So for the others.
    pub smallest: Option<QuantilesRecord>,
    /// Its largest.
    pub largest: Option<QuantilesRecord>,
    /// Its condition number.
    pub condition: Option<QuantilesRecord>,
    /// The smallest and the largest eigenvalue that M = I would show, measured with so many draws of Gaussian residuals.
    pub reference: (f64, f64),
    /// E[μ_min tr G], Theorem 2's bound from below.
    pub lower: MeanRecord,
    /// F over the same inputs.
    pub fluctuation: MeanRecord,
    /// Theorem 2's upper bound input by input, E[μ_max tr G], in loss²/weight².
    pub upper: MeanRecord,
    /// Whether F lies between the bounds, as far as the inputs can tell.
    pub hold: bool,
}

/// How a number is distributed over inputs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantilesRecord {
    /// The 5 % quantile.
    pub low: QuantileRecord,
    /// The median.
    pub median: QuantileRecord,
    /// The 95 % quantile.
    pub high: QuantileRecord,
}

/// A quantile over inputs. A number that is infinite is absent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuantileRecord {
    /// Over the inputs at hand.
    pub value: Option<f64>,
    /// The 95 % confidence interval's lower end for the law of inputs; nothing where they are too few for one.
    pub from: Option<f64>,
    /// Its upper end.
    pub to: Option<f64>,
}

/// The leading eigenspaces of the gradients' covariance and of the Hessian.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlignmentRecord {
    /// How many leading directions of the Hessian are compared: fewer than were asked for where the next eigenvalue is not
    /// known to be smaller or there are no more that are not 0.
    pub hessian_directions: usize,
    /// The same of the gradients' covariance.
    pub covariance_directions: usize,
    /// Mean cos² of the angles between the subspaces: 1 where the smaller lies in the larger. Nothing where one of them has
    /// no direction.
    pub overlap: Option<f64>,
    /// What it is on average for random subspaces.
    pub chance: f64,
    /// The principal angles, ascending, in radians.
    pub angles: Vec<f64>,
}

impl From<Estimate> for EstimateRecord {
    fn from(estimate: Estimate) -> Self {
        let (kind, error) = match estimate.uncertainty {
            Uncertainty::Rounding => (ErrorKind::Rounding, 0.0),
            Uncertainty::StandardError { value, .. } => (ErrorKind::StandardError, value),
            Uncertainty::Residual(residual) => (ErrorKind::Residual, residual),
        };
        Self {
            value: estimate.value,
            error,
            kind,
            matvecs: estimate.matvecs,
            converged: estimate.status != Status::Unconverged,
        }
    }
}

impl EstimateRecord {
    /// Whether it is an eigenvalue of which no digit is known, not even that it is not 0.
    pub fn is_nothing(&self) -> bool {
        self.kind == ErrorKind::Residual && self.value.abs() <= self.error
    }

    /// A number with no error but rounding, which came out of another computation.
    pub(super) fn exact(value: f64) -> Self {
        Self {
            value,
            error: 0.0,
            kind: ErrorKind::Rounding,
            matvecs: 0,
            converged: true,
        }
    }
}

impl From<SampleMean> for MeanRecord {
    fn from(mean: SampleMean) -> Self {
        let known = mean.standard_error.is_finite();
        Self {
            value: mean.value,
            standard_error: known.then_some(mean.standard_error),
            interval: known.then(|| mean.interval()),
        }
    }
}

impl MeanRecord {
    /// The same in another unit, of which `factor` are one.
    pub(crate) fn times(&self, factor: f64) -> Self {
        Self {
            value: factor * self.value,
            standard_error: self.standard_error.map(|error| factor * error),
            interval: self.interval.map(|(from, to)| (factor * from, factor * to)),
        }
    }
}

impl From<&fluctuation::Residuals> for ResidualsRecord {
    fn from(found: &fluctuation::Residuals) -> Self {
        let finite = |condition: f64| condition.is_finite().then_some(condition);
        let rows = found.covariance.row_iter();
        Self {
            mean: found.mean.clone(),
            covariance: rows.map(|row| row.iter().copied().collect()).collect(),
            spectrum: found.spectrum.clone(),
            condition: finite(found.condition()),
            mismatch: found.mismatch.clone(),
            mismatch_condition: finite(found.mismatch_condition()),
        }
    }
}

impl From<fluctuation::Bounds> for BoundsRecord {
    fn from(found: fluctuation::Bounds) -> Self {
        Self {
            lower: found.lower,
            fluctuation: found.fluctuation,
            upper: found.upper,
            independent: found.independent,
            hold: found.hold(),
        }
    }
}

impl From<&fluctuation::Alignment> for AlignmentRecord {
    fn from(found: &fluctuation::Alignment) -> Self {
        let [hessian_directions, covariance_directions] = found.directions;
        let parameters = found.hessian.vectors.nrows() as f64;
        Self {
            hessian_directions,
            covariance_directions,
            overlap: found.overlap,
            chance: hessian_directions.max(covariance_directions) as f64 / parameters,
            angles: found.angles.clone(),
        }
    }
}

impl From<&fluctuation::Conditional> for ConditionalRecord {
    fn from(found: &fluctuation::Conditional) -> Self {
        let quantiles = |found: Option<fluctuation::Quantiles>| found.map(QuantilesRecord::from);
        let spectra = found.spectra.iter();
        Self {
            inputs: spectra.filter(|spectrum| !spectrum.is_empty()).count(),
            draws: found.draws,
            smallest: quantiles(found.smallest),
            largest: quantiles(found.largest),
            condition: quantiles(found.condition),
            reference: found.reference(),
            lower: found.bounds.lower.into(),
            fluctuation: found.bounds.fluctuation.into(),
            upper: found.bounds.upper.into(),
            hold: found.bounds.hold,
        }
    }
}

impl From<fluctuation::Quantiles> for QuantilesRecord {
    fn from(found: fluctuation::Quantiles) -> Self {
        let finite = |value: f64| value.is_finite().then_some(value);
        let quantile = |found: fluctuation::Quantile| QuantileRecord {
            value: finite(found.value),
            from: finite(found.interval.0),
            to: finite(found.interval.1),
        };
        Self {
            low: quantile(found.low),
            median: quantile(found.median),
            high: quantile(found.high),
        }
    }
}

impl NetworkMeasurement {
    /// Writes the measurement into `directory`, in place of an earlier one of its name.
    ///
    /// # Errors
    /// When it cannot be written, or another process is writing there.
    pub fn write(&self, directory: &Path) -> Result<PathBuf, StoreError> {
        create_folder(directory)?;
        let _lock = Lock::take(directory, Lock::FOR_A_PAGE)?;
        let folder = subfolder(directory, FOLDER)?;
        let path = folder.join(format!("{}.{EXTENSION}", self.name));
        let bytes = json(self).map_err(|error| StoreError::write(&path, error.into()))?;
        write_whole(&path, &bytes)?;
        Ok(path)
    }

    /// All measurements in `directory`, by name; none if there are none.
    ///
    /// # Errors
    /// When one cannot be read or is damaged.
    pub fn read_all(directory: &Path) -> Result<Vec<Self>, StoreError> {
        let read = |path: PathBuf| {
            let way_out = "restore it from a copy, or delete it and measure again";
            let text = read_sealed(&path, way_out)?;
            let found: Self = serde_json::from_slice(&text)
                .map_err(|error| StoreError::read(&path, io::Error::from(error)))?;
            if path.file_stem() != Some(OsStr::new(&found.name)) {
                let reason = format!("it holds the measurements of {}; {way_out}", found.name);
                let source = io::Error::new(io::ErrorKind::InvalidData, reason);
                return Err(StoreError::read(&path, source));
            }
            Ok(found)
        };
        let paths = files_with(&directory.join(FOLDER), EXTENSION)?;
        paths.into_iter().map(read).collect()
    }
}

#[cfg(test)]
#[path = "measurement_tests.rs"]
mod tests;
