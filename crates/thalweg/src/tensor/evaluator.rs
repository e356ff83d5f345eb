//! Runs a tape forwards alone, some samples at a time.

use std::sync::Arc;

use super::lines::{Lines, LinesMut};
use super::two_layers::TwoLayers;
use super::{Machine, Real, Tape};

/// Samples at a time: so few that what lies between input and output stays in the processor's first caches.
const SAMPLES: usize = 32;

/// The outputs of a tape alone, for batches of any size. Each sample's have the bits that a [`Machine`] gives them,
/// unless that goes by the zeros of its inputs. Nothing is allocated once warm.
#[derive(Clone, Debug)]
pub(crate) struct Evaluator<T> {
    machine: Machine<T>,
    /// Operations that are done three at a time, by the number of the first.
    at_once: Vec<(usize, TwoLayers)>,
}

impl<T: Real> Evaluator<T> {
    /// Of `tape`.
    pub(crate) fn new(tape: Arc<Tape>) -> Self {
        Self {
            at_once: at_once(&tape),
            machine: Machine::new(tape, 1),
        }
    }

    /// The output of every sample, at `parameters`.
    pub(crate) fn run(
        &mut self,
        parameters: &[T],
        inputs: Lines<'_, T>,
        outputs: &mut LinesMut<'_, T>,
    ) {
        let columns = inputs.columns;
        assert_eq!(outputs.columns, columns);
        if let Some(layers) = self.all_at_once() {
            return layers.run(parameters, columns, inputs.data, outputs.data);
        }
        let batch = columns.batch;
        self.machine.resize(batch.min(SAMPLES));
        for first in (0..batch).step_by(SAMPLES) {
            // The last may be fewer: the machine's others then are those of before, which nobody reads.
            let count = SAMPLES.min(batch - first);
            let mut to = self.machine.inputs_mut();
            for line in 0..inputs.count() {
                let from = &inputs.line(line)[first..first + count];
                to.line(line)[..count].copy_from_slice(from);
            }
            self.forward(parameters);
            let from = self.machine.adjoint().0;
            for line in 0..from.count() {
                let to = &mut outputs.line(line)[first..first + count];
                to.copy_from_slice(&from.line(line)[..count]);
            }
        }
    }

    /// Where they are the whole tape: then they go from the inputs to the outputs themselves.
    fn all_at_once(&self) -> Option<&TwoLayers> {
        let [(0, layers)] = &self.at_once[..] else {
            return None;
        };
        let tape = self.machine.tape();
        (layers.ends() == [tape.input, tape.output]).then_some(layers)
    }

    /// The output of the machine's samples.
    fn forward(&mut self, parameters: &[T]) {
        let mut done = 0;
        for (index, layers) in &self.at_once {
            self.machine.forward_part(parameters, done..*index);
            let (columns, values) = (self.machine.columns, &mut self.machine.values);
            let [input, output] = layers.ends();
            let (below, to) = values.split_at_mut(output.first * columns.stride);
            let x = &below[input.first * columns.stride..];
            layers.run(parameters, columns, x, to);
            done = index + TwoLayers::OPS;
        }
        let all = self.machine.tape.ops.len();
        self.machine.forward_part(parameters, done..all);
    }
}

/// Those of `tape`, the first first: one begins no earlier than the one before it ends.
fn at_once(tape: &Tape) -> Vec<(usize, TwoLayers)> {
    let (mut found, mut index) = (Vec::new(), 0);
    while index < tape.ops.len() {
        if let Some(layers) = TwoLayers::at(tape, index) {
            found.push((index, layers));
            index += TwoLayers::OPS;
        } else {
            index += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::{Activation, Block, Number, Recorder, Variable};
    use super::*;
    use crate::lanes::forced;

    /// A perceptron of 3 inputs and 21 hidden units.
    fn perceptron(
        activation: Activation,
        biases: bool,
        outputs: usize,
        positions: usize,
    ) -> Arc<Tape> {
        let mut recorder = Recorder::new(3, positions).unwrap();
        let mut value = recorder.input();
        for (layer, shape) in [(0, [21, 3]), (1, [outputs, 21])] {
            let weight = recorder.weight(&format!("w{layer}"), shape[0], shape[1]);
            let bias = biases.then(|| recorder.bias(&format!("b{layer}"), shape[0]).unwrap());
            value = recorder.affine(weight.unwrap(), bias, value).unwrap();
            if layer == 0 {
                value = recorder.pointwise(activation, value);
            }
        }
        Arc::new(recorder.finish(value).unwrap())
    }

    /// Neither few digits, nor the same for neighbours.
    fn number<T: Number>(index: usize) -> T {
        T::from_f64((index as f64 * 0.7).sin() * 1.3)
    }

    /// The bits of a machine in either precision, however many samples there are.
    fn same_as_machine(tape: &Arc<Tape>) {
        same_in::<f32>(tape);
        same_in::<f64>(tape);
    }

    fn same_in<T: Real>(tape: &Arc<Tape>) {
        let mut evaluator = Evaluator::<T>::new(Arc::clone(tape));
        let parameters: Vec<T> = (0..tape.parameter_count()).map(number).collect();
        let [lines, results] = [tape.input(), tape.output()].map(|v| v.rows() * v.positions());
        for batch in [1, 31, 32, 33, 100, 5] {
            let inputs =
                Block::from_fn(lines, batch, |line, sample| number(17 * line + sample + 5));
            let mut machine = Machine::new(Arc::clone(tape), batch);
            for line in 0..lines {
                let to = &mut machine.inputs_mut();
                to.line(line).copy_from_slice(inputs.lines().line(line));
            }
            machine.forward(&parameters);
            let mut outputs = Block::zeros(results, batch);
            evaluator.run(&parameters, inputs.lines(), &mut outputs.lines_mut());
            let expected = machine.adjoint().0;
            for line in 0..results {
                assert_eq!(outputs.lines().line(line), expected.line(line), "{batch}");
            }
        }
    }

    #[test]
    fn outputs_have_the_bits_of_a_machine() {
        let all = || {
            for activation in [Activation::Relu, Activation::Tanh] {
                for (biases, outputs, positions) in [
                    (false, 2, 1),
                    (true, 1, 1),
                    (true, 3, 2),
                    (false, 4, 1),
                    (true, 5, 2),
                    (false, 6, 1),
                    (true, 7, 1),
                    (true, 8, 2),
                    (true, 9, 2),
                ] {
                    let tape = perceptron(activation, biases, outputs, positions);
                    let two = TwoLayers::at(&tape, 0).is_some();
                    assert_eq!(two, activation == Activation::Relu && outputs < 9);
                    same_as_machine(&tape);
                }
            }
        };
        all();
        forced::plain(all);
    }

    /// y = z + W₂ max(W₁ z, 0) with z = W₀ x; and where `again`, the hidden units are added to that once more.
    fn residual(again: bool) -> Arc<Tape> {
        let mut recorder = Recorder::new(3, 2).unwrap();
        let input = recorder.input();
        let affine = |recorder: &mut Recorder, name, rows, value: Variable| {
            let weight = recorder.weight(name, rows, value.rows()).unwrap();
            recorder.affine(weight, None, value).unwrap()
        };
        let z = affine(&mut recorder, "w0", 7, input);
        let wide = affine(&mut recorder, "w1", 7, z);
        let hidden = recorder.pointwise(Activation::Relu, wide);
        let narrow = affine(&mut recorder, "w2", 7, hidden);
        let mut y = recorder.sum(z, narrow).unwrap();
        if again {
            y = recorder.sum(y, hidden).unwrap();
        }
        Arc::new(recorder.finish(y).unwrap())
    }

    #[test]
    fn hidden_units_that_nobody_else_reads_are_left_out_in_the_middle_of_a_tape() {
        let all = || {
            for again in [false, true] {
                let tape = residual(again);
                let expected = if again { vec![] } else { vec![1] };
                assert_eq!(places(&tape), expected);
                same_as_machine(&tape);
            }
        };
        all();
        forced::plain(all);
    }

    /// A perceptron of `layers` affine maps with rectified units between.
    fn deep(layers: usize) -> Arc<Tape> {
        let mut recorder = Recorder::new(3, 1).unwrap();
        let mut value = recorder.input();
        for layer in 0..layers {
            if layer > 0 {
                value = recorder.pointwise(Activation::Relu, value);
            }
            let weight = recorder.weight(&format!("w{layer}"), 5, value.rows());
            value = recorder.affine(weight.unwrap(), None, value).unwrap();
        }
        Arc::new(recorder.finish(value).unwrap())
    }

    #[test]
    fn layers_are_taken_once_where_they_follow_one_another() {
        for (layers, expected) in [(3, vec![0]), (4, vec![0, 4]), (5, vec![0, 4])] {
            let tape = deep(layers);
            assert_eq!(places(&tape), expected);
            same_as_machine(&tape);
        }
    }

    /// Where layers are done at once.
    fn places(tape: &Tape) -> Vec<usize> {
        at_once(tape).into_iter().map(|(index, _)| index).collect()
    }
}
