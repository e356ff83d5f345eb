//! What networks learn from: inputs, and targets with designed label noise.

mod confusion;
mod draws;
mod error;
mod labelled;
mod law;
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
pub use labelled::{LabelledDraw, LabelledSet, Sampling};
pub use law::{Batch, Draw, SampleLaw, SampleShape};
pub use noise::{LabelNoise, Place};
pub use redraw::Redraw;
pub use sampler::Sampler;
pub use samples::Samples;
pub(crate) use side_by_side::SideBySide;
pub use source::Source;
pub use teacher::{TeacherDraw, TeacherStream};

#[cfg(test)]
mod tests;
