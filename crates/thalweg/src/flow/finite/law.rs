//! The stationary law of SGD's fluctuation about one point of the manifold of minima.
//!
//! In Z (see `base.rs`) the noise of a step is nearly additive. Z is taken as a Gaussian of mean μ and covariance S that its
//! third cumulant bends; one step moves it by −ηG(Z)Γ, and by what the step's straight line misses of the flow:
//! with σ(Z) = −(η/2) G K⁻¹ J[⟨Dh_Γ[h_Γ]⟩] and f = GE − σ the law is stationary where
//!
//! ⟨f⟩ = 0,  ⟨z fᵀ⟩ + ⟨f zᵀ⟩ = η ⟨G ΓΓᵀ Gᵀ⟩,  z = Z − ⟨Z⟩.

use faer::{Accum, Mat, MatMut, MatRef, Par, Side, linalg::matmul::matmul};

use super::{
    base::Base,
    network::Network,
    points::{Moves, Observations, padded},
    rule::{Node, degree_five},
};

/// The share of each correction that is made.
const DAMPING: f64 = 0.7;

/// A law is stationary when a correction changes S, or μ relative to its spread, by less than this.
const TOLERANCE: f64 = 1e-4;

/// Corrections after which there is none to be found.
const MOST_CORRECTIONS: usize = 60;

/// Eigenvalues of S are kept above this fraction of its largest.
const FLOOR: f64 = 1e-9;

/// Mean and covariance of Z, d_y rank Σx numbers each way.
#[derive(Clone)]
pub(super) struct Gaussian {
    mean: Mat<f64>,
    covariance: Mat<f64>,
}

/// The fluctuation about one point: means over it.
pub(super) struct Law {
    /// Where the next law's iteration may begin.
    pub(super) gaussian: Gaussian,
    /// ⟨T⟩.
    pub(super) sharpness: f64,
    /// ⟨F⟩.
    pub(super) fluctuation: f64,
    /// ⟨λ_max⟩.
    pub(super) lambda_max: f64,
    /// ⟨E Eᵀ⟩ of E stacked, n × n.
    pub(super) second_moment: Mat<f64>,
    /// ⟨E⟩, n × 1.
    pub(super) mean_error: Mat<f64>,
    /// The motion of Q_k per step, h_k × h_k, k = 1 … D − 1.
    pub(super) imbalances: Vec<Mat<f64>>,
}

/// There is no stationary law: the iteration towards it runs away.
#[derive(Debug)]
pub(super) struct NoLaw;

/// The quadrature and the problem, which all laws of one run share.
pub(super) struct Laws<'a> {
    net: &'a Network,
    rate: f64,
    nodes: Vec<Node>,
    /// Their weights, padded with zeros.
    weights: Mat<f64>,
}

impl<'a> Laws<'a> {
    pub(super) fn new(net: &'a Network, rate: f64) -> Self {
        let nodes = degree_five(net.size());
        let weights = Mat::from_fn(padded(nodes.len()), 1, |p, _| {
            nodes.get(p).map_or(0.0, |node| node.weight)
        });
        Self {
            net,
            rate,
            nodes,
            weights,
        }
    }

    /// The law about `base` with the noise covariance `noise` = I ⊗ Σε, sought from `start` or from the leading order.
    pub(super) fn about(
        &self,
        base: &Base,
        noise: &Mat<f64>,
        start: Option<&Gaussian>,
    ) -> Result<Law, NoLaw> {
        let (n, values, vectors) = (self.net.size(), &base.values, &base.vectors);
        let (mut mean, mut covariance) = match start {
            Some(start) => (
                vectors.transpose() * &start.mean,
                vectors.transpose() * &start.covariance * vectors,
            ),
            None => {
                let rotated = vectors.transpose() * noise * vectors;
                let size = 0.9 * self.rate / self.net.batch;
                (
                    Mat::zeros(n, 1),
                    faer::Scale(size) * over_sums(&rotated, values),
                )
            }
        };
        let length = padded(self.nodes.len());
        let mut z = vec![0.0; length * n];
        let mut drift = vec![0.0; length * n];
        let mut noises = vec![0.0; length * n * (n + 1) / 2];
        for _ in 0..MOST_CORRECTIONS {
            let (mut nodes, positive) = self.nodes(base, &covariance)?;
            covariance = positive;
            let shifted = Mat::from_fn(length, n, |p, i| nodes[(p, i)] + mean[(i, 0)]);
            matmul(
                MatMut::from_column_major_slice_mut(&mut z, length, n),
                Accum::Replace,
                &shifted,
                vectors.transpose(),
                1.0,
                Par::Seq,
            );
            Moves {
                net: self.net,
                rate: self.rate,
                base: &base.weights,
                turn: &base.turn,
                z: &z,
                drift: &mut drift,
                noise: &mut noises,
            }
            .evaluate();

            // In the eigenbasis: ⟨f⟩, ⟨z fᵀ⟩ and ⟨G ΓΓᵀ Gᵀ⟩.
            let drift = MatRef::from_column_major_slice(&drift, length, n) * vectors;
            let average = drift.transpose() * &self.weights;
            for i in 0..n {
                let centre = self.mean(nodes.col_as_slice(i));
                let weights = self.weights.col_as_slice(0);
                for (node, weight) in nodes.col_as_slice_mut(i).iter_mut().zip(weights) {
                    *node = weight * (*node - centre);
                }
            }
            let pull = nodes.transpose() * &drift;
            let noise = vectors.transpose() * self.averaged(&noises) * vectors;
            let excess = faer::Scale(self.rate) * noise - &pull - pull.transpose();
            let correction = faer::Scale(DAMPING) * over_sums(&excess, values);
            let step = Mat::from_fn(n, 1, |i, _| DAMPING * average[(i, 0)] / values[i]);

            let size = covariance.norm_max();
            let error = (correction.norm_max() / size).max(step.norm_max() / size.sqrt());
            if error.is_nan() || error > 1e3 {
                return Err(NoLaw);
            }
            mean -= step;
            covariance += correction;
            if error < TOLERANCE {
                let gaussian = Gaussian {
                    mean: vectors * mean,
                    covariance: vectors * covariance * vectors.transpose(),
                };
                return Ok(self.observed(base, &z, gaussian));
            }
        }
        Err(NoLaw)
    }

    /// The bent nodes of a Gaussian of this covariance, one in each row, about their mean; and the covariance, with
    /// eigenvalues that rounding or noiseless outputs made too small lifted.
    ///
    /// The third cumulant κ of the stationary law satisfies κ_slm (λ_s + r_l + r_m) = −D_s(l, m) + …, the rates r being those of
    /// the directions of the columns of S's Cholesky factor.
    fn nodes(&self, base: &Base, covariance: &Mat<f64>) -> Result<(Mat<f64>, Mat<f64>), NoLaw> {
        let n = self.net.size();
        let symmetric = Mat::from_fn(n, n, |i, j| 0.5 * (covariance[(i, j)] + covariance[(j, i)]));
        let (symmetric, factor) = match symmetric.llt(Side::Lower) {
            Ok(cholesky) => (symmetric, cholesky.L().to_owned()),
            Err(_) => {
                let lifted = lifted(&symmetric)?;
                let factor = lifted.llt(Side::Lower).map_err(|_| NoLaw)?.L().to_owned();
                (lifted, factor)
            }
        };
        let rates: Vec<f64> = (0..n)
            .map(|j| {
                let squares = factor.col_as_slice(j).iter().map(|x| x * x);
                let weighted = squares
                    .clone()
                    .zip(&base.values)
                    .map(|(x, value)| x * value);
                weighted.sum::<f64>() / squares.sum::<f64>()
            })
            .collect();
        let axes = faer::Scale(3f64.sqrt()) * factor;
        let bends: Vec<Mat<f64>> = base
            .bend
            .iter()
            .zip(&base.values)
            .map(|(form, value)| {
                let form = axes.transpose() * form * &axes;
                Mat::from_fn(n, n, |i, j| {
                    let bend = -form[(i, j)] / (value + rates[i] + rates[j]);
                    if i == j { 0.5 * bend } else { bend }
                })
            })
            .collect();
        let mut nodes = Mat::zeros(padded(self.nodes.len()), n);
        for (s, bend) in bends.iter().enumerate() {
            let column = nodes.col_as_slice_mut(s);
            for (entry, node) in column.iter_mut().zip(&self.nodes) {
                let mut at = 0.0;
                for (i, sign) in node.first.iter().chain(&node.second) {
                    at += sign * axes[(s, *i)] + bend[(*i, *i)];
                }
                if let (Some((i, s)), Some((j, t))) = (node.first, node.second) {
                    at += s * t * bend[(i, j)];
                }
                *entry = at;
            }
        }
        Ok((nodes, symmetric))
    }

    /// The mean of symmetric matrices given on and below the diagonal.
    fn averaged(&self, columns: &[f64]) -> Mat<f64> {
        let n = self.net.size();
        let length = self.weights.nrows();
        let mut mean = Mat::zeros(n, n);
        let mut columns = columns.chunks_exact(length);
        for j in 0..n {
            for i in j..n {
                if let Some(column) = columns.next() {
                    let entry = self.mean(column);
                    mean[(i, j)] = entry;
                    mean[(j, i)] = entry;
                }
            }
        }
        mean
    }

    fn mean(&self, column: &[f64]) -> f64 {
        let weights = self.weights.col_as_slice(0);
        column.iter().zip(weights).map(|(x, w)| x * w).sum()
    }

    /// What is seen at the nodes `z` of the stationary law.
    fn observed(&self, base: &Base, z: &[f64], gaussian: Gaussian) -> Law {
        let (net, n) = (self.net, self.net.size());
        let length = z.len() / n;
        let mut values = vec![0.0; Observations::columns(net) * length];
        Observations {
            net,
            base: &base.weights,
            z,
            values: &mut values,
        }
        .evaluate();
        let columns: Vec<&[f64]> = values.chunks_exact(length).collect();
        let errors = &columns[3..3 + n];
        let weights = self.weights.col_as_slice(0);
        let mut rest = columns[3 + n..].iter();
        let imbalances = (0..net.depth() - 1)
            .map(|k| {
                let mut square = Mat::zeros(net.width(k), net.width(k));
                for j in 0..net.width(k) {
                    for (entry, column) in square.col_as_slice_mut(j).iter_mut().zip(&mut rest) {
                        *entry = self.rate * self.rate * self.mean(column);
                    }
                }
                square
            })
            .collect();
        Law {
            gaussian,
            sharpness: self.mean(columns[0]),
            fluctuation: self.mean(columns[1]),
            lambda_max: self.mean(columns[2]),
            second_moment: Mat::from_fn(n, n, |i, j| {
                let products = errors[i].iter().zip(errors[j]).zip(weights);
                products.map(|((x, y), w)| x * y * w).sum()
            }),
            mean_error: Mat::from_fn(n, 1, |i, _| self.mean(errors[i])),
            imbalances,
        }
    }
}

/// m_ij / (λ_i + λ_j).
fn over_sums(m: &Mat<f64>, values: &[f64]) -> Mat<f64> {
    Mat::from_fn(m.nrows(), m.ncols(), |i, j| {
        m[(i, j)] / (values[i] + values[j])
    })
}

/// A symmetric matrix with its eigenvalues raised to [`FLOOR`] times the largest.
fn lifted(symmetric: &Mat<f64>) -> Result<Mat<f64>, NoLaw> {
    let eigen = symmetric
        .self_adjoint_eigen(Side::Lower)
        .map_err(|_| NoLaw)?;
    let values = eigen.S().column_vector();
    let n = symmetric.nrows();
    let floor = FLOOR * values[n - 1];
    if floor.is_nan() || floor <= 0.0 {
        return Err(NoLaw);
    }
    let scaled = Mat::from_fn(n, n, |i, j| eigen.U()[(i, j)] * values[j].max(floor));
    Ok(scaled * eigen.U().transpose())
}
