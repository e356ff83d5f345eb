//! Two scalar layers, where the slow flow can be solved on paper.

use faer::mat;
use thalweg::flow::{FlowSettings, Times, relaxation, slow_flow};
use thalweg::problem::{Problem, Weights};
use thalweg::recipe::Forces;

use crate::relative;

/// Σx = b, Σε = σ², V = v.
const INPUTS: f64 = 2.0;
const NOISE: f64 = 0.25;
const TEACHER: f64 = 3.0;

fn problem() -> Problem {
    Problem::new(mat![[INPUTS]], mat![[TEACHER]], mat![[NOISE]], 2).unwrap()
}

/// Q = w₁² − w₂² obeys dQ/du = tr(Σx) w₂²σ² − tr(Σε) w₁²b = −bσ² Q, and near Q = 0 the weights are linear in it.
#[test]
fn relaxation_time_of_two_scalar_layers() {
    let found = relaxation(&problem(), Forces::default()).unwrap();
    assert_eq!(found.rates.len(), 1);
    assert!(relative(found.rates[0], INPUTS * NOISE) < 1e-12);
    assert!(relative(found.slow_time(), 2.0) < 1e-12);
    // B/(η² rate) = 10/(10⁻⁴ · ½).
    assert!(relative(found.steps(0.01, 10), 2e5) < 1e-12);
}

/// From w₁ = 2v, w₂ = ½ the whole way: Q(u) = Q(0) e^{−bσ²u}, w₁w₂ = v, T = b(w₁² + w₂²) = λ_max and F = σ²T; and steps t are
/// u = η²t/B.
#[test]
fn the_way_of_two_scalar_layers() {
    let problem = problem();
    let start = Weights::new(&problem, vec![mat![[2.0 * TEACHER]], mat![[0.5]]]).unwrap();
    let (learning_rate, batch) = (0.03, 7);
    let steps = vec![0, 2_000, 20_000, 60_000];
    let times = Times::Steps {
        learning_rate,
        batch,
        steps: steps.clone(),
    };
    let settings = FlowSettings {
        tolerance: 1e-10,
        ..FlowSettings::default()
    };
    let found = slow_flow(&problem, &start, &times, &settings).unwrap();
    let initial = 4.0 * TEACHER * TEACHER - 0.25;
    for (snapshot, step) in found.snapshots.iter().zip(steps) {
        let u = learning_rate * learning_rate * step as f64 / batch as f64;
        assert!((snapshot.slow_time - u).abs() < 1e-12 * (1.0 + u));
        let q = initial * (-INPUTS * NOISE * u).exp();
        // w₁² + w₂² = √(Q² + 4v²).
        let sharpness = INPUTS * (q * q + 4.0 * TEACHER * TEACHER).sqrt();
        assert!(relative(snapshot.sharpness, sharpness) < 1e-7);
        assert!(relative(snapshot.lambda_max, sharpness) < 1e-7);
        assert!(relative(snapshot.fluctuation, NOISE * sharpness) < 1e-7);
    }
}
