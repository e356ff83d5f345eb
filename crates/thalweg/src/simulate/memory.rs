//! How much memory an ensemble takes.

use super::advance::{GroupSize, column_by_column, wide};
use super::{SampleSource, SimulateSettings};
use super::{low_rank, ritz};
use crate::lanes::dispatch;

/// Vectors of the iteration for λ_max, with the room of its operator.
const LANCZOS: f64 = 4.0;

/// Numbers that a run keeps beside its weights and samples.
const RUN: f64 = 32.0;

/// Bytes at the peak of running and measuring an [`Ensemble`](super::Ensemble) of `seeds` runs on `threads` threads, its
/// snapshot included, in a network of these widths, h_0 … h_D; what the problem itself takes is not counted.
pub fn memory(widths: &[usize], settings: &SimulateSettings, seeds: usize, threads: usize) -> u64 {
    let (Some(&inputs), Some(&outputs)) = (widths.first(), widths.last()) else {
        return 0;
    };
    let layers = || widths.windows(2).map(|h| (h[1] as f64, h[0] as f64));
    let weights: f64 = layers().map(|(high, low)| high * low).sum();
    let state = if settings.recipe.momentum == 0.0 {
        weights
    } else {
        2.0 * weights
    };
    let (x, y) = (inputs as f64, outputs as f64);
    let seeds = seeds as f64;
    let at_once = seeds.min(threads as f64);

    let law = x * x + y * y + x * y;
    // Drawn into one list and kept in another: of the runs at once both are there.
    let set = match settings.data.source {
        SampleSource::Online => 0.0,
        SampleSource::Finite { samples, .. } => samples as f64 * (x + y),
    };
    let fixed = settings.switch.map_or(0.0, |switch| {
        let columns = switch.samples as f64;
        // A sufficient statistic has no more columns than inputs; samples are first drawn, then compressed.
        if settings.data.sufficient() {
            columns.min(x) * (x + y)
        } else {
            2.0 * columns * (x + y)
        }
    });
    let runs = seeds * (RUN + state + set + fixed) + at_once * set;

    let batch = settings.batch as f64;
    let (recipe, perturbed) = (&settings.recipe, settings.is_perturbed());
    let columns = if settings.data.sufficient() && !perturbed {
        batch.min(x)
    } else {
        batch
    };
    let hidden: f64 = widths.iter().map(|&h| h as f64).sum();
    let lanes = dispatch(GroupSize { widths, perturbed }) as f64;
    let order = match settings.data.source {
        SampleSource::Finite {
            samples,
            replacement: false,
        } => samples as f64 / 2.0,
        _ => 0.0,
    };
    let groups = (seeds / lanes).ceil().min(threads as f64);
    // Layers keep a column of each for every sample, but where a network has a kernel of its own shape.
    let column = if perturbed {
        hidden + 3.0 * (x + y)
    } else if column_by_column(widths) {
        x + y
    } else {
        hidden + 2.0 * (x + y)
    };
    // The weights before an ascent, and whole gradients.
    let ascent = recipe
        .sam
        .map_or(0.0, |sam| if sam.normalised { 2.0 } else { 1.0 });
    let kept = weights * if perturbed { ascent + 1.0 } else { ascent };
    let step = groups * lanes * (2.0 * state + kept + order + columns * column);

    // A_k, B_k and what is made of them for each layer; then the vectors of Lanczos, and those of low rank. Seeds are measured side by side as they run.
    let products: f64 = layers()
        .map(|(high, low)| y * high + low * x + x * x + y * y)
        .sum();
    let perturbed = false;
    let lanes = dispatch(GroupSize { widths, perturbed }) as f64;
    let at_once = lanes * (seeds / lanes).ceil().min(threads as f64);
    let low = if wide(widths) {
        let rank = low_rank::rank(widths.len() - 1, outputs, inputs) as f64;
        (ritz::MOST_STEPS as f64 + 8.0) * (x + y) * rank
    } else {
        0.0
    };
    let measured = at_once * (2.0 * weights + 2.0 * products + LANCZOS * x * y + low);
    // As words, and as the bytes of a file, which grow by doubling.
    let snapshot = seeds * state * 3.0;
    // What seeds are measured in side by side stays while they go on.
    let most = if wide(widths) {
        step.max(measured).max(snapshot)
    } else {
        measured + step.max(snapshot)
    };
    (8.0 * (law + runs + most)) as u64
}
