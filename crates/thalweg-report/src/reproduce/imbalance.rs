//! The label noise of classes that the inputs say nothing of: one class of probability b, and two that share the rest.

use faer::Mat;
use thalweg::random::{Purpose, Stream};
use thalweg_lab::diagnose::{Diagnosis, Gathered, Matrices, Settings};

use super::ReproduceError;

/// K.
pub const CLASSES: usize = 3;
const INPUTS: usize = 2;

/// κ(Σε) of Σε = diag q − qqᵀ, q = (a, a, b): along (1, −1, 0) it is a and along (1, 1, −2) 3ab, which is all but the direction in which
/// the labels' sum is known.
pub fn exact(b: f64) -> f64 {
    let ratio = CLASSES as f64 * b;
    ratio.max(1.0 / ratio)
}

/// The same of `rows` labels of that law, as a diagnosis finds it.
///
/// # Errors
/// When a diagnosis fails.
pub fn found(b: f64, rows: usize, seed: u64) -> Result<f64, ReproduceError> {
    let mut stream = Stream::new(seed, Purpose::Redraws);
    let inputs = Mat::from_fn(rows, INPUTS, |_, _| stream.normal());
    let class: Vec<usize> = (0..rows)
        .map(|_| {
            let at = stream.uniform();
            if at < b {
                2
            } else {
                usize::from(at < 0.5 * (1.0 + b))
            }
        })
        .collect();
    let targets = Mat::from_fn(rows, CLASSES, |i, c| f64::from(u8::from(class[i] == c)));
    let names = |kind: &str, count: usize| (1..=count).map(|i| format!("{kind} {i}")).collect();
    let mut rows = Matrices::new(
        (inputs, names("input", INPUTS)),
        (targets, names("class", CLASSES)),
        true,
    );
    let settings = Settings {
        // Trials give the error.
        resamples: Some(0),
        ..Settings::default()
    };
    let found = Diagnosis::new(&Gathered::new(&mut rows, seed)?, &settings)?;
    Ok(found.condition_number.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// diag(¼, ¼, ½) − qqᵀ has the eigenvalues ¼ and ⅜ by hand.
    #[test]
    fn a_case_by_hand() {
        assert!((exact(0.5) - 1.5).abs() < 1e-15);
        assert!((exact(1.0 / 3.0) - 1.0).abs() < 1e-12);
        assert!((exact(0.01) - 1.0 / 0.03).abs() < 1e-12);
    }

    #[test]
    fn a_diagnosis_finds_it() {
        for b in [0.05, 0.7] {
            let found = found(b, 40_000, 1).unwrap();
            assert!((found / exact(b) - 1.0).abs() < 0.1, "{b}: {found}");
        }
    }
}
