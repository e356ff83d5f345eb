//! A flow by the logarithm of its time.

use super::{FlowError, bdf::Stiff};

/// dy/ds = (u + u_0) f(y) for dy/du = f(y), with s = ln(1 + u/u_0).
///
/// A relaxation at rates of all sizes goes on like powers of u. A method of order k then needs steps of a fixed part of u, which grow from one to
/// the next, and the derivatives by u of a power are far larger than those by s.
pub(super) struct Logarithmic<S> {
    pub(super) flow: S,
    /// u_0.
    scale: f64,
    /// u + u_0 at the last y given to `rhs`.
    pace: f64,
}

/// u_0 is that part of the time in which the flow's first motion would have taken the whole of the weights.
const EARLY: f64 = 0.3;

impl<S: Stiff> Logarithmic<S> {
    /// `flow`, of which `start` is the state at time 0.
    pub(super) fn new(mut flow: S, start: &[f64]) -> Result<Self, FlowError> {
        let mut rate = vec![0.0; start.len()];
        flow.rhs(0.0, start, &mut rate)?;
        let speed = flow.relative_size(&rate, start);
        let scale = (std::env::var("EARLY").map_or(EARLY, |x| x.parse().unwrap()) / speed).clamp(1e-100, 1e100);
        Ok(Self {
            flow,
            scale,
            pace: scale,
        })
    }

    /// s at the time u.
    pub(super) fn logarithm(&self, time: f64) -> f64 {
        (time / self.scale).ln_1p()
    }

    /// u at s.
    pub(super) fn time(&self, logarithm: f64) -> f64 {
        self.scale * logarithm.exp_m1()
    }
}

impl<S: Stiff> Stiff for Logarithmic<S> {
    fn rhs(&mut self, time: f64, y: &[f64], out: &mut [f64]) -> Result<(), FlowError> {
        self.pace = self.scale * time.exp();
        self.flow.rhs(time, y, out)?;
        out.iter_mut().for_each(|out| *out *= self.pace);
        Ok(())
    }

    fn correct(&mut self, shift: f64, b: &mut [f64], error: f64) -> Result<(), FlowError> {
        b.iter_mut().for_each(|b| *b /= self.pace);
        self.flow.correct(shift / self.pace, b, error)
    }

    fn accepted(&mut self, time: f64, differences: &mut [Vec<f64>]) -> Result<(), FlowError> {
        self.flow.accepted(time, differences)
    }

    fn relative_size(&self, change: &[f64], y: &[f64]) -> f64 {
        self.flow.relative_size(change, y)
    }
}
