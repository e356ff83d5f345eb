//! Gradient flow, by the integrator that the network's size and the conditioning of its inputs ask for.

use faer::Mat;

use super::{
    FlowError, FlowSettings, Statistics, bdf,
    chain::Chain,
    descent::velocity,
    fall::Fall,
    point::{Model, Point},
    rosenbrock::{self, System},
};

/// One integration of gradient flow in progress.
pub(super) trait Downhill {
    /// One accepted step.
    fn advance(&mut self) -> Result<(), FlowError>;
    /// The flow's time t.
    fn time(&self) -> f64;
    /// The weights then.
    fn weights(&self) -> &[f64];
    /// What drives the flow then.
    fn pull(&self) -> Pull;
    /// The weights at `time`, which lies in the last step.
    fn weights_at(&self, time: f64) -> Result<Vec<f64>, FlowError>;
    /// What the integrator did.
    fn statistics(&self) -> Statistics;
}

/// What drives the flow at one point.
pub(super) struct Pull {
    /// ‖ρ‖.
    pub(super) residual: f64,
    /// The norm of the gradient that ρ makes.
    pub(super) gradient: f64,
    /// The norm of all weights.
    pub(super) weights: f64,
}

impl Pull {
    /// That of the weights' own residual.
    pub(super) fn of(point: &Point) -> Self {
        let norm = |layers: &[Mat<f64>]| {
            let squares = layers.iter().map(Mat::squared_norm_l2);
            squares.sum::<f64>().sqrt()
        };
        Self {
            residual: point.residual.norm_l2(),
            gradient: norm(&velocity(point, &point.residual)),
            weights: norm(&point.layers),
        }
    }
}

/// Up to this many operations, Σ_k (h_k h_{k−1})³, the linear systems of a step are solved layer by layer.
const MOST_LAYERED: f64 = 2.2e6;

/// And up to this condition number of Σx: beyond it their Jacobian turns too fast.
const MOST_CONDITION: f64 = 1e6;

/// Whether the flow of `model` is followed by Rodas5P.
pub(super) fn is_plain(model: &Model) -> bool {
    let root = model.root();
    let within = |values: Vec<f64>| {
        let (Some(largest), Some(least)) = (values.first(), values.last()) else {
            return true;
        };
        (largest / least).powi(2) <= MOST_CONDITION
    };
    let layers = model.widths().windows(2);
    let operations: f64 = layers.map(|h| ((h[0] * h[1]) as f64).powi(3)).sum();
    operations <= MOST_LAYERED && root.singular_values().is_ok_and(within)
}

/// What `follow` makes of gradient flow from `weights`.
///
/// # Errors
/// Those of `follow`, and where the first step cannot be found.
pub(super) fn downhill<T>(
    model: &Model,
    weights: Vec<f64>,
    settings: &FlowSettings,
    follow: impl FnOnce(&mut dyn Downhill) -> Result<T, FlowError>,
) -> Result<T, FlowError> {
    let (tolerance, most) = (settings.tolerance, settings.max_steps);
    if is_plain(model) {
        let flow = GradientFlow { model };
        let run = rosenbrock::Integrator::new(&flow, weights, tolerance, most, f64::INFINITY)?;
        return follow(&mut Plain { model, run });
    }
    let (fall, state) = Fall::new(model, &weights);
    let run = bdf::Integrator::new(fall, state, tolerance, most, f64::INFINITY)?;
    follow(&mut Stiff { model, run })
}

/// Gradient flow of the weights alone.
pub(super) struct GradientFlow<'a> {
    pub(super) model: &'a Model,
}

impl System for GradientFlow<'_> {
    type Linear<'a>
        = Chain<'a>
    where
        Self: 'a;

    fn rhs(&self, state: &[f64], out: &mut [f64]) -> Result<(), FlowError> {
        let point = Point::new(self.model, self.model.layers(state));
        out.copy_from_slice(&self.model.flatten(&velocity(&point, &point.residual)));
        Ok(())
    }

    fn linearise(&self, state: &[f64]) -> Result<Chain<'_>, FlowError> {
        let point = Point::new(self.model, self.model.layers(state));
        Ok(Chain::new(self.model, point))
    }

    fn relative_error(&self, error: &[f64], state: &[f64]) -> f64 {
        self.model.relative_size(error, state)
    }

    fn settle(&self, _: &mut [f64]) -> Result<(), FlowError> {
        Ok(())
    }
}

struct Plain<'a> {
    model: &'a Model,
    run: rosenbrock::Integrator<'a, GradientFlow<'a>>,
}

impl Downhill for Plain<'_> {
    fn advance(&mut self) -> Result<(), FlowError> {
        self.run.advance(f64::INFINITY)
    }

    fn time(&self) -> f64 {
        self.run.time
    }

    fn weights(&self) -> &[f64] {
        &self.run.state
    }

    fn pull(&self) -> Pull {
        Pull::of(&Point::new(self.model, self.model.layers(&self.run.state)))
    }

    fn weights_at(&self, time: f64) -> Result<Vec<f64>, FlowError> {
        Ok(self.run.state_at(time))
    }

    fn statistics(&self) -> Statistics {
        self.run.statistics
    }
}

struct Stiff<'a> {
    model: &'a Model,
    run: bdf::Integrator<Fall<'a>>,
}

impl Downhill for Stiff<'_> {
    fn advance(&mut self) -> Result<(), FlowError> {
        self.run.advance(f64::INFINITY)
    }

    fn time(&self) -> f64 {
        self.run.time
    }

    fn weights(&self) -> &[f64] {
        &self.run.state()[..self.model.dim()]
    }

    fn pull(&self) -> Pull {
        Fall::pull(self.model, self.run.state())
    }

    fn weights_at(&self, time: f64) -> Result<Vec<f64>, FlowError> {
        Fall::weights(self.model, &self.run.state_at(time))
    }

    fn statistics(&self) -> Statistics {
        self.run.statistics
    }
}
