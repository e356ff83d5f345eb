//! How much memory a training takes.

use super::{Method, Training};
use crate::tensor::Real;

impl<M: Method> Training<M> {
    /// Bytes at the peak of `seeds` runs of this training in the precision `T` on `threads` threads, their snapshots
    /// included. What the source holds is not counted.
    pub fn memory<T: Real>(&self, seeds: usize, threads: usize) -> u64 {
        let tape = self.tape();
        let settings = self.settings();
        let parameters = tape.parameter_count() as f64;
        let state = parameters + settings.optimizer.memory_len(tape.parameter_count()) as f64;
        let lines = tape.lines() as f64;
        let size = size_of::<T>() as f64;
        let seeds = seeds as f64;
        // Values and adjoints of a batch; of the fixed one, once a run has come to it.
        let batch = settings
            .switch
            .map_or(settings.batch, |switch| switch.samples.max(settings.batch));
        let batch = batch.next_multiple_of(T::PADDING) as f64;
        // What the gradient takes beside: a second batch, or part of one, and vectors.
        let needs = settings.optimizer.needs();
        let batches = if needs.ascent || needs.parts > 1 {
            2.0
        } else {
            1.0
        };
        let vectors = (1 + needs.vectors) as f64 * parameters;
        let alone = 3.0 * lines * batches * batch + state + vectors;
        let each = (seeds / threads as f64).ceil() as usize;
        let lanes = self.lanes::<T>(each);
        let together = if lanes > 1 {
            let groups = (seeds / lanes as f64).ceil().min(threads as f64);
            let wide = size_of::<T::Seeds>() as f64 / size;
            groups * wide * (3.0 * lines * batches * settings.batch as f64 + state + vectors)
        } else {
            0.0
        };
        // As words, and as the bytes of a file, which grow by doubling.
        let snapshots = 8.0 * 3.0 * seeds * state;
        (size * (seeds * alone + together) + snapshots) as u64
    }
}
