//! The factor L of a covariance L Lᵀ, by what it spares in products.

use faer::{Mat, MatRef, Scale};

use crate::lanes::Lanes;
use crate::problem::cholesky;

use super::matrices::Matrix;
use super::products::product;

/// L, lower triangular.
#[derive(Clone, Debug)]
pub(super) enum Factor {
    /// I.
    Identity,
    /// The diagonal.
    Diagonal(Vec<f64>),
    /// Any other.
    Lower(Mat<f64>),
}

impl Factor {
    /// Of `covariance`.
    pub fn of(covariance: MatRef<'_, f64>) -> Self {
        let size = covariance.nrows();
        let beside = |j: usize| (0..size).any(|i| i != j && covariance[(i, j)] != 0.0);
        if (0..size).any(beside) {
            return Self::Lower(cholesky(covariance));
        }
        let diagonal: Vec<f64> = (0..size).map(|i| covariance[(i, i)].sqrt()).collect();
        if diagonal.iter().all(|&x| x == 1.0) {
            Self::Identity
        } else {
            Self::Diagonal(diagonal)
        }
    }

    /// Lᵀ L; nothing where that is I.
    pub fn gram(&self) -> Option<Mat<f64>> {
        match self {
            Self::Identity => None,
            Self::Diagonal(l) => Some(Mat::from_fn(l.len(), l.len(), |i, j| {
                if i == j { l[i] * l[i] } else { 0.0 }
            })),
            Self::Lower(l) => Some(product(l.transpose(), l.as_ref())),
        }
    }

    /// tr L Lᵀ = ‖L‖², of a covariance of this `size`.
    pub fn total(&self, size: usize) -> f64 {
        match self {
            Self::Identity => size as f64,
            Self::Diagonal(l) => l.iter().map(|x| x * x).sum(),
            Self::Lower(l) => l.squared_norm_l2(),
        }
    }

    /// m L.
    pub fn behind(&self, m: MatRef<'_, f64>) -> Mat<f64> {
        match self {
            Self::Identity => m.to_owned(),
            Self::Diagonal(l) => {
                let mut scaled = m.to_owned();
                for (mut column, l) in scaled.col_iter_mut().zip(l) {
                    column *= Scale(*l);
                }
                scaled
            }
            Self::Lower(l) => product(m, l.as_ref()),
        }
    }

    /// ‖Lᵀ m‖².
    pub fn square_before(&self, m: MatRef<'_, f64>) -> f64 {
        match self {
            Self::Identity => m.squared_norm_l2(),
            Self::Diagonal(l) => {
                let mut sum = 0.0;
                for column in m.col_iter() {
                    for (x, l) in column.iter().zip(l) {
                        sum += (l * x) * (l * x);
                    }
                }
                sum
            }
            Self::Lower(l) => product(l.transpose(), m).squared_norm_l2(),
        }
    }

    /// m Lᵀ.
    pub fn transposed_behind(&self, m: MatRef<'_, f64>) -> Mat<f64> {
        match self {
            Self::Lower(l) => product(m, l.transpose()),
            _ => self.behind(m),
        }
    }

    /// m L, in lanes.
    #[inline(always)]
    pub fn behind_lanes<'r, V: Lanes>(&self, m: &Matrix<'r, V>) -> Matrix<'r, V> {
        match self {
            Self::Identity => m.clone(),
            Self::Diagonal(l) => {
                let mut scaled = m.clone();
                for (column, l) in scaled.entries.chunks_exact_mut(m.rows).zip(l) {
                    for x in column {
                        *x = x.mul(V::splat(*l));
                    }
                }
                scaled
            }
            Self::Lower(l) => m.times(&Matrix::splat(l, m.entries.room())),
        }
    }

    /// m Lᵀ, in lanes.
    #[inline(always)]
    pub fn transposed_behind_lanes<'r, V: Lanes>(&self, m: &Matrix<'r, V>) -> Matrix<'r, V> {
        match self {
            Self::Lower(l) => m.times_transposed(&Matrix::splat(l, m.entries.room())),
            _ => self.behind_lanes(m),
        }
    }

    /// ‖Lᵀ m‖², in lanes.
    #[inline(always)]
    pub fn square_before_lanes<V: Lanes>(&self, m: &Matrix<'_, V>) -> V {
        match self {
            Self::Identity => m.square(),
            Self::Diagonal(l) => {
                let mut sum = V::splat(0.0);
                for column in m.entries.chunks_exact(m.rows) {
                    for (x, l) in column.iter().zip(l) {
                        let x = x.mul(V::splat(*l));
                        sum = x.mul_add(x, sum);
                    }
                }
                sum
            }
            Self::Lower(l) => Matrix::splat(l, m.entries.room())
                .transposed_times(m)
                .square(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::covariance;
    use crate::simulate::room::Room;

    /// I, a diagonal and any other do what L itself does, for one network and in lanes.
    #[test]
    fn each_factor_is_that_of_its_covariance() {
        let full = Mat::from_fn(3, 3, |i, j| if i == j { 2.0 + i as f64 } else { 0.5 });
        let m = Mat::from_fn(3, 3, |i, j| 1.0 + i as f64 - 0.7 * (j * j) as f64);
        let room = Room::<f64>::default();
        let lanes = Matrix::splat(&m, &room);
        let from = |lanes: &Matrix<'_, f64>| Mat::from_fn(3, 3, |i, j| lanes.entries[i + 3 * j]);
        let (one, graded) = ([1.0; 3], [0.5, 1.0, 3.0]);
        let diagonal = |d| covariance::from_deviations(d);
        for covariance in [diagonal(&one), diagonal(&graded), full] {
            let l = cholesky(covariance.as_ref());
            let factor = Factor::of(covariance.as_ref());
            let same = |a: &Mat<f64>, b: &Mat<f64>| assert!((a - b).norm_max() < 1e-14, "{a:?}");
            same(
                &factor.gram().unwrap_or_else(|| Mat::identity(3, 3)),
                &(l.transpose() * &l),
            );
            same(&factor.behind(m.as_ref()), &(&m * &l));
            same(&from(&factor.behind_lanes(&lanes)), &(&m * &l));
            same(&factor.transposed_behind(m.as_ref()), &(&m * l.transpose()));
            same(
                &from(&factor.transposed_behind_lanes(&lanes)),
                &(&m * l.transpose()),
            );
            let square = (l.transpose() * &m).squared_norm_l2();
            for found in [
                factor.square_before(m.as_ref()),
                factor.square_before_lanes(&lanes),
            ] {
                assert!((found - square).abs() < 1e-13 * square, "{found} {square}");
            }
            assert!((factor.total(3) - l.squared_norm_l2()).abs() < 1e-14);
        }
    }
}
