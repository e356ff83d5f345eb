//! How single samples' gradients and residuals scatter: by outputs, or by tokens where a text has too many outputs.

use thalweg::estimate::Estimate;
use thalweg::evaluation::{Evaluation, SampledLoss};
use thalweg::fluctuation::{LayerMoments, Moments, SampleMean, measure, measure_tokens};

use super::NetworkError;
use super::measurement::{BoundsRecord, ErrorKind, EstimateRecord, MeanRecord, ResidualsRecord};
use super::tokens_record::TokensRecord;
use crate::sources::NetworkSource;
use crate::spec::NetworkExperiment;

/// Labels drawn at each position of a text.
const DRAWS: usize = 4;

/// What is known of the scatter.
pub(crate) struct Scatter {
    pub loss: SampleMean,
    pub total: Moments,
    pub layers: Vec<LayerMoments>,
    pub gauss_newton_trace: EstimateRecord,
    pub outputs: Vec<MeanRecord>,
    pub residuals: ResidualsRecord,
    pub bounds: Option<BoundsRecord>,
    pub tokens: Option<TokensRecord>,
}

impl Scatter {
    /// Measures it on the set of `evaluation`, of `experiment`'s data.
    pub fn measure(
        experiment: &NetworkExperiment,
        evaluation: &mut Evaluation,
        parameters: &[f64],
        seed: u64,
    ) -> Result<Self, NetworkError> {
        let text = match &experiment.data.source {
            NetworkSource::Text(text) if experiment.loss.is_cross_entropy() => text,
            _ => return Self::by_outputs(evaluation, parameters),
        };
        let found = measure_tokens(evaluation, parameters, DRAWS, seed)?;
        let alphabet = text.alphabet(experiment.network.inputs())?;
        let positions = experiment.network.positions()[1];
        let trace = found.gauss_newton_trace;
        Ok(Self {
            gauss_newton_trace: EstimateRecord {
                value: trace.value,
                error: trace.standard_error,
                kind: ErrorKind::StandardError,
                matvecs: found.draws * positions,
                converged: true,
            },
            outputs: Vec::new(),
            residuals: (&found.tokens.residuals).into(),
            bounds: None,
            tokens: Some(TokensRecord::new(&found, &alphabet.names())),
            loss: found.loss,
            total: found.total,
            layers: found.layers,
        })
    }

    fn by_outputs(evaluation: &mut Evaluation, parameters: &[f64]) -> Result<Self, NetworkError> {
        let found = measure(evaluation, parameters)?;
        let trace: Estimate = evaluation.gauss_newton_trace(parameters)?;
        let outputs = found.outputs.iter();
        Ok(Self {
            loss: found.loss,
            total: found.total,
            gauss_newton_trace: trace.into(),
            outputs: outputs.map(|&mean| MeanRecord::from(mean)).collect(),
            residuals: (&found.residuals).into(),
            bounds: Some(found.bounds.into()),
            tokens: None,
            layers: found.layers,
        })
    }
}
