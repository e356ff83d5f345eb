//! The problem that is in effect learnt, against moments of what is done to the samples.
#![allow(clippy::unwrap_used)]

use faer::Mat;

use super::{Recipe, RecipeError, Sam};
use crate::problem::{Basis, Problem, covariance};
use crate::random::{Purpose, Stream};

fn problem() -> Problem {
    let input = covariance::from_spectrum(&[1.5, 0.7, 0.2], Basis::Random { seed: 1 });
    let noise = covariance::from_spectrum(&[1.0, 0.1], Basis::Random { seed: 2 });
    let teacher = Mat::from_fn(2, 3, |i, j| [[1.0, -0.4, 0.3], [0.2, 0.8, -0.5]][i][j]);
    Problem::new(input, teacher, noise, 2).unwrap()
}

fn recipe() -> Recipe {
    Recipe {
        added_noise_covariance: Some(covariance::from_spectrum(
            &[0.3, 0.05],
            Basis::Random { seed: 3 },
        )),
        input_noise_covariance: Some(covariance::from_spectrum(
            &[0.4, 0.2, 0.1],
            Basis::Random { seed: 4 },
        )),
        input_dropout: 0.25,
        label_smoothing: 0.1,
        ..Recipe::default()
    }
}

/// Normal vectors of a covariance, by its symmetric root.
fn root(matrix: faer::MatRef<'_, f64>) -> Mat<f64> {
    let eigen = matrix.self_adjoint_eigen(faer::Side::Lower).unwrap();
    let values = eigen.S().column_vector();
    let size = matrix.nrows();
    let scaled = Mat::from_fn(size, size, |i, j| {
        eigen.U()[(i, j)] * values[j].max(0.0).sqrt()
    });
    scaled * eigen.U().transpose()
}

/// Second moments of 2·10⁵ samples, changed as the documentation says, within five standard errors.
#[test]
fn moments_are_those_of_changed_samples() {
    const SAMPLES: usize = 200_000;
    let (problem, recipe) = (problem(), recipe());
    let learnt = recipe.problem(&problem).unwrap();
    let mut stream = Stream::new(7, Purpose::Batches);
    let mut draw = |root: &Mat<f64>| {
        let z = Mat::from_fn(root.ncols(), 1, |_, _| stream.normal());
        root * z
    };
    let x_root = root(problem.input_covariance());
    let e_root = root(problem.noise_covariance());
    let s_root = root(recipe.added_noise_covariance.as_ref().unwrap().as_ref());
    let n_root = root(recipe.input_noise_covariance.as_ref().unwrap().as_ref());
    let mut coin = Stream::new(8, Purpose::Changes);
    // y x̃ᵀ and x̃x̃ᵀ and yyᵀ, with squares for their errors.
    let (mut first, mut second) = (vec![0.0; 19], vec![0.0; 19]);
    for _ in 0..SAMPLES {
        let x = draw(&x_root);
        let label = problem.teacher() * &x + draw(&e_root);
        let y = faer::Scale(0.9) * label + draw(&s_root);
        let noisy = &x + draw(&n_root);
        let seen = Mat::from_fn(3, 1, |i, _| {
            if coin.uniform() < 0.25 {
                0.0
            } else {
                noisy[(i, 0)] / 0.75
            }
        });
        let all = (0..2).flat_map(|i| (0..3).map(move |j| (i, j)));
        let mut values: Vec<f64> = all.map(|(i, j)| y[(i, 0)] * seen[(j, 0)]).collect();
        values.extend(
            (0..3)
                .flat_map(|i| (0..3).map(move |j| (i, j)))
                .map(|(i, j)| seen[(i, 0)] * seen[(j, 0)]),
        );
        values.extend(
            (0..2)
                .flat_map(|i| (0..2).map(move |j| (i, j)))
                .map(|(i, j)| y[(i, 0)] * y[(j, 0)]),
        );
        for (k, value) in values.into_iter().enumerate() {
            first[k] += value;
            second[k] += value * value;
        }
    }
    let (input, teacher) = (learnt.input_covariance(), learnt.teacher());
    let cross = teacher * input;
    let labels = teacher * input * teacher.transpose() + learnt.noise_covariance();
    let mut expected = Vec::new();
    for (rows, columns, of) in [(2, 3, &cross), (3, 3, &input.to_owned()), (2, 2, &labels)] {
        expected.extend((0..rows).flat_map(|i| (0..columns).map(move |j| of[(i, j)])));
    }
    let n = SAMPLES as f64;
    for k in 0..19 {
        let mean = first[k] / n;
        let error = ((second[k] / n - mean * mean) / n).sqrt();
        assert!(
            (mean - expected[k]).abs() < 5.0 * error,
            "{k}: {mean} {}",
            expected[k]
        );
    }
}

#[test]
fn nothing_added_changes_nothing() {
    let problem = problem();
    assert_eq!(*Recipe::default().problem(&problem).unwrap(), problem);
    let still = Recipe {
        momentum: 0.9,
        weight_decay: 0.1,
        hidden_dropout: 0.2,
        ..Recipe::default()
    };
    assert_eq!(*still.problem(&problem).unwrap(), problem);
}

#[test]
fn smoothing_scales_signal_and_noise_alike() {
    let problem = problem();
    let recipe = Recipe {
        label_smoothing: 0.3,
        ..Recipe::default()
    };
    let smoothed = recipe.problem(&problem).unwrap();
    let signal = smoothed.teacher() - faer::Scale(0.7) * problem.teacher();
    let noise = smoothed.noise_covariance() - faer::Scale(0.49) * problem.noise_covariance();
    assert!(signal.norm_l2() < 1e-14 && noise.norm_l2() < 1e-14);
    assert_eq!(smoothed.input_covariance(), problem.input_covariance());
}

#[test]
fn errors_name_the_field() {
    let problem = problem();
    let refused = |recipe: Recipe| recipe.problem(&problem).unwrap_err();
    let wrong = refused(Recipe {
        label_smoothing: 1.0,
        ..Recipe::default()
    });
    assert!(matches!(
        wrong,
        RecipeError::OutOfRange {
            field: "label_smoothing",
            ..
        }
    ));
    let of_one_layer = Problem::new(
        problem.input_covariance().to_owned(),
        problem.teacher().to_owned(),
        problem.noise_covariance().to_owned(),
        1,
    );
    let dropped = Recipe {
        hidden_dropout: 0.1,
        ..Recipe::default()
    };
    let wrong = dropped.problem(&of_one_layer.unwrap()).unwrap_err();
    assert!(wrong.to_string().contains("no hidden units"), "{wrong}");
    let wrong = refused(Recipe {
        input_noise_covariance: Some(Mat::identity(2, 2)),
        ..Recipe::default()
    });
    assert!(matches!(
        wrong,
        RecipeError::Shape {
            field: "input_noise_covariance",
            size: 3,
            ..
        }
    ));
    let negative = covariance::from_spectrum(&[1.0, -0.5], Basis::Canonical);
    let wrong = refused(Recipe {
        added_noise_covariance: Some(negative),
        ..Recipe::default()
    });
    assert!(wrong.to_string().contains("eigenvalue"), "{wrong}");
}

/// Whitened labels have isotropic noise, and given weights transform teacher and noise alike.
#[test]
fn weighted_labels_are_another_problem() {
    use super::LabelWeights;
    let problem = problem();
    let by = |weights| {
        let recipe = Recipe {
            label_weights: Some(weights),
            ..Recipe::default()
        };
        recipe.problem(&problem)
    };
    let white = by(LabelWeights::Whiten).unwrap();
    let off = white.noise_covariance() - Mat::<f64>::identity(2, 2);
    assert!(off.norm_l2() < 1e-12);
    let m = Mat::from_fn(2, 2, |i, j| [[2.0, 1.0], [0.0, -0.5]][i][j]);
    let found = by(LabelWeights::Matrix(m.clone())).unwrap();
    let expected = &m * problem.noise_covariance() * m.transpose();
    assert!((found.noise_covariance() - expected).norm_l2() < 1e-12);
    assert!((found.teacher() - &m * problem.teacher()).norm_l2() < 1e-12);
    let singular = Mat::from_fn(2, 2, |_, _| 1.0);
    assert!(matches!(
        by(LabelWeights::Matrix(singular)),
        Err(RecipeError::Singular { .. })
    ));
}

/// The variance of what is off a minimum of curvature h, by the recursion of its second moments until they no longer change, is
/// (η₁σ²/2h₁)/(1 − s) with s the stability number; and they grow for s > 1.
#[test]
fn the_stability_number_is_that_of_the_recursion() {
    let curvature = 5.0;
    for (momentum, weight_decay, radius, formula) in [
        (0.0, 0.0, 0.0, "η λ_max/2"),
        (0.5, 0.0, 0.0, "η λ_max/(2 (1 + β))"),
        (0.9, 0.3, 0.0, "η (λ_max + λ)/(2 (1 + β))"),
        (0.3, 0.1, 0.2, "η (λ_max (1 + ρ λ_max) + λ)/(2 (1 + β))"),
        (0.0, 0.0, 0.2, "η λ_max (1 + ρ λ_max)/2"),
    ] {
        let recipe = Recipe {
            momentum,
            weight_decay,
            sam: (radius > 0.0).then_some(Sam {
                radius,
                normalised: false,
                independent: true,
            }),
            ..Recipe::default()
        };
        assert_eq!(recipe.stability_formula(), formula);
        let felt = curvature * (1.0 + radius * curvature) + weight_decay;
        let edge = 1.0 / recipe.stability_number(1.0, curvature);
        // E x², E xv and E v² of v ← βv + hx + noise of variance 1, x ← x − ηv.
        let settled = |rate: f64| {
            let [mut xx, mut xv, mut vv] = [0.0; 3];
            for _ in 0..20_000 {
                let after =
                    vv * momentum * momentum + 2.0 * momentum * felt * xv + felt * felt * xx + 1.0;
                let with = momentum * xv + felt * xx;
                xx += rate * rate * after - 2.0 * rate * with;
                xv = with - rate * after;
                vv = after;
            }
            xx
        };
        for share in [0.01, 0.3, 0.9] {
            let rate = share * edge;
            let small = recipe.effective_rate(rate) / (2.0 * felt);
            let found = settled(rate) / small;
            assert!(
                (found * (1.0 - share) - 1.0).abs() < 1e-9,
                "{share} {found}"
            );
        }
        let beyond = settled(1.01 * edge);
        assert!(beyond.is_nan() || beyond > 1e6, "{beyond}");
    }
}
