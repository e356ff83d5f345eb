//! What is measured of a network at one step: curvature and fluctuation on the evaluation set.

use std::borrow::Cow;

use thalweg::curvature::{CurvatureError, EigenSettings, End, Scaled, TraceSettings, eigenpairs};
use thalweg::estimate::Estimate;
use thalweg::evaluation::{CurvedLoss, Evaluation, EvaluationError, SampledLoss};
use thalweg::fluctuation::{Residuals, SampleMean};

use crate::quantity;

/// Residual at which the largest eigenvalue counts as found, relative to itself. The value's own error is
/// of the order of its square.
const TOLERANCE: f64 = 1e-4;

/// Of more output lines the mismatch is not computed: it takes matrices of as many lines and columns.
const MOST_OUTPUTS: usize = 256;

/// What is measured on the way. All of it is that of the evaluation set, with its labels or with noisy ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NetworkObservation {
    /// The mean loss L over the evaluation set.
    pub loss: f64,
    /// T = tr ∇²L.
    pub sharpness: Estimate,
    /// The Hessian's largest eigenvalue λ_max, in loss/weight², with the residual of Lanczos as its error.
    pub lambda_max: Estimate,
    /// F = E‖∇ℓ‖², with what the set leaves open about the law of its samples.
    pub fluctuation: SampleMean,
    /// The squared norm ‖∇L‖² of the mean gradient, in loss²/weight².
    pub gradient_norm_squared: f64,
    /// κ of the residuals' mismatch with the output curvature, with the labels of the fluctuation
    /// ([`Residuals::mismatch_condition`]); infinite where one of them is singular, nothing where outputs are too many.
    pub mismatch_condition: Option<f64>,
    /// The mean loss over samples that are not trained on, where all else is of samples that are.
    pub test_loss: Option<f64>,
    /// The same of the loss that is descended, where the training changes its samples; nothing where they are as they are.
    pub as_trained: Option<AsTrained>,
    /// λ_max(P^{−1/2} ∇²L P^{−1/2}) of the loss that is descended, where the optimiser divides by P.
    pub preconditioned_lambda_max: Option<Estimate>,
}

/// What is measured of the loss that is descended: of samples each of which is changed as the training changes it.
///
/// The changes are part of the sample: the loss is the mean over the law of samples and changes, and the fluctuation that of one
/// sample with one change, which is what SGD's gradients scatter by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AsTrained {
    /// The mean loss.
    pub loss: f64,
    /// The trace of its Hessian.
    pub sharpness: Estimate,
    /// Its Hessian's largest eigenvalue.
    pub lambda_max: Estimate,
    /// E‖∇ℓ‖² of one changed sample.
    pub fluctuation: SampleMean,
    /// κ of the mismatch of changed samples.
    pub mismatch_condition: Option<f64>,
}

impl From<NetworkObservation> for AsTrained {
    fn from(observation: NetworkObservation) -> Self {
        Self {
            loss: observation.loss,
            sharpness: observation.sharpness,
            lambda_max: observation.lambda_max,
            fluctuation: observation.fluctuation,
            mismatch_condition: observation.mismatch_condition,
        }
    }
}

/// The largest eigenvalue of P^{−1/2} ∇²L P^{−1/2}; `None` where it is beyond what double precision holds, as with a P that is 0
/// where no gradient has been yet.
///
/// # Errors
/// As [`observe`].
pub fn preconditioned_lambda_max(
    evaluation: &mut Evaluation,
    parameters: &[f64],
    preconditioner: &[f64],
    seed: u64,
) -> Result<Option<Estimate>, EvaluationError> {
    let settings = EigenSettings {
        seed,
        tolerance: TOLERANCE,
        ..EigenSettings::new(1, End::Top)
    };
    let mut hessian = evaluation.hessian(parameters)?;
    let mut scaled = Scaled::new(&mut hessian, preconditioner)?;
    match eigenpairs(&mut scaled, &settings, None).map_err(EvaluationError::from) {
        Ok(pairs) => Ok(pairs.values.first().copied()),
        Err(EvaluationError::Curvature(CurvatureError::NonFinite { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Measures `evaluation` at `parameters`, and the fluctuation on `noisy` where there is such a set; the trace takes at most `trace_products` Hessian products, and
/// `seed` draws its probes. `None` where the numbers are beyond what double precision holds.
///
/// Lanczos starts at random each time: from the eigenvector of an earlier measurement it would need a second vector beside it, lest
/// that answer be merely confirmed, and so no fewer products.
///
/// # Errors
/// When the parameters do not fit, or an estimate fails.
pub fn observe(
    evaluation: &mut Evaluation,
    noisy: Option<&mut Evaluation>,
    parameters: &[f64],
    trace_products: usize,
    seed: u64,
) -> Result<Option<NetworkObservation>, EvaluationError> {
    match finite(evaluation, noisy, parameters, trace_products, seed) {
        Ok(observation) => Ok(observation.loss.is_finite().then_some(observation)),
        Err(
            EvaluationError::Curvature(CurvatureError::NonFinite { .. })
            | EvaluationError::NonFinite { .. },
        ) => Ok(None),
        Err(error) => Err(error),
    }
}

fn finite(
    evaluation: &mut Evaluation,
    noisy: Option<&mut Evaluation>,
    parameters: &[f64],
    trace_products: usize,
    seed: u64,
) -> Result<NetworkObservation, EvaluationError> {
    let trace = TraceSettings {
        seed,
        ..TraceSettings::new(trace_products)
    };
    let eigen = EigenSettings {
        seed,
        tolerance: TOLERANCE,
        ..EigenSettings::new(1, End::Top)
    };
    let sharpness = evaluation.hessian_trace(parameters, &trace)?;
    let top = eigenpairs(&mut evaluation.hessian(parameters)?, &eigen, None)?;
    let gradient = evaluation.gradient(parameters)?;
    let loss = evaluation.loss(parameters)?;
    let noise = noisy.unwrap_or(evaluation);
    let mismatch_condition = mismatch_condition(noise, parameters)?;
    let norms = noise.sample_squared_norms(parameters)?;
    let norms = norms.col_iter().map(|sample| sample.iter().sum::<f64>());
    Ok(NetworkObservation {
        loss,
        sharpness,
        lambda_max: top.values[0],
        fluctuation: SampleMean::of(norms),
        gradient_norm_squared: gradient.iter().map(|g| g * g).sum(),
        mismatch_condition,
        test_loss: None,
        as_trained: None,
        preconditioned_lambda_max: None,
    })
}

fn mismatch_condition(
    evaluation: &mut Evaluation,
    parameters: &[f64],
) -> Result<Option<f64>, EvaluationError> {
    if evaluation.outputs() > MOST_OUTPUTS {
        return Ok(None);
    }
    let residuals = evaluation.residuals(parameters)?;
    let curvature = evaluation.output_curvature(parameters)?;
    let classes = evaluation.classes();
    let found = Residuals::new(residuals.as_ref(), curvature.as_ref(), classes)?;
    Ok(Some(found.mismatch_condition()))
}

impl NetworkObservation {
    /// The names and values of [`quantity::kept`].
    pub fn quantities(&self) -> Vec<(Cow<'static, str>, f64)> {
        let kept = quantity::kept().into_iter();
        kept.filter_map(|quantity| Some((quantity.trained(self)?, quantity.key)))
            .filter(|(value, _)| value.is_finite())
            .map(|(value, key)| (key, value))
            .collect()
    }
}
