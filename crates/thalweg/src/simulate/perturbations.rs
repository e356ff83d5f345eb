//! What is changed at random in each sample of a minibatch: noise on inputs and labels, and units that are left out.
//!
//! **Words.** Sample i of step t takes its words from the blocks i·n, i·n + 1, … of purpose [`Purpose::Changes`], n blocks each:
//! first normal pairs for the input noise and then the added noise, then one word for each mask.

use std::ops::Range;

use crate::lanes::{Call, Lanes};
use crate::random::{Purpose, Streams, centred_uniform, normal_pair};

use super::law::Law;

/// Where each change lies behind a sample's own numbers.
#[derive(Clone, Debug)]
pub(super) struct Perturbations {
    /// Standard normals of the input noise, d_x or none.
    pub input_noise: Range<usize>,
    /// Standard normals of the added noise, d_y or none.
    pub added_noise: Range<usize>,
    /// Of h_0 = x … h_{D−1}: 0 or 1/(1 − p) for each unit, or none.
    pub masks: Vec<Range<usize>>,
    /// Numbers in all.
    pub size: usize,
    input_dropout: f64,
    hidden_dropout: f64,
}

impl Perturbations {
    /// Those of `law` in a network of these widths.
    pub fn new(law: &Law, widths: &[usize]) -> Self {
        let mut size = 0;
        let mut take = |count: usize| {
            size += count;
            size - count..size
        };
        let some = |there: bool, count: usize| if there { count } else { 0 };
        let input_noise = take(some(law.input_noise_factor.is_some(), law.inputs));
        let added_noise = take(some(law.added_noise_factor.is_some(), law.outputs));
        let masks = (0..widths.len() - 1)
            .map(|k| {
                let p = if k == 0 {
                    law.input_dropout
                } else {
                    law.hidden_dropout
                };
                take(some(p > 0.0, widths[k]))
            })
            .collect();
        Self {
            input_noise,
            added_noise,
            masks,
            size,
            input_dropout: law.input_dropout,
            hidden_dropout: law.hidden_dropout,
        }
    }

    /// Words of the normals, in whole pairs.
    fn normal_words(&self) -> usize {
        2 * self.added_noise.end.div_ceil(2)
    }

    /// The probability with which each mask is 0, and 1/(1 − p), mask by mask.
    fn odds(&self) -> Vec<(f64, f64)> {
        let each = self.masks.iter().enumerate().flat_map(|(k, masks)| {
            let p = if k == 0 {
                self.input_dropout
            } else {
                self.hidden_dropout
            };
            std::iter::repeat_n((p, 1.0 / (1.0 - p)), masks.len())
        });
        each.collect()
    }
}

/// Draws them, a seed in each lane.
pub(super) struct Perturber<V: Lanes> {
    layout: Perturbations,
    streams: Streams<V>,
    odds: Vec<(f64, f64)>,
    words: Vec<[V::Bits; 4]>,
    columns: Vec<V>,
}

impl<V: Lanes> Perturber<V> {
    /// For `layout`, in the lanes of `seeds`.
    pub fn new(layout: Perturbations, seeds: &[u64]) -> Self {
        let words = layout.normal_words() + layout.odds().len();
        Self {
            odds: layout.odds(),
            words: vec![[V::bits(0); 4]; words.div_ceil(4)],
            columns: Vec::new(),
            streams: Streams::new(seeds),
            layout,
        }
    }

    /// `columns`, of `size` numbers each, with the changes of `step` behind each.
    #[inline(always)]
    pub fn extend(&mut self, columns: &[V], size: usize, step: u64) -> &[V] {
        V::within(Extend {
            perturber: self,
            columns,
            size,
            step,
        });
        &self.columns
    }

    #[inline(always)]
    fn draw(&mut self, columns: &[V], size: usize, step: u64) {
        self.columns.clear();
        let normals = self.layout.added_noise.end;
        for (i, column) in columns.chunks_exact(size).enumerate() {
            self.columns.extend_from_slice(column);
            let first = (i * self.words.len()) as u32;
            self.streams
                .fill(step, first, Purpose::Changes as u32, &mut self.words);
            let words = self.words.as_flattened();
            let (pairs, masks) = words.split_at(self.layout.normal_words());
            for (pair, at) in pairs.chunks_exact(2).zip((0..normals).step_by(2)) {
                let (one, two) = normal_pair::<V>(pair[0], pair[1]);
                self.columns.push(one);
                if at + 1 < normals {
                    self.columns.push(two);
                }
            }
            for (&(p, kept), &word) in self.odds.iter().zip(masks) {
                // Uniform on ±√3: below this with probability p.
                let threshold = V::splat(12f64.sqrt() * (p - 0.5));
                let dropped = centred_uniform::<V>(word).below(threshold);
                self.columns
                    .push(V::choose(dropped, V::splat(0.0), V::splat(kept)));
            }
        }
    }
}

/// [`Perturber::extend`]'s work.
struct Extend<'a, V: Lanes> {
    perturber: &'a mut Perturber<V>,
    columns: &'a [V],
    size: usize,
    step: u64,
}

impl<V: Lanes> Call for Extend<'_, V> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.perturber.draw(self.columns, self.size, self.step);
    }
}
