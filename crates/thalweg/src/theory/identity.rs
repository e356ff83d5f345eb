//! The paper's worked example, V = Σx = I (eq. 17–19), as printed and as it should be.

/// T for V = Σx = I_d and √Σε = diag(deviations), all positive (eq. 17):
/// T = (a d/s²)^{1/D} s [(D−1) Σ 1/σ_i + d s/a], s = Σ σ_i, a = Σ σ_i².
pub fn identity_sharpness(deviations: &[f64], depth: usize) -> f64 {
    let (d, depth) = (deviations.len() as f64, depth as f64);
    let s: f64 = deviations.iter().sum();
    let a: f64 = deviations.iter().map(|x| x * x).sum();
    let tau: f64 = deviations.iter().map(|x| 1.0 / x).sum();
    (a * d / (s * s)).powf(1.0 / depth) * s * ((depth - 1.0) * tau + d * s / a)
}

/// T_min = D d² for V = Σx = I_d: eq. 15 with tr Ŝ = b = d_y = d.
pub fn identity_min_sharpness(dimension: usize, depth: usize) -> f64 {
    depth as f64 * (dimension * dimension) as f64
}

/// D d^{(D+2)/D}, which the paper prints for T_min below eq. 17. Right for D = 2 alone: at D = 3,
/// d = 2 it gives 9.52, and no global minimum is flatter than 12.
pub fn printed_identity_min_sharpness(dimension: usize, depth: usize) -> f64 {
    let depth = depth as f64;
    depth * (dimension as f64).powf((depth + 2.0) / depth)
}

/// T/T_min → (1 + σ)²/4σ for D → ∞, d = 2, √Σε = diag(1, σ); for strong imbalance that is
/// max(σ, 1/σ)/4.
pub fn identity_deep_ratio(sigma: f64) -> f64 {
    (1.0 + sigma) * (1.0 + sigma) / (4.0 * sigma)
}

/// max(σ, 1/σ), which the paper prints for the same limit (eq. 19): four times too large.
pub fn printed_identity_deep_ratio(sigma: f64) -> f64 {
    sigma.max(1.0 / sigma)
}
