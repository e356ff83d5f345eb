//! Many variates of one seed at once: a Philox block in each lane.

use crate::lanes::{Lanes, Task, dispatch};

use super::{
    NoiseLaw, Purpose, Streams, centred_uniform, laplace, normal_pair, philox4x32_10, student,
};

/// Blocks are drawn in multiples of this: the most lanes there are.
const GROUP: usize = 8;

/// The random numbers of one step, drawn one heap after another. Which numbers they are depends on the
/// seed, the purpose, the step and the sizes of the heaps, never on the processor.
#[derive(Clone, Debug)]
pub struct Bulk {
    seed: u64,
    purpose: Purpose,
    step: u64,
    /// The first block that has not been used.
    next: u32,
}

impl Bulk {
    /// At the start of `step`.
    pub fn new(seed: u64, purpose: Purpose, step: u64) -> Self {
        Self {
            seed,
            purpose,
            step,
            next: 0,
        }
    }

    /// At least `count`, and a length that [`Bulk::variates`] takes.
    pub const fn room(count: usize) -> usize {
        count.next_multiple_of(4 * GROUP)
    }

    /// Independent variates of mean 0 and variance 1, as many as fill `to`, whose length is one that
    /// [`Bulk::room`] gave.
    ///
    /// Where a block gives four variates, they go into the four quarters of `to`, so that lanes, which
    /// hold neighbouring blocks, are stored side by side.
    pub fn variates(&mut self, law: NoiseLaw, to: &mut [f64]) {
        debug_assert_eq!(to.len(), Self::room(to.len()));
        let blocks = match law {
            NoiseLaw::StudentT { .. } => to.len(),
            _ => to.len() / 4,
        };
        dispatch(Variates {
            from: self,
            law,
            blocks,
            to,
        });
        self.skip(blocks);
    }

    /// Random words, as many as fill `to`.
    pub fn words(&mut self, to: &mut [u32]) {
        let key = [self.seed as u32, (self.seed >> 32) as u32];
        let (low, high) = (self.step as u32, (self.step >> 32) as u32);
        for (block, to) in (self.next..).zip(to.chunks_mut(4)) {
            let words = philox4x32_10(key, [low, high, block, self.purpose as u32]);
            to.copy_from_slice(&words[..to.len()]);
        }
        self.skip(to.len().div_ceil(4));
    }

    fn skip(&mut self, blocks: usize) {
        self.next = self.next.wrapping_add(blocks as u32);
    }
}

/// [`Bulk::variates`]' work.
struct Variates<'a> {
    from: &'a Bulk,
    law: NoiseLaw,
    blocks: usize,
    to: &'a mut [f64],
}

impl Task for Variates<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let Self {
            from,
            law,
            blocks,
            to,
        } = self;
        let streams = Streams::<V>::new(&[from.seed; GROUP]);
        let lane = V::load_bits(&[0, 1, 2, 3, 4, 5, 6, 7]);
        let (low, high) = (V::bits(from.step & 0xffff_ffff), V::bits(from.step >> 32));
        let purpose = V::bits(from.purpose as u64);
        for first in (0..blocks).step_by(V::LANES) {
            let slot = V::bits_add(V::bits(u64::from(from.next) + first as u64), lane);
            let words = streams.block([low, high, slot, purpose]);
            match law {
                NoiseLaw::Gaussian => {
                    for half in 0..2 {
                        let pair = normal_pair::<V>(words[2 * half], words[2 * half + 1]);
                        pair.0.store(&mut to[2 * half * blocks + first..]);
                        pair.1.store(&mut to[(2 * half + 1) * blocks + first..]);
                    }
                }
                NoiseLaw::Laplace => {
                    for i in 0..4 {
                        laplace::<V>(words[i]).store(&mut to[i * blocks + first..]);
                    }
                }
                NoiseLaw::Uniform => {
                    for i in 0..4 {
                        centred_uniform::<V>(words[i]).store(&mut to[i * blocks + first..]);
                    }
                }
                NoiseLaw::StudentT { degrees } => {
                    student::<V>(&words, degrees).store(&mut to[first..]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{ContinuousCDF, Laplace, Normal, StudentsT, Uniform};

    use super::super::tests::kolmogorov_smirnov;
    use super::*;
    use crate::lanes::{Isa, dispatch_on};

    const LAWS: [NoiseLaw; 4] = [
        NoiseLaw::Gaussian,
        NoiseLaw::Laplace,
        NoiseLaw::Uniform,
        NoiseLaw::StudentT { degrees: 5.0 },
    ];

    #[test]
    fn lanes_do_not_matter() {
        let from = Bulk::new(7, Purpose::Batches, u64::MAX - 1);
        for law in LAWS {
            let draw = |isa| {
                let mut to = vec![0.0; Bulk::room(100)];
                let blocks = match law {
                    NoiseLaw::StudentT { .. } => to.len(),
                    _ => to.len() / 4,
                };
                let task = Variates {
                    from: &from,
                    law,
                    blocks,
                    to: &mut to,
                };
                dispatch_on(isa, task);
                to
            };
            for isa in Isa::available() {
                assert_eq!(draw(isa), draw(Isa::Scalar), "{law:?} {isa:?}");
            }
        }
    }

    /// A right law fails one of the four with a chance of 4e-4.
    #[test]
    fn variates_have_their_laws_with_unit_variance() {
        let (root_2, root_3, t) = (2f64.sqrt(), 3f64.sqrt(), (5f64 / 3.0).sqrt());
        let cdfs: [Box<dyn Fn(f64) -> f64>; 4] = [
            Box::new(|x| Normal::new(0.0, 1.0).unwrap().cdf(x)),
            Box::new(move |x| Laplace::new(0.0, 1.0 / root_2).unwrap().cdf(x)),
            Box::new(move |x| Uniform::new(-root_3, root_3).unwrap().cdf(x)),
            Box::new(move |x| StudentsT::new(0.0, 1.0, 5.0).unwrap().cdf(t * x)),
        ];
        for (law, cdf) in LAWS.into_iter().zip(cdfs) {
            let mut bulk = Bulk::new(11, Purpose::Batches, 0);
            let mut sample = vec![0.0; Bulk::room(20_000)];
            bulk.variates(law, &mut sample);
            let p = kolmogorov_smirnov(&mut sample, cdf);
            assert!(p > 1e-4, "{law:?}: {p}");
        }
    }

    #[test]
    fn heaps_do_not_repeat_each_other() {
        let mut bulk = Bulk::new(3, Purpose::Batches, 9);
        let (mut first, mut second) = ([0; 10], [0; 10]);
        bulk.words(&mut first);
        bulk.words(&mut second);
        let mut heap = vec![0.0; Bulk::room(1)];
        bulk.variates(NoiseLaw::Uniform, &mut heap);
        let mut words: Vec<u64> = first.iter().chain(&second).map(|&w| w.into()).collect();
        words.extend(heap.iter().map(|x| x.to_bits()));
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count);
    }
}
