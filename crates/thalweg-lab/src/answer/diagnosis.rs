//! A table's noise, and what follows from it, as one JSON object.

use serde_json::{Value, json};

use super::CONVENTION;
use crate::diagnose::{Diagnosis, Interval};

/// `found` as one JSON object; what is infinite or undefined is null.
pub fn diagnosed(found: &Diagnosis) -> Value {
    let covariance = &found.noise.covariance;
    let rows = (0..covariance.nrows()).map(|i| {
        let row = (0..covariance.ncols()).map(|j| covariance[(i, j)]);
        row.collect::<Vec<f64>>()
    });
    let number = |of: &Interval| json!({ "value": of.value, "interval": of.interval });
    json!({
        "convention": CONVENTION,
        "rows": found.rows,
        "noise_covariance": rows.collect::<Vec<_>>(),
        "noise_spectrum": found.noise_spectrum,
        "noise_condition_number": number(&found.condition_number),
        "sharpness": number(&found.sharpness),
        "min_sharpness": number(&found.min_sharpness),
        "lambda_max": number(&found.lambda_max),
        "fluctuation": number(&found.fluctuation),
        "isotropy": { "p_value": found.isotropy },
        "heteroscedasticity": { "p_value": found.heteroscedasticity },
        "outputs": found.outputs,
        "interventions": found.interventions,
    })
}
