//! Experiments on top of `thalweg`: specifications, runs, figures and reports.

pub mod plot;
pub mod provenance;
pub mod run;
pub mod spec;
pub mod store;
