//! SGD's scatter along the minima: how fast it grows, and the cloud of points that stands for it.
//!
//! The fluctuations across the minima do not return by the way they came: going round in the plane of two of them, by the
//! area that is swept, moves the weights along the minima (Lévy areas). With eigenpairs (λ_a, U_a) of K, H_a = h_{U_a/λ_a},
//! Ω_ab = Dh_b[H_a] − Dh_a[H_b] along the minima, w_ab = λ_a/(λ_a + λ_b), C the covariance of E and N/B that of a minibatch's
//! noise Γ, the scatter grows per step by
//!
//! (η²/B) Σ w_ab w_cd Ω_ab Ω_cdᵀ C_ac λ_bλ_d N_bd  (all in the eigenbasis).
//!
//! Besides, each step's straight line leaves the flow of its gradient by −(η²/2) Dh_Γ[h_Γ]. The mean of that is part of the drift;
//! of Γ's Gaussian part it scatters, with S_ab = ½(Dh_b[H_a] + Dh_a[H_b]) along the minima, by
//!
//! (η⁴/2B²) Σ S_ab S_cdᵀ λ_aλ_c N_ac λ_bλ_d N_bd.

use faer::{Mat, MatRef};

use super::{
    super::{
        FlowError,
        horizontal::turns,
        lift::Lift,
        manifold::to_manifold,
        point::{Model, Point},
    },
    base::{Base, lift, unstacked, variation},
};
use crate::problem::Spectral;
use crate::random::{Purpose, Stream};

/// Directions in which the scatter's variance is below this fraction of its largest get no points of their own.
const NEGLIGIBLE: f64 = 1e-4;

/// Below this variance there is no scatter: the weights are of order 1 or larger.
const NONE: f64 = 1e-14;

/// The growth of the module's documentation in the basis `along` of directions, per η²/B, with `kick` = η²/2B.
pub(super) fn growth(
    model: &Model,
    base: &Base,
    along: &Mat<f64>,
    errors: &Mat<f64>,
    noise: &Mat<f64>,
    kick: f64,
) -> Mat<f64> {
    let point = Point::new(model, model.layers(&base.weights));
    let (n, rows, dims) = (base.values.len(), point.residual.nrows(), along.ncols());
    let unit: Vec<Mat<f64>> = (0..n)
        .map(|a| faer::Scale(1.0 / base.values[a]) * unstacked(base.vectors.col(a), rows))
        .collect();
    let motions: Vec<Vec<Mat<f64>>> = unit.iter().map(|z| lift(&point, z.as_ref())).collect();
    // Dh_b[H_a] in the basis.
    let mut turned = vec![vec![Mat::zeros(0, 0); n]; n];
    for a in 0..n {
        let (above, below) = variation(&point, &motions[a]);
        for b in 0..n {
            let z = &unit[b];
            let change: Vec<Mat<f64>> = (0..point.depth())
                .map(|k| {
                    above[k].transpose() * z * point.below[k].transpose()
                        + point.above[k].transpose() * z * below[k].transpose()
                })
                .collect();
            let change = model.flatten(&change);
            let length = change.len();
            turned[a][b] = along.transpose() * MatRef::from_column_major_slice(&change, length, 1);
        }
    }
    let area = |a: usize, b: usize, i: usize| {
        let share = base.values[a] / (base.values[a] + base.values[b]);
        share * (turned[a][b][(i, 0)] - turned[b][a][(i, 0)])
    };
    let areas: Vec<Mat<f64>> = (0..dims)
        .map(|i| Mat::from_fn(n, n, |a, b| area(a, b, i)))
        .collect();
    let rotated = |m: &Mat<f64>| base.vectors.transpose() * m * &base.vectors;
    let (errors, noise) = (rotated(errors), rotated(noise));
    let noise = Mat::from_fn(n, n, |b, d| base.values[b] * base.values[d] * noise[(b, d)]);
    let kicks: Vec<Mat<f64>> = (0..dims)
        .map(|i| {
            Mat::from_fn(n, n, |a, b| {
                0.5 * (turned[a][b][(i, 0)] + turned[b][a][(i, 0)])
            })
        })
        .collect();
    // Σ Ω_ab,i C_ac Ω_cd,j N_bd = ⟨C Ω_i N, Ω_j⟩, and likewise of the kicks.
    let areas_felt: Vec<Mat<f64>> = areas.iter().map(|area| &errors * area * &noise).collect();
    let kicks_felt: Vec<Mat<f64>> = kicks.iter().map(|kick| &noise * kick * &noise).collect();
    Mat::from_fn(dims, dims, |i, j| {
        inner(&areas_felt[i], &areas[j]) + kick * inner(&kicks_felt[i], &kicks[j])
    })
}

/// ⟨a, b⟩.
fn inner(a: &Mat<f64>, b: &Mat<f64>) -> f64 {
    let columns = (0..a.ncols()).map(|j| a.col_as_slice(j).iter().zip(b.col_as_slice(j)));
    columns.flatten().map(|(x, y)| x * y).sum()
}

/// Points of the manifold that stand for the scatter about one.
pub(super) struct Cloud {
    pub(super) points: Vec<Vec<f64>>,
    pub(super) weights: Vec<f64>,
    /// The variance of the scatter in its widest direction.
    pub(super) widest: f64,
}

/// Points of the manifold about `state` whose covariance is `scatter` in the basis `along`: the mean over them of each Q_k is that at `state`.
pub(super) fn cloud(
    model: &Model,
    state: &[f64],
    along: &Mat<f64>,
    scatter: &Mat<f64>,
) -> Result<Cloud, FlowError> {
    let mut axes: Vec<Vec<f64>> = Vec::new();
    let mut widest = 0.0;
    if scatter.nrows() > 0 {
        let spectral = decomposed(scatter)?;
        widest = spectral.largest().max(0.0);
        let floor = (NEGLIGIBLE * widest).max(NONE);
        let values = spectral.values.iter().enumerate();
        for (i, value) in values.filter(|(_, value)| **value > floor) {
            let direction = along * spectral.vectors.col(i);
            let size = (3.0 * value).sqrt();
            axes.push(direction.iter().map(|x| size * x).collect());
        }
    }
    if axes.is_empty() {
        return Ok(Cloud {
            points: vec![state.to_vec()],
            weights: vec![1.0],
            widest,
        });
    }
    let mut weights = vec![1.0 / 6.0; 2 * axes.len() + 1];
    weights[0] = 1.0 - axes.len() as f64 / 3.0;
    let mut centre = state.to_vec();
    let wanted = imbalances(&model.layers(state));
    let layers = model.layers(state);
    let mut points = spread(model, &centre, &axes)?;
    for _ in 0..3 {
        let mut excess: Vec<Mat<f64>> = wanted.iter().map(|q| faer::Scale(-1.0) * q).collect();
        for (point, weight) in points.iter().zip(&weights) {
            for (excess, q) in excess.iter_mut().zip(imbalances(&model.layers(point))) {
                *excess += faer::Scale(*weight) * q;
            }
        }
        let back = model.flatten(&symmetric_motion(&layers, &excess, widest)?);
        for (centre, back) in centre.iter_mut().zip(back) {
            *centre -= back;
        }
        points = spread(model, &centre, &axes)?;
    }
    Ok(Cloud {
        points,
        weights,
        widest,
    })
}

fn decomposed(scatter: &Mat<f64>) -> Result<Spectral, FlowError> {
    Spectral::of(scatter.as_ref()).ok_or(FlowError::Decomposition {
        what: "eigenvalue iteration of the scatter",
    })
}

/// So many points of the manifold about `centre`, drawn with the covariance `scatter` in the basis `along`, in pairs to either side.
pub(super) fn drawn(
    model: &Model,
    centre: &[f64],
    along: &Mat<f64>,
    scatter: &Mat<f64>,
    count: usize,
) -> Result<Vec<Vec<f64>>, FlowError> {
    let n = scatter.nrows();
    let root = if n == 0 {
        Mat::zeros(0, 0)
    } else {
        let Spectral { values, vectors } = decomposed(scatter)?;
        Mat::from_fn(n, n, |i, j| vectors[(i, j)] * values[j].max(0.0).sqrt())
    };
    let axes = along * root;
    let mut stream = Stream::new(1, Purpose::Probes);
    let mut points = Vec::with_capacity(count);
    while points.len() < count {
        let shift = &axes * Mat::from_fn(n, 1, |_, _| stream.normal());
        for sign in [1.0, -1.0] {
            let shifted = centre.iter().zip(shift.col_as_slice(0));
            let mut point: Vec<f64> = shifted.map(|(c, s)| c + sign * s).collect();
            to_manifold(model, &mut point)?;
            points.push(point);
        }
    }
    Ok(points)
}

/// `centre` and both ends of each axis about it, all put on the manifold.
fn spread(model: &Model, centre: &[f64], axes: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, FlowError> {
    let mut points = vec![centre.to_vec()];
    for axis in axes {
        for sign in [1.0, -1.0] {
            let point = centre.iter().zip(axis).map(|(c, a)| c + sign * a);
            points.push(point.collect());
        }
    }
    for point in &mut points {
        to_manifold(model, point)?;
    }
    Ok(points)
}

/// Q_k = W_kW_kᵀ − W_{k+1}ᵀW_{k+1}, k = 1 … D − 1.
fn imbalances(layers: &[Mat<f64>]) -> Vec<Mat<f64>> {
    let pairs = layers.windows(2);
    pairs
        .map(|w| &w[0] * w[0].transpose() - w[1].transpose() * &w[1])
        .collect()
}

/// The motion along the minima, without rotation of hidden bases, that changes the Q_k at the given rates.
///
/// Hidden units of weights below √`ridge` are not moved by it as far as that asks: at 0 no motion of theirs changes Q_k to first order.
pub(super) fn symmetric_motion(
    layers: &[Mat<f64>],
    rates: &[Mat<f64>],
    ridge: f64,
) -> Result<Vec<Mat<f64>>, FlowError> {
    let lift = Lift::new(layers);
    let mut generators = Vec::with_capacity(lift.unknowns());
    for rate in rates {
        for q in 0..rate.ncols() {
            for p in q..rate.nrows() {
                let both = 0.5 * (rate[(p, q)] + rate[(q, p)]);
                generators.push(if p == q { 0.5 * both } else { both });
            }
        }
    }
    if !rates.is_empty() {
        lift.ridged_gram(ridge)?.solve_in_place(&mut generators);
    }
    Ok(lift.apply(&generators))
}

/// An orthonormal basis of the directions along the minima that turn no hidden basis, n × its size.
pub(super) fn directions(point: &Point, model: &Model) -> Result<Mat<f64>, FlowError> {
    /// Singular values below this fraction of the largest count as zero.
    const SINGULAR: f64 = 1e-9;
    let (rows, columns) = (point.residual.nrows(), point.residual.ncols());
    let mut across: Vec<Vec<f64>> = Vec::new();
    for j in 0..columns {
        for i in 0..rows {
            let mut unit = Mat::zeros(rows, columns);
            unit[(i, j)] = 1.0;
            across.push(model.flatten(&lift(point, unit.as_ref())));
        }
    }
    let turns = turns(model, &point.layers);
    across.extend((0..turns.ncols()).map(|j| turns.col_as_slice(j).to_vec()));
    let across = Mat::from_fn(model.dim(), across.len(), |i, j| across[j][i]);
    let decomposition = across.svd().map_err(|_| FlowError::Decomposition {
        what: "singular value iteration of the directions across the minima",
    })?;
    let values = decomposition.S().column_vector();
    let rank = values
        .iter()
        .filter(|value| **value > SINGULAR * values[0])
        .count();
    Ok(decomposition
        .U()
        .subcols(rank, model.dim() - rank)
        .to_owned())
}
