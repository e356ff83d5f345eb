//! In which order a set in memory is visited, as files say it.

use thalweg::data::Sampling;

use crate::spec::{Fault, Field, Node, Tagged, kind};

const SHUFFLED: Tagged = ("shuffled", &[]);
const REPLACEMENT: Tagged = ("replacement", &[]);
const CLASSES: Tagged = ("classes", &["weights"]);

/// The order in the field `sampling` of `data`; shuffled epochs where there is none.
pub(super) fn sampling(data: &Field<'_>, classes: usize) -> Result<Sampling, Fault> {
    match data.optional("sampling") {
        None => Ok(Sampling::Shuffled),
        Some(order) => read(&order, classes),
    }
}

fn read(field: &Field<'_>, classes: usize) -> Result<Sampling, Fault> {
    Ok(match field.kind(&[SHUFFLED, REPLACEMENT, CLASSES])? {
        SHUFFLED => Sampling::Shuffled,
        REPLACEMENT => Sampling::Replacement,
        _ => {
            let weights = field.required("weights", "a weight for each class")?;
            let values = weights.numbers()?;
            let usable = values.iter().all(|w| *w >= 0.0) && values.iter().any(|w| *w > 0.0);
            if values.len() != classes || !usable {
                return Err(weights.not(format!(
                        "a list of {classes} weights, one for each class, none negative and one above 0,"
                    )));
            }
            Sampling::Classes(values)
        }
    })
}

pub(super) fn sampling_node(sampling: &Sampling) -> Node {
    match sampling {
        Sampling::Shuffled => kind(SHUFFLED, []),
        Sampling::Replacement => kind(REPLACEMENT, []),
        Sampling::Classes(weights) => {
            let weights = weights.iter().copied().collect();
            kind(CLASSES, [("weights", weights)])
        }
    }
}
