//! The law of initial weights, as files describe it.

use thalweg::model::Init;

use super::error::Fault;
use super::field::{Field, Tagged};
use super::node::Node;
use super::resolved::kind;

const KAIMING: Tagged<'_> = ("kaiming", &["gain"]);
const XAVIER: Tagged<'_> = ("xavier", &["gain"]);
const NORMAL: Tagged<'_> = ("normal", &["deviation"]);

/// The law in `field`.
pub(crate) fn init(field: &Field<'_>) -> Result<Init, Fault> {
    let kind = field.kind(&[KAIMING, XAVIER, NORMAL])?;
    let gain = field.optional("gain").map_or(Ok(1.0), |f| f.number())?;
    Ok(match kind {
        KAIMING => Init::Kaiming { gain },
        XAVIER => Init::Xavier { gain },
        _ => Init::Normal {
            deviation: field
                .required("deviation", "the standard deviation of the weights")?
                .number()?,
        },
    })
}

/// What [`init`] reads.
pub(crate) fn to_node(init: Init) -> Node {
    match init {
        Init::Kaiming { gain } => kind(KAIMING, [("gain", gain.into())]),
        Init::Xavier { gain } => kind(XAVIER, [("gain", gain.into())]),
        Init::Normal { deviation } => kind(NORMAL, [("deviation", deviation.into())]),
    }
}
