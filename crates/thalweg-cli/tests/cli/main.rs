//! The program as its users meet it: whole output, exit status, files.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed unwrap is a failed test"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "tests lay out files of their own, and damage them"
)]

mod answers;
mod concurrent;
mod contrast;
mod damage;
mod diagnose;
mod extremes;
#[cfg(target_os = "linux")]
mod faults;
mod harness;
mod help;
mod images;
mod limits;
mod malformed;
mod measure;
mod numbers;
mod oracle;
mod pages;
mod pipe;
mod recipe;
mod reproduce;
mod serve;
mod simulate;
mod stops;
#[cfg(unix)]
mod strangers;
mod submit;
mod sweep;
mod text;
mod train;
mod turned;
