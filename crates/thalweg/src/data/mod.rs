//! What networks learn from: inputs, and targets with designed label noise.

mod confusion;
mod error;
mod labelled;
mod mixing;
mod noise;
mod redraw;
mod sampler;
mod samples;
mod side_by_side;
mod source;
mod teacher;

pub use confusion::symmetric_flips;
pub use error::DataError;
pub use labelled::{LabelledSet, Sampling};
pub use noise::{LabelNoise, Place};
pub use redraw::Redraw;
pub use sampler::Sampler;
pub use samples::Samples;
pub(crate) use side_by_side::SideBySide;
pub use source::Source;
pub use teacher::TeacherStream;

#[cfg(test)]
mod tests;
