//! Eigenvalues, traces and densities of operators whose spectra are known.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails is a test that fails"
)]

mod by_hand;
mod density;
mod eigen;
mod elsewhere;
mod failing;
mod known;
mod operators;
mod trace;
