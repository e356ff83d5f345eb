//! What is timed, written as a user of the library would.

use std::hint::black_box;

use serde_json::{Value, json};
use thalweg::loss::Objective;
use thalweg::optimizer::Sgd;
use thalweg::tensor::{Block, LinesMut};

use super::case::Case;
use super::interventions::Added;
use super::runs::Runs;
use super::solution::{LambdaMax, Trace};
use crate::timed::{Failure, Work};

/// All that is done with a network.
pub fn of(case: &Case) -> Result<Vec<Box<dyn Work>>, Failure> {
    let mut works: Vec<Box<dyn Work>> = vec![
        Box::new(Step::new(case, false)),
        Box::new(Step::new(case, true)),
        Box::new(Product::new(case)),
    ];
    if case.name.starts_with("mnist") {
        works.push(Box::new(Fluctuation::new(case)));
    }
    if !case.name.starts_with("mnist") {
        for batch in [1, 4, 8, case.training.settings().batch] {
            for together in [false, true] {
                works.push(Box::new(Runs::new(case, batch, together)?));
            }
        }
    }
    for added in Added::all(case)? {
        works.push(Box::new(added));
    }
    if let Some(trained) = &case.trained {
        works.push(Box::new(LambdaMax::new(case.name, trained.clone())));
        works.push(Box::new(Trace::new(case.name, trained.clone())));
    }
    Ok(works)
}

/// Steps of SGD, round and round the minibatches.
struct Step {
    name: String,
    /// Whether each minibatch is copied before its step.
    copy: bool,
    start: Vec<f32>,
    optimizer: Sgd,
    /// The minibatches, in place.
    batches: Vec<Objective<f32>>,
    /// What they are copied from (inputs and targets), and to.
    stored: Vec<[Block<f32>; 2]>,
    objective: Objective<f32>,
    step: usize,
    parameters: Vec<f32>,
    gradient: Vec<f32>,
}

impl Step {
    fn new(case: &Case, copy: bool) -> Self {
        let start = case.parameters();
        let store = |batch: &Objective<f32>| {
            let mut batch = batch.clone();
            [stored(batch.inputs_mut()), stored(batch.targets_mut())]
        };
        Self {
            name: format!("step {}", case.name),
            copy,
            optimizer: Sgd::new(case.training.settings().optimizer.learning_rate().at(0)),
            stored: case.batches.iter().map(store).collect(),
            objective: case.batches[0].clone(),
            batches: case.batches.clone(),
            step: 0,
            parameters: start.clone(),
            gradient: vec![0.0; start.len()],
            start,
        }
    }
}

impl Work for Step {
    fn name(&self) -> &str {
        &self.name
    }

    fn variant(&self) -> &'static str {
        if self.copy {
            "batch copied"
        } else {
            "batch in place"
        }
    }

    fn restart(&mut self) {
        self.parameters.clone_from(&self.start);
        self.step = 0;
    }

    fn repeat(&mut self, calls: usize) -> Result<(), Failure> {
        for _ in 0..calls {
            let index = self.step % self.batches.len();
            let objective = if self.copy {
                let [inputs, targets] = &self.stored[index];
                copy(inputs, self.objective.inputs_mut());
                copy(targets, self.objective.targets_mut());
                &mut self.objective
            } else {
                &mut self.batches[index]
            };
            objective.gradient(&self.parameters, &mut self.gradient);
            let step = self.step as u64;
            self.optimizer
                .update(step, &mut self.parameters, &mut [], &self.gradient);
            self.step += 1;
        }
        Ok(())
    }

    fn values(&mut self) -> Result<Value, Failure> {
        self.restart();
        self.repeat(1)?;
        let gradient = norm(&self.gradient);
        let mut losses = vec![0.0; self.objective.batch()];
        self.batches[0].sample_losses(&self.start, &mut losses);
        self.repeat(self.batches.len() - 1)?;
        let moved = self.parameters.iter().zip(&self.start);
        let moved: Vec<f32> = moved.map(|(end, start)| end - start).collect();
        Ok(json!({ "loss": mean(&losses), "gradient": gradient, "moved": norm(&moved) }))
    }
}

/// Products of the Hessian with one vector, at one point.
struct Product {
    name: String,
    objective: Objective<f32>,
    parameters: Vec<f32>,
    direction: Vec<f32>,
    product: Vec<f32>,
    gradient: Vec<f32>,
}

impl Product {
    fn new(case: &Case) -> Self {
        let parameters = case.parameters();
        let mut objective = case.evaluation.clone();
        let mut gradient = vec![0.0; parameters.len()];
        objective.gradient(&parameters, &mut gradient);
        Self {
            name: format!("hvp {}", case.name),
            objective,
            direction: case.direction.clone(),
            product: vec![0.0; parameters.len()],
            gradient,
            parameters,
        }
    }
}

impl Work for Product {
    fn name(&self) -> &str {
        &self.name
    }

    fn variant(&self) -> &'static str {
        "point recorded"
    }

    fn repeat(&mut self, calls: usize) -> Result<(), Failure> {
        for _ in 0..calls {
            let direction = black_box(&self.direction);
            self.objective
                .hessian(&self.parameters, direction, &mut self.product);
            black_box(&mut self.product);
        }
        Ok(())
    }

    fn values(&mut self) -> Result<Value, Failure> {
        self.repeat(1)?;
        let mut losses = vec![0.0; self.objective.batch()];
        self.objective.losses(&mut losses);
        Ok(json!({
            "loss": mean(&losses),
            "gradient": norm(&self.gradient),
            "product": norm(&self.product),
        }))
    }
}

/// E‖∇ℓ‖² over a minibatch, from its inputs on.
struct Fluctuation {
    name: String,
    objective: Objective<f32>,
    parameters: Vec<f32>,
    gradient: Vec<f32>,
    norms: Block<f32>,
    fluctuation: f64,
}

impl Fluctuation {
    fn new(case: &Case) -> Self {
        let parameters = case.parameters();
        let objective = case.batches[0].clone();
        Self {
            name: format!("fluctuation {}", case.name),
            norms: Block::zeros(objective.tape().parameters().len(), objective.batch()),
            objective,
            gradient: vec![0.0; parameters.len()],
            parameters,
            fluctuation: 0.0,
        }
    }
}

impl Work for Fluctuation {
    fn name(&self) -> &str {
        &self.name
    }

    fn variant(&self) -> &'static str {
        "squared norms"
    }

    fn repeat(&mut self, calls: usize) -> Result<(), Failure> {
        for _ in 0..calls {
            self.objective
                .gradient(black_box(&self.parameters), &mut self.gradient);
            self.objective.sample_squared_norms(&mut self.norms);
            let norms = self.norms.lines();
            let sum: f64 = (0..norms.count())
                .flat_map(|block| norms.line(block))
                .map(|&norm| f64::from(norm))
                .sum();
            self.fluctuation = black_box(sum / self.objective.batch() as f64);
        }
        Ok(())
    }

    fn values(&mut self) -> Result<Value, Failure> {
        self.repeat(1)?;
        Ok(json!({ "fluctuation": self.fluctuation }))
    }
}

fn stored(mut lines: LinesMut<'_, f32>) -> Block<f32> {
    Block::from_fn(lines.count(), lines.batch(), |line, sample| {
        lines.line(line)[sample]
    })
}

fn copy(from: &Block<f32>, mut to: LinesMut<'_, f32>) {
    let from = from.lines();
    for line in 0..from.count() {
        to.line(line).copy_from_slice(from.line(line));
    }
}

fn norm(numbers: &[f32]) -> f64 {
    let squares = numbers.iter().map(|&x| f64::from(x).powi(2));
    squares.sum::<f64>().sqrt()
}

pub(super) fn mean(numbers: &[f32]) -> f64 {
    numbers.iter().map(|&x| f64::from(x)).sum::<f64>() / numbers.len() as f64
}
