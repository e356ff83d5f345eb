//! Runs a tape on one batch: forwards, backwards, and along directions of the parameters.

use std::ops::Range;
use std::sync::Arc;

use super::Number;
use super::lines::{Columns, Lines, LinesMut};
use super::op::{Direction, Point, Rules, Sink};
use super::sparse::Sparse;
use super::tape::Tape;
use crate::lanes::vectorise;

/// How much of the second derivative a way back along tangents takes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Jᵀ(…) alone: the tape as if it were linear in its parameters.
    GaussNewton,
    /// Jᵀ(…) and the derivative of Jᵀ.
    Hessian,
}

/// A tape with buffers for one batch.
///
/// Buffers are kept: after the first use of each mode nothing is allocated, unless the batch grows or
/// more directions are given than ever before.
///
/// All methods panic when a slice of parameters, directions or gradients does not have the tape's
/// length: a programmer's error, which no data can cause.
#[derive(Clone, Debug)]
pub struct Machine<T> {
    pub(super) tape: Arc<Tape>,
    pub(super) columns: Columns,
    pub(super) values: Vec<T>,
    pub(super) adjoints: Vec<T>,
    tangents: Vec<Tangent<T>>,
    /// Squares of adjoints and inputs, while products are taken of them.
    pub(super) squares: [Vec<T>; 2],
    sparse: Option<Sparse<T>>,
    /// Whether the inputs may have changed since `sparse` was made of them.
    stale: bool,
}

/// What follows from one direction of the parameters.
#[derive(Clone, Debug)]
struct Tangent<T> {
    values: Vec<T>,
    adjoints: Vec<T>,
}

impl<T: Number> Machine<T> {
    /// Buffers for a batch of `batch` samples, at least 1. The inputs are 0.
    pub fn new(tape: Arc<Tape>, batch: usize) -> Self {
        let columns = Columns::new::<T>(batch);
        let numbers = tape.lines * columns.stride;
        Self {
            columns,
            values: vec![T::ZERO; numbers],
            adjoints: vec![T::ZERO; numbers],
            tangents: Vec::new(),
            squares: Default::default(),
            sparse: tape.large_input().filter(|_| T::PLAIN).map(Sparse::new),
            stale: true,
            tape,
        }
    }

    /// What is run.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// Samples in the batch.
    pub fn batch(&self) -> usize {
        self.columns.batch
    }

    /// Makes room for `batch` samples. The inputs are 0 after it, unless the batch had that size already.
    pub fn resize(&mut self, batch: usize) {
        if batch == self.columns.batch {
            return;
        }
        self.columns = Columns::new::<T>(batch);
        let numbers = self.tape.lines * self.columns.stride;
        let tangents = self.tangents.iter_mut();
        let arenas = tangents.flat_map(|tangent| [&mut tangent.values, &mut tangent.adjoints]);
        for arena in arenas.chain([&mut self.values, &mut self.adjoints]) {
            arena.clear();
            arena.resize(numbers, T::ZERO);
        }
        self.stale = true;
    }

    /// Where the inputs go: finite numbers, line (row · positions + position).
    pub fn inputs_mut(&mut self) -> LinesMut<'_, T> {
        self.parts_mut().1
    }

    /// The tape with where the inputs go.
    pub(crate) fn parts_mut(&mut self) -> (&Tape, LinesMut<'_, T>) {
        self.stale = true;
        let lines = self.tape.input.rows * self.tape.input.positions;
        let inputs = LinesMut {
            data: &mut self.values[..lines * self.columns.stride],
            columns: self.columns,
        };
        (&self.tape, inputs)
    }

    /// Where the numbers of the tape's mask `index` go, 0 until then.
    ///
    /// # Panics
    /// When there is no such mask: a programmer's error.
    pub fn mask_mut(&mut self, index: usize) -> LinesMut<'_, T> {
        let lines = self.tape.masks()[index].lines.flat();
        LinesMut {
            data: &mut self.values[lines.row(0, self.columns, 0)],
            columns: self.columns,
        }
    }

    /// Computes everything from the inputs and `parameters`.
    pub fn forward(&mut self, parameters: &[T]) {
        self.forward_part(parameters, 0..self.tape.ops.len());
    }

    /// What operations `part` compute, from the inputs and from what those before them have.
    pub(super) fn forward_part(&mut self, parameters: &[T], part: Range<usize>) {
        assert_eq!(parameters.len(), self.tape.parameter_count());
        if std::mem::take(&mut self.stale)
            && let Some(sparse) = &mut self.sparse
        {
            sparse.set(&self.values, self.columns);
        }
        let (ops, columns) = (&self.tape.ops[part], self.columns);
        let (values, sparse) = (&mut self.values, useful(&self.sparse));
        vectorise(
            #[inline(always)]
            || {
                for op in ops {
                    let (below, out) = values.split_at_mut(op.output().first * columns.stride);
                    let at = Point {
                        columns,
                        parameters,
                        values: below,
                        sparse,
                    };
                    op.forward(at, out);
                }
            },
        );
    }

    /// The output, and its adjoint to be filled before [`Machine::backward`]: the gradient of a loss
    /// with respect to the output.
    pub fn adjoint(&mut self) -> (Lines<'_, T>, LinesMut<'_, T>) {
        let (range, columns) = (self.output(), self.columns);
        (
            Lines {
                data: &self.values[range.clone()],
                columns,
            },
            LinesMut {
                data: &mut self.adjoints[range],
                columns,
            },
        )
    }

    /// Jᵀ times the output's adjoint, into `gradient`: a sum over the batch. `parameters` are those of
    /// the last [`Machine::forward`].
    pub fn backward(&mut self, parameters: &[T], gradient: &mut [T]) {
        assert_eq!(parameters.len(), self.tape.parameter_count());
        assert_eq!(gradient.len(), parameters.len());
        let (tape, columns) = (&*self.tape, self.columns);
        let at = Point {
            columns,
            parameters,
            values: &self.values,
            sparse: useful(&self.sparse),
        };
        let adjoints = &mut self.adjoints;
        vectorise(
            #[inline(always)]
            || {
                tape.clear(columns, adjoints);
                for op in tape.ops.iter().rev() {
                    let (lines, adjoint) =
                        adjoints.split_at_mut(op.output().first * columns.stride);
                    let sink = Sink {
                        lines,
                        parameters: &mut *gradient,
                    };
                    op.backward(at, adjoint, sink);
                }
            },
        );
    }

    /// J v for each of the `directions` v of the parameters, given one after another, at the recorded
    /// point.
    pub fn tangent(&mut self, parameters: &[T], directions: &[T]) {
        let count = self.directions(parameters, directions);
        let numbers = self.values.len();
        while self.tangents.len() < count {
            self.tangents.push(Tangent {
                values: vec![T::ZERO; numbers],
                adjoints: vec![T::ZERO; numbers],
            });
        }
        let (ops, columns) = (&self.tape.ops, self.columns);
        let at = Point {
            columns,
            parameters,
            values: &self.values,
            sparse: useful(&self.sparse),
        };
        let tangents = &mut self.tangents;
        vectorise(
            #[inline(always)]
            || {
                for op in ops {
                    let each = directions.chunks_exact(parameters.len());
                    for (direction, tangent) in each.zip(&mut *tangents) {
                        let from = op.output().first * columns.stride;
                        let (below, out) = tangent.values.split_at_mut(from);
                        let along = Direction {
                            parameters: direction,
                            values: below,
                        };
                        op.tangent(at, along, out);
                    }
                }
            },
        );
    }

    /// The output, its derivative along direction `index`, and the derivative of the output's adjoint,
    /// to be filled before [`Machine::tangent_backward`].
    pub fn tangent_adjoint(
        &mut self,
        index: usize,
    ) -> (Lines<'_, T>, Lines<'_, T>, LinesMut<'_, T>) {
        let (range, columns) = (self.output(), self.columns);
        let tangent = &mut self.tangents[index];
        (
            Lines {
                data: &self.values[range.clone()],
                columns,
            },
            Lines {
                data: &tangent.values[range.clone()],
                columns,
            },
            LinesMut {
                data: &mut tangent.adjoints[range],
                columns,
            },
        )
    }

    /// For each direction the derivative of the gradient along it, into `products`, one after another;
    /// of order [`Order::GaussNewton`] it takes J as fixed. Needs [`Machine::tangent`] of the same
    /// directions and, for [`Order::Hessian`], [`Machine::backward`] before it.
    pub fn tangent_backward(
        &mut self,
        parameters: &[T],
        directions: &[T],
        order: Order,
        products: &mut [T],
    ) {
        let count = self.directions(parameters, directions);
        assert_eq!(products.len(), directions.len());
        assert!(
            count <= self.tangents.len(),
            "tangent_backward without tangent"
        );
        let (tape, columns) = (&*self.tape, self.columns);
        let at = Point {
            columns,
            parameters,
            values: &self.values,
            sparse: useful(&self.sparse),
        };
        let (adjoints, tangents) = (&self.adjoints, &mut self.tangents[..count]);
        vectorise(
            #[inline(always)]
            || {
                for tangent in &mut *tangents {
                    tape.clear(columns, &mut tangent.adjoints);
                }
                for op in tape.ops.iter().rev() {
                    let from = op.output().first * columns.stride;
                    let each = directions
                        .chunks_exact(parameters.len())
                        .zip(products.chunks_exact_mut(parameters.len()));
                    for ((direction, product), tangent) in each.zip(&mut *tangents) {
                        let (lines, adjoint) = tangent.adjoints.split_at_mut(from);
                        let sink = Sink {
                            lines: &mut *lines,
                            parameters: &mut *product,
                        };
                        op.backward(at, adjoint, sink);
                        if order == Order::Hessian {
                            let along = Direction {
                                parameters: direction,
                                values: &tangent.values,
                            };
                            let sink = Sink {
                                lines,
                                parameters: product,
                            };
                            op.mixed(at, along, &adjoints[from..], sink);
                        }
                    }
                }
            },
        );
    }

    /// How many directions there are.
    fn directions(&self, parameters: &[T], directions: &[T]) -> usize {
        assert_eq!(parameters.len(), self.tape.parameter_count());
        assert!(directions.len().is_multiple_of(parameters.len()));
        directions.len() / parameters.len()
    }

    /// Where the output lies in an arena.
    fn output(&self) -> Range<usize> {
        let output = self.tape.output;
        output.flat().row(0, self.columns, 0)
    }
}

/// The input without its zeros, where there are enough of them.
fn useful<T: Number>(sparse: &Option<Sparse<T>>) -> Option<&Sparse<T>> {
    sparse.as_ref().filter(|sparse| sparse.useful())
}

impl Tape {
    #[inline(always)]
    fn clear<T: Number>(&self, columns: Columns, adjoints: &mut [T]) {
        for &line in &self.clear {
            adjoints[line * columns.stride..][..columns.stride].fill(T::ZERO);
        }
    }
}
