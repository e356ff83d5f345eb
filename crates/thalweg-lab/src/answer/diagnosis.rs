//! The noise of some rows, and what follows from it, as one JSON object.

use serde_json::{Value, json};

use super::CONVENTION;
use super::predict::numbers_at;
use crate::diagnose::{Diagnosis, Interval, OnRows, TOKEN_LOSS, TokenDiagnosis};

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
        "exact_drift": found.exact_drift.as_ref().map(numbers_at),
        "doubt": found.doubt(),
        "isotropy": found.isotropy,
        "heteroscedasticity": found.heteroscedasticity,
        "outputs": found.outputs,
        "interventions": found.interventions,
        "simulated": on_rows.iter().map(|on| on.json(found)).collect::<Vec<_>>(),
    })
}

/// The noise of a text's tokens as one JSON object, by the names of [`diagnosed`]: what has no meaning for a text is null, and so is what is
/// infinite or undefined.
pub fn diagnosed_tokens(found: &TokenDiagnosis) -> Value {
    let (residuals, tokens) = (&found.residuals, &found.tokens);
    let number = |value: Option<f64>, interval: Option<(f64, f64)>| json!({ "value": value, "interval": interval });
    json!({
        "convention": TOKEN_LOSS,
        "network": found.network,
        "data": found.data,
        "seed": found.seed,
        "sequences": found.sequences,
        "positions": found.positions,
        "notes": found.notes,
        "loss": found.loss,
        "token_names": found.names,
        "absent_tokens": found.absent,
        "noise_covariance": residuals.covariance,
        "noise_spectrum": residuals.spectrum,
        "noise_condition_number": number(residuals.condition, tokens.condition_interval),
        "mismatch": residuals.mismatch,
        "mismatch_condition_number": number(residuals.mismatch_condition, tokens.mismatch_condition_interval),
        "isotropy": found.isotropy,
        "heteroscedasticity": null,
        "sharpness": null,
        "min_sharpness": null,
        "exact_drift": null,
        "doubt": null,
        "lambda_max": null,
        "clock": found.clock,
        "tokens": tokens,
    })
}
