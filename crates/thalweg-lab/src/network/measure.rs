//! Measures everything of a network: curvature, fluctuation, and how they belong together.

use thalweg::curvature::{
    DensitySettings, DiagonalBlock, EigenSettings, End, TraceSettings, density, eigenpairs, trace,
};
use thalweg::estimate::Estimate;
use thalweg::evaluation::{CurvedLoss, Evaluation, EvaluationError};
use thalweg::fluctuation::{
    self, LayerMoments, conditional, conditional_draws, conditional_inputs,
};
use thalweg::tensor::Tape;

use super::landscape::LandscapeRecord;
use super::made::Made;
use super::measurement::{
    ConditionalRecord, DensityRecord, EstimateRecord, LayerRecord, MeanRecord, NetworkMeasurement,
};
use super::scatter::Scatter;
use super::{NetworkError, unchanged};
use crate::memory;
use crate::provenance::PROGRAM;
use crate::saved::SavedNetwork;
use crate::spec::NetworkExperiment;

/// Points of a density's curve.
const POINTS: usize = 400;

/// How much work to spend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effort {
    /// Eigenpairs at each end of the spectrum, at least 1.
    pub eigenpairs: usize,
    /// Products for each trace that has no exact way, at least 4.
    pub trace_products: usize,
    /// Random vectors for the density, at least 2.
    pub density_probes: usize,
    /// Lanczos steps for each, at least 2.
    pub density_steps: usize,
    /// Whether the loss around the network is computed, and the run made again for its way there.
    pub landscape: bool,
}

impl Effort {
    /// How many vectors as long as the parameters are kept at once.
    pub(super) fn vectors(&self, tape: &Tape) -> usize {
        let dim = tape.parameter_count();
        let pairs = EigenSettings::new((self.eigenpairs + 1).min(dim), End::Top);
        // Those of the Hessian, found at both ends before the covariance's.
        let found = 2 * self.eigenpairs + 1;
        let trace = if tape.linear_in_each_parameter() {
            0
        } else {
            TraceSettings::new(self.trace_products).vectors(dim)
        };
        let density = DensitySettings {
            probes: self.density_probes,
            steps: self.density_steps,
            seed: 0,
        };
        (pairs.vectors(dim) + found)
            .max(trace)
            .max(density.vectors(dim))
    }
}

impl Default for Effort {
    fn default() -> Self {
        Self {
            eigenpairs: 5,
            trace_products: 200,
            density_probes: 8,
            density_steps: 80,
            landscape: false,
        }
    }
}

/// Which samples a network is measured on, and so which loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum On {
    /// Samples that no training uses, as they are: the plain loss.
    #[default]
    Test,
    /// Samples that are trained on. [`measure_on`] changes each as the training changes it, which is the loss that was descended; during
    /// a training they are measured as they are, and changed beside.
    Train,
}

/// Measures the plain loss of `saved` on `samples` samples drawn with `seed`; `tell` hears what is being done.
///
/// # Errors
/// When the data cannot be read or do not fit the network, or an estimate fails.
pub fn measure(
    name: &str,
    saved: &SavedNetwork,
    samples: usize,
    seed: u64,
    effort: Effort,
    tell: impl FnMut(&str),
) -> Result<NetworkMeasurement, NetworkError> {
    measure_on(On::Test, name, saved, samples, seed, effort, tell)
}

/// The same on samples of either kind.
///
/// # Errors
/// As [`measure`].
pub fn measure_on(
    on: On,
    name: &str,
    saved: &SavedNetwork,
    samples: usize,
    seed: u64,
    effort: Effort,
    mut tell: impl FnMut(&str),
) -> Result<NetworkMeasurement, NetworkError> {
    let experiment = &saved.experiment;
    let made = Made::of_run(experiment, run_seed(saved)?)?;
    let samples = made.available(on, samples)?;
    let changed = unchanged::since_saved(&made, saved);
    memory::fits(
        made.memory(samples, effort, rayon::current_num_threads()),
        memory::multiplying(saved.parameters.len()),
        "fewer --samples, --trace-products or --top need less",
    )?;
    let mut evaluation = match on {
        On::Test => made.evaluation(made.samples_of(samples, seed)?)?,
        On::Train => made.evaluation_as_trained(made.training_samples(samples, seed)?)?,
    };
    let work = Work {
        parameters: &saved.parameters,
        effort,
        seed,
    };
    tell("fluctuation");
    let scatter = Scatter::measure(experiment, &mut evaluation, work.parameters, seed)?;
    tell("residuals input by input");
    let inputs = conditional_inputs(samples);
    let redraw = match on {
        // A text has too many outputs for a matrix at each input.
        _ if scatter.tokens.is_some() => None,
        On::Test => made.redraw(samples, seed, inputs),
        // Changed samples have other labels than those that are drawn again.
        On::Train if experiment.changes_the_loss() => None,
        On::Train => made.training.source().redraw(seed, samples, inputs),
    };
    let conditional = redraw
        .map(|mut redraw| {
            let draws = conditional_draws(&evaluation);
            conditional(&evaluation, work.parameters, draws, |draw| {
                redraw.labels(draw)
            })
        })
        .transpose()?;
    tell("trace");
    let sharpness = evaluation.hessian_trace(work.parameters, &work.trace())?;
    tell("smallest eigenvalues");
    let count = evaluation.tape().parameter_count();
    let bottom = eigenpairs(
        &mut evaluation.hessian(work.parameters)?,
        &work.eigen(End::Bottom, count),
        None,
    )
    .map_err(EvaluationError::from)?;
    tell("largest eigenvalues");
    let pairs = work.effort.eigenpairs.clamp(1, count);
    let one_more = EigenSettings {
        count: (pairs + 1).min(count),
        ..work.eigen(End::Top, count)
    };
    let mut hessian = evaluation.hessian(work.parameters)?;
    let hessian = eigenpairs(&mut hessian, &one_more, None).map_err(EvaluationError::from)?;
    let mut covariance = evaluation.gradient_covariance(work.parameters)?;
    let covariance = eigenpairs(&mut covariance, &one_more, None).map_err(EvaluationError::from)?;
    let aligned =
        fluctuation::Alignment::new(hessian, covariance, pairs).map_err(EvaluationError::from)?;
    let landscape = if effort.landscape && pairs >= 2 {
        tell("the loss around it, and the run’s way");
        let found = LandscapeRecord::measure(&made, saved, &mut evaluation, &aligned.hessian);
        Some(found?)
    } else {
        None
    };
    tell("spectral density");
    let density = work.density(&mut evaluation)?;
    tell("layers");
    let layers = scatter
        .layers
        .iter()
        .map(|layer| work.layer(&mut evaluation, layer))
        .collect::<Result<_, _>>()?;
    let numbers = |estimates: &[Estimate]| estimates.iter().map(|&e| e.into()).collect();
    Ok(NetworkMeasurement {
        name: name.to_owned(),
        network: experiment.network_words(),
        data: match on {
            On::Test => experiment.data_words(),
            On::Train => format!("{}; samples that are trained on", experiment.data_words()),
        },
        loss_convention: experiment.loss_words().to_owned(),
        seed: saved.seed,
        step: saved.step,
        parameters: count,
        samples,
        changed_data: changed,
        loss: scatter.loss.into(),
        sharpness_method: method(&evaluation, sharpness, work.effort),
        sharpness: sharpness.into(),
        gauss_newton_trace: Some(scatter.gauss_newton_trace),
        top: numbers(&aligned.hessian.values),
        bottom: numbers(&bottom.values),
        density,
        fluctuation: Some(scatter.total.fluctuation.into()),
        covariance_trace: Some(scatter.total.covariance_trace.into()),
        ratio: scatter.total.ratio.map(MeanRecord::from),
        layers,
        outputs: scatter.outputs,
        residuals: Some(scatter.residuals),
        bounds: scatter.bounds,
        tokens: scatter.tokens,
        conditional: conditional.as_ref().map(ConditionalRecord::from),
        gradient_covariance: numbers(&aligned.covariance.values),
        alignment: Some((&aligned).into()),
        landscape,
        notes: saved
            .notes
            .iter()
            .cloned()
            .chain(note(experiment, on))
            .collect(),
        program: PROGRAM.to_owned(),
    })
}

/// What a reader must know of which loss it is, where there are two.
fn note(experiment: &NetworkExperiment, on: On) -> Option<String> {
    let words = experiment.intervention_words()?;
    experiment.changes_the_loss().then(|| match on {
        On::Test => format!(
            "This is the plain loss. It was trained with {words}: `thalweg measure --on train` measures the loss that was descended."
        ),
        On::Train => format!(
            "This is the loss that was descended, with {words}: each sample has one change, drawn as in training."
        ),
    })
}

/// The seed of the run that `saved` comes from, which draws the run's own teacher if it has one.
fn run_seed(saved: &SavedNetwork) -> Result<u64, NetworkError> {
    match saved.seed {
        Some(seed) => Ok(seed),
        None if saved.experiment.data.source.about().differs_by_run() => Err(NetworkError::NoRun),
        None => Ok(0),
    }
}

/// Where and with what effort to measure.
struct Work<'a> {
    parameters: &'a [f64],
    effort: Effort,
    seed: u64,
}

impl Work<'_> {
    fn trace(&self) -> TraceSettings {
        TraceSettings {
            seed: self.seed,
            ..TraceSettings::new(self.effort.trace_products)
        }
    }

    /// As many pairs as asked for, of an operator of dimension `dim`.
    fn eigen(&self, end: End, dim: usize) -> EigenSettings {
        EigenSettings {
            seed: self.seed,
            ..EigenSettings::new(self.effort.eigenpairs.clamp(1, dim), end)
        }
    }

    fn density(&self, evaluation: &mut Evaluation) -> Result<DensityRecord, NetworkError> {
        let settings = DensitySettings {
            probes: self.effort.density_probes,
            steps: self.effort.density_steps,
            seed: self.seed,
        };
        let mut hessian = evaluation.hessian(self.parameters)?;
        let found = density(&mut hessian, &settings).map_err(EvaluationError::from)?;
        let width = found.drawn_width();
        let curve = found.curve(POINTS, width).map_err(EvaluationError::from)?;
        let point =
            |(at, value): (f64, Estimate)| (at, value.value, value.standard_error().unwrap_or(0.0));
        Ok(DensityRecord {
            width,
            curve: curve.into_iter().map(point).collect(),
            mean: found.moment(1).into(),
        })
    }

    fn layer(
        &self,
        evaluation: &mut Evaluation,
        layer: &LayerMoments,
    ) -> Result<LayerRecord, NetworkError> {
        let exact = evaluation.tape().linear_in_each_parameter();
        let range = layer.layer.range.clone();
        let mut hessian = evaluation.hessian(self.parameters)?;
        let mut block =
            DiagonalBlock::new(&mut hessian, range.clone()).map_err(EvaluationError::from)?;
        let top = eigenpairs(
            &mut block,
            &EigenSettings {
                count: 1,
                ..self.eigen(End::Top, range.len())
            },
            None,
        )
        .map_err(EvaluationError::from)?;
        let sharpness = if exact {
            // ∂²f/∂θ_i² = 0: the block's diagonal is that of the Gauss–Newton matrix.
            EstimateRecord::exact(layer.moments.gauss_newton_trace.value)
        } else {
            trace(&mut block, &self.trace())
                .map_err(EvaluationError::from)?
                .into()
        };
        Ok(LayerRecord {
            name: layer.layer.name.clone(),
            parameters: range.len(),
            sharpness,
            lambda_max: top.values[0].into(),
            fluctuation: Some(layer.moments.fluctuation.into()),
            covariance_trace: Some(layer.moments.covariance_trace.into()),
        })
    }
}

/// How the sharpness came about.
fn method(evaluation: &Evaluation, sharpness: Estimate, effort: Effort) -> String {
    if evaluation.tape().linear_in_each_parameter() {
        "exact: the trace of the Gauss–Newton matrix, the network being linear in each parameter alone"
            .to_owned()
    } else if sharpness.standard_error().is_none() {
        "exact: the Hessian's diagonal".to_owned()
    } else {
        format!("XTrace by {} products", effort.trace_products)
    }
}
