//! Which parameters make up a layer.

use std::ops::Range;

use crate::tensor::Tape;

/// Neighbouring parameters whose names agree up to the last dot: a map's weight and bias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// That part of their names.
    pub name: String,
    /// Which of [`Tape::parameters`].
    pub parameters: Range<usize>,
    /// Its place in the parameter vector.
    pub range: Range<usize>,
}

/// The layers of a tape, in order: they divide its parameter vector.
pub fn layers(tape: &Tape) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::new();
    for (index, parameter) in tape.parameters().iter().enumerate() {
        let name = match parameter.name.rsplit_once('.') {
            Some((layer, _)) => layer,
            None => &parameter.name,
        };
        let range = parameter.range();
        match layers.last_mut() {
            Some(last) if last.name == name => {
                last.parameters.end = index + 1;
                last.range.end = range.end;
            }
            _ => layers.push(Layer {
                name: name.to_owned(),
                parameters: index..index + 1,
                range,
            }),
        }
    }
    layers
}
