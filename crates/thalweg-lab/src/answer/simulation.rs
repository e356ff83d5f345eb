//! A simulation at its end, beside what is predicted of it.

use serde_json::{Map, Value, json};
use thalweg::problem::Caveat;

use super::{CONVENTION, notes};
use crate::compare::Comparison;

/// The comparison as one JSON object, with what rounding did to the problem.
pub fn simulated(comparison: &Comparison, caveats: &[Caveat]) -> Value {
    let mut object = json!({
        "convention": CONVENTION,
        "step": comparison.step,
        "seeds": comparison.seeds,
        "diverged": comparison.diverged,
        "diverged_by": comparison.diverged_by,
        "known_digits": comparison.known_digits,
    });
    for (i, measured) in comparison.measured.iter().enumerate() {
        let end = measured.end;
        let mut row = Map::new();
        row.insert("mean".into(), json!(end.map(|e| e.mean)));
        let error = end.and_then(|e| e.standard_error);
        row.insert("standard_error".into(), json!(error));
        for predicted in &comparison.predicted {
            let series = predicted.series(i);
            row.insert(predicted.key.into(), json!(series.map(|s| s.end)));
            let z = series.and_then(|s| s.z);
            row.insert(format!("{}_z", predicted.key), json!(z));
        }
        object[&*measured.quantity.key] = Value::Object(row);
    }
    let reasons = comparison.predicted.iter().filter_map(|predicted| {
        let reason = predicted.answer.as_ref().err()?;
        Some((predicted.key.to_owned(), json!(reason)))
    });
    object["no_answer"] = Value::Object(reasons.collect());
    let departures = &comparison.departures;
    let sentences = (!departures.is_empty()).then(|| departures.join(" "));
    object["departures"] = json!(sentences);
    let belief = comparison.belief();
    object["validity"] = json!(belief.map(|(_, belief)| belief));
    object["validity_of"] = json!(belief.map(|(predicted, _)| predicted.key));
    let beliefs = comparison.predicted.iter().filter_map(|predicted| {
        let belief = predicted.belief()?;
        Some((predicted.key.to_owned(), json!(belief)))
    });
    object["validity_by_predictor"] = Value::Object(beliefs.collect());
    object["notes"] = notes(caveats).into();
    object
}
