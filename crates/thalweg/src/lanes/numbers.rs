//! Sums over vectors with a number in each lane.

use super::Lanes;

/// Σ_i x_i y_i, in eight chains.
#[inline(always)]
pub(crate) fn dot<V: Lanes>(x: &[V], y: &[V]) -> V {
    let mut sums = [V::splat(0.0); 8];
    let (mut xs, mut ys) = (x.chunks_exact(8), y.chunks_exact(8));
    for (x, y) in (&mut xs).zip(&mut ys) {
        for i in 0..8 {
            sums[i] = x[i].mul_add(y[i], sums[i]);
        }
    }
    for (i, (x, y)) in xs.remainder().iter().zip(ys.remainder()).enumerate() {
        sums[i] = x.mul_add(*y, sums[i]);
    }
    let [a, b, c, d, e, f, g, h] = sums;
    a.add(b).add(c.add(d)).add(e.add(f).add(g.add(h)))
}

/// A bit for each lane.
#[inline(always)]
pub(crate) fn all<V: Lanes>() -> u32 {
    u32::MAX >> (32 - V::LANES)
}
