//! An integrator of variable step and order for large stiff systems, which solves its equations by inexact Newton iterations.
//!
//! The numerical differentiation formulas of orders 1 to 6 in backward differences, with steps that stay equal for a while: L. F.
//! Shampine and M. W. Reichelt, *The MATLAB ODE suite*, SIAM J. Sci. Comput. 18, 1 (1997), §2. With y_p the value that the last
//! backward differences ∇ʲy extrapolate, a step solves
//!
//! σ (ψ + d) = f(y_p + d),  ψ = (1/α_k) Σ_{j ≤ k} γ_j ∇ʲy,  γ_j = Σ_{i ≤ j} 1/i,  σ = α_k/h
//!
//! for d. It takes one solution a step where Rodas5P takes eight, in three to four times as many steps, and the Jacobian need not
//! be exact: where only iterations solve a linear system, that is several times faster.

use super::{FlowError, Statistics, products::accumulate};

/// An autonomous system dy/dt = f(y) too large for a factored Jacobian.
pub(super) trait Stiff {
    /// Writes f(y) to `out`, or what may be taken for it until the next `correct`; `time` only helps to guess it.
    fn rhs(&mut self, time: f64, y: &[f64], out: &mut [f64]) -> Result<(), FlowError>;
    /// Takes the residual b to about (σ − J)⁻¹ b at the last y given to `rhs`, and adds what `rhs` left out of it, to an error of about `error` in
    /// [`relative_size`](Self::relative_size).
    fn correct(&mut self, shift: f64, b: &mut [f64], error: f64) -> Result<(), FlowError>;
    /// The step to `time` is accepted, after so many corrections; the start is, after none.
    fn accepted(&mut self, time: f64, corrections: usize);
    /// The size of `change` relative to that of `y`, to be kept below the tolerance.
    fn relative_size(&self, change: &[f64], y: &[f64]) -> f64;
}

/// The highest order. The formula of order 6 is stable where rates are real or nearly so, as those of gradient flows are.
const MOST_ORDER: usize = 6;

/// κ_k of the formulas: what makes them more accurate than the plain backward differences of the same order.
const KAPPA: [f64; MOST_ORDER + 1] = [0.0, -0.1850, -1.0 / 9.0, -0.0823, -0.0415, 0.0, 0.0];

/// γ_k = 1 + 1/2 + … + 1/k.
const GAMMA: [f64; MOST_ORDER + 1] = [0.0, 1.0, 1.5, 11.0 / 6.0, 25.0 / 12.0, 137.0 / 60.0, 2.45];

/// α_k.
fn alpha(order: usize) -> f64 {
    (1.0 - KAPPA[order]) * GAMMA[order]
}

/// The local error is this times ∇^{k+1}y.
fn error_constant(order: usize) -> f64 {
    KAPPA[order] * GAMMA[order] + 1.0 / (order as f64 + 1.0)
}

/// The part of the tolerance that is allowed in a step: more and smaller steps than Rodas5P's add up to as much as its.
const SHARE: f64 = 0.05;

/// The most corrections of one step.
const MOST_CORRECTIONS: usize = 5;

/// The first correction is found to this fraction of the tolerance: another follows.
const FIRST: f64 = 0.1;

/// The last correction may leave this fraction of the tolerance.
const CORRECTED: f64 = 0.03;

/// And it is found to this one.
const LAST: f64 = 0.02;

/// Sums of several differences are made in blocks of so many numbers, which stay in the fastest cache.
const BLOCK: usize = 2048;

/// One integration in progress.
pub(super) struct Integrator<S: Stiff> {
    pub(super) system: S,
    tolerance: f64,
    max_steps: usize,
    /// Time reached.
    pub(super) time: f64,
    step: f64,
    order: usize,
    /// ∇⁰y … ∇^{k+2}y at steps of the present size.
    differences: Vec<Vec<f64>>,
    /// Steps of the present size and order.
    equal: usize,
    pub(super) statistics: Statistics,
}

impl<S: Stiff> Integrator<S> {
    /// An integration from `state` at time 0, with a first step within `horizon`.
    pub(super) fn new(
        mut system: S,
        state: Vec<f64>,
        tolerance: f64,
        max_steps: usize,
        horizon: f64,
    ) -> Result<Self, FlowError> {
        let mut rate = vec![0.0; state.len()];
        system.rhs(0.0, &state, &mut rate)?;
        system.accepted(0.0, 0);
        let speed = system.relative_size(&rate, &state);
        let tolerance = SHARE * tolerance;
        // The first step is of order 1, and its error half the square of its motion.
        let step = 0.5 * tolerance.sqrt() / speed.max(f64::MIN_POSITIVE);
        let step = step.min(horizon).max(f64::MIN_POSITIVE);
        let mut differences = vec![vec![0.0; state.len()]; MOST_ORDER + 3];
        differences[1] = rate.iter().map(|v| v * step).collect();
        differences[0] = state;
        Ok(Self {
            system,
            tolerance,
            max_steps,
            time: 0.0,
            step,
            order: 1,
            differences,
            equal: 0,
            statistics: Statistics {
                evaluations: 1,
                ..Statistics::default()
            },
        })
    }

    /// The state at the time reached.
    pub(super) fn state(&self) -> &[f64] {
        &self.differences[0]
    }

    /// One accepted step. `end` serves the message of an error.
    pub(super) fn advance(&mut self, end: f64) -> Result<(), FlowError> {
        loop {
            self.statistics
                .allow(self.max_steps, (self.time, self.step), end)?;
            let Some((correction, corrections)) = self.solve()? else {
                self.statistics.rejected += 1;
                self.resize(0.5);
                continue;
            };
            let most = 2.0 * MOST_CORRECTIONS as f64;
            let safety = 0.9 * (most + 1.0) / (most + corrections as f64);
            let error = self.error(self.order, &correction);
            if error.is_nan() || error > 1.0 {
                self.statistics.rejected += 1;
                let factor = safety * error.powf(-1.0 / (self.order as f64 + 1.0));
                self.resize(if factor > 0.2 { factor } else { 0.2 });
                continue;
            }
            self.accept(correction, corrections, safety);
            return Ok(());
        }
    }

    /// The size of the local error of a formula over the tolerance, given ∇^{k+1}y.
    fn error(&self, order: usize, difference: &[f64]) -> f64 {
        let size = self.system.relative_size(difference, &self.differences[0]);
        error_constant(order).abs() * size / self.tolerance
    }

    /// Σ_{j ≤ k} ∇ʲy, and ψ.
    fn predicted(&self) -> (Vec<f64>, Vec<f64>) {
        let mut y = self.differences[0].clone();
        let mut psi = vec![0.0; y.len()];
        let blocks = y.chunks_mut(BLOCK).zip(psi.chunks_mut(BLOCK));
        for (i, (y, psi)) in blocks.enumerate() {
            let block = i * BLOCK..i * BLOCK + y.len();
            for j in 1..=self.order {
                let difference = &self.differences[j][block.clone()];
                accumulate(y, 1.0, difference);
                accumulate(psi, GAMMA[j] / alpha(self.order), difference);
            }
        }
        (y, psi)
    }

    /// d and the number of corrections it took; nothing where they do not converge.
    fn solve(&mut self) -> Result<Option<(Vec<f64>, usize)>, FlowError> {
        let (mut y, psi) = self.predicted();
        let shift = alpha(self.order) / self.step;
        let mut d = vec![0.0; y.len()];
        let mut residual = vec![0.0; y.len()];
        let mut before: Option<f64> = None;
        let time = self.time + self.step;
        for correction in 1..=MOST_CORRECTIONS {
            match self.system.rhs(time, &y, &mut residual) {
                Err(FlowError::Decomposition { .. }) => return Ok(None),
                other => other?,
            }
            self.statistics.evaluations += 1;
            accumulate(&mut residual, -shift, &psi);
            accumulate(&mut residual, -shift, &d);
            let part = if correction == 1 { FIRST } else { LAST };
            match self
                .system
                .correct(shift, &mut residual, part * self.tolerance)
            {
                Err(FlowError::Decomposition { .. }) => return Ok(None),
                other => other?,
            }
            self.statistics.factorisations += 1;
            let size = self.system.relative_size(&residual, &y) / self.tolerance;
            if !size.is_finite() {
                return Ok(None);
            }
            accumulate(&mut d, 1.0, &residual);
            accumulate(&mut y, 1.0, &residual);
            let left = match before {
                // Corrections shrink at least threefold in most steps; the next iteration sees by how much.
                None => 0.3 * size,
                Some(before) => {
                    let rate = size / before;
                    let remaining = (MOST_CORRECTIONS - correction) as i32;
                    if rate >= 1.0 || rate.powi(remaining) / (1.0 - rate) * size > 10.0 * CORRECTED
                    {
                        return Ok(None);
                    }
                    rate / (1.0 - rate) * size
                }
            };
            if left < CORRECTED {
                return Ok(Some((d, correction)));
            }
            before = Some(size);
        }
        Ok(None)
    }

    /// Takes the step, and chooses the order and the size of the next.
    fn accept(&mut self, correction: Vec<f64>, corrections: usize, safety: f64) {
        let k = self.order;
        self.statistics.accepted += 1;
        self.time += self.step;
        self.equal += 1;
        let mut second = correction.clone();
        accumulate(&mut second, -1.0, &self.differences[k + 1]);
        let len = second.len();
        self.differences[k + 2] = second;
        self.differences[k + 1] = correction;
        for start in (0..len).step_by(BLOCK) {
            let block = start..(start + BLOCK).min(len);
            for j in (0..=k).rev() {
                let (low, high) = self.differences.split_at_mut(j + 1);
                accumulate(&mut low[j][block.clone()], 1.0, &high[0][block.clone()]);
            }
        }
        self.system.accepted(self.time, corrections);
        if self.equal <= k {
            return;
        }
        let error = |order: usize| self.error(order, &self.differences[order + 1]);
        let factor = |order: usize| error(order).max(1e-10).powf(-1.0 / (order as f64 + 1.0));
        let orders = k.max(2) - 1..=(k + 1).min(MOST_ORDER);
        let best = orders.map(|order| (order, factor(order)));
        let best = best.reduce(|a, b| if b.1 > a.1 { b } else { a });
        if let Some((order, factor)) = best {
            self.order = order;
            self.resize((safety * factor).min(10.0));
        }
    }

    /// Multiplies the step by `factor`: the same polynomial's differences at the new distances.
    fn resize(&mut self, factor: f64) {
        let k = self.order;
        let change = |factor: f64| {
            let mut m = [[0.0; MOST_ORDER + 1]; MOST_ORDER + 1];
            m[0] = [1.0; MOST_ORDER + 1];
            for i in 1..=k {
                for j in 1..=k {
                    m[i][j] = m[i - 1][j] * (i as f64 - 1.0 - factor * j as f64) / i as f64;
                }
            }
            m
        };
        let (to, from) = (change(factor), change(1.0));
        let old: Vec<Vec<f64>> = self.differences[1..=k].to_vec();
        for j in 1..=k {
            let new = &mut self.differences[j];
            new.fill(0.0);
            for i in 1..=k {
                let weight: f64 = (1..=k).map(|l| to[i][l] * from[l][j]).sum();
                accumulate(new, weight, &old[i - 1]);
            }
        }
        self.step *= factor;
        self.equal = 0;
    }

    /// The state at `time` within the last steps: the polynomial through them.
    pub(super) fn state_at(&self, time: f64) -> Vec<f64> {
        let mut y = self.differences[0].clone();
        let mut product = 1.0;
        for j in 1..=self.order {
            let lag = (j - 1) as f64;
            product *= (time - self.time + lag * self.step) / (j as f64 * self.step);
            accumulate(&mut y, product, &self.differences[j]);
        }
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// y_0 = e^{−t} and y_1 = y_0² with y_1 pulled to y_0² at the given rate; of the Jacobian half of what is not stiff is missing.
    struct Slaved {
        rate: f64,
        at: f64,
    }

    impl Stiff for Slaved {
        fn rhs(&mut self, _: f64, y: &[f64], out: &mut [f64]) -> Result<(), FlowError> {
            self.at = y[0];
            out[0] = -y[0];
            out[1] = -self.rate * (y[1] - y[0] * y[0]) - 2.0 * y[0] * y[0];
            Ok(())
        }

        fn correct(&mut self, shift: f64, b: &mut [f64], _: f64) -> Result<(), FlowError> {
            b[0] /= shift + 0.5;
            b[1] = (b[1] + 2.0 * self.rate * self.at * b[0]) / (shift + self.rate);
            Ok(())
        }

        fn accepted(&mut self, _: f64, _: usize) {}

        fn relative_size(&self, change: &[f64], _: &[f64]) -> f64 {
            change.iter().fold(0.0, |a: f64, e| a.max(e.abs()))
        }
    }

    /// The largest error of y_1 in mid-step up to t = 5, and the number of steps.
    fn followed(rate: f64, tolerance: f64) -> (f64, usize) {
        let system = Slaved { rate, at: 1.0 };
        let mut run = Integrator::new(system, vec![1.0, 1.0], tolerance, 10_000, 1.0).unwrap();
        let mut worst = 0.0f64;
        while run.time < 5.0 {
            let before = run.time;
            run.advance(5.0).unwrap();
            let time = before + 0.4 * (run.time - before);
            worst = worst.max((run.state_at(time)[1] - (-2.0 * time).exp()).abs());
        }
        (worst, run.statistics.accepted)
    }

    /// The error follows the tolerance, and the steps grow with its fifth root or so: the order does rise.
    #[test]
    fn errors_follow_the_tolerance() {
        let ((coarse, few), (fine, many)) = (followed(3.0, 1e-4), followed(3.0, 1e-8));
        assert!(coarse < 1e-4 && fine < 1e-8, "{coarse} {fine}");
        assert!(many < 8 * few, "{few} {many}");
    }

    /// A rate of 1e8 costs no more steps than a rate of 3, and no accuracy.
    #[test]
    fn stiffness_costs_nothing() {
        let ((_, few), (error, many)) = (followed(3.0, 1e-6), followed(1e8, 1e-6));
        assert!(error < 1e-6 && many < 2 * few, "{error} {few} {many}");
    }
}
