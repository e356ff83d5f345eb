//! SGD with heavy-ball momentum and weight decay.

use super::error::require;
use super::{OptimizerError, RateSchedule};
use crate::lanes::Vector;
use crate::lanes::vectorise;
use crate::tensor::{MOST_SUMS, Number, halve, sums};

/// v ← momentum · v + g + weight_decay · θ, θ ← θ − η_t v; PyTorch's `SGD` and the linear model's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// η_t, the learning rate as a function of the step.
    pub learning_rate: RateSchedule,
    /// In [0, 1); 0 is plain SGD.
    pub momentum: f64,
    /// L2 coefficient, at least 0.
    pub weight_decay: f64,
}

impl Sgd {
    /// Plain SGD at one learning rate.
    pub fn new(learning_rate: f64) -> Self {
        Self {
            learning_rate: RateSchedule::constant(learning_rate),
            momentum: 0.0,
            weight_decay: 0.0,
        }
    }

    /// Checks every number.
    ///
    /// # Errors
    /// When one is out of its range.
    pub fn validate(&self) -> Result<(), OptimizerError> {
        self.learning_rate.validate()?;
        require(
            (0.0..1.0).contains(&self.momentum),
            "momentum",
            self.momentum,
            "at least 0 (plain SGD) and below 1",
        )?;
        require(
            self.weight_decay.is_finite() && self.weight_decay >= 0.0,
            "weight_decay",
            self.weight_decay,
            "a finite number, 0 (none) or above",
        )
    }

    /// 2(1 + β)/η − λ, with its formula: where the largest eigenvalue of the loss's Hessian, without the decay λ, is beyond it heavy-ball momentum is
    /// unstable, at the learning rate η of `step`.
    ///
    /// ```
    /// use thalweg::optimizer::Sgd;
    ///
    /// let heavy = Sgd { momentum: 0.9, ..Sgd::new(0.1) };
    /// assert!((heavy.stability_threshold(0).0 - 38.0).abs() < 1e-12);
    /// let decayed = Sgd { weight_decay: 3.0, ..heavy };
    /// assert!((decayed.stability_threshold(0).0 - 35.0).abs() < 1e-12);
    /// ```
    pub fn stability_threshold(&self, step: u64) -> (f64, &'static str) {
        let threshold = 2.0 * (1.0 + self.momentum) / self.learning_rate.at(step);
        let formula = match (self.momentum > 0.0, self.weight_decay > 0.0) {
            (false, false) => "2/η",
            (true, false) => "2(1 + β)/η",
            (false, true) => "2/η − λ",
            (true, true) => "2(1 + β)/η − λ",
        };
        (threshold - self.weight_decay, formula)
    }

    /// How long the velocity of `parameters` parameters is: 0 without momentum.
    pub fn velocity_len(&self, parameters: usize) -> usize {
        if self.momentum == 0.0 { 0 } else { parameters }
    }

    /// Update number `step` of `parameters` and their `velocity`. Returns ‖θ‖² after it: not finite where a
    /// parameter is not.
    ///
    /// # Panics
    /// When lengths do not fit: a programmer's error.
    pub fn update<T: Number>(
        &self,
        step: u64,
        parameters: &mut [T],
        velocity: &mut [T],
        gradient: &[T],
    ) -> T {
        assert_eq!(gradient.len(), parameters.len());
        assert_eq!(velocity.len(), self.velocity_len(parameters.len()));
        let rate = T::from_f64(self.learning_rate.at(step));
        let momentum = T::from_f64(self.momentum);
        let decay = T::from_f64(self.weight_decay);
        vectorise(
            #[inline(always)]
            || {
                if velocity.is_empty() {
                    plain(parameters, gradient, rate, decay)
                } else {
                    heavy_ball(parameters, velocity, gradient, [rate, decay, momentum])
                }
            },
        )
    }
}

#[inline(always)]
fn plain<T: Number>(parameters: &mut [T], gradient: &[T], rate: T, decay: T) -> T {
    let (down, shrink) = (T::Pack::splat(-rate), T::Pack::splat(decay));
    let mut parts = [T::Pack::splat(T::ZERO); MOST_SUMS];
    let mut packs = parameters.chunks_exact_mut(T::PARTIAL_SUMS);
    let mut gradients = gradient.chunks_exact(T::PARTIAL_SUMS);
    for (theta, g) in (&mut packs).zip(&mut gradients) {
        for q in 0..sums::<T, T::Pack>() {
            let from = q * T::Pack::LANES;
            let old = T::Pack::load(&theta[from..]);
            let new = down.mul_add(shrink.mul_add(old, T::Pack::load(&g[from..])), old);
            new.store(&mut theta[from..]);
            parts[q] = new.mul_add(new, parts[q]);
        }
    }
    let mut squared = halve(parts);
    for (theta, &g) in packs.into_remainder().iter_mut().zip(gradients.remainder()) {
        *theta = (-rate).mul_add(decay.mul_add(*theta, g), *theta);
        squared = theta.mul_add(*theta, squared);
    }
    squared
}

/// `factors` are η, the weight decay and the momentum.
#[inline(always)]
fn heavy_ball<T: Number>(
    parameters: &mut [T],
    velocity: &mut [T],
    gradient: &[T],
    factors: [T; 3],
) -> T {
    let [rate, decay, momentum] = factors;
    for i in 0..velocity.len() {
        let g = decay.mul_add(parameters[i], gradient[i]);
        velocity[i] = momentum.mul_add(velocity[i], g);
    }
    plain(parameters, velocity, rate, T::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the formulas, over lengths with and without remainders.
    #[test]
    fn updates_are_the_formulas() {
        for count in [1, 8, 21] {
            for (momentum, weight_decay) in [(0.0, 0.0), (0.0, 0.3), (0.9, 0.0), (0.5, 0.2)] {
                let sgd = Sgd {
                    momentum,
                    weight_decay,
                    ..Sgd::new(0.1)
                };
                sgd.validate().unwrap();
                let mut theta: Vec<f64> = (0..count).map(|i| (i as f64).sin()).collect();
                let mut velocity = vec![0.0; sgd.velocity_len(count)];
                let (mut exact, mut v) = (theta.clone(), vec![0.0; count]);
                for step in 0..3 {
                    let gradient: Vec<f64> = theta.iter().map(|x| x * x - 0.5).collect();
                    for i in 0..count {
                        v[i] = momentum * v[i] + gradient[i] + weight_decay * exact[i];
                        exact[i] -= 0.1 * v[i];
                    }
                    let squared = sgd.update(step, &mut theta, &mut velocity, &gradient);
                    let norm: f64 = theta.iter().map(|x| x * x).sum();
                    assert!((squared - norm).abs() <= 1e-14 * norm);
                }
                for (found, exact) in theta.iter().zip(&exact) {
                    assert!((found - exact).abs() < 1e-14, "{found} for {exact}");
                }
            }
        }
    }

    #[test]
    fn a_number_that_is_none_shows() {
        let mut theta = vec![1.0f32; 19];
        let mut gradient = vec![0.0; 19];
        gradient[18] = f32::NAN;
        assert!(
            Sgd::new(0.1)
                .update(0, &mut theta, &mut [], &gradient)
                .is_nan()
        );
    }

    #[test]
    fn impossible_settings_are_refused() {
        let with = |momentum, weight_decay| Sgd {
            momentum,
            weight_decay,
            ..Sgd::new(0.1)
        };
        assert_eq!(with(1.0, 0.0).validate().unwrap_err().field, "momentum");
        assert_eq!(
            with(f64::NAN, 0.0).validate().unwrap_err().field,
            "momentum"
        );
        assert_eq!(
            with(0.0, -1.0).validate().unwrap_err().field,
            "weight_decay"
        );
    }
}
