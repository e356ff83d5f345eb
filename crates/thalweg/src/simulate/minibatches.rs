//! The minibatches of one group of runs, wherever they come from.

use crate::lanes::Lanes;
use crate::random::Purpose;

use super::finite::Finite;
use super::law::{Law, Layout};
use super::perturbations::{Perturbations, Perturber};
use super::run::Run;
use super::sampler::{Sampler, SufficientStatistics};
use super::{SampleSource, SimulateSettings};

/// Draws them: from a fixed batch, as sufficient statistics, from data sets, or sample by sample.
pub(super) struct Minibatches<'a, V: Lanes, S> {
    law: &'a Law,
    batch: usize,
    layout: Layout,
    /// The first step on the fixed batch.
    switch: u64,
    /// The whitened columns of the fixed batch.
    fixed: Vec<V>,
    source: S,
    sampler: Sampler<V>,
    finite: Option<Finite<V>>,
    perturber: Option<Perturber<V>>,
}

impl<'a, V: Lanes, S: SufficientStatistics<V>> Minibatches<'a, V, S> {
    /// Those of the runs of `seeds`, one for each lane, by `settings`; `source` gives sufficient statistics.
    #[inline(always)]
    pub fn new(
        law: &'a Law,
        settings: &SimulateSettings,
        widths: &[usize],
        seeds: &[u64],
        source: S,
        fixed: Vec<V>,
    ) -> Self {
        let finite = match settings.data.source {
            SampleSource::Online => None,
            SampleSource::Finite {
                samples,
                replacement,
            } => Some(Finite::new(samples, replacement, law.size(), seeds)),
        };
        let perturber = settings
            .is_perturbed()
            .then(|| Perturber::new(Perturbations::new(law, widths), seeds));
        Self {
            law,
            batch: settings.batch,
            layout: law.layout(settings.batch),
            switch: settings.switch.map_or(u64::MAX, |s| s.at_step),
            fixed,
            source,
            sampler: Sampler::new(seeds),
            finite,
            perturber,
        }
    }

    /// The whitened columns of the minibatch of `step` for `purpose`, that of the step itself or of an ascent of its own, with what
    /// is changed in each sample behind it.
    #[inline(always)]
    pub fn draw(&mut self, runs: &[Run], step: u64, purpose: Purpose) -> &[V] {
        let columns = if step >= self.switch {
            &self.fixed
        } else if self.law.sufficient() {
            let (layout, purpose) = (&self.layout, purpose as u32);
            self.source.sufficient(self.law, layout, step, purpose)
        } else if let Some(finite) = &mut self.finite {
            let last = runs.len() - 1;
            let lanes: Vec<&Run> = (0..V::LANES).map(|l| &runs[l.min(last)]).collect();
            finite.minibatch(&self.sampler.streams, &lanes, self.batch, step, purpose)
        } else {
            self.sampler
                .samples(self.law, self.batch, step, purpose as u32)
        };
        match &mut self.perturber {
            None => columns,
            Some(perturber) => perturber.extend(columns, self.law.size(), step),
        }
    }
}
