//! A network's data, as files describe it: where the samples come from, and the noise on their labels.

use thalweg::data::{LabelNoise, Place};
use thalweg::model::Network;
use thalweg::random::NoiseLaw;

use super::architecture::Ends;
use crate::sources::{KINDS, Kind, NetworkSource};
use crate::spec::error::Fault;
use crate::spec::experiment::noise_law;
use crate::spec::field::{Field, Tagged};
use crate::spec::matrix::to_node as matrix;
use crate::spec::node::Node;
use crate::spec::problem::noise_covariance;
use crate::spec::resolved::law;
use crate::spec::word::Word;

/// Where samples come from, and the noise on their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkData {
    /// Inputs and clean targets.
    pub source: NetworkSource,
    /// What is added to the labels, afresh at each visit; nothing where `None`.
    pub noise: Option<LabelNoise>,
}

/// The fields that noise has, whatever the source.
const NOISE: [&str; 4] = [
    "noise_covariance",
    "noise_standard_deviations",
    "noise",
    "noise_on",
];

/// What kind of data stands in `field`.
fn source_kind(field: &Field<'_>) -> Result<&'static Kind, Fault> {
    let fields: Vec<Vec<&'static str>> = KINDS
        .iter()
        .map(|kind| [kind.fields, &NOISE].concat())
        .collect();
    let kinds = KINDS.iter().zip(&fields);
    let kinds: Vec<Tagged<'_>> = kinds
        .map(|(kind, fields)| (kind.word, &fields[..]))
        .collect();
    Ok(&KINDS[field.kind_number(&kinds)?])
}

/// The ends that the data give a network: those of images, if it is images.
pub(crate) fn ends(field: &Field<'_>) -> Result<Option<Ends>, Fault> {
    Ok(source_kind(field)?.ends)
}

/// The data in `field`, for `network`; noise that does not say where it goes goes to `place`.
pub(crate) fn data(
    field: &Field<'_>,
    network: &Network,
    place: Place,
) -> Result<NetworkData, Fault> {
    Ok(NetworkData {
        source: (source_kind(field)?.read)(field, network)?,
        noise: noise(field, network, place)?,
    })
}

fn noise(field: &Field<'_>, network: &Network, place: Place) -> Result<Option<LabelNoise>, Fault> {
    let Some(covariance) = noise_covariance(field)? else {
        // A law or a place of no noise is a slip of the pen.
        return match ["noise", "noise_on"]
            .iter()
            .find_map(|key| field.optional(key))
        {
            None => Ok(None),
            Some(_) => Err(field
                .required("noise_standard_deviations", "the size of the noise")
                .map_or_else(|fault| fault, |found| found.not("the size of the noise"))),
        };
    };
    let outputs = network.outputs();
    if (covariance.nrows(), covariance.ncols()) != (outputs, outputs) {
        let given = NOISE.iter().find_map(|key| field.optional(key));
        return Err(given.as_ref().unwrap_or(field).not(format!(
            "noise of {outputs} components, as many as there are outputs,"
        )));
    }
    Ok(Some(LabelNoise {
        covariance,
        law: field
            .optional("noise")
            .map_or(Ok(NoiseLaw::Gaussian), |f| noise_law(&f))?,
        place: match field.optional("noise_on") {
            None => place,
            Some(on) => Place::read(&on)?,
        },
    }))
}

/// The table that [`data`] reads.
pub(crate) fn to_node(data: &NetworkData) -> Node {
    let mut node = data.source.about().to_node();
    if let Some(noise) = &data.noise {
        node.put("noise_covariance", matrix(noise.covariance.as_ref()));
        node.put("noise", law(noise.law));
        node.put("noise_on", noise.place.word().into());
    }
    node
}
