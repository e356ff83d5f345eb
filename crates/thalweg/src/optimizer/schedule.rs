//! The learning rate as a function of the step.

use std::f64::consts::PI;

use super::OptimizerError;
use super::error::require;

/// η_t = base · min(1, (t + 1)/warmup) · decay(t), for steps t = 0, 1, ….
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateSchedule {
    /// The learning rate before it decays, above 0.
    pub base: f64,
    /// Steps over which η rises linearly to the base; 0 or 1 for none.
    pub warmup: u64,
    /// What happens after.
    pub decay: Decay,
}

/// How the learning rate falls, counted from the end of the warm-up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decay {
    /// It stays at the base.
    None,
    /// From 1 to `floor` as half a cosine over `steps`, and `floor` ever after.
    Cosine {
        /// Steps from the end of the warm-up on.
        steps: u64,
        /// What is left, as a fraction of the base, in [0, 1].
        floor: f64,
    },
    /// By `factor` after every `every` steps.
    Steps {
        /// Steps between falls.
        every: u64,
        /// What each fall multiplies the learning rate by, in (0, 1].
        factor: f64,
    },
}

impl RateSchedule {
    /// The same η at each step.
    pub fn constant(base: f64) -> Self {
        Self {
            base,
            warmup: 0,
            decay: Decay::None,
        }
    }

    /// η_t, the learning rate of step t = 0, 1, …
    pub fn at(&self, step: u64) -> f64 {
        if step.saturating_add(1) < self.warmup {
            return self.base * ((step + 1) as f64 / self.warmup as f64);
        }
        let after = step - self.warmup.saturating_sub(1);
        self.base
            * match self.decay {
                Decay::None => 1.0,
                Decay::Cosine { steps, floor } => {
                    let part = (after as f64 / steps as f64).min(1.0);
                    floor + (1.0 - floor) * 0.5 * (1.0 + (PI * part).cos())
                }
                Decay::Steps { every, factor } => factor.powf((after / every) as f64),
            }
    }

    /// Checks every number.
    pub(super) fn validate(&self) -> Result<(), OptimizerError> {
        require(
            self.base.is_finite() && self.base > 0.0,
            "learning_rate.base",
            self.base,
            "a finite number above 0, such as 0.01",
        )?;
        match self.decay {
            Decay::None => Ok(()),
            Decay::Cosine { steps, floor } => {
                require(
                    steps > 0,
                    "learning_rate.decay.steps",
                    steps as f64,
                    "at least 1",
                )?;
                require(
                    (0.0..=1.0).contains(&floor),
                    "learning_rate.decay.floor",
                    floor,
                    "a fraction of the base, from 0 to 1",
                )
            }
            Decay::Steps { every, factor } => {
                require(
                    every > 0,
                    "learning_rate.decay.every",
                    every as f64,
                    "at least 1",
                )?;
                require(
                    factor > 0.0 && factor <= 1.0,
                    "learning_rate.decay.factor",
                    factor,
                    "above 0 and at most 1",
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(schedule: RateSchedule, expected: &[(u64, f64)]) {
        schedule.validate().unwrap();
        for &(step, rate) in expected {
            let found = schedule.at(step);
            assert!((found - rate).abs() < 1e-15, "{step}: {found} for {rate}");
        }
    }

    #[test]
    fn rates_are_those_described() {
        close(RateSchedule::constant(0.1), &[(0, 0.1), (u64::MAX, 0.1)]);
        let cosine = RateSchedule {
            base: 2.0,
            warmup: 4,
            decay: Decay::Cosine {
                steps: 10,
                floor: 0.25,
            },
        };
        let rates = [
            (0, 0.5),
            (2, 1.5),
            (3, 2.0),
            (8, 1.25),
            (13, 0.5),
            (99, 0.5),
        ];
        close(cosine, &rates);
        let steps = RateSchedule {
            base: 1.0,
            warmup: 0,
            decay: Decay::Steps {
                every: 3,
                factor: 0.5,
            },
        };
        close(steps, &[(0, 1.0), (2, 1.0), (3, 0.5), (6, 0.25)]);
    }

    #[test]
    fn impossible_schedules_are_refused() {
        let field = |base: f64, decay: Decay| {
            let schedule = RateSchedule {
                base,
                warmup: 0,
                decay,
            };
            schedule.validate().unwrap_err().field
        };
        assert_eq!(field(f64::NAN, Decay::None), "learning_rate.base");
        assert_eq!(field(0.0, Decay::None), "learning_rate.base");
        let cosine = |steps, floor| Decay::Cosine { steps, floor };
        assert_eq!(field(1.0, cosine(0, 0.0)), "learning_rate.decay.steps");
        assert_eq!(field(1.0, cosine(1, -0.1)), "learning_rate.decay.floor");
        let steps = |every, factor| Decay::Steps { every, factor };
        assert_eq!(field(1.0, steps(0, 0.5)), "learning_rate.decay.every");
        assert_eq!(field(1.0, steps(1, 0.0)), "learning_rate.decay.factor");
    }
}
