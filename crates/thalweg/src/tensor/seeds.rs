//! One number for each of several seeds: a vector register's worth, so that one machine runs them all.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::number::accumulates;
#[cfg(target_arch = "x86_64")]
use super::pack::on_avx2;
use super::pack::{One, Packed, Packs};
use super::{Number, Real};

/// The same quantity in N runs. Every operation is that of each run alone, to the bit, and sums over a batch are
/// taken in the same order. (Only sums that a machine of plain numbers takes over an input's numbers that are not 0
/// have an order of their own.)
///
/// A [`Machine`](super::Machine) of plain numbers fills the vector registers with samples. Where a batch has
/// fewer samples than a register has room for, seeds fill it better.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(32))]
pub struct Seeds<T, const N: usize>(pub [T; N]);

impl<T: Real, const N: usize> Seeds<T, N> {
    /// f of each seed's number.
    #[inline(always)]
    fn map(mut self, f: impl Fn(T) -> T) -> Self {
        for l in 0..N {
            self.0[l] = f(self.0[l]);
        }
        self
    }

    /// f of each seed's two numbers.
    #[inline(always)]
    fn zip(mut self, other: Self, f: impl Fn(T, T) -> T) -> Self {
        for l in 0..N {
            self.0[l] = f(self.0[l], other.0[l]);
        }
        self
    }
}

impl<T, const N: usize> AsRef<[T]> for Seeds<T, N> {
    #[inline(always)]
    fn as_ref(&self) -> &[T] {
        &self.0
    }
}

impl<T, const N: usize> AsMut<[T]> for Seeds<T, N> {
    #[inline(always)]
    fn as_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T: Real, const N: usize> Packs for Seeds<T, N> {
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

macro_rules! operator {
    ($trait:ident, $method:ident) => {
        impl<T: Real, const N: usize> $trait for Seeds<T, N> {
            type Output = Self;
            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                self.zip(other, |a, b| a.$method(b))
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);
accumulates!(Seeds, Real);

impl<T: Real, const N: usize> Neg for Seeds<T, N> {
    type Output = Self;
    #[inline(always)]
    fn neg(self) -> Self {
        self.map(|x| -x)
    }
}

impl<T: Real, const N: usize> Number for Seeds<T, N> {
    const ZERO: Self = Self([T::ZERO; N]);
    const ONE: Self = Self([T::ONE; N]);

    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        Self([T::from_f64(x); N])
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        let mut result = addend;
        for l in 0..N {
            result.0[l] = self.0[l].mul_add(factor.0[l], addend.0[l]);
        }
        result
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        self.map(T::sqrt)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        self.map(T::exp)
    }
    #[inline(always)]
    fn ln(self) -> Self {
        self.map(T::ln)
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        self.map(T::tanh)
    }
    #[inline(always)]
    fn normal(self) -> (Self, Self) {
        let (mut density, mut below) = (self, self);
        for l in 0..N {
            (density.0[l], below.0[l]) = self.0[l].normal();
        }
        (density, below)
    }
    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        self.zip(other, T::larger)
    }
    #[inline(always)]
    fn positive_part(self) -> Self {
        self.map(T::positive_part)
    }
    #[inline(always)]
    fn step(self) -> Self {
        self.map(T::step)
    }
}
