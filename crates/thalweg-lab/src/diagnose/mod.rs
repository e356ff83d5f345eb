//! Which noise the labels of a table have, and where SGD would go on it.
//!
//! The model is y = V x + ε with inputs and targets centred. Σε is estimated from residuals that their own fit has not seen
//! ([`Noise::of`]); intervals come from resampled rows, tests from shuffled and whitened residuals ([`Diagnosis`]).
//!
//! ```
//! use thalweg_lab::diagnose::{Diagnosis, Settings, Table};
//!
//! // y = x + noise; by hand, so that it needs no file.
//! let mut csv = String::from("x,y\n");
//! for i in 0..200 {
//!     let x = (i as f64 * 0.7).sin();
//!     let noise = 0.1 * (i as f64 * 37.3).sin();
//!     csv += &format!("{x},{}\n", x + noise);
//! }
//! let table = Table::from_csv(csv.as_bytes(), &["y".to_owned()])?;
//! let found = Diagnosis::new(&table, &Settings { resamples: 50, ..Settings::default() })?;
//! assert!((found.noise.covariance[(0, 0)] - 0.005).abs() < 0.001);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod diagnosis;
mod draw;
mod error;
mod noise;
mod table;
#[cfg(test)]
mod tests;
mod trials;

pub use diagnosis::{Diagnosis, Interval, Intervention, OutputNoise, Settings};
pub use error::DiagnoseError;
pub use noise::Noise;
pub use table::Table;
