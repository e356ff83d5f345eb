//! Estimators where their answer and its standard error can be told without a reference.

use std::convert::Infallible;

use faer::{Mat, MatMut, MatRef};
use thalweg::curvature::{
    DensitySettings, SymmetricOperator, TraceMethod, TraceSettings, density, trace,
};
use thalweg::estimate::Status;

use super::known::Known;

/// Products whose forms ωᵀAω with vectors of signs are 1, 2, 3, …, in the order that they are asked for.
struct Counting {
    dim: usize,
    next: f64,
}

impl SymmetricOperator for Counting {
    type Error = Infallible;

    fn dim(&self) -> usize {
        self.dim
    }

    fn apply_block(
        &mut self,
        input: MatRef<'_, f64>,
        mut output: MatMut<'_, f64>,
    ) -> Result<(), Infallible> {
        let scales: Vec<f64> = (0..input.ncols())
            .map(|j| (self.next + j as f64) / self.dim as f64)
            .collect();
        self.next += input.ncols() as f64;
        output.copy_from(Mat::from_fn(self.dim, input.ncols(), |i, j| {
            scales[j] * input[(i, j)]
        }));
        Ok(())
    }
}

/// 1, 2, 3, 4: mean 5/2, s² = 5/3, standard error √(5/12).
#[test]
fn the_standard_error_of_four_samples() {
    let mut operator = Counting { dim: 64, next: 1.0 };
    let settings = TraceSettings {
        method: TraceMethod::Hutchinson,
        ..TraceSettings::new(4)
    };
    let found = trace(&mut operator, &settings).unwrap();
    assert!((found.value - 2.5).abs() < 1e-14);
    let error = found.standard_error().unwrap();
    assert!((error - (5.0_f64 / 12.0).sqrt()).abs() < 1e-14, "{error}");
    // More than 1 % of 2.5.
    assert_eq!(found.status, Status::Unconverged);
}

/// Every leave-one-out estimate of XTrace is exact for a multiple of the identity: tr A on the sketch, and (n − m + 1) times the
/// mean square of what is left.
#[test]
fn xtrace_of_the_identity_is_exact() {
    for matvecs in [4, 10, 37] {
        let mut operator = Known::new(vec![3.0; 40], 11);
        let found = trace(&mut operator, &TraceSettings::new(matvecs)).unwrap();
        assert!(
            (found.value - 120.0).abs() < 1e-11,
            "{matvecs} products: {found:?}"
        );
        assert!(found.standard_error().unwrap() < 1e-11, "{found:?}");
        assert_eq!(found.status, Status::Converged);
    }
}

/// Two eigenvalues, 1 and 3, the second for three directions of four: a Gaussian's height is 1/(w√(2π)).
#[test]
fn densities_of_two_eigenvalues() {
    let mut values = vec![3.0; 40];
    values[..10].fill(1.0);
    let mut operator = Known::new(values, 12);
    let settings = DensitySettings {
        probes: 4,
        steps: 10,
        seed: 0,
    };
    let found = density(&mut operator, &settings).unwrap();
    let height = 1.0 / (0.25 * std::f64::consts::TAU.sqrt());
    // Eight standard deviations away the other eigenvalue is not seen.
    for (point, expected) in [
        (1.0, 0.25 * height),
        (3.0, 0.75 * height),
        (3.25, 0.75 * height * (-0.5_f64).exp()),
    ] {
        let value = found.smoothed(point, 0.25).unwrap().value;
        assert!((value - expected).abs() < 1e-9, "{value} at {point}");
    }
    for (power, expected) in [(0, 1.0), (1, 2.5), (2, 7.0)] {
        assert!((found.moment(power).value - expected).abs() < 1e-12);
    }
    assert!((found.cumulative(2.0).value - 0.25).abs() < 1e-12);
    let (low, high) = found.range();
    assert!((low - 1.0).abs() < 1e-12 && (high - 3.0).abs() < 1e-12);
}
