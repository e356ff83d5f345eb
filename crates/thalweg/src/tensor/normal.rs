//! The standard normal law's density and distribution, so that they vectorise.

use super::Real;

/// (φ(x), Φ(x)): the density e^(−x²/2)/√(2π) and the distribution ½(1 + erf(x/√2)), each to a few units in the last
/// place, also where Φ is small, down to the smallest results of [`Number::exp`](super::Number::exp). NaN stays NaN.
///
/// Φ(−a) = e^(−a²/2) m(a)/(1 + a) for a ≥ 0, where m is smooth from m(0) = ½ to m(∞) = 1/√(2π): a polynomial in
/// t = (a − 5)/(a + 5), which runs from −1 to 1.
#[inline(always)]
pub(super) fn normal<T: Real>(x: T) -> (T, T) {
    let number = T::from_f64;
    let a = if x < T::ZERO { -x } else { x };
    // Beyond it all is 0 or 1 to rounding, and infinities would leave NaN.
    let a = if a > number(40.0) { number(40.0) } else { a };
    // a² = square + rest exactly: half a unit of a² would be many of its exponential.
    let square = a * a;
    let rest = a.mul_add(a, -square);
    let exp = (number(-0.5) * square).exp();
    let exp = (number(-0.5) * rest).mul_add(exp, exp);
    let t = (a - number(5.0)) / (a + number(5.0));
    let mut m = T::ZERO;
    for &coefficient in T::MILLS.iter().rev() {
        m = m.mul_add(t, coefficient);
    }
    let below = exp * m / (T::ONE + a);
    let above = T::ONE - below;
    // 1/√(2π).
    let density = number(0.398_942_280_401_432_7) * exp;
    (density, if x > T::ZERO { above } else { below })
}

/// m as powers of t: the Chebyshev series of m, from its values at 64 nodes in 40 digits, cut where what follows
/// is below half a unit in the last place, and rearranged.
pub(super) const MILLS_F64: &[f64] = &[
    0.461_515_829_850_037_75,
    -0.091_552_281_834_009_04,
    0.031_030_368_425_963_708,
    0.010_002_352_385_229_382,
    -0.026_401_042_966_308_307,
    0.024_536_963_243_678_652,
    -0.015_170_415_402_514_863,
    0.006_522_000_667_783_896,
    -0.001_676_072_344_554_47,
    7.791_597_409_338_999e-6,
    0.000_182_334_145_116_438_43,
    -5.360_758_111_487_22e-5,
    -9.896_097_759_279_782e-6,
    9.059_824_681_256_64e-6,
    -7.034_644_683_537_101e-8,
    -1.307_448_601_923_758_7e-6,
    1.278_782_218_209_37e-7,
    1.962_780_992_009_118_7e-7,
    -2.628_620_508_989_875_4e-8,
    -3.095_201_755_804_207e-8,
    3.627_373_163_401_201e-9,
    4.401_159_622_759_925_4e-9,
    -2.822_077_229_062_986_5e-10,
    -3.815_816_262_632_953e-10,
];

/// The same for single precision.
pub(super) const MILLS_F32: &[f32] = &[
    0.461_515_83,
    -0.091_552_3,
    0.031_030_033,
    0.010_002_863,
    -0.026_397_122,
    0.024_532_805,
    -0.015_187_213,
    0.006_536_668_4,
    -0.001_643_488_5,
    -1.784_874e-5,
    0.000_153_100_27,
    -3.104_840_3e-5,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// a, Φ(−a), φ(a): the nearest numbers to what another program's complementary error function gives in 40 digits.
    const KNOWN: [(f64, f64, f64); 17] = [
        (0.0, 0.5, 0.3989422804014327),
        (0.0625, 0.47508233097075275, 0.3981638566868866),
        (0.3, 0.3820885778110474, 0.3813878154605241),
        (0.75, 0.2266273523768682, 0.30113743215480443),
        (1.0, 0.15865525393145705, 0.24197072451914334),
        (1.5, 0.06680720126885807, 0.12951759566589172),
        (2.125, 0.016793306448448814, 0.041720985256338605),
        (3.0, 0.0013498980316300946, 0.0044318484119380075),
        (4.5, 3.3976731247300603e-6, 1.5983741106905475e-5),
        (6.0, 9.86587645037698e-10, 6.075882849823285e-9),
        (8.0, 6.220960574271784e-16, 5.052271083536892e-15),
        (11.0, 1.9106595744986757e-28, 2.1188192535093534e-27),
        (15.0, 3.670966199312751e-51, 5.530709549844416e-50),
        (20.0, 2.7536241186062337e-89, 5.520948362159764e-88),
        (26.0, 2.4760633155033892e-149, 6.447259971397852e-148),
        (32.0, 5.452080603512396e-225, 1.746366256758777e-223),
        (37.0, 5.725571222524577e-300, 2.1200065515246056e-298),
    ];

    /// 4 units in the last place.
    fn close<T: Real>(found: T, exact: f64, unit: f64) {
        let error = (found.to_f64() - exact).abs();
        assert!(error <= 4.0 * unit * exact, "{found:?} for {exact}");
    }

    fn known<T: Real>(largest: f64, unit: f64) {
        for (a, below, density) in KNOWN {
            // In single precision 0.3 is another number.
            if a <= largest && T::from_f64(a).to_f64() == a {
                let (phi, under) = normal(T::from_f64(-a));
                close(phi, density, unit);
                close(under, below, unit);
                close(normal(T::from_f64(a)).1, 1.0 - below, unit);
            }
        }
    }

    #[test]
    fn both_are_those_known() {
        known::<f64>(37.0, f64::EPSILON);
        known::<f32>(11.0, f32::EPSILON.into());
    }

    /// Φ(−a)/φ(a) by Laplace's continued fraction 1/(a + 1/(a + 2/(a + …))), or nearer to 0 from the power series
    /// Φ(a) = ½ + φ(a)(a + a³/3 + a⁵/15 + …).
    fn mills(a: f64, density: f64) -> f64 {
        if a > 1.5 {
            return 1.0 / (1..400).rev().fold(a, |tail, k| a + f64::from(k) / tail);
        }
        let (mut sum, mut term) = (0.0, a);
        for k in 1..200 {
            sum += term;
            term *= a * a / f64::from(2 * k + 1);
        }
        0.5 / density - sum
    }

    /// Between the known points. The rounding of x² makes an error of ½x² units in the reference, and the series
    /// loses up to 40: near 1.5 it leaves an eighth of what it is taken from, which some five roundings made.
    #[test]
    fn nothing_is_off_in_between() {
        for i in -3700..=3700 {
            let x = f64::from(i) * 0.01 + 1e-3;
            let exact = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
            let below = exact * mills(x.abs(), exact);
            let (density, found) = normal(-x.abs());
            let unit = (4.0 + 0.5 * x * x) * f64::EPSILON;
            assert!(
                (density - exact).abs() <= unit * exact,
                "φ({x}): {density}, {exact}"
            );
            let unit = unit + 40.0 * f64::EPSILON;
            assert!(
                (found - below).abs() <= unit * below,
                "Φ(−|{x}|): {found}, {below}"
            );
            assert!((normal(x.abs()).1 - (1.0 - found)).abs() <= f64::EPSILON);
            let single = x as f32;
            if single.abs() < 13.0 {
                let (density, below) = normal(f64::from(single));
                let (found, under) = normal(single);
                close(found, density, f32::EPSILON.into());
                close(under, below, f32::EPSILON.into());
            }
        }
    }

    #[test]
    fn far_out_it_is_zero_or_one() {
        for x in [50.0, f64::INFINITY] {
            assert_eq!(normal(x).1, 1.0);
            assert!(normal(x).0 < 1e-300 && normal(-x).1 < 1e-300);
        }
        assert!(normal(f64::NAN).1.is_nan() && normal(f32::NAN).0.is_nan());
    }
}
