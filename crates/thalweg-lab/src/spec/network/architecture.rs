//! Networks as files describe them.

use thalweg::model::{LanguageModel, Mlp, Network, Read, Rnn, Transformer};
use thalweg::tensor::Activation;

use crate::spec::error::Fault;
use crate::spec::field::{Field, Tagged};
use crate::spec::matrix::dimension;
use crate::spec::node::Node;
use crate::spec::resolved::kind;
use crate::spec::word::Word;

/// The most numbers that a network may need for its parameters, or for one sample's values: 512 MiB.
const MOST: u128 = 1 << 26;

/// Rows of the input and of the output at each position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
}

pub(crate) const MLP: Tagged<'_> = (
    "mlp",
    &["inputs", "hidden", "outputs", "activation", "biases"],
);
const RNN: Tagged<'_> = (
    "rnn",
    &[
        "inputs",
        "hidden",
        "outputs",
        "positions",
        "read",
        "activation",
        "biases",
    ],
);
const TRANSFORMER: Tagged<'_> = (
    "transformer",
    &[
        "width",
        "positions",
        "heads",
        "hidden",
        "blocks",
        "causal",
        "layer_norm",
        "activation",
        "biases",
    ],
);
pub(crate) const LANGUAGE_MODEL: Tagged<'_> = (
    "language-model",
    &[
        "tokens",
        "width",
        "positions",
        "heads",
        "hidden",
        "blocks",
        "layer_norm",
        "activation",
        "biases",
    ],
);

/// The family of `network`.
pub(crate) fn family(network: &Network) -> Tagged<'static> {
    match network {
        Network::Mlp(_) => MLP,
        Network::Rnn(_) => RNN,
        Network::Transformer(_) => TRANSFORMER,
        Network::LanguageModel(_) => LANGUAGE_MODEL,
    }
}

/// The network in `field`; where it does not say its inputs and outputs they are `ends`.
pub(crate) fn network(field: &Field<'_>, ends: Option<Ends>) -> Result<Network, Fault> {
    let kind = field.kind(&[MLP, RNN, TRANSFORMER, LANGUAGE_MODEL])?;
    let side = |key, needed: &str, known: Option<usize>| match (field.optional(key), known) {
        (None, Some(known)) => Ok(known),
        _ => dimension(&field.required(key, needed)?),
    };
    let inputs = || {
        side(
            "inputs",
            "the number of inputs",
            ends.map(|ends| ends.inputs),
        )
    };
    let outputs = || {
        side(
            "outputs",
            "the number of outputs",
            ends.map(|ends| ends.outputs),
        )
    };
    let size = |key, needed| side(key, needed, None);
    // What transformers and language models have alike.
    let length = || size("positions", "the length of the sequence");
    let heads = |width: usize| {
        let heads = field.required("heads", "the number of heads")?;
        let found = dimension(&heads)?;
        if !width.is_multiple_of(found) {
            return Err(heads.not(format!(
                "a number of heads that divides the width, {width},"
            )));
        }
        Ok(found)
    };
    let blocks = || field.optional("blocks").map_or(Ok(1), |f| dimension(&f));
    let flag = |key| field.optional(key).map_or(Ok(false), |f| f.flag());
    let hidden = || field.required("hidden", "the hidden width or widths");
    let activation = |default| {
        field
            .optional("activation")
            .map_or(Ok(default), |f| Activation::read(&f))
    };
    let biases = flag("biases")?;
    let network = match kind {
        MLP => {
            let mut widths = vec![inputs()?];
            let hidden = hidden()?.list("a list of the hidden widths")?;
            for width in &hidden {
                widths.push(dimension(width)?);
            }
            widths.push(outputs()?);
            Network::Mlp(Mlp {
                widths,
                activation: activation(Activation::Relu)?,
                biases,
            })
        }
        RNN => Network::Rnn(Rnn {
            inputs: inputs()?,
            hidden: dimension(&hidden()?)?,
            outputs: outputs()?,
            steps: size("positions", "the length of the sequence")?,
            activation: activation(Activation::Tanh)?,
            biases,
            read: match field.optional("read") {
                None => Read::Last,
                Some(read) => Read::read(&read)?,
            },
        }),
        TRANSFORMER => {
            let width = side(
                "width",
                "the number of features at each position",
                ends.map(|ends| ends.inputs),
            )?;
            Network::Transformer(Transformer {
                width,
                positions: length()?,
                heads: heads(width)?,
                hidden: dimension(&hidden()?)?,
                blocks: blocks()?,
                causal: flag("causal")?,
                layer_norm: flag("layer_norm")?,
                activation: activation(Activation::Relu)?,
                biases,
            })
        }
        _ => {
            let width = size("width", "the number of features at each position")?;
            Network::LanguageModel(LanguageModel {
                tokens: side(
                    "tokens",
                    "the number of tokens that are told apart",
                    ends.map(|ends| ends.inputs),
                )?,
                width,
                positions: length()?,
                heads: heads(width)?,
                hidden: dimension(&hidden()?)?,
                blocks: blocks()?,
                layer_norm: flag("layer_norm")?,
                activation: activation(Activation::Relu)?,
                biases,
            })
        }
    };
    let needed = parameters(&network).max(values(&network));
    if needed > MOST {
        return Err(field.not(format!(
            "a network of at most {MOST} parameters and values (this one has {needed})"
        )));
    }
    Ok(network)
}

/// `network` with other hidden widths: a list for a perceptron, one number for the others.
pub(crate) fn with_hidden(network: &Network, hidden: &Field<'_>) -> Result<Network, Fault> {
    let mut node = to_node(network);
    node.remove("hidden");
    node.put("hidden", hidden.node().clone());
    // Errors speak of the field where the widths stand.
    let nested = Field::at(hidden.path().trim_end_matches(".hidden"), &node);
    self::network(&nested, None)
}

/// The table that [`network`] reads.
pub(crate) fn to_node(network: &Network) -> Node {
    let family = family(network);
    match network {
        Network::Mlp(mlp) => kind(
            family,
            [
                ("inputs", network.inputs().into()),
                ("hidden", hidden(network)),
                ("outputs", network.outputs().into()),
                ("activation", mlp.activation.word().into()),
                ("biases", mlp.biases.into()),
            ],
        ),
        Network::Rnn(rnn) => kind(
            family,
            [
                ("inputs", rnn.inputs.into()),
                ("hidden", hidden(network)),
                ("outputs", rnn.outputs.into()),
                ("positions", rnn.steps.into()),
                ("read", rnn.read.word().into()),
                ("activation", rnn.activation.word().into()),
                ("biases", rnn.biases.into()),
            ],
        ),
        Network::Transformer(transformer) => kind(
            family,
            [
                ("width", transformer.width.into()),
                ("positions", transformer.positions.into()),
                ("heads", transformer.heads.into()),
                ("hidden", hidden(network)),
                ("blocks", transformer.blocks.into()),
                ("causal", transformer.causal.into()),
                ("layer_norm", transformer.layer_norm.into()),
                ("activation", transformer.activation.word().into()),
                ("biases", transformer.biases.into()),
            ],
        ),
        Network::LanguageModel(model) => kind(
            family,
            [
                ("tokens", model.tokens.into()),
                ("width", model.width.into()),
                ("positions", model.positions.into()),
                ("heads", model.heads.into()),
                ("hidden", hidden(network)),
                ("blocks", model.blocks.into()),
                ("layer_norm", model.layer_norm.into()),
                ("activation", model.activation.word().into()),
                ("biases", model.biases.into()),
            ],
        ),
    }
}

/// The hidden widths of `network`, as [`network`](self::network) reads them.
pub(crate) fn hidden(network: &Network) -> Node {
    match network {
        Network::Mlp(mlp) => {
            let hidden = mlp.widths.len().saturating_sub(1).max(1);
            mlp.widths[1..hidden].iter().copied().collect()
        }
        Network::Rnn(rnn) => rnn.hidden.into(),
        Network::Transformer(transformer) => transformer.hidden.into(),
        Network::LanguageModel(model) => model.hidden.into(),
    }
}

/// About as many parameters as the network has.
fn parameters(network: &Network) -> u128 {
    let product = |a: usize, b: usize| a as u128 * b as u128;
    match network {
        Network::Mlp(mlp) => mlp.widths.windows(2).map(|w| product(w[0], w[1])).sum(),
        Network::Rnn(rnn) => product(rnn.hidden, rnn.inputs + rnn.hidden + rnn.outputs),
        Network::Transformer(t) => {
            t.blocks as u128 * (4 * product(t.width, t.width) + 2 * product(t.width, t.hidden))
        }
        Network::LanguageModel(m) => {
            2 * product(m.tokens, m.width)
                + product(m.width, m.positions)
                + m.blocks as u128
                    * (4 * product(m.width, m.width) + 2 * product(m.width, m.hidden))
        }
    }
}

/// About as many values as one sample has on its way, and operations on pairs of them.
fn values(network: &Network) -> u128 {
    match network {
        Network::Mlp(mlp) => mlp.widths.iter().map(|&width| width as u128).sum(),
        Network::Rnn(rnn) => {
            (rnn.inputs + 3 * rnn.hidden + rnn.outputs) as u128 * rnn.steps as u128
        }
        Network::Transformer(t) => {
            let (width, positions) = (t.width as u128, t.positions as u128);
            t.blocks as u128 * positions * (2 * width * positions + 2 * t.hidden as u128)
        }
        Network::LanguageModel(m) => {
            let (width, positions) = (m.width as u128, m.positions as u128);
            let block = 2 * width * positions + 2 * m.hidden as u128;
            positions * (2 * m.tokens as u128 + m.blocks as u128 * block)
        }
    }
}
