//! The step for square layers of a size known to the compiler, all loops unrolled.

use std::slice::{from_mut, from_ref};

use faer::Mat;

use crate::lanes::Real;
use crate::simulate::SimulateSettings;
use crate::simulate::law::Law;

use super::{Kernel, Take, Update};

/// N × N, column by column.
type Matrix<R, const N: usize> = [[R; N]; N];

/// D layers of size N × N.
pub(in crate::simulate) struct Square<R, const N: usize> {
    /// Matrices, one after the other.
    weights: Vec<R>,
    velocity: Vec<Matrix<R, N>>,
    /// W_k … W_1 for k = 1 … D.
    products: Vec<Matrix<R, N>>,
    teacher: Matrix<R, N>,
    /// L_x/√B and L_ε/√B.
    input_factor: Matrix<R, N>,
    noise_factor: Matrix<R, N>,
    update: Update<R>,
}

impl<R: Real, const N: usize> Square<R, N> {
    #[inline(always)]
    pub fn new(law: &Law, settings: &SimulateSettings, depth: usize) -> Self {
        let zeros = vec![[[R::constant(0.0); N]; N]; depth];
        let scale = 1.0 / (settings.batch as f64).sqrt();
        Self {
            weights: vec![R::constant(0.0); depth * N * N],
            velocity: zeros.clone(),
            products: zeros,
            teacher: splat(&law.teacher, 1.0),
            input_factor: splat(&law.input_factor, scale),
            noise_factor: splat(&law.noise_factor, scale),
            update: Update::new(settings),
        }
    }
}

impl<R: Real, const N: usize> Kernel<R> for Square<R, N> {
    #[inline(always)]
    fn weights(&mut self) -> &mut Vec<R> {
        &mut self.weights
    }

    #[inline(always)]
    fn velocity(&mut self) -> &mut [R] {
        self.velocity.as_flattened_mut().as_flattened_mut()
    }

    #[inline(always)]
    fn step(&mut self, columns: &[R::Wide]) -> R {
        let update = self.update;
        let mut norm = [R::constant(0.0); N];
        self.pass(
            columns,
            #[inline(always)]
            |w, v, g, _, r| norm[r] = update.apply(w, v, g, norm[r]),
        );
        let one = R::constant(1.0);
        let mut total = norm[0];
        for r in 1..N {
            total = norm[r].mul_add(one, total);
        }
        total
    }

    #[inline(always)]
    fn gradient(&mut self, columns: &[R::Wide], to: &mut impl Take<R>) {
        self.pass(
            columns,
            #[inline(always)]
            |w, v, g, column, r| to.take(column * N + r, from_ref(w), from_mut(v), &[g]),
        );
    }
}

impl<R: Real, const N: usize> Square<R, N> {
    /// Computes the gradient, and lets `each` have every weight with its velocity, its gradient, its column among those of all
    /// layers, and its row.
    #[inline(always)]
    fn pass(&mut self, columns: &[R::Wide], mut each: impl FnMut(&mut R, &mut R, R, usize, usize)) {
        let zero = R::constant(0.0);
        let (weight_columns, _) = self.weights.as_chunks_mut::<N>();
        let (weights, _) = weight_columns.as_chunks_mut::<N>();
        let depth = weights.len();
        let mut product = weights[0];
        self.products[0] = product;
        for k in 1..depth {
            product = multiply(&weights[k], &product);
            self.products[k] = product;
        }
        let mut error = product;
        for c in 0..N {
            for r in 0..N {
                error[c][r] = product[c][r].sub(self.teacher[c][r]);
            }
        }
        // G = Σ_columns ((W_D … W_1 − V) t − n) tᵀ.
        let mut g = [[zero; N]; N];
        for column in columns.chunks_exact(2 * N) {
            let mut t = [zero; N];
            let mut residual = [zero; N];
            for c in 0..N {
                let (z, noise) = (R::narrow(column[c]), R::narrow(column[N + c]));
                for r in c..N {
                    t[r] = self.input_factor[c][r].mul_add(z, t[r]);
                    residual[r] = self.noise_factor[c][r].neg_mul_add(noise, residual[r]);
                }
            }
            for c in 0..N {
                for r in 0..N {
                    residual[r] = error[c][r].mul_add(t[c], residual[r]);
                }
            }
            for c in 0..N {
                for r in 0..N {
                    g[c][r] = residual[r].mul_add(t[c], g[c][r]);
                }
            }
        }
        // From the last layer to the first, `g` is A_kᵀ G and the gradient A_kᵀ G B_kᵀ.
        for k in (0..depth).rev() {
            let gradient = if k == 0 {
                g
            } else {
                multiply_transposed(&g, &self.products[k - 1])
            };
            g = transposed_multiply(&weights[k], &g);
            for c in 0..N {
                for r in 0..N {
                    let (w, v) = (&mut weights[k][c][r], &mut self.velocity[k][c][r]);
                    each(w, v, gradient[c][r], k * N + c, r);
                }
            }
        }
    }
}

/// `scale` · m in every lane.
#[inline(always)]
fn splat<R: Real, const N: usize>(m: &Mat<f64>, scale: f64) -> Matrix<R, N> {
    let mut out = [[R::constant(0.0); N]; N];
    for c in 0..N {
        for r in 0..N {
            out[c][r] = R::constant(scale * m[(r, c)]);
        }
    }
    out
}

/// a b.
#[inline(always)]
fn multiply<R: Real, const N: usize>(a: &Matrix<R, N>, b: &Matrix<R, N>) -> Matrix<R, N> {
    let mut out = [[R::constant(0.0); N]; N];
    for c in 0..N {
        for k in 0..N {
            for r in 0..N {
                out[c][r] = a[k][r].mul_add(b[c][k], out[c][r]);
            }
        }
    }
    out
}

/// a bᵀ.
#[inline(always)]
fn multiply_transposed<R: Real, const N: usize>(
    a: &Matrix<R, N>,
    b: &Matrix<R, N>,
) -> Matrix<R, N> {
    let mut out = [[R::constant(0.0); N]; N];
    for c in 0..N {
        for k in 0..N {
            for r in 0..N {
                out[c][r] = a[k][r].mul_add(b[k][c], out[c][r]);
            }
        }
    }
    out
}

/// aᵀ b.
#[inline(always)]
fn transposed_multiply<R: Real, const N: usize>(
    a: &Matrix<R, N>,
    b: &Matrix<R, N>,
) -> Matrix<R, N> {
    let mut out = [[R::constant(0.0); N]; N];
    for c in 0..N {
        for r in 0..N {
            for k in 0..N {
                out[c][r] = a[r][k].mul_add(b[c][k], out[c][r]);
            }
        }
    }
    out
}
