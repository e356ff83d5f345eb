//! The largest or smallest eigenvalues with their vectors, by thick-restart block Lanczos.

use faer::{Mat, MatRef};

use super::error::require;
use super::host::{Columns, Host};
use super::krylov::{Krylov, Ritz};
use super::space::Products;
use super::{CurvatureError, SymmetricOperator, VectorSpace};
use crate::estimate::{Estimate, Status, Uncertainty};

/// Basis vectors kept before a restart: with more, a restart costs few products more, and each step's projections take longer.
const BASIS: usize = 32;
/// Blocks that the basis has room for, unless it is told otherwise: so many up to this size, and so many at least.
const BLOCKS: usize = 8;
const MANY: usize = 64;
const FEW_BLOCKS: usize = 4;
/// Blocks that it must have room for.
const LEAST_BLOCKS: usize = 2;
/// The residual to be reached where nothing else is said, in units of ‖A‖: this, or so many times the rounding error of the vectors.
const TOLERANCE: f64 = 1e-6;
const ROUNDINGS: f64 = 200.0;
/// Blocks of vectors that a step needs beside its basis: images, new directions, what an operator makes of them.
const WORKING_BLOCKS: usize = 4;
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
    /// The most basis vectors that are kept, at least 2 (k + 1): fewer need less memory and more products. The default
    /// is 32 for one pair, 64 for seven or more, and 4 (k + 1) for many.
    pub basis: Option<usize>,
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
            tolerance: TOLERANCE,
            max_matvecs: 2000.max(20 * (count + 1)),
            basis: None,
            seed: 0,
        }
    }

    /// The tolerance for vectors in a precision of this ε: that of [`new`](Self::new), unless rounding would hide such a
    /// residual.
    pub fn tolerance_for(epsilon: f64) -> f64 {
        TOLERANCE.max(ROUNDINGS * epsilon)
    }

    /// Vectors of length `dim` that are there at once, at most: the basis, a few blocks to work with, and the answer. (What a product
    /// takes beside them is the operator's.)
    pub fn vectors(&self, dim: usize) -> usize {
        let block = self.block(dim);
        let basis = self.capacity(dim).saturating_add(block).min(dim);
        basis
            .saturating_add(block.saturating_mul(WORKING_BLOCKS))
            .saturating_add(self.count)
    }

    /// The pairs sought, and the guard.
    fn block(&self, dim: usize) -> usize {
        self.count.saturating_add(1).min(dim)
    }

    /// Basis vectors of length `dim` that are kept at most: no more than there are products.
    pub fn capacity(&self, dim: usize) -> usize {
        let block = self.block(dim);
        let basis = self.basis.unwrap_or_else(|| usual_basis(block));
        basis.min(self.max_matvecs).min(dim)
    }
}

fn usual_basis(block: usize) -> usize {
    BASIS
        .max(BLOCKS.saturating_mul(block).min(MANY))
        .max(FEW_BLOCKS.saturating_mul(block))
}

/// Eigenvalues and their vectors.
#[derive(Clone, Debug)]
pub struct Eigenpairs<V = Mat<f64>> {
    /// k values, from the end of the spectrum inwards, each with its residual and status. The products
    /// are those of all pairs together.
    pub values: Vec<Estimate>,
    /// n × k, orthonormal, in the same order.
    pub vectors: V,
}

impl<V> Eigenpairs<V> {
    /// Whether every pair has converged.
    pub fn converged(&self) -> bool {
        self.values.iter().all(Estimate::converged)
    }
}

/// The k largest or smallest eigenvalues of `operator`, counted with multiplicity.
///
/// Block Lanczos with k + 1 vectors, full reorthogonalisation and thick restart (Wu and Simon, *Thick-restart
/// Lanczos method for large symmetric eigenvalue problems*, 2000). The basis
/// grows by the residuals of the pairs that have not converged. Their lengths come from the recurrence, which holds to rounding: every
/// product is split into what lies in the basis and what does not, and nothing is left out.
///
/// A random block of k vectors meets an eigenspace in as many directions as matter here, so multiple
/// eigenvalues come out with their multiplicity. The (k + 1)-th pair is a guard. A small residual
/// proves that *an* eigenvalue is there, not that none was passed over; so a pair counts as converged
/// only when the guard, which starts at random even if the others are warm, has converged too or
/// stays clear of it: by its residual, and after so many steps j that an unseen eigenvalue as large as
/// the pair's is improbable. By Kuczyński and Woźniakowski (*Estimating the largest eigenvalue by the power and Lanczos
/// algorithms with a random start*, 1992) Lanczos misses by a fraction ε of the spectrum's width with a
/// probability below 1.648 √n exp(−√ε (2j − 1)); 10⁻⁴ is allowed. (Their bound knows no restarts.)
///
/// One pair from a random start needs no vector more for its guard: beside the pair's own eigenvector, what
/// one random vector starts is again a random start, and the second Ritz pair shows what it sees. That
/// halves the products.
///
/// `warm` holds up to k vectors (columns, n rows) to start from: those of a nearby operator, as a rule. If they
/// span an invariant subspace exactly and are not the eigenvectors sought, the guard alone searches
/// beside them, and it sees a multiple eigenvalue once: where that can happen, start cold.
/// Memory: [`EigenSettings::vectors`].
///
/// # Errors
/// When a setting is out of range, `warm` has the wrong shape, or a product fails or is not finite. A budget that is too short is
/// not an error: the status says so.
pub fn eigenpairs<A: SymmetricOperator + ?Sized>(
    operator: &mut A,
    settings: &EigenSettings,
    warm: Option<MatRef<'_, f64>>,
) -> Result<Eigenpairs, CurvatureError<A::Error>> {
    let dim = operator.dim();
    validate(settings, dim).map_err(CurvatureError::widen)?;
    let columns = match warm {
        Some(warm) => {
            fits(warm, settings.count, dim).map_err(CurvatureError::widen)?;
            warm.ncols()
        }
        None => 0,
    };
    let warm = warm.map(Columns::copied);
    let mut host = Host::new(operator, settings.seed);
    let found = eigenpairs_in(
        &mut host,
        settings,
        warm.as_ref().map(|warm| (warm, columns)),
    )?;
    Ok(Eigenpairs {
        values: found.values,
        vectors: found.vectors.all().to_owned(),
    })
}

/// [`eigenpairs`] of a space's operator. `warm` comes with the number of its columns, at most k, which are finite.
///
/// The space draws the random start: `settings.seed` is not looked at.
///
/// # Errors
/// As [`eigenpairs`].
pub fn eigenpairs_in<S: VectorSpace + ?Sized>(
    space: &mut S,
    settings: &EigenSettings,
    warm: Option<(&S::Block, usize)>,
) -> Result<Eigenpairs<S::Block>, CurvatureError<S::Error>> {
    let products = Products::new(space)?;
    let (dim, count) = (products.dim(), settings.count);
    validate(settings, dim).map_err(CurvatureError::widen)?;
    let (block, capacity) = (settings.block(dim), settings.capacity(dim));
    let warm = warm.filter(|&(_, columns)| columns > 0);
    // See above: one random vector is its own guard.
    let width = if count == 1 && warm.is_none() {
        1
    } else {
        block
    };
    let start = start(&mut *products.space, width, warm).map_err(CurvatureError::Operator)?;
    let mut space = Krylov::new(products, start, width, capacity)?;
    let mut wanted = width;
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut step = 0;
    loop {
        step += 1;
        space.grow(wanted)?;
        let ritz = space.ritz(settings.end == End::Top)?;
        for &value in &ritz.values {
            (low, high) = (low.min(value), high.max(value));
        }
        let progress = Progress {
            values: &ritz.values,
            residuals: space.residuals(&ritz, block.min(space.size())),
            guard: block - 1,
            complete: space.size() == dim,
            clear: clearance(dim, step) * (high - low),
            limit: settings.tolerance * high.max(-low),
        };
        if (0..count).all(|i| progress.confirmed(i)) {
            return collect(&mut space, &ritz, &progress, count);
        }
        let left: Vec<usize> = (0..progress.residuals.len())
            .filter(|&i| !progress.small(i))
            .collect();
        wanted = left.len().clamp(1, space.ahead());
        if space.matvecs() + wanted > settings.max_matvecs {
            return collect(&mut space, &ritz, &progress, count);
        }
        if wanted < space.ahead() {
            space.turn(&ritz, &left)?;
        }
        if space.size() + wanted > capacity {
            let kept = (capacity / 2).max(block).min(capacity - wanted);
            space.compress(&ritz, kept)?;
        }
    }
}

/// `width` vectors: the warm ones first, then random ones.
fn start<S: VectorSpace + ?Sized>(
    space: &mut S,
    width: usize,
    warm: Option<(&S::Block, usize)>,
) -> Result<S::Block, S::Error> {
    let Some((warm, columns)) = warm else {
        return space.normal(width);
    };
    let mut start = space.room(width)?;
    let own = Mat::<f64>::identity(columns, columns);
    let copy = space.combine(warm, 0..columns, own.as_ref())?;
    space.put(&mut start, 0, &copy)?;
    if columns < width {
        let random = space.normal(width - columns)?;
        space.put(&mut start, columns, &random)?;
    }
    Ok(start)
}

/// What is known of the first pairs at one point of the iteration.
struct Progress<'a> {
    values: &'a [f64],
    /// Of the first ones, up to the guard.
    residuals: Vec<f64>,
    /// Which pair stands guard; it may not be there yet.
    guard: usize,
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
        let guard = self.guard;
        let Some(&residual) = self.residuals.get(guard) else {
            return false;
        };
        let apart = (self.values[i] - self.values[guard]).abs();
        let beyond = apart >= residual.max(self.clear);
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

fn collect<S: VectorSpace + ?Sized>(
    space: &mut Krylov<'_, S>,
    ritz: &Ritz,
    progress: &Progress<'_>,
    count: usize,
) -> Result<Eigenpairs<S::Block>, CurvatureError<S::Error>> {
    let values = (0..count)
        .map(|i| Estimate {
            value: ritz.values[i],
            uncertainty: Uncertainty::Residual(progress.residuals[i]),
            matvecs: space.matvecs(),
            status: progress.status(i),
        })
        .collect();
    Ok(Eigenpairs {
        values,
        vectors: space.combine(ritz.rotation.subcols(0, count))?,
    })
}

fn validate(settings: &EigenSettings, dim: usize) -> Result<(), CurvatureError> {
    let EigenSettings {
        count,
        tolerance,
        max_matvecs,
        basis,
        ..
    } = *settings;
    require(dim > 0, "dimension", dim, "at least 1")?;
    require(
        (1..=dim).contains(&count),
        "count",
        count,
        format!("from 1 to the dimension, {dim}"),
    )?;
    require(tolerance > 0.0, "tolerance", tolerance, "positive")?;
    let block = settings.block(dim);
    require(
        max_matvecs >= block,
        "max_matvecs",
        max_matvecs,
        format!("at least {block}, for one block"),
    )?;
    let least = LEAST_BLOCKS.saturating_mul(block).min(dim);
    match basis {
        Some(basis) => require(
            basis >= least,
            "basis",
            basis,
            format!("at least {least}, for two blocks"),
        ),
        None => Ok(()),
    }
}

/// `warm` may be what `count` pairs in `dim` dimensions start from.
fn fits(warm: MatRef<'_, f64>, count: usize, dim: usize) -> Result<(), CurvatureError> {
    if warm.nrows() == dim && warm.ncols() <= count && warm.is_all_finite() {
        return Ok(());
    }
    Err(CurvatureError::Shape {
        what: "the warm start",
        rows: warm.nrows(),
        columns: warm.ncols(),
        expected: format!("{dim} × at most {count}, of finite numbers"),
    })
}
