//! The operations a tape is made of, one family a file, and the four rules that each must know.
//!
//! For y = f(x, θ) with Jacobian J at the recorded point:
//!
//! | rule | computes | used for |
//! |---|---|---|
//! | `forward` | y | values |
//! | `tangent` | ẏ = J (ẋ, θ̇) | forward mode |
//! | `backward` | (x̄, θ̄) += Jᵀ ȳ | reverse mode |
//! | `mixed` | (x̄, θ̄) += (∂/∂(x, θ) [Jᵀ ȳ]) (ẋ, θ̇) | the derivative of reverse mode along a tangent |
//!
//! The last is zero for a linear map. Replaying `tangent` forwards, then `backward` on the adjoints'
//! tangents together with `mixed`, gives H v without touching the values again; without `mixed` it
//! gives Jᵀ(…)J v.

mod affine;
mod diagonal;
mod gather;
mod group;
mod normalise;
mod offset;
mod pointwise;
mod products;
mod softmax;
mod sum;

pub(super) use affine::Affine;
pub(super) use diagonal::Diagonal;
pub(super) use gather::Gather;
pub use group::Group;
pub(super) use normalise::Normalise;
pub(super) use offset::Offset;
pub use pointwise::Activation;
pub(super) use pointwise::Pointwise;
pub(super) use products::Products;
pub(super) use softmax::Softmax;
pub(crate) use softmax::softmax;
pub(super) use sum::Sum;

use super::Number;
use super::lines::Columns;
use super::sparse::Sparse;
use super::variable::{Line, Use, Variable, Vector, Weight};

/// The recorded point: parameters, and the value of every line.
#[derive(Clone, Copy)]
pub(super) struct Point<'a, T> {
    pub columns: Columns,
    pub parameters: &'a [T],
    pub values: &'a [T],
    /// The input once more, where most of it is 0.
    pub sparse: Option<&'a Sparse<T>>,
}

/// A direction: of the parameters, and what follows from it for every line.
#[derive(Clone, Copy)]
pub(super) struct Direction<'a, T> {
    pub parameters: &'a [T],
    pub values: &'a [T],
}

/// Where a way back ends: adjoints of the lines below the operation's output, and of parameters.
pub(super) struct Sink<'a, T> {
    pub lines: &'a mut [T],
    pub parameters: &'a mut [T],
}

/// The four rules. `below` holds all lines before the output; `out` and `adjoint` begin with it.
pub(super) trait Rules {
    /// What is computed: contiguous lines, after all that it is computed from.
    fn output(&self) -> Variable;

    /// What is read, so that the tape can tell who sets adjoints and who adds to them.
    fn reads(&mut self) -> Reads<'_>;

    /// y; `at.values` end before it.
    fn forward<T: Number>(&self, at: Point<'_, T>, out: &mut [T]);

    /// ẏ.
    fn tangent<T: Number>(&self, at: Point<'_, T>, along: Direction<'_, T>, out: &mut [T]);

    /// Jᵀȳ.
    fn backward<T: Number>(&self, at: Point<'_, T>, adjoint: &[T], to: Sink<'_, T>);

    /// The derivative of Jᵀȳ along the direction, ȳ fixed. Always adds.
    #[inline(always)]
    fn mixed<T: Number>(
        &self,
        _at: Point<'_, T>,
        _along: Direction<'_, T>,
        _adjoint: &[T],
        _to: Sink<'_, T>,
    ) {
    }
}

/// What an operation reads.
#[derive(Default)]
pub(super) struct Reads<'a> {
    /// Variables, in the order in which `backward` writes their adjoints.
    pub variables: Vec<&'a mut Use<Variable>>,
    /// Single lines, in the order in which `backward` writes their adjoints.
    pub lines: Vec<&'a mut Use<Line>>,
    pub weight: Option<&'a mut Use<Weight>>,
    pub biases: Vec<&'a mut Use<Vector>>,
}

macro_rules! operations {
    ($($kind:ident),*) => {
        /// Any operation.
        #[derive(Clone, Debug)]
        pub(super) enum Op {
            $($kind($kind)),*
        }

        impl Rules for Op {
            #[inline(always)]
            fn output(&self) -> Variable {
                match self { $(Self::$kind(op) => op.output()),* }
            }
            fn reads(&mut self) -> Reads<'_> {
                match self { $(Self::$kind(op) => op.reads()),* }
            }
            #[inline(always)]
            fn forward<T: Number>(&self, at: Point<'_, T>, out: &mut [T]) {
                match self { $(Self::$kind(op) => op.forward(at, out)),* }
            }
            #[inline(always)]
            fn tangent<T: Number>(&self, at: Point<'_, T>, along: Direction<'_, T>, out: &mut [T]) {
                match self { $(Self::$kind(op) => op.tangent(at, along, out)),* }
            }
            #[inline(always)]
            fn backward<T: Number>(&self, at: Point<'_, T>, adjoint: &[T], to: Sink<'_, T>) {
                match self { $(Self::$kind(op) => op.backward(at, adjoint, to)),* }
            }
            #[inline(always)]
            fn mixed<T: Number>(&self, at: Point<'_, T>, along: Direction<'_, T>, adjoint: &[T], to: Sink<'_, T>) {
                match self { $(Self::$kind(op) => op.mixed(at, along, adjoint, to)),* }
            }
        }
    };
}

operations!(
    Affine, Pointwise, Sum, Products, Softmax, Normalise, Diagonal, Offset, Gather
);
