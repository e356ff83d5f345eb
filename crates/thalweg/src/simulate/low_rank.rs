//! The first eigenvector of a sum of Kronecker products, sought among matrices of low rank.

use faer::{Accum, Mat, MatMut, MatRef};

use super::lambda_max::{Term, column_major};
use super::lanczos::RESIDUAL;
use super::products::{multiply, product};
use super::ritz::pair;

/// Turns from one factor to the other; two or three are usual.
const MOST_TURNS: usize = 12;

/// A unit matrix X, λ = ⟨X, K X⟩ and ‖K X − λ X‖/λ.
pub(super) struct Found {
    pub value: f64,
    pub residual: f64,
    pub vector: Mat<f64>,
}

/// The rank that is enough as a rule to come to [`RESIDUAL`]: that of K's first eigenvector is 1 at D = 2, and its singular values fall
/// the more slowly the more terms there are.
pub(super) fn rank(depth: usize, rows: usize, columns: usize) -> usize {
    (4 * depth.div_ceil(3)).min(rows).min(columns)
}

/// Seeks the first eigenvector of K = Σ_k X ↦ A_k X S_k as X = Y Vᵀ, with Y and V of as many columns as [`rank`] says: in turn the best
/// Y for orthonormal V, by Lanczos' iteration on Y ↦ Σ_k A_k Y (VᵀS_kV), and the best V for an orthonormal basis of that Y. The residual
/// is that of the whole K. It ends by that, or when that no longer halves.
///
/// V starts as `normal` numbers to which Σ_k tr(A_k) S_k has been applied twice, and Y alike.
#[inline(always)]
pub(super) fn alternate(terms: &[Term], [rows, columns]: [usize; 2], normal: &[f64]) -> Found {
    let rank = rank(terms.len(), rows, columns);
    let (high, low) = normal.split_at(rows * rank);
    let sides = [
        Side {
            factors: terms.iter().map(|term| term.left.as_ref()).collect(),
            size: rows,
        },
        Side {
            factors: terms.iter().map(|term| term.right.as_ref()).collect(),
            size: columns,
        },
    ];
    let mut free = sides[0].filtered(high, &sides[1]);
    let mut basis = sides[1].filtered(low, &sides[0]).qr().compute_thin_Q();
    let (mut before, mut turn) = (f64::INFINITY, 0);
    loop {
        let (side, other) = (&sides[turn % 2], &sides[1 - turn % 2]);
        let (value, best, residual) = side.best(other, &free, &basis);
        turn += 1;
        let halves = residual < 0.5 * before;
        if residual <= RESIDUAL || !halves || turn == MOST_TURNS {
            let (left, right) = if turn % 2 == 1 {
                (&best, &basis)
            } else {
                (&basis, &best)
            };
            return Found {
                value,
                residual,
                vector: product(left.as_ref(), right.transpose()),
            };
        }
        before = residual;
        let factors = best.qr();
        free = product(basis.as_ref(), factors.thin_R().transpose());
        basis = factors.compute_thin_Q();
    }
}

/// The factors of all terms on one side; I where there is none.
struct Side<'a> {
    factors: Vec<Option<&'a Mat<f64>>>,
    size: usize,
}

impl Side<'_> {
    /// These numbers, in columns, with the factors' sum, each times the trace of its `other`, applied twice.
    fn filtered(&self, normal: &[f64], other: &Self) -> Mat<f64> {
        let traces: Vec<f64> = other.traces();
        let total: f64 = self.traces().iter().zip(&traces).map(|(a, b)| a * b).sum();
        let columns = normal.len() / self.size;
        let mut vectors = MatRef::from_column_major_slice(normal, self.size, columns).to_owned();
        for _ in 0..2 {
            let mut sum = Mat::zeros(self.size, columns);
            for (factor, trace) in self.factors.iter().zip(&traces) {
                sum += applied(*factor, vectors.as_ref()) * faer::Scale(trace / total);
            }
            vectors = sum;
        }
        vectors
    }

    fn traces(&self) -> Vec<f64> {
        let trace = |factor: &Option<&Mat<f64>>| match factor {
            Some(factor) => factor.diagonal().column_vector().iter().sum(),
            None => self.size as f64,
        };
        self.factors.iter().map(trace).collect()
    }

    /// For a `basis` of the `other` side, λ, the Y that belongs to it and the residual of the whole; from `start`.
    ///
    /// K X = Σ_k P_k T_kᵀ with P_k = A_k Y and T_k = S_k V, so that ‖K X‖² = Σ_kl ⟨P_kᵀP_l, T_kᵀT_l⟩; the residual's square is that less λ².
    #[inline(always)]
    fn best(&self, other: &Self, start: &Mat<f64>, basis: &Mat<f64>) -> (f64, Mat<f64>, f64) {
        let images: Vec<Mat<f64>> = other
            .factors
            .iter()
            .map(|factor| applied(*factor, basis.as_ref()))
            .collect();
        let inner: Vec<Mat<f64>> = images
            .iter()
            .map(|image| product(basis.transpose(), image.as_ref()))
            .collect();
        let (size, rank) = (self.size, basis.ncols());
        let mut room = Mat::<f64>::zeros(size, rank);
        let vector = pair(
            column_major(start),
            RESIDUAL / 3.0,
            #[inline(always)]
            |x, y| {
                y.fill(0.0);
                let x = MatRef::from_column_major_slice(x, size, rank);
                let mut y = MatMut::from_column_major_slice_mut(y, size, rank);
                for (factor, inner) in self.factors.iter().zip(&inner) {
                    let Some(factor) = factor else {
                        multiply(y.as_mut(), Accum::Add, x, inner.as_ref());
                        continue;
                    };
                    multiply(room.as_mut(), Accum::Replace, x, inner.as_ref());
                    multiply(y.as_mut(), Accum::Add, factor.as_ref(), room.as_ref());
                }
            },
        );
        let best = MatRef::from_column_major_slice(&vector, size, rank).to_owned();
        let own: Vec<Mat<f64>> = self
            .factors
            .iter()
            .map(|factor| applied(*factor, best.as_ref()))
            .collect();
        let (mut square, mut quotient) = (0.0, 0.0);
        for (k, (p, t)) in own.iter().zip(&images).enumerate() {
            for (l, (other, image)) in own.iter().zip(&images).enumerate().skip(k) {
                let left = product(p.transpose(), other.as_ref());
                let right = product(t.transpose(), image.as_ref());
                let weight = if k == l { 1.0 } else { 2.0 };
                square += weight * inner_product(&left, &right);
            }
            let projected = product(best.transpose(), p.as_ref());
            quotient += inner_product(&projected, &inner[k]);
        }
        let residual = (square - quotient * quotient).max(0.0).sqrt() / quotient;
        (quotient, best, residual)
    }
}

/// A m.
fn applied(factor: Option<&Mat<f64>>, m: MatRef<'_, f64>) -> Mat<f64> {
    factor.map_or_else(|| m.to_owned(), |factor| product(factor.as_ref(), m))
}

/// Σ_ij a_ij b_ij.
fn inner_product(a: &Mat<f64>, b: &Mat<f64>) -> f64 {
    let columns = a.col_iter().zip(b.col_iter());
    columns
        .map(|(a, b)| a.iter().zip(b.iter()).map(|(a, b)| a * b).sum::<f64>())
        .sum()
}
