//! Chi-square variates in lanes.

use crate::lanes::Lanes;

use super::Purpose;
use super::functions::{ln, scaled_ln, word};
use super::variates::{Streams, normal_pair, uniform};

/// Up to this many degrees of freedom χ² is −2 ln of a product of uniforms (plus a squared normal if
/// odd); the product of 16 words stays inside the range of an `f64`. Above, it is drawn by rejection.
pub(crate) const FEW_DEGREES: usize = 32;

/// Words whose product gives the even part of χ² with `degrees` degrees of freedom; 0 when it is drawn
/// by rejection, whose words lie elsewhere.
pub(crate) const fn chi_square_words(degrees: usize) -> usize {
    if degrees <= FEW_DEGREES {
        degrees / 2
    } else {
        0
    }
}

/// χ² with 2n degrees of freedom from n ≤ 16 words: −2 ln of the product of n uniforms.
#[inline(always)]
pub(crate) fn chi_square_even<'a, V: Lanes>(words: impl ExactSizeIterator<Item = &'a V::Bits>) -> V
where
    V::Bits: 'a,
{
    let exponent = 32 * words.len() as u32;
    let mut product = V::splat(1.0);
    for bits in words {
        product = product.mul(word::<V>(*bits));
    }
    scaled_ln(product, exponent, -2.0)
}

/// χ² with many degrees of freedom by Marsaglia and Tsang, *A simple method for generating gamma
/// variables* (2000). Every proposal has its own block (`step`, `slot`, purpose and attempt), so a lane's
/// number does not depend on how often the others were refused.
#[inline(always)]
pub(crate) fn chi_square_many<V: Lanes>(
    streams: &Streams<V>,
    degrees: V,
    step: u64,
    slot: V::Bits,
    purpose: u32,
) -> V {
    let d = degrees.mul_add(V::splat(0.5), V::splat(-1.0 / 3.0));
    let c = V::splat(1.0).div(d.mul(V::splat(9.0)).sqrt());
    let (low, high) = (V::bits(step & 0xffff_ffff), V::bits(step >> 32));
    let mut drawn = V::splat(0.0);
    let (mut done, all) = (0u32, u32::MAX >> (32 - V::LANES));
    let mut attempt = 0;
    while done != all {
        let purpose = V::bits(u64::from(Purpose::attempt(purpose, attempt)));
        let words = streams.block([low, high, slot, purpose]);
        let (x, _) = normal_pair::<V>(words[0], words[1]);
        let root = c.mul_add(x, V::splat(1.0));
        let v = root.mul(root).mul(root);
        // ln u < x²/2 + d (1 − v + ln v); ln of a negative v has no meaning and is refused by v > 0.
        let bound = V::splat(1.0).sub(v).add(ln(v)).mul(d);
        let bound = x.mul(x).mul_add(V::splat(0.5), bound);
        let accepted = ln(uniform::<V>(words[2])).below(bound) & V::splat(0.0).below(v);
        drawn = V::choose(accepted & !done, v, drawn);
        done |= accepted;
        attempt += 1;
    }
    drawn.mul(d).mul(V::splat(2.0))
}
