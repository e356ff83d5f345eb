//! What the reference evaluates on: f64, or numbers that carry exact second derivatives.

use std::f64::consts::TAU;
use std::ops::{Add, Div, Mul, Neg, Sub};

use num_dual::{DualNum, HyperDual64};

pub trait Number:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    fn of(x: f64) -> Self;
    fn value(self) -> f64;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn tanh(self) -> Self;
    fn sqrt(self) -> Self;
    /// Φ, the standard normal law's distribution.
    fn normal(self) -> Self;
}

impl Number for f64 {
    fn of(x: f64) -> Self {
        x
    }
    fn value(self) -> f64 {
        self
    }
    fn exp(self) -> Self {
        f64::exp(self)
    }
    fn ln(self) -> Self {
        f64::ln(self)
    }
    fn tanh(self) -> Self {
        f64::tanh(self)
    }
    fn sqrt(self) -> Self {
        f64::sqrt(self)
    }
    fn normal(self) -> Self {
        // 1 less 10⁻¹⁸, or 10⁻¹⁸.
        if self.abs() > 9.0 {
            return if self > 0.0 { 1.0 } else { 0.0 };
        }
        // ½ + φ(x)(x + x³/3 + x⁵/15 + …).
        let (mut sum, mut term) = (0.0, self);
        for k in 1..200 {
            sum += term;
            term *= self * self / f64::from(2 * k + 1);
        }
        0.5 + (-0.5 * self * self).exp() / TAU.sqrt() * sum
    }
}

impl Number for HyperDual64 {
    fn of(x: f64) -> Self {
        Self::from(x)
    }
    fn value(self) -> f64 {
        self.re
    }
    fn exp(self) -> Self {
        DualNum::exp(&self)
    }
    fn ln(self) -> Self {
        DualNum::ln(&self)
    }
    fn tanh(self) -> Self {
        DualNum::tanh(&self)
    }
    fn sqrt(self) -> Self {
        DualNum::sqrt(&self)
    }
    /// Φ′ = φ and φ′(x) = −x φ.
    fn normal(self) -> Self {
        let density = (-0.5 * self.re * self.re).exp() / TAU.sqrt();
        let bend = -self.re * density;
        let mixed = density * self.eps1eps2 + bend * self.eps1 * self.eps2;
        Self::new(
            self.re.normal(),
            density * self.eps1,
            density * self.eps2,
            mixed,
        )
    }
}

pub fn sum<N: Number>(terms: impl Iterator<Item = N>) -> N {
    terms.fold(N::of(0.0), |a, b| a + b)
}
