//! The spectral density, by stochastic Lanczos quadrature.

use std::f64::consts::TAU;

use faer::{Mat, Side};
use serde::{Deserialize, Serialize};

use super::error::require;
use super::host::Host;
use super::krylov::Krylov;
use super::space::Products;
use super::trace::Sampled;
use super::{CurvatureError, Dense, SymmetricOperator, VectorSpace};
use crate::estimate::{Estimate, Status, Uncertainty};

/// Differences between quadratures below this, relative to the integral of |f|, are rounding.
const ROUNDING: f64 = 1e-10;

/// Widths of a drawing's Gaussian that the spectrum's range has: fewer than Lanczos steps, as a rule, so that each converges.
const WIDTHS: f64 = 50.0;

/// How many probes, and how far each is taken.
#[derive(Clone, Debug, PartialEq)]
pub struct DensitySettings {
    /// Random vectors, ≥ 2. The standard error falls as 1/√probes.
    pub probes: usize,
    /// Lanczos steps for each, ≥ 2: moments up to 2·steps − 1 are free of quadrature error.
    pub steps: usize,
    /// Of the probes.
    pub seed: u64,
}

/// Columns of a small matrix formed at a time.
const COLUMNS: usize = 32;
/// Vectors that a probe needs beside its basis.
const WORKING_VECTORS: usize = 5;

impl DensitySettings {
    /// Vectors of length `dim` that are there at once, at most. (What a product takes beside them is the operator's.)
    pub fn vectors(&self, dim: usize) -> usize {
        if dim <= self.probes.saturating_mul(self.steps) {
            return dim + 2 * COLUMNS;
        }
        self.steps.saturating_add(WORKING_VECTORS)
    }

    fn validate(&self) -> Result<(), CurvatureError> {
        require(self.probes >= 2, "probes", self.probes, "at least 2")?;
        require(self.steps >= 2, "steps", self.steps, "at least 2")
    }
}

/// A quadrature rule: Σ w f(θ) for the integral of f, θ in ascending order.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Rule(Vec<(f64, f64)>);

impl Rule {
    fn integral(&self, f: &impl Fn(f64) -> f64) -> f64 {
        self.0.iter().map(|&(node, weight)| weight * f(node)).sum()
    }

    /// The weight of the nodes that are at most `bound`.
    fn up_to(&self, bound: f64) -> f64 {
        self.integral(&until(bound))
    }
}

/// 1 up to `bound`, and 0 beyond.
fn until(bound: f64) -> impl Fn(f64) -> f64 {
    move |x| if x <= bound { 1.0 } else { 0.0 }
}

/// The rules that one probe gives.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Probed {
    gauss: Rule,
    /// Its error is about that of the Gauss rule with one node less, with the other sign.
    anti: Rule,
    /// The Gauss rule with one node less, whose nodes lie between those of `gauss`.
    coarse: Rule,
}

impl Probed {
    /// How far the Gauss rule's weight up to `bound` is from the measure's, as a standard deviation: by the rule that is farther from it.
    fn apart(&self, bound: f64) -> f64 {
        let found = [&self.anti, &self.coarse].map(|other| self.distance(other, bound));
        found.into_iter().fold(0.0, f64::max)
    }

    /// The distance to `other` up to `bound`: there, or in the root mean square between the nodes beside it, whichever is more. Both rules rise by steps, and where
    /// eigenvalues lie closely a step is the error; at one point the two may agree by chance. The measure lies anywhere up to this distance: its mean square is a third.
    fn distance(&self, other: &Rule, bound: f64) -> f64 {
        let known = self.gauss.up_to(bound);
        let square = |x: f64| (known - other.up_to(x)).powi(2);
        let here = square(bound);
        let nodes = &self.gauss.0;
        let after = nodes.partition_point(|&(node, _)| node <= bound);
        let mean = if after == 0 || after == nodes.len() {
            here
        } else {
            let (low, high) = (nodes[after - 1].0, nodes[after].0);
            let between = other.0.iter().map(|&(node, _)| node);
            let between = between.filter(|node| low < *node && *node < high);
            let (mut from, mut area) = (low, 0.0);
            for node in between.chain([high]) {
                area += (node - from) * square(from);
                from = node;
            }
            area / (high - low)
        };
        (here.max(mean) / 3.0).sqrt()
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Rules {
    /// All eigenvalues.
    Exact(Rule),
    Probes(Vec<Probed>),
}

/// The spectral density φ(λ) = (1/n) Σ_i δ(λ − λ_i): the eigenvalues' distribution, of total mass 1.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Density {
    rules: Rules,
    matvecs: usize,
}

/// The spectral density of `operator`.
///
/// Stochastic Lanczos quadrature (Ubaru, Chen and Saad, *Fast estimation of tr(f(A)) via stochastic
/// Lanczos quadrature*, 2017): for a random unit vector v, vᵀf(A)v has the expectation ∫f φ, and Lanczos
/// from v, here with full reorthogonalisation, gives its Gauss rule. Where the dimension is at most probes · steps the
/// eigenvalues themselves are computed instead, exactly.
///
/// Two errors remain: that of sampling, which is the standard error over probes; and that of quadrature, estimated by the
/// anti-Gauss rule (Laurie, *Anti-Gaussian quadrature formulas*, 1996), of the share of eigenvalues up to a bound by the Gauss rule of one step less too, whose nodes lie elsewhere. The error of every integral is the root of the sum of both squares, and an integral has converged when
/// the second is below the first.
///
/// # Errors
/// When there are fewer than two probes or steps, a product fails or is not finite, or a decomposition fails.
pub fn density<A: SymmetricOperator + ?Sized>(
    operator: &mut A,
    settings: &DensitySettings,
) -> Result<Density, CurvatureError<A::Error>> {
    density_in(&mut Host::new(operator, settings.seed), settings)
}

/// [`density`] of a space's operator. The space draws the probes: `settings.seed` is not looked at.
///
/// # Errors
/// As [`density`].
pub fn density_in<S: VectorSpace + ?Sized>(
    space: &mut S,
    settings: &DensitySettings,
) -> Result<Density, CurvatureError<S::Error>> {
    settings.validate().map_err(CurvatureError::widen)?;
    let mut products = Products::new(space)?;
    let dim = products.dim();
    if dim <= settings.probes.saturating_mul(settings.steps) {
        let values = dense(&mut products)?
            .spectrum()
            .map_err(CurvatureError::widen)?;
        let weight = 1.0 / dim as f64;
        return Ok(Density {
            rules: Rules::Exact(Rule(values.iter().map(|&value| (value, weight)).collect())),
            matvecs: dim,
        });
    }
    let mut matvecs = 0;
    let mut rules = Vec::with_capacity(settings.probes);
    for _ in 0..settings.probes {
        let start = products.space.normal(1).map_err(CurvatureError::Operator)?;
        let products = products.more(matvecs);
        let mut krylov = Krylov::new(products, start, 1, settings.steps)?;
        rules.push(quadrature(&mut krylov, settings.steps)?);
        matvecs = krylov.matvecs();
    }
    Ok(Density {
        rules: Rules::Probes(rules),
        matvecs,
    })
}

/// The matrix of a small operator.
fn dense<S: VectorSpace + ?Sized>(
    products: &mut Products<'_, S>,
) -> Result<Dense, CurvatureError<S::Error>> {
    let dim = products.dim();
    let units = products
        .space
        .units(0..dim)
        .map_err(CurvatureError::Operator)?;
    let mut matrix = Mat::zeros(dim, dim);
    products.each(&units, dim, COLUMNS, |space, columns, images| {
        let part = space.inner(&units, 0..dim, &images)?;
        matrix
            .subcols_mut(columns.start, columns.len())
            .copy_from(&part);
        Ok(())
    })?;
    Dense::new(matrix).map_err(CurvatureError::widen)
}

impl Density {
    /// The mean of f over the spectrum, ∫ f φ = (1/n) tr f(A), for a smooth f. (The two rules may agree by chance on one that jumps.)
    pub fn integral(&self, f: impl Fn(f64) -> f64) -> Estimate {
        self.estimate(&f, |probes, value| {
            let by_anti = mean(probes, |probed| probed.anti.integral(&f));
            let by_coarse = mean(probes, |probed| probed.coarse.integral(&f));
            (value - by_anti).abs().max((value - by_coarse).abs())
        })
    }

    /// ∫ f φ, `quadrature` being its error of quadrature from the probes and the value.
    fn estimate(
        &self,
        f: &impl Fn(f64) -> f64,
        quadrature: impl Fn(&[Probed], f64) -> f64,
    ) -> Estimate {
        let probes = match &self.rules {
            Rules::Exact(rule) => {
                return Estimate {
                    value: rule.integral(f),
                    uncertainty: Uncertainty::Rounding,
                    matvecs: self.matvecs,
                    status: Status::Exact,
                };
            }
            Rules::Probes(probes) => probes,
        };
        let samples: Vec<f64> = probes
            .iter()
            .map(|probed| probed.gauss.integral(f))
            .collect();
        let Sampled { value, error, .. } = Sampled::mean(&samples);
        let size = mean(probes, |probed| probed.gauss.integral(&|x| f(x).abs()));
        let quadrature = match quadrature(probes, value) {
            rounding if rounding <= ROUNDING * size => 0.0,
            apart => apart,
        };
        Estimate {
            value,
            uncertainty: Uncertainty::StandardError {
                value: error.hypot(quadrature),
                probes: probes.len(),
            },
            matvecs: self.matvecs,
            status: Status::met(quadrature <= error),
        }
    }

    /// The spectrum's moment of order p, ∫ λ^p φ = (1/n) tr A^p, with its standard error.
    pub fn moment(&self, power: i32) -> Estimate {
        self.integral(|x| x.powi(power))
    }

    /// The fraction of eigenvalues that are at most `bound`. Where they lie closely about it, its error of quadrature falls as 1/steps alone. Below the smallest and
    /// above the largest node ([`Density::range`]) nothing is seen of them: 0 and 1 are given there, and eigenvalues over many decades may lie beyond.
    pub fn cumulative(&self, bound: f64) -> Estimate {
        self.estimate(&until(bound), |probes, _| {
            mean(probes, |probed| probed.apart(bound))
        })
    }

    /// φ smoothed by a Gaussian of standard deviation `width` > 0, at `point`: to be drawn. Smoothing needs
    /// steps of the order of ‖A‖/width to converge.
    ///
    /// # Errors
    /// When `width` is not positive.
    pub fn smoothed(&self, point: f64, width: f64) -> Result<Estimate, CurvatureError> {
        require(width > 0.0, "width", width, "positive")?;
        let height = 1.0 / (width * TAU.sqrt());
        Ok(self.integral(|x| height * (-0.5 * ((x - point) / width).powi(2)).exp()))
    }

    /// By how much to smooth a drawing: a fiftieth of the spectrum's range.
    pub fn drawn_width(&self) -> f64 {
        let (low, high) = self.range();
        // A spectrum of one point has no range; its size is the next best scale.
        let scale = if high > low {
            high - low
        } else {
            high.abs().max(1.0)
        };
        scale / WIDTHS
    }

    /// What to draw: [`Density::smoothed`] by `width` at `points` ≥ 2 points, which reach three widths beyond the range.
    ///
    /// # Errors
    /// When `width` is not positive, or there are fewer than two points.
    pub fn curve(&self, points: usize, width: f64) -> Result<Vec<(f64, Estimate)>, CurvatureError> {
        require(points >= 2, "points", points, "at least 2")?;
        let (low, high) = self.range();
        let (from, to) = (low - 3.0 * width, high + 3.0 * width);
        let point = |i: usize| from + (to - from) * i as f64 / (points - 1) as f64;
        let each = (0..points).map(|i| Ok((point(i), self.smoothed(point(i), width)?)));
        each.collect()
    }

    /// The smallest and the largest node: where to draw. They lie within the spectrum, close to its ends.
    pub fn range(&self) -> (f64, f64) {
        let rules: Vec<&Rule> = match &self.rules {
            Rules::Exact(rule) => vec![rule],
            Rules::Probes(probes) => probes.iter().map(|probed| &probed.gauss).collect(),
        };
        rules.iter().flat_map(|rule| &rule.0).fold(
            (f64::INFINITY, f64::NEG_INFINITY),
            |(low, high), &(x, _)| (low.min(x), high.max(x)),
        )
    }
}

/// The mean over the probes.
fn mean(probes: &[Probed], of: impl Fn(&Probed) -> f64) -> f64 {
    probes.iter().map(of).sum::<f64>() / probes.len() as f64
}

/// The rules of the measure that the basis' first vector sees.
fn quadrature<S: VectorSpace + ?Sized>(
    krylov: &mut Krylov<'_, S>,
    steps: usize,
) -> Result<Probed, CurvatureError<S::Error>> {
    let (mut diagonal, mut coupling) = (Vec::new(), Vec::new());
    for step in 0..steps {
        krylov.grow(1)?;
        let known = krylov.coefficients();
        diagonal.push(known[(step, step)]);
        if step + 1 == steps {
            break;
        }
        // Nothing left: the probe sees no more than the steps so far, and their rule is exact.
        if krylov.ahead() == 0 || known[(step + 1, step)] == 0.0 {
            break;
        }
        coupling.push(known[(step + 1, step)]);
    }
    let gauss = rule(&diagonal, &coupling).map_err(CurvatureError::widen)?;
    let known = diagonal.len();
    if known < steps {
        return Ok(Probed {
            anti: gauss.clone(),
            coarse: gauss.clone(),
            gauss,
        });
    }
    let coarse = rule(&diagonal[..known - 1], &coupling[..known - 2]);
    let coarse = coarse.map_err(CurvatureError::widen)?;
    if let Some(last) = coupling.last_mut() {
        *last *= 2.0_f64.sqrt();
    }
    Ok(Probed {
        gauss,
        coarse,
        anti: rule(&diagonal, &coupling).map_err(CurvatureError::widen)?,
    })
}

/// The eigenvalues of a symmetric tridiagonal matrix, weighted by the squared first entries of their vectors.
fn rule(diagonal: &[f64], coupling: &[f64]) -> Result<Rule, CurvatureError> {
    let n = diagonal.len();
    let matrix = Mat::from_fn(n, n, |i, j| match i.abs_diff(j) {
        0 => diagonal[i],
        1 => coupling[i.min(j)],
        _ => 0.0,
    });
    let eigen =
        matrix
            .self_adjoint_eigen(Side::Lower)
            .map_err(|_| CurvatureError::Decomposition {
                what: "eigenvalue decomposition of the quadrature",
            })?;
    Ok(Rule(
        (0..n)
            .map(|j| (eigen.S()[j], eigen.U()[(0, j)].powi(2)))
            .collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Laurie's rule of n nodes has the error of the Gauss rule of n − 1 with the other sign, for all powers up to 2n − 1, which the
    /// Gauss rule of n has exactly. Three rules from the same probe.
    #[test]
    fn the_anti_gauss_rule_errs_to_the_other_side() {
        const DIM: usize = 40;
        let matrix = Mat::from_fn(
            DIM,
            DIM,
            |i, j| {
                if i == j { (3.0 * i as f64).sin() } else { 0.0 }
            },
        );
        let probes = |steps: usize| {
            let settings = DensitySettings {
                probes: 2,
                steps,
                seed: 3,
            };
            let found = density(&mut Dense::new(matrix.clone()).unwrap(), &settings).unwrap();
            match found.rules {
                Rules::Probes(probes) => probes,
                Rules::Exact(_) => panic!("{DIM} is more than the probes see"),
            }
        };
        let power = |p: i32| move |x: f64| x.powi(p);
        for n in [3, 4, 6] {
            // The first probe alone: the second goes on from where the first one ends.
            let (coarse, fine) = (&probes(n - 1)[0], &probes(n)[0]);
            for p in 0..2 * n as i32 {
                let exact = fine.gauss.integral(&power(p));
                let middle =
                    0.5 * (coarse.gauss.integral(&power(p)) + fine.anti.integral(&power(p)));
                assert!((middle - exact).abs() < 1e-13, "{n}, {p}: {middle} {exact}");
            }
            let last = power(2 * n as i32 - 2);
            let error = coarse.gauss.integral(&last) - fine.gauss.integral(&last);
            assert!(error.abs() > 1e-4, "{n}: {error}");
        }
    }
}
