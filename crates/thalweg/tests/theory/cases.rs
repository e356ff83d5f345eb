//! The reference numbers in `tests/oracle`, computed by an independent implementation.

use faer::Mat;
use serde_json::Value;
use thalweg::problem::Problem;

/// One case of `oracle/theory.json`.
pub struct Case {
    pub name: String,
    pub problem: Problem,
    pub sharpness: f64,
    pub min_sharpness: f64,
    pub fluctuation: f64,
    pub lambda_max: f64,
    pub spectrum: Vec<f64>,
}

pub fn cases() -> Vec<Case> {
    let file: Value = serde_json::from_str(include_str!("../oracle/theory.json")).unwrap();
    file["cases"].as_array().unwrap().iter().map(case).collect()
}

fn case(value: &Value) -> Case {
    let number = |name: &str| value[name].as_f64().unwrap();
    Case {
        name: value["name"].as_str().unwrap().to_owned(),
        problem: Problem::new(
            matrix(&value["input_covariance"]),
            matrix(&value["teacher"]),
            matrix(&value["noise_covariance"]),
            value["depth"].as_u64().unwrap() as usize,
        )
        .unwrap(),
        sharpness: number("sharpness"),
        min_sharpness: number("min_sharpness"),
        fluctuation: number("fluctuation"),
        lambda_max: number("lambda_max"),
        spectrum: numbers(&value["nonzero_spectrum"]),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap())
        .collect()
}

fn matrix(value: &Value) -> Mat<f64> {
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(numbers).collect();
    Mat::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}
