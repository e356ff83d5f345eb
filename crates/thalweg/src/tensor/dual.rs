//! A number with its derivatives along several directions: forward mode, on top of whatever else is done.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::Number;
use super::number::accumulates;
#[cfg(target_arch = "x86_64")]
use super::pack::on_avx2;
use super::pack::{One, Packed, Packs};

/// x + Σ_k ẋ_k ε_k with ε_j ε_k = 0: a value and N tangents.
///
/// A [`Machine`](super::Machine) that runs forwards and backwards on dual parameters gives a dual gradient, whose
/// tangents are the Hessian's products with the parameters' tangents: forward over reverse. Parameters may
/// be `Dual<Dual<f64, 1>, 1>` as well, for third derivatives.
///
/// Where many products are wanted at one point, [`Objective::hessian`](crate::loss::Objective::hessian) gives the same
/// for less: it keeps the values and replays the tangents alone.
///
/// ```
/// use thalweg::loss::{Convention, Loss, Objective};
/// use thalweg::model::Mlp;
/// use thalweg::tensor::{Activation, Dual, Number};
///
/// // f(x) = w₂ w₁ x at x = 1, for the target 0: L = ½ (w₁ w₂)².
/// let mlp = Mlp { widths: vec![1, 1, 1], activation: Activation::Identity, biases: false };
/// let tape = std::sync::Arc::new(mlp.tape()?);
/// let mut objective = Objective::<Dual<f64, 2>>::new(tape, Loss::SquaredError(Convention::Half), 1);
/// objective.inputs_mut().line(0)[0] = Dual::ONE;
/// // Tangents are the unit vectors: the gradient's are the Hessian's columns.
/// let w = [Dual { value: 2.0, tangents: [1.0, 0.0] }, Dual { value: 3.0, tangents: [0.0, 1.0] }];
/// let mut gradient = [Dual::ZERO; 2];
/// objective.gradient(&w, &mut gradient);
/// assert_eq!(gradient.map(|g| g.value), [18.0, 12.0]);
/// assert_eq!(gradient.map(|g| g.tangents), [[9.0, 12.0], [12.0, 4.0]]);
/// # Ok::<(), thalweg::model::ModelError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dual<T, const N: usize> {
    /// x, the number itself.
    pub value: T,
    /// ẋ_k, its derivative along direction k = 0 … N − 1.
    pub tangents: [T; N],
}

impl<T: Number, const N: usize> Dual<T, N> {
    /// f(x), given f and f′ at x.
    #[inline(always)]
    fn chain(self, value: T, slope: T) -> Self {
        self.tangents(value, |dx| slope * dx)
    }

    /// `value` with f of each tangent.
    #[inline(always)]
    fn tangents(self, value: T, f: impl Fn(T) -> T) -> Self {
        let mut tangents = self.tangents;
        for tangent in &mut tangents {
            *tangent = f(*tangent);
        }
        Self { value, tangents }
    }

    /// `value` with f of each pair of tangents.
    #[inline(always)]
    fn zip(self, other: Self, value: T, f: impl Fn(T, T) -> T) -> Self {
        let mut tangents = self.tangents;
        for (tangent, &dy) in tangents.iter_mut().zip(&other.tangents) {
            *tangent = f(*tangent, dy);
        }
        Self { value, tangents }
    }
}

impl<T: Number, const N: usize> Packs for Dual<T, N> {
    const PLAIN: bool = false;
    const PADDING: usize = 2;
    const PARTIAL_SUMS: usize = T::PARTIAL_SUMS;
    type Pack = One<Self>;
    #[cfg(target_arch = "x86_64")]
    unsafe fn on_registers(work: impl Packed<Self>) {
        // SAFETY: as the caller promised.
        unsafe { on_avx2::<Self, One<Self>>(work) }
    }
}

impl<T: Number, const N: usize> Add for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, self.value + other.value, |dx, dy| dx + dy)
    }
}

impl<T: Number, const N: usize> Sub for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, self.value - other.value, |dx, dy| dx - dy)
    }
}

impl<T: Number, const N: usize> Mul for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let (x, y) = (self.value, other.value);
        self.zip(other, x * y, |dx, dy| x.mul_add(dy, dx * y))
    }
}

impl<T: Number, const N: usize> Div for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        let ratio = self.value / other.value;
        self.zip(other, ratio, |dx, dy| {
            (-ratio).mul_add(dy, dx) / other.value
        })
    }
}

impl<T: Number, const N: usize> Neg for Dual<T, N> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.tangents(-self.value, |dx| -dx)
    }
}

accumulates!(Dual, Number);

impl<T: Number, const N: usize> Number for Dual<T, N> {
    const ZERO: Self = Self {
        value: T::ZERO,
        tangents: [T::ZERO; N],
    };
    const ONE: Self = Self {
        value: T::ONE,
        tangents: [T::ZERO; N],
    };

    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        Self {
            value: T::from_f64(x),
            ..Self::ZERO
        }
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        let mut result = addend;
        result.value = self.value.mul_add(factor.value, addend.value);
        for k in 0..N {
            let rest = self.value.mul_add(factor.tangents[k], addend.tangents[k]);
            result.tangents[k] = self.tangents[k].mul_add(factor.value, rest);
        }
        result
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        let root = self.value.sqrt();
        self.chain(root, T::from_f64(0.5) / root)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        let exp = self.value.exp();
        self.chain(exp, exp)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        self.chain(self.value.ln(), T::ONE / self.value)
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        let tanh = self.value.tanh();
        self.chain(tanh, T::ONE - tanh * tanh)
    }
    /// φ′ = −x φ and Φ′ = φ.
    #[inline(always)]
    fn normal(self) -> (Self, Self) {
        let (density, below) = self.value.normal();
        let slope = -self.value * density;
        (self.chain(density, slope), self.chain(below, density))
    }
    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        let chosen = (other.value - self.value).step();
        let value = self.value.larger(other.value);
        self.zip(other, value, |dx, dy| chosen.mul_add(dy - dx, dx))
    }
    #[inline(always)]
    fn positive_part(self) -> Self {
        self.chain(self.value.positive_part(), self.value.step())
    }
    #[inline(always)]
    fn step(self) -> Self {
        self.chain(self.value.step(), T::ZERO)
    }
}
