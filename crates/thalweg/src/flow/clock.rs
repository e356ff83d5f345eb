//! A flow by the logarithm of its time.

use super::{
    FlowError,
    bdf::{Integrator, Stiff},
};

/// dy/ds = (u + u_0) f(y) for dy/du = f(y), with s = ln(1 + u/u_0).
///
/// A relaxation with rates of many sizes goes like a power of u, whose k-th derivative by u is k! times larger than u⁻ᵏ allows for, and whose
/// derivatives by s are mild: a method of high order takes longer steps by s, and of equal size.
pub(super) struct Logarithmic<S> {
    pub(super) flow: S,
    /// u_0.
    scale: f64,
    /// u + u_0 at the last y given to `rhs`.
    pace: f64,
}

/// u_0 is this part of the time in which the weights would move by their own size as fast as they begin.
const EARLY: f64 = 0.3;

impl<S: Stiff> Logarithmic<S> {
    /// `flow`, of which `start` is the state at time 0.
    fn new(mut flow: S, start: &[f64]) -> Result<Self, FlowError> {
        let mut rate = vec![0.0; start.len()];
        flow.rhs(0.0, start, &mut rate)?;
        let speed = flow.relative_size(&rate, start);
        let scale = (EARLY / speed).clamp(1e-100, 1e100);
        Ok(Self {
            flow,
            scale,
            pace: scale,
        })
    }

    /// What follows `flow` by s from `start` until the time `horizon`, to this tolerance and with so many steps at most.
    pub(super) fn integrator(
        flow: S,
        start: Vec<f64>,
        tolerance: f64,
        max_steps: usize,
        horizon: f64,
    ) -> Result<Integrator<Self>, FlowError> {
        let flow = Self::new(flow, &start)?;
        let horizon = flow.logarithm(horizon);
        Integrator::new(flow, start, tolerance, max_steps, horizon)
    }

    /// s at the time u.
    pub(super) fn logarithm(&self, time: f64) -> f64 {
        (time / self.scale).ln_1p()
    }

    /// u at s.
    pub(super) fn time(&self, logarithm: f64) -> f64 {
        self.scale * logarithm.exp_m1()
    }

    /// An error of the integration by s as one of that by u.
    pub(super) fn in_time(&self, error: FlowError) -> FlowError {
        match error {
            FlowError::StepTooSmall { step, time, end } => FlowError::StepTooSmall {
                step: step * (self.time(time) + self.scale),
                time: self.time(time),
                end: self.time(end),
            },
            FlowError::TooManySteps { steps, time, end } => FlowError::TooManySteps {
                steps,
                time: self.time(time),
                end: self.time(end),
            },
            error => error,
        }
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

    fn accepted(&mut self, time: f64, corrections: usize) {
        self.flow.accepted(time, corrections);
    }

    fn relative_size(&self, change: &[f64], y: &[f64]) -> f64 {
        self.flow.relative_size(change, y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// dy/du = −y³ and its linear system.
    struct Power {
        at: f64,
    }

    impl Stiff for Power {
        fn rhs(&mut self, _: f64, y: &[f64], out: &mut [f64]) -> Result<(), FlowError> {
            self.at = y[0];
            out[0] = -y[0].powi(3);
            Ok(())
        }

        fn correct(&mut self, shift: f64, b: &mut [f64], _: f64) -> Result<(), FlowError> {
            b[0] /= shift + 3.0 * self.at.powi(2);
            Ok(())
        }

        fn accepted(&mut self, _: f64, _: usize) {}

        fn relative_size(&self, change: &[f64], y: &[f64]) -> f64 {
            (change[0] / y[0]).abs()
        }
    }

    /// y = (1 + 2u)^{−1/2} over six decades of u, in half the steps that u itself asks for.
    #[test]
    fn powers_are_followed_in_few_steps() {
        let exact = |time: f64| (1.0 + 2.0 * time).powf(-0.5);
        let end = 1e4;
        let mut plain = Integrator::new(Power { at: 1.0 }, vec![1.0], 1e-6, 10_000, end).unwrap();
        while plain.time < end {
            plain.advance(end).unwrap();
        }
        let flow = Power { at: 1.0 };
        let mut run = Logarithmic::integrator(flow, vec![1.0], 1e-6, 10_000, end).unwrap();
        let horizon = run.system.logarithm(end);
        for time in [1e-2, 1.0, 1e2, end] {
            let logarithm = run.system.logarithm(time);
            assert!((run.system.time(logarithm) / time - 1.0).abs() < 1e-12);
            while run.time < logarithm {
                run.advance(horizon).unwrap();
            }
            let off = run.state_at(logarithm)[0] / exact(time) - 1.0;
            assert!(off.abs() < 1e-6, "{time} {off}");
        }
        let (few, many) = (run.statistics.accepted, plain.statistics.accepted);
        assert!(2 * few < many, "{few} {many}");
    }
}
