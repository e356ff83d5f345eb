//! Records what is to be computed: a list of operations on lines, each after all that it reads.

use super::error::TensorError;
use super::op::{
    Activation, Affine, Diagonal, Gather, Group, Normalise, Offset, Op, Pointwise, Products, Rules,
    Softmax, Sum,
};
use super::product::LARGE;
use super::samples::{Places, places};
use super::variable::{Line, Mask, Parameter, Role, Use, Variable, Vector, Weight};
use super::write::Write;

/// A function of parameters and inputs, recorded once and run by a [`Machine`](super::Machine) on any
/// batch, in either precision, in any mode of differentiation.
#[derive(Clone, Debug)]
pub struct Tape {
    pub(super) ops: Vec<Op>,
    pub(super) lines: usize,
    pub(super) input: Variable,
    pub(super) output: Variable,
    /// Lines whose adjoints nobody sets before they are added to.
    pub(super) clear: Vec<usize>,
    /// For each parameter.
    pub(super) places: Vec<Places>,
    parameters: Vec<Parameter>,
    masks: Vec<Mask>,
}

impl Tape {
    /// The variable that holds the input: its rows and positions are the input's.
    pub fn input(&self) -> Variable {
        self.input
    }

    /// What is computed.
    pub fn output(&self) -> Variable {
        self.output
    }

    /// The blocks that make up the parameter vector, in order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// What it multiplies by that is drawn for each sample, in order; nothing without dropout.
    pub fn masks(&self) -> &[Mask] {
        &self.masks
    }

    /// How many numbers running it keeps for each sample: its input and every result on the way.
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// The input, if it has one position and a matrix large enough to go by its zeros multiplies it.
    pub(super) fn large_input(&self) -> Option<Variable> {
        let large = |op: &Op| match op {
            Op::Affine(op) => {
                let Weight { rows, columns, .. } = op.weight.what;
                op.input.what == self.input && rows * columns >= LARGE
            }
            _ => false,
        };
        let large = self.input.positions == 1 && self.ops.iter().any(large);
        large.then_some(self.input)
    }

    /// Whether products with a weight go by panels, or by the zeros of their input.
    pub(crate) fn has_large_weight(&self) -> bool {
        let large = |p: &Parameter| p.role == Role::Weight && p.rows * p.columns >= LARGE;
        self.parameters.iter().any(large)
    }

    /// Length of the parameter vector.
    pub fn parameter_count(&self) -> usize {
        self.parameters.last().map_or(0, |last| last.range().end)
    }
}

/// Writes a [`Tape`].
///
/// Each method but the first appends an operation and gives its result. All of them return an error
/// when shapes do not fit, and then record nothing.
#[derive(Clone, Debug)]
pub struct Recorder {
    ops: Vec<Op>,
    lines: usize,
    input: Variable,
    parameters: Vec<Parameter>,
    masks: Vec<Mask>,
}

impl Recorder {
    /// A tape whose input has `rows` features at each of `positions` places.
    ///
    /// # Errors
    /// When either is 0.
    pub fn new(rows: usize, positions: usize) -> Result<Self, TensorError> {
        if rows == 0 || positions == 0 {
            return Err(TensorError::Empty { what: "the input" });
        }
        let input = Variable {
            first: 0,
            rows,
            positions,
            pitch: positions,
            active: false,
        };
        Ok(Self {
            ops: Vec::new(),
            lines: rows * positions,
            input,
            parameters: Vec::new(),
            masks: Vec::new(),
        })
    }

    /// What the tape reads.
    pub fn input(&self) -> Variable {
        self.input
    }

    /// A new matrix of parameters.
    ///
    /// # Errors
    /// When it is empty or its name is taken.
    pub fn weight(
        &mut self,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Weight, TensorError> {
        let (index, offset) = self.parameter(name, Role::Weight, rows, columns)?;
        Ok(Weight {
            index,
            rows,
            columns,
            offset,
        })
    }

    /// New biases, one for each row.
    ///
    /// # Errors
    /// As [`Recorder::weight`].
    pub fn bias(&mut self, name: &str, rows: usize) -> Result<Vector, TensorError> {
        self.vector(name, Role::Bias, rows)
    }

    /// New gains, one for each row.
    ///
    /// # Errors
    /// As [`Recorder::weight`].
    pub fn gain(&mut self, name: &str, rows: usize) -> Result<Vector, TensorError> {
        self.vector(name, Role::Gain, rows)
    }

    fn vector(&mut self, name: &str, role: Role, rows: usize) -> Result<Vector, TensorError> {
        let (index, offset) = self.parameter(name, role, rows, 1)?;
        Ok(Vector {
            index,
            rows,
            offset,
        })
    }

    fn parameter(
        &mut self,
        name: &str,
        role: Role,
        rows: usize,
        columns: usize,
    ) -> Result<(usize, usize), TensorError> {
        if rows == 0 || columns == 0 {
            return Err(TensorError::Empty {
                what: "a parameter",
            });
        }
        if self.parameters.iter().any(|other| other.name == name) {
            return Err(TensorError::Name { name: name.into() });
        }
        let offset = self.parameters.last().map_or(0, |last| last.range().end);
        self.parameters.push(Parameter {
            name: name.into(),
            role,
            rows,
            columns,
            offset,
        });
        Ok((self.parameters.len() - 1, offset))
    }

    /// W x + b at every position.
    ///
    /// # Errors
    /// When x has not as many rows as W has columns, or b not as many as W has rows.
    pub fn affine(
        &mut self,
        weight: Weight,
        bias: Option<Vector>,
        x: Variable,
    ) -> Result<Variable, TensorError> {
        expect("an affine map", x, weight.columns, x.positions)?;
        if let Some(bias) = bias {
            vector("an affine map's bias", bias, weight.rows)?;
        }
        let output = self.fresh(weight.rows, x.positions);
        self.push(Op::Affine(Affine {
            weight: Use::of(weight),
            bias: bias.map(Use::of),
            input: Use::of(x),
            output,
        }))
    }

    /// φ(x), number by number; for the identity x itself.
    pub fn pointwise(&mut self, activation: Activation, x: Variable) -> Variable {
        if activation == Activation::Identity {
            return x;
        }
        let output = self.fresh(x.rows, x.positions);
        // One long row makes one long loop.
        let (input, flat) = if x.contiguous() {
            (x.flat(), output.flat())
        } else {
            (x, output)
        };
        self.ops.push(Op::Pointwise(Pointwise {
            activation,
            input: Use::of(input),
            output: flat,
        }));
        output
    }

    /// x times a mask that is 0 with the chance `chance` and 1/(1 − chance) otherwise, line by line; x itself where the chance
    /// is 0. The mask's numbers are put where [`Machine::mask_mut`](super::Machine::mask_mut) says.
    ///
    /// # Errors
    /// Those of [`Recorder::products`].
    pub fn dropout(&mut self, x: Variable, chance: f64) -> Result<Variable, TensorError> {
        if chance == 0.0 {
            return Ok(x);
        }
        let lines = Variable {
            active: false,
            ..self.fresh(x.rows, x.positions)
        };
        self.masks.push(Mask { lines, chance });
        let pairs = x.lines().zip(lines.lines());
        let pairs = pairs.map(|(x, mask)| vec![[x, mask]]).collect();
        self.products(x.rows, x.positions, 1.0, pairs)
    }

    /// a + b.
    ///
    /// # Errors
    /// When their shapes differ.
    pub fn sum(&mut self, a: Variable, b: Variable) -> Result<Variable, TensorError> {
        expect("a sum", b, a.rows, a.positions)?;
        let output = self.fresh(a.rows, a.positions);
        self.push(Op::Sum(Sum {
            terms: [a, b].map(Use::of),
            output,
        }))
    }

    /// `rows` × `positions` lines, row by row: each is `scale` times the sum, over its pairs, of the
    /// product of the two lines.
    ///
    /// # Errors
    /// When there are not as many lists of pairs as lines, or one is empty.
    pub fn products(
        &mut self,
        rows: usize,
        positions: usize,
        scale: f64,
        pairs: Vec<Vec<[Line; 2]>>,
    ) -> Result<Variable, TensorError> {
        if rows == 0 || positions == 0 || pairs.iter().any(Vec::is_empty) {
            return Err(TensorError::Empty { what: "a product" });
        }
        count("products", pairs.len(), rows, positions)?;
        let output = self.fresh(rows, positions);
        self.push(Op::Products(Products::new(scale, pairs, output)))
    }

    /// `rows` × `positions` lines, row by row, copied from `lines`.
    ///
    /// # Errors
    /// When there are not as many.
    pub fn gather(
        &mut self,
        rows: usize,
        positions: usize,
        lines: Vec<Line>,
    ) -> Result<Variable, TensorError> {
        if rows == 0 || positions == 0 {
            return Err(TensorError::Empty {
                what: "a gathering",
            });
        }
        count("a gathering", lines.len(), rows, positions)?;
        let output = self.fresh(rows, positions);
        let lines = lines.into_iter().map(Use::of).collect();
        self.push(Op::Gather(Gather { lines, output }))
    }

    /// exp(x)/Σ exp(x) over each group of x's lines.
    ///
    /// # Errors
    /// When x is one position of a longer variable, or a line is in no group or in two.
    pub fn softmax(&mut self, x: Variable, groups: Vec<Group>) -> Result<Variable, TensorError> {
        partition("softmax", x, &groups)?;
        let output = self.fresh(x.rows, x.positions);
        self.push(Op::Softmax(Softmax {
            groups,
            input: Use::of(x),
            output,
        }))
    }

    /// (x − mean x)/√(var x + ε) over each group of x's lines; the variance is divided by the count.
    ///
    /// # Errors
    /// As [`Recorder::softmax`].
    pub fn normalise(
        &mut self,
        x: Variable,
        epsilon: f64,
        groups: Vec<Group>,
    ) -> Result<Variable, TensorError> {
        partition("normalisation", x, &groups)?;
        let output = self.fresh(x.rows, x.positions);
        let inverse = self.fresh(groups.len(), 1);
        self.push(Op::Normalise(Normalise {
            epsilon,
            groups,
            input: Use::of(x),
            output,
            inverse,
        }))
    }

    /// g_r x_r + b_r for each row r, at every position.
    ///
    /// # Errors
    /// When g or b has not one number for each row.
    pub fn diagonal(
        &mut self,
        gain: Vector,
        offset: Vector,
        x: Variable,
    ) -> Result<Variable, TensorError> {
        vector("a diagonal map's gain", gain, x.rows)?;
        vector("a diagonal map's offset", offset, x.rows)?;
        let output = self.fresh(x.rows, x.positions);
        self.push(Op::Diagonal(Diagonal {
            gain: Use::of(gain),
            offset: Use::of(offset),
            input: Use::of(x),
            output,
        }))
    }

    /// x + b with a number of b for each line of x, row by row: what each position has of its own.
    ///
    /// # Errors
    /// When x is one position of a longer variable, or b has not one number for each of its lines.
    ///
    /// ```
    /// use thalweg::tensor::{Machine, Recorder};
    ///
    /// // One row at two positions.
    /// let mut recorder = Recorder::new(1, 2)?;
    /// let b = recorder.bias("b", 2)?;
    /// let y = recorder.offset(b, recorder.input())?;
    /// let mut machine = Machine::<f64>::new(recorder.finish(y)?.into(), 1);
    /// machine.inputs_mut().line(1)[0] = 5.0;
    /// machine.forward(&[1.0, 2.0]);
    /// let (output, _) = machine.adjoint();
    /// assert_eq!([output.line(0)[0], output.line(1)[0]], [1.0, 7.0]);
    /// # Ok::<(), thalweg::tensor::TensorError>(())
    /// ```
    pub fn offset(&mut self, b: Vector, x: Variable) -> Result<Variable, TensorError> {
        if !x.contiguous() {
            return Err(TensorError::Scattered {
                operation: "an offset",
            });
        }
        vector("an offset", b, x.rows * x.positions)?;
        let output = self.fresh(x.rows, x.positions);
        self.push(Op::Offset(Offset {
            offset: Use::of(b),
            input: Use::of(x),
            output,
        }))
    }

    /// The tape that computes `output`.
    ///
    /// # Errors
    /// When `output` is one position of a longer variable, or the input itself, or a parameter is not
    /// used.
    pub fn finish(mut self, output: Variable) -> Result<Tape, TensorError> {
        if !output.contiguous() {
            return Err(TensorError::Scattered {
                operation: "the output",
            });
        }
        if !output.active {
            return Err(TensorError::Empty {
                what: "the list of operations",
            });
        }
        let (clear, used) = self.plan(output);
        if let Some((unused, _)) = self.parameters.iter().zip(used).find(|(_, used)| !used) {
            return Err(TensorError::Unused {
                name: unused.name.clone(),
            });
        }
        Ok(Tape {
            places: places(&self.ops, self.parameters.len()),
            ops: self.ops,
            lines: self.lines,
            input: self.input,
            output,
            clear,
            parameters: self.parameters,
            masks: self.masks,
        })
    }

    /// Lets the first on the way back who writes an adjoint set it, so that little need be cleared.
    /// Returns the lines for which that is not possible, and which parameters are used.
    fn plan(&mut self, output: Variable) -> (Vec<usize>, Vec<bool>) {
        let mut written = vec![false; self.lines];
        for line in output.lines() {
            written[line.index] = true;
        }
        let mut given = vec![false; self.parameters.len()];
        let mut first = |index: usize| {
            if std::mem::replace(&mut given[index], true) {
                Write::Add
            } else {
                Write::Set
            }
        };
        let mut clear = Vec::new();
        for op in self.ops.iter_mut().rev() {
            let reads = op.reads();
            for variable in reads.variables {
                let indices: Vec<_> = variable.what.lines().map(|line| line.index).collect();
                if indices.iter().any(|&index| written[index]) {
                    clear.extend(indices.iter().filter(|&&index| !written[index]));
                    variable.write = Write::Add;
                } else {
                    variable.write = Write::Set;
                }
                for index in indices {
                    written[index] = true;
                }
            }
            for line in reads.lines {
                line.write = match std::mem::replace(&mut written[line.what.index], true) {
                    true => Write::Add,
                    false => Write::Set,
                };
            }
            if let Some(weight) = reads.weight {
                weight.write = first(weight.what.index);
            }
            for bias in reads.biases {
                bias.write = first(bias.what.index);
            }
        }
        (clear, given)
    }

    /// Lines after all others.
    fn fresh(&mut self, rows: usize, positions: usize) -> Variable {
        let first = self.lines;
        self.lines += rows * positions;
        Variable {
            first,
            rows,
            positions,
            pitch: positions,
            active: true,
        }
    }

    fn push(&mut self, op: Op) -> Result<Variable, TensorError> {
        let output = op.output();
        self.ops.push(op);
        Ok(output)
    }
}

fn expect(
    operation: &'static str,
    found: Variable,
    rows: usize,
    positions: usize,
) -> Result<(), TensorError> {
    if (found.rows, found.positions) == (rows, positions) {
        return Ok(());
    }
    Err(TensorError::Shape {
        operation,
        rows,
        positions,
        found_rows: found.rows,
        found_positions: found.positions,
    })
}

fn vector(operation: &'static str, found: Vector, rows: usize) -> Result<(), TensorError> {
    if found.rows == rows {
        return Ok(());
    }
    Err(TensorError::Shape {
        operation,
        rows,
        positions: 1,
        found_rows: found.rows,
        found_positions: 1,
    })
}

fn count(
    operation: &'static str,
    found: usize,
    rows: usize,
    positions: usize,
) -> Result<(), TensorError> {
    if found == rows * positions {
        return Ok(());
    }
    Err(TensorError::Shape {
        operation,
        rows,
        positions,
        found_rows: found,
        found_positions: 1,
    })
}

fn partition(operation: &'static str, x: Variable, groups: &[Group]) -> Result<(), TensorError> {
    if !x.contiguous() {
        return Err(TensorError::Scattered { operation });
    }
    let lines = x.rows * x.positions;
    let mut members: Vec<_> = groups.iter().flat_map(|group| group.lines()).collect();
    members.sort_unstable();
    if members.into_iter().eq(0..lines) && groups.iter().all(|group| group.count > 0) {
        return Ok(());
    }
    Err(TensorError::Groups { operation, lines })
}
