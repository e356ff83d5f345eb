//! What the reference evaluates on: f64, or numbers that carry exact second derivatives.

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
}

pub fn sum<N: Number>(terms: impl Iterator<Item = N>) -> N {
    terms.fold(N::of(0.0), |a, b| a + b)
}
