//! What is measured, each thing once: its names, its unit, and where its value is found.
//!
//! Terminal, pages, figures, tables, Parquet and JSON take all of it from here: a new quantity is one entry of
//! [`SCALARS`] (or a family beside [`condition_number`]).
//!
//! ```
//! use thalweg_lab::quantity::{self, LAMBDA_MAX};
//!
//! assert_eq!((&*LAMBDA_MAX.key, LAMBDA_MAX.unit), ("lambda_max", "loss/weight²"));
//! assert_eq!(LAMBDA_MAX.plain_symbol(), "λ_max");
//! assert!(quantity::compared().contains(&LAMBDA_MAX));
//! ```

use std::borrow::Cow;
use std::ops::RangeInclusive;

use thalweg::estimate::Uncertainty;
use thalweg::flow::{FiniteWaypoint, Limit, Waypoint};
use thalweg::simulate;

use crate::network;
use crate::spec::NetworkExperiment;

/// One measured thing.
#[derive(Clone, Debug)]
pub struct Quantity {
    /// In files: Parquet's `quantity` and a field of JSON.
    pub key: Cow<'static, str>,
    /// In words.
    pub words: &'static str,
    /// Its symbol, subscripts as `λ_{max}`.
    pub symbol: Cow<'static, str>,
    /// Its symbol with what it stands for, for a terminal: `T = tr ∇²L`.
    pub formula: &'static str,
    /// On an axis: `sharpness T = tr Hessian`.
    pub axis: &'static str,
    /// Its unit; empty for a pure number.
    pub unit: &'static str,
    /// The layer it belongs to, from 0; 0 where it belongs to none.
    layer: usize,
    sources: Sources,
}

/// Where the value is found, each for a layer; `None` where there is none.
#[derive(Clone, Copy, Debug)]
struct Sources {
    simulated: Option<fn(&simulate::Observation, usize) -> Option<f64>>,
    trained: Option<fn(&network::NetworkObservation) -> f64>,
    flow: Option<fn(&Waypoint, usize) -> f64>,
    finite: Option<fn(&FiniteWaypoint, usize) -> f64>,
    limit: Option<fn(&Limit, usize) -> Option<f64>>,
}

/// Quantities are the same where files call them the same.
impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

const NOWHERE: Sources = Sources {
    simulated: None,
    trained: None,
    flow: None,
    finite: None,
    limit: None,
};

const fn scalar(
    key: &'static str,
    words: &'static str,
    symbol: &'static str,
    formula: &'static str,
    axis: &'static str,
    unit: &'static str,
    sources: Sources,
) -> Quantity {
    Quantity {
        key: Cow::Borrowed(key),
        words,
        symbol: Cow::Borrowed(symbol),
        formula,
        axis,
        unit,
        layer: 0,
        sources,
    }
}

/// The sharpness T = tr ∇²L, the trace of the Hessian, in loss/weight².
pub const SHARPNESS: Quantity = scalar(
    "sharpness",
    "sharpness",
    "T",
    "T = tr ∇²L",
    "sharpness T = tr Hessian",
    "loss/weight²",
    Sources {
        simulated: Some(|o, _| Some(o.sharpness)),
        trained: Some(|o| o.sharpness.value),
        flow: Some(|s, _| s.sharpness),
        finite: Some(|s, _| s.sharpness),
        limit: Some(|l, _| Some(l.sharpness)),
    },
);

/// The largest eigenvalue λ_max of the Hessian, in loss/weight².
pub const LAMBDA_MAX: Quantity = scalar(
    "lambda_max",
    "largest eigenvalue",
    "λ_{max}",
    "λ_max",
    "largest Hessian eigenvalue λ_{max}",
    "loss/weight²",
    Sources {
        simulated: Some(|o, _| o.lambda_max),
        trained: Some(|o| o.lambda_max.value),
        flow: Some(|s, _| s.lambda_max),
        finite: Some(|s, _| s.lambda_max),
        limit: Some(|l, _| Some(l.lambda_max)),
    },
);

/// The gradient fluctuation F = E‖∇ℓ‖² of one sample, in loss²/weight². Of a simulation it is the label noise's part, which at the
/// minima is all of it; [`GRADIENT_SECOND_MOMENT`] is the whole anywhere.
pub const FLUCTUATION: Quantity = scalar(
    "fluctuation",
    "fluctuation",
    "F",
    "F = E‖∇ℓ‖²",
    "fluctuation F = E‖grad ℓ‖²",
    "loss²/weight²",
    Sources {
        simulated: Some(|o, _| Some(o.fluctuation)),
        trained: Some(|o| o.fluctuation.value),
        flow: Some(|s, _| s.fluctuation),
        finite: Some(|s, _| s.fluctuation),
        limit: Some(|l, _| Some(l.fluctuation)),
    },
);

/// The fluctuation over the sharpness, F/T, in units of the loss.
pub const RATIO: Quantity = scalar(
    "fluctuation_per_sharpness",
    "fluctuation per sharpness",
    "F/T",
    "F/T",
    "F/T",
    "loss",
    Sources {
        trained: Some(|o| o.fluctuation.value / o.sharpness.value),
        ..NOWHERE
    },
);

/// The mean loss L over inputs and label noise.
pub const LOSS: Quantity = scalar(
    "loss",
    "loss",
    "L",
    "L",
    "loss L",
    "loss",
    Sources {
        simulated: Some(|o, _| Some(o.loss)),
        trained: Some(|o| o.loss),
        ..NOWHERE
    },
);

/// The second moment E‖∇ℓ‖² of one sample's gradient away from the minima, in loss²/weight²: F with what the distance from the minima adds.
pub const GRADIENT_SECOND_MOMENT: Quantity = scalar(
    "gradient_second_moment",
    "gradient's second moment",
    "E‖grad ℓ‖²",
    "E‖∇ℓ‖²",
    "E‖grad ℓ‖², off the minima too",
    "loss²/weight²",
    Sources {
        simulated: Some(|o, _| Some(o.gradient_second_moment)),
        ..NOWHERE
    },
);

/// How far the product of the weights is from the teacher, ‖W_D … W_1 − V‖².
pub const PRODUCT_ERROR: Quantity = scalar(
    "product_error",
    "product error",
    "‖W_{D}…W_{1} − V‖²",
    "‖W_D…W_1 − V‖²",
    "product error ‖W_{D}…W_{1} − V‖²",
    "",
    Sources {
        simulated: Some(|o, _| Some(o.product_error)),
        ..NOWHERE
    },
);

/// tr G, measured on a network by itself.
pub const GAUSS_NEWTON_TRACE: Quantity = scalar(
    "gauss_newton_trace",
    "Gauss–Newton trace",
    "tr G",
    "tr Gauss–Newton",
    "tr Gauss–Newton",
    "loss/weight²",
    NOWHERE,
);

/// tr Cov ∇ℓ = F − ‖∇L‖², measured on a network by itself.
pub const COVARIANCE_TRACE: Quantity = scalar(
    "covariance_trace",
    "trace of the gradients' covariance",
    "tr Cov grad ℓ",
    "tr Cov ∇ℓ",
    "tr Cov grad ℓ",
    "loss²/weight²",
    NOWHERE,
);

/// F over tr G, measured on a network by itself.
pub const FLUCTUATION_PER_GAUSS_NEWTON: Quantity = scalar(
    "ratio",
    "fluctuation per Gauss–Newton trace",
    "F/tr G",
    "F / tr Gauss–Newton",
    "F / tr Gauss–Newton",
    "loss",
    NOWHERE,
);

/// 2/η, beyond which a step of plain gradient descent along the leading eigenvector grows.
pub const EDGE_OF_STABILITY: Quantity = scalar(
    "edge_of_stability",
    "edge of stability",
    "2/η",
    "2/η",
    "edge of stability 2/η",
    "loss/weight²",
    NOWHERE,
);

/// Beyond which the optimiser itself is unstable along an eigenvector: 2(1 + β)/η with momentum β, and with what Adam and its kin
/// divide by in units of [`PRECONDITIONED_LAMBDA_MAX`].
pub const STABILITY_THRESHOLD: Quantity = scalar(
    "stability_threshold",
    "stability threshold of the optimiser",
    "λ_{stable}",
    "λ_stable",
    "stability threshold of the optimiser",
    "",
    NOWHERE,
);

/// The largest eigenvalue of P^{−1/2} ∇²L P^{−1/2} for an optimiser that divides gradients by P, as Adam does.
pub const PRECONDITIONED_LAMBDA_MAX: Quantity = scalar(
    "preconditioned_lambda_max",
    "preconditioned largest eigenvalue",
    "λ_{max}(P⁻¹H)",
    "λ_max(P⁻¹∇²L)",
    "preconditioned λ_{max}",
    "",
    Sources {
        trained: Some(|o| o.preconditioned_lambda_max.map_or(f64::NAN, |e| e.value)),
        ..NOWHERE
    },
);

/// 2/η_c, with η_c the smallest learning rate at which a step along the update that was made no longer lowers the loss.
pub const CRITICAL_SHARPNESS: Quantity = scalar(
    "critical_sharpness",
    "critical sharpness",
    "2/η_{c}",
    "2/η_c",
    "critical sharpness 2/η_{c}",
    "loss/weight²",
    NOWHERE,
);

/// tr Cov ∇ℓ/‖∇L‖²: the samples at which a minibatch's gradient is as long as its error.
pub const NOISE_SCALE: Quantity = scalar(
    "noise_scale",
    "gradient noise scale",
    "tr Cov/‖grad L‖²",
    "tr Cov ∇ℓ/‖∇L‖²",
    "gradient noise scale, in samples",
    "samples",
    NOWHERE,
);

/// ‖∇L‖², the squared length of the mean gradient.
pub const GRADIENT_NORM_SQUARED: Quantity = scalar(
    "gradient_norm_squared",
    "squared gradient",
    "‖grad L‖²",
    "‖∇L‖²",
    "squared gradient ‖grad L‖²",
    "loss²/weight²",
    Sources {
        trained: Some(|o| o.gradient_norm_squared),
        ..NOWHERE
    },
);

/// κ of the residuals' mismatch with the curvature of the loss in the outputs, λ_max/λ_min of Λ^{+1/2} E\[r rᵀ\] Λ^{+1/2}: the anisotropy of
/// the noise (beyond the paper; for squared error it is κ(Σε) at a minimum).
pub const MISMATCH_CONDITION: Quantity = scalar(
    "mismatch_condition",
    "condition number of the mismatch",
    "κ",
    "κ",
    "condition number κ of the mismatch",
    "",
    Sources {
        trained: Some(|o| o.mismatch_condition.unwrap_or(f64::NAN)),
        ..NOWHERE
    },
);

/// The mean loss over samples that are not trained on, where all else is measured on samples that are.
pub const TEST_LOSS: Quantity = scalar(
    "test_loss",
    "test loss",
    "L_{test}",
    "L_test",
    "test loss L_{test}",
    "loss",
    Sources {
        trained: Some(|o| o.test_loss.unwrap_or(f64::NAN)),
        ..NOWHERE
    },
);

/// The mean loss L* that is descended, where the training changes its samples (smoothed labels, noise, mixup, dropout).
pub const TRAINED_LOSS: Quantity = scalar(
    "trained_loss",
    "loss as trained",
    "L*",
    "L*",
    "loss as trained L*",
    "loss",
    Sources {
        trained: Some(|o| o.as_trained.map_or(f64::NAN, |t| t.loss)),
        ..NOWHERE
    },
);

/// The sharpness T* = tr ∇²L* of the loss that is descended.
pub const TRAINED_SHARPNESS: Quantity = scalar(
    "trained_sharpness",
    "sharpness as trained",
    "T*",
    "T* = tr ∇²L*",
    "sharpness as trained T*",
    "loss/weight²",
    Sources {
        trained: Some(|o| o.as_trained.map_or(f64::NAN, |t| t.sharpness.value)),
        ..NOWHERE
    },
);

/// The largest eigenvalue of ∇²L*, which decides on stability.
pub const TRAINED_LAMBDA_MAX: Quantity = scalar(
    "trained_lambda_max",
    "largest eigenvalue as trained",
    "λ*_{max}",
    "λ*_max",
    "largest eigenvalue as trained λ*_{max}",
    "loss/weight²",
    Sources {
        trained: Some(|o| o.as_trained.map_or(f64::NAN, |t| t.lambda_max.value)),
        ..NOWHERE
    },
);

/// The fluctuation F* = E‖∇ℓ*‖² of one sample with one change, drawn as the training draws it.
pub const TRAINED_FLUCTUATION: Quantity = scalar(
    "trained_fluctuation",
    "fluctuation as trained",
    "F*",
    "F* = E‖∇ℓ*‖²",
    "fluctuation as trained F* = E‖grad ℓ*‖²",
    "loss²/weight²",
    Sources {
        trained: Some(|o| o.as_trained.map_or(f64::NAN, |t| t.fluctuation.value)),
        ..NOWHERE
    },
);

/// κ* of the mismatch of one sample with one change: the anisotropy of the noise that a training with changed samples has.
pub const TRAINED_MISMATCH_CONDITION: Quantity = scalar(
    "trained_mismatch_condition",
    "condition number of the mismatch as trained",
    "κ*",
    "κ*",
    "condition number κ* of the mismatch, as trained",
    "",
    Sources {
        trained: Some(|o| {
            let condition = o.as_trained.and_then(|t| t.mismatch_condition);
            condition.unwrap_or(f64::NAN)
        }),
        ..NOWHERE
    },
);

/// The standard error of a training's sharpness, where random vectors estimate it.
pub const SHARPNESS_STANDARD_ERROR: Quantity = scalar(
    "sharpness_standard_error",
    "standard error of the sharpness",
    "s.e. T",
    "s.e. T",
    "standard error of T",
    "loss/weight²",
    Sources {
        trained: Some(|o| o.sharpness.standard_error().unwrap_or(f64::NAN)),
        ..NOWHERE
    },
);

/// ‖∇²L v − λ_max v‖ of the unit vector v that Lanczos found: some eigenvalue is as near to [`LAMBDA_MAX`].
pub const LAMBDA_MAX_RESIDUAL: Quantity = scalar(
    "lambda_max_residual",
    "residual of the largest eigenvalue",
    "‖Hv − λ_{max}v‖",
    "‖∇²L v − λ_max v‖",
    "residual of λ_{max}",
    "loss/weight²",
    Sources {
        trained: Some(|o| match o.lambda_max.uncertainty {
            Uncertainty::Residual(residual) => residual,
            _ => f64::NAN,
        }),
        ..NOWHERE
    },
);

/// How many products with the Hessian λ_max took.
pub const LAMBDA_MAX_PRODUCTS: Quantity = scalar(
    "lambda_max_products",
    "products for the largest eigenvalue",
    "products",
    "products",
    "products for λ_{max}",
    "",
    Sources {
        trained: Some(|o| o.lambda_max.matvecs as f64),
        ..NOWHERE
    },
);

/// The standard error of a training's fluctuation, as a mean over the law of its samples.
pub const FLUCTUATION_STANDARD_ERROR: Quantity = scalar(
    "fluctuation_standard_error",
    "standard error of the fluctuation",
    "s.e. F",
    "s.e. F",
    "standard error of F",
    "loss²/weight²",
    Sources {
        trained: Some(|o| o.fluctuation.standard_error),
        ..NOWHERE
    },
);

/// λ_max/λ_min of the residuals' covariance.
pub const RESIDUAL_CONDITION: Quantity = scalar(
    "residual_condition",
    "condition number of the residuals' covariance",
    "κ(Cov r)",
    "κ(Cov r)",
    "condition number of Cov r",
    "",
    NOWHERE,
);

/// The trace of the residuals' covariance.
pub const RESIDUAL_TRACE: Quantity = scalar(
    "residual_trace",
    "trace of the residuals' covariance",
    "tr Cov r",
    "tr Cov r",
    "tr Cov r of the residuals",
    "",
    NOWHERE,
);

/// What a probe measures of a training in PyTorch, in the order in which it is shown.
pub fn probed() -> [Quantity; 16] {
    [
        LOSS,
        SHARPNESS,
        LAMBDA_MAX,
        EDGE_OF_STABILITY,
        PRECONDITIONED_LAMBDA_MAX,
        STABILITY_THRESHOLD,
        CRITICAL_SHARPNESS,
        FLUCTUATION,
        COVARIANCE_TRACE,
        RATIO,
        GAUSS_NEWTON_TRACE,
        FLUCTUATION_PER_GAUSS_NEWTON,
        NOISE_SCALE,
        GRADIENT_NORM_SQUARED,
        RESIDUAL_TRACE,
        RESIDUAL_CONDITION,
    ]
}

/// Everything that is one number for a whole network in a run.
pub const SCALARS: [Quantity; 7] = [
    SHARPNESS,
    LAMBDA_MAX,
    FLUCTUATION,
    RATIO,
    GRADIENT_SECOND_MOMENT,
    LOSS,
    PRODUCT_ERROR,
];

/// κ(W_k), `layer` from 1.
pub fn condition_number(layer: usize) -> Quantity {
    Quantity {
        key: Cow::Owned(format!("condition_number_{layer}")),
        words: "condition number of a layer",
        symbol: Cow::Owned(format!("κ(W_{{{layer}}})")),
        formula: "κ(W)",
        axis: "condition number of a layer",
        unit: "",
        layer: layer.saturating_sub(1),
        sources: Sources {
            simulated: Some(|o, layer| o.condition_numbers.get(layer).copied().flatten()),
            flow: Some(|s, layer| s.layer_conditions.get(layer).copied().unwrap_or(f64::NAN)),
            finite: Some(|s, layer| s.layer_conditions.get(layer).copied().unwrap_or(f64::NAN)),
            limit: Some(|l, layer| l.layer_conditions.get(layer).copied()),
            ..NOWHERE
        },
    }
}

/// The quantity that files call `key`.
///
/// ```
/// use thalweg_lab::quantity::{self, LOSS};
///
/// assert_eq!(quantity::with_key("loss"), Some(LOSS));
/// assert_eq!(quantity::with_key("condition_number_2"), Some(quantity::condition_number(2)));
/// assert_eq!(quantity::with_key("flatness"), None);
/// ```
pub fn with_key(key: &str) -> Option<Quantity> {
    let layer = key.strip_prefix("condition_number_");
    if let Some(layer) = layer.and_then(|layer| layer.parse().ok()) {
        return Some(condition_number(layer));
    }
    let all = SCALARS.into_iter().chain(kept()).chain(probed());
    all.into_iter().find(|quantity| quantity.key == key)
}

/// All that is measured of a deep linear network of `depth` layers.
pub fn simulated(depth: usize) -> Vec<Quantity> {
    let layers = (1..=depth).map(condition_number);
    let all = SCALARS.into_iter().chain(layers);
    all.filter(|q| q.sources.simulated.is_some()).collect()
}

/// What theory and flow speak of, in the order in which it is shown.
pub fn compared() -> Vec<Quantity> {
    let all = SCALARS.into_iter();
    all.filter(|q| q.sources.flow.is_some() || q.sources.limit.is_some())
        .collect()
}

/// What is shown of a network in training, in that order.
pub fn trained() -> Vec<Quantity> {
    let all = SCALARS.into_iter();
    all.filter(|q| q.sources.trained.is_some()).collect()
}

/// The same of the loss that is descended, where the training changes its samples.
pub const AS_TRAINED: [Quantity; 4] = [
    TRAINED_SHARPNESS,
    TRAINED_LAMBDA_MAX,
    TRAINED_FLUCTUATION,
    TRAINED_LOSS,
];

/// What is shown of a training: of the plain loss, and of the one that is descended where it is another.
pub fn trained_with(experiment: &NetworkExperiment) -> Vec<Quantity> {
    let mut all = trained();
    if experiment.measure.on == network::On::Train {
        all.push(TEST_LOSS);
    }
    if experiment.changes_the_loss() {
        all.extend(AS_TRAINED);
    }
    all
}

/// What is kept of a network in training: what is shown, and beside it the noise's anisotropy and how well all is known.
pub fn kept() -> Vec<Quantity> {
    let mut all = trained();
    all.push(TEST_LOSS);
    all.extend(AS_TRAINED);
    all.extend([
        MISMATCH_CONDITION,
        TRAINED_MISMATCH_CONDITION,
        PRECONDITIONED_LAMBDA_MAX,
        LAMBDA_MAX_PRODUCTS,
        FLUCTUATION_STANDARD_ERROR,
        GRADIENT_NORM_SQUARED,
        SHARPNESS_STANDARD_ERROR,
        LAMBDA_MAX_RESIDUAL,
    ]);
    all
}

impl Quantity {
    /// Its value in a simulation.
    pub fn simulated(&self, observation: &simulate::Observation) -> Option<f64> {
        self.sources.simulated?(observation, self.layer)
    }

    /// Its value in a training; NaN where this one has none.
    pub fn trained(&self, observation: &network::NetworkObservation) -> Option<f64> {
        Some(self.sources.trained?(observation))
    }

    /// Its value on the flow.
    pub fn on_flow(&self, snapshot: &Waypoint) -> Option<f64> {
        Some(self.sources.flow?(snapshot, self.layer))
    }

    /// Its mean over SGD's fluctuations, by the finite-step theory.
    pub fn at_finite_step(&self, snapshot: &FiniteWaypoint) -> Option<f64> {
        Some(self.sources.finite?(snapshot, self.layer))
    }

    /// Its value at Theorem 1's minimum.
    pub fn at_limit(&self, limit: &Limit) -> Option<f64> {
        self.sources.limit?(limit, self.layer)
    }

    /// Its words and its formula, for a row of a terminal: `sharpness T = tr ∇²L`.
    pub fn named(&self) -> String {
        format!("{} {}", self.words, self.formula)
    }

    /// What stands on an axis, with the unit: `sharpness T = tr Hessian, loss/weight²`.
    pub fn with_unit(&self) -> String {
        match self.unit {
            "" => self.axis.to_owned(),
            unit => format!("{}, {unit}", self.axis),
        }
    }

    /// Its symbol for a terminal: `λ_max`.
    pub fn plain_symbol(&self) -> String {
        self.symbol.replace(['{', '}'], "")
    }
}

/// What a picture of `quantities` shows, in words.
pub fn against_steps<'q>(quantities: impl IntoIterator<Item = &'q Quantity>) -> String {
    let words: Vec<&str> = quantities.into_iter().map(|q| q.words).collect();
    format!("against steps: {}", words.join(", "))
}

/// The steps over which the end of a run of `steps` is averaged: its last fifth. Each seed's value is the
/// arithmetic mean over the measured steps there ([`average`]), and the seeds' values make the estimate.
pub fn end(steps: u64) -> RangeInclusive<u64> {
    steps - steps / 5..=steps
}

/// The mean of one seed's values over its end; `None` where there are none.
pub fn average(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names under which files hold what was measured: a change breaks what others have written for them.
    #[test]
    fn names_in_files_stay() {
        let keys = |quantities: Vec<Quantity>| -> Vec<String> {
            quantities.into_iter().map(|q| q.key.into()).collect()
        };
        assert_eq!(
            keys(simulated(2)),
            [
                "sharpness",
                "lambda_max",
                "fluctuation",
                "gradient_second_moment",
                "loss",
                "product_error",
                "condition_number_1",
                "condition_number_2"
            ]
        );
        assert_eq!(
            keys(kept()),
            [
                "sharpness",
                "lambda_max",
                "fluctuation",
                "fluctuation_per_sharpness",
                "loss",
                "test_loss",
                "trained_sharpness",
                "trained_lambda_max",
                "trained_fluctuation",
                "trained_loss",
                "mismatch_condition",
                "trained_mismatch_condition",
                "preconditioned_lambda_max",
                "lambda_max_products",
                "fluctuation_standard_error",
                "gradient_norm_squared",
                "sharpness_standard_error",
                "lambda_max_residual"
            ]
        );
        assert_eq!(keys(compared()), ["sharpness", "lambda_max", "fluctuation"]);
    }

    /// Each name finds its own number, on every side.
    #[test]
    fn values_are_those_of_the_name() {
        let observation = simulate::Observation {
            sharpness: 1.0,
            lambda_max: Some(2.0),
            fluctuation: 3.0,
            gradient_second_moment: 4.0,
            loss: 5.0,
            product_error: 6.0,
            condition_numbers: vec![Some(7.0), None, Some(9.0)],
        };
        let values: Vec<_> = simulated(3)
            .iter()
            .map(|quantity| quantity.simulated(&observation))
            .collect();
        let mut expected: Vec<_> = (1..=9).map(|i| Some(f64::from(i))).collect();
        expected[7] = None;
        assert_eq!(values, expected);
        assert_eq!(LAMBDA_MAX.plain_symbol(), "λ_max");
        assert_eq!(condition_number(2).plain_symbol(), "κ(W_2)");
    }

    #[test]
    fn a_run_ends_with_its_last_fifth() {
        assert_eq!(end(1000), 800..=1000);
        assert_eq!(end(3), 3..=3);
        assert_eq!(average(&[1.0, 2.0, 6.0]), Some(3.0));
        assert_eq!(average(&[]), None);
    }
}
