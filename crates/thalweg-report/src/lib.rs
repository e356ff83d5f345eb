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
//!
//! ```
//! use thalweg_report::{reproduce::FIGURES, results::Budget};
//!
//! // What a figure would run, before it does: each of them a specification that runs alone.
//! let fig4 = FIGURES.iter().find(|figure| figure.id == "fig4").unwrap();
//! let plan = (fig4.plan)(Budget::Quick)?;
//! assert_eq!(plan.0.len(), 2);
//! assert!(plan.0[0].1.specification().contains("depth = 3"));
//! # Ok::<(), thalweg_report::reproduce::ReproduceError>(())
//! ```

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
