//! Smoothed labels of three classes against the curvature of cross-entropy: in closed form, and from labels drawn.

use faer::Mat;
use thalweg::fluctuation::Residuals;
use thalweg::random::{Purpose, Stream};

use super::ReproduceError;

/// K: with three the mismatch has two eigenvalues.
pub const CLASSES: usize = 3;

/// p = (1 − α)q + α/K, what outputs fit where labels follow `law` q and are smoothed by α.
fn fitted(law: &[f64; CLASSES], smoothing: f64) -> [f64; CLASSES] {
    law.map(|q| (1.0 - smoothing) * q + smoothing / CLASSES as f64)
}

/// The eigenvalues, largest first, of Λ^{+1/2} C Λ^{+1/2} on the range of Λ: Λ = diag p − ppᵀ is the curvature of cross-entropy in the
/// outputs, C = (1 − α)²(diag q − qqᵀ) the covariance of the residuals p − y, y the smoothed labels.
///
/// Both matrices without the last class's row and column are invertible, and their quotient has the same eigenvalues: those of
/// M = L⁻¹ C L⁻ᵀ, L Lᵀ = Λ.
pub fn eigenvalues(law: &[f64; CLASSES], smoothing: f64) -> [f64; 2] {
    let upper = |p: &[f64; CLASSES], scale: f64| {
        [p[0] * (1.0 - p[0]), -p[0] * p[1], p[1] * (1.0 - p[1])].map(|entry| scale * entry)
    };
    let curvature = upper(&fitted(law, smoothing), 1.0);
    let residuals = upper(law, (1.0 - smoothing).powi(2));
    let lean = curvature[1] / curvature[0];
    let left = curvature[2] - lean * curvature[1];
    let first = residuals[0] / curvature[0];
    let between = (residuals[1] - lean * residuals[0]) / (curvature[0] * left).sqrt();
    let second = (residuals[2] - 2.0 * lean * residuals[1] + lean * lean * residuals[0]) / left;
    let (middle, spread) = (
        0.5 * (first + second),
        (0.5 * (first - second)).hypot(between),
    );
    [middle + spread, middle - spread]
}

/// The same of `count` labels drawn from `law`, by the residuals' second moment itself.
///
/// # Errors
/// When a decomposition fails.
pub fn drawn(
    law: &[f64; CLASSES],
    smoothing: f64,
    count: usize,
    seed: u64,
) -> Result<[f64; 2], ReproduceError> {
    let mut stream = Stream::new(seed, Purpose::Redraws);
    let mut counts = [0.0; CLASSES];
    for _ in 0..count {
        let at = stream.uniform();
        let class = if at < law[0] {
            0
        } else if at < law[0] + law[1] {
            1
        } else {
            2
        };
        counts[class] += 1.0;
    }
    let p = fitted(law, smoothing);
    // One column for each class, of the weight of all its labels.
    let residuals = Mat::from_fn(CLASSES, CLASSES, |line, class| {
        let hard = if line == class { 1.0 } else { 0.0 };
        let label = (1.0 - smoothing) * hard + smoothing / CLASSES as f64;
        (counts[class] * CLASSES as f64 / count as f64).sqrt() * (p[line] - label)
    });
    let curvature = Mat::from_fn(CLASSES, CLASSES, |i, j| {
        let diagonal = if i == j { p[i] } else { 0.0 };
        diagonal - p[i] * p[j]
    });
    let found = Residuals::new(residuals.as_ref(), curvature.as_ref(), Some((CLASSES, 1)))?;
    Ok([found.mismatch[0], found.mismatch[1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Equal laws of two outcomes by hand: q = (½, ½, 0) at α has p = (½ − α/6, ½ − α/6, α/3). Along (1, −1, 0) C is (1 − α)²/2 and Λ
    /// ½ − α/6; along the other direction C is 0.
    #[test]
    fn a_case_by_hand() {
        let [largest, smallest] = eigenvalues(&[0.5, 0.5, 0.0], 0.3);
        assert!((largest - 0.49 * 0.5 / 0.45).abs() < 1e-12, "{largest}");
        assert!(smallest.abs() < 1e-12, "{smallest}");
    }

    #[test]
    fn without_smoothing_residuals_match_the_curvature() {
        for law in [[0.5, 0.3, 0.2], [0.99, 0.007, 0.003]] {
            for found in eigenvalues(&law, 0.0) {
                assert!((found - 1.0).abs() < 1e-12, "{found}");
            }
        }
    }

    /// 10⁶ labels: each eigenvalue to about a percent.
    #[test]
    fn drawn_labels_have_the_closed_forms_eigenvalues() {
        let law = [0.6, 0.3, 0.1];
        let (exact, found) = (
            eigenvalues(&law, 0.2),
            drawn(&law, 0.2, 1_000_000, 1).unwrap(),
        );
        for (exact, found) in exact.iter().zip(found) {
            assert!((found / exact - 1.0).abs() < 0.015, "{exact} {found}");
        }
    }
}
