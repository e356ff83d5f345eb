//! Experiments on top of `thalweg`: specifications, runs, figures and reports.

pub mod plot;
pub mod spec;
