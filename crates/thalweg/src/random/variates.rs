//! The variates of a run, in lanes, from the words of their seeds' streams.

use std::f64::consts::FRAC_1_SQRT_2;

use crate::lanes::Lanes;

use super::functions::{circle, exp_m1, ln, scaled_ln, word};
use super::philox::{MULTIPLIERS, ROUNDS, WEYL};

const WORD: f64 = 1.0 / 4_294_967_296.0;

/// The streams of several seeds, one in each lane: Philox's keys for all its rounds.
#[derive(Clone, Debug)]
pub(crate) struct Streams<V: Lanes> {
    keys: [[V::Bits; 2]; ROUNDS],
}

impl<V: Lanes> Streams<V> {
    /// The streams of the first seeds of `seeds`, which must be as many as there are lanes.
    #[inline(always)]
    pub(crate) fn new(seeds: &[u64]) -> Self {
        let seeds = V::load_bits(seeds);
        let mut keys = [[V::bits(0); 2]; ROUNDS];
        let low = V::bits(0xffff_ffff);
        let mut key = [V::and(seeds, low), V::shift_right::<32>(seeds)];
        for round in &mut keys {
            *round = key;
            for i in 0..2 {
                key[i] = V::and(V::bits_add(key[i], V::bits(u64::from(WEYL[i]))), low);
            }
        }
        Self { keys }
    }

    /// The four words of the block with this counter, in the low halves of the lanes; what is in the high
    /// halves has no meaning. Counter entries are the low halves.
    #[inline(always)]
    pub(crate) fn block(&self, counter: [V::Bits; 4]) -> [V::Bits; 4] {
        let [block] = self.blocks([counter]);
        block
    }

    /// The blocks with these counters, round by round: while one waits for its products, the others go on.
    #[inline(always)]
    fn blocks<const N: usize>(&self, mut counters: [[V::Bits; 4]; N]) -> [[V::Bits; 4]; N] {
        let multipliers = [
            V::bits(u64::from(MULTIPLIERS[0])),
            V::bits(u64::from(MULTIPLIERS[1])),
        ];
        for key in &self.keys {
            for c in &mut counters {
                let p0 = V::widening_mul(multipliers[0], c[0]);
                let p1 = V::widening_mul(multipliers[1], c[2]);
                *c = [
                    V::xor(V::xor(V::shift_right::<32>(p1), c[1]), key[0]),
                    p1,
                    V::xor(V::xor(V::shift_right::<32>(p0), c[3]), key[1]),
                    p0,
                ];
            }
        }
        counters
    }

    /// The words of blocks `first`, `first + 1`, … of `step` for `purpose`, as many blocks as fill `words`.
    #[inline(always)]
    pub(crate) fn fill(&self, step: u64, first: u32, purpose: u32, words: &mut [[V::Bits; 4]]) {
        let (low, high) = (V::bits(step & 0xffff_ffff), V::bits(step >> 32));
        let purpose = V::bits(u64::from(purpose));
        let mut slot = u64::from(first);
        let mut fours = words.chunks_exact_mut(4);
        for four in &mut fours {
            let mut counters = [[low, high, low, purpose]; 4];
            for counter in &mut counters {
                counter[2] = V::bits(slot);
                slot += 1;
            }
            four.copy_from_slice(&self.blocks(counters));
        }
        for block in fours.into_remainder() {
            *block = self.block([low, high, V::bits(slot), purpose]);
            slot += 1;
        }
    }
}

/// A uniform number on (0, 1), 32 bits.
#[inline(always)]
pub(crate) fn uniform<V: Lanes>(bits: V::Bits) -> V {
    word::<V>(bits).mul(V::splat(WORD))
}

/// Two independent standard normals, by Box and Muller.
#[inline(always)]
pub(crate) fn normal_pair<V: Lanes>(radius: V::Bits, direction: V::Bits) -> (V, V) {
    let radius = scaled_ln(word::<V>(radius), 32, -2.0).sqrt();
    let (first, second) = circle::<V>(direction);
    (radius.mul(first), radius.mul(second))
}

/// A Laplace variate of unit variance: 31 bits for its size, one for its sign.
#[inline(always)]
pub(crate) fn laplace<V: Lanes>(bits: V::Bits) -> V {
    let half = V::shift_right::<1>(V::and(bits, V::bits(0xffff_ffff)));
    let u = word::<V>(half).mul(V::splat(2.0 * WORD));
    let magnitude = ln(u).mul(V::splat(-FRAC_1_SQRT_2));
    V::from_bits(V::xor(magnitude.to_bits(), V::shift_left::<63>(bits)))
}

/// A uniform variate of zero mean and unit variance.
#[inline(always)]
pub(crate) fn centred_uniform<V: Lanes>(bits: V::Bits) -> V {
    let root_12 = 2.0 * 3f64.sqrt();
    uniform::<V>(bits).sub(V::splat(0.5)).mul(V::splat(root_12))
}

/// Student's t with ν > 2 degrees of freedom scaled to unit variance, by Bailey, *Polar generation of random variates with
/// the t-distribution* (1994): √(ν (u^{−2/ν} − 1)) cos φ. u takes two words, φ one.
#[inline(always)]
pub(crate) fn student<V: Lanes>(block: &[V::Bits; 4], degrees: f64) -> V {
    let low = word::<V>(block[1]).mul(V::splat(WORD));
    // word adds ½: the high half is taken without.
    let high = word::<V>(block[0]).sub(V::splat(0.5));
    let u = high.add(low).mul(V::splat(WORD));
    let growth = exp_m1(ln(u).mul(V::splat(-2.0 / degrees)));
    let radius = growth.mul(V::splat(degrees - 2.0)).sqrt();
    radius.mul(circle::<V>(block[2]).0)
}
