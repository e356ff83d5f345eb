//! What a measurement of this error would have found.

use super::tolerance::ERRORS;

/// Ninety of a hundred normal values are below it.
const NINE_OF_TEN: f64 = 1.281_551_565_544_6;

/// The true difference that a mean over `trials` with standard error `error` would show to be clear, by [`ERRORS`]
/// standard errors, in nine of ten repetitions.
///
/// The ratio of such a mean to its own standard error follows the noncentral t distribution with ν = trials − 1;
/// its probability beyond t is about Φ((δ − t(1 − 1/4ν))/√(1 + t²/2ν)) for noncentrality δ (Abramowitz and Stegun,
/// 26.7.10), which is solved for δ.
pub fn detectable(trials: usize, error: f64) -> Option<f64> {
    let freedom = trials.checked_sub(1).filter(|freedom| *freedom > 0)? as f64;
    let noncentrality = ERRORS * (1.0 - 0.25 / freedom)
        + NINE_OF_TEN * (1.0 + ERRORS * ERRORS / (2.0 * freedom)).sqrt();
    Some(noncentrality * error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For very many trials the distribution is normal.
    #[test]
    fn many_trials_need_three_and_a_little_over_one_standard_errors() {
        assert!((detectable(1_000_000, 1.0).unwrap() - 4.281_551_6).abs() < 1e-4);
        assert_eq!(detectable(1, 1.0), None);
        assert_eq!(detectable(0, 1.0), None);
        assert!(detectable(5, 2.0).unwrap() > 2.0 * detectable(16, 1.0).unwrap());
    }

    /// The probability is what it is said to be, by drawing: 16 normal trials around the detectable difference.
    #[test]
    fn the_detectable_difference_is_found_nine_times_in_ten() {
        let (trials, repetitions) = (16, 4000);
        let mut state = 1u64;
        // Twelve uniform numbers less 6: variance 1, and close enough to normal for a frequency.
        let mut normal = || {
            (0..12)
                .map(|_| {
                    state = state
                        .wrapping_mul(6364136223846793005)
                        .wrapping_add(1442695040888963407);
                    (state >> 11) as f64 / (1u64 << 53) as f64
                })
                .sum::<f64>()
                - 6.0
        };
        let difference = detectable(trials, 1.0 / (trials as f64).sqrt()).unwrap();
        let mut found = 0;
        for _ in 0..repetitions {
            let values: Vec<f64> = (0..trials).map(|_| difference + normal()).collect();
            let estimate = thalweg_lab::run::SeedMean::of(&values).unwrap();
            if estimate.mean >= ERRORS * estimate.standard_error.unwrap() {
                found += 1;
            }
        }
        let frequency = f64::from(found) / f64::from(repetitions);
        // Three standard errors of the frequency, and 1 % for the approximation.
        assert!((frequency - 0.9).abs() < 0.015 + 0.01, "{frequency}");
    }
}
