//! The closed forms against independent references.

#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod bounds;
mod by_hand;
mod cases;
mod dense;
mod initial;
mod network;
mod optimiser;
mod oracle;
mod power_law;
mod properties;
mod ridge;
mod special;
mod stability;
