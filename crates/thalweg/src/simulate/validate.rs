//! Refuses settings that no run could honour, before anything is computed.

use crate::problem::{Problem, Weights};

use super::{Data, InitialWeights, NoiseLaw, SampleSource, SimulateError, SimulateSettings};

/// Every count must fit the 32-bit indices of the random counters.
const MOST: usize = u32::MAX as usize;

/// Checks `settings` for `problem`.
pub(super) fn validate(
    problem: &Problem,
    settings: &SimulateSettings,
) -> Result<(), SimulateError> {
    let s = settings;
    require(
        s.learning_rate.is_finite() && s.learning_rate > 0.0,
        "learning_rate",
        s.learning_rate,
        "a finite number above 0, such as 0.01",
    )?;
    count("batch", s.batch)?;
    s.recipe.validate(problem)?;
    s.data.validate(Some(s.batch))?;
    if s.is_perturbed() {
        let perturbed = |with: &'static str| Err(SimulateError::Perturbed { with });
        if s.switch.is_some() {
            return perturbed("switch");
        }
        if s.data.heteroscedasticity > 0.0 {
            return perturbed("data.heteroscedasticity");
        }
    }
    validate_switch(s)?;
    validate_init(problem, &s.init)
}

impl Data {
    /// Refuses what no run could be on, with minibatches of `batch` samples where that is known.
    ///
    /// # Errors
    /// [`SimulateError`], which names the field and what it needs.
    pub fn validate(&self, batch: Option<usize>) -> Result<(), SimulateError> {
        require(
            (0.0..=1.0).contains(&self.heteroscedasticity),
            "data.heteroscedasticity",
            self.heteroscedasticity,
            "between 0 (homoscedastic) and 1",
        )?;
        if let NoiseLaw::StudentT { degrees } = self.noise {
            require(
                degrees.is_finite() && degrees > 2.0,
                "data.noise.degrees",
                degrees,
                "a finite number above 2: Student's t has no variance otherwise; for the limit of many degrees use gaussian",
            )?;
        }
        let SampleSource::Finite {
            samples,
            replacement,
        } = self.source
        else {
            return Ok(());
        };
        count("data.source.samples", samples)?;
        match batch {
            Some(batch) if samples < batch && !replacement => {
                Err(SimulateError::DataSetTooSmall { samples, batch })
            }
            _ => Ok(()),
        }
    }
}

fn validate_switch(settings: &SimulateSettings) -> Result<(), SimulateError> {
    if let Some(switch) = settings.switch {
        count("switch.samples", switch.samples)?;
    }
    match (settings.switch, settings.data.source) {
        (Some(switch), SampleSource::Finite { samples, .. }) if switch.samples > samples => {
            Err(SimulateError::FixedBatchTooLarge {
                found: switch.samples,
                samples,
            })
        }
        _ => Ok(()),
    }
}

fn validate_init(problem: &Problem, init: &InitialWeights) -> Result<(), SimulateError> {
    let right = "a finite number above 0: weights that start at 0 never move when D > 1";
    let scale = |field, found: f64| require(found.is_finite() && found > 0.0, field, found, right);
    match init {
        InitialWeights::Kaiming { gain } | InitialWeights::Xavier { gain } => {
            scale("init.gain", *gain)
        }
        InitialWeights::Normal { deviation } => scale("init.deviation", *deviation),
        InitialWeights::Given(weights) => {
            Weights::new(problem, weights.layers().to_vec())?;
            Ok(())
        }
    }
}

fn count(field: &'static str, found: usize) -> Result<(), SimulateError> {
    if (1..=MOST).contains(&found) {
        return Ok(());
    }
    Err(SimulateError::Samples {
        field,
        found,
        limit: MOST,
    })
}

fn require(
    holds: bool,
    field: &'static str,
    found: f64,
    right: &'static str,
) -> Result<(), SimulateError> {
    if holds {
        return Ok(());
    }
    Err(SimulateError::OutOfRange {
        field,
        found,
        right,
    })
}
