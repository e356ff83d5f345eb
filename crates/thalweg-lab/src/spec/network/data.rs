//! Where a network's samples come from, as files describe it.

use std::path::PathBuf;

use faer::Mat;
use thalweg::data::{LabelNoise, Place, Sampling};
use thalweg::model::{Init, Mlp, Network};
use thalweg::random::NoiseLaw;
use thalweg::tensor::Activation;

use super::architecture::{Ends, hidden, with_hidden};
use super::draw::Draw;
use crate::images::Pixels;
use crate::spec::error::Fault;
use crate::spec::experiment::noise_law;
use crate::spec::field::Field;
use crate::spec::init::{self, init};
use crate::spec::matrix::{covariance, to_node as matrix};
use crate::spec::node::Node;
use crate::spec::problem::noise_covariance;
use crate::spec::resolved::{kind, law};
use crate::spec::word::Word;

/// Where samples come from, and the noise on their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkData {
    /// Inputs and clean targets.
    pub source: NetworkSource,
    /// What is added to the labels, afresh at each visit; nothing where `None`.
    pub noise: Option<LabelNoise>,
}

/// Inputs and clean targets.
#[derive(Clone, Debug, PartialEq)]
pub enum NetworkSource {
    /// Fresh inputs at each step, and what a teacher of the student's family makes of them.
    Teacher {
        /// The teacher: the student but for its hidden widths, or a perceptron at each position.
        network: Network,
        /// Of its weights: one teacher for all runs, or one for each.
        seed: Draw,
        /// Their law.
        init: Init,
        /// Σx at each position; the identity where `None`.
        input_covariance: Option<Mat<f64>>,
    },
    /// Labelled images.
    Images {
        /// The folder of IDX files; the built-in digits where `None`.
        path: Option<PathBuf>,
        /// How bytes become numbers.
        pixels: Pixels,
        /// In which order they are visited.
        sampling: Sampling,
        /// Chance that a label is replaced by a random other one, at each visit.
        label_flips: f64,
    },
}

impl NetworkSource {
    /// Whether each run has a teacher of its own.
    pub fn differs_by_run(&self) -> bool {
        matches!(
            self,
            Self::Teacher {
                seed: Draw::PerRun,
                ..
            }
        )
    }
}

/// Classes of MNIST and of every set in its layout.
const CLASSES: usize = 10;
/// Pixels of its images.
const PIXELS: usize = 28 * 28;

/// The fields that noise has, whatever the source.
const NOISE: [&str; 4] = [
    "noise_covariance",
    "noise_standard_deviations",
    "noise",
    "noise_on",
];
const TEACHER: [&str; 2] = ["teacher", "input_covariance"];
const IMAGES: [&str; 3] = ["pixels", "sampling", "label_flips"];

/// What kind of source stands in `field`.
fn source_kind(field: &Field<'_>) -> Result<&'static str, Fault> {
    let teacher = [&TEACHER[..], &NOISE].concat();
    let mnist = [&IMAGES[..], &NOISE].concat();
    let idx = [&["path"], &mnist[..]].concat();
    field.kind(&[("teacher", &teacher), ("mnist", &mnist), ("idx", &idx)])
}

/// The ends that the data give a network: those of images, if it is images.
pub(crate) fn ends(field: &Field<'_>) -> Result<Option<Ends>, Fault> {
    Ok((source_kind(field)? != "teacher").then_some(Ends {
        inputs: PIXELS,
        outputs: CLASSES,
    }))
}

/// The data in `field`, for `network`; noise that does not say where it goes goes to `place`.
pub(crate) fn data(
    field: &Field<'_>,
    network: &Network,
    place: Place,
) -> Result<NetworkData, Fault> {
    let source = match source_kind(field)? {
        "teacher" => teacher(field, network)?,
        kind => images(field, network, kind == "idx")?,
    };
    Ok(NetworkData {
        source,
        noise: noise(field, network, place)?,
    })
}

fn teacher(field: &Field<'_>, student: &Network) -> Result<NetworkSource, Fault> {
    let teacher = field.required("teacher", "a table with the teacher's `hidden` widths")?;
    teacher.only(&["kind", "hidden", "seed", "init"])?;
    let widths = teacher.required("hidden", "the teacher's hidden widths")?;
    let pattern = match teacher.optional("kind") {
        None => student.clone(),
        Some(kind) => family(&kind, student)?,
    };
    let covariance = match field.optional("input_covariance") {
        None => None,
        Some(input) => {
            let found = covariance(&input)?;
            let inputs = student.inputs();
            if (found.nrows(), found.ncols()) != (inputs, inputs) {
                return Err(input.not(format!("a {inputs} × {inputs} matrix")));
            }
            (found != Mat::<f64>::identity(inputs, inputs)).then_some(found)
        }
    };
    Ok(NetworkSource::Teacher {
        network: with_hidden(&pattern, &widths)?,
        seed: Draw::read(teacher.optional("seed"))?,
        init: teacher
            .optional("init")
            .map_or(Ok(Init::Kaiming { gain: 1.0 }), |f| init(&f))?,
        input_covariance: covariance,
    })
}

fn images(field: &Field<'_>, network: &Network, folder: bool) -> Result<NetworkSource, Fault> {
    if network.positions() != [1, 1] {
        return Err(field.not("a source of sequences (an image has no positions)"));
    }
    let path = if folder {
        let path = field.required("path", "the folder of the four IDX files")?;
        Some(PathBuf::from(path.text()?))
    } else {
        None
    };
    let pixels = match field.optional("pixels") {
        None => Pixels::Standardised,
        Some(pixels) => Pixels::read(&pixels)?,
    };
    let sampling = match field.optional("sampling") {
        None => Sampling::Shuffled,
        Some(order) => sampling(&order, network.outputs())?,
    };
    let label_flips = match field.optional("label_flips") {
        None => 0.0,
        Some(flips) => match flips.number()? {
            chance if (0.0..=1.0).contains(&chance) => chance,
            _ => return Err(flips.not("a probability from 0 to 1")),
        },
    };
    Ok(NetworkSource::Images {
        path,
        pixels,
        sampling,
        label_flips,
    })
}

fn family_name(network: &Network) -> &'static str {
    match network {
        Network::Mlp(_) => "mlp",
        Network::Rnn(_) => "rnn",
        Network::Transformer(_) => "transformer",
    }
}

/// The teacher's family: the student's own, or a perceptron at each position.
fn family(kind: &Field<'_>, student: &Network) -> Result<Network, Fault> {
    let own = family_name(student);
    match kind.text()? {
        found if found == own => Ok(student.clone()),
        "mlp" => Ok(Network::Mlp(Mlp {
            widths: vec![student.inputs(), student.outputs()],
            activation: Activation::Relu,
            biases: false,
        })),
        _ => Err(kind.not(format!("\"{own}\", as the student, or \"mlp\""))),
    }
}

fn sampling(field: &Field<'_>, classes: usize) -> Result<Sampling, Fault> {
    let kinds = [
        ("shuffled", &[][..]),
        ("replacement", &[]),
        ("classes", &["weights"]),
    ];
    Ok(match field.kind(&kinds)? {
        "shuffled" => Sampling::Shuffled,
        "replacement" => Sampling::Replacement,
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

fn sampling_node(sampling: &Sampling) -> Node {
    match sampling {
        Sampling::Shuffled => kind("shuffled", []),
        Sampling::Replacement => kind("replacement", []),
        Sampling::Classes(weights) => {
            kind("classes", [("weights", weights.iter().copied().collect())])
        }
    }
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
    let mut node = match &data.source {
        NetworkSource::Teacher {
            network,
            seed,
            init,
            input_covariance,
        } => {
            let inputs = network.inputs();
            let input = match input_covariance {
                None => kind("identity", [("dimension", inputs.into())]),
                Some(covariance) => matrix(covariance.as_ref()),
            };
            let teacher = [
                ("kind", family_name(network).into()),
                ("hidden", hidden(network)),
                ("seed", seed.to_node()),
                ("init", init::to_node(*init)),
            ];
            kind(
                "teacher",
                [("teacher", teacher.into()), ("input_covariance", input)],
            )
        }
        NetworkSource::Images {
            path,
            pixels,
            sampling,
            label_flips,
        } => {
            let mut node = match path {
                None => kind("mnist", []),
                Some(path) => kind("idx", [("path", path.to_string_lossy().as_ref().into())]),
            };
            node.put("pixels", pixels.word().into());
            node.put("sampling", sampling_node(sampling));
            node.put("label_flips", (*label_flips).into());
            node
        }
    };
    if let Some(noise) = &data.noise {
        node.put("noise_covariance", matrix(noise.covariance.as_ref()));
        node.put("noise", law(noise.law));
        node.put("noise_on", noise.place.word().into());
    }
    node
}
