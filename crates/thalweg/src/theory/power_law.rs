//! Power-law spectra (Corollary 4): sums in closed form, and how they grow with dimension.

use crate::problem::spectrum::power_law;

/// Aligned d × d problems with Σε, Σx and V diagonal, entries i^{−a}, i^{−b} and i^{−c}.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerLaw {
    /// d = d_x = d_y, inputs and outputs.
    pub dimension: usize,
    /// D, the number of layers.
    pub depth: usize,
    /// a: the noise's variance on output i is i^{−a}.
    pub noise: f64,
    /// b: the variance of input i is i^{−b}.
    pub input: f64,
    /// c: V has i^{−c} on its diagonal.
    pub teacher: f64,
}

impl PowerLaw {
    /// T (eq. 14): with H(p) = Σ_{i ≤ d} i^{−p}, tr Σε = H(a), tr Σx = H(b), s = H((a+b)/2 + c) and
    /// τ = H((b−a)/2 + c).
    pub fn sharpness(&self) -> f64 {
        self.at_signal_and_precision(
            self.sum(self.noise),
            self.sum(self.signal()),
            self.sum(self.signal() - self.noise),
        )
    }

    /// The sharpness T_min of the flattest minimum (eq. 15), in loss/weight²: T at a = 0.
    pub fn min_sharpness(&self) -> f64 {
        let signal = self.sum(0.5 * self.input + self.teacher);
        self.at_signal_and_precision(self.dimension as f64, signal, signal)
    }

    /// e with T ~ d^e for d → ∞ at fixed D (up to logarithms where an exponent p is exactly 1).
    ///
    /// H(p) ~ d^{g(p)}, g(p) = max(0, 1 − p), and the larger of the two terms of T decides.
    pub fn sharpness_exponent(&self) -> f64 {
        let signal = growth(self.signal());
        let noise = growth(self.noise);
        let last = 1.0 + signal - noise;
        let inner = growth(self.signal() - self.noise);
        let bracket = if self.depth > 1 {
            inner.max(last)
        } else {
            last
        };
        self.exponent(noise, signal, bracket)
    }

    /// e with T_min ~ d^e for d → ∞.
    pub fn min_sharpness_exponent(&self) -> f64 {
        let signal = growth(0.5 * self.input + self.teacher);
        self.exponent(1.0, signal, signal)
    }

    /// (a + b)/2 + c, the power of the singular values of √Σε V √Σx.
    fn signal(&self) -> f64 {
        0.5 * (self.noise + self.input) + self.teacher
    }

    fn sum(&self, power: f64) -> f64 {
        // Smallest terms first, which loses least to rounding.
        let mut terms = power_law(self.dimension, power);
        terms.sort_unstable_by(f64::total_cmp);
        terms.iter().sum()
    }

    fn at_signal_and_precision(&self, a: f64, s: f64, tau: f64) -> f64 {
        let (depth, d) = (self.depth as f64, self.dimension as f64);
        let b = self.sum(self.input);
        (a * b).powf(1.0 / depth) * s.powf(1.0 - 2.0 / depth) * ((depth - 1.0) * tau + d * s / a)
    }

    fn exponent(&self, noise: f64, signal: f64, bracket: f64) -> f64 {
        let depth = self.depth as f64;
        (noise + growth(self.input)) / depth + (1.0 - 2.0 / depth) * signal + bracket
    }
}

/// g(p) with Σ_{i ≤ d} i^{−p} ~ d^{g(p)}.
fn growth(power: f64) -> f64 {
    (1.0 - power).max(0.0)
}
