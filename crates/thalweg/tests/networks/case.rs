//! Random networks, losses and batches.

use std::fmt::Debug;
use std::sync::Arc;

use faer::Mat;
use num_dual::HyperDual64;
use thalweg::data::Samples;
use thalweg::evaluation::Evaluation;
use thalweg::loss::{Convention, Loss, Objective};
use thalweg::model::{LanguageModel, Mlp, Read, Rnn, Transformer};
use thalweg::problem::Problem;
use thalweg::random::{Purpose, Stream};
use thalweg::tensor::{Activation, LinesMut, Number as Element, Tape};

use super::number::{Number, sum};
use super::reference::{self, Network, Table};

/// A network's loss over a batch, for the engine and for the reference.
pub struct Case<M> {
    pub model: M,
    pub tape: Arc<Tape>,
    pub loss: Loss,
    pub inputs: Vec<Table<f64>>,
    pub targets: Vec<Table<f64>>,
    pub parameters: Vec<f64>,
    pub draw: Draw,
}

/// Random choices.
pub struct Draw(Stream);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(Stream::new(seed, Purpose::DataSet))
    }
    pub fn normals(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.0.normal()).collect()
    }
    pub fn from(&mut self, range: std::ops::RangeInclusive<usize>) -> usize {
        let span = (range.end() - range.start() + 1) as f64;
        range.start() + (self.0.uniform() * span) as usize
    }
    pub fn share(&mut self) -> f64 {
        self.0.uniform()
    }
    pub fn flip(&mut self) -> bool {
        self.share() < 0.5
    }
    pub fn activation(&mut self) -> Activation {
        [
            Activation::Identity,
            Activation::Relu,
            Activation::Tanh,
            Activation::Gelu,
            Activation::GeluTanh,
        ][self.from(0..=4)]
    }
    pub fn table(&mut self, rows: usize, positions: usize) -> Table<f64> {
        (0..rows).map(|_| self.normals(positions)).collect()
    }
    pub fn mlp(&mut self) -> Mlp {
        let depth = self.from(1..=4);
        Mlp {
            widths: (0..=depth).map(|_| self.from(1..=6)).collect(),
            activation: self.activation(),
            biases: self.flip(),
        }
    }
    pub fn rnn(&mut self) -> Rnn {
        Rnn {
            inputs: self.from(1..=3),
            hidden: self.from(1..=5),
            outputs: self.from(1..=3),
            steps: self.from(1..=4),
            activation: self.activation(),
            biases: self.flip(),
            read: if self.flip() { Read::Last } else { Read::Every },
        }
    }
    pub fn transformer(&mut self) -> Transformer {
        let heads = self.from(1..=2);
        Transformer {
            width: heads * self.from(1..=2),
            positions: self.from(1..=3),
            heads,
            hidden: self.from(1..=4),
            blocks: self.from(1..=2),
            causal: self.flip(),
            layer_norm: self.flip(),
            activation: self.activation(),
            biases: self.flip(),
        }
    }
    pub fn language_model(&mut self) -> LanguageModel {
        let heads = self.from(1..=2);
        LanguageModel {
            tokens: self.from(2..=4),
            // LayerNorm of two numbers is almost a sign: neither differences nor single precision follow it.
            width: heads * self.from(2..=3).max(4 - heads),
            positions: self.from(1..=3),
            heads,
            hidden: self.from(1..=3),
            blocks: self.from(1..=2),
            layer_norm: self.flip(),
            activation: self.activation(),
            biases: self.flip(),
        }
    }
}

impl<M: Network + Debug> Case<M> {
    /// Random parameters and data for `model`. Cross-entropy's targets are soft and do not sum to 1.
    pub fn new(model: M, tape: Tape, mut draw: Draw) -> Self {
        let loss = [
            Loss::SquaredError(Convention::Half),
            Loss::SquaredError(Convention::Mean),
            Loss::CrossEntropy,
        ][draw.from(0..=2)];
        // Some batches fill their padding, some do not.
        let batch = [1, 5, 16, 19][draw.from(0..=3)];
        let (input, output) = (tape.input(), tape.output());
        let inputs = (0..batch).map(|_| draw.table(input.rows(), input.positions()));
        let inputs = inputs.collect();
        let targets = (0..batch)
            .map(|_| {
                let mut table = draw.table(output.rows(), output.positions());
                if loss == Loss::CrossEntropy {
                    table.iter_mut().flatten().for_each(|y| *y = y.abs());
                }
                table
            })
            .collect();
        let parameters = draw.normals(tape.parameter_count());
        let parameters = parameters.into_iter().map(|x| 0.7 * x).collect();
        Self {
            model,
            tape: Arc::new(tape),
            loss,
            inputs,
            targets,
            parameters,
            draw,
        }
    }

    pub fn name(&self) -> String {
        format!(
            "{:?}, {:?}, batch {}",
            self.model,
            self.loss,
            self.inputs.len()
        )
    }

    pub fn objective<T: Element>(&self) -> Objective<T> {
        let mut objective = Objective::new(self.tape.clone(), self.loss, self.inputs.len());
        self.fill(&mut objective, 0..self.inputs.len());
        objective
    }

    /// All samples as a fixed set.
    pub fn evaluation(&self, batch: usize) -> Evaluation {
        let columns = |tables: &[Table<f64>]| {
            let lines: Vec<Vec<f64>> = tables.iter().map(|t| t.concat()).collect();
            Mat::from_fn(lines[0].len(), lines.len(), |line, b| lines[b][line])
        };
        let samples = Samples {
            inputs: columns(&self.inputs),
            targets: columns(&self.targets),
        };
        Evaluation::new(self.tape.clone(), self.loss, samples, batch).unwrap()
    }

    /// Makes `samples` the objective's batch.
    pub fn fill<T: Element>(&self, objective: &mut Objective<T>, samples: std::ops::Range<usize>) {
        objective.resize(samples.len());
        write(objective.inputs_mut(), &self.inputs[samples.clone()]);
        write(objective.targets_mut(), &self.targets[samples]);
    }

    fn outputs<N: Number>(&self, parameters: &[N], sample: usize) -> Table<N> {
        let lift = |row: &Vec<f64>| row.iter().map(|&x| N::of(x)).collect();
        let x = self.inputs[sample].iter().map(lift).collect();
        self.model.outputs(parameters, &x)
    }

    /// L at `parameters`.
    pub fn mean_loss<N: Number>(&self, parameters: &[N]) -> N {
        let batch = self.inputs.len();
        let one = |b| reference::loss(self.loss, &self.outputs(parameters, b), &self.targets[b]);
        sum((0..batch).map(one)) / N::of(batch as f64)
    }

    /// Parameters with parts e_i and v.
    fn lifted(&self, i: usize, v: &[f64]) -> Vec<HyperDual64> {
        let entry = |j: usize| {
            let first = if i == j { 1.0 } else { 0.0 };
            HyperDual64::new(self.parameters[j], first, v[j], 0.0)
        };
        (0..v.len()).map(entry).collect()
    }

    /// ∇L and H v, exactly.
    pub fn gradient_and_hessian(&self, v: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let parts = (0..v.len()).map(|i| {
            let loss = self.mean_loss(&self.lifted(i, v));
            (loss.eps1, loss.eps1eps2)
        });
        parts.unzip()
    }

    /// G v, exactly.
    pub fn gauss_newton(&self, v: &[f64]) -> Vec<f64> {
        let mut product = vec![0.0; v.len()];
        let batch = self.inputs.len();
        for b in 0..batch {
            let f = self.outputs(&self.lifted(0, v), b);
            let (rows, positions) = (f.len(), f[0].len());
            let curved = |r: usize, p: usize| {
                let entry = |i: usize, j: usize| {
                    let first = if (i, j) == (r, p) { 1.0 } else { 0.0 };
                    HyperDual64::new(f[i][j].re, first, f[i][j].eps2, 0.0)
                };
                let f: Table<_> = (0..rows)
                    .map(|i| (0..positions).map(|j| entry(i, j)).collect())
                    .collect();
                reference::loss(self.loss, &f, &self.targets[b]).eps1eps2
            };
            let curved: Table<f64> = (0..rows)
                .map(|r| (0..positions).map(|p| curved(r, p)).collect())
                .collect();
            for (i, entry) in product.iter_mut().enumerate() {
                let f = self.outputs(&self.lifted(i, v), b);
                let pairs = f.iter().flatten().zip(curved.iter().flatten());
                *entry += pairs.map(|(f, u)| f.eps1 * u).sum::<f64>() / batch as f64;
            }
        }
        product
    }
}

/// One table for each sample.
fn write<T: Element>(mut lines: LinesMut<'_, T>, tables: &[Table<f64>]) {
    for (sample, table) in tables.iter().enumerate() {
        for (line, &x) in table.iter().flatten().enumerate() {
            lines.line(line)[sample] = T::from_f64(x);
        }
    }
}

/// Runs `check` on random networks of each kind.
#[macro_export]
macro_rules! for_random_cases {
    ($count:expr, $check:expr) => {
        for seed in 0..$count {
            let mut draw = $crate::case::Draw::new(seed);
            let model = draw.mlp();
            let tape = model.tape().unwrap();
            $check($crate::case::Case::new(model, tape, draw));
            let mut draw = $crate::case::Draw::new(1000 + seed);
            let model = draw.rnn();
            let tape = model.tape().unwrap();
            $check($crate::case::Case::new(model, tape, draw));
            let mut draw = $crate::case::Draw::new(2000 + seed);
            let model = draw.transformer();
            let tape = model.tape().unwrap();
            $check($crate::case::Case::new(model, tape, draw));
            let mut draw = $crate::case::Draw::new(4000 + seed);
            let model = draw.language_model();
            let tape = model.tape().unwrap();
            let mut case = $crate::case::Case::new(model, tape, draw);
            if case.loss == thalweg::loss::Loss::CrossEntropy {
                case.loss = thalweg::loss::Loss::MeanCrossEntropy;
            }
            $check(case);
        }
    };
}

/// A deep linear problem without symmetries, of at most four layers of unequal widths.
pub fn problem(depth: usize) -> Problem {
    Problem::with_hidden_widths(
        faer::mat![[1.0, 0.3, 0.0], [0.3, 2.0, -0.4], [0.0, -0.4, 0.7]],
        faer::mat![[1.0, -0.5, 0.2], [0.4, 0.8, -1.1]],
        faer::mat![[4.0, 0.5], [0.5, 0.3]],
        depth,
        &[4, 3, 5][..depth - 1],
    )
    .unwrap()
}

/// Largest deviation within `tolerance` of the largest entry.
pub fn assert_close(name: &str, found: &[f64], exact: &[f64], tolerance: f64) {
    assert_eq!(found.len(), exact.len());
    let scale = exact.iter().fold(1e-3f64, |m, x| m.max(x.abs()));
    for (i, (f, e)) in found.iter().zip(exact).enumerate() {
        assert!(
            (f - e).abs() <= tolerance * scale,
            "{name}: entry {i} is {f}, exactly {e} (scale {scale})"
        );
    }
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
