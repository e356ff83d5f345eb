//! The residuals' second moment input by input, from labels that are drawn again for the same inputs.

use faer::Mat;
use rayon::prelude::*;

use super::residual::{condition, descending, directions, inverse_root};
use super::{Quantile, SampleMean};
use crate::Stop;
use crate::curvature::CurvatureError;
use crate::evaluation::{RelabelledLoss, SampledLoss};

/// Inputs that are looked at, the first of a set.
const INPUTS: usize = 1024;
/// Draws for each direction that residuals have.
const DRAWS: usize = 100;

/// Theorem 2's mismatch M(x) = Λ(x)^{+1/2} C(x) Λ(x)^{+1/2} at each of n inputs, C(x) = E[r rᵀ | x] (not centred) and
/// Λ(x) = E[∂²ℓ/∂f² | x], both means over R labels drawn for that input.
///
/// **Beyond the paper.** For squared error Λ is the convention's factor times I. Few draws spread eigenvalues apart:
/// see [`Conditional::reference`]. One-hot labels of classes that the network thinks improbable spread them more.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditional {
    /// R, the labels drawn for each input.
    pub draws: usize,
    /// q: the directions that residuals have; output lines, for cross-entropy less one for each position.
    pub directions: usize,
    /// M's eigenvalues on the range of Λ, descending, of each input; none where Λ is 0.
    pub spectra: Vec<Vec<f64>>,
    /// Of the smallest eigenvalue, over the inputs that have any; nothing if none has. So for the others.
    pub smallest: Option<Quantiles>,
    /// Of the largest.
    pub largest: Option<Quantiles>,
    /// Of the largest over the smallest: infinite where M is singular.
    pub condition: Option<Quantiles>,
    /// F between what the smallest and the largest eigenvalue of each input allow (Theorem 2).
    pub bounds: ConditionalBounds,
}

/// How a number is distributed over inputs. The intervals are for the law of inputs *and* draws of R labels each:
/// they include the draws' scatter, not the spread it makes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantiles {
    /// 5 % are not above it.
    pub low: Quantile,
    /// Half are not above it.
    pub median: Quantile,
    /// 95 % are not above it.
    pub high: Quantile,
}

/// E_x[μ_min(x) tr G(x)] ≤ F ≤ E_x[μ_max(x) tr G(x)], μ(x) the eigenvalues of M(x) and G(x) = JᵀΛJ: Theorem 2 without
/// the assumption that residuals do not depend on inputs, if C(x) vanishes where Λ(x) does.
///
/// It follows from F = E_x tr(J Jᵀ C(x)) = E_x tr(K(x) M(x)), tr K = tr G(x), and is at least as narrow as the extreme
/// eigenvalues over all inputs times tr G. Means over the same n inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConditionalBounds {
    /// E_x[μ_min(x) tr G(x)], the lower bound on F, in loss²/weight².
    pub lower: SampleMean,
    /// F, of the set's own labels.
    pub fluctuation: SampleMean,
    /// E_x[μ_max(x) tr G(x)], the upper bound on F, in loss²/weight².
    pub upper: SampleMean,
    /// Whether F lies between them as far as the inputs can tell: neither difference of the means, sample by sample, has
    /// the wrong sign at a confidence of 95 % ([`SampleMean::interval`]).
    pub hold: bool,
}

impl Conditional {
    /// (1 − √(q/R))² and (1 + √(q/R))²: between them M = I would show its eigenvalues, measured with R draws of
    /// Gaussian residuals in q directions (Marchenko and Pastur, for many of both).
    pub fn reference(&self) -> (f64, f64) {
        let spread = (self.directions as f64 / self.draws as f64).sqrt();
        ((1.0 - spread).max(0.0).powi(2), (1.0 + spread).powi(2))
    }
}

/// How many inputs are looked at, of a set of `samples`: the first 1024.
pub fn conditional_inputs(samples: usize) -> usize {
    samples.min(INPUTS)
}

/// How many draws to take: 100 for each direction, so that M = I shows eigenvalues from 0.81 to 1.21.
pub fn conditional_draws(loss: &impl SampledLoss) -> usize {
    DRAWS * basis(loss).ncols()
}

fn basis(loss: &impl SampledLoss) -> Mat<f64> {
    directions(loss.outputs(), loss.classes())
}

/// Measures it at θ on the first [`conditional_inputs`], with the labels (output lines × these inputs) that `labels`
/// gives for 0, 1, … `draws` − 1: those of [`Redraw::labels`](crate::data::Redraw::labels) for the same set. Nothing
/// is evaluated at other inputs.
///
/// # Errors
/// Those of `loss`, as when labels have the wrong shape; when `draws` is 0, or a residual is not finite.
pub fn conditional<L: RelabelledLoss>(
    loss: &L,
    parameters: &[f64],
    draws: usize,
    mut labels: impl FnMut(u64) -> Mat<f64>,
) -> Result<Conditional, L::Error> {
    if draws == 0 {
        return Err(CurvatureError::Setting {
            field: "draws",
            found: "0".to_owned(),
            expected: "at least 1 draw of labels".to_owned(),
        }
        .into());
    }
    let inputs = conditional_inputs(loss.samples());
    let basis = basis(loss);
    let mut loss = loss.first(inputs);
    let lines = basis.nrows();
    let share = 1.0 / draws as f64;
    let mut moments = vec![vec![0.0; lines * lines]; inputs];
    let mut mean = Mat::zeros(lines, inputs);
    for draw in 0..draws {
        let targets = labels(draw as u64);
        let residuals = loss.residuals_under(parameters, targets.as_ref())?;
        moments.par_iter_mut().enumerate().for_each(|(input, sum)| {
            let r = residuals.col_as_slice(input);
            // The lower triangle, in rows.
            for (i, (row, &x)) in sum.chunks_exact_mut(lines).zip(r).enumerate() {
                row[..=i]
                    .iter_mut()
                    .zip(r)
                    .for_each(|(sum, &y)| *sum += share * x * y);
            }
        });
        mean += faer::Scale(share) * targets;
    }
    // Λ is linear in the labels.
    let curvatures = loss.output_curvatures_under(parameters, mean.as_ref())?;
    let stop = Stop::here();
    let spectra = moments
        .par_iter()
        .enumerate()
        .map(|(input, moment)| {
            stop.asked()?;
            let curvature = curvatures.col_as_slice(input);
            let entry = |i: usize, j: usize| moment[i.max(j) * lines + i.min(j)];
            let within = |matrix: Mat<f64>| basis.transpose() * matrix * &basis;
            let moment = within(Mat::from_fn(lines, lines, entry));
            let curvature = within(Mat::from_fn(lines, lines, |i, j| curvature[j * lines + i]));
            if !moment.is_all_finite() || !curvature.is_all_finite() {
                return Err(CurvatureError::NonFinite { matvecs: 0 });
            }
            let half = inverse_root(curvature.as_ref())?;
            descending((half.transpose() * moment * &half).as_ref())
        })
        .collect::<Result<Vec<_>, _>>()?;
    let over = |number: fn(&[f64]) -> f64| {
        let inputs = spectra.iter().filter(|spectrum| !spectrum.is_empty());
        Quantiles::of(inputs.map(|spectrum| number(spectrum)).collect())
    };
    Ok(Conditional {
        draws,
        directions: basis.ncols(),
        smallest: over(smallest),
        largest: over(largest),
        condition: over(condition),
        bounds: bounds(&mut loss, parameters, &spectra)?,
        spectra,
    })
}

/// Of a descending spectrum; 0 where there is none. Rounding may leave less.
fn smallest(spectrum: &[f64]) -> f64 {
    spectrum.last().map_or(0.0, |value| value.max(0.0))
}

fn largest(spectrum: &[f64]) -> f64 {
    spectrum.first().map_or(0.0, |value| value.max(0.0))
}

fn bounds<L: SampledLoss>(
    loss: &mut L,
    parameters: &[f64],
    spectra: &[Vec<f64>],
) -> Result<ConditionalBounds, L::Error> {
    let norms = loss.sample_squared_norms(parameters)?;
    let traces = loss.sample_curvature(parameters)?.outputs;
    let sums = |matrix: &Mat<f64>| -> Vec<f64> {
        matrix
            .col_iter()
            .map(|column| column.iter().sum())
            .collect()
    };
    let (norms, traces) = (sums(&norms), sums(&traces));
    let scaled = |number: fn(&[f64]) -> f64| -> Vec<f64> {
        let both = spectra.iter().zip(&traces);
        both.map(|(spectrum, trace)| number(spectrum) * trace)
            .collect()
    };
    let (lower, upper) = (scaled(smallest), scaled(largest));
    let mean = |values: &[f64]| SampleMean::of(values.iter().copied());
    let above = |most: &[f64], least: &[f64]| {
        let difference = SampleMean::of(most.iter().zip(least).map(|(most, least)| most - least));
        let slack = 1e-12 * mean(&upper).value;
        difference.interval().1 >= -slack
    };
    Ok(ConditionalBounds {
        hold: above(&norms, &lower) && above(&upper, &norms),
        lower: mean(&lower),
        fluctuation: mean(&norms),
        upper: mean(&upper),
    })
}

impl Quantiles {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        (!values.is_empty()).then(|| Self {
            low: Quantile::of(&values, 0.05),
            median: Quantile::of(&values, 0.5),
            high: Quantile::of(&values, 0.95),
        })
    }
}
