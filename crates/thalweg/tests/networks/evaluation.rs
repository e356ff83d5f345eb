//! Fixed sets of samples: operators, traces and samples' parts, in unequal batches.

use std::fmt::Debug;
use std::sync::Arc;

use faer::{Mat, MatRef};
use thalweg::curvature::{Dense, SymmetricOperator, TraceSettings, check_symmetry};
use thalweg::data::Samples;
use thalweg::estimate::Status;
use thalweg::evaluation::{
    CurvedLoss, Evaluation, EvaluationError, RelabelledLoss, SampledLoss, layers,
};
use thalweg::loss::{Convention, Loss};
use thalweg::model::{Mlp, Read, Rnn, Transformer};
use thalweg::tensor::{Activation, Tape, Variable};

use super::case::{Case, Draw, assert_close};
use super::reference::Network;
use crate::for_random_cases;

fn product(operator: &mut impl SymmetricOperator<Error: Debug>, v: &[f64]) -> Vec<f64> {
    let mut image = faer::Col::zeros(v.len());
    operator
        .apply(faer::ColRef::from_slice(v), image.as_mut())
        .unwrap();
    image.iter().copied().collect()
}

/// Each sample's gradient, n × N.
fn gradients<M: Network + Debug>(case: &Case<M>) -> Mat<f64> {
    let mut objective = case.objective::<f64>();
    let mut gradient = vec![0.0; case.parameters.len()];
    objective.gradient(&case.parameters, &mut gradient);
    let mut all = Mat::zeros(gradient.len(), case.inputs.len());
    for (sample, mut column) in all.col_iter_mut().enumerate() {
        objective.sample_gradient(sample, &mut gradient);
        column.copy_from(faer::ColRef::from_slice(&gradient));
    }
    all
}

fn entries(matrix: MatRef<'_, f64>) -> Vec<f64> {
    matrix
        .col_iter()
        .flat_map(|c| c.iter().copied().collect::<Vec<_>>())
        .collect()
}

/// Batches of 4, so that most sets end with a smaller one, against exact derivatives of the whole.
fn exact<M: Network + Debug>(mut case: Case<M>) {
    let (n, name) = (case.parameters.len(), case.name());
    let (v, at) = (case.draw.normals(n), case.parameters.clone());
    let mut set = case.evaluation(4);
    let (gradient, hessian) = case.gradient_and_hessian(&v);
    let mean_loss: f64 = case.mean_loss(&at);
    // Twice, and elsewhere between, so that what one call leaves to the next would show.
    for _ in 0..2 {
        assert_close(&name, &[set.loss(&at).unwrap()], &[mean_loss], 1e-12);
        assert_close(&name, &set.gradient(&at).unwrap(), &gradient, 1e-12);
        assert_close(
            &name,
            &product(&mut set.hessian(&at).unwrap(), &v),
            &hessian,
            1e-11,
        );
        set.sample_curvature(&v).unwrap();
        let found = product(&mut set.gauss_newton(&at).unwrap(), &v);
        assert_close(&name, &found, &case.gauss_newton(&v), 1e-11);
    }
}

#[test]
fn unequal_batches_give_exact_derivatives() {
    for_random_cases!(12, exact);
}

/// Six directions make two rounds.
fn moments<M: Network + Debug>(mut case: Case<M>) {
    let (n, name) = (case.parameters.len(), case.name());
    let (at, count) = (case.parameters.clone(), case.inputs.len() as f64);
    let v = Mat::from_fn(n, 6, |_, _| case.draw.normals(1)[0]);
    let mut set = case.evaluation(4);
    let g = gradients(&case);
    let mean = &g * Mat::from_fn(g.ncols(), 1, |_, _| 1.0 / count);
    let slopes = g.transpose() * &v;
    let moment = faer::Scale(1.0 / count) * &g * &slopes;
    let covariance = &moment - &mean * (mean.transpose() * &v);
    let mut image = Mat::zeros(n, 6);
    set.gradient_moment(&at)
        .unwrap()
        .apply_block(v.as_ref(), image.as_mut())
        .unwrap();
    assert_close(
        &name,
        &entries(image.as_ref()),
        &entries(moment.as_ref()),
        1e-11,
    );
    set.gradient_covariance(&at)
        .unwrap()
        .apply_block(v.as_ref(), image.as_mut())
        .unwrap();
    // What is left of a difference has the rounding of its parts.
    let scale = moment.norm_max().max(1e-3);
    assert!((&image - &covariance).norm_max() < 1e-11 * scale, "{name}");

    let found = set.sample_slopes(&at, v.as_ref()).unwrap();
    assert_close(
        &name,
        &entries(found.as_ref()),
        &entries(slopes.transpose()),
        1e-11,
    );
    let norms = set.sample_squared_norms(&at).unwrap();
    for (block, parameter) in case.tape.parameters().iter().enumerate() {
        let range = parameter.range();
        let part = g.subrows(range.start, range.len());
        for sample in 0..g.ncols() {
            let truth = part.col(sample).squared_norm_l2();
            assert_close(&name, &[norms[(block, sample)]], &[truth], 1e-11);
        }
    }
}

/// E g∘g against each sample's gradient, in all and sample by sample; its sum against the fluctuation, and less
/// ḡ∘ḡ against what the covariance does to unit vectors.
fn squares<M: Network + Debug>(case: Case<M>) {
    let (name, at) = (case.name(), &case.parameters);
    let mut set = case.evaluation(4.max(case.inputs.len() / 2));
    let g = gradients(&case);
    let (n, samples) = (g.nrows(), g.ncols());
    let mean = |row: usize| g.row(row).squared_norm_l2() / samples as f64;
    let exact: Vec<f64> = (0..n).map(mean).collect();
    let found = set.gradient_moment_diagonal(at).unwrap();
    assert_close(&name, &found, &exact, 1e-11);
    let fluctuation = set.sample_squared_norms(at).unwrap();
    let fluctuation = fluctuation.sum() / samples as f64;
    assert_close(&name, &[found.iter().sum()], &[fluctuation], 1e-11);

    let some: Vec<usize> = (0..samples).rev().step_by(3).collect();
    let gradients = set.sample_gradients(at, &some).unwrap();
    assert_eq!(gradients.shape(), (n, some.len()));
    for (column, &sample) in some.iter().enumerate() {
        let own: Vec<f64> = g.col(sample).iter().copied().collect();
        let found: Vec<f64> = gradients.col(column).iter().copied().collect();
        assert_close(&name, &found, &own, 1e-12);
    }

    let gradient = set.gradient(at).unwrap();
    let mut covariance = set.gradient_covariance(at).unwrap();
    for i in [0, n / 2, n - 1] {
        let unit: Vec<f64> = (0..n).map(|j| if i == j { 1.0 } else { 0.0 }).collect();
        let diagonal = product(&mut covariance, &unit)[i];
        let difference = found[i] - gradient[i] * gradient[i];
        // What is left of a difference has the rounding of its parts.
        assert!(
            (diagonal - difference).abs() <= 1e-11 * found[i].max(1e-3),
            "{name}"
        );
    }
}

#[test]
fn elementwise_moments_are_those_of_the_samples() {
    for_random_cases!(12, squares);
}

/// Products that are large, and lines that are longer than what is treated at once.
#[test]
fn elementwise_moments_of_wide_networks_are_those_of_the_samples() {
    fn wide<M: Network + Debug>(model: M, tape: Tape) {
        let mut case = Case::new(model, tape, Draw::new(1));
        let (input, output) = (case.tape.input(), case.tape.output());
        let mut table = |variable: Variable| {
            let one = |_| case.draw.table(variable.rows(), variable.positions());
            (0..150).map(one).collect()
        };
        (case.inputs, case.targets) = (table(input), table(output));
        case.loss = Loss::SquaredError(Convention::Half);
        case.parameters.iter_mut().for_each(|p| *p *= 0.2);
        squares(case);
    }
    let mlp = Mlp {
        widths: vec![5, 40, 33, 3],
        activation: Activation::Gelu,
        biases: true,
    };
    let rnn = Rnn {
        inputs: 3,
        hidden: 34,
        outputs: 2,
        steps: 3,
        activation: Activation::Tanh,
        biases: true,
        read: Read::Every,
    };
    let tape = mlp.tape().unwrap();
    wide(mlp, tape);
    let tape = rnn.tape().unwrap();
    wide(rnn, tape);
}

#[test]
fn gradient_moments_are_those_of_the_samples() {
    for_random_cases!(12, moments);
}

/// The traces by backward passes, against the matrix by products: in all, by parameter, by output.
fn traces<M: Network + Debug>(case: Case<M>) {
    let (name, at) = (case.name(), case.parameters.clone());
    let mut set = case.evaluation(4);
    let count = case.inputs.len() as f64;
    let curvature = set.sample_curvature(&at).unwrap();
    let matrix = Dense::of(&mut set.gauss_newton(&at).unwrap()).unwrap();
    let diagonal: Vec<f64> = (0..at.len()).map(|i| matrix.matrix()[(i, i)]).collect();
    for (block, parameter) in case.tape.parameters().iter().enumerate() {
        let found = curvature.parameters.row(block).iter().sum::<f64>() / count;
        let truth: f64 = diagonal[parameter.range()].iter().sum();
        assert_close(&name, &[found], &[truth], 1e-11);
    }
    let trace: f64 = diagonal.iter().sum();
    let found = set.gauss_newton_trace(&at).unwrap();
    assert_close(&name, &[found.value], &[trace], 1e-11);
    assert_eq!(found.status, Status::Exact);
    // In orthonormal output directions, whatever they are.
    let lines = curvature.outputs.nrows();
    let unit = Mat::<f64>::identity(lines, lines);
    let pullbacks = set.mean_pullbacks(&at, unit.as_ref()).unwrap();
    if let Loss::SquaredError(convention) = case.loss {
        let factor = match convention {
            Convention::Half => 1.0,
            Convention::Mean => 2.0 / lines as f64,
        };
        for (line, pullback) in pullbacks.iter().enumerate() {
            let found = curvature.outputs.row(line).iter().sum::<f64>() / count;
            assert_close(&name, &[found], &[factor * pullback], 1e-11);
        }
        let exact = faer::Scale(factor) * unit;
        let found = set.output_curvature(&at).unwrap();
        assert!((found - exact).norm_max() < 1e-14);
    }

    let hessian = Dense::of(&mut set.hessian(&at).unwrap()).unwrap();
    if case.tape.linear_in_each_parameter() {
        for (i, g) in diagonal.iter().enumerate() {
            assert_close(&name, &[hessian.matrix()[(i, i)]], &[*g], 1e-11);
        }
    }
    let exact = (0..at.len()).map(|i| hessian.matrix()[(i, i)]).sum::<f64>();
    let found = set.hessian_trace(&at, &TraceSettings::new(1000)).unwrap();
    assert_close(&name, &[found.value], &[exact], 1e-10);
    assert_eq!(found.status, Status::Exact);
}

#[test]
fn traces_are_exact() {
    for_random_cases!(15, traces);
}

#[test]
fn only_perceptrons_with_kinks_are_linear_in_each_parameter() {
    let mlp = |activation| Mlp {
        widths: vec![3, 4, 4, 2],
        activation,
        biases: true,
    };
    let linear = |tape: Result<Tape, _>| -> bool {
        let tape: Result<_, thalweg::model::ModelError> = tape;
        tape.unwrap().linear_in_each_parameter()
    };
    assert!(linear(mlp(Activation::Relu).tape()));
    assert!(linear(mlp(Activation::Identity).tape()));
    assert!(!linear(mlp(Activation::Tanh).tape()));
    let rnn = |steps| Rnn {
        inputs: 2,
        hidden: 3,
        outputs: 2,
        steps,
        activation: Activation::Relu,
        biases: true,
        read: Read::Every,
    };
    assert!(linear(rnn(2).tape()));
    // The hidden weight meets itself.
    assert!(!linear(rnn(3).tape()));
    let transformer = Transformer {
        width: 4,
        positions: 2,
        heads: 2,
        hidden: 3,
        blocks: 1,
        causal: false,
        layer_norm: false,
        activation: Activation::Relu,
        biases: false,
    };
    assert!(!linear(transformer.tape()));
}

/// One network's whole Hessian against central differences of the reference loss.
#[test]
fn a_dense_hessian_agrees_with_differences() {
    let mlp = Mlp {
        widths: vec![2, 3, 2],
        activation: Activation::Tanh,
        biases: true,
    };
    let case = Case::new(mlp.clone(), mlp.tape().unwrap(), Draw::new(5));
    let at = case.parameters.clone();
    let mut set = case.evaluation(4);
    check_symmetry(&mut set.hessian(&at).unwrap(), 1e-12, 0).unwrap();
    let hessian = Dense::of(&mut set.hessian(&at).unwrap()).unwrap();
    let h = 1e-4;
    let loss = |i: usize, a: f64, j: usize, b: f64| -> f64 {
        let mut moved = at.clone();
        moved[i] += a * h;
        moved[j] += b * h;
        case.mean_loss(&moved)
    };
    for i in 0..at.len() {
        for j in 0..at.len() {
            let mixed = loss(i, 1.0, j, 1.0) - loss(i, 1.0, j, -1.0) - loss(i, -1.0, j, 1.0)
                + loss(i, -1.0, j, -1.0);
            let difference = mixed / (4.0 * h * h);
            // ε/h² of a loss of order 1, and h² times a fourth derivative.
            assert!(
                (hessian.matrix()[(i, j)] - difference).abs() < 1e-6,
                "{i}, {j}"
            );
        }
    }
}

#[test]
fn layers_divide_the_parameters() {
    let mlp = Mlp {
        widths: vec![2, 3, 1],
        activation: Activation::Relu,
        biases: true,
    };
    let found: Vec<_> = layers(&mlp.tape().unwrap())
        .into_iter()
        .map(|layer| (layer.name, layer.parameters, layer.range))
        .collect();
    assert_eq!(
        found,
        [
            ("layers.1".to_owned(), 0..2, 0..9),
            ("layers.2".to_owned(), 2..4, 9..13)
        ]
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let mlp = Mlp {
        widths: vec![2, 3],
        activation: Activation::Identity,
        biases: false,
    };
    let tape = Arc::new(mlp.tape().unwrap());
    let loss = Loss::SquaredError(Convention::Half);
    let new = |inputs: Mat<f64>, targets: Mat<f64>, batch| {
        Evaluation::new(tape.clone(), loss, Samples { inputs, targets }, batch)
    };
    let refused = |result: Result<Evaluation, EvaluationError>| result.unwrap_err().to_string();
    assert_eq!(
        refused(new(Mat::zeros(2, 5), Mat::zeros(3, 4), 8)),
        "the targets are 3 × 4: must be 3 × 5, a column for each sample"
    );
    assert_eq!(
        refused(new(Mat::zeros(1, 5), Mat::zeros(3, 5), 8)),
        "the inputs are 1 × 5: must be 2 × 5, a column for each sample"
    );
    assert_eq!(
        refused(new(Mat::zeros(2, 0), Mat::zeros(3, 0), 8)),
        "samples: 0 given, at least 1 needed"
    );
    assert_eq!(
        refused(new(Mat::zeros(2, 5), Mat::zeros(3, 5), 0)),
        "samples in a batch: 0 given, at least 1 needed"
    );
    let mut broken = Mat::zeros(2, 5);
    broken[(1, 3)] = f64::NAN;
    assert_eq!(
        refused(new(broken, Mat::zeros(3, 5), 8)),
        "an input of sample 3 is NaN: must be finite"
    );
    let mut set = new(Mat::zeros(2, 5), Mat::zeros(3, 5), 8).unwrap();
    assert_eq!(
        set.loss(&[0.0; 5]).unwrap_err().to_string(),
        "parameters: 5 given, 6 needed"
    );
    assert_eq!(
        set.sample_gradients(&[0.0; 6], &[4, 5])
            .unwrap_err()
            .to_string(),
        "the number of a sample: 5 given, at most 4 needed"
    );
    assert_eq!(
        set.gradient(&[f64::INFINITY; 6]).unwrap_err().to_string(),
        "parameter 0 is inf: must be finite"
    );
}

/// With other labels a set is that of those labels, at every position; and its own come back.
fn relabelled<M: Network + Debug>(mut case: Case<M>) {
    let (name, at) = (case.name(), case.parameters.clone());
    let mut set = case.evaluation(4);
    let own = entries(set.residuals(&at).unwrap().as_ref());
    let (lines, samples) = (case.targets[0].concat().len(), case.targets.len());
    let numbers = case.draw.normals(lines * samples);
    let labels = Mat::from_fn(lines, samples, |line, b| numbers[b * lines + line].abs());
    let residuals = set.residuals_under(&at, labels.as_ref()).unwrap();
    let curvatures = set.output_curvatures_under(&at, labels.as_ref()).unwrap();
    assert_eq!(entries(set.residuals(&at).unwrap().as_ref()), own);

    let positions = case.targets[0][0].len();
    for (b, table) in case.targets.iter_mut().enumerate() {
        for (line, y) in table.iter_mut().flatten().enumerate() {
            *y = labels[(line, b)];
        }
    }
    let mut other = case.evaluation(4);
    let exact = entries(other.residuals(&at).unwrap().as_ref());
    assert_close(&name, &entries(residuals.as_ref()), &exact, 1e-14);
    let mean = Mat::from_fn(lines, lines, |i, j| {
        let row = curvatures.row(j * lines + i);
        row.iter().sum::<f64>() / samples as f64
    });
    let exact = entries(other.output_curvature(&at).unwrap().as_ref());
    assert_close(&name, &entries(mean.as_ref()), &exact, 1e-12);
    // Positions do not meet in one loss.
    for i in 0..lines {
        for j in 0..lines {
            assert!(i % positions == j % positions || mean[(i, j)] == 0.0);
        }
    }
}

#[test]
fn other_labels_make_another_set() {
    for_random_cases!(25, relabelled);
}
