//! ln, exp − 1 and the unit circle in lanes, the same to the last bit on every processor.

use std::f64::consts::{FRAC_PI_4, LN_2};

use crate::lanes::Lanes;

/// The exponent bits of 1.0.
const ONE: u64 = 1023 << 52;
/// 2⁵², whose unit in the last place is 1: or-ing an integer into its low bits adds it.
const INTEGER: f64 = 4_503_599_627_370_496.0;

/// Σ_i c_i x^i.
#[inline(always)]
fn polynomial<V: Lanes, const N: usize>(x: V, coefficients: [f64; N]) -> V {
    let mut sum = V::splat(coefficients[N - 1]);
    for i in (0..N - 1).rev() {
        sum = sum.mul_add(x, V::splat(coefficients[i]));
    }
    sum
}

/// The integers in the low 52 bits of `bits`, as numbers less `offset`.
#[inline(always)]
fn integer<V: Lanes>(bits: V::Bits, offset: f64) -> V {
    let shifted = V::from_bits(V::or(bits, V::bits(INTEGER.to_bits())));
    shifted.sub(V::splat(INTEGER + offset))
}

/// The low 32 bits of each lane, plus ½, as a number in (0, 2³²).
#[inline(always)]
pub(super) fn word<V: Lanes>(bits: V::Bits) -> V {
    integer(V::and(bits, V::bits(0xffff_ffff)), -0.5)
}

/// The natural logarithm of a positive normal number.
#[inline(always)]
pub(super) fn ln<V: Lanes>(x: V) -> V {
    scaled_ln(x, 0, 1.0)
}

/// factor · ln(2^−exponent x), to the last bit what those operations give, for a positive normal number and a factor of ± a power
/// of 2: both only scale constants, exactly, and cost nothing.
///
/// With x = 2^k m, m in [√½, √2) and s = (m − 1)/(m + 1): ln x = k ln 2 + 2 artanh s, whose tail beyond s
/// is a polynomial in s², interpolated at Chebyshev nodes to 5e-18.
#[inline(always)]
pub(super) fn scaled_ln<V: Lanes>(x: V, exponent: u32, factor: f64) -> V {
    const MANTISSA: u64 = (1 << 52) - 1;
    const ROOT_HALF: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
    const TAIL: [f64; 7] = [
        0.333_333_333_333_333_5,
        0.199_999_999_999_497_52,
        0.142_857_143_129_877_43,
        0.111_111_055_673_975_4,
        0.090_914_445_626_308_61,
        0.076_658_608_002_780_21,
        0.073_082_248_425_217_03,
    ];
    let one = V::splat(1.0);
    let bits = V::bits_add(x.to_bits(), V::bits(ONE - ROOT_HALF));
    let k: V = integer(V::shift_right::<52>(bits), 1023.0 + f64::from(exponent));
    let m = V::bits_add(V::and(bits, V::bits(MANTISSA)), V::bits(ROOT_HALF));
    let m = V::from_bits(m);
    let s = m.sub(one).div(m.add(one));
    let square = s.mul(s);
    let tail = polynomial(square, TAIL).mul(square);
    let twice = s.mul(V::splat(2.0 * factor));
    k.mul_add(V::splat(LN_2 * factor), twice.mul_add(tail, twice))
}

/// e^x − 1 for x in [0, 700].
///
/// With x = n ln 2 + r, |r| ≤ ½ ln 2: 2ⁿ (e^r − 1) + 2ⁿ − 1, e^r − 1 by its Taylor series to r¹³.
#[inline(always)]
pub(super) fn exp_m1<V: Lanes>(x: V) -> V {
    const LN_2_LOW: f64 = 2.319_046_813_846_299_6e-17;
    // 1.5 · 2⁵²: adding it rounds to the nearest integer and leaves that in the low bits.
    const ROUND: f64 = 1.5 * INTEGER;
    let shifted = x.mul_add(V::splat(1.0 / LN_2), V::splat(ROUND));
    let n = shifted.sub(V::splat(ROUND));
    let r = n.neg_mul_add(V::splat(LN_2), x);
    let r = n.neg_mul_add(V::splat(LN_2_LOW), r);
    const fn series() -> [f64; 13] {
        let mut terms = [1.0; 13];
        let mut i = 1;
        while i < 13 {
            terms[i] = terms[i - 1] / (i + 1) as f64;
            i += 1;
        }
        terms
    }
    let below_one = polynomial(r, const { series() }).mul(r);
    let exponent = V::bits_add(shifted.to_bits(), V::bits(1023));
    let power = V::from_bits(V::shift_left::<52>(exponent));
    power.mul_add(below_one, power.sub(V::splat(1.0)))
}

/// A point (first, second) uniform on the unit circle from the low 32 bits of each lane: 30 for an angle
/// within ±π/4 of an axis, one for the sign of that axis, one for which axis.
///
/// Sine and cosine by their Taylor series, exact to rounding on ±π/4.
#[inline(always)]
pub(super) fn circle<V: Lanes>(bits: V::Bits) -> (V, V) {
    const SINE: [f64; 7] = [
        -1.0 / 6.0,
        1.0 / 120.0,
        -1.0 / 5040.0,
        1.0 / 362_880.0,
        -1.0 / 39_916_800.0,
        1.0 / 6_227_020_800.0,
        -1.0 / 1_307_674_368_000.0,
    ];
    const COSINE: [f64; 8] = [
        -1.0 / 2.0,
        1.0 / 24.0,
        -1.0 / 720.0,
        1.0 / 40_320.0,
        -1.0 / 3_628_800.0,
        1.0 / 479_001_600.0,
        -1.0 / 87_178_291_200.0,
        1.0 / 20_922_789_888_000.0,
    ];
    const STEP: f64 = FRAC_PI_4 / 536_870_912.0;
    let angle = V::and(V::shift_right::<2>(bits), V::bits(0x3fff_ffff));
    let angle = integer::<V>(angle, -0.5).mul_add(V::splat(STEP), V::splat(-FRAC_PI_4));
    let square = angle.mul(angle);
    let sine = polynomial(square, SINE).mul(square).mul_add(angle, angle);
    let cosine = polynomial(square, COSINE).mul_add(square, V::splat(1.0));
    let sign = V::shift_left::<63>(bits);
    let cosine = V::from_bits(V::xor(cosine.to_bits(), sign));
    let axis = V::shift_left::<62>(bits);
    (
        V::choose_by_top_bit(axis, sine, cosine),
        V::choose_by_top_bit(axis, cosine, sine),
    )
}
