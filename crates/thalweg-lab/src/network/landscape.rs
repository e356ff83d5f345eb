//! The loss around a network: along the Hessian's two leading eigenvectors, over their plane, and where its run went through it.

use faer::{ColRef, MatRef};
use serde::{Deserialize, Serialize};
use thalweg::Stop;
use thalweg::curvature::Eigenpairs;
use thalweg::evaluation::{Evaluation, EvaluationError, SampledLoss as _};
use thalweg::simulate::Precision;
use thalweg::tensor::Real;
use thalweg::train::{Interventions, Trainer};

use super::NetworkError;
use super::made::Made;
use crate::saved::SavedNetwork;
use crate::spec::Schedule;

/// Points along each direction, an odd number: the middle one is the network.
const POINTS: usize = 31;
/// How far beyond the run's own way the picture reaches, as a part of it.
const MARGIN: f64 = 1.15;
/// Where the run's way spans nothing, so many times the distance at which a parabola of this curvature doubles the loss.
const DOUBLINGS: f64 = 2.0;

/// The loss L(θ + a v₁ + b v₂) around a network θ, v₁ and v₂ the Hessian's leading eigenvectors there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LandscapeRecord {
    /// Along v₁ (b = 0) and along v₂ (a = 0).
    pub slices: [SliceRecord; 2],
    /// L on the plane: `plane[i][j]` at the i-th offset of the second slice and the j-th of the first.
    pub plane: Vec<Vec<f64>>,
    /// Where the run was, from its start to the network; nothing where it could not be made again.
    pub path: Option<Vec<PathRecord>>,
    /// Why there is no path: a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_path: Option<String>,
}

/// The loss along one direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SliceRecord {
    /// a, in units of weight.
    pub offsets: Vec<f64>,
    /// L there.
    pub losses: Vec<f64>,
    /// ∇L·v at the network, in loss/weight.
    pub slope: f64,
    /// vᵀ∇²L v there, in loss/weight²: an eigenvalue.
    pub curvature: f64,
}

impl SliceRecord {
    /// What L would be if it had no derivatives beyond the second: L(θ) + a ∇L·v + a² λ/2 at each offset.
    pub fn parabola(&self) -> Vec<f64> {
        let middle = self.losses[self.losses.len() / 2];
        let at = |a: &f64| middle + a * self.slope + a * a * self.curvature / 2.0;
        self.offsets.iter().map(at).collect()
    }
}

/// A run at one step, seen from its end θ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PathRecord {
    /// t.
    pub step: u64,
    /// (θ_t − θ)·v₁, in units of weight.
    pub first: f64,
    /// (θ_t − θ)·v₂.
    pub second: f64,
    /// How far θ_t is from the plane.
    pub outside: f64,
    /// L(θ_t), at the run's own place and not on the plane.
    pub loss: f64,
}

impl LandscapeRecord {
    /// Around `saved`, whose Hessian's leading `pairs`, at least two, are known; `evaluation` is of the loss that is shown.
    pub(super) fn measure(
        made: &Made,
        saved: &SavedNetwork,
        evaluation: &mut Evaluation,
        pairs: &Eigenpairs,
    ) -> Result<Self, NetworkError> {
        let end = &saved.parameters;
        let vectors = pairs.vectors.subcols(0, 2);
        let gradient = evaluation.gradient(end)?;
        let loss = evaluation.loss(end)?;
        let (path, no_path) = match way(made, saved)? {
            Ok(way) => {
                let mut path = Vec::with_capacity(way.len());
                for (step, parameters) in way {
                    path.push(place(evaluation, vectors, end, step, &parameters)?);
                }
                (Some(path), None)
            }
            Err(reason) => (None, Some(reason)),
        };
        let reach = |which: usize| {
            let along = |at: &PathRecord| [at.first, at.second][which].abs();
            let own = path.iter().flatten().map(along).fold(0.0, f64::max);
            let curvature = pairs.values[which].value.abs();
            let doubling = (2.0 * loss.abs() / curvature).sqrt();
            let usual = if doubling.is_finite() && doubling > 0.0 {
                DOUBLINGS * doubling
            } else {
                1.0
            };
            MARGIN * if own > 0.0 { own } else { usual }
        };
        let offsets = [0, 1].map(|which| {
            let (half, reach) = ((POINTS / 2) as f64, reach(which));
            (0..POINTS)
                .map(|i| reach * (i as f64 - half) / half)
                .collect::<Vec<_>>()
        });
        let mut at = |a: f64, b: f64| {
            let moved: Vec<f64> = end
                .iter()
                .enumerate()
                .map(|(i, x)| x + a * vectors[(i, 0)] + b * vectors[(i, 1)])
                .collect();
            evaluation.loss(&moved)
        };
        let mut plane = Vec::with_capacity(POINTS);
        for &b in &offsets[1] {
            let row = offsets[0].iter().map(|&a| at(a, b));
            plane.push(row.collect::<Result<Vec<_>, _>>()?);
        }
        let middle = POINTS / 2;
        let slice = |which: usize, losses: Vec<f64>| SliceRecord {
            offsets: offsets[which].clone(),
            losses,
            slope: along(&gradient, vectors.col(which)),
            curvature: pairs.values[which].value,
        };
        Ok(Self {
            slices: [
                slice(0, plane[middle].clone()),
                slice(1, plane.iter().map(|row| row[middle]).collect()),
            ],
            plane,
            path,
            no_path,
        })
    }
}

/// x·v.
fn along(x: &[f64], v: ColRef<'_, f64>) -> f64 {
    x.iter().zip(v.iter()).map(|(x, v)| x * v).sum()
}

/// Where `parameters` are, seen from `end`.
fn place(
    evaluation: &mut Evaluation,
    vectors: MatRef<'_, f64>,
    end: &[f64],
    step: u64,
    parameters: &[f64],
) -> Result<PathRecord, NetworkError> {
    let moved: Vec<f64> = parameters.iter().zip(end).map(|(x, end)| x - end).collect();
    let [first, second] = [0, 1].map(|which| along(&moved, vectors.col(which)));
    let whole: f64 = moved.iter().map(|x| x * x).sum();
    Ok(PathRecord {
        step,
        first,
        second,
        outside: (whole - first * first - second * second).max(0.0).sqrt(),
        loss: evaluation.loss(parameters)?,
    })
}

type Way = Vec<(u64, Vec<f64>)>;

/// The run of `saved` made again, at a hundred steps of equal ratios; or why it cannot be.
fn way(made: &Made, saved: &SavedNetwork) -> Result<Result<Way, String>, NetworkError> {
    let (Some(seed), Some(last)) = (saved.seed, saved.step) else {
        let reason =
            "The network’s file does not say which run it is of, so that its way cannot be shown.";
        return Ok(Err(reason.to_owned()));
    };
    let way = match saved.experiment.precision {
        Precision::F32 => again::<f32>(made, saved, seed, last)?,
        Precision::F64 => again::<f64>(made, saved, seed, last)?,
    };
    // A run depends on nothing but its specification, so that another end is another program's, or of other data.
    let same = way.last().is_some_and(|(_, end)| *end == saved.parameters);
    Ok(same.then_some(way).ok_or_else(|| {
        "The run, made again here, does not end at this network to the last bit (another version, processor or data made it), so that its way is \
         not shown."
            .to_owned()
    }))
}

fn again<T: Real>(
    made: &Made,
    saved: &SavedNetwork,
    seed: u64,
    last: u64,
) -> Result<Way, NetworkError> {
    let experiment = &saved.experiment;
    let start = experiment.init.weights(made.training.tape(), seed);
    let mut trainer = Trainer::<T, Interventions>::start(&made.training, &start, seed)?;
    let (mut way, stop) = (Vec::new(), Stop::here());
    for step in Schedule::default().steps(last) {
        for next in trainer.step() + 1..=step {
            stop.asked().map_err(EvaluationError::from)?;
            trainer.run_to(next);
        }
        let parameters = trainer.parameters().iter().map(|x| x.to_f64());
        way.push((step, parameters.collect()));
    }
    Ok(way)
}
