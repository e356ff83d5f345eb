//! Which noise the labels of data have, and where SGD would go on them.
//!
//! The model is y = V x + ε with inputs and targets centred. Rows are read once, and what is kept of them does not grow with their
//! number ([`Gathered`]). Σε is what a linear fit leaves of them over its degrees of freedom ([`Noise`]); intervals come from resampled
//! rows, tests from shuffled and whitened residuals ([`Diagnosis`]). Each kind of data is one file of `rows/`. Of a training on a text the
//! noise is what its network leaves of single tokens ([`TokenDiagnosis`]).
//!
//! ```
//! use thalweg_lab::diagnose::{Columns, Csv, Diagnosis, Gathered, Settings, TableRows};
//!
//! // y = x + noise; by hand, so that it needs no file.
//! let mut csv = String::from("x,y\n");
//! for i in 0..200 {
//!     let x = (i as f64 * 0.7).sin();
//!     let noise = 0.1 * (i as f64 * 37.3).sin();
//!     csv += &format!("{x},{}\n", x + noise);
//! }
//! let asked = Columns { targets: vec!["y".to_owned()], ..Columns::default() };
//! let mut rows = TableRows::new(Csv::new(csv.as_bytes())?, &asked)?;
//! let found = Diagnosis::new(&Gathered::new(&mut rows, 0)?, &Settings::default())?;
//! assert!((found.noise.covariance[(0, 0)] - 0.005).abs() < 0.001);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod classes;
mod diagnosis;
mod doubts;
mod draw;
mod error;
mod gathered;
mod interval;
mod interventions;
mod moments;
mod noise;
mod on_rows;
mod rows;
#[cfg(test)]
mod tests;
mod tokens;
mod trials;
mod used;

pub use classes::ClassNoise;
pub use diagnosis::{Diagnosis, OutputNoise, Settings};
pub use error::DiagnoseError;
pub use gathered::Gathered;
pub use interval::Interval;
pub use interventions::Intervention;
pub use noise::Noise;
pub use on_rows::OnRows;
pub use rows::{
    Columns, Csv, DIGITS, ImageRows, Matrices, Opened, Parquet, Row, Rows, TABLES, TableRows,
    TextRows, numbers, open, open_rows, open_table,
};
pub use tokens::{AskedClock, Clock, TOKEN_ISOTROPY, TOKEN_LOSS, TokenDiagnosis};
pub use trials::Trial;
