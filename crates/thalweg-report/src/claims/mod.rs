//! What is claimed of a measurement, and what comes of it: claims, tolerances decided beforehand, verdicts and their power.
//!
//! ```
//! use thalweg_report::claims::{Claim, SGD, Verdict, paper};
//! use thalweg_report::statistics::PerTrial;
//!
//! let of = |values: [f64; 3]| PerTrial(values.map(Ok).to_vec()).mean();
//! let claim = |measured| Claim::new("T", paper("eq. 14"), (measured, 10.0), "Theorem 1", SGD);
//! assert_eq!(claim(of([10.0, 10.1, 9.9])).judge().verdict, Verdict::Agrees);
//! assert_eq!(claim(of([20.0, 20.1, 19.9])).judge().verdict, Verdict::Disagrees);
//! // So noisy that it could not have said no.
//! assert_eq!(claim(of([5.0, 10.0, 15.0])).judge().verdict, Verdict::NotAtThisBudget);
//! ```

mod claim;
mod power;
mod tolerance;
mod verdict;

pub use claim::{Beside, Citation, Claim, Counting, Origin, Range, Reach, beyond, paper};
pub use tolerance::{ERRORS, EXACT, SGD, Tolerance};
pub use verdict::{Cause, Judged, Verdict};
