//! What thalweg draws: one scene as SVG and PNG (`plot`), self-contained pages (`report`), and the paper's figures with
//! a verdict on each claim (`reproduce`).

pub mod plot;
pub mod report;
pub mod reproduce;

/// The README's example is tested as this crate's own.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
