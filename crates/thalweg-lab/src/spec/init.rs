//! The law of initial weights, as files describe it.

use thalweg::model::Init;

use super::error::Fault;
use super::field::Field;
use super::node::Node;
use super::resolved::kind;

/// The law in `field`.
pub(crate) fn init(field: &Field<'_>) -> Result<Init, Fault> {
    let kinds = [
        ("kaiming", &["gain"][..]),
        ("xavier", &["gain"]),
        ("normal", &["deviation"]),
    ];
    let kind = field.kind(&kinds)?;
    let gain = field.optional("gain").map_or(Ok(1.0), |f| f.number())?;
    Ok(match kind {
        "kaiming" => Init::Kaiming { gain },
        "xavier" => Init::Xavier { gain },
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
        Init::Kaiming { gain } => kind("kaiming", [("gain", gain.into())]),
        Init::Xavier { gain } => kind("xavier", [("gain", gain.into())]),
        Init::Normal { deviation } => kind("normal", [("deviation", deviation.into())]),
    }
}
