//! The trace: exactly where that is affordable, else from random probes with a standard error.

mod hutch_pp;
mod hutchinson;
mod xtrace;

use faer::Mat;

use super::dense::for_columns;
use super::error::require;
use super::operator::Counted;
use super::{CurvatureError, SymmetricOperator};
use crate::estimate::{Estimate, Status, Uncertainty};
use crate::random::{Purpose, Stream};

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
}

/// tr A. Where the dimension is at most `settings.matvecs` it is read off the diagonal, exactly.
///
/// # Errors
/// When there are too few products for a standard error, the tolerance is not positive, or a product fails or is not finite.
pub fn trace<A: SymmetricOperator + ?Sized>(
    operator: &mut A,
    settings: &TraceSettings,
) -> Result<Estimate, CurvatureError<A::Error>> {
    let mut operator = Counted::new(operator)?;
    let TraceSettings {
        method,
        matvecs,
        tolerance,
        seed,
    } = *settings;
    require(tolerance > 0.0, "tolerance", tolerance, "positive").map_err(CurvatureError::widen)?;
    if operator.dim() <= matvecs {
        let mut value = 0.0;
        for_columns(&mut operator, |start, columns| {
            value += (0..columns.ncols())
                .map(|j| columns[(start + j, j)])
                .sum::<f64>();
        })?;
        return Ok(Estimate {
            value,
            uncertainty: Uncertainty::Rounding,
            matvecs: operator.matvecs(),
            status: Status::Exact,
        });
    }
    let least = method.least_matvecs();
    require(
        matvecs >= least,
        "matvecs",
        matvecs,
        format!("at least {least} for {method:?}"),
    )
    .map_err(CurvatureError::widen)?;
    let mut stream = Stream::new(seed, Purpose::Probes);
    let sampled = match method {
        TraceMethod::Hutchinson => hutchinson::estimate(&mut operator, matvecs, &mut stream),
        TraceMethod::HutchPlusPlus => hutch_pp::estimate(&mut operator, matvecs, &mut stream),
        TraceMethod::XTrace => xtrace::estimate(&mut operator, matvecs, &mut stream),
    }?;
    Ok(Estimate {
        value: sampled.value,
        uncertainty: Uncertainty::StandardError {
            value: sampled.error,
            probes: sampled.probes,
        },
        matvecs: operator.matvecs(),
        status: Status::met(sampled.error <= tolerance * sampled.value.abs()),
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

/// A rows × columns matrix of independent signs.
fn signs(rows: usize, columns: usize, stream: &mut Stream) -> Mat<f64> {
    Mat::from_fn(rows, columns, |_, _| {
        if stream.bits() & 1 == 0 { 1.0 } else { -1.0 }
    })
}

/// The diagonal of XᵀY.
fn forms<'a>(x: &'a Mat<f64>, y: &'a Mat<f64>) -> impl Iterator<Item = f64> + 'a {
    x.col_iter()
        .zip(y.col_iter())
        .map(|(x, y)| x.transpose() * y)
}
