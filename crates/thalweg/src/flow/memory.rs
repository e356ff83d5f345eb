//! How much memory following the flow takes.

use super::Drift;

/// Bytes at the peak of [`descend`](super::descend) and [`slow_flow`](super::slow_flow) in a network of these
/// widths, h_0 … h_D: the matrices that one linearisation and its factors consist of.
pub fn memory(widths: &[usize], drift: Drift) -> u64 {
    let (Some(&inputs), Some(&outputs)) = (widths.first(), widths.last()) else {
        return 0;
    };
    let layers = || widths.windows(2).map(|h| (h[1] as f64, h[0] as f64));
    let weights: f64 = layers().map(|(high, low)| high * low).sum();
    let largest = layers().fold(0.0_f64, |most, (high, low)| most.max(high * low));
    let descent = {
        let x = inputs as f64;
        // Of each layer an inverse and a response stay, and of one also what they are made of.
        let stage = |(high, low): (f64, f64)| (high * low) * (high * low + low * x);
        let working = |(high, low): (f64, f64)| {
            let controls = high * low;
            controls * (3.0 * controls + 2.0 * high * x + low * x)
        };
        layers().map(stage).sum::<f64>() + layers().map(working).fold(0.0, f64::max)
    };
    let along = match drift {
        Drift::Symmetric => {
            let hidden = &widths[1..widths.len() - 1];
            let unknowns: f64 = hidden.iter().map(|&h| (h * (h + 1) / 2) as f64).sum();
            // Yᵀ twice, EᵀE with its factors, a block of the Hessian and its products.
            2.0 * weights * unknowns
                + 3.0 * unknowns * unknowns
                + largest * (unknowns + 3.0 * largest)
        }
        Drift::Exact => 4.0 * weights * weights,
    };
    // λ_max of each snapshot is found by Lanczos, which keeps its vectors.
    let lanczos = (inputs * outputs) as f64 * ((inputs * outputs) as f64).min(64.0);
    (8.0 * (descent.max(along) + lanczos + 64.0 * weights)) as u64
}
