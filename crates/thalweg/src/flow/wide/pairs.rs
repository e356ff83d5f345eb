//! The preconditioner of the generators' linear system: what it says of each pair of hidden directions alone.

use faer::Mat;

use super::field::{Field, Generators};

/// What the operator says of the (i, j) entries of X_1 … X_{D−1} alone, a tridiagonal matrix for each pair, factored. Where
/// the layers are diagonal in the hidden bases it is all of the operator but the coupling by traces.
pub(super) struct Pairs {
    /// 1/pivot.
    inverse: Generators,
    /// The multipliers between X_k and X_{k+1}; zero where one of them has no such entry.
    couplings: Generators,
}

impl Pairs {
    /// Those of σ EᵀE + M, of which `own` is the part within each X_k.
    pub(super) fn new(field: &Field, shift: f64, own: &[Mat<f64>]) -> Self {
        let (mut inverse, mut couplings): (Generators, Generators) = (Vec::new(), Vec::new());
        for (k, own) in own.iter().enumerate() {
            let width = own.nrows();
            let mut pivots = Mat::from_fn(width, width, |i, j| own[(i, i)] + own[(j, j)]);
            let largest = (0..width).map(|i| pivots[(i, i)]).fold(0.0, f64::max);
            if k > 0 {
                let layer = &field.layers[k];
                let common = layer.nrows().min(layer.ncols());
                let mut coupling = Mat::zeros(width, width);
                for j in 0..common {
                    for i in 0..common {
                        let twice = layer[(i, i)] * layer[(j, j)] + layer[(i, j)] * layer[(j, i)];
                        let entry = -shift * if i == j { twice } else { 2.0 * twice };
                        coupling[(i, j)] = entry * inverse[k - 1][(i, j)];
                        pivots[(i, j)] -= entry * coupling[(i, j)];
                    }
                }
                couplings.push(coupling);
            }
            inverse.push(Mat::from_fn(width, width, |i, j| {
                1.0 / pivots[(i, j)].max(FLOOR * largest)
            }));
        }
        Self { inverse, couplings }
    }

    /// The solution for the right side `r`.
    pub(super) fn solve(&self, r: &[Mat<f64>]) -> Generators {
        let mut x = r.to_vec();
        for k in 1..x.len() {
            let (before, here) = x.split_at_mut(k);
            each_common(&self.couplings[k - 1], &before[k - 1], &mut here[0]);
        }
        for (x, inverse) in x.iter_mut().zip(&self.inverse) {
            for j in 0..x.ncols() {
                let scales = inverse.col_as_slice(j);
                for (x, scale) in x.col_as_slice_mut(j).iter_mut().zip(scales) {
                    *x *= scale;
                }
            }
        }
        for k in (1..x.len()).rev() {
            let (before, here) = x.split_at_mut(k);
            each_common(&self.couplings[k - 1], &here[0], &mut before[k - 1]);
        }
        x
    }
}

/// A pivot is at least this fraction of the largest: where no layer uses a hidden direction any more, X there is without meaning.
const FLOOR: f64 = 1e-14;

/// into ← into − coupling · from, entry by entry, where both have one.
fn each_common(coupling: &Mat<f64>, from: &Mat<f64>, into: &mut Mat<f64>) {
    let common = from.nrows().min(into.nrows());
    for j in 0..common {
        let (coupling, from) = (coupling.col_as_slice(j), from.col_as_slice(j));
        let into = &mut into.col_as_slice_mut(j)[..common];
        for ((into, coupling), from) in into.iter_mut().zip(coupling).zip(from) {
            *into -= coupling * from;
        }
    }
}
