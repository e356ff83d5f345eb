//! Each sample's part in the gradient, without a gradient for each sample.
//!
//! After [`Machine::backward`] the adjoint ȳ and the input x of every affine map hold, column by column,
//! what each sample adds to the gradient of its weight: G = Σ_u ȳ_u x_uᵀ over the places u where the
//! weight is used (one for a plain layer, one for each position of a sequence or step of a recurrence).
//! Hence ‖G‖² = Σ_{u,v} (ȳ_u·ȳ_v)(x_u·x_v), which for one place is ‖ȳ‖²‖x‖².

use std::ops::Range;

use super::lines::Block;
use super::op::Op;
use super::product::{Matrix, dot_line, pair_lines};
use super::variable::Variable;
use super::write::{RUN, Write, runs};
use super::{Machine, Number};
use crate::lanes::vectorise;

/// One use of a parameter at one position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The map's output there.
    output: Variable,
    /// What the parameter multiplies there; nothing for an offset.
    input: Option<Variable>,
}

/// Whether a parameter's gradient is made of outer products or of products row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Outer,
    Rows,
}

/// All uses of one parameter.
#[derive(Clone, Debug)]
pub(super) struct Places {
    kind: Kind,
    places: Vec<Place>,
}

impl<T: Number> Machine<T> {
    /// ‖g‖² for each parameter block (a line each, in the tape's order) and sample, g being the
    /// sample's part in the gradient that the last [`Machine::backward`] computed.
    pub fn sample_squared_norms(&self, norms: &mut Block<T>) {
        let stride = self.columns.stride;
        assert_eq!(norms.lines().columns, self.columns);
        assert_eq!(norms.lines().count(), self.tape.parameters().len());
        let norms = norms.lines_mut().data.chunks_exact_mut(stride);
        vectorise(
            #[inline(always)]
            || {
                for ((norm, parameter), uses) in
                    norms.zip(self.tape.parameters()).zip(&self.tape.places)
                {
                    norm.fill(T::ZERO);
                    for run in runs(stride) {
                        let norm = &mut norm[run.clone()];
                        match uses.kind {
                            Kind::Outer => self.outer(&uses.places, run, norm),
                            Kind::Rows => self.row_by_row(parameter.rows, &uses.places, run, norm),
                        }
                    }
                }
            },
        );
    }

    /// Σ_b g_b ∘ g_b, laid out as the parameter vector: the squares of all samples' parts in the gradient that the last
    /// [`Machine::backward`] computed, summed entry by entry. For a plain layer it is (ȳ∘ȳ)(x∘x)ᵀ; where a weight
    /// is used at several places each sample's sum over them is squared, a line of samples at a time. No
    /// gradient of a single sample is formed.
    pub fn summed_squares(&mut self, squares: &mut [T]) {
        assert_eq!(squares.len(), self.tape.parameter_count());
        let mut scratch = std::mem::take(&mut self.squares);
        for (parameter, uses) in self.tape.parameters().iter().zip(&self.tape.places) {
            let squares = &mut squares[parameter.range()];
            let shape = (parameter.rows, parameter.columns);
            match (uses.kind, &uses.places[..]) {
                (
                    Kind::Outer,
                    &[
                        Place {
                            output,
                            input: Some(input),
                        },
                    ],
                ) => {
                    self.squared_outer(output, input, &mut scratch, squares);
                }
                (kind, places) => vectorise(
                    #[inline(always)]
                    || self.squared_sums(kind, places, shape, squares),
                ),
            }
        }
        self.squares = scratch;
    }

    /// The part of sample `sample` in the gradient that the last [`Machine::backward`] computed.
    pub fn sample_gradient(&self, sample: usize, gradient: &mut [T]) {
        assert!(sample < self.columns.batch);
        assert_eq!(gradient.len(), self.tape.parameter_count());
        gradient.fill(T::ZERO);
        let entry = |arena: &[T], variable: Variable, row| {
            arena[variable.row(row, self.columns, 0).start + sample]
        };
        for (index, parameter) in self.tape.parameters().iter().enumerate() {
            let gradient = &mut gradient[parameter.range()];
            let Places { kind, places } = &self.tape.places[index];
            for place in places {
                for row in 0..parameter.rows {
                    let bar = entry(&self.adjoints, place.output, row);
                    match (kind, place.input) {
                        (Kind::Outer, Some(x)) => {
                            for column in 0..parameter.columns {
                                gradient[row * parameter.columns + column] +=
                                    bar * entry(&self.values, x, column);
                            }
                        }
                        (_, Some(x)) => gradient[row] += bar * entry(&self.values, x, row),
                        (_, None) => gradient[row] += bar,
                    }
                }
            }
        }
    }

    /// squares = (ȳ∘ȳ)(x∘x)ᵀ.
    fn squared_outer(
        &self,
        output: Variable,
        input: Variable,
        scratch: &mut [Vec<T>; 2],
        squares: &mut [T],
    ) {
        let stride = self.columns.stride;
        let from = [(&self.adjoints, output), (&self.values, input)];
        for (squared, (arena, variable)) in scratch.iter_mut().zip(from) {
            squared.clear();
            for row in 0..variable.rows {
                let line = self.piece(arena, variable, row, &(0..stride));
                squared.extend(line.iter().map(|&x| x * x));
            }
        }
        let [bars, inputs] = scratch;
        let bars = Matrix::rows(bars, output.rows, stride, stride);
        let inputs = Matrix::rows(inputs, input.rows, stride, stride);
        pair_lines(squares, bars, inputs, stride, Write::Set);
    }

    /// squares_ij = Σ_b (Σ_u ȳ_iu x_ju)², or with x_iu, or with 1 in its place.
    #[inline(always)]
    fn squared_sums(
        &self,
        kind: Kind,
        places: &[Place],
        (rows, columns): (usize, usize),
        squares: &mut [T],
    ) {
        let mut sums = [T::ZERO; RUN];
        for row in 0..rows {
            for column in 0..columns {
                let square = &mut squares[row * columns + column];
                *square = T::ZERO;
                for run in runs(self.columns.stride) {
                    let sums = &mut sums[..run.len()];
                    sums.fill(T::ZERO);
                    for place in places {
                        let factor = if kind == Kind::Outer { column } else { row };
                        self.add_products(place, row, factor, &run, sums);
                    }
                    *square += dot_line(sums, sums, run.len());
                }
            }
        }
    }

    /// sums += ȳ x for one place, row `row` of ȳ and `factor` of x, or ȳ alone; for the samples `run`.
    #[inline(always)]
    fn add_products(
        &self,
        place: &Place,
        row: usize,
        factor: usize,
        run: &Range<usize>,
        sums: &mut [T],
    ) {
        let bar = self.piece(&self.adjoints, place.output, row, run);
        match place.input {
            Some(x) => {
                let x = self.piece(&self.values, x, factor, run);
                Write::Add.each(
                    sums,
                    [bar, x],
                    #[inline(always)]
                    |[bar, x]| bar * x,
                );
            }
            None => Write::Add.each(
                sums,
                [bar],
                #[inline(always)]
                |[bar]| bar,
            ),
        }
    }

    /// norm += Σ_{u,v} (ȳ_u·ȳ_v)(x_u·x_v), for the samples `run`.
    #[inline(always)]
    fn outer(&self, places: &[Place], run: Range<usize>, norm: &mut [T]) {
        let [mut bars, mut inputs] = [[T::ZERO; RUN]; 2];
        let (bars, inputs) = (&mut bars[..run.len()], &mut inputs[..run.len()]);
        for (u, a) in places.iter().enumerate() {
            for (v, b) in places[..=u].iter().enumerate() {
                if let (Some(x), Some(z)) = (a.input, b.input) {
                    self.dot(&self.adjoints, a.output, b.output, &run, bars);
                    self.dot(&self.values, x, z, &run, inputs);
                    let twice = T::from_f64(if u == v { 1.0 } else { 2.0 });
                    Write::Add.each(
                        norm,
                        [bars, inputs],
                        #[inline(always)]
                        |[bars, inputs]| twice * bars * inputs,
                    );
                }
            }
        }
    }

    /// norm += Σ_r (Σ_u ȳ_ru x_ru)², for the samples `run`.
    #[inline(always)]
    fn row_by_row(&self, rows: usize, places: &[Place], run: Range<usize>, norm: &mut [T]) {
        let mut sum = [T::ZERO; RUN];
        let sum = &mut sum[..run.len()];
        for row in 0..rows {
            sum.fill(T::ZERO);
            for place in places {
                self.add_products(place, row, row, &run, sum);
            }
            Write::Add.each(
                norm,
                [sum],
                #[inline(always)]
                |[sum]| sum * sum,
            );
        }
    }

    /// Σ_r a_r b_r, for the samples `run`.
    #[inline(always)]
    fn dot(&self, arena: &[T], a: Variable, b: Variable, run: &Range<usize>, out: &mut [T]) {
        out.fill(T::ZERO);
        for row in 0..a.rows {
            let sources = [a, b].map(|variable| self.piece(arena, variable, row, run));
            Write::Add.each(
                out,
                sources,
                #[inline(always)]
                |[a, b]| a * b,
            );
        }
    }

    /// The samples `run` of a row of a variable at one position.
    #[inline(always)]
    fn piece<'a>(
        &self,
        arena: &'a [T],
        variable: Variable,
        row: usize,
        run: &Range<usize>,
    ) -> &'a [T] {
        &arena[variable.row(row, self.columns, 0)][run.clone()]
    }
}

/// Where each of `count` parameters is used.
pub(super) fn places(ops: &[Op], count: usize) -> Vec<Places> {
    let unused = Places {
        kind: Kind::Rows,
        places: Vec::new(),
    };
    let mut all = vec![unused; count];
    let mut add = |index: usize, kind, output: Variable, input: Option<Variable>| {
        all[index].kind = kind;
        all[index]
            .places
            .extend((0..output.positions).map(|position| Place {
                output: output.at(position),
                input: input.map(|input| input.at(position)),
            }));
    };
    for op in ops {
        match op {
            Op::Affine(op) => {
                let weight = op.weight.what.index;
                add(weight, Kind::Outer, op.output, Some(op.input.what));
                if let Some(bias) = &op.bias {
                    add(bias.what.index, Kind::Rows, op.output, None);
                }
            }
            Op::Diagonal(op) => {
                let gain = op.gain.what.index;
                add(gain, Kind::Rows, op.output, Some(op.input.what));
                add(op.offset.what.index, Kind::Rows, op.output, None);
            }
            Op::Offset(op) => {
                // Each number is used once: rows at a single place.
                let rows = Variable {
                    rows: op.offset.what.rows,
                    positions: 1,
                    pitch: 1,
                    ..op.output
                };
                add(op.offset.what.index, Kind::Rows, rows, None);
            }
            _ => {}
        }
    }
    all
}
