//! Common spectra, as lists of eigenvalues or singular values, largest first.
//!
//! ```
//! use thalweg::problem::spectrum;
//!
//! assert_eq!(spectrum::power_law(4, 2.0), [1.0, 0.25, 1.0 / 9.0, 0.0625]);
//! assert_eq!(spectrum::spiked(3, 1, 10.0), [10.0, 1.0, 1.0]);
//! ```

/// The spectrum of the identity: d ones.
pub fn identity(d: usize) -> Vec<f64> {
    vec![1.0; d]
}

/// i^{−exponent} for i = 1 … d.
pub fn power_law(d: usize, exponent: f64) -> Vec<f64> {
    (1..=d).map(|i| (i as f64).powf(-exponent)).collect()
}

/// `spikes` values `height`, the others 1; all of them `height` when `spikes` ≥ d.
pub fn spiked(d: usize, spikes: usize, height: f64) -> Vec<f64> {
    (0..d)
        .map(|i| if i < spikes { height } else { 1.0 })
        .collect()
}
