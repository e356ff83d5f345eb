//! The drift against SGD itself, where symmetric generators and the exact drift part ways.

use faer::Mat;
use thalweg::flow::{self, Drift, NoLimit, Steps, Times, descend, path, slow_flow};
use thalweg::problem::{Basis, Problem, Weights, covariance, spectrum, teacher};
use thalweg::simulate::{Ensemble, InitialWeights, SimulateSettings};
use thalweg::theory::{functionals, predict};

use crate::random_weights;

const LEARNING_RATE: f64 = 0.002;
const BATCH: usize = 10;
const STEPS: u64 = 50_000;
const SEEDS: u64 = 24;

/// D = 2, d = 2, noise deviations (1, `small`) in a basis turned by 0.7: K and I ⊗ Σε do not commute.
fn problem(small: f64) -> (Problem, Weights) {
    let (sine, cosine) = 0.7f64.sin_cos();
    let basis = faer::mat![[cosine, -sine], [sine, cosine]];
    let noise = &basis * faer::mat![[1.0, 0.0], [0.0, small * small]] * basis.transpose();
    let layers = vec![
        faer::mat![[1.3, 0.8], [-0.3, 0.9]],
        faer::mat![[1.0, 0.5], [0.2, 0.7]],
    ];
    let teacher = &layers[1] * &layers[0];
    let problem = Problem::new(Mat::identity(2, 2), teacher, noise, 2).unwrap();
    let start = Weights::new(&problem, layers).unwrap();
    (problem, start)
}

fn by(drift: Drift) -> flow::FlowSettings {
    flow::FlowSettings {
        drift,
        ..flow::FlowSettings::default()
    }
}

/// The steps `count` of those runs.
fn steps(learning_rate: f64, count: u64) -> Steps {
    Steps {
        learning_rate,
        batch: BATCH,
        steps: vec![count],
    }
}

/// SGD's fall of F from the start, measured after gradient flow has taken the weights back to the
/// manifold, over slow time 0.02: 24 seeds, fixed.
///
/// The standard error was 0.3 % of the fall when this was written; the transient of 1/(ηκ) steps and the
/// finite η leave a bias of about 0.5 %. A band of 2 % is then five standard errors away: false alarms at
/// less than 1e-5. The symmetric drift must be excluded by the same band.
#[test]
fn sgd_follows_the_exact_drift() {
    let (problem, start) = problem(0.1);
    let before = functionals(&problem, &start).unwrap().fluctuation;
    let mut settings = SimulateSettings::new(LEARNING_RATE, BATCH);
    settings.init = InitialWeights::Given(start.clone());
    let seeds: Vec<u64> = (0..SEEDS).collect();
    let mut runs = Ensemble::start(&problem, &settings, &seeds).unwrap();
    runs.run_to(STEPS);
    let falls: Vec<f64> = runs
        .weights()
        .into_iter()
        .map(|weights| {
            let end = descend(&problem, &weights.unwrap(), &flow::FlowSettings::default()).unwrap();
            before - functionals(&problem, &end.weights).unwrap().fluctuation
        })
        .collect();
    let count = falls.len() as f64;
    let mean = falls.iter().sum::<f64>() / count;
    let predicted = |drift: Drift| {
        let times = Times::from(steps(LEARNING_RATE, STEPS));
        let found = slow_flow(&problem, &start, &times, &by(drift)).unwrap();
        before - found.snapshots[0].fluctuation
    };
    let off = |drift: Drift| (mean / predicted(drift) - 1.0).abs();
    assert!(off(Drift::Exact) < 0.02, "{}", off(Drift::Exact));
    assert!(off(Drift::Symmetric) > 0.02, "{}", off(Drift::Symmetric));
}

/// Where that noise never lets K and I ⊗ Σε commute, SGD does not end at Theorem 1's minimum. After
/// 3.3e7 steps at η = .003, B = 10 one run (sample by sample, in a program of its own) stood at
/// T = 10.8575, F = 5.27853; it was then taken back to the manifold. It has no diffusion along the
/// manifold at leading order, so one run serves; 0.5 % is left for what is of higher order in η.
#[test]
fn the_exact_drift_ends_where_sgd_does() {
    let (problem, start) = problem(0.2);
    let times = Times::from(steps(0.003, 33_000_000));
    let found = slow_flow(&problem, &start, &times, &by(Drift::Exact)).unwrap();
    let end = &found.snapshots[0];
    assert!(
        (end.sharpness / 10.8575 - 1.0).abs() < 0.005,
        "{}",
        end.sharpness
    );
    assert!(
        (end.fluctuation / 5.27853 - 1.0).abs() < 0.005,
        "{}",
        end.fluctuation
    );
    assert_eq!(found.limit, Err(NoLimit::ExactDrift));
    let theorem = predict(&problem).unwrap();
    assert!(
        theorem.sharpness / 10.8575 - 1.0 > 0.04,
        "{}",
        theorem.sharpness
    );
}

/// The same in a network of 160 weights, whose steps have the Jacobian of symmetric generators: T after 5·10⁵ steps from a random start. 16 seeds, fixed.
///
/// The standard error was 0.2 % when this was written, the exact drift 0.06 % off and the symmetric one 1.9 %. A band of 1 % is five
/// standard errors; the symmetric drift must be outside it.
#[test]
fn sgd_follows_the_exact_drift_of_wider_networks() {
    const STEPS: u64 = 500_000;
    let turned = |seed| Basis::Random { seed };
    let singular = [1.2, 1.0, 0.9, 0.8];
    let problem = Problem::new(
        covariance::from_spectrum(&spectrum::power_law(8, 1.0), turned(1)),
        teacher::from_singular_values(4, 8, &singular, turned(2), turned(3)),
        covariance::from_spectrum(&[1.0, 0.4, 0.15, 0.05], turned(4)),
        3,
    )
    .unwrap();
    let start = random_weights(&problem, 5);
    let mut settings = SimulateSettings::new(LEARNING_RATE, BATCH);
    settings.init = InitialWeights::Given(start.clone());
    let mut runs = Ensemble::start(&problem, &settings, &(0..16).collect::<Vec<u64>>()).unwrap();
    runs.run_to(STEPS);
    let found: Vec<f64> = runs
        .weights()
        .into_iter()
        .map(|weights| functionals(&problem, &weights.unwrap()).unwrap().sharpness)
        .collect();
    let mean = found.iter().sum::<f64>() / found.len() as f64;
    let off = |drift: Drift| {
        let steps = steps(LEARNING_RATE, STEPS);
        let path = path(&problem, &start, &steps, &by(drift)).unwrap();
        (path.snapshots[0].sharpness / mean - 1.0).abs()
    };
    assert!(off(Drift::Exact) < 0.01, "{}", off(Drift::Exact));
    assert!(off(Drift::Symmetric) > 0.01, "{}", off(Drift::Symmetric));
}
