//! The noise of some rows, and what follows from it, as one JSON object.

use serde_json::{Value, json};

use super::CONVENTION;
use crate::diagnose::{Diagnosis, Interval, OnRows};

/// `found` as one JSON object, with SGD on the rows themselves where it was run; what is infinite or undefined is null.
pub fn diagnosed(found: &Diagnosis, on_rows: &[OnRows]) -> Value {
    let covariance = &found.noise.covariance;
    let rows = (0..covariance.nrows()).map(|i| {
        let row = (0..covariance.ncols()).map(|j| covariance[(i, j)]);
        row.collect::<Vec<f64>>()
    });
    let number = |of: &Interval| json!({ "value": of.value, "interval": of.interval });
    json!({
        "convention": CONVENTION,
        "rows": found.rows,
        "inputs": found.input_names,
        "classes": found.classes,
        "left_out": found.left_out,
        "noise_covariance": rows.collect::<Vec<_>>(),
        "noise_spectrum": found.noise_spectrum,
        "noise_condition_number": number(&found.condition_number),
        "sharpness": number(&found.sharpness),
        "min_sharpness": number(&found.min_sharpness),
        "lambda_max": number(&found.lambda_max),
        "fluctuation": number(&found.fluctuation),
        "isotropy": found.isotropy,
        "heteroscedasticity": found.heteroscedasticity,
        "outputs": found.outputs,
        "interventions": found.interventions,
        "simulated": on_rows.iter().map(|on| on.json(found)).collect::<Vec<_>>(),
    })
}
