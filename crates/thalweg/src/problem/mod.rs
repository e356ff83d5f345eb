//! What is being solved: the problem (Σx, V, Σε, D, widths), validated once, and its weights.
//!
//! ```
//! use thalweg::faer::{Mat, mat};
//! use thalweg::problem::{Problem, covariance};
//!
//! let input_covariance = Mat::identity(3, 3);
//! let teacher = mat![[1.0, 0.0, 0.5], [0.0, 2.0, 0.0]];
//! let noise_covariance = covariance::from_deviations(&[1.0, 0.1]);
//! let problem = Problem::with_hidden_widths(input_covariance, teacher.clone(), noise_covariance, 2, &[5])?;
//! assert_eq!(problem.widths(), [3, 5, 2]);
//! assert_eq!(problem.parameters(), 5 * 3 + 2 * 5);
//!
//! let no_covariance = mat![[1.0, 0.0], [0.0, -1.0]];
//! assert!(Problem::new(Mat::identity(3, 3), teacher, no_covariance, 2).is_err());
//! # Ok::<(), thalweg::problem::ProblemError>(())
//! ```

mod basis;
mod check;
mod cholesky;
pub mod covariance;
mod double_double;
mod dropped;
mod error;
mod factor;
mod pivoted;
mod random;
mod rounding;
mod spectral;
pub mod spectrum;
pub mod teacher;
mod weights;

pub use basis::Basis;
pub(crate) use check::numerical_rank;
pub(crate) use cholesky::cholesky;
pub(crate) use dropped::Dropped;
pub use error::{ProblemError, ProblemField};
pub use factor::Factor;
pub use random::ProblemShape;
pub use rounding::Caveat;
pub use spectral::Spectral;
pub use weights::{Weights, WeightsError};

use factor::FactorError;
use faer::{Mat, MatRef};

/// The largest D accepted: far beyond use, and small enough to allocate.
const DEEPEST: usize = 100_000;
/// The largest hidden width accepted.
const WIDEST: usize = 1_000_000;
/// The most numbers accepted in a matrix, or in all weights together: 32 GiB of them, within a `usize`
/// and beyond what anything here could work with.
const MOST_NUMBERS: u64 = 1 << 32;

/// An uncertainty that is smaller than as many digits is not computed.
const MOST_DIGITS: f64 = 10.0;

/// Answers known to fewer digits than are usually printed are said to be.
const NOTED: f64 = 1e-6;

/// A deep linear network's learning problem: y = V x + ε, f(x) = W_D … W_1 x.
///
/// Shapes: Σx is d_x × d_x, V is d_y × d_x, Σε is d_y × d_y, W_k is h_k × h_{k−1} with h_0 = d_x and
/// h_D = d_y. A value of this type has passed every check, so nothing downstream checks again.
#[derive(Clone, Debug)]
pub struct Problem {
    input_covariance: Mat<f64>,
    teacher: Mat<f64>,
    noise_covariance: Mat<f64>,
    input_factor: Factor,
    noise_factor: Factor,
    widths: Vec<usize>,
    input_dropout: f64,
    caveats: Vec<Caveat>,
}

/// Equal matrices, widths and dropout of inputs: how they came to be so is no part of what is being solved.
impl PartialEq for Problem {
    fn eq(&self, other: &Self) -> bool {
        self.input_covariance == other.input_covariance
            && self.teacher == other.teacher
            && self.noise_covariance == other.noise_covariance
            && self.widths == other.widths
            && self.input_dropout == other.input_dropout
    }
}

impl Problem {
    /// The problem with all hidden widths equal to max(d_x, d_y).
    ///
    /// # Errors
    /// See [`Problem::with_hidden_widths`].
    pub fn new(
        input_covariance: Mat<f64>,
        teacher: Mat<f64>,
        noise_covariance: Mat<f64>,
        depth: usize,
    ) -> Result<Self, ProblemError> {
        check_depth(depth)?;
        let width = teacher.nrows().max(teacher.ncols());
        let hidden = vec![width; depth - 1];
        Self::with_hidden_widths(input_covariance, teacher, noise_covariance, depth, &hidden)
    }

    /// The problem with the D − 1 given hidden widths h_1 … h_{D−1}.
    ///
    /// Tolerances: |Σ_ij − Σ_ji| ≤ 10⁻¹⁰ √(Σ_ii Σ_jj) counts as symmetric, and the mean is taken;
    /// eigenvalues down to −d·10⁻¹⁴ of the largest count as zero. Beyond that, what the rounding of entries to
    /// single precision explains is mended and noted ([`Problem::caveats`]). Σx and Σε may be singular.
    ///
    /// # Errors
    /// When a matrix has the wrong shape, an entry that is not finite or beyond 10^{±60}, is not
    /// symmetric or not positive semi-definite where it must be, when `depth` is 0, when the number
    /// of widths is not D − 1, when a width is 0 or below the rank of V√Σx, or when there are more than 2³²
    /// weights.
    pub fn with_hidden_widths(
        input_covariance: Mat<f64>,
        teacher: Mat<f64>,
        noise_covariance: Mat<f64>,
        depth: usize,
        hidden_widths: &[usize],
    ) -> Result<Self, ProblemError> {
        check_depth(depth)?;
        let (outputs, inputs) = (teacher.nrows(), teacher.ncols());
        if outputs == 0 || inputs == 0 {
            return Err(ProblemError::Empty {
                rows: outputs,
                columns: inputs,
            });
        }
        check::magnitude(ProblemField::Teacher, teacher.as_ref())?;
        let (input_covariance, input_factor, mut caveats) =
            factored(ProblemField::InputCovariance, input_covariance, inputs)?;
        let (noise_covariance, noise_factor, noise_caveats) =
            factored(ProblemField::NoiseCovariance, noise_covariance, outputs)?;
        caveats.extend(noise_caveats);
        check_widths(&teacher, &input_factor, depth, hidden_widths)?;
        let mut widths = vec![inputs];
        widths.extend_from_slice(hidden_widths);
        widths.push(outputs);
        check_size(ProblemField::HiddenWidths, &widths)?;
        Ok(Self {
            input_covariance,
            teacher,
            noise_covariance,
            input_factor,
            noise_factor,
            widths,
            input_dropout: 0.0,
            caveats,
        })
    }

    /// D, the number of layers.
    pub fn depth(&self) -> usize {
        self.widths.len() - 1
    }

    /// d_x, the number of inputs: columns of V.
    pub fn input_dim(&self) -> usize {
        self.widths[0]
    }

    /// d_y, the number of outputs: rows of V.
    pub fn output_dim(&self) -> usize {
        self.widths[self.depth()]
    }

    /// h_0 = d_x, h_1, …, h_D = d_y: D + 1 numbers.
    pub fn widths(&self) -> &[usize] {
        &self.widths
    }

    /// Σx = E xxᵀ, d_x × d_x, symmetric and positive semi-definite.
    pub fn input_covariance(&self) -> MatRef<'_, f64> {
        self.input_covariance.as_ref()
    }

    /// V in y = V x + ε, d_y × d_x.
    pub fn teacher(&self) -> MatRef<'_, f64> {
        self.teacher.as_ref()
    }

    /// Σε = E εεᵀ, d_y × d_y, symmetric and positive semi-definite; its entries have the unit of the loss.
    pub fn noise_covariance(&self) -> MatRef<'_, f64> {
        self.noise_covariance.as_ref()
    }

    /// p, where the data is what is seen of other data whose inputs are dropped with that probability ([`Recipe::problem`](crate::recipe::Recipe::problem)): ε then
    /// depends on x, uncorrelated with it. 0 where the two are independent.
    pub fn input_dropout(&self) -> f64 {
        self.input_dropout
    }

    /// The same under dropout of inputs with probability `dropped`, of which the covariances know.
    #[must_use]
    pub(crate) fn under_input_dropout(self, dropped: f64) -> Self {
        Self {
            input_dropout: dropped,
            ..self
        }
    }

    /// The same with noise of this covariance that is independent of the inputs.
    #[must_use]
    pub fn with_independent_noise(&self) -> Self {
        self.clone().under_input_dropout(0.0)
    }

    /// X with X Xᵀ = Σx, d_x × rank Σx.
    pub fn input_factor(&self) -> &Factor {
        &self.input_factor
    }

    /// E with E Eᵀ = Σε, d_y × rank Σε.
    pub fn noise_factor(&self) -> &Factor {
        &self.noise_factor
    }

    /// What rounding did to the covariances: how they were mended, and how few digits they fix.
    pub fn caveats(&self) -> &[Caveat] {
        &self.caveats
    }

    /// The problem, whose covariances were mended before they were written down: with what was said of it then.
    #[must_use]
    pub fn recalling(mut self, recorded: impl IntoIterator<Item = String>) -> Self {
        let recorded = recorded.into_iter().map(Caveat::Recorded);
        self.caveats.splice(0..0, recorded);
        self
    }

    /// A bound on the relative change of T, F and λ_max when the entries of Σx and Σε move by half a unit in
    /// their last place: what of these numbers doubles can tell (see [`Factor::uncertainty`]).
    pub fn uncertainty(&self) -> f64 {
        self.input_factor.uncertainty() + self.noise_factor.uncertainty()
    }

    /// How many significant digits of T, F and λ_max the covariances fix ([`Problem::uncertainty`]): from 1 to 10.
    pub fn known_digits(&self) -> usize {
        let digits = -self.uncertainty().log10().floor() - 1.0;
        digits.clamp(1.0, MOST_DIGITS) as usize
    }

    /// Σ_k h_k h_{k−1}, the number of weights.
    pub fn parameters(&self) -> usize {
        self.widths.windows(2).map(|w| w[0] * w[1]).sum()
    }
}

/// What rounding did to a covariance that is no part of a [`Problem`]: a network's label noise, for one.
///
/// # Errors
/// When it is not a covariance.
pub fn caveats(field: ProblemField, covariance: Mat<f64>) -> Result<Vec<Caveat>, ProblemError> {
    let size = covariance.nrows();
    Ok(factored(field, covariance, size)?.2)
}

fn check_depth(depth: usize) -> Result<(), ProblemError> {
    if (1..=DEEPEST).contains(&depth) {
        return Ok(());
    }
    Err(ProblemError::Depth {
        found: depth,
        limit: DEEPEST,
    })
}

/// Refuses a chain of matrices, each of two neighbouring `sizes`, that could not be allocated.
fn check_size(field: ProblemField, sizes: &[usize]) -> Result<(), ProblemError> {
    let entries = |pair: &[usize]| pair[0] as u128 * pair[1] as u128;
    let all: u128 = sizes.windows(2).map(entries).sum();
    let largest = sizes.windows(2).max_by_key(|pair| entries(pair));
    match largest {
        Some(largest) if all > u128::from(MOST_NUMBERS) => Err(ProblemError::Size {
            field,
            entries: u64::try_from(all).unwrap_or(u64::MAX),
            rows: largest[1],
            columns: largest[0],
            limit: MOST_NUMBERS,
        }),
        _ => Ok(()),
    }
}

fn check_widths(
    teacher: &Mat<f64>,
    input_factor: &Factor,
    depth: usize,
    hidden_widths: &[usize],
) -> Result<(), ProblemError> {
    if hidden_widths.len() != depth - 1 {
        return Err(ProblemError::WidthCount {
            found: hidden_widths.len(),
            expected: depth - 1,
        });
    }
    for (index, &found) in hidden_widths.iter().enumerate() {
        if !(1..=WIDEST).contains(&found) {
            return Err(ProblemError::Width {
                layer: index + 1,
                found,
                limit: WIDEST,
            });
        }
    }
    let narrowest = hidden_widths
        .iter()
        .enumerate()
        .min_by_key(|&(_, &width)| width);
    let Some((index, &width)) = narrowest else {
        return Ok(());
    };
    // The rank costs a decomposition: only a width that could be below it asks for one.
    if width >= teacher.nrows().min(input_factor.rank()) {
        return Ok(());
    }
    let signal = teacher * input_factor.matrix();
    let singular_values = signal
        .singular_values()
        .map_err(|_| ProblemError::Decomposition {
            field: ProblemField::Teacher,
        })?;
    let rank = numerical_rank(&singular_values, teacher.nrows(), teacher.ncols());
    if width < rank {
        return Err(ProblemError::WidthBelowRank {
            layer: index + 1,
            width,
            rank,
        });
    }
    Ok(())
}

/// A covariance of the right size, mended within rounding, and its factor.
pub(crate) fn factored(
    field: ProblemField,
    covariance: Mat<f64>,
    size: usize,
) -> Result<(Mat<f64>, Factor, Vec<Caveat>), ProblemError> {
    let (mut covariance, note) = check::symmetrised(field, covariance, size)?;
    let mut caveats = Vec::from_iter(note);
    let mut factor = Factor::new(covariance.as_ref());
    if let Err(FactorError::Indefinite(eigen)) = &factor
        && let Some((nearest, note)) = rounding::without_negative(field, eigen)
    {
        factor = Factor::new(nearest.as_ref());
        covariance = nearest;
        caveats.push(note);
    }
    match factor {
        Ok(factor) => {
            let uncertainty = factor.uncertainty();
            if uncertainty > NOTED {
                caveats.push(Caveat::Digits { field, uncertainty });
            }
            Ok((covariance, factor, caveats))
        }
        Err(FactorError::Indefinite(eigen)) => Err(ProblemError::Indefinite {
            field,
            smallest: eigen.S()[0],
            largest: eigen.S()[size - 1],
        }),
        Err(FactorError::Decomposition) => Err(ProblemError::Decomposition { field }),
    }
}
