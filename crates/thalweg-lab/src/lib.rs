//! Experiments on top of `thalweg`: specifications, runs, figures and reports.

pub mod compare;
pub mod examples;
pub mod images;
pub mod memory;
pub mod network;
pub mod provenance;
pub mod quantity;
pub mod run;
pub mod saved;
pub mod spec;
pub mod store;

/// The README's example is tested as this crate's own.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
