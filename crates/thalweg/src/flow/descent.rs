//! Gradient flow of the population loss, which takes any start to the manifold of minima.
//!
//! dW_k/dt = −A_kᵀ (W_D…W_1 − V) Σx B_kᵀ. It conserves Q_k = W_kW_kᵀ − W_{k+1}ᵀW_{k+1}, k = 1 … D − 1
//! (the quantities that SGD's noise then moves), so the minimum it reaches remembers the start.

use faer::Mat;

use super::{
    FlowError, Settings, Statistics,
    kronecker::{add_kron, add_transposing_kron, place},
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
    settings: &Settings,
) -> Result<Descent, FlowError> {
    settings.check()?;
    let model = Model::small(problem)?;
    start.fits(problem)?;
    let flow = GradientFlow { model: &model };
    let state = model.flatten(start.layers());
    let mut distance = flow.at_rest(&state)?;
    let mut run = Integrator::new(
        &flow,
        state,
        settings.tolerance,
        settings.max_steps,
        f64::INFINITY,
    )?;
    while distance > NEAR {
        run.advance(f64::INFINITY)?;
        distance = flow.at_rest(&run.state)?;
    }
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
const NEAR: f64 = 1e-10;

struct GradientFlow<'a> {
    model: &'a Model,
}

impl GradientFlow<'_> {
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

fn velocity(point: &Point) -> Vec<Mat<f64>> {
    (0..point.depth())
        .map(|k| -point.pull(point.residual.as_ref(), k))
        .collect()
}

impl System for GradientFlow<'_> {
    type Linear<'a>
        = Mat<f64>
    where
        Self: 'a;

    fn rhs(&self, state: &[f64], out: &mut [f64]) -> Result<(), FlowError> {
        let point = Point::new(self.model, self.model.layers(state));
        out.copy_from_slice(&self.model.flatten(&velocity(&point)));
        Ok(())
    }

    /// Minus the Hessian: −J_pᵀJ_p, and between layers the residual times the rest of the chain.
    fn linearise(&self, state: &[f64]) -> Result<Mat<f64>, FlowError> {
        let point = Point::new(self.model, self.model.layers(state));
        let mut jacobian = Mat::zeros(state.len(), state.len());
        for j in 0..point.depth() {
            let columns = self.model.range(j);
            // W_{k−1} … W_{j+1}, grown as k moves up.
            let mut between =
                Mat::<f64>::identity(point.layers[j].nrows(), point.layers[j].nrows());
            for k in j..point.depth() {
                let rows = self.model.range(k);
                let mut block = Mat::zeros(rows.len(), columns.len());
                let output = point.above[k].transpose() * &point.above[j];
                let input = &point.below[k] * point.below[j].transpose();
                add_kron(&mut block, -1.0, &output, input.as_ref());
                if k > j {
                    let force =
                        point.above[k].transpose() * &point.residual * point.below[j].transpose();
                    add_transposing_kron(&mut block, -1.0, &force, &between);
                    place(&mut jacobian, columns.start, rows.start, block.transpose());
                    between = &point.layers[k] * between;
                }
                place(&mut jacobian, rows.start, columns.start, block.as_ref());
            }
        }
        Ok(jacobian)
    }

    fn relative_error(&self, error: &[f64], state: &[f64]) -> f64 {
        self.model.relative_size(error, state)
    }

    fn settle(&self, _: &mut [f64]) -> Result<(), FlowError> {
        Ok(())
    }
}
