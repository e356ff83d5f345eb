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
    points::{Draws, Moves, Observations, padded},
    rule::{Node, degree_five},
};
use crate::random::{Purpose, Stream};

/// The share of each correction that is made.
const DAMPING: f64 = 0.7;

/// A law is stationary when a correction changes S, or μ relative to its spread, by less than this.
const TOLERANCE: f64 = 1e-4;

/// Corrections after which there is none to be found.
const MOST_CORRECTIONS: usize = 60;

/// Draws by which the means of λ_max and of condition numbers are found: their errors are then some thousandths.
const DRAWS: usize = 4096;

/// Points of the scatter that the draws are spread over.
pub(super) const POINTS: usize = 64;

/// Draws about each of them.
const CHUNK: usize = DRAWS / POINTS;

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
    /// ⟨E Eᵀ⟩ of E stacked, n × n.
    pub(super) second_moment: Mat<f64>,
    /// ⟨E⟩, n × 1.
    pub(super) mean_error: Mat<f64>,
    /// The motion of Q_k per step, h_k × h_k, k = 1 … D − 1.
    pub(super) imbalances: Vec<Mat<f64>>,
}

/// Means that are found by draws.
pub(super) struct Drawn {
    /// ⟨λ_max⟩.
    pub(super) lambda_max: f64,
    /// ⟨σ_max/σ_min⟩ of W_1 … W_D.
    pub(super) layer_conditions: Vec<f64>,
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
    /// Standard normal numbers, a draw in each row.
    draws: Mat<f64>,
}

/// Z as a polynomial in standard normal variables x, in the eigenbasis: Z_s = μ_s + Σ_i a_si x_i + Σ_{i≤j} b_s,ij x_i x_j.
struct Bent {
    /// a.
    axes: Mat<f64>,
    /// b_s on and below the diagonal.
    bends: Vec<Mat<f64>>,
}

impl Bent {
    /// Z_s at a node of the quadrature.
    fn at_node(&self, s: usize, node: &Node) -> f64 {
        let reach = 3f64.sqrt();
        let bend = &self.bends[s];
        let mut at = 0.0;
        for (i, sign) in node.first.iter().chain(&node.second) {
            at += reach * sign * self.axes[(s, *i)] + 3.0 * bend[(*i, *i)];
        }
        if let (Some((i, s)), Some((j, t))) = (node.first, node.second) {
            at += 3.0 * s * t * bend[(i, j)];
        }
        at
    }

    /// Z_s at the draw `x`.
    fn at_draw(&self, s: usize, x: faer::RowRef<'_, f64>) -> f64 {
        let bend = &self.bends[s];
        let mut at = 0.0;
        for i in 0..x.ncols() {
            at += self.axes[(s, i)] * x[i] + bend[(i, i)] * x[i] * x[i];
            for j in 0..i {
                at += bend[(i, j)] * x[i] * x[j];
            }
        }
        at
    }
}

impl<'a> Laws<'a> {
    pub(super) fn new(net: &'a Network, rate: f64) -> Self {
        let nodes = degree_five(net.size());
        let weights = Mat::from_fn(padded(nodes.len()), 1, |p, _| {
            nodes.get(p).map_or(0.0, |node| node.weight)
        });
        let mut stream = Stream::new(0, Purpose::Probes);
        Self {
            net,
            rate,
            nodes,
            weights,
            draws: Mat::from_fn(DRAWS, net.size(), |_, _| stream.normal()),
        }
    }

    /// ⟨λ_max⟩ and each layer's mean condition number, by draws of Z from the law `gaussian` about `base`, each at one of
    /// [`POINTS`] drawn from the scatter.
    ///
    /// They have kinks where two eigenvalues meet, or two singular values, as they do everywhere near the flattest minimum of isotropic
    /// noise, and there quadratures, exact for polynomials, miss up to a sixth. The draws' error is lessened by that of T, whose
    /// mean `sharpness` is known: ⟨x − β(T − ⟨T⟩)⟩ with the β that scatters least.
    pub(super) fn drawn(
        &self,
        base: &Base,
        gaussian: &Gaussian,
        points: &[Vec<f64>],
        sharpness: f64,
    ) -> Result<Drawn, NoLaw> {
        let (n, vectors) = (self.net.size(), &base.vectors);
        let covariance = vectors.transpose() * &gaussian.covariance * vectors;
        let (bent, _) = bent(base, &covariance)?;
        let columns = Draws::columns(self.net);
        let mut seen = vec![Vec::with_capacity(DRAWS); columns];
        let mut values = vec![0.0; columns * CHUNK];
        let mut z = vec![0.0; CHUNK * n];
        for (first, point) in (0..DRAWS).step_by(CHUNK).zip(points) {
            let drawn = Mat::from_fn(CHUNK, n, |p, s| bent.at_draw(s, self.draws.row(first + p)));
            let turned = drawn * vectors.transpose();
            for (i, z) in z.chunks_exact_mut(CHUNK).enumerate() {
                for (z, turned) in z.iter_mut().zip(turned.col_as_slice(i)) {
                    *z = turned + gaussian.mean[(i, 0)];
                }
            }
            Draws {
                net: self.net,
                base: point,
                z: &z,
                values: &mut values,
            }
            .evaluate();
            for (seen, values) in seen.iter_mut().zip(values.chunks_exact(CHUNK)) {
                seen.extend_from_slice(values);
            }
        }
        let corrected = |values: &Vec<f64>| corrected_mean(values, &seen[0], sharpness);
        Ok(Drawn {
            lambda_max: corrected(&seen[1]),
            layer_conditions: seen[2..].iter().map(corrected).collect(),
        })
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

    /// The bent nodes of a Gaussian of this covariance, one in each row; and the covariance, with eigenvalues that rounding or noiseless
    /// outputs made too small lifted.
    fn nodes(&self, base: &Base, covariance: &Mat<f64>) -> Result<(Mat<f64>, Mat<f64>), NoLaw> {
        let (bent, symmetric) = bent(base, covariance)?;
        let n = self.net.size();
        let mut nodes = Mat::zeros(padded(self.nodes.len()), n);
        for s in 0..n {
            for (entry, node) in nodes.col_as_slice_mut(s).iter_mut().zip(&self.nodes) {
                *entry = bent.at_node(s, node);
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
        let errors = &columns[2..2 + n];
        let weights = self.weights.col_as_slice(0);
        let mut rest = columns[2 + n..].iter();
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
            second_moment: Mat::from_fn(n, n, |i, j| {
                let products = errors[i].iter().zip(errors[j]).zip(weights);
                products.map(|((x, y), w)| x * y * w).sum()
            }),
            mean_error: Mat::from_fn(n, 1, |i, _| self.mean(errors[i])),
            imbalances,
        }
    }
}

/// ⟨values⟩ less what the draws' mean of `beside` is off from `known`, in proportion.
fn corrected_mean(values: &[f64], beside: &[f64], known: f64) -> f64 {
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let (centre, mean) = (mean(beside), mean(values));
    let (mut both, mut own) = (0.0, 0.0);
    for (x, y) in beside.iter().zip(values) {
        both += (x - centre) * (y - mean);
        own += (x - centre).powi(2);
    }
    mean - both / own.max(f64::MIN_POSITIVE) * (centre - known)
}

/// A Gaussian of this covariance in the eigenbasis, bent by the third cumulant of the stationary law; and the covariance, lifted where it
/// must be.
///
/// The cumulant κ satisfies κ_slm (λ_s + r_l + r_m) = −D_s(l, m) + …, the rates r being those of the directions of the columns of S's
/// Cholesky factor.
fn bent(base: &Base, covariance: &Mat<f64>) -> Result<(Bent, Mat<f64>), NoLaw> {
    let n = covariance.nrows();
    let symmetric = Mat::from_fn(n, n, |i, j| 0.5 * (covariance[(i, j)] + covariance[(j, i)]));
    let (symmetric, axes) = match symmetric.llt(Side::Lower) {
        Ok(cholesky) => (symmetric, cholesky.L().to_owned()),
        Err(_) => {
            let lifted = lifted(&symmetric)?;
            let factor = lifted.llt(Side::Lower).map_err(|_| NoLaw)?.L().to_owned();
            (lifted, factor)
        }
    };
    let rates: Vec<f64> = (0..n)
        .map(|j| {
            let squares = axes.col_as_slice(j).iter().map(|x| x * x);
            let weighted = squares.clone().zip(&base.values);
            weighted.map(|(x, value)| x * value).sum::<f64>() / squares.sum::<f64>()
        })
        .collect();
    let bends = base
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
    Ok((Bent { axes, bends }, symmetric))
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
