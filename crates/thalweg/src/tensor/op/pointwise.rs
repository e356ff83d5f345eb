//! y = φ(x), number by number.

use std::ops::Range;

use super::{Direction, Point, Reads, Rules, Sink};
use crate::tensor::Number;
use crate::tensor::lines::Columns;
use crate::tensor::variable::{Use, Variable};
use crate::tensor::write::Write;

/// A smooth or kinked function of one number, with two derivatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// φ(x) = x, which makes a linear network.
    Identity,
    /// max(x, 0), with derivative 0 at 0.
    Relu,
    /// φ(x) = tanh x.
    Tanh,
    /// x Φ(x), Φ the standard normal law's distribution: the Gaussian error linear unit of Hendrycks and Gimpel
    /// (2016), as PyTorch's `GELU()` is.
    Gelu,
    /// ½x(1 + tanh(√(2/π)(x + 0.044715 x³))): their approximation, PyTorch's `GELU(approximate="tanh")`. It is
    /// nowhere further than 5·10⁻⁴ from [`Activation::Gelu`].
    GeluTanh,
}

/// φ and its derivatives, which may use y = φ(x).
trait Function {
    fn value<T: Number>(x: T) -> T;
    fn slope<T: Number>(x: T, y: T) -> T;
    fn bend<T: Number>(x: T, y: T) -> T;
}

struct Identity;
impl Function for Identity {
    #[inline(always)]
    fn value<T: Number>(x: T) -> T {
        x
    }
    #[inline(always)]
    fn slope<T: Number>(_: T, _: T) -> T {
        T::ONE
    }
    #[inline(always)]
    fn bend<T: Number>(_: T, _: T) -> T {
        T::ZERO
    }
}

struct Relu;
impl Function for Relu {
    /// NaN stays.
    #[inline(always)]
    fn value<T: Number>(x: T) -> T {
        x.positive_part()
    }
    #[inline(always)]
    fn slope<T: Number>(x: T, _: T) -> T {
        x.step()
    }
    #[inline(always)]
    fn bend<T: Number>(_: T, _: T) -> T {
        T::ZERO
    }
}

struct Tanh;
impl Function for Tanh {
    #[inline(always)]
    fn value<T: Number>(x: T) -> T {
        x.tanh()
    }
    #[inline(always)]
    fn slope<T: Number>(_: T, y: T) -> T {
        T::ONE - y * y
    }
    #[inline(always)]
    fn bend<T: Number>(_: T, y: T) -> T {
        -(y + y) * (T::ONE - y * y)
    }
}

struct Gelu;
impl Function for Gelu {
    #[inline(always)]
    fn value<T: Number>(x: T) -> T {
        x * x.normal().1
    }
    #[inline(always)]
    fn slope<T: Number>(x: T, _: T) -> T {
        let (density, below) = x.normal();
        x.mul_add(density, below)
    }
    /// φ′(x) = −x φ(x).
    #[inline(always)]
    fn bend<T: Number>(x: T, _: T) -> T {
        x.normal().0 * (T::from_f64(2.0) - x * x)
    }
}

struct GeluTanh;
impl GeluTanh {
    /// √(2/π).
    const SCALE: f64 = 0.797_884_560_802_865_4;
    const CUBE: f64 = 0.044_715;

    /// tanh u, u′ and u″ of u(x) = √(2/π)(x + 0.044715 x³).
    #[inline(always)]
    fn inner<T: Number>(x: T) -> (T, T, T) {
        let (scale, cube) = (T::from_f64(Self::SCALE), T::from_f64(Self::CUBE));
        let three = T::from_f64(3.0 * Self::CUBE);
        let u = scale * x * cube.mul_add(x * x, T::ONE);
        let slope = scale * three.mul_add(x * x, T::ONE);
        (u.tanh(), slope, scale * (three + three) * x)
    }
}
impl Function for GeluTanh {
    #[inline(always)]
    fn value<T: Number>(x: T) -> T {
        T::from_f64(0.5) * x * (T::ONE + Self::inner(x).0)
    }
    #[inline(always)]
    fn slope<T: Number>(x: T, _: T) -> T {
        let (t, u1, _) = Self::inner(x);
        T::from_f64(0.5) * (T::ONE + t + x * (T::ONE - t * t) * u1)
    }
    #[inline(always)]
    fn bend<T: Number>(x: T, _: T) -> T {
        let (t, u1, u2) = Self::inner(x);
        let half_x = T::from_f64(0.5) * x;
        (T::ONE - t * t) * (u1 + half_x * (u2 - (t + t) * u1 * u1))
    }
}

/// Evaluates `$body` with `$function` standing for the type of `$activation`.
macro_rules! with {
    ($activation:expr, $function:ident => $body:expr) => {
        match $activation {
            Activation::Identity => {
                type $function = Identity;
                $body
            }
            Activation::Relu => {
                type $function = Relu;
                $body
            }
            Activation::Tanh => {
                type $function = Tanh;
                $body
            }
            Activation::Gelu => {
                type $function = Gelu;
                $body
            }
            Activation::GeluTanh => {
                type $function = GeluTanh;
                $body
            }
        }
    };
}

#[derive(Clone, Debug)]
pub(in crate::tensor) struct Pointwise {
    pub activation: Activation,
    pub input: Use<Variable>,
    pub output: Variable,
}

impl Pointwise {
    /// For every row, its lines of the input and, in an arena that begins there, of the output.
    #[inline(always)]
    fn rows(&self, columns: Columns) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + '_ {
        let output = self.output;
        (0..output.rows).map(move |row| {
            (
                self.input.what.row(row, columns, 0),
                output.row(row, columns, output.first),
            )
        })
    }
}

impl Rules for Pointwise {
    #[inline(always)]
    fn output(&self) -> Variable {
        self.output
    }

    fn reads(&mut self) -> Reads<'_> {
        Reads {
            variables: vec![&mut self.input],
            ..Reads::default()
        }
    }

    #[inline(always)]
    fn forward<T: Number>(&self, at: Point<'_, T>, out: &mut [T]) {
        let (columns, below) = (at.columns, at.values);
        with!(self.activation, F => for (x, y) in self.rows(columns) {
            Write::Set.each(&mut out[y], [&below[x]], #[inline(always)] |[x]| F::value(x));
        });
    }

    /// ẏ = φ′ ẋ.
    #[inline(always)]
    fn tangent<T: Number>(&self, at: Point<'_, T>, along: Direction<'_, T>, out: &mut [T]) {
        let values = &at.values[self.output.first * at.columns.stride..];
        with!(self.activation, F => for (x, y) in self.rows(at.columns) {
            let sources = [&at.values[x.clone()], &values[y.clone()], &along.values[x]];
            Write::Set.each(&mut out[y], sources, #[inline(always)] |[x, y, dx]| F::slope(x, y) * dx);
        });
    }

    #[inline(always)]
    fn backward<T: Number>(&self, at: Point<'_, T>, adjoint: &[T], to: Sink<'_, T>) {
        if !self.input.what.active {
            return;
        }
        let values = &at.values[self.output.first * at.columns.stride..];
        with!(self.activation, F => for (x, y) in self.rows(at.columns) {
            let sources = [&at.values[x.clone()], &values[y.clone()], &adjoint[y]];
            self.input.write.each(&mut to.lines[x], sources, #[inline(always)] |[x, y, bar]| F::slope(x, y) * bar);
        });
    }

    /// x̄ += φ″ ẋ ȳ.
    #[inline(always)]
    fn mixed<T: Number>(
        &self,
        at: Point<'_, T>,
        along: Direction<'_, T>,
        adjoint: &[T],
        to: Sink<'_, T>,
    ) {
        if !self.input.what.active || self.activation == Activation::Relu {
            return;
        }
        let values = &at.values[self.output.first * at.columns.stride..];
        with!(self.activation, F => for (x, y) in self.rows(at.columns) {
            let sources = [&at.values[x.clone()], &values[y.clone()], &along.values[x.clone()], &adjoint[y]];
            Write::Add.each(&mut to.lines[x], sources, #[inline(always)] |[x, y, dx, bar]| F::bend(x, y) * dx * bar);
        });
    }
}
