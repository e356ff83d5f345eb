//! The differentiable core, the networks and the losses on it, against independent evaluations.

#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod agreement;
mod by_hand;
mod case;
mod closed_forms;
mod conditional;
mod derivatives;
mod elements;
mod evaluation;
mod fluctuation;
mod init;
mod interventions;
mod number;
mod places;
mod questions;
mod reference;
mod samples;
mod tapes;
mod tokens;
mod trained;
mod windows;
