//! Measures several seeds' weights at once, one in each lane.

use faer::Mat;

use crate::lanes::{Lanes, Task};
use crate::problem::{Problem, cholesky};

use super::kernel::{Across, Along, Store, Sum, multiply};
use super::lambda_max::start;
use super::lanczos::largest;
use super::matrices::Matrix;
use super::run::Run;
use super::{Data, Observation, Outcome};
use crate::lanes::condition::condition;

/// What measuring needs to know of the problem.
pub(super) struct Meter {
    /// h_0 … h_D.
    widths: Vec<usize>,
    /// L_x and L_ε.
    input_factor: Mat<f64>,
    noise_factor: Mat<f64>,
    teacher: Mat<f64>,
    /// tr Σε.
    noise: f64,
    /// What heteroscedasticity multiplies the fluctuation by.
    growth: f64,
    /// Where the iteration for λ_max starts.
    start: Vec<f64>,
}

impl Meter {
    /// Of `problem` under the law of `data`.
    pub fn new(problem: &Problem, data: &Data) -> Self {
        let noise = problem.noise_covariance();
        Self {
            widths: problem.widths().to_vec(),
            input_factor: cholesky(problem.input_covariance()),
            noise_factor: cholesky(noise),
            teacher: problem.teacher().to_owned(),
            noise: noise.diagonal().column_vector().iter().sum(),
            growth: 1.0 + 2.0 * data.heteroscedasticity / problem.input_dim() as f64,
            start: start(problem.output_dim() * problem.input_dim()),
        }
    }
}

/// As many runs as there are lanes, or fewer: what [`Observation::new`] measures of each, nothing of one that has diverged.
pub(super) struct Together<'a> {
    pub meter: &'a Meter,
    pub runs: &'a [Run],
}

impl Task for Together<'_> {
    type Output = Vec<Option<Observation>>;

    /// With L_x in every B_k, and E = (W_D … W_1 − V) L_x, all traces are squares: tr(B_kΣxB_kᵀ) = ‖B_k‖², tr(A_kᵀΣεA_k) =
    /// ‖L_εᵀA_k‖², tr(M_kΣx) = ‖A_kᵀE‖² and tr(M_kΣxN_kΣx) = ‖A_kᵀE B_kᵀ‖².
    #[inline(always)]
    fn run<V: Lanes>(self) -> Vec<Option<Observation>> {
        let (meter, depth) = (self.meter, self.meter.widths.len() - 1);
        let weights = weights::<V>(self.runs, &meter.widths);
        // B_1 … B_D, and W_D … W_1 L_x.
        let mut below = vec![Matrix::splat(&meter.input_factor)];
        for layer in &weights {
            below.push(layer.times(&below[below.len() - 1]));
        }
        // From A_{D−1} = W_D down to A_0, the product; A_D = I is left out.
        let mut above = vec![weights[depth - 1].clone()];
        for layer in weights[..depth - 1].iter().rev() {
            above.push(above[above.len() - 1].times(layer));
        }
        above.reverse();
        let (teacher, input_factor) = (Matrix::splat(&meter.teacher), &below[0]);
        let error = above[0].minus(&teacher);
        let excess = below[depth].minus(&teacher.times(input_factor));
        let noise_factor = Matrix::splat(&meter.noise_factor);

        let last = below[depth - 1].square();
        let mut sharpness = last.mul(V::splat(teacher.rows as f64));
        let mut fluctuation = last.mul(V::splat(meter.noise));
        let mut residual = crossed(&excess, &below[depth - 1]);
        for (a, b) in above[1..].iter().zip(&below) {
            let weight = b.square();
            sharpness = a.square().mul_add(weight, sharpness);
            let noise = noise_factor.transposed_times(a).square();
            fluctuation = noise.mul_add(weight, fluctuation);
            residual = residual.add(crossed(&a.transposed_times(&excess), b));
        }
        fluctuation = fluctuation.mul(V::splat(meter.growth));
        let loss = excess
            .square()
            .add(V::splat(meter.noise))
            .mul(V::splat(0.5));
        // Loops, not closures: those would be compiled without the instruction set.
        let mut conditions = Vec::with_capacity(depth);
        for w in &weights {
            conditions.push(condition(&w.entries, w.rows));
        }
        let lanes = Measured {
            sharpness: lanes(sharpness),
            lambda_max: lanes(lambda_max(&above[1..], &below[..depth], &meter.start)),
            fluctuation: lanes(fluctuation),
            second_moment: lanes(fluctuation.add(residual)),
            loss: lanes(loss),
            product_error: lanes(error.square()),
            conditions: conditions.into_iter().map(lanes).collect(),
        };
        let each = self.runs.iter().enumerate();
        each.map(|(lane, run)| (run.outcome == Outcome::Running).then(|| lanes.of(lane)))
            .collect()
    }
}

/// The quantities of [`Observation`], a seed in each lane.
struct Measured {
    sharpness: [f64; 8],
    lambda_max: [f64; 8],
    fluctuation: [f64; 8],
    second_moment: [f64; 8],
    loss: [f64; 8],
    product_error: [f64; 8],
    conditions: Vec<[f64; 8]>,
}

impl Measured {
    fn of(&self, lane: usize) -> Observation {
        let condition = |all: &[f64; 8]| Some(all[lane]).filter(|x| !x.is_nan());
        Observation {
            sharpness: self.sharpness[lane],
            lambda_max: Some(self.lambda_max[lane]).filter(|x| x.is_finite()),
            fluctuation: self.fluctuation[lane],
            gradient_second_moment: self.second_moment[lane],
            loss: self.loss[lane],
            product_error: self.product_error[lane],
            condition_numbers: self.conditions.iter().map(condition).collect(),
        }
    }
}

/// W_1 … W_D of `runs`; lanes without one repeat the last.
#[inline(always)]
fn weights<V: Lanes>(runs: &[Run], widths: &[usize]) -> Vec<Matrix<V>> {
    let mut at = 0;
    let layer = |shape: &[usize]| {
        let span = at..at + shape[0] * shape[1];
        at = span.end;
        let entry = |i| {
            let mut buffer = [0.0; 8];
            for (lane, to) in buffer[..V::LANES].iter_mut().enumerate() {
                *to = runs[lane.min(runs.len() - 1)].weights[i];
            }
            V::load(&buffer)
        };
        Matrix {
            entries: span.map(entry).collect(),
            rows: shape[1],
        }
    };
    widths.windows(2).map(layer).collect()
}

/// ‖U‖²‖B‖² + 2‖U Bᵀ‖²: a layer's part of the second moment that the label noise has none in.
#[inline(always)]
fn crossed<V: Lanes>(back: &Matrix<V>, below: &Matrix<V>) -> V {
    let twice = back.times_transposed(below).square().mul(V::splat(2.0));
    back.square().mul_add(below.square(), twice)
}

/// λ_max of X ↦ Σ_k A_kA_kᵀ X B_kᵀB_k, with `above` from A_1 to A_{D−1} (A_D = I) and `below` from B_1 to B_D.
#[inline(always)]
fn lambda_max<V: Lanes>(above: &[Matrix<V>], below: &[Matrix<V>], start: &[f64]) -> V {
    let left: Vec<Matrix<V>> = above.iter().map(|a| a.times_transposed(a)).collect();
    let right: Vec<Matrix<V>> = below.iter().map(|b| b.transposed_times(b)).collect();
    let columns = right[0].rows;
    let rows = start.len() / columns;
    let mut room = vec![V::splat(0.0); start.len()];
    largest(
        start,
        #[inline(always)]
        |x, y| {
            let x = Across::new(x, rows);
            let shape = [rows, columns, columns];
            let last = &right[right.len() - 1];
            multiply(
                x,
                Along::new(&last.entries, columns),
                shape,
                Store::new(y, rows),
            );
            for (left, right) in left.iter().zip(&right) {
                let right = Along::new(&right.entries, columns);
                multiply(x, right, shape, Store::new(&mut room, rows));
                let (left, room) = (Across::new(&left.entries, rows), Along::new(&room, rows));
                multiply(left, room, [rows, rows, columns], Sum::new(y, rows));
            }
        },
    )
}

/// The lanes one by one; those past the last are 0.
#[inline(always)]
fn lanes<V: Lanes>(x: V) -> [f64; 8] {
    let mut all = [0.0; 8];
    x.store(&mut all);
    all
}
