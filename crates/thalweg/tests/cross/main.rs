//! Networks whose curvature and fluctuation PyTorch and curvlinops computed: see `README.md` beside this file.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails is a test that fails"
)]

mod interventions;

use std::fmt::Debug;
use std::sync::Arc;

use faer::{Col, ColRef, Mat};
use serde_json::Value;
use thalweg::curvature::{EigenSettings, End, SymmetricOperator, TraceSettings, eigenpairs};
use thalweg::data::Samples;
use thalweg::evaluation::{CurvedLoss, Evaluation, SampledLoss};
use thalweg::fluctuation::measure;
use thalweg::loss::{Convention, Loss};
use thalweg::model::{LanguageModel, Mlp, Read, Rnn, Transformer};
use thalweg::tensor::{Activation, Tape};

/// Relative: f64 in two programs, sums in different orders.
const TOLERANCE: f64 = 1e-9;

fn numbers(value: &Value) -> Vec<f64> {
    let array = value.as_array().unwrap();
    array.iter().map(|x| x.as_f64().unwrap()).collect()
}

/// One sample in each row of the file, in each column here.
fn columns(value: &Value) -> Mat<f64> {
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(numbers).collect();
    Mat::from_fn(rows[0].len(), rows.len(), |line, b| rows[b][line])
}

fn tape(network: &Value) -> Tape {
    let size = |key: &str| network[key].as_u64().unwrap() as usize;
    let flag = |key: &str| network[key].as_bool().unwrap();
    let activation = match network["activation"].as_str().unwrap() {
        "identity" => Activation::Identity,
        "relu" => Activation::Relu,
        "tanh" => Activation::Tanh,
        "gelu" => Activation::Gelu,
        "gelu-tanh" => Activation::GeluTanh,
        other => panic!("{other}"),
    };
    let tape = match network["kind"].as_str().unwrap() {
        "mlp" => Mlp {
            widths: numbers(&network["widths"])
                .iter()
                .map(|&w| w as usize)
                .collect(),
            activation,
            biases: flag("biases"),
        }
        .tape(),
        "rnn" => Rnn {
            inputs: size("inputs"),
            hidden: size("hidden"),
            outputs: size("outputs"),
            steps: size("steps"),
            activation,
            biases: flag("biases"),
            read: match network["read"].as_str().unwrap() {
                "last" => Read::Last,
                "every" => Read::Every,
                other => panic!("{other}"),
            },
        }
        .tape(),
        "transformer" => Transformer {
            width: size("width"),
            positions: size("positions"),
            heads: size("heads"),
            hidden: size("hidden"),
            blocks: size("blocks"),
            causal: flag("causal"),
            layer_norm: flag("layer_norm"),
            activation,
            biases: flag("biases"),
        }
        .tape(),
        "language-model" => LanguageModel {
            tokens: size("tokens"),
            width: size("width"),
            positions: size("positions"),
            heads: size("heads"),
            hidden: size("hidden"),
            blocks: size("blocks"),
            layer_norm: flag("layer_norm"),
            activation,
            biases: flag("biases"),
        }
        .tape(),
        other => panic!("{other}"),
    };
    tape.unwrap()
}

/// One case, and how to compare with it.
struct Case {
    name: String,
    expected: Value,
}

impl Case {
    fn is(&self, key: &str, found: &[f64]) {
        let expected = match &self.expected[key] {
            Value::Array(_) => numbers(&self.expected[key]),
            number => vec![number.as_f64().unwrap()],
        };
        assert_eq!(found.len(), expected.len(), "{}: {key}", self.name);
        let scale = expected.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        for (f, e) in found.iter().zip(&expected) {
            assert!(
                (f - e).abs() <= TOLERANCE * scale,
                "{}: {key} is {found:?}, by PyTorch {expected:?}",
                self.name
            );
        }
    }

    /// As many eigenvalues from one end as the file has.
    fn has_eigenvalues(
        &self,
        key: &str,
        operator: &mut impl SymmetricOperator<Error: Debug>,
        end: End,
    ) {
        let settings = EigenSettings {
            tolerance: 1e-11,
            ..EigenSettings::new(numbers(&self.expected[key]).len(), end)
        };
        let pairs = eigenpairs(operator, &settings, None).unwrap();
        assert!(
            pairs.converged(),
            "{}: {key}: {:?}",
            self.name,
            pairs.values
        );
        let values: Vec<f64> = pairs.values.iter().map(|value| value.value).collect();
        self.is(key, &values);
    }
}

fn product(operator: &mut impl SymmetricOperator<Error: Debug>, v: &[f64]) -> Vec<f64> {
    let mut image = Col::zeros(v.len());
    operator
        .apply(ColRef::from_slice(v), image.as_mut())
        .unwrap();
    image.iter().copied().collect()
}

#[test]
fn curvature_and_fluctuation_are_those_of_pytorch() {
    let file: Value = serde_json::from_str(include_str!("numbers.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 12);
    for entry in cases {
        let (network, loss) = (&entry["network"], entry["loss"].as_str().unwrap());
        let case = Case {
            name: format!("{network}, {loss}"),
            expected: entry["expected"].clone(),
        };
        let loss = match loss {
            "half" => Loss::SquaredError(Convention::Half),
            "mean" => Loss::SquaredError(Convention::Mean),
            "cross-entropy" => Loss::CrossEntropy,
            "mean-cross-entropy" => Loss::MeanCrossEntropy,
            other => panic!("{other}"),
        };
        let samples = Samples {
            inputs: columns(&entry["inputs"]),
            targets: columns(&entry["targets"]),
        };
        // 12 samples: a last batch of 2.
        let mut set = Evaluation::new(Arc::new(tape(network)), loss, samples, 5).unwrap();
        let at = numbers(&entry["parameters"]);
        let v = numbers(&entry["direction"]);

        case.is("loss", &[set.loss(&at).unwrap()]);
        case.is("gradient", &set.gradient(&at).unwrap());
        let trace = set
            .hessian_trace(&at, &TraceSettings::new(at.len()))
            .unwrap();
        case.is("hessian_trace", &[trace.value]);
        let mut hessian = set.hessian(&at).unwrap();
        case.is("hessian_product", &product(&mut hessian, &v));
        case.has_eigenvalues("hessian_top", &mut hessian, End::Top);
        case.has_eigenvalues("hessian_bottom", &mut hessian, End::Bottom);
        let trace = set.gauss_newton_trace(&at).unwrap();
        case.is("gauss_newton_trace", &[trace.value]);
        let mut gauss_newton = set.gauss_newton(&at).unwrap();
        case.is("gauss_newton_product", &product(&mut gauss_newton, &v));
        case.has_eigenvalues("gauss_newton_top", &mut gauss_newton, End::Top);
        let mut moment = set.gradient_moment(&at).unwrap();
        case.has_eigenvalues("moment_top", &mut moment, End::Top);
        let fluctuation = measure(&mut set, &at).unwrap().total;
        case.is("fluctuation", &[fluctuation.fluctuation.value]);
        case.is("covariance_trace", &[fluctuation.covariance_trace.value]);
    }
}
