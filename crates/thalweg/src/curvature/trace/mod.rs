//! The trace: exactly where that is affordable, else from random probes with a standard error.

mod hutch_pp;
mod hutchinson;
mod xtrace;

use super::error::require;
use super::host::Host;
use super::orthonormal::in_place;
use super::space::Products;
use super::{CurvatureError, SymmetricOperator, VectorSpace};
use crate::estimate::{Estimate, Status, Uncertainty};

/// Vectors applied at a time: enough to fill a block product, few enough to store.
const WIDTH: usize = 32;

/// How to estimate the trace of an operator too large to read its diagonal. All are unbiased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceMethod {
    /// The mean of ωᵀAω. Error of order ‖A‖_F/√m after m products, whatever the spectrum.
    Hutchinson,
    /// The trace on a sketched range exactly, the rest by Hutchinson. Error of order tr A/m for A ⪰ 0.
    HutchPlusPlus,
    /// As Hutch++, but every probe serves for both: best where the spectrum decays.
    XTrace,
}

impl TraceMethod {
    /// Products for two probes, without which there is no standard error.
    fn least_matvecs(self) -> usize {
        match self {
            Self::Hutchinson => 2,
            Self::HutchPlusPlus => 6,
            Self::XTrace => 4,
        }
    }
}

/// How to compute a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceSettings {
    /// The method, where the trace is not computed exactly.
    pub method: TraceMethod,
    /// Products with one vector, at most. All are used, whatever the standard error
    /// does meanwhile: to stop as soon as it looks small would make it too small.
    pub matvecs: usize,
    /// The estimate has converged when its standard error is at most this · |value|.
    pub tolerance: f64,
    /// Of the probes.
    pub seed: u64,
}

impl TraceSettings {
    /// XTrace by `matvecs` products, to be good to 1 %, seed 0.
    pub fn new(matvecs: usize) -> Self {
        Self {
            method: TraceMethod::XTrace,
            matvecs,
            tolerance: 0.01,
            seed: 0,
        }
    }

    /// Vectors of length `dim` that are there at once, at most. (What a product takes beside them is the operator's.)
    pub fn vectors(&self, dim: usize) -> usize {
        let m = self.matvecs;
        // What is kept, and the most that are multiplied at once, beside their images.
        let (kept, block) = match self.method {
            _ if dim <= m => (0, dim),
            TraceMethod::Hutchinson => (0, m),
            TraceMethod::HutchPlusPlus => (2 * (m / 3) + 2, m - 2 * (m / 3)),
            TraceMethod::XTrace => (2 * (m / 2), m / 2),
        };
        kept.saturating_add(2 * block.min(WIDTH))
    }
}

/// tr A. Where the dimension is at most `settings.matvecs` it is read off the diagonal, exactly.
///
/// # Errors
/// When there are too few products for a standard error, the tolerance is not positive, or a product fails or is not finite.
pub fn trace<A: SymmetricOperator + ?Sized>(
    operator: &mut A,
    settings: &TraceSettings,
) -> Result<Estimate, CurvatureError<A::Error>> {
    trace_in(&mut Host::new(operator, settings.seed), settings)
}

/// [`trace`] of a space's operator. The space draws the probes: `settings.seed` is not looked at.
///
/// # Errors
/// As [`trace`].
pub fn trace_in<S: VectorSpace + ?Sized>(
    space: &mut S,
    settings: &TraceSettings,
) -> Result<Estimate, CurvatureError<S::Error>> {
    let mut products = Products::new(space)?;
    let TraceSettings {
        method,
        matvecs,
        tolerance,
        ..
    } = *settings;
    require(tolerance > 0.0, "tolerance", tolerance, "positive").map_err(CurvatureError::widen)?;
    if products.dim() <= matvecs {
        return diagonal(&mut products);
    }
    let least = method.least_matvecs();
    require(
        matvecs >= least,
        "matvecs",
        matvecs,
        format!("at least {least} for {method:?}"),
    )
    .map_err(CurvatureError::widen)?;
    let sampled = match method {
        TraceMethod::Hutchinson => hutchinson::estimate(&mut products, matvecs),
        TraceMethod::HutchPlusPlus => hutch_pp::estimate(&mut products, matvecs),
        TraceMethod::XTrace => xtrace::estimate(&mut products, matvecs),
    }?;
    Ok(Estimate {
        value: sampled.value,
        uncertainty: Uncertainty::StandardError {
            value: sampled.error,
            probes: sampled.probes,
        },
        matvecs: products.matvecs(),
        // A few samples may agree by chance: random signs give one of two values where one pair of entries alone is not 0.
        status: Status::met(
            sampled.error <= tolerance * sampled.value.abs()
                && (method != TraceMethod::Hutchinson
                    || sampled.error > AGREE * sampled.value.abs()
                    || sampled.probes >= TELLING),
        ),
    })
}

/// Hutchinson's samples are the same up to rounding in single precision where their mean's standard error is below this fraction of it.
const AGREE: f64 = 1e-6;

/// So many samples that are all the same say something.
const TELLING: usize = 8;

/// Σ A_ii.
fn diagonal<S: VectorSpace + ?Sized>(
    products: &mut Products<'_, S>,
) -> Result<Estimate, CurvatureError<S::Error>> {
    let dim = products.dim();
    let mut value = 0.0;
    for start in (0..dim).step_by(WIDTH) {
        let range = start..dim.min(start + WIDTH);
        let width = range.len();
        let units = products
            .space
            .units(range)
            .map_err(CurvatureError::Operator)?;
        products.each(&units, width, width, |space, _, images| {
            value += space.dots(&units, &images)?.iter().sum::<f64>();
            Ok(())
        })?;
    }
    Ok(Estimate {
        value,
        uncertainty: Uncertainty::Rounding,
        matvecs: products.matvecs(),
        status: Status::Exact,
    })
}

/// A random estimate with its standard error.
pub(super) struct Sampled {
    pub(super) value: f64,
    pub(super) error: f64,
    /// Independent contributions that the error was estimated from.
    pub(super) probes: usize,
}

impl Sampled {
    /// The mean of at least two independent samples, with s/√n, s² = Σ(x − mean)²/(n − 1).
    pub(super) fn mean(samples: &[f64]) -> Self {
        let n = samples.len() as f64;
        let value = samples.iter().sum::<f64>() / n;
        let squares: f64 = samples.iter().map(|x| (x - value).powi(2)).sum();
        Self {
            value,
            error: (squares / (n - 1.0) / n).sqrt(),
            probes: samples.len(),
        }
    }
}
