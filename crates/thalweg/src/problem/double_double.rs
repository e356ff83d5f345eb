//! Double-double arithmetic: a number as the unevaluated sum of two doubles, of some 32 digits.
//!
//! Written without fused multiply-add (Dekker 1971), so that the bits are the same on every processor.

/// high + low, |low| at most half an ulp of high.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct DoubleDouble {
    pub(super) high: f64,
    pub(super) low: f64,
}

impl DoubleDouble {
    pub(super) const ZERO: Self = Self {
        high: 0.0,
        low: 0.0,
    };

    /// √x for x > 0: one step of Newton's from the double root.
    pub(super) fn sqrt(self) -> Self {
        let root = self.high.sqrt();
        let rest = self.minus_product(Self::from(root), Self::from(root));
        normalised(root, rest.high / (2.0 * root))
    }

    /// x / y: the double quotient and the quotient of what it leaves.
    pub(super) fn over(self, divisor: Self) -> Self {
        let quotient = self.high / divisor.high;
        let rest = self.minus_product(Self::from(quotient), divisor);
        normalised(quotient, rest.high / divisor.high)
    }

    /// x − y z.
    #[inline(always)]
    pub(super) fn minus_product(self, y: Self, z: Self) -> Self {
        let product = y.high * z.high;
        let (y1, y2) = halves(y.high);
        let (z1, z2) = halves(z.high);
        let error = ((y1 * z1 - product) + y1 * z2 + y2 * z1) + y2 * z2;
        let below = error + (y.high * z.low + y.low * z.high);
        let sum = self.high - product;
        let back = sum - self.high;
        let lost = (self.high - (sum - back)) - (product + back);
        normalised(sum, lost + (self.low - below))
    }
}

impl From<f64> for DoubleDouble {
    fn from(high: f64) -> Self {
        Self { high, low: 0.0 }
    }
}

/// x as the sum of two numbers of 26 bits, whose products are exact.
#[inline(always)]
fn halves(x: f64) -> (f64, f64) {
    const SPLITTER: f64 = 134_217_729.0; // 2²⁷ + 1
    let scaled = SPLITTER * x;
    let upper = scaled - (scaled - x);
    (upper, x - upper)
}

#[inline(always)]
fn normalised(high: f64, low: f64) -> DoubleDouble {
    let sum = high + low;
    DoubleDouble {
        high: sum,
        low: low - (sum - high),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_doubles_lose_is_kept() {
        // (1 + 2⁻³⁰)² = 1 + 2⁻²⁹ + 2⁻⁶⁰, whose last term no double beside 1 can hold.
        let x = DoubleDouble::from(1.0 + 2f64.powi(-30));
        let rest = DoubleDouble::from(1.0 + 2f64.powi(-29)).minus_product(x, x);
        assert_eq!((rest.high, rest.low), (-(2f64.powi(-60)), 0.0));
        // √2 and 1/3 to 32 digits: their low parts, from 40-digit values.
        let root = DoubleDouble::from(2.0).sqrt();
        assert_eq!(root.high, 2f64.sqrt());
        assert!(
            (root.low - -9.667_293_313_452_913e-17).abs() < 1e-31,
            "{root:?}"
        );
        let third = DoubleDouble::from(1.0).over(DoubleDouble::from(3.0));
        assert_eq!(third.high, 1.0 / 3.0);
        assert!(
            (third.low - 1.850_371_707_708_594e-17).abs() < 1e-32,
            "{third:?}"
        );
    }
}
