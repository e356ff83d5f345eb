//! An evaluation set keeps what it has recorded: whatever was asked before, the answer is that of a fresh one.

use std::sync::Arc;

use faer::{Mat, MatRef};
use thalweg::curvature::{Dense, SymmetricOperator};
use thalweg::data::Samples;
use thalweg::evaluation::{CurvedLoss, Evaluation, RelabelledLoss, SampledLoss};
use thalweg::loss::Loss;
use thalweg::model::Mlp;
use thalweg::random::{Purpose, Stream};
use thalweg::tensor::Activation;

use super::case::assert_close;

type Question = fn(&mut Evaluation, &[f64]) -> Vec<f64>;

fn entries(matrix: MatRef<'_, f64>) -> Vec<f64> {
    let columns = matrix.col_iter();
    columns.flat_map(|column| column.iter().copied()).collect()
}

fn dense<A: SymmetricOperator<Error: std::fmt::Debug>>(mut operator: A) -> Vec<f64> {
    entries(Dense::of(&mut operator).unwrap().matrix())
}

/// Labels other than the set's own.
fn labels(set: &Evaluation) -> Mat<f64> {
    let share = |class: usize, sample: usize| [0.2, 0.3, 0.5][(class + sample) % 3];
    Mat::from_fn(3, set.samples(), share)
}

fn questions() -> Vec<(&'static str, Question)> {
    vec![
        ("loss", |set, at| vec![set.loss(at).unwrap()]),
        ("gradient", |set, at| set.gradient(at).unwrap()),
        ("Hessian", |set, at| dense(set.hessian(at).unwrap())),
        ("Gauss–Newton", |set, at| {
            dense(set.gauss_newton(at).unwrap())
        }),
        ("gradient covariance", |set, at| {
            dense(set.gradient_covariance(at).unwrap())
        }),
        ("losses", |set, at| set.sample_losses(at).unwrap()),
        ("residuals", |set, at| {
            entries(set.residuals(at).unwrap().as_ref())
        }),
        ("norms", |set, at| {
            entries(set.sample_squared_norms(at).unwrap().as_ref())
        }),
        ("squares", |set, at| {
            set.gradient_moment_diagonal(at).unwrap()
        }),
        ("gradients", |set, at| {
            entries(set.sample_gradients(at, &[0, 6]).unwrap().as_ref())
        }),
        ("slopes", |set, at| {
            let along = Mat::from_fn(at.len(), 1, |i, _| (i as f64).cos());
            entries(set.sample_slopes(at, along.as_ref()).unwrap().as_ref())
        }),
        ("curvature", |set, at| {
            entries(set.sample_curvature(at).unwrap().parameters.as_ref())
        }),
        ("pullbacks", |set, at| {
            let cotangents = Mat::identity(3, 3);
            set.mean_pullbacks(at, cotangents.as_ref()).unwrap()
        }),
        ("output curvature", |set, at| {
            entries(set.output_curvature(at).unwrap().as_ref())
        }),
        ("other residuals", |set, at| {
            let labels = labels(set);
            entries(set.residuals_under(at, labels.as_ref()).unwrap().as_ref())
        }),
        ("other output curvatures", |set, at| {
            let labels = labels(set);
            let found = set.output_curvatures_under(at, labels.as_ref());
            entries(found.unwrap().as_ref())
        }),
    ]
}

#[test]
fn answers_do_not_depend_on_what_was_asked_before() {
    let network = Mlp {
        widths: vec![2, 3, 3],
        activation: Activation::Tanh,
        biases: true,
    };
    let tape = Arc::new(network.tape().unwrap());
    let mut stream = Stream::new(3, Purpose::DataSet);
    let samples = Samples {
        inputs: Mat::from_fn(2, 7, |_, _| stream.normal()),
        targets: Mat::from_fn(3, 7, |i, j| if i == j % 3 { 1.0 } else { 0.0 }),
    };
    let mut point = || -> Vec<f64> {
        let entries = (0..tape.parameter_count()).map(|_| stream.normal());
        entries.collect()
    };
    let points = [point(), point()];
    let fresh = || Evaluation::new(tape.clone(), Loss::CrossEntropy, samples.clone(), 4).unwrap();
    let all = questions();
    for (name, question) in &all {
        let expected = question(&mut fresh(), &points[0]);
        for (earlier, other) in &all {
            for before in &points {
                let mut set = fresh();
                other(&mut set, before);
                let found = question(&mut set, &points[0]);
                assert_close(&format!("{name} after {earlier}"), &found, &expected, 1e-12);
            }
        }
    }
}
