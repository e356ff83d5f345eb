//! Adam with decoupled weight decay.

use super::error::require;
use super::{OptimizerError, RateSchedule};
use crate::lanes::vectorise;
use crate::tensor::Number;

/// Loshchilov and Hutter, *Decoupled Weight Decay Regularization* (ICLR 2019); PyTorch's `AdamW`:
///
/// θ ← (1 − η_t λ) θ, m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², θ ← θ − η_t m̂/(√v̂ + ε),
/// m̂ = m/(1 − β₁^{t+1}), v̂ = v/(1 − β₂^{t+1}), at step t = 0, 1, …
///
/// ```
/// use thalweg::optimizer::{AdamW, RateSchedule};
///
/// // The first step is η in the direction of the gradient's signs.
/// let adam = AdamW { epsilon: 1e-12, ..AdamW::new(RateSchedule::constant(0.25)) };
/// let (mut theta, mut memory) = ([1.0, 1.0], [0.0; 4]);
/// adam.update(0, &mut theta, &mut memory, &[3.0, -0.5]);
/// assert!((theta[0] - 0.75_f64).abs() < 1e-9 && (theta[1] - 1.25).abs() < 1e-9);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// η_t, the learning rate as a function of the step.
    pub learning_rate: RateSchedule,
    /// β₁, the decay of the mean, in [0, 1).
    pub beta1: f64,
    /// β₂, the decay of the mean square, in [0, 1).
    pub beta2: f64,
    /// ε > 0, what is added to √v̂.
    pub epsilon: f64,
    /// λ ≥ 0: weights shrink by η_t λ at each step, whatever the gradient.
    pub weight_decay: f64,
}

impl AdamW {
    /// With PyTorch's β₁ = 0.9, β₂ = 0.999 and ε = 10⁻⁸, and no weight decay.
    pub fn new(learning_rate: RateSchedule) -> Self {
        Self {
            learning_rate,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
        }
    }

    /// Checks every number.
    ///
    /// # Errors
    /// When one is out of its range.
    pub fn validate(&self) -> Result<(), OptimizerError> {
        self.learning_rate.validate()?;
        for (field, beta) in [
            ("optimizer.beta1", self.beta1),
            ("optimizer.beta2", self.beta2),
        ] {
            require(
                (0.0..1.0).contains(&beta),
                field,
                beta,
                "at least 0 and below 1",
            )?;
        }
        require(
            self.epsilon.is_finite() && self.epsilon > 0.0,
            "optimizer.epsilon",
            self.epsilon,
            "a finite number above 0, such as 1e-8",
        )?;
        require(
            self.weight_decay.is_finite() && self.weight_decay >= 0.0,
            "weight_decay",
            self.weight_decay,
            "a finite number, 0 (none) or above",
        )
    }

    /// Update number `step` of `parameters` and of `memory`, which holds m and then v, 0 at the start. Returns ‖θ‖² after it:
    /// not finite where a parameter is not.
    ///
    /// # Panics
    /// When lengths do not fit: a programmer's error.
    pub fn update<N: Number>(
        &self,
        step: u64,
        parameters: &mut [N],
        memory: &mut [N],
        gradient: &[N],
    ) -> N {
        assert_eq!(gradient.len(), parameters.len());
        assert_eq!(memory.len(), 2 * parameters.len());
        let (means, squares) = memory.split_at_mut(parameters.len());
        let rate = self.learning_rate.at(step);
        let [first, second] = self.corrections(step + 1);
        let [old, old_square] = [self.beta1, self.beta2].map(N::from_f64);
        let [new, new_square] = [self.beta1, self.beta2].map(|beta| N::from_f64(1.0 - beta));
        let (down, shrink) = (
            N::from_f64(-rate / first),
            N::from_f64(1.0 - rate * self.weight_decay),
        );
        let (root, epsilon) = (N::from_f64(second.sqrt()), N::from_f64(self.epsilon));
        vectorise(
            #[inline(always)]
            || {
                let each = parameters.iter_mut().zip(gradient).zip(means).zip(squares);
                for (((theta, &g), mean), square) in each {
                    *mean = old.mul_add(*mean, new * g);
                    *square = old_square.mul_add(*square, new_square * (g * g));
                    let direction = *mean / (square.sqrt() / root + epsilon);
                    *theta = down.mul_add(direction, shrink * *theta);
                }
                // In a loop of its own: a sum in one order is done number by number, and the rest need not be.
                let mut norm = N::ZERO;
                for &theta in &*parameters {
                    norm = theta.mul_add(theta, norm);
                }
                norm
            },
        )
    }

    /// P = (1 − β₁ᵗ)(√v̂ + ε) of each parameter after t ≥ 1 steps, from `memory`: a step is −η_t P⁻¹ m. Nothing before the first
    /// step, when there is no v.
    ///
    /// With P held still, a quadratic with Hessian H is stable while λ_max(P^{−1/2} H P^{−1/2}) is below
    /// [`AdamW::stability_threshold`] (Cohen and others, arXiv:2207.14484).
    pub fn preconditioner(&self, steps: u64, memory: &[f64]) -> Option<Vec<f64>> {
        if steps == 0 {
            return None;
        }
        let [first, second] = self.corrections(steps);
        let squares = memory[memory.len() / 2..].iter();
        let scale = |v: &f64| first * ((v / second).sqrt() + self.epsilon);
        Some(squares.map(scale).collect())
    }

    /// 2(1 + β₁)/((1 − β₁)η): beyond it gradient descent with a mean of gradients as its momentum is unstable, at the learning
    /// rate η of `step`.
    pub fn stability_threshold(&self, step: u64) -> f64 {
        2.0 * (1.0 + self.beta1) / ((1.0 - self.beta1) * self.learning_rate.at(step))
    }

    /// 1 − β₁ᵗ and 1 − β₂ᵗ.
    fn corrections(&self, steps: u64) -> [f64; 2] {
        [self.beta1, self.beta2].map(|beta| 1.0 - beta.powf(steps as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On ½hθ², with P held where it is, the step is −η P⁻¹ m: the preconditioner says by how much.
    #[test]
    fn a_step_is_the_mean_over_the_preconditioner() {
        let adam = AdamW {
            weight_decay: 0.0,
            ..AdamW::new(RateSchedule::constant(0.01))
        };
        let (mut theta, mut memory) = (vec![1.0, -2.0], vec![0.0; 4]);
        assert_eq!(adam.preconditioner(0, &memory), None);
        for step in 0..5 {
            let gradient = [0.3 * theta[0] + step as f64, 2.0 * theta[1]];
            let before = theta.clone();
            adam.update(step, &mut theta, &mut memory, &gradient);
            let p = adam.preconditioner(step + 1, &memory).unwrap();
            for i in 0..2 {
                let expected = before[i] - 0.01 * memory[i] / p[i];
                assert!((theta[i] - expected).abs() < 1e-14, "{step}: {theta:?}");
            }
        }
        assert!((adam.stability_threshold(3) - 3800.0).abs() < 1e-9);
    }

    #[test]
    fn impossible_settings_are_refused() {
        let plain = AdamW::new(RateSchedule::constant(0.1));
        let field = |adam: AdamW| adam.validate().unwrap_err().field;
        assert!(plain.validate().is_ok());
        assert_eq!(
            field(AdamW {
                beta1: 1.0,
                ..plain
            }),
            "optimizer.beta1"
        );
        assert_eq!(
            field(AdamW {
                beta2: -0.1,
                ..plain
            }),
            "optimizer.beta2"
        );
        assert_eq!(
            field(AdamW {
                epsilon: 0.0,
                ..plain
            }),
            "optimizer.epsilon"
        );
        assert_eq!(
            field(AdamW {
                weight_decay: f64::NAN,
                ..plain
            }),
            "weight_decay"
        );
    }
}
