//! Rodas5P, a stiff integrator of order 5 with error control and dense output.
//!
//! G. Steinebach, *Construction of Rosenbrock–Wanner method Rodas5P and numerical benchmarks within
//! the Julia Differential Equations package*, BIT Numer. Math. 63, 27 (2023). Eight stages, stiffly
//! accurate, L-stable; one Jacobian and one factorisation a step, no Newton iteration. In the
//! transformed variables of Hairer and Wanner, *Solving ODEs II*, §IV.7, stage i solves
//!
//! (I/(hγ) − J) k_i = f(y + Σ_j a_ij k_j) + Σ_j (c_ij/h) k_j.

use faer::{
    Mat, MatMut,
    linalg::solvers::{PartialPivLu, Solve},
};

use crate::Stop;

use super::{
    FlowError,
    tableau::{A, C, DENSE, GAMMA, STAGES},
};

/// An autonomous system dy/dt = f(y).
pub(super) trait System {
    /// The form of its Jacobian.
    type Linear<'a>: Linear
    where
        Self: 'a;
    /// Writes f(y) to `out`.
    fn rhs(&self, y: &[f64], out: &mut [f64]) -> Result<(), FlowError>;
    /// The Jacobian J = ∂f/∂y, in a form that solves with σ − J.
    fn linearise(&self, y: &[f64]) -> Result<Self::Linear<'_>, FlowError>;
    /// The size of `error` relative to that of `y`, to be kept below the tolerance.
    fn relative_error(&self, error: &[f64], y: &[f64]) -> f64;
    /// Removes the drift from an invariant that the exact solution keeps.
    fn settle(&self, y: &mut [f64]) -> Result<(), FlowError>;
}

/// A Jacobian J.
pub(super) trait Linear {
    /// The form of σ − J.
    type Shifted<'a>: Shifted
    where
        Self: 'a;
    /// σ − J, factored; [`FlowError::Decomposition`] where the form cannot, and the step is then tried
    /// again with a larger σ.
    fn shifted(&self, shift: f64) -> Result<Self::Shifted<'_>, FlowError>;
}

/// A factored matrix.
pub(super) trait Shifted {
    /// Solves with it.
    fn solve_in_place(&self, b: &mut [f64]);
}

impl Linear for Mat<f64> {
    type Shifted<'a> = PartialPivLu<f64>;

    fn shifted(&self, shift: f64) -> Result<PartialPivLu<f64>, FlowError> {
        let mut matrix = -self;
        for i in 0..matrix.nrows() {
            matrix[(i, i)] += shift;
        }
        Ok(matrix.partial_piv_lu())
    }
}

impl Shifted for PartialPivLu<f64> {
    fn solve_in_place(&self, b: &mut [f64]) {
        let rows = b.len();
        Solve::solve_in_place(self, MatMut::from_column_major_slice_mut(b, rows, 1));
    }
}

/// What the integrator did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Steps whose error was within the tolerance.
    pub accepted: usize,
    /// Steps repeated with a smaller size.
    pub rejected: usize,
    /// Evaluations of the right-hand side.
    pub evaluations: usize,
    /// Evaluations of the Jacobian.
    pub jacobians: usize,
    /// Factorisations of σ − J.
    pub factorisations: usize,
}

impl Statistics {
    /// Whether one more step may be tried, of this size from this time.
    ///
    /// # Errors
    /// When `most` are used up, the step is lost in the rounding of the time, or the caller was asked to stop.
    pub(super) fn allow(
        &self,
        most: usize,
        (time, step): (f64, f64),
        end: f64,
    ) -> Result<(), FlowError> {
        Stop::here().asked()?;
        let steps = self.accepted + self.rejected;
        if steps >= most {
            return Err(FlowError::TooManySteps { steps, time, end });
        }
        if time + 1e-3 * step == time && time > 0.0 {
            return Err(FlowError::StepTooSmall { step, time, end });
        }
        Ok(())
    }

    /// Adds those of another integration.
    pub(super) fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.evaluations += other.evaluations;
        self.jacobians += other.jacobians;
        self.factorisations += other.factorisations;
    }
}

/// One integration in progress.
pub(super) struct Integrator<'a, S: System> {
    system: &'a S,
    tolerance: f64,
    max_steps: usize,
    /// Time reached.
    pub(super) time: f64,
    /// State there.
    pub(super) state: Vec<f64>,
    /// Size of the next step.
    step: f64,
    /// The last accepted step.
    accepted: Option<Trial>,
    /// The last rejected one since then.
    rejected: Option<Trial>,
    last: Option<Step>,
    linear: Option<S::Linear<'a>>,
    pub(super) statistics: Statistics,
}

/// A step that was tried.
#[derive(Clone, Copy)]
struct Trial {
    size: f64,
    /// Over the tolerance.
    error: f64,
}

/// The order of the local error's estimate.
const ORDER: f64 = 5.0;

/// The last accepted step, for dense output.
struct Step {
    start: f64,
    size: f64,
    from: Vec<f64>,
    to: Vec<f64>,
    dense: [Vec<f64>; 3],
}

impl<'a, S: System> Integrator<'a, S> {
    /// An integration from `state` at time 0, with a first step within `horizon`.
    pub(super) fn new(
        system: &'a S,
        state: Vec<f64>,
        tolerance: f64,
        max_steps: usize,
        horizon: f64,
    ) -> Result<Self, FlowError> {
        let mut rate = vec![0.0; state.len()];
        system.rhs(&state, &mut rate)?;
        // The first step moves the state by about tolerance^(1/5)·1 %, which is always safe to try.
        let speed = system.relative_error(&rate, &state);
        let step = 0.01 * tolerance.powf(0.2) / speed.max(f64::MIN_POSITIVE);
        let step = step.min(horizon);
        Ok(Self {
            system,
            tolerance,
            max_steps,
            time: 0.0,
            state,
            step,
            accepted: None,
            rejected: None,
            last: None,
            linear: None,
            statistics: Statistics {
                evaluations: 1,
                ..Statistics::default()
            },
        })
    }

    /// One accepted step. `end` only bounds the step size, and serves the message of an error.
    pub(super) fn advance(&mut self, end: f64) -> Result<(), FlowError> {
        loop {
            self.statistics
                .allow(self.max_steps, (self.time, self.step), end)?;
            let size = self.step;
            // A stage too far out for the linear algebra is a step too long, like any other.
            let attempt = match self.attempt(size) {
                Err(FlowError::Decomposition { .. }) => None,
                other => Some(other?),
            };
            let error = attempt
                .as_ref()
                .map_or(f64::INFINITY, |attempt| attempt.error / self.tolerance);
            let trial = Trial { size, error };
            self.step = size * self.factor(trial);
            if let Some(attempt) = attempt
                && error <= 1.0
            {
                self.statistics.accepted += 1;
                self.accepted = Some(trial);
                self.rejected = None;
                let from = std::mem::replace(&mut self.state, attempt.to);
                self.system.settle(&mut self.state)?;
                self.last = Some(Step {
                    start: self.time,
                    size,
                    from,
                    to: self.state.clone(),
                    dense: attempt.dense,
                });
                self.time += size;
                self.linear = None;
                return Ok(());
            }
            self.statistics.rejected += 1;
            self.rejected = Some(trial);
        }
    }

    /// What to multiply the step by after `attempt`.
    ///
    /// The controller of Gustafsson (Hairer and Wanner, *Solving ODEs II*, eq. IV.8.25): the error's growth
    /// from step to step is taken to go on, so that a motion that speeds up, as on the way out of a saddle,
    /// does not cost a rejected step for every accepted one. Nor does a motion along a steep curved valley,
    /// where the error grows faster than the method's order says: after a rejection the order is the
    /// one seen between the two attempts.
    fn factor(&self, now: Trial) -> f64 {
        if !now.error.is_finite() {
            return 0.2;
        }
        let order = self.rejected.map_or(ORDER, |rejected| {
            let seen = (rejected.error / now.error).ln() / (rejected.size / now.size).ln();
            seen.max(ORDER)
        });
        let plain = 0.9 * now.error.powf(-1.0 / order);
        let trend = self.accepted.map_or(1.0, |before| {
            now.size / before.size * (before.error / now.error).powf(1.0 / order)
        });
        (plain * trend.min(1.0)).clamp(0.2, 6.0)
    }

    /// The state at `time`, which lies in the last step: dense output of order 4.
    pub(super) fn state_at(&self, time: f64) -> Vec<f64> {
        let Some(step) = &self.last else {
            return self.state.clone();
        };
        let theta = ((time - step.start) / step.size).clamp(0.0, 1.0);
        let [d1, d2, d3] = &step.dense;
        (0..step.from.len())
            .map(|i| {
                let inner = d1[i] + theta * (d2[i] + theta * d3[i]);
                (1.0 - theta) * step.from[i] + theta * (step.to[i] + (1.0 - theta) * inner)
            })
            .collect()
    }

    fn attempt(&mut self, size: f64) -> Result<Attempt, FlowError> {
        let n = self.state.len();
        // The Jacobian survives a rejected step.
        let linear = match self.linear.take() {
            Some(linear) => linear,
            None => {
                self.statistics.jacobians += 1;
                self.system.linearise(&self.state)?
            }
        };
        let linear = self.linear.insert(linear);
        let factors = linear.shifted(1.0 / (size * GAMMA))?;
        self.statistics.factorisations += 1;
        let mut stages: Vec<Vec<f64>> = Vec::with_capacity(STAGES);
        let mut at = self.state.clone();
        for i in 0..STAGES {
            at.copy_from_slice(&self.state);
            for (a, stage) in A[i].iter().zip(&stages) {
                accumulate(&mut at, *a, stage);
            }
            let mut stage = vec![0.0; n];
            self.system.rhs(&at, &mut stage)?;
            for (c, earlier) in C[i].iter().zip(&stages) {
                accumulate(&mut stage, *c / size, earlier);
            }
            factors.solve_in_place(&mut stage);
            stages.push(stage);
        }
        self.statistics.evaluations += STAGES;
        // Stiffly accurate: the last stage is the error estimate, and added to its argument the result.
        accumulate(&mut at, 1.0, &stages[STAGES - 1]);
        let error = self.system.relative_error(&stages[STAGES - 1], &self.state);
        let dense = DENSE.map(|row| {
            let mut combination = vec![0.0; n];
            for (d, stage) in row.iter().zip(&stages) {
                accumulate(&mut combination, *d, stage);
            }
            combination
        });
        Ok(Attempt {
            to: at,
            error,
            dense,
        })
    }
}

struct Attempt {
    to: Vec<f64>,
    error: f64,
    dense: [Vec<f64>; 3],
}

/// y ← y + a x.
fn accumulate(y: &mut [f64], a: f64, x: &[f64]) {
    if a != 0.0 {
        for (y, x) in y.iter_mut().zip(x) {
            *y += a * x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// y_0 = e^{−t} and y_1 = y_0² with y_1 pulled to y_0² at the given rate.
    struct Slaved {
        rate: f64,
    }

    impl System for Slaved {
        type Linear<'a> = Mat<f64>;

        fn rhs(&self, y: &[f64], out: &mut [f64]) -> Result<(), FlowError> {
            out[0] = -y[0];
            out[1] = -self.rate * (y[1] - y[0] * y[0]) - 2.0 * y[0] * y[0];
            Ok(())
        }

        fn linearise(&self, y: &[f64]) -> Result<Mat<f64>, FlowError> {
            let slope = (2.0 * self.rate - 4.0) * y[0];
            Ok(faer::mat![[-1.0, 0.0], [slope, -self.rate]])
        }

        fn relative_error(&self, error: &[f64], _: &[f64]) -> f64 {
            error.iter().fold(0.0, |a: f64, e| a.max(e.abs()))
        }

        fn settle(&self, _: &mut [f64]) -> Result<(), FlowError> {
            Ok(())
        }
    }

    /// Errors at t = 1 and of the dense output in mid-step, with `steps` equal steps.
    fn errors(steps: usize) -> (f64, f64) {
        let system = Slaved { rate: 3.0 };
        let mut run = Integrator::new(&system, vec![1.0, 1.0], 1.0, usize::MAX, 1.0).unwrap();
        let size = 1.0 / steps as f64;
        let mut dense = 0.0f64;
        for i in 0..steps {
            run.step = size;
            run.advance(1.0).unwrap();
            let time = (i as f64 + 0.4) * size;
            dense = dense.max((run.state_at(time)[1] - (-2.0 * time).exp()).abs());
        }
        ((run.state[1] - (-2.0f64).exp()).abs(), dense)
    }

    /// Halving the step divides the error by 2⁵, that of the dense output (in one step) by 2⁵ too: order
    /// 4, local error of order 5.
    #[test]
    fn order_of_convergence() {
        let (coarse, fine) = (errors(8), errors(16));
        let order = (coarse.0 / fine.0).log2();
        assert!((order - 5.0).abs() < 0.5, "{order}");
        let order = (coarse.1 / fine.1).log2();
        assert!(order > 3.7, "{order}");
    }

    /// A rate of 1e8 costs no more steps than a rate of 3.
    #[test]
    fn stiffness_costs_nothing() {
        let steps = |rate: f64| {
            let system = Slaved { rate };
            let mut run = Integrator::new(&system, vec![1.0, 1.0], 1e-8, 1000, 1.0).unwrap();
            while run.time < 10.0 {
                run.advance(10.0).unwrap();
            }
            assert!((run.state_at(10.0)[0] - (-10.0f64).exp()).abs() < 1e-6);
            run.statistics.accepted
        };
        assert!(steps(1e8) < 2 * steps(3.0));
    }
}
