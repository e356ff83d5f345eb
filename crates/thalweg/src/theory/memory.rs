//! How much memory a problem and its prediction take.

/// Bytes at the peak of making a problem with d_x = `inputs` and d_y = `outputs`, and of
/// [`predict`](super::predict) for it: its matrices and factors stay, decompositions of the largest come and go.
pub fn memory(inputs: usize, outputs: usize) -> u64 {
    let (x, y) = (inputs as f64, outputs as f64);
    let least = x.min(y);
    // Σx, Σε, V and the factors of the first two.
    let problem = 2.0 * x * x + 2.0 * y * y + x * y;
    // VX and EᵀVX, the copies that their decompositions work on, and singular vectors.
    let prediction = 4.0 * x * y + 2.0 * least * (x + y) + 6.0 * least * least;
    // An eigendecomposition of a singular Σ.
    let factors = 5.0 * x.max(y).powi(2);
    (8.0 * (problem + prediction.max(factors))) as u64
}
