//! Every reference case through the program: the contract that scripts rely on.

use serde_json::Value;

use crate::harness::{file, run, run_with_input};

fn cases(text: &str) -> Vec<Value> {
    let oracle: Value = serde_json::from_str(text).unwrap();
    oracle["cases"].as_array().unwrap().clone()
}

fn numbers(value: &Value) -> Vec<f64> {
    let list = value
        .as_array()
        .unwrap_or_else(|| panic!("not a list: {value}"));
    list.iter().map(|x| x.as_f64().unwrap()).collect()
}

fn close(found: f64, expected: f64, tolerance: f64) -> bool {
    (found - expected).abs() <= tolerance * expected.abs()
}

#[test]
fn predict_agrees_with_every_case_to_1e_9() {
    let cases = cases(include_str!("../../../thalweg/tests/oracle/theory.json"));
    assert_eq!(cases.len(), 21);
    for case in cases {
        let (_directory, path) = file("case.json", case.to_string().as_bytes());
        let found = run(&["predict", path.to_str().unwrap(), "--json"]).json();
        let name = &case["name"];
        for key in ["sharpness", "min_sharpness", "fluctuation", "lambda_max"] {
            let (found, expected) = (found[key].as_f64().unwrap(), case[key].as_f64().unwrap());
            assert!(
                close(found, expected, 1e-9),
                "{name} {key}: {found} {expected}"
            );
        }
        let found = numbers(&found["nonzero_spectrum"]);
        let expected = numbers(&case["nonzero_spectrum"]);
        assert_eq!(found.len(), expected.len(), "{name}");
        assert!(found.is_sorted_by(|a, b| a >= b), "{name}");
        for (found, expected) in found.iter().zip(&expected) {
            // Relative to the largest: eigenvalues that are 0 exactly come out as rounding.
            let error = (found - expected).abs() / numbers(&case["nonzero_spectrum"])[0];
            assert!(error <= 1e-9, "{name}: {found} {expected}");
        }
    }
}

#[test]
fn flow_agrees_with_every_case_to_1e_4() {
    let cases = cases(include_str!("../../../thalweg/tests/oracle/slow_flow.json"));
    assert_eq!(cases.len(), 5);
    for (index, case) in cases.iter().enumerate() {
        let found = run_with_input(&["flow", "-", "--json"], case.to_string().as_bytes()).json();
        assert_eq!(found["slow_time"], case["slow_time"]);
        for key in ["sharpness", "fluctuation"] {
            let (found, expected) = (numbers(&found[key]), numbers(&case[key]));
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(&expected) {
                assert!(
                    close(*found, *expected, 1e-4),
                    "{index} {key}: {found} {expected}"
                );
            }
        }
    }
}

/// The contract for scripts at a finite step size, against SGD itself: means of 16 seeds around the times, of which the last are
/// at rest. 1 % is three standard errors.
#[test]
fn flow_at_a_finite_step_agrees_with_sgd() {
    let cases = cases(include_str!(
        "../../../thalweg/tests/oracle/finite_step.json"
    ));
    for name in ["c3", "e2", "k1"] {
        let case = cases.iter().find(|case| case["name"] == name).unwrap();
        let rate = case["learning_rate"].as_f64().unwrap();
        let batch = case["batch"].as_f64().unwrap();
        let steps = numbers(&case["windows_around_steps"]);
        let flat = numbers(&case["start_weights_flat_layer_1_first_row_major"]);
        let layers: Vec<Vec<&[f64]>> = flat.chunks(4).map(|w| w.chunks(2).collect()).collect();
        let times: Vec<f64> = steps.iter().map(|t| rate * rate / batch * t).collect();
        let file = serde_json::json!({
            "depth": case["depth"],
            "input_covariance": case["input_covariance"],
            "teacher": case["teacher"],
            "noise_covariance": case["noise_covariance"],
            "learning_rate": rate,
            "batch": batch as u64,
            "start_weights": layers,
            "slow_time": times,
        });
        let file = file.to_string();
        let words = ["flow", "-", "--drift", "finite", "--json"];
        let found = run_with_input(&words, file.as_bytes()).json();
        assert_eq!(found["drift"], "finite");
        for key in ["sharpness", "fluctuation", "lambda_max"] {
            let (found, sgd) = (numbers(&found[key]), numbers(&case["sgd"][key]));
            assert_eq!(found.len(), sgd.len());
            let (found, sgd) = (found[found.len() - 1], sgd[sgd.len() - 1]);
            assert!(close(found, sgd, 0.01), "{name} {key}: {found} {sgd}");
            let leading = case["leading_order"][key].as_array().unwrap();
            let leading = leading[leading.len() - 1].as_f64().unwrap();
            assert!(
                key == "fluctuation" || !close(leading, sgd, 0.01),
                "{name} {key}"
            );
        }
        assert_eq!(found["validity"]["in_range"], true);
    }
}

#[test]
fn json_numbers_are_those_of_the_library_to_the_bit() {
    use thalweg::problem::{Problem, covariance, spectrum, teacher};
    let basis = |index: u64| thalweg::problem::Basis::Random {
        seed: 4 * 7 + index,
    };
    let problem = Problem::new(
        covariance::from_spectrum(&spectrum::power_law(4, 0.5), basis(1)),
        teacher::from_singular_values(3, 4, &[1.0; 3], basis(2), basis(3)),
        covariance::from_spectrum(&spectrum::power_law(3, 1.0), basis(0)),
        4,
    )
    .unwrap();
    let expected = thalweg::theory::predict(&problem).unwrap();
    let found = run(&[
        "predict",
        "--json",
        "--depth",
        "4",
        "--input-dimension",
        "4",
        "--output-dimension",
        "3",
        "--noise",
        "power:1",
        "--inputs",
        "power:0.5",
        "--basis-seed",
        "7",
    ])
    .json();
    assert_eq!(found["sharpness"].as_f64(), Some(expected.sharpness));
    assert_eq!(found["fluctuation"].as_f64(), Some(expected.fluctuation));
}

#[test]
fn predict_under_weight_decay_agrees_with_every_case_to_1e_7() {
    let cases = cases(include_str!(
        "../../../thalweg/tests/oracle/weight_decay.json"
    ));
    assert_eq!(cases.len(), 6);
    let (learning_rate, batch) = (0.005, 10.0);
    for case in cases {
        let strength = case["weight_decay_times_batch_over_learning_rate"]
            .as_f64()
            .unwrap();
        let decay = (strength * learning_rate / batch).to_string();
        let (_directory, path) = file("case.json", case.to_string().as_bytes());
        let path = path.to_str().unwrap();
        let asked = [
            "--weight-decay",
            &decay,
            "--learning-rate",
            "0.005",
            "--batch",
            "10",
            "--json",
        ];
        let found = run(&[&["predict", path][..], &asked].concat()).json();
        for key in ["sharpness", "fluctuation", "lambda_max"] {
            let (found, expected) = (found[key].as_f64().unwrap(), case[key].as_f64().unwrap());
            assert!(close(found, expected, 1e-7), "{key}: {found} {expected}");
        }
    }
}
