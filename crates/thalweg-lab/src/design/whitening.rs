//! Inputs whitened before they enter the network, in part or wholly.

use thalweg::problem::{Problem, Spectral};
use thalweg::simulate::SimulateSettings;

use super::lever::{Changed, Lever, LeverError, Travel, six_digits};

/// x → Σx^{−s/2} x (on the range of Σx), with s = 1 wholly white; the teacher becomes V Σx^{s/2}.
pub struct Whitening;

/// Eigenvalues below this fraction of the largest count as zero.
const SINGULAR: f64 = 1e-12;

impl Lever for Whitening {
    fn key(&self) -> &'static str {
        "whitening"
    }

    fn name(&self) -> &'static str {
        "inputs whitened"
    }

    fn travel<'a>(
        &self,
        problem: &'a Problem,
        settings: &'a SimulateSettings,
    ) -> Result<Travel<'a>, LeverError> {
        let spectral =
            Spectral::of(problem.input_covariance()).ok_or(LeverError::NotConverged("Σx"))?;
        let floor = SINGULAR * spectral.largest();
        // All those above the floor are equal: nothing would change.
        let is_white = |value: &f64| *value <= floor || spectral.largest() - value <= floor;
        let furthest = if spectral.values.iter().all(is_white) {
            0.0
        } else {
            1.0
        };
        let at = move |position: f64| {
            let power = |exponent: f64| {
                spectral.map(|value| {
                    if value > floor {
                        value.powf(exponent)
                    } else {
                        0.0
                    }
                })
            };
            let changed = Problem::with_hidden_widths(
                power(1.0 - position),
                problem.teacher() * power(0.5 * position),
                problem.noise_covariance().to_owned(),
                problem.depth(),
                &problem.widths()[1..problem.depth()],
            )?;
            Ok(Changed {
                problem: changed,
                recipe: settings.recipe.clone(),
                words: format!(
                    "multiply the inputs by Σx^(−{})",
                    six_digits(0.5 * position)
                ),
            })
        };
        Ok(Travel {
            positions: 0.0..=furthest,
            limits: [None, None],
            at: Box::new(at),
        })
    }
}
