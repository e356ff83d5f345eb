//! The flow along the minima, by the integrator that the drift and the size of the network ask for.

use super::{
    Drift, FlowError, FlowSettings, MOST_CURVATURE, MOST_WEIGHTS, Statistics, Waypoint,
    bdf::{self, Stiff},
    clock::Logarithmic,
    horizontal::HorizontalFlow,
    lift::Lift,
    manifold::to_manifold,
    modes::Modes,
    point::{Model, Point},
    rosenbrock::{self, System},
    symmetric::SymmetricFlow,
    trajectory::waypoint,
    wide::WideFlow,
    wide_horizontal::WideHorizontalFlow,
};
use crate::problem::Problem;

/// One integration along the minima in progress.
pub(super) trait Walk {
    /// One accepted step. `end` only serves the size of the step and the message of an error.
    fn advance(&mut self, end: f64) -> Result<(), FlowError>;
    /// The slow time reached.
    fn time(&self) -> f64;
    /// The weights at `time`, which lies in the last step, put back on the manifold.
    fn weights_at(&self, time: f64) -> Result<Vec<f64>, FlowError>;
    /// T and F at the time reached.
    fn size(&self) -> Result<[f64; 2], FlowError>;
    /// The weights at the time reached, as the integrator leaves them and in bases of its own.
    fn place(&self) -> Vec<f64>;
    /// All that is to be known at `time`, which lies in the last step.
    fn waypoint(&self, problem: &Problem, time: f64) -> Result<Waypoint, FlowError>;
    /// What the integrator did.
    fn statistics(&self) -> Statistics;
}

/// With more unknowns in the generators than this the linear systems are solved by iterations: from there on that is quicker.
const MOST_DENSE_GENERATORS: usize = 80;

/// With more weights than this the exact drift's Jacobian by differences is dearer than iterations without it.
const MOST_DIFFERENCES: usize = 100;

/// The same where SAM's normalised ascent is among the forces, with thousands of minibatches in each difference.
const MOST_ASCENTS: usize = 20;

/// What `follow` makes of the flow from `start`, of which the first step lies within `horizon`.
///
/// # Errors
/// Those of `follow`, and where the network is too large for the drift.
pub(super) fn walk<T>(
    model: &Model,
    start: Vec<f64>,
    settings: &FlowSettings,
    horizon: f64,
    follow: impl FnOnce(&mut dyn Walk) -> Result<T, FlowError>,
) -> Result<T, FlowError> {
    let FlowSettings {
        tolerance,
        max_steps,
        drift,
        ..
    } = *settings;
    let parameters = model.dim();
    let is_wide = match drift {
        Drift::Symmetric => Lift::new(&model.layers(&start)).unknowns() > MOST_DENSE_GENERATORS,
        Drift::Exact if model.forces.ascent != 0.0 => parameters > MOST_ASCENTS,
        Drift::Exact => parameters > MOST_DIFFERENCES,
    };
    if is_wide && let Some(modes) = Modes::new(model, &start) {
        return follow(&mut modes.walk(*settings, horizon)?);
    }
    if parameters > MOST_WEIGHTS {
        return Err(FlowError::TooLarge {
            parameters,
            most: MOST_WEIGHTS,
        });
    }
    let size = model.outputs() * model.root().ncols();
    if drift == Drift::Exact && size > MOST_CURVATURE {
        return Err(FlowError::CurvatureTooLarge {
            size,
            most: MOST_CURVATURE,
        });
    }
    match drift {
        Drift::Symmetric if is_wide => {
            let flow = WideFlow::new(model);
            let run = Logarithmic::integrator(flow, start, tolerance, max_steps, horizon)?;
            follow(&mut OfWeights { model, run })
        }
        Drift::Symmetric => {
            let flow = SymmetricFlow { model };
            let run = rosenbrock::Integrator::new(&flow, start, tolerance, max_steps, horizon)?;
            follow(&mut OfWeights { model, run })
        }
        Drift::Exact if is_wide => {
            let flow = WideHorizontalFlow::new(model);
            let run = Logarithmic::integrator(flow, start, tolerance, max_steps, horizon)?;
            follow(&mut OfWeights { model, run })
        }
        Drift::Exact => {
            let flow = HorizontalFlow::new(model);
            let run = rosenbrock::Integrator::new(&flow, start, tolerance, max_steps, horizon)?;
            follow(&mut OfWeights { model, run })
        }
    }
}

/// An integrator along the minima whose state is made of the weights.
trait Integrator {
    fn advance(&mut self, end: f64) -> Result<(), FlowError>;
    fn time(&self) -> f64;
    /// The weights at `time`, as the integrator leaves them.
    fn weights_at(&self, time: f64) -> Vec<f64>;
    fn statistics(&self) -> Statistics;
}

/// Such an integrator with the network that it follows.
struct OfWeights<'a, I> {
    model: &'a Model,
    run: I,
}

impl<I: Integrator> Walk for OfWeights<'_, I> {
    fn advance(&mut self, end: f64) -> Result<(), FlowError> {
        self.run.advance(end)
    }

    fn time(&self) -> f64 {
        self.run.time()
    }

    fn weights_at(&self, time: f64) -> Result<Vec<f64>, FlowError> {
        let mut weights = self.run.weights_at(time);
        to_manifold(self.model, &mut weights)?;
        Ok(weights)
    }

    fn size(&self) -> Result<[f64; 2], FlowError> {
        let point = Point::new(self.model, self.model.layers(&self.place()));
        Ok([point.sharpness(), self.model.fluctuation(&point)])
    }

    fn place(&self) -> Vec<f64> {
        self.run.weights_at(self.time())
    }

    fn waypoint(&self, problem: &Problem, time: f64) -> Result<Waypoint, FlowError> {
        waypoint(problem, self.model, time, &self.weights_at(time)?)
    }

    fn statistics(&self) -> Statistics {
        self.run.statistics()
    }
}

impl<S: System> Integrator for rosenbrock::Integrator<'_, S> {
    fn advance(&mut self, end: f64) -> Result<(), FlowError> {
        self.advance(end)
    }

    fn time(&self) -> f64 {
        self.time
    }

    fn weights_at(&self, time: f64) -> Vec<f64> {
        self.state_at(time)
    }

    fn statistics(&self) -> Statistics {
        self.statistics
    }
}

impl<S: Stiff> Integrator for bdf::Integrator<Logarithmic<S>> {
    fn advance(&mut self, end: f64) -> Result<(), FlowError> {
        let advanced = self.advance(self.system.logarithm(end));
        advanced.map_err(|error| self.system.in_time(error))
    }

    fn time(&self) -> f64 {
        self.system.time(self.time)
    }

    fn weights_at(&self, time: f64) -> Vec<f64> {
        self.state_at(self.system.logarithm(time))
    }

    fn statistics(&self) -> Statistics {
        self.statistics
    }
}
