//! Handles to what a tape computes with: variables, made of lines, and parameters.

use std::ops::Range;

use super::lines::Columns;
use super::product::Matrix;
use super::write::Write;

/// A value that a tape computes: `rows` features at each of `positions` places (of a sequence, say; 1
/// where there is none), each of them a line that holds one number for every sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The line of row 0 at position 0.
    pub(super) first: usize,
    pub(super) rows: usize,
    pub(super) positions: usize,
    /// Lines from one row to the next.
    pub(super) pitch: usize,
    /// Whether it depends on parameters: if not, its tangent is zero and nobody asks for its adjoint.
    pub(super) active: bool,
}

/// One line of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    pub(super) index: usize,
    pub(super) active: bool,
}

impl Line {
    /// Where it lies in an arena of all lines.
    #[inline(always)]
    pub(super) fn range(&self, columns: Columns) -> Range<usize> {
        self.index * columns.stride..(self.index + 1) * columns.stride
    }
}

impl Variable {
    /// How many features it has at each position.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many positions it has: 1 but for sequences.
    pub fn positions(&self) -> usize {
        self.positions
    }

    /// The same features at `position` alone; nothing is copied.
    ///
    /// # Panics
    /// When there is no such position.
    pub fn at(&self, position: usize) -> Self {
        assert!(position < self.positions, "position {position} of {self:?}");
        Self {
            first: self.first + position,
            positions: 1,
            ..*self
        }
    }

    /// The line of `row` at `position`.
    ///
    /// # Panics
    /// When there is no such row or position.
    pub fn line(&self, row: usize, position: usize) -> Line {
        assert!(
            row < self.rows && position < self.positions,
            "row {row}, position {position} of {self:?}"
        );
        Line {
            index: self.first + row * self.pitch + position,
            active: self.active,
        }
    }

    /// All lines, row by row.
    pub fn lines(&self) -> impl Iterator<Item = Line> + use<> {
        let this = *self;
        (0..self.rows).flat_map(move |r| (0..this.positions).map(move |p| this.line(r, p)))
    }

    /// Whether its lines follow one another.
    pub(super) fn contiguous(&self) -> bool {
        self.rows == 1 || self.pitch == self.positions
    }

    /// The same lines as one row; only where they are contiguous.
    pub(super) fn flat(&self) -> Self {
        let positions = self.rows * self.positions;
        Self {
            rows: 1,
            positions,
            pitch: positions,
            ..*self
        }
    }

    /// Row `row` (all its positions) in an arena that begins with line `base`.
    #[inline(always)]
    pub(super) fn row(&self, row: usize, columns: Columns, base: usize) -> Range<usize> {
        let from = (self.first - base + row * self.pitch) * columns.stride;
        from..from + self.positions * columns.stride
    }

    /// From one row to the next, in numbers.
    #[inline(always)]
    pub(super) fn step(&self, columns: Columns) -> usize {
        self.pitch * columns.stride
    }

    /// The variable as a matrix, rows × (positions · stride), in an arena that begins with line `base`.
    #[inline(always)]
    pub(super) fn matrix<'a, T>(
        &self,
        arena: &'a [T],
        columns: Columns,
        base: usize,
    ) -> Matrix<'a, T> {
        let from = (self.first - base) * columns.stride;
        Matrix::rows(
            &arena[from..],
            self.rows,
            self.positions * columns.stride,
            self.step(columns),
        )
    }
}

/// Lines by which a tape multiplies others, not computed but drawn for each sample: dropout's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mask {
    pub(super) lines: Variable,
    pub(super) chance: f64,
}

impl Mask {
    /// How many numbers it has for each sample.
    pub fn count(&self) -> usize {
        self.lines.rows * self.lines.positions
    }

    /// p, the chance that one of them is 0; otherwise it is 1/(1 − p).
    pub fn chance(&self) -> f64 {
        self.chance
    }
}

/// What a parameter does, and hence where it should start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Multiplies, as a matrix.
    Weight,
    /// Multiplies row by row: neutral at 1.
    Gain,
    /// Is added: neutral at 0.
    Bias,
}

/// A named block of a tape's parameter vector: a matrix row after row, or a vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Unique within the tape.
    pub name: String,
    /// Whether it is a weight, a bias or a gain: how it starts depends on that.
    pub role: Role,
    /// Rows, the output side.
    pub rows: usize,
    /// Columns, the input side; 1 for a vector.
    pub columns: usize,
    /// The index of its first number in the parameter vector.
    pub offset: usize,
}

impl Parameter {
    /// Its place in the parameter vector.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.rows * self.columns
    }
}

/// Handle to a matrix of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    pub(super) index: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) offset: usize,
}

/// Handle to a vector of parameters: gains or biases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vector {
    pub(super) index: usize,
    pub(super) rows: usize,
    pub(super) offset: usize,
}

impl Weight {
    #[inline(always)]
    pub(super) fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.rows * self.columns
    }
}

impl Vector {
    #[inline(always)]
    pub(super) fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.rows
    }
}

/// Something that an operation reads, and whether its adjoint is set or added to on the way back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use<V> {
    pub what: V,
    pub write: Write,
}

impl<V> Use<V> {
    pub fn of(what: V) -> Self {
        Self {
            what,
            write: Write::Add,
        }
    }
}
