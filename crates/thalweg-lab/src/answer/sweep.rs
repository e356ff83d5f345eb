//! What is planned of a sweep, and how far it has come.

use serde_json::{Value, json};

use crate::sweep::{Estimate, Status, Sweep};

/// The cells of `sweep` with the axes at each, and what they will take.
pub fn planned(sweep: &Sweep, estimate: &Estimate) -> Value {
    let axes = sweep
        .columns()
        .map(|column| json!({ "name": column.name, "path": column.path, "values": column.values }));
    let points = (0..sweep.cells()).map(|number| {
        let point = sweep.point(number).into_iter();
        let point: serde_json::Map<String, Value> = point
            .map(|value| (value.column.name.clone(), json!(value.node())))
            .collect();
        Value::Object(point)
    });
    json!({
        "name": sweep.name,
        "axes": axes.collect::<Vec<_>>(),
        "points": points.collect::<Vec<_>>(),
        "estimate": estimate,
    })
}

/// How far a sweep has come.
pub fn progressed(status: &Status) -> Value {
    json!(status)
}
