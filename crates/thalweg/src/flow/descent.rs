//! Gradient flow of the population loss, which takes any start to the manifold of minima.
//!
//! dW_k/dt = −A_kᵀ (W_D…W_1 − V) Σx B_kᵀ. It conserves Q_k = W_kW_kᵀ − W_{k+1}ᵀW_{k+1}, k = 1 … D − 1
//! (the quantities that SGD's noise then moves), so the minimum it reaches remembers the start.

use faer::Mat;

use super::{
    FlowError, FlowSettings, Statistics,
    chain::Chain,
    manifold::to_manifold,
    point::{Model, Point},
    rosenbrock::{Integrator, System},
};
use crate::problem::{Problem, Weights};

/// The minimum that gradient flow reaches.
#[derive(Clone, Debug, PartialEq)]
pub struct Descent {
    /// Weights on the manifold of minima.
    pub weights: Weights,
    /// ‖(W_D…W_1 − V)√Σx‖ / ‖V√Σx‖ there.
    pub distance: f64,
    /// The flow's time t (loss gradient = −dW/dt) when the distance fell below 1e-10.
    pub time: f64,
    /// What the integrator did.
    pub statistics: Statistics,
}

/// Follows gradient flow from `start` to the manifold of minima.
///
/// Returns the weights with W_D…W_1 = V on the support of Σx to rounding. Q_k is that of the start to
/// about the tolerance: the last piece, from a relative distance of 1e-10 (a loss of 1e-20), is Newton's
/// method along the normal directions, which moves Q_k at second order only.
///
/// # Errors
/// When the weights do not fit the problem, when the flow rests at a saddle (it cannot leave W = 0,
/// for one), or when the integrator gives up.
pub fn descend(
    problem: &Problem,
    start: &Weights,
    settings: &FlowSettings,
) -> Result<Descent, FlowError> {
    settings.check()?;
    let model = Model::small(problem)?;
    start.fits(problem)?;
    let flow = GradientFlow { model: &model };
    let run = flow.follow(model.flatten(start.layers()), settings, |_| {})?;
    let mut state = run.state;
    let distance = to_manifold(&model, &mut state)?;
    Ok(Descent {
        weights: Weights::new(problem, model.layers(&state))?,
        distance,
        time: run.time,
        statistics: run.statistics,
    })
}

/// The relative distance from which Newton's method takes over.
pub(super) const NEAR: f64 = 1e-10;

pub(super) struct GradientFlow<'a> {
    pub(super) model: &'a Model,
}

impl GradientFlow<'_> {
    /// From `state` until Newton's method can take over; `each` sees every step on the way.
    pub(super) fn follow(
        &self,
        state: Vec<f64>,
        settings: &FlowSettings,
        mut each: impl FnMut(&Integrator<'_, Self>),
    ) -> Result<Integrator<'_, Self>, FlowError> {
        let mut distance = self.at_rest(&state)?;
        if !distance.is_finite() {
            return Err(FlowError::StartTooLarge);
        }
        let FlowSettings {
            tolerance,
            max_steps,
            ..
        } = *settings;
        let mut run = Integrator::new(self, state, tolerance, max_steps, f64::INFINITY)?;
        while distance > NEAR {
            run.advance(f64::INFINITY)?;
            distance = self.at_rest(&run.state)?;
            each(&run);
        }
        Ok(run)
    }

    /// The relative distance to the minima, or an error if the flow has stopped away from them.
    fn at_rest(&self, state: &[f64]) -> Result<f64, FlowError> {
        let point = Point::new(self.model, self.model.layers(state));
        let distance = point.residual.norm_l2() / self.model.scale();
        let velocity = velocity(&point);
        let gradient = velocity
            .iter()
            .map(Mat::squared_norm_l2)
            .sum::<f64>()
            .sqrt();
        let size = state.iter().map(|w| w * w).sum::<f64>().sqrt();
        // Away from a saddle the gradient is about the residual times the weights' size.
        if distance > NEAR && gradient <= 1e-12 * distance * self.model.scale() * size {
            return Err(FlowError::Saddle { gradient, distance });
        }
        Ok(distance)
    }
}

pub(super) fn velocity(point: &Point) -> Vec<Mat<f64>> {
    (0..point.depth())
        .map(|k| -point.pull(point.residual.as_ref(), k))
        .collect()
}

impl System for GradientFlow<'_> {
    type Linear<'a>
        = Chain<'a>
    where
        Self: 'a;

    fn rhs(&self, state: &[f64], out: &mut [f64]) -> Result<(), FlowError> {
        let point = Point::new(self.model, self.model.layers(state));
        out.copy_from_slice(&self.model.flatten(&velocity(&point)));
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
