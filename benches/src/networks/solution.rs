//! Curvature of a trained network, to a given accuracy by the known truth.

use std::sync::Arc;

use serde_json::{Value, json};
use thalweg::curvature::{EigenSettings, End, TraceSettings, eigenpairs};
use thalweg::data::Samples;
use thalweg::estimate::Estimate;
use thalweg::evaluation::{CurvedLoss, Evaluation, SampledLoss};
use thalweg::loss::Loss;
use thalweg::tensor::Tape;

use crate::timed::{Failure, Work};
use crate::timing::median;

/// Relative error of λ_max.
pub const LAMBDA_MAX_LIMIT: f64 = 1e-6;
/// Relative error of the trace.
pub const TRACE_LIMIT: f64 = 0.01;

/// Random starts over which an error is judged.
const STARTS: u64 = 5;
/// Residual, relative to λ_max, of the value that is taken for the truth.
const TRUTH: f64 = 1e-10;

/// A trained network, samples to evaluate it on, and what is true of its Hessian there.
#[derive(Clone)]
pub struct Trained {
    pub tape: Arc<Tape>,
    pub loss: Loss,
    pub parameters: Vec<f64>,
    pub samples: Arc<Samples>,
    pub lambda_max: f64,
    pub trace: f64,
}

impl Trained {
    pub fn new(
        tape: Arc<Tape>,
        loss: Loss,
        parameters: Vec<f64>,
        samples: Arc<Samples>,
    ) -> Result<Self, Failure> {
        let mut trained = Self {
            tape,
            loss,
            parameters,
            samples,
            lambda_max: f64::NAN,
            trace: f64::NAN,
        };
        trained.lambda_max = trained.largest(TRUTH, 0)?.value;
        trained.trace = trained
            .evaluation()?
            .gauss_newton_trace(&trained.parameters)?
            .value;
        Ok(trained)
    }

    fn evaluation(&self) -> Result<Evaluation, Failure> {
        let samples = self.samples.clone();
        Ok(Evaluation::new(
            Arc::clone(&self.tape),
            self.loss,
            samples,
            Evaluation::BATCH,
        )?)
    }

    fn largest(&self, tolerance: f64, seed: u64) -> Result<Estimate, Failure> {
        let settings = EigenSettings {
            tolerance,
            seed,
            ..EigenSettings::new(1, End::Top)
        };
        let mut evaluation = self.evaluation()?;
        let mut hessian = evaluation.hessian(&self.parameters)?;
        Ok(eigenpairs(&mut hessian, &settings, None)?.values[0])
    }

    fn trace(&self) -> Result<f64, Failure> {
        // No random probe is needed for a ReLU network, so their number does not matter.
        let settings = TraceSettings::new(100);
        Ok(self
            .evaluation()?
            .hessian_trace(&self.parameters, &settings)?
            .value)
    }
}

/// λ_max by Lanczos.
pub struct LambdaMax {
    name: String,
    trained: Trained,
    tolerance: f64,
    seed: u64,
}

impl LambdaMax {
    pub fn new(name: &str, trained: Trained) -> Self {
        Self {
            name: format!("lambda_max {name}"),
            trained,
            tolerance: 1e-3,
            seed: 0,
        }
    }

    /// Medians of the relative error and of the products taken.
    fn judge(&self, tolerance: f64) -> Result<[f64; 2], Failure> {
        let (mut errors, mut products) = (Vec::new(), Vec::new());
        for seed in 0..STARTS {
            let found = self.trained.largest(tolerance, seed)?;
            errors.push((found.value / self.trained.lambda_max - 1.0).abs());
            products.push(found.matvecs as f64);
        }
        Ok([errors, products].map(median))
    }
}

impl Work for LambdaMax {
    fn name(&self) -> &str {
        &self.name
    }

    fn variant(&self) -> &'static str {
        "Lanczos, f64"
    }

    fn repeat(&mut self, calls: usize) -> Result<(), Failure> {
        for _ in 0..calls {
            self.seed += 1;
            self.trained.largest(self.tolerance, self.seed)?;
        }
        Ok(())
    }

    /// Takes the largest tolerance that serves.
    fn values(&mut self) -> Result<Value, Failure> {
        for step in 2..40 {
            self.tolerance = 10f64.powf(-f64::from(step) / 4.0);
            let [error, products] = self.judge(self.tolerance)?;
            if error <= LAMBDA_MAX_LIMIT {
                return Ok(json!({
                    "effort": self.tolerance,
                    "products": products,
                    "error": error,
                    "limit": LAMBDA_MAX_LIMIT,
                }));
            }
        }
        Err("no tolerance is small enough".into())
    }
}

/// The trace, which needs no probes.
pub struct Trace {
    name: String,
    trained: Trained,
}

impl Trace {
    pub fn new(name: &str, trained: Trained) -> Self {
        Self {
            name: format!("trace {name}"),
            trained,
        }
    }
}

impl Work for Trace {
    fn name(&self) -> &str {
        &self.name
    }

    fn variant(&self) -> &'static str {
        "exact, f64"
    }

    fn repeat(&mut self, calls: usize) -> Result<(), Failure> {
        for _ in 0..calls {
            self.trained.trace()?;
        }
        Ok(())
    }

    fn values(&mut self) -> Result<Value, Failure> {
        let error = (self.trained.trace()? / self.trained.trace - 1.0).abs();
        Ok(json!({ "effort": 0, "error": error, "limit": TRACE_LIMIT }))
    }
}
