//! What tensors are made of.

use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

use super::pack::Packs;

/// Something to compute with: a plain number ([`Real`](super::Real): f32, f64), a number with its derivatives
/// along some directions ([`Dual`](super::Dual)), or one number for each of several seeds
/// ([`Seeds`](super::Seeds)). Everything that a [`Machine`](super::Machine) does is written for all of them.
///
/// It is sealed: what vector registers hold of it is no matter of a caller's, who computes with these and writes code that is
/// generic over them, but adds no other.
pub trait Number:
    Packs
    + Copy
    + Debug
    + Default
    + PartialEq
    + Send
    + Sync
    + Sum
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + 'static
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;

    /// The nearest number to `x`.
    fn from_f64(x: f64) -> Self;
    /// self · factor + addend; of reals, rounded once.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// √self; NaN below 0.
    fn sqrt(self) -> Self;
    /// eˣ to a few units in the last place; arguments beyond the range of finite normal results are
    /// taken to be at its border. NaN stays NaN.
    fn exp(self) -> Self;
    /// The natural logarithm, to a few units in the last place.
    fn ln(self) -> Self;
    /// tanh to a few units in the last place. NaN stays NaN.
    fn tanh(self) -> Self;
    /// The standard normal law's density and distribution, (φ, Φ), to a few units in the last place. NaN stays NaN.
    fn normal(self) -> (Self, Self);
    /// The larger; `other` only if it is larger, so that a NaN in `self` stays.
    fn larger(self, other: Self) -> Self;
    /// max(self, 0). NaN stays NaN.
    fn positive_part(self) -> Self;
    /// The derivative of [`Number::positive_part`]: 1 above 0, else 0.
    fn step(self) -> Self;
}

/// What follows from the five operations, for a type of `T` and a count.
macro_rules! accumulates {
    ($type:ident, $bound:ident) => {
        impl<T: $bound, const N: usize> Default for $type<T, N> {
            #[inline(always)]
            fn default() -> Self {
                Self::ZERO
            }
        }
        impl<T: $bound, const N: usize> std::ops::AddAssign for $type<T, N> {
            #[inline(always)]
            fn add_assign(&mut self, other: Self) {
                *self = *self + other;
            }
        }
        impl<T: $bound, const N: usize> std::ops::SubAssign for $type<T, N> {
            #[inline(always)]
            fn sub_assign(&mut self, other: Self) {
                *self = *self - other;
            }
        }
        impl<T: $bound, const N: usize> std::iter::Sum for $type<T, N> {
            #[inline(always)]
            fn sum<I: Iterator<Item = Self>>(terms: I) -> Self {
                terms.fold(Self::ZERO, |sum, term| sum + term)
            }
        }
    };
}
pub(super) use accumulates;
