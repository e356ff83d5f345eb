//! Extreme and rounded input: an answer that is right, or a message whose advice can be followed.

use crate::harness::{Run, run, run_with_input};

/// T, T_min, F, λ_max of an answer in JSON.
fn numbers(run: &Run) -> [f64; 4] {
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let answer = run.json();
    ["sharpness", "min_sharpness", "fluctuation", "lambda_max"]
        .map(|key| answer[key].as_f64().unwrap())
}

/// Inputs that only vary along one axis need one hidden unit: (by hand, see the theory's tests).
#[test]
fn a_bottleneck_as_narrow_as_the_inputs_rank_is_accepted_by_every_command() {
    let problem = |width: usize| {
        format!(
            r#"{{"depth": 2, "hidden_widths": [{width}], "input_covariance": [[1, 0], [0, 0]],
            "teacher": [[1, 0], [0, 1]], "noise_covariance": [[1, 0], [0, 0.5]]}}"#
        )
    };
    let root = 1.5f64.sqrt();
    let expected = [
        root * (1.0 + 2.0 / 1.5),
        8f64.sqrt(),
        2.0 * root,
        root + 1.0 / root,
    ];
    for width in [1, 2] {
        let input = problem(width);
        let steps = ["--learning-rate", "0.01", "--batch", "10"];
        let answer = run_with_input(
            &[&["predict", "-", "--json"][..], &steps].concat(),
            input.as_bytes(),
        );
        for (found, expected) in numbers(&answer).iter().zip(expected) {
            assert!((found / expected - 1.0).abs() < 1e-13, "{found} {expected}");
        }
        assert!(answer.json()["run"]["relaxation_steps"].as_f64().unwrap() > 0.0);
        let flow = ["flow", "-", "--json", "--steps", "1e13"];
        let flow = run_with_input(&[&flow[..], &steps].concat(), input.as_bytes());
        assert_eq!(flow.status, Some(0), "{}", flow.stderr);
        let sharpness = flow.json()["sharpness"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()
            .as_f64()
            .unwrap();
        assert!((sharpness / expected[0] - 1.0).abs() < 1e-4, "{sharpness}");
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("run");
        let simulate = [
            "simulate", "-", "--json", "--steps", "100", "--seeds", "2", "--out",
        ];
        let simulate = [&simulate[..], &[out.to_str().unwrap()], &steps].concat();
        let simulated = run_with_input(&simulate, input.as_bytes());
        assert_eq!(simulated.status, Some(0), "{}", simulated.stderr);
    }
}

/// What the flow of raw economic data advises when it gives up can be followed: the same regression with each
/// variable divided by its standard deviation.
#[test]
fn a_stiff_flow_is_followed_once_its_variables_are_standardised() {
    let mut given: serde_json::Value = serde_json::from_str(include_str!("longley.json")).unwrap();
    let field = |value: &serde_json::Value, i: usize, j: usize| value[i][j].as_f64().unwrap();
    let deviations: Vec<f64> = (0..6)
        .map(|i| field(&given["input_covariance"], i, i).sqrt())
        .collect();
    let variance: f64 = (0..36)
        .map(|k| {
            let (i, j) = (k / 6, k % 6);
            field(&given["teacher"], 0, i)
                * field(&given["teacher"], 0, j)
                * field(&given["input_covariance"], i, j)
        })
        .sum();
    for i in 0..6 {
        for j in 0..6 {
            let entry = field(&given["input_covariance"], i, j) / deviations[i] / deviations[j];
            given["input_covariance"][i][j] = entry.into();
        }
        given["teacher"][0][i] =
            (field(&given["teacher"], 0, i) * deviations[i] / variance.sqrt()).into();
    }
    given["noise_covariance"][0][0] = (field(&given["noise_covariance"], 0, 0) / variance).into();
    let flow = "flow - --learning-rate 1e-2 --batch 32 --steps 1e6 --points 4 --json";
    let flow: Vec<&str> = flow.split(' ').collect();
    let run = run_with_input(&flow, given.to_string().as_bytes());
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let answer = run.json();
    let fluctuation: Vec<f64> = serde_json::from_value(answer["fluctuation"].clone()).unwrap();
    let limit = answer["limit"]["fluctuation"].as_f64().unwrap();
    assert!(
        fluctuation
            .iter()
            .all(|value| value.is_finite() && *value > limit),
        "{fluctuation:?}"
    );
}

/// As many digits are printed as the 16 of the entries fix, and it is said.
#[test]
fn nearly_singular_noise_is_answered_to_the_digits_that_are_known() {
    let input = r#"{"depth": 3, "input_covariance": [[1, 0], [0, 1]], "teacher": [[1, 0], [0, 1]],
        "noise_covariance": [[0.9597234327544356, 0.1966071346021727], [0.1966071346021727, 0.04027656724558933]]}"#;
    let answer = run_with_input(&["predict", "-", "--json"], input.as_bytes());
    // The formulas in 120 digits, once on these doubles and once on the decimals that they round.
    let [sharpness, _, _, largest] = numbers(&answer);
    assert!(
        (sharpness / 15934228.016605494 - 1.0).abs() < 1e-10,
        "{sharpness}"
    );
    assert!(
        (largest / 11950667.232690672 - 1.0).abs() < 1e-10,
        "{largest}"
    );
    let uncertainty = answer.json()["uncertainty"].as_f64().unwrap();
    let rounding = 15936560.467652607 / 15934228.016605494 - 1.0;
    assert!(
        rounding < uncertainty && uncertainty < 1e-3,
        "{uncertainty}"
    );
    let notes = answer.json()["notes"].as_array().unwrap().clone();
    assert_eq!(notes.len(), 1);
    let page = run_with_input(&["predict", "-"], input.as_bytes());
    assert!(page.stdout.contains(" 1.59e7 "), "{}", page.stdout);
    assert!(
        page.stdout
            .contains("Note: noise_covariance is so close to singular")
    );
}

#[test]
fn covariances_as_single_precision_leaves_them_are_taken_with_a_note() {
    let with = |input: &str| {
        format!(
            r#"{{"depth": 3, "input_covariance": {input}, "teacher": [[1, 0], [0, 1]],
            "noise_covariance": [[1, 0], [0, 0.01]]}}"#
        )
    };
    // The mean by hand; and Σx = [[1, 1], [1, 1]] but for what was rounded.
    for (given, mended, words) in [
        (
            "[[1, 0.5], [0.5000001, 1]]",
            "[[1, 0.50000005], [0.50000005, 1]]",
            "not quite symmetric",
        ),
        (
            "[[1, 1.000000001], [1.000000001, 1]]",
            "[[1.0000000005, 1.0000000005], [1.0000000005, 1.0000000005]]",
            "had the eigenvalue",
        ),
    ] {
        let json = ["predict", "-", "--json"];
        let taken = run_with_input(&json, with(given).as_bytes());
        let exact = run_with_input(&json, with(mended).as_bytes());
        for (taken, exact) in numbers(&taken).iter().zip(numbers(&exact)) {
            assert!((taken / exact - 1.0).abs() < 1e-12, "{taken} {exact}");
        }
        let note = taken.json()["notes"][0].as_str().unwrap().to_owned();
        assert!(note.contains(words), "{note}");
        assert_eq!(exact.json()["notes"], serde_json::json!([]));
        let page = run_with_input(&["predict", "-"], with(given).as_bytes());
        assert!(
            page.stdout.contains("Note: input_covariance"),
            "{}",
            page.stdout
        );

        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("run");
        let simulate = "simulate - --learning-rate 0.01 --batch 5 --steps 10 --seeds 2 --out";
        let mut simulate: Vec<&str> = simulate.split(' ').collect();
        simulate.push(out.to_str().unwrap());
        let page = run_with_input(&simulate, with(given).as_bytes());
        assert_eq!(page.status, Some(0), "{}", page.stderr);
        assert!(
            page.stdout.contains("Note: input_covariance"),
            "{}",
            page.stdout
        );
        simulate.push("--json");
        let again = run_with_input(&simulate, with(given).as_bytes());
        assert!(again.json()["notes"][0].as_str().unwrap().contains(words));
    }
}

#[test]
fn a_part_of_nothing_is_undefined_and_not_nan() {
    let page = run(&[
        "predict",
        "--depth",
        "3",
        "--noise",
        "1,0.1",
        "--teacher",
        "0,0",
    ]);
    assert_eq!(page.status, Some(0), "{}", page.stderr);
    assert!(!page.stdout.contains("NaN"), "{}", page.stdout);
}

#[test]
fn what_leaves_double_precision_is_refused_by_name() {
    let base = "--depth 3 --noise 1,0.1";
    for (arguments, needle) in [
        (
            "predict --depth 3 --dimension 2 --inputs 1e-200",
            "--inputs: the variance number 1 comes out as 0,",
        ),
        (
            "predict --depth 3 --dimension 2 --inputs 1e200",
            "--inputs: the variance number 1 comes out as ∞",
        ),
        (
            "predict --depth 3 --noise 1,1e-200",
            "--noise: the variance number 2",
        ),
        (
            "predict --depth 3 --dimension 2 --inputs power:2000",
            "--inputs: the variance number 2",
        ),
        (
            "predict --depth 3 --dimension 2 --teacher power:2000",
            "--teacher: the singular value number 2",
        ),
        (
            "flow BASE --batch 1 --steps 1e6 --learning-rate 1e200",
            "1e-150 to 1e150",
        ),
        (
            "flow BASE --batch 1 --steps 1e6 --learning-rate 1e-200",
            "1e-150 to 1e150",
        ),
    ] {
        let arguments = arguments.replace("BASE", base);
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let run = run(&arguments);
        assert_eq!(run.status, Some(2), "{arguments:?}: {}", run.stdout);
        assert!(run.stderr.contains(needle), "{arguments:?}: {}", run.stderr);
    }
}
