//! The minima of two layers with two inputs and two outputs, as a landscape over the first layer's two gains.

use faer::{Mat, MatRef};

use super::TheoryError;
use crate::problem::{Problem, Weights};

/// The minima W_2 W_1 = V of a problem of two inputs, two hidden units and two outputs, each known by P = W_1ᵀW_1 up to a rotation of the
/// hidden units.
///
/// With N_C = Vᵀ C V, a = tr C and b = tr Σx, both functionals are
///
///   S_C(P) = a tr(P Σx) + b tr(N_C P⁻¹),   T = S_I, F = S_Σε (eq. 44).
///
/// P = [[p, r], [r, q]] has three free numbers. Two are the gains g_j = ‖W_1 e_j‖, p = g_1² and q = g_2²: how strongly the first layer
/// passes on each input. The third, r, is left where S_C is least: for Σx diagonal that is where d/dr (n_11 q + n_22 p − 2 n_12 r)/(pq − r²) = 0,
///
///   r = 2 n_12 p q / (c + √(c² − 4 n_12² p q)),   c = n_11 q + n_22 p.
///
/// So the landscape has the height of the valley's floor, and its lowest point is that of all minima: the flattest minimum for T, Theorem 1's for
/// F. Where noise and signal share the axes of the inputs, n_12 = 0 and r = 0.
///
/// ```
/// use thalweg::faer::Mat;
/// use thalweg::problem::{Problem, covariance};
/// use thalweg::theory::{Minimum, Valley, predict};
///
/// let noise = covariance::from_deviations(&[1.0, 0.2]);
/// let problem = Problem::new(Mat::identity(2, 2), Mat::identity(2, 2), noise, 2)?;
/// let valley = Valley::new(&problem)?;
/// let end = Valley::gains(&Minimum::of_sgd(&problem)?.weights()?);
/// assert!((valley.fluctuation(end) - predict(&problem)?.fluctuation).abs() < 1e-12);
/// assert!((valley.sharpness([1.0, 1.0]) - 8.0).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Valley<'p> {
    problem: &'p Problem,
    /// The diagonal of Σx.
    inputs: [f64; 2],
    sharpness: Height,
    fluctuation: Height,
}

/// S_C, without the part that Σx has in it.
#[derive(Clone, Copy, Debug)]
struct Height {
    /// a = tr C.
    metric_trace: f64,
    /// N_C = VᵀCV: n_11, n_12, n_22.
    signal: [f64; 3],
}

impl<'p> Valley<'p> {
    /// The valley of `problem`.
    ///
    /// # Errors
    /// When the widths are not 2, 2, 2, Σx is not diagonal and positive, or V is singular: the gains are then no coordinates of the minima.
    pub fn new(problem: &'p Problem) -> Result<Self, TheoryError> {
        let refuse = |what, needed| Err(TheoryError::NoValley { what, needed });
        if problem.widths() != [2, 2, 2] {
            return refuse("widths", "two inputs, two hidden units and two outputs");
        }
        let sigma = problem.input_covariance();
        let inputs = [sigma[(0, 0)], sigma[(1, 1)]];
        if sigma[(0, 1)] != 0.0 || inputs.iter().any(|&variance| variance <= 0.0) {
            return refuse("input_covariance", "a diagonal matrix of positive entries");
        }
        let v = problem.teacher();
        if v[(0, 0)] * v[(1, 1)] - v[(0, 1)] * v[(1, 0)] == 0.0 {
            return refuse("teacher", "an invertible matrix");
        }
        let identity = Mat::identity(2, 2);
        Ok(Self {
            problem,
            inputs,
            sharpness: Height::new(v, identity.as_ref()),
            fluctuation: Height::new(v, problem.noise_covariance()),
        })
    }

    /// g_j = ‖W_1 e_j‖, the gains of the first layer of any network with two inputs. Unit: that of a weight.
    pub fn gains(weights: &Weights) -> [f64; 2] {
        let first = weights.layer(1);
        [0, 1].map(|j| first.col(j).norm_l2())
    }

    /// The least T of the minima with these `gains`, both positive; in loss/weight².
    pub fn sharpness(&self, gains: [f64; 2]) -> f64 {
        self.height(&self.sharpness, gains)
    }

    /// The least F of the minima with these `gains`, both positive; in loss²/weight².
    pub fn fluctuation(&self, gains: [f64; 2]) -> f64 {
        self.height(&self.fluctuation, gains)
    }

    /// The minimum with these `gains` and r = 0: W_1 = diag(gains), W_2 = V W_1⁻¹.
    ///
    /// # Errors
    /// When a gain is so small or large that the weights are not finite.
    pub fn weights(&self, gains: [f64; 2]) -> Result<Weights, TheoryError> {
        let first = Mat::from_fn(2, 2, |i, j| if i == j { gains[i] } else { 0.0 });
        let v = self.problem.teacher();
        let last = Mat::from_fn(2, 2, |i, j| v[(i, j)] / gains[j]);
        Ok(Weights::new(self.problem, vec![first, last])?)
    }

    fn height(&self, height: &Height, gains: [f64; 2]) -> f64 {
        let [p, q] = gains.map(|gain| gain * gain);
        let [x, y] = self.inputs;
        height.metric_trace * (p * x + q * y) + (x + y) * height.floor(p, q)
    }
}

impl Height {
    fn new(v: MatRef<'_, f64>, metric: MatRef<'_, f64>) -> Self {
        let signal = v.transpose() * (metric * v);
        Self {
            metric_trace: metric[(0, 0)] + metric[(1, 1)],
            signal: [signal[(0, 0)], signal[(0, 1)], signal[(1, 1)]],
        }
    }

    /// The least tr(N_C P⁻¹) over r.
    fn floor(&self, p: f64, q: f64) -> f64 {
        let [n11, n12, n22] = self.signal;
        let c = n11 * q + n22 * p;
        // N_C ≥ 0 makes the root real, up to rounding.
        let root = (c * c - 4.0 * n12 * n12 * p * q).max(0.0).sqrt();
        let r = 2.0 * n12 * p * q / (c + root);
        (c - 2.0 * n12 * r) / (p * q - r * r)
    }
}

#[cfg(test)]
mod tests {
    use faer::mat;

    use super::*;
    use crate::theory::{Minimum, functionals, predict};

    /// A teacher that mixes, inputs of unequal size, noise in axes of its own.
    fn turned() -> Problem {
        let inputs = mat![[1.3, 0.0], [0.0, 0.6]];
        let teacher = mat![[1.5, 0.3], [-0.2, 0.5]];
        let noise = mat![[0.52, 0.44], [0.44, 0.60]];
        Problem::new(inputs, teacher, noise, 2).unwrap()
    }

    /// The weights of any P, by its Cholesky factor, in hidden units that are turned by half a radian.
    fn weights(problem: &Problem, [p, q]: [f64; 2], r: f64) -> Weights {
        let (s, c) = 0.5f64.sin_cos();
        let turn = mat![[c, -s], [s, c]];
        let (first, below) = (p.sqrt(), (q - r * r / p).sqrt());
        let factor = mat![[first, r / first], [0.0, below]];
        let inverse = mat![[1.0 / first, -r / (p * below)], [0.0, 1.0 / below]];
        let layers = vec![
            &turn * factor,
            problem.teacher() * inverse * turn.transpose(),
        ];
        Weights::new(problem, layers).unwrap()
    }

    /// Against the functionals of weights: nowhere below the floor, and on it for some r.
    #[test]
    fn heights_are_the_least_over_the_third_direction() {
        let problem = turned();
        let valley = Valley::new(&problem).unwrap();
        for gains in [[0.5, 1.0], [1.2, 0.7], [2.0, 3.0]] {
            let squares = gains.map(|gain: f64| gain * gain);
            let most = gains[0] * gains[1];
            let (mut sharpness, mut fluctuation) = (f64::INFINITY, f64::INFINITY);
            for i in 1..20_000 {
                let r = most * (f64::from(i) / 10_000.0 - 1.0);
                let at = weights(&problem, squares, r);
                assert!((Valley::gains(&at)[1] - gains[1]).abs() < 1e-12);
                let parts = functionals(&problem, &at).unwrap();
                sharpness = sharpness.min(parts.sharpness);
                fluctuation = fluctuation.min(parts.fluctuation);
            }
            for (floor, least) in [
                (valley.sharpness(gains), sharpness),
                (valley.fluctuation(gains), fluctuation),
            ] {
                assert!(floor <= least * (1.0 + 1e-13), "{floor} {least}");
                assert!(floor > least * (1.0 - 1e-6), "{floor} {least}");
            }
        }
    }

    /// Theorem 1's minimum and the flattest one, from their closed forms, are the lowest points.
    #[test]
    fn the_lowest_points_are_the_known_minima() {
        let problem = turned();
        let valley = Valley::new(&problem).unwrap();
        let known = predict(&problem).unwrap();
        let sgd = Valley::gains(&Minimum::of_sgd(&problem).unwrap().weights().unwrap());
        let flat = Valley::gains(&Minimum::flattest(&problem).unwrap().weights().unwrap());
        assert!((valley.fluctuation(sgd) / known.fluctuation - 1.0).abs() < 1e-12);
        assert!((valley.sharpness(flat) / known.min_sharpness - 1.0).abs() < 1e-12);
        for i in 0..16 {
            let (s, c) = (f64::from(i) * std::f64::consts::PI / 8.0).sin_cos();
            let beside = |[x, y]: [f64; 2]| [x * (1.0 + 0.01 * c), y * (1.0 + 0.01 * s)];
            assert!(valley.fluctuation(beside(sgd)) > known.fluctuation);
            assert!(valley.sharpness(beside(flat)) > known.min_sharpness);
        }
    }

    #[test]
    fn diagonal_weights_are_on_the_floor_where_axes_are_shared() {
        let noise = mat![[1.0, 0.0], [0.0, 0.04]];
        let teacher = mat![[1.5, 0.0], [0.0, 0.5]];
        let problem = Problem::new(Mat::identity(2, 2), teacher, noise, 2).unwrap();
        let valley = Valley::new(&problem).unwrap();
        let gains = [1.7, 0.4];
        let at = valley.weights(gains).unwrap();
        assert!((at.product() - problem.teacher()).norm_l2() < 1e-15);
        let parts = functionals(&problem, &at).unwrap();
        assert!((valley.sharpness(gains) - parts.sharpness).abs() < 1e-12);
        assert!((valley.fluctuation(gains) - parts.fluctuation).abs() < 1e-12);
    }

    #[test]
    fn what_has_no_such_valley_is_refused_by_name() {
        let one = || Mat::<f64>::identity(2, 2);
        let refused = |inputs, teacher, depth| {
            let problem = Problem::new(inputs, teacher, one(), depth).unwrap();
            Valley::new(&problem).unwrap_err().to_string()
        };
        assert!(refused(one(), one(), 3).starts_with("widths"));
        assert!(refused(mat![[1.0, 0.1], [0.1, 1.0]], one(), 2).starts_with("input_covariance"));
        assert!(refused(one(), mat![[1.0, 0.0], [0.0, 0.0]], 2).starts_with("teacher"));
    }
}
