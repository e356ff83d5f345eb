//! Pages on this machine: the valley of minima with SGD on it, and the runs of a folder.
//!
//! [`Server`] answers on loopback unless told otherwise. Everything that a page shows is computed here, in Rust ([`valley`]); the pages,
//! which are inside the program, draw it.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")
)]

pub mod folder;
mod server;
pub mod valley;

pub use server::{Options, Running, ServeError, Server};

/// The examples of README.md, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
