//! What thalweg draws: pictures, self-contained pages, and the paper's figures with a verdict on each claim.
//!
//! | module | job |
//! |---|---|
//! | [`statistics`] | what trials say together: means, ratios and their errors |
//! | [`claims`] | what is claimed of a measurement, by which tolerance, and the verdict |
//! | [`plot`] | a figure as one scene, written as SVG (light and dark) and as PNG |
//! | [`results`] | figures' words and numbers as they stand in `results.json`, and their summary in plain words |
//! | [`report`] | the self-contained HTML page, made from what a directory already holds |
//! | [`reproduce`] | one figure, one file: the experiments that it plans, and what it shows and claims of them |
//!
//! Each knows those above it alone.

pub mod claims;
pub mod plot;
pub mod report;
pub mod reproduce;
pub mod results;
pub mod statistics;

/// The README's example is tested as this crate's own.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
