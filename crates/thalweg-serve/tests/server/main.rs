//! The server from outside, byte by byte: what it shows, whom it refuses, what it withstands.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod folder;
mod harness;
mod load;
mod valley;
