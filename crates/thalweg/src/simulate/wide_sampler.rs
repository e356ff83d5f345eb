//! Draws the sufficient statistics of one seed with wide layers: a Philox block in each lane.

use crate::lanes::{Call, Lanes};
use crate::random::{
    FEW_DEGREES, Streams, chi_square_even, chi_square_many, chi_square_words, normal_pair,
    philox4x32_10,
};

use super::law::{Law, Layout};
use super::sampler::SufficientStatistics;

/// One seed's stream, and room for what is drawn from it.
pub(super) struct WideSampler<V: Lanes> {
    seed: u64,
    streams: Streams<V>,
    columns: Vec<f64>,
    destinations: Vec<usize>,
}

impl<V: Lanes> WideSampler<V> {
    #[inline(always)]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            streams: Streams::new(&vec![seed; V::LANES]),
            columns: Vec::new(),
            destinations: Vec::new(),
        }
    }

    #[inline(always)]
    fn normals(&mut self, step: u64, purpose: u32) {
        let lane = V::load_bits(&[0, 1, 2, 3, 4, 5, 6, 7]);
        let (low, high) = (V::bits(step & 0xffff_ffff), V::bits(step >> 32));
        let purpose = V::bits(u64::from(purpose));
        let mut drawn = [[0.0; 8]; 4];
        for (group, to) in self.destinations.chunks(4 * V::LANES).enumerate() {
            let slot = V::bits_add(V::bits((group * V::LANES) as u64), lane);
            let words = self.streams.block([low, high, slot, purpose]);
            for half in 0..2 {
                let (first, second) = normal_pair::<V>(words[2 * half], words[2 * half + 1]);
                first.store(&mut drawn[2 * half]);
                second.store(&mut drawn[2 * half + 1]);
            }
            for (i, &to) in to.iter().enumerate() {
                self.columns[to] = drawn[i % 4][i / 4];
            }
        }
    }

    /// The diagonal of A from c = `first` on, a χ² with many degrees of freedom in each lane; returns how
    /// many those were.
    #[inline(always)]
    fn many(
        &mut self,
        layout: &Layout,
        size: usize,
        first: usize,
        step: u64,
        purpose: u32,
    ) -> usize {
        let last = layout.columns.min(layout.batch - FEW_DEGREES) - 1;
        let (mut slots, mut degrees) = ([0; 8], [0.0; 8]);
        for l in 0..V::LANES {
            let c = (first + l).min(last);
            slots[l] = c as u64;
            degrees[l] = (layout.batch - c) as f64;
        }
        let (slots, degrees) = (V::load_bits(&slots), V::load(&degrees));
        let mut drawn = [0.0; 8];
        chi_square_many(&self.streams, degrees, step, slots, purpose)
            .sqrt()
            .store(&mut drawn);
        let count = V::LANES.min(last + 1 - first);
        for (l, x) in drawn[..count].iter().enumerate() {
            self.columns[(first + l) * (size + 1)] = *x;
        }
        count
    }

    /// The diagonal entry of A in column c, a χ² with few degrees of freedom whose words start at `next`.
    fn few(
        &mut self,
        layout: &Layout,
        size: usize,
        c: usize,
        next: usize,
        step: u64,
        purpose: u32,
    ) {
        let degrees = layout.batch - c;
        let key = [self.seed as u32, (self.seed >> 32) as u32];
        let words: Vec<u64> = (next..next + chi_square_words(degrees))
            .map(|w| {
                let counter = [step as u32, (step >> 32) as u32, (w / 4) as u32, purpose];
                u64::from(philox4x32_10(key, counter)[w % 4])
            })
            .collect();
        let mut squared = chi_square_even::<f64>(words.iter());
        let diagonal = &mut self.columns[c * (size + 1)];
        if degrees % 2 == 1 {
            squared = diagonal.mul_add(*diagonal, squared);
        }
        *diagonal = squared.sqrt();
    }
}

impl<V: Lanes> SufficientStatistics<f64> for WideSampler<V> {
    /// What [`Sampler`](super::sampler::Sampler) draws, bit for bit.
    #[inline(always)]
    fn sufficient(&mut self, law: &Law, layout: &Layout, step: u64, purpose: u32) -> &[f64] {
        let used = layout.columns * (law.inputs + law.outputs);
        if self.destinations.is_empty() {
            self.destinations = law.destinations(layout);
            self.columns = vec![0.0; used + 1];
        }
        V::within(Draw {
            sampler: self,
            size: law.inputs + law.outputs,
            layout,
            step,
            purpose,
        });
        &self.columns[..used]
    }
}

/// [`SufficientStatistics::sufficient`]'s work.
struct Draw<'a, V: Lanes> {
    sampler: &'a mut WideSampler<V>,
    size: usize,
    layout: &'a Layout,
    step: u64,
    purpose: u32,
}

impl<V: Lanes> Call for Draw<'_, V> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self {
            sampler,
            size,
            layout,
            step,
            purpose,
        } = self;
        sampler.normals(step, purpose);
        let (mut c, mut next) = (0, layout.chi_words);
        while c < layout.columns {
            let degrees = layout.batch - c;
            if degrees > FEW_DEGREES {
                c += sampler.many(layout, size, c, step, purpose);
            } else {
                sampler.few(layout, size, c, next, step, purpose);
                next += chi_square_words(degrees);
                c += 1;
            }
        }
    }
}
