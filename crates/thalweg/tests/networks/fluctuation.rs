//! Gradient moments, residual covariance, Theorem 2's bounds and alignment, where they are known.

use std::fmt::Debug;
use std::sync::Arc;

use faer::{Mat, MatMut, MatRef};
use thalweg::curvature::{CurvatureError, Dense, EigenSettings, End, eigenpairs};
use thalweg::data::Samples;
use thalweg::evaluation::{
    CurvedLoss, Evaluation, Layer, LossMatrix, Operator, SampleCurvature, SampledLoss, layers,
};
use thalweg::fluctuation::{Alignment, SampleMean, measure};
use thalweg::loss::{Convention, Loss};
use thalweg::model::Mlp;
use thalweg::problem::Problem;
use thalweg::random::{Purpose, Stream};
use thalweg::tensor::{Activation, Tape};
use thalweg::theory::Minimum;

use super::case::{Case, Draw, assert_close};
use super::reference::{Network, Table};
use crate::for_random_cases;

const HALF: Loss = Loss::SquaredError(Convention::Half);

fn close(name: &str, found: f64, exact: f64, tolerance: f64) {
    assert_close(name, &[found], &[exact], tolerance);
}

/// Sums over samples of what their gradients are, one by one.
fn moments<M: Network + Debug>(case: Case<M>) {
    let (name, at) = (case.name(), case.parameters.clone());
    let count = case.inputs.len();
    if count == 1 {
        return;
    }
    let n = count as f64;
    let mut set = case.evaluation(4);
    let found = measure(&mut set, &at).unwrap();
    let mut objective = case.objective::<f64>();
    let mut gradient = vec![0.0; at.len()];
    objective.gradient(&at, &mut gradient);
    let mut g = Mat::zeros(at.len(), count);
    for sample in 0..count {
        objective.sample_gradient(sample, &mut gradient);
        let column = faer::ColRef::from_slice(&gradient).to_owned();
        g.col_mut(sample).copy_from(column);
    }
    let covariance = Dense::of(&mut set.gradient_covariance(&at).unwrap()).unwrap();
    let spectrum = covariance
        .matrix()
        .self_adjoint_eigenvalues(faer::Side::Lower);
    let trace: f64 = spectrum.unwrap().iter().sum();
    let scale = found.total.fluctuation.value.max(1e-3);
    let error = found.total.covariance_trace.value - trace;
    assert!(error.abs() < 1e-11 * scale, "{name}");
    let curvature = Dense::of(&mut set.gauss_newton(&at).unwrap()).unwrap();
    let check =
        |what: &str, rows: std::ops::Range<usize>, found: &thalweg::fluctuation::Moments| {
            let name = format!("{name}, {what}");
            let part = g.subrows(rows.start, rows.len());
            let norms: Vec<f64> = part.col_iter().map(|g| g.squared_norm_l2()).collect();
            let fluctuation = norms.iter().sum::<f64>() / n;
            close(&name, found.fluctuation.value, fluctuation, 1e-11);
            let spread: f64 = norms.iter().map(|x| (x - fluctuation).powi(2)).sum();
            let error = (spread / (n - 1.0) / n).sqrt();
            close(&name, found.fluctuation.standard_error, error, 1e-9);
            // Over all pairs: Σ_{a<b}‖g_a − g_b‖²/N².
            let mut pairs = 0.0;
            for a in 0..count {
                for b in 0..a {
                    pairs += (part.col(a) - part.col(b)).squared_norm_l2();
                }
            }
            let trace = pairs / (n * n);
            let scale = fluctuation.max(1e-3);
            assert!(
                (found.covariance_trace.value - trace).abs() < 1e-11 * scale,
                "{name}"
            );
            let sharpness: f64 = rows.map(|i| curvature.matrix()[(i, i)]).sum();
            close(&name, found.gauss_newton_trace.value, sharpness, 1e-11);
            // A query at the only position has no part in anything.
            match found.ratio {
                Some(ratio) => close(&name, ratio.value * sharpness, fluctuation, 1e-11),
                None => assert_eq!((sharpness, fluctuation), (0.0, 0.0)),
            }
        };
    check("in all", 0..at.len(), &found.total);
    for layer in &found.layers {
        check(&layer.layer.name, layer.layer.range.clone(), &layer.moments);
    }
    assert_eq!(found.layers.len(), layers(&case.tape).len());
    let outputs: f64 = found.outputs.iter().map(|output| output.value).sum();
    close(&name, outputs, found.total.gauss_newton_trace.value, 1e-11);
    close(&name, found.loss.value, case.mean_loss(&at), 1e-12);
}

#[test]
fn moments_are_those_of_sample_gradients() {
    for_random_cases!(12, moments);
}

/// Every input with every residual: independent by design, and then Theorem 2 is an inequality between numbers.
fn independent<M: Network + Debug>(mut case: Case<M>) {
    let Loss::SquaredError(convention) = case.loss else {
        return;
    };
    let (at, name) = (case.parameters.clone(), case.name());
    let output = case.tape.output();
    let (rows, positions) = (output.rows(), output.positions());
    let residuals: Vec<Table<f64>> = (0..rows * positions + 2)
        .map(|_| case.draw.table(rows, positions))
        .collect();
    let inputs = std::mem::take(&mut case.inputs);
    case.targets.clear();
    for x in inputs.iter().take(5) {
        let f = case.model.outputs(&at, x);
        for residual in &residuals {
            let row = |r: usize| (0..positions).map(|p| f[r][p] - residual[r][p]).collect();
            case.inputs.push(x.clone());
            case.targets.push((0..rows).map(row).collect());
        }
    }
    let found = measure(&mut case.evaluation(7), &at).unwrap();
    let bounds = found.bounds;
    close(&name, bounds.fluctuation, bounds.independent, 1e-10);
    assert!(bounds.hold(), "{name}: {bounds:?}");
    // Against the definition: eigenvalues of the errors' second moment, times the convention's factor.
    let lines = rows * positions;
    let factor = match convention {
        Convention::Half => 1.0,
        Convention::Mean => 2.0 / lines as f64,
    };
    let errors = Mat::from_fn(lines, residuals.len(), |line, k| {
        residuals[k].concat()[line]
    });
    let share = 1.0 / residuals.len() as f64;
    let sigma = faer::Scale(share) * (&errors * errors.transpose());
    let mut spectrum = sigma.self_adjoint_eigenvalues(faer::Side::Lower).unwrap();
    spectrum.reverse();
    let scaled: Vec<f64> = spectrum.iter().map(|x| factor * x).collect();
    assert_close(&name, &found.residuals.mismatch, &scaled, 1e-10);
    let sharpness = found.total.gauss_newton_trace.value;
    close(&name, bounds.upper, scaled[0] * sharpness, 1e-10);
    assert!(bounds.lower < bounds.upper || lines == 1);
    let condition = spectrum[0] / spectrum[lines - 1];
    close(&name, found.residuals.condition() / condition, 1.0, 1e-6);
}

#[test]
fn bounds_hold_where_residuals_are_independent_of_inputs() {
    for_random_cases!(20, independent);
}

fn linear(inputs: usize, outputs: usize) -> Arc<Tape> {
    let mlp = Mlp {
        widths: vec![inputs, outputs],
        activation: Activation::Identity,
        biases: false,
    };
    Arc::new(mlp.tape().unwrap())
}

/// Large residuals at large inputs: the fluctuation leaves the bounds, and `independent` says why.
#[test]
fn bounds_fail_where_residuals_follow_inputs() {
    let samples = Samples {
        inputs: faer::mat![[1.0, -1.0, 3.0, -3.0]],
        targets: faer::mat![[1.0, 1.0, 3.0, 3.0]],
    };
    let mut set = Evaluation::new(linear(1, 1), HALF, samples, 3).unwrap();
    let found = measure(&mut set, &[0.0]).unwrap();
    // C = 5, T = 5, F = E x⁴.
    close("lower", found.bounds.lower, 25.0, 1e-14);
    close("upper", found.bounds.upper, 25.0, 1e-14);
    close("independent", found.bounds.independent, 25.0, 1e-14);
    close("fluctuation", found.bounds.fluctuation, 41.0, 1e-14);
    assert!(!found.bounds.hold());
}

/// Σ_k a_k a_kᵀ over the columns, once with each sign: mean 0 and the second moment wanted, exactly.
fn signed(columns: MatRef<'_, f64>) -> Vec<Vec<f64>> {
    let half = columns
        .col_iter()
        .map(|c| c.iter().copied().collect::<Vec<f64>>());
    half.flat_map(|c| [c.clone(), c.iter().map(|x| -x).collect()])
        .collect()
}

/// At Theorem 1's minimum, with data of exactly the problem's moments: T, F and the bounds are the theory's.
#[test]
fn sgds_minimum_has_the_theorys_fluctuation() {
    for depth in 1..=4 {
        let problem = Problem::with_hidden_widths(
            faer::mat![[1.0, 0.3, 0.0], [0.3, 2.0, -0.4], [0.0, -0.4, 0.7]],
            faer::mat![[1.0, -0.5, 0.2], [0.4, 0.8, -1.1]],
            faer::mat![[4.0, 0.5], [0.5, 0.3]],
            depth,
            &[4, 3, 5][..depth - 1],
        )
        .unwrap();
        let factor = |covariance: MatRef<'_, f64>| {
            let lower = covariance.llt(faer::Side::Lower).unwrap().L().to_owned();
            signed((faer::Scale((lower.ncols() as f64).sqrt()) * lower).as_ref())
        };
        let inputs = factor(problem.input_covariance());
        let noise = factor(problem.noise_covariance());
        let (dx, count) = (inputs[0].len(), inputs.len() * noise.len());
        let x = Mat::from_fn(dx, count, |i, b| inputs[b / noise.len()][i]);
        let y = problem.teacher() * &x + Mat::from_fn(2, count, |i, b| noise[b % noise.len()][i]);
        let mlp = Mlp {
            widths: problem.widths().to_vec(),
            activation: Activation::Identity,
            biases: false,
        };
        let minimum = Minimum::of_sgd(&problem).unwrap();
        let at: Vec<f64> = minimum
            .weights()
            .unwrap()
            .layers()
            .iter()
            .flat_map(|w| (0..w.nrows()).flat_map(move |i| (0..w.ncols()).map(move |j| w[(i, j)])))
            .collect();
        let samples = Samples {
            inputs: x,
            targets: y,
        };
        let mut set = Evaluation::new(Arc::new(mlp.tape().unwrap()), HALF, samples, 10).unwrap();
        let found = measure(&mut set, &at).unwrap();
        let theory = minimum.functionals();
        let name = format!("depth {depth}");
        close(
            &name,
            found.total.fluctuation.value,
            theory.fluctuation,
            1e-10,
        );
        close(
            &name,
            found.total.gauss_newton_trace.value,
            theory.sharpness,
            1e-10,
        );
        // The mean gradient is 0 there.
        close(
            &name,
            found.total.covariance_trace.value,
            theory.fluctuation,
            1e-10,
        );
        assert!(found.bounds.hold() && found.bounds.lower < found.bounds.upper);
        let c = &found.residuals.second_moment - problem.noise_covariance();
        assert!(c.norm_max() < 1e-12);
        // Theorem 1 makes all layers fluctuate alike.
        for layer in &found.layers {
            let share = layer.moments.fluctuation.value / theory.fluctuation;
            close(&name, share, 1.0 / depth as f64, 1e-10);
        }
    }
}

/// Of a linear map, by its moments: H = I ⊗ Σx and Cov = Σε ⊗ Σx, so that the top two directions share one.
#[test]
fn alignment_of_a_linear_map() {
    let inputs = signed(faer::mat![[6.0f64.sqrt(), 0.0], [0.0, 2.0f64.sqrt()]].as_ref());
    let noise = signed(faer::mat![[8.0f64.sqrt(), 0.0], [0.0, 0.5f64.sqrt()]].as_ref());
    let count = inputs.len() * noise.len();
    let samples = Samples {
        inputs: Mat::from_fn(2, count, |i, b| inputs[b / noise.len()][i]),
        targets: Mat::from_fn(2, count, |i, b| noise[b % noise.len()][i]),
    };
    let mut set = Evaluation::new(linear(2, 2), HALF, samples, 5).unwrap();
    let settings = EigenSettings::new(3, End::Top);
    let pairs = |mut operator: Operator<'_, Evaluation>| {
        eigenpairs(&mut operator, &settings, None).unwrap()
    };
    let hessian = pairs(set.hessian(&[0.0; 4]).unwrap());
    let covariance = pairs(set.gradient_covariance(&[0.0; 4]).unwrap());
    let found = Alignment::new(hessian, covariance, 2).unwrap();
    assert_eq!(found.directions, [2, 2]);
    let values = |pairs: &thalweg::curvature::Eigenpairs| -> Vec<f64> {
        pairs.values.iter().map(|value| value.value).collect()
    };
    // Σx = diag(3, 1), Σε = diag(4, ¼).
    assert_close("Hessian", &values(&found.hessian), &[3.0, 3.0], 1e-12);
    assert_close(
        "covariance",
        &values(&found.covariance),
        &[12.0, 4.0],
        1e-12,
    );
    close("overlap", found.overlap.unwrap(), 0.5, 1e-12);
    let right = std::f64::consts::FRAC_PI_2;
    assert!(found.angles[0].abs() < 1e-7 && (found.angles[1] - right).abs() < 1e-7);
    for i in 0..2 {
        assert!(found.cosines[(i, 1)] < 1e-12);
    }
}

/// A network that is not this library's: f = W x under half the squared error, with its Jacobian J_b = I ⊗ xᵀ written
/// out, W row by row.
#[derive(Debug)]
struct ByHand(Samples);

impl ByHand {
    fn column(matrix: &Mat<f64>, b: usize) -> Vec<f64> {
        matrix.col(b).iter().copied().collect()
    }

    /// J_bᵀc.
    fn pulled_back(&self, b: usize, c: &[f64]) -> Vec<f64> {
        let x = Self::column(&self.0.inputs, b);
        c.iter()
            .flat_map(|c| x.iter().map(move |x| c * x))
            .collect()
    }

    fn gradients(&mut self, parameters: &[f64]) -> Vec<Vec<f64>> {
        let r = self.residuals(parameters).unwrap();
        let one = |b| self.pulled_back(b, &Self::column(&r, b));
        (0..self.samples()).map(one).collect()
    }

    fn square(v: &[f64]) -> f64 {
        v.iter().map(|x| x * x).sum()
    }
}

impl SampledLoss for ByHand {
    type Error = CurvatureError;

    fn samples(&self) -> usize {
        self.0.inputs.ncols()
    }

    fn outputs(&self) -> usize {
        self.0.targets.nrows()
    }

    fn classes(&self) -> Option<(usize, usize)> {
        None
    }

    fn layers(&self) -> Vec<Layer> {
        vec![Layer {
            name: "map".to_owned(),
            parameters: 0..1,
            range: 0..self.0.inputs.nrows() * self.outputs(),
        }]
    }

    fn sample_losses(&mut self, parameters: &[f64]) -> Result<Vec<f64>, CurvatureError> {
        let residuals = self.residuals(parameters)?;
        let half = |r: faer::ColRef<'_, f64>| 0.5 * r.squared_norm_l2();
        Ok(residuals.col_iter().map(half).collect())
    }

    fn gradient(&mut self, parameters: &[f64]) -> Result<Vec<f64>, CurvatureError> {
        let (all, count) = (self.gradients(parameters), self.samples() as f64);
        let sum = |i: usize| all.iter().map(|g| g[i]).sum::<f64>() / count;
        Ok((0..parameters.len()).map(sum).collect())
    }

    fn residuals(&mut self, parameters: &[f64]) -> Result<Mat<f64>, CurvatureError> {
        let Samples { inputs, targets } = &self.0;
        let n = inputs.nrows();
        Ok(Mat::from_fn(targets.nrows(), targets.ncols(), |k, b| {
            let terms = (0..n).map(|i| parameters[k * n + i] * inputs[(i, b)]);
            terms.sum::<f64>() - targets[(k, b)]
        }))
    }

    fn output_curvature(&mut self, _: &[f64]) -> Result<Mat<f64>, CurvatureError> {
        Ok(Mat::identity(self.outputs(), self.outputs()))
    }

    fn sample_squared_norms(&mut self, parameters: &[f64]) -> Result<Mat<f64>, CurvatureError> {
        let all = self.gradients(parameters);
        Ok(Mat::from_fn(1, all.len(), |_, b| Self::square(&all[b])))
    }

    fn layer_slopes(
        &mut self,
        parameters: &[f64],
        mean: &[f64],
    ) -> Result<Mat<f64>, CurvatureError> {
        let all = self.gradients(parameters);
        Ok(Mat::from_fn(1, all.len(), |_, b| {
            all[b].iter().zip(mean).map(|(g, m)| g * m).sum()
        }))
    }

    fn sample_curvature(&mut self, _: &[f64]) -> Result<SampleCurvature, CurvatureError> {
        let (outputs, samples) = (self.outputs(), self.samples());
        let unit =
            |k: usize| -> Vec<f64> { (0..outputs).map(|i| f64::from(u8::from(i == k))).collect() };
        let each = Mat::from_fn(outputs, samples, |k, b| {
            Self::square(&self.pulled_back(b, &unit(k)))
        });
        Ok(SampleCurvature {
            parameters: Mat::from_fn(1, samples, |_, b| each.col(b).iter().sum()),
            outputs: each,
        })
    }

    fn mean_pullbacks(
        &mut self,
        _: &[f64],
        cotangents: MatRef<'_, f64>,
    ) -> Result<Vec<f64>, CurvatureError> {
        let count = self.samples();
        let mean = |c: faer::ColRef<'_, f64>| {
            let c: Vec<f64> = c.iter().copied().collect();
            let squares = (0..count).map(|b| Self::square(&self.pulled_back(b, &c)));
            squares.sum::<f64>() / count as f64
        };
        Ok(cotangents.col_iter().map(mean).collect())
    }
}

impl CurvedLoss for ByHand {
    fn products(
        &mut self,
        matrix: LossMatrix,
        parameters: &[f64],
        directions: MatRef<'_, f64>,
        products: MatMut<'_, f64>,
    ) -> Result<(), CurvatureError> {
        let (n, samples) = (self.0.inputs.nrows(), self.samples());
        let gradients = self.gradients(parameters);
        let along = |row: &[f64], v: &[f64]| -> f64 { row.iter().zip(v).map(|(x, v)| x * v).sum() };
        for (v, product) in directions.col_iter().zip(products.col_iter_mut()) {
            let v: Vec<f64> = v.iter().copied().collect();
            let mut sum = vec![0.0; v.len()];
            for (b, gradient) in gradients.iter().enumerate() {
                let part = match matrix {
                    LossMatrix::Hessian | LossMatrix::GaussNewton => {
                        let x = Self::column(&self.0.inputs, b);
                        let image: Vec<f64> = v.chunks(n).map(|row| along(row, &x)).collect();
                        self.pulled_back(b, &image)
                    }
                    LossMatrix::GradientMoment => {
                        let slope = along(gradient, &v);
                        gradient.iter().map(|g| g * slope).collect()
                    }
                };
                sum.iter_mut().zip(&part).for_each(|(s, x)| *s += x);
            }
            let entries = product.iter_mut().zip(&sum);
            entries.for_each(|(entry, s)| *entry = s / samples as f64);
        }
        Ok(())
    }
}

/// Twenty samples of two inputs and outputs, and a point.
fn elsewhere() -> (Samples, Vec<f64>) {
    let mut draw = Draw::new(31);
    let mut table = |rows: usize| {
        let numbers = draw.normals(rows * 20);
        Mat::from_fn(rows, 20, |i, b| numbers[rows * b + i])
    };
    let samples = Samples {
        inputs: table(2),
        targets: table(2),
    };
    (samples, draw.normals(4))
}

/// One's own loss becomes the same operators as one of this library's.
#[test]
fn networks_from_elsewhere_have_operators() {
    fn entries<L: CurvedLoss<Error: Debug>>(loss: &mut L, at: &[f64]) -> Vec<f64> {
        fn dense<L: CurvedLoss<Error: Debug>>(mut operator: Operator<'_, L>) -> Vec<f64> {
            let dense = Dense::of(&mut operator).unwrap();
            dense
                .matrix()
                .col_iter()
                .flat_map(|c| c.iter().copied().collect::<Vec<_>>())
                .collect()
        }
        [
            dense(loss.hessian(at).unwrap()),
            dense(loss.gauss_newton(at).unwrap()),
            dense(loss.gradient_moment(at).unwrap()),
            dense(loss.gradient_covariance(at).unwrap()),
            vec![loss.gauss_newton_trace(at).unwrap().value],
        ]
        .concat()
    }
    let (samples, at) = elsewhere();
    let mut own = ByHand(samples.clone());
    let mut set = Evaluation::new(linear(2, 2), HALF, samples.clone(), 6).unwrap();
    let found = entries(&mut own, &at);
    assert_close("entries", &found, &entries(&mut set, &at), 1e-12);
    // The first entry is the mean of x₁²; the covariance's diagonal is F less ‖∇L‖².
    let square = |x: &f64| x * x;
    let inputs = samples.inputs.row(0).iter().map(square).sum::<f64>() / 20.0;
    close("entry", found[0], inputs, 1e-12);
    let diagonal = |matrix: usize| (0..4).map(|i| found[16 * matrix + 5 * i]).sum::<f64>();
    let mean: f64 = own.gradient(&at).unwrap().iter().map(square).sum();
    let scatter: f64 = own.gradients(&at).iter().flatten().map(square).sum::<f64>() / 20.0;
    close("moment", diagonal(2), scatter, 1e-12);
    close("covariance", diagonal(3), scatter - mean, 1e-12);
    assert_eq!(
        own.hessian(&at[1..]).unwrap_err().to_string(),
        "parameters = 3 numbers: must be the 4 of the loss"
    );
}

/// What is measured of one's own network is what is measured of the same network here.
#[test]
fn networks_from_elsewhere_are_measured_alike() {
    let (samples, at) = elsewhere();
    let mut own = ByHand(samples.clone());
    let mut set = Evaluation::new(linear(2, 2), HALF, samples, 6).unwrap();
    let (own, set) = (
        measure(&mut own, &at).unwrap(),
        measure(&mut set, &at).unwrap(),
    );
    let numbers = |found: &thalweg::fluctuation::Fluctuation| {
        let total = &found.total;
        let means = [
            found.loss,
            total.fluctuation,
            total.covariance_trace,
            total.gauss_newton_trace,
            total.ratio.unwrap(),
            found.outputs[0],
            found.outputs[1],
            found.layers[0].moments.covariance_trace,
        ];
        let bounds = found.bounds;
        let mut all: Vec<f64> = means
            .iter()
            .flat_map(|mean| [mean.value, mean.standard_error])
            .collect();
        all.extend([
            bounds.lower,
            bounds.fluctuation,
            bounds.upper,
            bounds.independent,
        ]);
        all.extend(&found.residuals.mismatch);
        all
    };
    assert_close("numbers", &numbers(&own), &numbers(&set), 1e-12);
}

fn softmax(f: &[f64]) -> Vec<f64> {
    let total: f64 = f.iter().map(|x| x.exp()).sum();
    f.iter().map(|x| x.exp() / total).collect()
}

/// Probabilities ½, ¼, ¼ and labels in just these shares at every input: C = Λ and F = tr G, exactly.
#[test]
fn labels_in_the_shares_of_the_probabilities_make_fluctuation_the_sharpness() {
    let mlp = Mlp {
        widths: vec![2, 4, 3],
        activation: Activation::Tanh,
        biases: true,
    };
    let tape = Arc::new(mlp.tape().unwrap());
    let mut draw = Draw::new(3);
    let mut at: Vec<f64> = draw.normals(tape.parameter_count());
    // The output does not depend on the input, the hidden layer's gradient does.
    at[12..24].fill(0.0);
    for (bias, p) in at[24..].iter_mut().zip([0.5f64, 0.25, 0.25]) {
        *bias = p.ln();
    }
    let inputs = draw.normals(2 * 6);
    let labels = [0, 0, 1, 2];
    let samples = Samples {
        inputs: Mat::from_fn(2, 24, |i, b| inputs[2 * (b / 4) + i]),
        targets: Mat::from_fn(3, 24, |i, b| if labels[b % 4] == i { 1.0 } else { 0.0 }),
    };
    let mut set = Evaluation::new(tape, Loss::CrossEntropy, samples, 10).unwrap();
    let found = measure(&mut set, &at).unwrap();
    close("F/tr G", found.total.ratio.unwrap().value, 1.0, 1e-12);
    for layer in &found.layers {
        let moments = layer.moments;
        let trace = moments.gauss_newton_trace.value;
        close(&layer.layer.name, moments.fluctuation.value, trace, 1e-12);
    }
    assert_close("mismatch", &found.residuals.mismatch, &[1.0, 1.0], 1e-12);
    close(
        "condition",
        found.residuals.mismatch_condition(),
        1.0,
        1e-12,
    );
    // Λ on its range: the contrasts of ½, ¼, ¼.
    let spectrum = &found.residuals.spectrum;
    assert_eq!(spectrum.len(), 2);
    close(
        "trace of C",
        spectrum.iter().sum(),
        1.0 - 0.25 - 0.125,
        1e-12,
    );
    assert!(found.bounds.hold());
}

/// Labels drawn from p: F/tr G = 1 by a z-test (|z| < 4, a false alarm in 16,000), and the mismatch is 1 to the
/// scatter of the labels. Labels of which a third are replaced by class 0 are told apart.
#[test]
fn labels_that_follow_the_network_are_told_from_others() {
    let (classes, count) = (3, 8000);
    let mlp = Mlp {
        widths: vec![2, 5, classes],
        activation: Activation::Relu,
        biases: true,
    };
    let tape = Arc::new(mlp.tape().unwrap());
    let mut stream = Stream::new(11, Purpose::DataSet);
    let at: Vec<f64> = (0..tape.parameter_count())
        .map(|_| 0.7 * stream.normal())
        .collect();
    let inputs = Mat::from_fn(2, count, |_, _| stream.normal());
    let mut run = |replaced: f64| {
        let mut targets = Mat::zeros(classes, count);
        for b in 0..count {
            let x: Table<f64> = (0..2).map(|i| vec![inputs[(i, b)]]).collect();
            let p = softmax(&mlp.outputs(&at, &x).concat());
            let (mut left, mut label) = (stream.uniform(), 0);
            while label + 1 < classes && left > p[label] {
                left -= p[label];
                label += 1;
            }
            if stream.uniform() < replaced {
                label = 0;
            }
            targets[(label, b)] = 1.0;
        }
        let samples = Samples {
            inputs: inputs.clone(),
            targets,
        };
        let mut set = Evaluation::new(tape.clone(), Loss::CrossEntropy, samples, 500).unwrap();
        measure(&mut set, &at).unwrap()
    };
    let z = |mean: Option<SampleMean>| {
        let mean = mean.unwrap();
        (mean.value - 1.0) / mean.standard_error
    };
    let own = run(0.0);
    assert!(z(own.total.ratio).abs() < 4.0, "{:?}", own.total.ratio);
    // Standard errors of C's entries are below 1/√N = 0.011; Λ's smallest eigenvalue here is above 0.1.
    for value in &own.residuals.mismatch {
        assert!((value - 1.0).abs() < 0.2, "{:?}", own.residuals.mismatch);
    }
    let foreign = run(1.0 / 3.0);
    assert!(
        z(foreign.total.ratio).abs() > 8.0,
        "{:?}",
        foreign.total.ratio
    );
}

/// 95 % intervals hold the truth in 95 % of 1000 sets, to 4 standard deviations of that share (2.8 %): a false
/// alarm of 6e-5 for each of three, were the intervals exact.
#[test]
fn confidence_intervals_cover() {
    let (repeats, count) = (1000, 400);
    let mut stream = Stream::new(12, Purpose::DataSet);
    // f = W x, y = ε: with x, ε standard normal, g = (W x − ε) xᵀ.
    let w = [0.6, -0.3, 0.2, 0.5];
    // E‖W x − ε‖²‖x‖² with ‖x‖² having mean 2 and E x xᵀ‖x‖² = 4 I; and ‖E g‖² = ‖W‖².
    let square: f64 = w.iter().map(|w| w * w).sum();
    let fluctuation = 4.0 * square + 2.0 * 2.0;
    let truth = [fluctuation, fluctuation - square, fluctuation / 4.0];
    let mut covered = [0; 3];
    for _ in 0..repeats {
        let samples = Samples {
            inputs: Mat::from_fn(2, count, |_, _| stream.normal()),
            targets: Mat::from_fn(2, count, |_, _| stream.normal()),
        };
        let mut set = Evaluation::new(linear(2, 2), HALF, samples, count).unwrap();
        let found = measure(&mut set, &w).unwrap().total;
        let ratio = found.ratio.unwrap();
        let found = [found.fluctuation, found.covariance_trace, ratio];
        for ((covered, found), truth) in covered.iter_mut().zip(found).zip(truth) {
            let (low, high) = found.interval();
            *covered += usize::from((low..=high).contains(&truth));
        }
    }
    for covered in covered {
        let share = covered as f64 / repeats as f64;
        assert!((share - 0.95).abs() < 0.028, "{share}");
    }
}

/// Of few normal values too: 4000 sets of each size, to 4 standard deviations of the share (1.4 %). With 1.96 standard errors
/// they would hold it in 70 %, 86 % and 92 %.
#[test]
fn confidence_intervals_of_few_samples_cover() {
    let mut stream = Stream::new(13, Purpose::DataSet);
    for count in [2, 4, 10] {
        let covered = (0..4000).filter(|_| {
            let mean = SampleMean::of((0..count).map(|_| 5.0 + stream.normal()));
            let (low, high) = mean.interval();
            (low..=high).contains(&5.0)
        });
        let share = covered.count() as f64 / 4000.0;
        assert!((share - 0.95).abs() < 0.014, "{count}: {share}");
    }
}

#[test]
fn one_sample_says_nothing_of_its_law() {
    let mean = SampleMean::of([3.0]);
    assert_eq!((mean.value, mean.standard_error), (3.0, f64::INFINITY));
    let mean = SampleMean::of([1.0, 3.0, 5.0, 7.0]);
    close("mean", mean.value, 4.0, 1e-15);
    close(
        "error",
        mean.standard_error,
        (20.0f64 / 3.0 / 4.0).sqrt(),
        1e-15,
    );
    let (low, high) = mean.interval();
    // Twice Student's 97.5 % point of three degrees of freedom.
    let width = (high - low) / mean.standard_error;
    close("interval", width, 2.0 * 3.182_446_305, 1e-9);
    let (low, high) = SampleMean::of([3.0]).interval();
    assert_eq!((low, high), (f64::NEG_INFINITY, f64::INFINITY));
    // Proportional samples leave nothing open.
    let ratio = SampleMean::ratio(&[2.0, 4.0, 10.0], &[1.0, 2.0, 5.0]).unwrap();
    close("ratio", ratio.value, 2.0, 1e-15);
    assert!(ratio.standard_error < 1e-15);
    assert_eq!(SampleMean::ratio(&[0.0], &[0.0]), None);
}
