//! A numerical minimiser that knows no theory, on the manifold of minima.

use faer::{Mat, MatRef};
use thalweg::problem::{Problem, ProblemShape};
use thalweg::random::{Purpose, Stream};
use thalweg::theory::{identity_min_sharpness, predict, printed_identity_min_sharpness};

use crate::network::{close, with_noise};

type Matrix = [[f64; 2]; 2];

const UNIT: Matrix = [[1.0, 0.0], [0.0, 1.0]];

fn of(m: MatRef<'_, f64>) -> Matrix {
    [[m[(0, 0)], m[(0, 1)]], [m[(1, 0)], m[(1, 1)]]]
}

fn times(a: &Matrix, b: &Matrix) -> Matrix {
    let entry = |i: usize, j: usize| a[i][0] * b[0][j] + a[i][1] * b[1][j];
    [[entry(0, 0), entry(0, 1)], [entry(1, 0), entry(1, 1)]]
}

fn transposed(a: &Matrix) -> Matrix {
    [[a[0][0], a[1][0]], [a[0][1], a[1][1]]]
}

/// tr(A C Aᵀ).
fn weighted(a: &Matrix, c: &Matrix) -> f64 {
    let product = times(&times(a, c), &transposed(a));
    product[0][0] + product[1][1]
}

/// Σ_k tr(A_kᵀ C A_k) tr(B_k Σx B_kᵀ), which is F for C = Σε and T for C = I.
fn functional(layers: &[Matrix], noise: &Matrix, input: &Matrix) -> f64 {
    (0..layers.len())
        .map(|k| {
            let below = layers[..k]
                .iter()
                .fold(UNIT, |product, layer| times(layer, &product));
            let above = layers[k + 1..]
                .iter()
                .fold(UNIT, |product, layer| times(layer, &product));
            weighted(&transposed(&above), noise) * weighted(&below, input)
        })
        .sum()
}

/// W_1 … W_{D−1} from four parameters each, and the W_D that makes the product V.
fn on_manifold(teacher: &Matrix, parameters: &[f64]) -> Vec<Matrix> {
    let mut layers: Vec<Matrix> = parameters
        .chunks(4)
        .map(|x| [[x[0], x[1]], [x[2], x[3]]])
        .collect();
    let p = layers
        .iter()
        .fold(UNIT, |product, layer| times(layer, &product));
    let determinant = p[0][0] * p[1][1] - p[0][1] * p[1][0];
    let adjugate = [[p[1][1], -p[0][1]], [-p[1][0], p[0][0]]];
    layers.push(times(
        teacher,
        &adjugate.map(|row| row.map(|x| x / determinant)),
    ));
    layers
}

fn gradient(f: &impl Fn(&[f64]) -> f64, x: &[f64]) -> Vec<f64> {
    (0..x.len())
        .map(|i| {
            let step = 1e-6 * (1.0 + x[i].abs());
            let mut moved = x.to_vec();
            moved[i] = x[i] + step;
            let up = f(&moved);
            moved[i] = x[i] - step;
            (up - f(&moved)) / (2.0 * step)
        })
        .collect()
}

/// BFGS with backtracking.
fn minimise(f: &impl Fn(&[f64]) -> f64, start: Vec<f64>) -> (Vec<f64>, f64) {
    let n = start.len();
    let (mut x, mut value) = (start.clone(), f(&start));
    let mut slope = gradient(f, &x);
    let mut inverse = Mat::<f64>::identity(n, n);
    for _ in 0..400 {
        let mut direction: Vec<f64> = (0..n)
            .map(|i| -(0..n).map(|j| inverse[(i, j)] * slope[j]).sum::<f64>())
            .collect();
        let mut descent: f64 = direction.iter().zip(&slope).map(|(d, g)| d * g).sum();
        if descent >= 0.0 {
            inverse = Mat::identity(n, n);
            direction = slope.iter().map(|g| -g).collect();
            descent = -slope.iter().map(|g| g * g).sum::<f64>();
        }
        let mut step = 1.0;
        let (next, next_value) = loop {
            let candidate: Vec<f64> = x
                .iter()
                .zip(&direction)
                .map(|(x, d)| x + step * d)
                .collect();
            let found = f(&candidate);
            if found <= value + 1e-4 * step * descent {
                break (candidate, found);
            }
            step *= 0.5;
            if step < 1e-14 {
                return (x, value);
            }
        };
        let next_slope = gradient(f, &next);
        let moved: Vec<f64> = next.iter().zip(&x).map(|(a, b)| a - b).collect();
        let change: Vec<f64> = next_slope.iter().zip(&slope).map(|(a, b)| a - b).collect();
        let curvature: f64 = moved.iter().zip(&change).map(|(a, b)| a * b).sum();
        if curvature > 0.0 {
            let left = Mat::from_fn(n, n, |i, j| {
                f64::from(u8::from(i == j)) - moved[i] * change[j] / curvature
            });
            inverse = &left * &inverse * left.transpose()
                + Mat::from_fn(n, n, |i, j| moved[i] * moved[j] / curvature);
        }
        (x, value, slope) = (next, next_value, next_slope);
    }
    (x, value)
}

/// From 6 random starts: none ends below `bound`, the best reaches it. Returns the best weights.
fn reaches(problem: &Problem, bound: f64, seed: u64) -> Vec<Matrix> {
    let mut stream = Stream::new(seed, Purpose::Initial);
    let teacher = of(problem.teacher());
    let (noise, input) = (
        of(problem.noise_covariance()),
        of(problem.input_covariance()),
    );
    let objective = |x: &[f64]| functional(&on_manifold(&teacher, x), &noise, &input);
    let mut best: Option<(Vec<f64>, f64)> = None;
    for _ in 0..6 {
        let start = (0..4 * (problem.depth() - 1))
            .map(|_| stream.normal())
            .collect();
        let (x, value) = minimise(&objective, start);
        assert!(value >= bound * (1.0 - 1e-9), "{value} is below {bound}");
        if best.as_ref().is_none_or(|(_, least)| value < *least) {
            best = Some((x, value));
        }
    }
    let (x, value) = best.unwrap();
    assert!(close(value, bound, 1e-6), "{value} for {bound}");
    on_manifold(&teacher, &x)
}

#[test]
fn nothing_is_lower_and_the_bound_is_reached() {
    for (depth, seed) in [(2, 1), (3, 2), (4, 3)] {
        let shape = ProblemShape {
            input_dim: 2,
            output_dim: 2,
            rank: 2,
            depth,
        };
        let problem = Problem::random(shape, seed).unwrap();
        let prediction = predict(&problem).unwrap();
        let weights = reaches(&problem, prediction.fluctuation, seed);
        let sharpness = functional(&weights, &UNIT, &of(problem.input_covariance()));
        // F is flat at its minimum: F to 1e-6 fixes the weights, and with them T, to about 1e-3.
        assert!(close(sharpness, prediction.sharpness, 1e-2));
        reaches(
            &with_noise(&problem, Mat::identity(2, 2)),
            prediction.min_sharpness,
            seed,
        );
    }
}

/// T_min = D d² for V = Σx = I is reached and not undercut, so the printed D d^{(D+2)/D} is too low.
#[test]
fn the_printed_minimum_is_not_attainable() {
    let unit = || Mat::identity(2, 2);
    let problem = Problem::new(unit(), unit(), unit(), 3).unwrap();
    reaches(&problem, identity_min_sharpness(2, 3), 4);
    assert!(printed_identity_min_sharpness(2, 3) < 9.6);
}
