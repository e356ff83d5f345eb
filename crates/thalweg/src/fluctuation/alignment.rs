//! Whether gradients scatter where the loss is curved.

use faer::{Mat, MatRef, Side};

use crate::curvature::{CurvatureError, Eigenpairs};
use crate::estimate::Uncertainty;

/// An eigenvalue below this, relative to the largest, counts as 0: there is no direction to it.
const ZERO: f64 = 1e-10;
/// Rounding of an eigenpair, relative to the largest: no residual is trusted to be smaller.
const ROUNDING: f64 = 1e-13;
/// The largest angle, in radians, by which a subspace may be off: three digits of the overlap then stand.
const ANGLE: f64 = 1e-3;

/// The leading eigenspaces of the Hessian and of the gradients' covariance, and how far they are the same.
///
/// A leading subspace is defined where the next eigenvalue is smaller. Where the k-th is also the (k + 1)-th, to what is
/// known of them, or is 0, the subspace is cut back to the directions for which it is.
#[derive(Clone, Debug)]
pub struct Alignment {
    /// The top k of ∇²L: vectors U, n × k.
    pub hessian: Eigenpairs,
    /// The top k of Cov ∇ℓ (centred): vectors V, n × k.
    pub covariance: Eigenpairs,
    /// How many leading directions of the Hessian and of the covariance are compared, p and q: at most k each.
    pub directions: [usize; 2],
    /// |u_i·v_j|, p × q. Where eigenvalues are equal, their vectors are one choice of several.
    pub cosines: Mat<f64>,
    /// ‖UᵀV‖²_F/min(p, q) of these directions: 1 where one subspace lies in the other, 0 where they are orthogonal,
    /// max(p, q)/n on average for random ones. Nothing if p or q is 0.
    pub overlap: Option<f64>,
    /// The min(p, q) principal angles between the subspaces, in radians, ascending.
    pub angles: Vec<f64>,
}

impl Alignment {
    /// The leading `count` pairs of both matrices, compared. Each should come with one pair more, where there is one:
    /// it shows whether the subspace ends there.
    ///
    /// # Errors
    /// When a small decomposition fails.
    pub fn new(
        hessian: Eigenpairs,
        covariance: Eigenpairs,
        count: usize,
    ) -> Result<Self, CurvatureError> {
        let directions = [&hessian, &covariance].map(|pairs| resolved(pairs, count));
        let [hessian, covariance] = [hessian, covariance].map(|pairs| first(pairs, count));
        let u = hessian.vectors.subcols(0, directions[0]);
        let products = u.transpose() * covariance.vectors.subcols(0, directions[1]);
        let squares = squared_cosines(products.as_ref())?;
        // 1 at most but for rounding.
        let angle = |square: &f64| square.clamp(0.0, 1.0).sqrt().acos();
        let mean = squares.iter().sum::<f64>() / squares.len() as f64;
        Ok(Self {
            directions,
            overlap: (!squares.is_empty()).then_some(mean),
            angles: squares.iter().rev().map(angle).collect(),
            cosines: Mat::from_fn(products.nrows(), products.ncols(), |i, j| {
                products[(i, j)].abs()
            }),
            hessian,
            covariance,
        })
    }
}

/// cos² of the principal angles between two subspaces with the products UᵀV, ascending.
fn squared_cosines(products: MatRef<'_, f64>) -> Result<Vec<f64>, CurvatureError> {
    let smaller = if products.nrows() < products.ncols() {
        products * products.transpose()
    } else {
        products.transpose() * products
    };
    if smaller.nrows() == 0 {
        return Ok(Vec::new());
    }
    smaller
        .self_adjoint_eigenvalues(Side::Lower)
        .map_err(|_| CurvatureError::Decomposition {
            what: "eigenvalue decomposition of the overlap",
        })
}

/// The most of the first `count` pairs whose span is known: its last eigenvalue is not 0, and by Davis and Kahan
/// (sin angle ≤ residual/gap) what separates it from the next keeps it within [`ANGLE`].
fn resolved(pairs: &Eigenpairs, count: usize) -> usize {
    let value = |i: usize| pairs.values[i].value;
    let sizes = pairs.values.iter().map(|pair| pair.value.abs());
    let largest = sizes.fold(0.0, f64::max);
    let residual = |i: usize| match pairs.values[i].uncertainty {
        Uncertainty::Residual(found) => found.max(ROUNDING * largest),
        _ => ROUNDING * largest,
    };
    let known = |directions: usize| {
        let last = directions - 1;
        if value(last).abs() <= ZERO * largest {
            return false;
        }
        if directions == pairs.vectors.nrows() {
            return true;
        }
        let next = directions;
        if next == pairs.values.len() || !pairs.values[..=next].iter().all(|pair| pair.converged())
        {
            return false;
        }
        let within = (0..directions)
            .map(|i| residual(i).powi(2))
            .sum::<f64>()
            .sqrt();
        let gap = value(last) - value(next) - residual(next);
        within <= ANGLE * gap
    };
    (1..=count.min(pairs.values.len()))
        .rev()
        .find(|&directions| known(directions))
        .unwrap_or(0)
}

/// The first `count` of the pairs.
fn first(mut pairs: Eigenpairs, count: usize) -> Eigenpairs {
    pairs.values.truncate(count);
    pairs.vectors = pairs.vectors.subcols(0, pairs.values.len()).to_owned();
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::{Estimate, Status};

    /// Pairs of an operator of dimension 6 with these values and residuals.
    fn pairs(values: &[(f64, f64)]) -> Eigenpairs {
        let estimate = |&(value, residual): &(f64, f64)| Estimate {
            value,
            uncertainty: Uncertainty::Residual(residual),
            matvecs: 9,
            status: Status::Converged,
        };
        Eigenpairs {
            values: values.iter().map(estimate).collect(),
            vectors: Mat::identity(6, values.len()),
        }
    }

    #[test]
    fn a_subspace_ends_where_the_next_eigenvalue_is_smaller() {
        let exact = |values: &[f64], count| {
            let values: Vec<_> = values.iter().map(|&value| (value, 0.0)).collect();
            resolved(&pairs(&values), count)
        };
        assert_eq!(exact(&[5.0, 3.0, 2.0, 1.0], 3), 3);
        // Equal eigenvalues are not cut through.
        assert_eq!(exact(&[5.0, 3.0, 2.0, 2.0], 3), 2);
        assert_eq!(exact(&[5.0, 2.0, 2.0, 2.0], 3), 1);
        assert_eq!(exact(&[2.0, 2.0, 2.0, 2.0], 3), 0);
        assert_eq!(exact(&[2.0, 2.0, 2.0, 1.0], 3), 3);
        // Zeros are no directions, negative curvature is one.
        assert_eq!(exact(&[5.0, 3.0, 1e-16, -1e-16], 3), 2);
        assert_eq!(exact(&[0.0, 0.0], 1), 0);
        assert_eq!(exact(&[5.0, -1.0, -2.0], 2), 2);
        // All there is: nothing comes next, but zeros are none here either.
        assert_eq!(exact(&[6.0, 5.0, 4.0, 3.0, 2.0, 1.0], 6), 6);
        assert_eq!(exact(&[6.0, 5.0, 4.0, 3.0, 0.0, 0.0], 6), 4);
    }

    /// Residuals of 10⁻⁴ in two pairs are an angle of 1.41·10⁻⁴/gap: known where that is below 10⁻³.
    #[test]
    fn a_subspace_that_is_not_known_well_enough_is_cut_back() {
        let with = |next: f64| resolved(&pairs(&[(5.0, 1e-4), (3.0, 1e-4), (next, 1e-4)]), 2);
        assert_eq!(with(3.0 - 0.142), 2);
        assert_eq!(with(3.0 - 0.141), 1);
        let mut doubtful = pairs(&[(5.0, 0.0), (3.0, 0.0), (2.0, 0.0)]);
        doubtful.values[2].status = Status::Unconverged;
        assert_eq!(resolved(&doubtful, 2), 1);
        doubtful.values[0].status = Status::Unconverged;
        assert_eq!(resolved(&doubtful, 2), 0);
    }
}
