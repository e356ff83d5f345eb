//! What networks learn from: inputs, and targets with designed label noise.

mod samples;

pub use samples::Samples;
