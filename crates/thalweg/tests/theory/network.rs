//! A deep linear network's derivatives by brute force: products with layers replaced, nothing else.

use faer::Mat;
use proptest::prelude::*;
use thalweg::problem::{Problem, ProblemShape};

/// W_D … W_1 with some layers (index, replacement) replaced.
fn product(layers: &[Mat<f64>], replaced: &[(usize, &Mat<f64>)]) -> Mat<f64> {
    let mut result: Option<Mat<f64>> = None;
    for (k, layer) in layers.iter().enumerate() {
        let factor = replaced
            .iter()
            .find(|(index, _)| *index == k)
            .map_or(layer, |(_, m)| m);
        result = Some(result.map_or_else(|| factor.clone(), |below| factor * below));
    }
    result.unwrap()
}

/// Every weight as (layer, unit matrix).
fn units(layers: &[Mat<f64>]) -> Vec<(usize, Mat<f64>)> {
    let mut units = Vec::new();
    for (k, layer) in layers.iter().enumerate() {
        for j in 0..layer.ncols() {
            for i in 0..layer.nrows() {
                let mut unit = Mat::zeros(layer.nrows(), layer.ncols());
                unit[(i, j)] = 1.0;
                units.push((k, unit));
            }
        }
    }
    units
}

/// ∂(W_D … W_1)/∂w, one d_y × d_x matrix for each weight.
pub fn jacobian(layers: &[Mat<f64>]) -> Vec<Mat<f64>> {
    units(layers)
        .iter()
        .map(|(k, unit)| product(layers, &[(*k, unit)]))
        .collect()
}

/// tr(A Σ Bᵀ).
fn inner(a: &Mat<f64>, sigma: faer::MatRef<'_, f64>, b: &Mat<f64>) -> f64 {
    let left = a * sigma;
    (0..b.ncols())
        .map(|j| left.col(j).transpose() * b.col(j))
        .sum()
}

/// The full Hessian of the population loss ½ tr[(P − V) Σx (P − V)ᵀ] + const, P = W_D … W_1.
pub fn hessian(problem: &Problem, layers: &[Mat<f64>]) -> Mat<f64> {
    let (units, first) = (units(layers), jacobian(layers));
    let residual = product(layers, &[]) - problem.teacher();
    let sigma = problem.input_covariance();
    Mat::from_fn(units.len(), units.len(), |i, j| {
        let mut entry = inner(&first[i], sigma, &first[j]);
        let ((k, unit), (l, other)) = (&units[i], &units[j]);
        if k != l {
            entry += inner(
                &residual,
                sigma,
                &product(layers, &[(*k, unit), (*l, other)]),
            );
        }
        entry
    })
}

/// E‖∇ℓ‖² at a minimum: the gradient of a sample is −tr(εxᵀ ∂Pᵀ), so each weight adds
/// E (εᵀ ∂P x)² = tr(Σε ∂P Σx ∂Pᵀ).
pub fn fluctuation(problem: &Problem, layers: &[Mat<f64>]) -> f64 {
    let weighted = |d: &Mat<f64>| {
        inner(
            &(problem.noise_covariance() * d),
            problem.input_covariance(),
            d,
        )
    };
    jacobian(layers).iter().map(weighted).sum()
}

/// Eigenvalues, descending.
pub fn eigenvalues(matrix: &Mat<f64>) -> Vec<f64> {
    let mut values = matrix.self_adjoint_eigenvalues(faer::Side::Lower).unwrap();
    values.reverse();
    values
}

/// |a − b| ≤ tolerance · max(|a|, |b|).
pub fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * a.abs().max(b.abs())
}

/// Random problems of depth `depths`, of any rank, teacher zero included.
pub fn problems(depths: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Problem> {
    (1..=4_usize, 1..=4_usize, 0..=4_usize, depths, any::<u64>()).prop_map(
        |(input_dim, output_dim, rank, depth, seed)| {
            let rank = rank.min(input_dim).min(output_dim);
            Problem::random(
                ProblemShape {
                    input_dim,
                    output_dim,
                    rank,
                    depth,
                },
                seed,
            )
            .unwrap()
        },
    )
}

/// A problem with one of its matrices replaced.
pub fn with_noise(problem: &Problem, noise_covariance: Mat<f64>) -> Problem {
    Problem::with_hidden_widths(
        problem.input_covariance().to_owned(),
        problem.teacher().to_owned(),
        noise_covariance,
        problem.depth(),
        &problem.widths()[1..problem.depth()],
    )
    .unwrap()
}
