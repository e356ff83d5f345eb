//! How much memory following the flow takes.

use super::{Drift, point::MOST_DENSE};

/// Bytes at the peak of [`descend`](super::descend) and [`slow_flow`](super::slow_flow) in a network of these
/// widths, h_0 … h_D.
pub fn memory(widths: &[usize], drift: Drift) -> u64 {
    let (Some(&inputs), Some(&outputs)) = (widths.first(), widths.last()) else {
        return 0;
    };
    let layers = || widths.windows(2).map(|h| (h[1] as f64, h[0] as f64));
    let weights: f64 = layers().map(|(high, low)| high * low).sum();
    let depth = layers().count() as f64;
    let residual = (inputs * outputs) as f64;
    // The states that a multistep method keeps, with those of a Krylov basis beside them.
    let vectors = 40.0;
    let curvature = if residual <= MOST_DENSE as f64 {
        2.0 * residual * residual
    } else {
        (inputs * inputs + outputs * outputs) as f64 * (depth + 4.0) + 8.0 * residual
    };
    let descent = vectors * (weights + residual) + curvature;
    let hidden = &widths[1..widths.len() - 1];
    let squares: f64 = hidden.iter().map(|&h| (h * h) as f64).sum();
    let along = vectors * weights
        + 30.0 * squares
        + match drift {
            Drift::Symmetric => 0.0,
            // K and its eigenvectors.
            Drift::Exact => 6.0 * residual * residual,
        };
    // λ_max of each snapshot is found by Lanczos, which keeps its vectors.
    let lanczos = (inputs * outputs) as f64 * ((inputs * outputs) as f64).min(64.0);
    (8.0 * (descent.max(along) + lanczos + 64.0 * weights)) as u64
}
