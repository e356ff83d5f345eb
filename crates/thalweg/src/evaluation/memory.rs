//! How much memory an evaluation and estimates on it take.

use super::Evaluation;
use super::batches::{DIRECTIONS, RESIDENT};
use crate::tensor::Tape;

impl Evaluation {
    /// Bytes that the loss of `tape` over `samples` samples takes, with its derivatives at one point, on `threads` threads,
    /// and `vectors` vectors of parameters beside it.
    pub fn memory(tape: &Tape, samples: usize, vectors: usize, threads: usize) -> u64 {
        let parameters = tape.parameter_count() as f64;
        let lines = tape.lines() as f64;
        let batch = Self::BATCH.min(samples).max(1);
        let count = samples.div_ceil(batch);
        let lines_of = |variable: crate::tensor::Variable| variable.rows() * variable.positions();
        let ends = (lines_of(tape.input()) + lines_of(tape.output())) as f64;
        let slot = lines * batch as f64 * (2 + 2 * DIRECTIONS) as f64 + parameters;
        let slots = if slot * count as f64 <= RESIDENT as f64 {
            count
        } else {
            threads.min(count)
        };
        let set = 2.0 * ends * samples as f64;
        let products = threads.min(count) as f64 * 2.0 * DIRECTIONS as f64 * parameters;
        let numbers = set + slot * slots as f64 + products + vectors as f64 * parameters;
        (8.0 * numbers) as u64
    }
}
