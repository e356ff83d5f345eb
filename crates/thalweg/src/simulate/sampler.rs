//! Draws minibatches in lanes, whitened: column i holds d_x input and d_y noise coordinates.
//!
//! [`Law`] says what the columns mean and which words they are made of.

use crate::lanes::{Call, Lanes};
use crate::random::{
    FEW_DEGREES, Streams, centred_uniform, chi_square_even, chi_square_many, chi_square_words,
    laplace, normal_pair, student,
};

use super::NoiseLaw;
use super::law::{Law, Layout};

/// Draws minibatches without their samples.
pub(super) trait SufficientStatistics<V> {
    /// The sufficient statistics of `layout.batch` samples: column c is A's and Z's.
    fn sufficient(&mut self, law: &Law, layout: &Layout, step: u64, purpose: u32) -> &[V];
}

/// One stream for each lane, and room for what is drawn from them.
pub(super) struct Sampler<V: Lanes> {
    pub streams: Streams<V>,
    words: Vec<[V::Bits; 4]>,
    columns: Vec<V>,
    /// Where in `columns` each normal of a sufficient-statistics draw goes.
    destinations: Vec<usize>,
}

impl<V: Lanes> Sampler<V> {
    /// A sampler whose lanes draw from the streams of `seeds`, as many as there are lanes.
    #[inline(always)]
    pub fn new(seeds: &[u64]) -> Self {
        Self {
            streams: Streams::new(seeds),
            words: Vec::new(),
            columns: Vec::new(),
            destinations: Vec::new(),
        }
    }

    #[inline(always)]
    fn draw_sufficient(&mut self, law: &Law, layout: &Layout, step: u64, purpose: u32) {
        let size = law.inputs + law.outputs;
        let used = layout.columns * size;
        if self.destinations.is_empty() {
            self.destinations = law.destinations(layout);
            self.columns = vec![V::splat(0.0); used + 1];
            self.words = vec![[V::bits(0); 4]; layout.words.div_ceil(4)];
        }
        self.streams.fill(step, 0, purpose, &mut self.words);
        let words = self.words.as_flattened();
        let columns = &mut self.columns[..];
        for (pair, to) in words.chunks_exact(2).zip(self.destinations.chunks_exact(2)) {
            let (first, second) = normal_pair::<V>(pair[0], pair[1]);
            columns[to[0]] = first;
            columns[to[1]] = second;
        }
        let mut next = layout.chi_words;
        for c in 0..layout.columns {
            let degrees = layout.batch - c;
            let diagonal = c * size + c;
            let squared = if degrees <= FEW_DEGREES {
                let few = chi_square_words(degrees);
                let even = chi_square_even::<V>(words[next..next + few].iter());
                next += few;
                if degrees % 2 == 1 {
                    let odd = columns[diagonal];
                    odd.mul_add(odd, even)
                } else {
                    even
                }
            } else {
                let slot = V::bits(c as u64);
                let degrees = V::splat(degrees as f64);
                chi_square_many(&self.streams, degrees, step, slot, purpose)
            };
            columns[diagonal] = squared.sqrt();
        }
    }

    /// `batch` samples, one in each column.
    #[inline(always)]
    pub fn samples(&mut self, law: &Law, batch: usize, step: u64, purpose: u32) -> &[V] {
        V::within(Samples {
            sampler: self,
            law,
            batch,
            step,
            purpose,
        });
        &self.columns[..batch * (law.inputs + law.outputs)]
    }

    #[inline(always)]
    fn draw_samples(&mut self, law: &Law, batch: usize, step: u64, purpose: u32) {
        let size = law.inputs + law.outputs;
        let blocks = law.blocks_per_sample();
        self.columns.resize(batch * size + 1, V::splat(0.0));
        self.words.resize(blocks, [V::bits(0); 4]);
        for i in 0..batch {
            let first = (i * blocks) as u32;
            self.streams.fill(step, first, purpose, &mut self.words);
            // One more than a column: an odd number of normals spills into the next, drawn later.
            let column = &mut self.columns[i * size..(i + 1) * size + 1];
            sample(law, &self.words, column);
        }
    }
}

impl<V: Lanes> SufficientStatistics<V> for Sampler<V> {
    #[inline(always)]
    fn sufficient(&mut self, law: &Law, layout: &Layout, step: u64, purpose: u32) -> &[V] {
        V::within(Sufficient {
            sampler: self,
            law,
            layout,
            step,
            purpose,
        });
        &self.columns[..layout.columns * (law.inputs + law.outputs)]
    }
}

/// [`SufficientStatistics::sufficient`]'s work.
struct Sufficient<'a, V: Lanes> {
    sampler: &'a mut Sampler<V>,
    law: &'a Law,
    layout: &'a Layout,
    step: u64,
    purpose: u32,
}

impl<V: Lanes> Call for Sufficient<'_, V> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.sampler
            .draw_sufficient(self.law, self.layout, self.step, self.purpose);
    }
}

/// [`Sampler::samples`]' work.
struct Samples<'a, V: Lanes> {
    sampler: &'a mut Sampler<V>,
    law: &'a Law,
    batch: usize,
    step: u64,
    purpose: u32,
}

impl<V: Lanes> Call for Samples<'_, V> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.sampler
            .draw_samples(self.law, self.batch, self.step, self.purpose);
    }
}

/// One whitened sample from its words; the last entry of `column` is spill room.
#[inline(always)]
fn sample<V: Lanes>(law: &Law, words: &[[V::Bits; 4]], column: &mut [V]) {
    let (inputs, size) = (law.inputs, law.inputs + law.outputs);
    let gaussian = law.data.noise == NoiseLaw::Gaussian;
    let normals = if gaussian { size } else { inputs };
    let pairs = words.as_flattened().chunks_exact(2);
    for (pair, at) in pairs.zip((0..normals).step_by(2)) {
        let (first, second) = normal_pair::<V>(pair[0], pair[1]);
        column[at] = first;
        column[at + 1] = second;
    }
    let noise = &words[law.noise_block()..];
    match law.data.noise {
        NoiseLaw::Gaussian => {}
        NoiseLaw::Laplace => {
            for (to, &bits) in column[inputs..size].iter_mut().zip(noise.as_flattened()) {
                *to = laplace(bits);
            }
        }
        NoiseLaw::Uniform => {
            for (to, &bits) in column[inputs..size].iter_mut().zip(noise.as_flattened()) {
                *to = centred_uniform(bits);
            }
        }
        NoiseLaw::StudentT { degrees } => {
            for (to, block) in column[inputs..size].iter_mut().zip(noise) {
                *to = student::<V>(block, degrees);
            }
        }
    }
    let c = law.data.heteroscedasticity;
    if c > 0.0 {
        let mut squared = V::splat(0.0);
        for &z in &column[..inputs] {
            squared = z.mul_add(z, squared);
        }
        let variance = squared.mul_add(V::splat(c / inputs as f64), V::splat(1.0 - c));
        let deviation = variance.sqrt();
        for to in &mut column[inputs..size] {
            *to = to.mul(deviation);
        }
    }
}
