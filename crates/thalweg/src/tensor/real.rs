//! The numbers that tensors are made of: f32 and f64, with elementary functions that vectorise.

use super::normal::{MILLS_F32, MILLS_F64, normal};
use super::{Number, Seeds};

/// A floating-point number. Every operation but [`Number::ln`], which is the system's, is correctly rounded, or built
/// of such operations, so that results do not depend on the processor.
pub trait Real: Number + PartialOrd {
    /// As many seeds' numbers as fill a register.
    type Seeds: Number + AsRef<[Self]> + AsMut<[Self]>;
    /// The polynomial behind [`Number::normal`], by ascending powers.
    const MILLS: &'static [Self];

    /// Exactly this number.
    fn to_f64(self) -> f64;
}

/// 1/n! for n = 1 … 13.
const TAYLOR: [f64; 13] = {
    let mut coefficients = [1.0; 13];
    let mut n = 1;
    while n < 13 {
        coefficients[n] = coefficients[n - 1] / (n + 1) as f64;
        n += 1;
    }
    coefficients
};

/// With n the integer nearest to x/ln 2 and r = x − n ln 2: eˣ = 2ⁿ + 2ⁿ(eʳ − 1), where eʳ − 1 is its
/// Taylor series in |r| ≤ ½ ln 2, whose first omitted term is below half a unit in the last place.
macro_rules! real {
    ($t:ident, $bits:ident, $powers:ident, $degree:literal, $range:literal, $mills:ident, $seeds:literal) => {
        /// (2ⁿ, eʳ − 1) for x within the range of normal results, else for the nearest end of it.
        #[inline(always)]
        fn $powers(x: $t) -> ($t, $t) {
            const MANTISSA: u32 = $t::MANTISSA_DIGITS - 1;
            // Adding it rounds to an integer, which is then found in the low bits.
            const ROUND: $t = 1.5 * (1u64 << MANTISSA) as $t;
            const BIAS: $bits = ($t::MAX_EXP - 1) as $bits;
            // ln 2 less its nearest number; the last term is what f64 itself leaves.
            const LN2_REST: $t = (std::f64::consts::LN_2 - std::$t::consts::LN_2 as f64
                + 2.319_046_813_846_299_6e-17) as $t;
            let x = if x > $range { $range } else { x };
            let x = if x < -$range { -$range } else { x };
            let shifted = x.mul_add(std::$t::consts::LOG2_E, ROUND);
            let n = shifted - ROUND;
            let r = (-n).mul_add(std::$t::consts::LN_2, x);
            let r = (-n).mul_add(LN2_REST, r);
            let exponent = shifted
                .to_bits()
                .wrapping_sub(ROUND.to_bits())
                .wrapping_add(BIAS);
            let mut series = TAYLOR[$degree - 1] as $t;
            for coefficient in TAYLOR[..$degree - 1].iter().rev() {
                series = series.mul_add(r, *coefficient as $t);
            }
            ($t::from_bits(exponent << MANTISSA), series * r)
        }

        impl Number for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;

            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as Self
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, addend: Self) -> Self {
                $t::mul_add(self, factor, addend)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $t::sqrt(self)
            }
            #[inline(always)]
            fn exp(self) -> Self {
                let (scale, rest) = $powers(self);
                scale.mul_add(rest, scale)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                f64::from(self).ln() as Self
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                // (e²ˣ − 1) / (e²ˣ + 1), without cancellation at 0. It is ±1 to rounding beyond ±20.
                let x = if self > 20.0 { 20.0 } else { self };
                let x = if x < -20.0 { -20.0 } else { x };
                let (scale, rest) = $powers(x + x);
                let less_one = scale.mul_add(rest, scale - 1.0);
                less_one / (less_one + 2.0)
            }
            #[inline(always)]
            fn normal(self) -> (Self, Self) {
                normal(self)
            }
            #[inline(always)]
            fn larger(self, other: Self) -> Self {
                if other > self { other } else { self }
            }
            // By masks: of a choice between numbers that lie side by side the compiler makes jumps.
            #[inline(always)]
            fn positive_part(self) -> Self {
                let kept = $bits::from(self < 0.0).wrapping_sub(1);
                $t::from_bits(self.to_bits() & kept)
            }
            #[inline(always)]
            fn step(self) -> Self {
                let above = $bits::from(self > 0.0).wrapping_neg();
                $t::from_bits(Self::ONE.to_bits() & above)
            }
        }

        impl Real for $t {
            type Seeds = Seeds<$t, $seeds>;
            const MILLS: &'static [Self] = $mills;

            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
        }
    };
}

real!(f32, u32, powers_f32, 7, 87.0, MILLS_F32, 8);
real!(f64, u64, powers_f64, 13, 708.0, MILLS_F64, 4);

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the standard library, in units in the last place of the result.
    #[test]
    fn elementary_functions_are_accurate() {
        for i in -4000..=4000 {
            let x = f64::from(i) * 0.01 + 1e-3;
            let close = |found: f64, exact: f64, unit: f64| {
                assert!(
                    (found - exact).abs() <= 4.0 * unit * exact.abs(),
                    "{x}: {found} for {exact}"
                );
            };
            close(Number::exp(x), x.exp(), f64::EPSILON);
            close(Number::tanh(x), x.tanh(), f64::EPSILON);
            let single = x as f32;
            let x = f64::from(single);
            close(Number::exp(single).into(), x.exp(), f32::EPSILON.into());
            close(Number::tanh(single).into(), x.tanh(), f32::EPSILON.into());
        }
    }

    #[test]
    fn not_a_number_stays() {
        assert!(Number::exp(f64::NAN).is_nan() && Number::tanh(f32::NAN).is_nan());
        assert!(Number::larger(f64::NAN, 1.0).is_nan());
        assert!(Number::exp(-1e9f32) > 0.0 && Number::exp(1e9f64).is_finite());
    }
}
