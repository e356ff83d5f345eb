//! Experiments on top of `thalweg`: specifications, runs, what is kept of them, and theory beside them.
//!
//! From a file to a comparison with theory:
//!
//! | module | job |
//! |---|---|
//! | [`quantity`] | what is measured, each once: names, unit, axis, and where its value is found |
//! | [`spec`] | experiments as files: read, changed by path, written back with every default |
//! | [`examples`] | the experiments on the paper's networks |
//! | [`images`] | labelled images, built in or from a folder |
//! | [`sources`] | where samples come from: one kind of data, one file |
//! | [`network`] | experiments on networks: made from a specification, trained, measured |
//! | [`run`] | every experiment run, in memory or in a directory that can be resumed |
//! | [`store`] | the directories of runs, whole at every moment |
//! | [`sweep`] | many runs: a plan over axes, its cells run on all cores, one table of them |
//! | [`saved`] | trained networks as safetensors |
//! | [`probe`] | the logs of trainings in PyTorch |
//! | [`compare`] | a run beside what is predicted of it |
//! | [`contrast`] | several runs beside one another |
//! | [`design`] | what must be changed for SGD to end at a chosen sharpness |
//! | [`diagnose`] | which noise a table's labels have, and where SGD would go on it |
//! | [`answer`] | what the program answers, as data |
//! | [`memory`], [`provenance`], [`shell`] | what there is room for, who made a file, and commands to copy |
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use thalweg_lab::{quantity, run, spec::{Draft, Experiment}};
//!
//! let text = "depth = 2\ninput_covariance = [[1, 0], [0, 1]]\nteacher = [[1, 0], [0, 1]]\n\
//!     noise_standard_deviations = [1, 0.5]\nlearning_rate = 0.01\nbatch = 10\nsteps = 100\nseeds = 4";
//! let experiment = Draft::from_toml(text)?.experiment::<Experiment>()?;
//! let made = run::run_in_memory(&experiment, &mut (), &AtomicBool::new(false))?;
//! let sharpness = made.measurements.mean(&quantity::SHARPNESS.key);
//! assert_eq!(sharpness.last().unwrap().step, 100);
//! assert_eq!(sharpness.last().unwrap().value.count, 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod answer;
pub mod compare;
pub mod contrast;
pub mod design;
pub mod diagnose;
pub mod examples;
pub mod images;
pub mod memory;
pub mod network;
pub mod probe;
pub mod provenance;
pub mod quantity;
pub mod run;
pub mod saved;
pub mod shell;
pub mod sources;
pub mod spec;
pub mod store;
pub mod sweep;
pub mod texts;

pub use thalweg::faer;

/// The README's example is tested as this crate's own.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
