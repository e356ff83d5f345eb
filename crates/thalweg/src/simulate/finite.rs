//! Which samples of a finite data set a minibatch takes.

use crate::lanes::Lanes;
use crate::random::{Purpose, Streams, shuffle};

use super::run::Run;

/// Gathers minibatches from the data sets of several seeds, one in each lane.
pub(super) struct Finite<V: Lanes> {
    samples: usize,
    replacement: bool,
    /// d_x + d_y.
    size: usize,
    seeds: Vec<u64>,
    /// Without replacement: the epoch that `orders` belongs to, and each lane's order.
    epoch: Option<u64>,
    orders: Vec<Vec<u32>>,
    indices: Vec<u32>,
    words: Vec<[V::Bits; 4]>,
    columns: Vec<V>,
}

impl<V: Lanes> Finite<V> {
    #[inline(always)]
    pub fn new(samples: usize, replacement: bool, size: usize, seeds: &[u64]) -> Self {
        Self {
            samples,
            replacement,
            size,
            seeds: seeds.to_vec(),
            epoch: None,
            orders: vec![Vec::new(); if replacement { 0 } else { V::LANES }],
            indices: Vec::new(),
            words: Vec::new(),
            columns: Vec::new(),
        }
    }

    /// The whitened columns of the minibatch of `step` for `purpose`, from the lanes' data sets: the step's own, or that of an
    /// ascent, which is drawn with replacement whatever the steps' are.
    #[inline(always)]
    pub fn minibatch(
        &mut self,
        streams: &Streams<V>,
        lanes: &[&Run],
        batch: usize,
        step: u64,
        purpose: Purpose,
    ) -> &[V] {
        self.columns.resize(batch * self.size, V::splat(0.0));
        self.indices.resize(batch * V::LANES, 0);
        if self.replacement || purpose == Purpose::Ascent {
            self.with_replacement(streams, step, purpose);
        } else {
            self.in_order(batch, step);
        }
        let mut gathered = vec![0.0; V::LANES];
        for (i, indices) in self.indices.chunks_exact(V::LANES).enumerate() {
            for r in 0..self.size {
                for ((to, run), &index) in gathered.iter_mut().zip(lanes).zip(indices) {
                    *to = run.data_set[index as usize * self.size + r];
                }
                self.columns[i * self.size + r] = V::load(&gathered);
            }
        }
        &self.columns
    }

    /// Sample i of lane l at `indices[i · LANES + l]`: word i of the step times N, its high half.
    #[inline(always)]
    fn with_replacement(&mut self, streams: &Streams<V>, step: u64, purpose: Purpose) {
        let batch = self.indices.len() / V::LANES;
        self.words.resize(batch.div_ceil(4), [V::bits(0); 4]);
        streams.fill(step, 0, purpose as u32, &mut self.words);
        let mut bits = vec![0.0; V::LANES];
        let words = self.words.as_flattened();
        for (indices, &word) in self.indices.chunks_exact_mut(V::LANES).zip(words) {
            V::from_bits(word).store(&mut bits);
            for (index, bits) in indices.iter_mut().zip(&bits) {
                let word = bits.to_bits() & 0xffff_ffff;
                *index = ((word * self.samples as u64) >> 32) as u32;
            }
        }
    }

    /// The next B of the endless sequence of shuffled epochs; a minibatch may straddle two.
    #[inline(always)]
    fn in_order(&mut self, batch: usize, step: u64) {
        let first = u128::from(step) * batch as u128;
        for i in 0..batch {
            let at = first + i as u128;
            let epoch = (at / self.samples as u128) as u64;
            if self.epoch != Some(epoch) {
                for (order, &seed) in self.orders.iter_mut().zip(&self.seeds) {
                    shuffle(order, seed, Purpose::Shuffle, epoch, self.samples);
                }
                self.epoch = Some(epoch);
            }
            let at = (at % self.samples as u128) as usize;
            for (l, order) in self.orders.iter().enumerate() {
                self.indices[i * V::LANES + l] = order[at];
            }
        }
    }
}
