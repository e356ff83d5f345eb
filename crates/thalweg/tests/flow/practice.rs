//! SGD with what people add to it, against the flow under the forces that this is said to be.

use faer::Mat;
use thalweg::flow::{Drift, FlowSettings, Times, descend, slow_flow};
use thalweg::problem::{Problem, Weights, covariance};
use thalweg::recipe::{Forces, LabelWeights, Recipe, Sam};
use thalweg::simulate::{Ensemble, InitialWeights, SimulateSettings};
use thalweg::theory::functionals;

const LEARNING_RATE: f64 = 0.004;
const BATCH: usize = 10;
const STEPS: u64 = 150_000;
const SEEDS: u64 = 16;

/// Axes are shared; the teacher is no multiple of I, at whose minima hidden dropout would hardly push.
fn small() -> Problem {
    let noise = covariance::from_deviations(&[1.0, 0.3]);
    let teacher = faer::mat![[1.5, 0.0], [0.0, 0.7]];
    Problem::new(Mat::identity(2, 2), teacher, noise, 2).unwrap()
}

/// A minimum far from where anything ends: W_2 W_1 = V with a large first layer.
fn unbalanced(problem: &Problem) -> Weights {
    let (first, inverse) = (
        faer::mat![[1.9, 0.4], [-0.3, 1.1]],
        faer::mat![[1.1, -0.4], [0.3, 1.9]],
    );
    let second = problem.teacher() * (faer::Scale(1.0 / 2.21) * inverse);
    Weights::new(problem, vec![first, second]).unwrap()
}

/// T of SGD after [`STEPS`] steps, each run taken back to the minima by gradient flow: mean and standard error over [`SEEDS`] seeds.
fn simulated(problem: &Problem, learnt: &Problem, start: &Weights, recipe: &Recipe) -> (f64, f64) {
    let mut settings = SimulateSettings::new(LEARNING_RATE, BATCH);
    settings.init = InitialWeights::Given(start.clone());
    settings.recipe = recipe.clone();
    // Noise on inputs and labels is added to each sample, and not drawn by its law.
    settings.data.sample_by_sample = !recipe.keeps_problem();
    let seeds: Vec<u64> = (0..SEEDS).collect();
    let mut runs = Ensemble::start(problem, &settings, &seeds).unwrap();
    runs.run_to(STEPS);
    let ends: Vec<f64> = runs
        .weights()
        .into_iter()
        .map(|weights| {
            let end = descend(learnt, &weights.unwrap(), &FlowSettings::default()).unwrap();
            functionals(learnt, &end.weights).unwrap().sharpness
        })
        .collect();
    let count = ends.len() as f64;
    let mean = ends.iter().sum::<f64>() / count;
    let variance = ends.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, (variance / count).sqrt())
}

/// T of the flow at the same time.
fn predicted(learnt: &Problem, start: &Weights, rate: f64, forces: Forces, drift: Drift) -> f64 {
    let times = Times::Slow(vec![rate * rate * STEPS as f64 / BATCH as f64]);
    let settings = FlowSettings {
        forces,
        drift,
        ..FlowSettings::default()
    };
    let path = slow_flow(learnt, start, &times, &settings).unwrap();
    path.snapshots[0].sharpness
}

/// Each addition moves T as its force says, and not as plain SGD would: within five standard errors and 3 % of the whole motion,
/// which is left for what is of higher order in η, ρ and λ. (False alarms: less than 1e-5 for each.)
#[test]
fn each_addition_moves_sgd_as_its_force_says() {
    let sam = |normalised| {
        Some(Sam {
            radius: 0.004,
            normalised,
            independent: false,
        })
    };
    let recipes = [
        (
            "momentum",
            Recipe {
                momentum: 0.5,
                ..Recipe::default()
            },
        ),
        (
            "decay",
            Recipe {
                weight_decay: 2e-4,
                ..Recipe::default()
            },
        ),
        (
            "SAM",
            Recipe {
                sam: sam(false),
                ..Recipe::default()
            },
        ),
        (
            "normalised SAM",
            Recipe {
                sam: sam(true),
                ..Recipe::default()
            },
        ),
        (
            "momentum, decay and SAM",
            Recipe {
                momentum: 0.3,
                weight_decay: 2e-4,
                sam: sam(false),
                ..Recipe::default()
            },
        ),
        (
            "hidden dropout",
            Recipe {
                hidden_dropout: 0.01,
                ..Recipe::default()
            },
        ),
        (
            "hidden dropout and decay",
            Recipe {
                hidden_dropout: 0.01,
                weight_decay: 2e-4,
                ..Recipe::default()
            },
        ),
        (
            "input dropout",
            Recipe {
                input_dropout: 0.02,
                ..Recipe::default()
            },
        ),
        (
            "smoothing and weights of labels",
            Recipe {
                label_smoothing: 0.2,
                label_weights: Some(LabelWeights::Matrix(faer::mat![[0.8, 0.1], [0.0, 1.5]])),
                ..Recipe::default()
            },
        ),
        (
            "noise and weights of labels, under hidden dropout",
            Recipe {
                hidden_dropout: 0.01,
                added_noise_covariance: Some(covariance::from_deviations(&[0.2, 1.5])),
                label_weights: Some(LabelWeights::Matrix(faer::mat![[0.8, 0.1], [0.0, 1.5]])),
                ..Recipe::default()
            },
        ),
        (
            "noise on inputs",
            Recipe {
                input_noise_covariance: Some(covariance::from_deviations(&[0.8, 0.2])),
                ..Recipe::default()
            },
        ),
        (
            "noise on labels",
            Recipe {
                added_noise_covariance: Some(covariance::from_deviations(&[0.2, 1.5])),
                ..Recipe::default()
            },
        ),
    ];
    let problem = small();
    for (name, recipe) in recipes {
        let learnt = recipe.problem(&problem).unwrap();
        let start = unbalanced(&learnt);
        let before = functionals(&learnt, &start).unwrap().sharpness;
        let forces = recipe.forces(LEARNING_RATE, BATCH);
        let drift = Drift::that_follows(&learnt, &forces);
        let rate = recipe.effective_rate(LEARNING_RATE);
        let said = predicted(&learnt, &start, rate, forces, drift);
        let (mean, error) = simulated(&problem, &learnt, &start, &recipe);
        let band = 5.0 * error + 0.03 * (said - before).abs();
        assert!(
            (mean - said).abs() < band,
            "{name}: {mean} ± {error}, {said} from {before}"
        );
        if recipe.keeps_problem() {
            let plain = Forces::default();
            let plain = predicted(&problem, &start, LEARNING_RATE, plain, Drift::Symmetric);
            assert!(
                (mean - plain).abs() > band,
                "{name}: plain {plain}, {mean} ± {error}"
            );
        }
    }
}
