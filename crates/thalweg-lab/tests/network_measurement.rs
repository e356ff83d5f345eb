//! Every field of a network's measurement against dense matrices and single samples' gradients.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use faer::{Mat, MatRef, Side};
use thalweg::curvature::Dense;
use thalweg::data::Samples;
use thalweg::evaluation::{CurvedLoss, SampledLoss};
use thalweg_lab::network::{Effort, ErrorKind, Made, NetworkMeasurement, measure, observe};
use thalweg_lab::quantity;
use thalweg_lab::saved::SavedNetwork;
use thalweg_lab::spec::{NetworkExperiment, read_experiment};

/// Not linear in its parameters, so that Hessian and Gauss–Newton matrix differ; 2·3 + 3·2 weights.
const EXPERIMENT: &str = r#"
learning_rate = 0.1
batch = 10
steps = 10
loss = "squared-error"
network = { kind = "mlp", inputs = 2, hidden = [3], outputs = 2, activation = "tanh" }
measure = { samples = 60 }
[data]
kind = "teacher"
teacher = { hidden = [5], seed = 3 }
noise_standard_deviations = [1, 0.3]
"#;

const PARAMETERS: [f64; 12] = [
    0.9, -0.4, 0.3, 0.8, -0.7, 0.2, 1.1, 0.5, -0.3, 0.6, -0.9, 0.4,
];

const SAMPLES: usize = 60;
const SEED: u64 = 11;

struct Matrices {
    hessian: Mat<f64>,
    gauss_newton: Mat<f64>,
    /// A sample's gradient in each column.
    gradients: Mat<f64>,
    /// A sample's residual in each column.
    residuals: Mat<f64>,
    loss: f64,
}

fn parsed(text: &str) -> NetworkExperiment {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("experiment.toml");
    std::fs::write(&path, text).unwrap();
    read_experiment::<NetworkExperiment>(&path).unwrap()
}

fn made() -> (SavedNetwork, Made) {
    made_of(EXPERIMENT, PARAMETERS.to_vec())
}

fn made_of(text: &str, parameters: Vec<f64>) -> (SavedNetwork, Made) {
    let experiment = parsed(text);
    let made = Made::new(&experiment).unwrap();
    let saved = SavedNetwork {
        experiment,
        seed: Some(5),
        step: Some(77),
        data: None,
        parameters,
        notes: vec![],
    };
    (saved, made)
}

/// By the operators' columns, and by each sample alone as a set of its own.
fn dense(made: &Made) -> Matrices {
    let samples = made.samples_of(SAMPLES, SEED).unwrap();
    let mut set = made.evaluation(samples.clone()).unwrap();
    let hessian = Dense::of(&mut set.hessian(&PARAMETERS).unwrap()).unwrap();
    let gauss_newton = Dense::of(&mut set.gauss_newton(&PARAMETERS).unwrap()).unwrap();
    let mut gradients = Mat::zeros(PARAMETERS.len(), SAMPLES);
    let mut residuals = Mat::zeros(2, SAMPLES);
    let mut loss = 0.0;
    for sample in 0..SAMPLES {
        let one = Samples {
            inputs: samples.inputs.subcols(sample, 1).to_owned(),
            targets: samples.targets.subcols(sample, 1).to_owned(),
        };
        let mut alone = made.evaluation(Arc::new(one)).unwrap();
        let gradient = alone.gradient(&PARAMETERS).unwrap();
        for (i, g) in gradient.iter().enumerate() {
            gradients[(i, sample)] = *g;
        }
        let x = samples.inputs.col(sample);
        for output in 0..2 {
            let hidden = |unit: usize| {
                (PARAMETERS[2 * unit] * x[0] + PARAMETERS[2 * unit + 1] * x[1]).tanh()
            };
            let f: f64 = (0..3)
                .map(|unit| PARAMETERS[6 + 3 * output + unit] * hidden(unit))
                .sum();
            let r = f - samples.targets[(output, sample)];
            residuals[(output, sample)] = r;
            loss += 0.5 * r * r / SAMPLES as f64;
        }
    }
    Matrices {
        hessian: hessian.matrix().to_owned(),
        gauss_newton: gauss_newton.matrix().to_owned(),
        gradients,
        residuals,
        loss,
    }
}

fn measured(saved: &SavedNetwork) -> NetworkMeasurement {
    let effort = Effort {
        eigenpairs: 2,
        ..Effort::default()
    };
    measure("it", saved, SAMPLES, SEED, effort, |_| ()).unwrap()
}

fn trace(matrix: MatRef<'_, f64>) -> f64 {
    (0..matrix.nrows()).map(|i| matrix[(i, i)]).sum()
}

/// Ascending.
fn eigenvalues(matrix: MatRef<'_, f64>) -> Vec<f64> {
    matrix.self_adjoint_eigenvalues(Side::Lower).unwrap()
}

fn close(name: &str, found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-6 * expected.abs(),
        "{name}: {found}, but it is {expected}"
    );
}

/// Mean and standard error of the mean.
fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0) / n).sqrt())
}

#[test]
fn fields_are_what_dense_matrices_say() {
    let (saved, made) = made();
    let dense = dense(&made);
    let found = measured(&saved);
    assert_eq!((found.seed, found.step), (Some(5), Some(77)));
    assert_eq!((found.parameters, found.samples), (12, SAMPLES));

    // Files call them as `quantity` does.
    let file = serde_json::to_value(&found).unwrap();
    for quantity in [
        quantity::LOSS,
        quantity::SHARPNESS,
        quantity::FLUCTUATION,
        quantity::GAUSS_NEWTON_TRACE,
        quantity::COVARIANCE_TRACE,
        quantity::FLUCTUATION_PER_GAUSS_NEWTON,
    ] {
        assert!(file[&*quantity.key].is_object(), "{}", quantity.key);
    }

    close("loss", found.loss.value, dense.loss);
    close("T", found.sharpness.value, trace(dense.hessian.as_ref()));
    close(
        "tr G",
        found.gauss_newton_trace.unwrap().value,
        trace(dense.gauss_newton.as_ref()),
    );
    let spectrum = eigenvalues(dense.hessian.as_ref());
    for i in 0..2 {
        close("top", found.top[i].value, spectrum[11 - i]);
        close("bottom", found.bottom[i].value, spectrum[i]);
        assert_eq!(found.top[i].kind, ErrorKind::Residual);
        assert!(found.top[i].converged && found.top[i].matvecs > 0);
    }
    // As many Lanczos steps as there are parameters: the density's mean scatters with its probes alone, which may hit it.
    let mean_eigenvalue = trace(dense.hessian.as_ref()) / 12.0;
    let away = (found.density.mean.value - mean_eigenvalue).abs();
    let rounding = 1e-14 * mean_eigenvalue.abs();
    assert!(away < 6.0 * found.density.mean.error + rounding, "{away}");

    // Fifty widths from end to end, and an area of one under the curve.
    let width = (spectrum[11] - spectrum[0]) / 50.0;
    close("width", found.density.width, width);
    let curve = &found.density.curve;
    let spacing = curve[1].0 - curve[0].0;
    let area: f64 = curve.iter().map(|point| point.1 * spacing).sum();
    assert!((area - 1.0).abs() < 0.01, "{area}");

    // The layers are rows 0 … 5 and 6 … 11.
    assert_eq!(found.layers.len(), 2);
    for (layer, from) in found.layers.iter().zip([0, 6]) {
        let block = dense.hessian.as_ref().submatrix(from, from, 6, 6);
        assert_eq!(layer.parameters, 6);
        close("layer's T", layer.sharpness.value, trace(block));
        close(
            "layer's λ_max",
            layer.lambda_max.value,
            eigenvalues(block)[5],
        );
        let norms: Vec<f64> = (0..SAMPLES)
            .map(|j| {
                dense
                    .gradients
                    .as_ref()
                    .submatrix(from, j, 6, 1)
                    .squared_norm_l2()
            })
            .collect();
        let (value, error) = mean(&norms);
        let own = layer.fluctuation.unwrap();
        close("layer's F", own.value, value);
        close("its error", own.standard_error.unwrap(), error);
    }
    let norms: Vec<f64> = dense
        .gradients
        .col_iter()
        .map(|g| g.squared_norm_l2())
        .collect();
    let (fluctuation, error) = mean(&norms);
    let own = found.fluctuation.unwrap();
    close("F", own.value, fluctuation);
    close("its error", own.standard_error.unwrap(), error);
    // Student's t with 59 degrees of freedom.
    let reach = 2.000_995_378 * error;
    let (from, to) = own.interval.unwrap();
    close("from", from, fluctuation - reach);
    close("to", to, fluctuation + reach);
    let ratio = found.ratio.unwrap().value;
    close(
        "F/tr G",
        ratio,
        fluctuation / found.gauss_newton_trace.unwrap().value,
    );
}

#[test]
fn residuals_bounds_and_alignment_are_what_single_samples_say() {
    let (saved, made) = made();
    let dense = dense(&made);
    let found = measured(&saved);
    let (residuals, bounds) = (found.residuals.unwrap(), found.bounds.unwrap());
    let alignment = found.alignment.unwrap();
    let n = SAMPLES as f64;
    let moment = faer::Scale(1.0 / n) * (&dense.residuals * dense.residuals.transpose());
    let means: Vec<f64> = dense
        .residuals
        .row_iter()
        .map(|row| row.iter().sum::<f64>() / n)
        .collect();
    for i in 0..2 {
        close("E r", residuals.mean[i], means[i]);
        for j in 0..2 {
            let centred = moment[(i, j)] - means[i] * means[j];
            close("Cov r", residuals.covariance[i][j], centred);
        }
    }
    let spectrum = eigenvalues(moment.as_ref());
    close("largest", residuals.spectrum[0], spectrum[1]);
    close("smallest", residuals.spectrum[1], spectrum[0]);
    let condition = spectrum[1] / spectrum[0];
    close("κ", residuals.condition.unwrap(), condition);
    // ½‖·‖² has the identity for its own curvature.
    close("mismatch", residuals.mismatch[0], spectrum[1]);
    close("its κ", residuals.mismatch_condition.unwrap(), condition);

    let trace = trace(dense.gauss_newton.as_ref());
    close("below", bounds.lower, spectrum[0] * trace);
    close("above", bounds.upper, spectrum[1] * trace);
    close("F", bounds.fluctuation, found.fluctuation.unwrap().value);
    let inside = (bounds.lower..=bounds.upper).contains(&bounds.fluctuation);
    assert_eq!(bounds.hold, inside);
    assert!(bounds.lower < bounds.independent);
    assert!(bounds.independent < bounds.upper);
    let outputs: f64 = found.outputs.iter().map(|output| output.value).sum();
    close("outputs' parts", outputs, trace);

    // The leading planes of both matrices: ‖UᵀV‖²/2, and the angles' cosines are UᵀV's singular values.
    let mean_gradient: Vec<f64> = dense
        .gradients
        .row_iter()
        .map(|row| row.iter().sum::<f64>() / n)
        .collect();
    let centred = Mat::from_fn(12, SAMPLES, |i, j| {
        dense.gradients[(i, j)] - mean_gradient[i]
    });
    let plane = |matrix: MatRef<'_, f64>| {
        let eigen = matrix.self_adjoint_eigen(Side::Lower).unwrap();
        eigen.U().subcols(10, 2).to_owned()
    };
    let u = plane(dense.hessian.as_ref());
    let v = plane((&centred * centred.transpose()).as_ref());
    let cosines = (u.transpose() * &v).singular_values().unwrap();
    let overlap = 0.5 * cosines.iter().map(|c| c * c).sum::<f64>();
    assert!(overlap < 0.99, "{overlap}: nothing to be told apart");
    close("overlap", alignment.overlap.unwrap(), overlap);
    // Two directions of twelve.
    close("chance", alignment.chance, 2.0 / 12.0);
    for (angle, cosine) in alignment.angles.iter().zip(cosines) {
        assert!((angle.cos() - cosine).abs() < 1e-5, "{angle} for {cosine}");
    }
}

/// Cross-entropy's own curvature is not the identity: the residuals' condition number and the mismatch's are two numbers.
/// With r = p − y and one-hot y the probabilities are r + y; μ C v = Λ v is solved in a basis that is not orthonormal.
#[test]
fn residuals_and_mismatch_have_condition_numbers_of_their_own() {
    let text = "learning_rate = 0.1\nbatch = 10\nsteps = 10\nloss = \"cross-entropy\"\n\
                network = { kind = \"mlp\", hidden = [2], activation = \"tanh\" }\n\
                data = { kind = \"mnist\" }\n";
    let parameters = (0..784 * 2 + 2 * 10)
        .map(|i| (f64::from(i) * 0.7).sin() * if i < 1568 { 0.05 } else { 1.5 })
        .collect();
    let (saved, made) = made_of(text, parameters);
    let found = measured(&saved).residuals.unwrap();

    let samples = made.samples_of(SAMPLES, SEED).unwrap();
    let targets = samples.targets.clone();
    let mut set = made.evaluation(samples).unwrap();
    let r = set.residuals(&saved.parameters).unwrap();
    let share = 1.0 / SAMPLES as f64;
    let moment = faer::Scale(share) * (&r * r.transpose());
    let p = &r + &targets;
    let curvature = Mat::from_fn(10, 10, |i, j| {
        let entry = |s: usize| p[(i, s)] * (f64::from(u8::from(i == j)) - p[(j, s)]);
        share * (0..SAMPLES).map(entry).sum::<f64>()
    });
    // Residuals sum to 0: of ten eigenvalues the smallest is none.
    let spectrum = eigenvalues(moment.as_ref());
    let condition = spectrum[9] / spectrum[1];
    close("κ", found.condition.unwrap(), condition);
    let contrasts = Mat::from_fn(10, 9, |i, j| match i {
        _ if i == j => 1.0,
        _ if i == j + 1 => -1.0,
        _ => 0.0,
    });
    let within = |matrix: &Mat<f64>| contrasts.transpose() * matrix * &contrasts;
    let cholesky = within(&curvature).llt(Side::Lower).unwrap();
    let lower = cholesky.L();
    let mut half = within(&moment);
    lower.solve_lower_triangular_in_place(half.as_mut());
    let mut whole = half.transpose().to_owned();
    lower.solve_lower_triangular_in_place(whole.as_mut());
    let mismatch = eigenvalues(whole.as_ref());
    let mismatch_condition = mismatch[8] / mismatch[0];
    close("largest mismatch", found.mismatch[0], mismatch[8]);
    close(
        "its κ",
        found.mismatch_condition.unwrap(),
        mismatch_condition,
    );
    let apart = (condition / mismatch_condition).ln().abs();
    assert!(apart > 0.01, "{condition} and {mismatch_condition}");
}

/// What is kept of every measured step of a training, by name.
#[test]
fn observations_are_what_single_samples_say() {
    let (_, made) = made();
    let dense = dense(&made);
    let mut set = made
        .evaluation(made.samples_of(SAMPLES, SEED).unwrap())
        .unwrap();
    let observation = observe(&mut set, None, &PARAMETERS, 200, 3).unwrap();
    let quantities = observation.unwrap().quantities();
    let of = |name: &str| {
        let found = quantities.iter().find(|(found, _)| found.as_ref() == name);
        found.unwrap_or_else(|| unreachable!("no {name}")).1
    };
    let norms: Vec<f64> = dense
        .gradients
        .col_iter()
        .map(|g| g.squared_norm_l2())
        .collect();
    let (fluctuation, error) = mean(&norms);
    let sharpness = trace(dense.hessian.as_ref());
    let gradient = dense
        .gradients
        .row_iter()
        .map(|row| row.iter().sum::<f64>());
    let squared: f64 = gradient.map(|sum| (sum / SAMPLES as f64).powi(2)).sum();
    for (name, expected) in [
        ("loss", dense.loss),
        ("sharpness", sharpness),
        ("lambda_max", eigenvalues(dense.hessian.as_ref())[11]),
        ("fluctuation", fluctuation),
        ("fluctuation_standard_error", error),
        ("gradient_norm_squared", squared),
        ("fluctuation_per_sharpness", fluctuation / sharpness),
    ] {
        close(name, of(name), expected);
    }
}

/// Slices and plane are the loss where they say; a run's way ends at its network, and is refused for one that the run does not end at.
#[test]
fn the_loss_around_a_network_is_that_of_the_plane_of_two_eigenvectors() {
    let experiment = parsed(EXPERIMENT);
    let folder = tempfile::tempdir().unwrap();
    let never = std::sync::atomic::AtomicBool::new(false);
    let hour = std::time::Duration::from_secs(3600);
    thalweg_lab::run::run(&experiment, folder.path(), hour, &mut (), &never).unwrap();
    let path = &thalweg_lab::saved::networks_of(folder.path()).unwrap()[0];
    let saved = SavedNetwork::read(path, None).unwrap();
    let effort = Effort {
        eigenpairs: 2,
        landscape: true,
        ..Effort::default()
    };
    let around = |saved: &SavedNetwork| {
        let found = measure("it", saved, SAMPLES, SEED, effort, |_| ()).unwrap();
        found.landscape.unwrap()
    };
    let found = around(&saved);

    // The same from the dense Hessian; an eigenvector's sign is free.
    let made = Made::of_run(&experiment, saved.seed.unwrap()).unwrap();
    let mut evaluation = made
        .evaluation(made.samples_of(SAMPLES, SEED).unwrap())
        .unwrap();
    let count = saved.parameters.len();
    let mut hessian = evaluation.hessian(&saved.parameters).unwrap();
    let hessian = Dense::of(&mut hessian).unwrap();
    let hessian = hessian.matrix();
    let decomposed = hessian.self_adjoint_eigen(Side::Lower).unwrap();
    let vector = |which: usize| -> Vec<f64> {
        decomposed
            .U()
            .col(count - 1 - which)
            .iter()
            .copied()
            .collect()
    };
    let middle = found.plane.len() / 2;
    for (which, slice) in found.slices.iter().enumerate() {
        let v = vector(which);
        let value = decomposed.S()[count - 1 - which];
        assert!((slice.curvature - value).abs() < 1e-6 * value.abs());
        let mut loss = |a: f64| {
            let moved: Vec<f64> = saved
                .parameters
                .iter()
                .zip(&v)
                .map(|(x, v)| x + a * v)
                .collect();
            evaluation.loss(&moved).unwrap()
        };
        let at = [0, middle, slice.offsets.len() - 1].map(|i| slice.offsets[i]);
        let signs = [1.0, -1.0].map(|sign| {
            let there = at.map(|a| loss(sign * a));
            let given = [0, middle, slice.offsets.len() - 1].map(|i| slice.losses[i]);
            there
                .iter()
                .zip(given)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f64::max)
        });
        assert!(signs[0].min(signs[1]) < 1e-6, "{signs:?}");
        assert_eq!(slice.offsets[middle], 0.0);
        // Near the network the parabola is the loss.
        let near = slice.offsets[middle + 1];
        let error = (slice.parabola()[middle + 1] - slice.losses[middle + 1]).abs();
        assert!(
            error < 0.05 * near * near * value.abs() + 1e-9,
            "{error} at {near}"
        );
        let plane = match which {
            0 => found.plane[middle].clone(),
            _ => found.plane.iter().map(|row| row[middle]).collect(),
        };
        assert_eq!(plane, slice.losses);
    }

    let way = found.path.as_ref().unwrap();
    let (first, last) = (&way[0], way.last().unwrap());
    assert_eq!((first.step, last.step), (0, 10));
    assert_eq!((last.first, last.second, last.outside), (0.0, 0.0, 0.0));
    assert_eq!(last.loss, found.plane[middle][middle]);
    let start = experiment
        .init
        .weights(made.training.tape(), saved.seed.unwrap());
    let gone: f64 = start
        .iter()
        .zip(&saved.parameters)
        .map(|(a, b)| (a - b).powi(2))
        .sum();
    let seen = first.first.powi(2) + first.second.powi(2) + first.outside.powi(2);
    assert!((gone - seen).abs() < 1e-12 * gone);

    let mut other = saved.clone();
    other.parameters[0] += 1e-12;
    let found = around(&other);
    assert!(
        found.path.is_none()
            && found
                .no_path
                .unwrap()
                .contains("does not end at this network")
    );
    other.seed = None;
    assert!(
        around(&other)
            .no_path
            .unwrap()
            .contains("does not say which run")
    );
}
