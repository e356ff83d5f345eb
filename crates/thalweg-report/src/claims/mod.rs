//! What is claimed of a measurement, and what comes of it: claims, tolerances decided beforehand, verdicts and their power.

mod claim;
mod power;
mod tolerance;
mod verdict;

pub use claim::{Claim, Origin, Range, Reach, Scale, Source};
pub use tolerance::{ERRORS, Tolerance};
pub use verdict::{Cause, Judged, Verdict};

pub(crate) use claim::{beyond, paper};
pub(crate) use tolerance::{EXACT, SGD};
