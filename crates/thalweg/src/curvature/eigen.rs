//! The largest or smallest eigenvalues with their vectors, by thick-restart block Lanczos.

use faer::{Mat, MatRef};

use super::error::require;
use super::operator::Counted;
use super::subspace::{Ritz, Subspace};
use super::{CurvatureError, SymmetricOperator};
use crate::estimate::{Estimate, Status, Uncertainty};
use crate::random::{Purpose, Stream};

/// Basis vectors kept before a restart, if the block is not too wide for that.
const BASIS: usize = 64;
/// Blocks that the basis has room for at least.
const LEAST_BLOCKS: usize = 4;
/// Chance that the guard is believed although it has passed over an eigenvalue.
const MISS: f64 = 1e-4;

/// Which end of the spectrum, by value and not by magnitude.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The largest eigenvalues, descending.
    Top,
    /// The smallest (the most negative, if any is negative), ascending.
    Bottom,
}

/// What to compute, and how far to go for it.
#[derive(Clone, Debug, PartialEq)]
pub struct EigenSettings {
    /// k ≥ 1, at most the dimension.
    pub count: usize,
    /// From which end.
    pub end: End,
    /// A pair has converged when ‖A v − θ v‖ ≤ this · ‖A‖. The value is then right to this · ‖A‖ at worst;
    /// where its distance to other eigenvalues is g, to (this · ‖A‖)²/g.
    pub tolerance: f64,
    /// Products with one vector, at most; at least k + 1.
    pub max_matvecs: usize,
    /// Of the random start.
    pub seed: u64,
}

impl EigenSettings {
    /// The `count` pairs at `end` to a residual of 1e-6 ‖A‖, in at most 2000 products (or 20 blocks, if that
    /// is more), seed 0.
    pub fn new(count: usize, end: End) -> Self {
        Self {
            count,
            end,
            tolerance: 1e-6,
            max_matvecs: 2000.max(20 * (count + 1)),
            seed: 0,
        }
    }
}

/// Eigenvalues and their vectors.
#[derive(Clone, Debug)]
pub struct Eigenpairs {
    /// k values, from the end of the spectrum inwards, each with its residual and status. The products
    /// are those of all pairs together.
    pub values: Vec<Estimate>,
    /// n × k, orthonormal, in the same order.
    pub vectors: Mat<f64>,
}

impl Eigenpairs {
    /// Whether every pair has converged.
    pub fn converged(&self) -> bool {
        self.values.iter().all(Estimate::converged)
    }
}

/// The k largest or smallest eigenvalues of `operator`, counted with multiplicity.
///
/// Block Lanczos with k + 1 vectors, full reorthogonalisation and thick restart (Wu and Simon, *Thick-restart
/// Lanczos method for large symmetric eigenvalue problems*, 2000), in Rayleigh–Ritz form: the basis
/// grows by the residuals of the pairs that have not converged, which span what the Lanczos
/// recurrence would add. Residuals are those of the vectors returned, not of the recurrence.
///
/// A random block of k vectors meets an eigenspace in as many directions as matter here, so multiple
/// eigenvalues come out with their multiplicity. The block's last vector is a guard. A small residual
/// proves that *an* eigenvalue is there, not that none was passed over; so a pair counts as converged
/// only when the guard, which starts at random even if the others are warm, has converged too or
/// stays clear of it: by its residual, and after so many steps j that an unseen eigenvalue as large as
/// the pair's is improbable. By Kuczyński and Woźniakowski (*Estimating the largest eigenvalue by the power and Lanczos
/// algorithms with a random start*, 1992) Lanczos misses by a fraction ε of the spectrum's width with a
/// probability below 1.648 √n exp(−√ε (2j − 1)); 10⁻⁴ is allowed. (Their bound knows no restarts.)
///
/// `warm` holds up to k vectors (columns, n rows) to start from: those of a nearby operator, as a rule. If they
/// span an invariant subspace exactly and are not the eigenvectors sought, the guard alone searches
/// beside them, and it sees a multiple eigenvalue once: where that can happen, start cold.
/// Memory: at most 2n max(64, 4k + 4) numbers, and while it grows as many again; less where few steps do.
///
/// # Errors
/// When a setting is out of range, `warm` has the wrong shape, or a product fails or is not finite. A budget that is too short is
/// not an error: the status says so.
pub fn eigenpairs<A: SymmetricOperator + ?Sized>(
    operator: &mut A,
    settings: &EigenSettings,
    warm: Option<MatRef<'_, f64>>,
) -> Result<Eigenpairs, CurvatureError<A::Error>> {
    let operator = Counted::new(operator)?;
    let (dim, count) = (operator.dim(), settings.count);
    validate(settings, dim, warm).map_err(CurvatureError::widen)?;
    let block = (count + 1).min(dim);
    let capacity = BASIS.max(LEAST_BLOCKS * block).min(dim);
    let stream = Stream::new(settings.seed, Purpose::Probes);
    let mut space = Subspace::new(operator, capacity, stream);
    let warm = warm.unwrap_or(MatRef::from_column_major_slice(&[], dim, 0));
    let mut start = Mat::zeros(dim, block);
    for j in 0..block {
        if j < warm.ncols() {
            start.col_mut(j).copy_from(warm.col(j));
        } else {
            start.col_mut(j).copy_from(space.random());
        }
    }
    let mut candidates = start;
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut step = 0;
    loop {
        step += 1;
        space.extend(candidates.as_ref())?;
        let ritz = space.ritz(settings.end == End::Top)?;
        let residuals = space.residuals(&ritz, block);
        for &value in &ritz.values {
            (low, high) = (low.min(value), high.max(value));
        }
        let progress = Progress {
            values: &ritz.values,
            residuals: residuals.col_iter().map(|r| r.norm_l2()).collect(),
            complete: space.size() == dim,
            clear: clearance(dim, step) * (high - low),
            limit: settings.tolerance * high.max(-low),
        };
        let left: Vec<usize> = (0..block).filter(|&i| !progress.small(i)).collect();
        let width = left.len().min(dim - space.size());
        let affordable = space.matvecs() + width <= settings.max_matvecs;
        if (0..count).all(|i| progress.confirmed(i)) || !affordable {
            return Ok(collect(&space, &ritz, &progress, count));
        }
        if space.size() + width > capacity {
            space.compress(&ritz, capacity / 2);
        }
        candidates = Mat::from_fn(dim, width, |i, j| residuals[(i, left[j])]);
    }
}

/// What is known of the first pairs at one point of the iteration.
struct Progress<'a> {
    values: &'a [f64],
    residuals: Vec<f64>,
    /// The basis spans the whole space.
    complete: bool,
    /// How far above the guard no eigenvalue has been passed over.
    clear: f64,
    /// The largest residual of a converged pair.
    limit: f64,
}

impl Progress<'_> {
    /// Pair `i` is an eigenpair.
    fn small(&self, i: usize) -> bool {
        self.complete || self.residuals[i] <= self.limit
    }

    /// Pair `i` is an eigenpair, and the guard says that none was passed over.
    fn confirmed(&self, i: usize) -> bool {
        let guard = self.residuals.len() - 1;
        let apart = (self.values[i] - self.values[guard]).abs();
        let beyond = apart >= self.residuals[guard].max(self.clear);
        self.small(i) && (beyond || self.small(guard))
    }

    fn status(&self, i: usize) -> Status {
        if self.complete {
            Status::Exact
        } else {
            Status::met(self.confirmed(i))
        }
    }
}

/// ε with 1.648 √n exp(−√ε (2j − 1)) = 10⁻⁴ after j steps.
fn clearance(dim: usize, steps: usize) -> f64 {
    let exponent = (1.648 * (dim as f64).sqrt() / MISS).ln();
    (exponent / (2 * steps - 1) as f64).powi(2)
}

fn collect<A: SymmetricOperator + ?Sized>(
    space: &Subspace<'_, A>,
    ritz: &Ritz,
    progress: &Progress<'_>,
    count: usize,
) -> Eigenpairs {
    let values = (0..count)
        .map(|i| Estimate {
            value: ritz.values[i],
            uncertainty: Uncertainty::Residual(progress.residuals[i]),
            matvecs: space.matvecs(),
            status: progress.status(i),
        })
        .collect();
    Eigenpairs {
        values,
        vectors: space.vectors(ritz.rotation.subcols(0, count)),
    }
}

fn validate(
    settings: &EigenSettings,
    dim: usize,
    warm: Option<MatRef<'_, f64>>,
) -> Result<(), CurvatureError> {
    let EigenSettings {
        count,
        tolerance,
        max_matvecs,
        ..
    } = *settings;
    require(
        (1..=dim).contains(&count),
        "count",
        count,
        format!("from 1 to the dimension, {dim}"),
    )?;
    require(tolerance > 0.0, "tolerance", tolerance, "positive")?;
    let block = (count + 1).min(dim);
    require(
        max_matvecs >= block,
        "max_matvecs",
        max_matvecs,
        format!("at least {block}, for one block"),
    )?;
    match warm {
        Some(warm) if warm.nrows() != dim || warm.ncols() > count || !warm.is_all_finite() => {
            Err(CurvatureError::Shape {
                what: "the warm start",
                rows: warm.nrows(),
                columns: warm.ncols(),
                expected: format!("{dim} × at most {count}, of finite numbers"),
            })
        }
        _ => Ok(()),
    }
}
