//! What networks learn from: inputs, and targets with designed label noise.
//!
//! ```
//! use thalweg::data::{LabelNoise, Source, TeacherStream};
//! use thalweg::faer::Mat;
//! use thalweg::model::Mlp;
//! use thalweg::tensor::Activation;
//!
//! // y = 2 x + ε, with ε of standard deviation 0.5.
//! let teacher = Mlp { widths: vec![1, 1], activation: Activation::Identity, biases: false }.tape()?;
//! let noise = LabelNoise::gaussian(&[0.5]);
//! let source = Source::from(TeacherStream::new(teacher, vec![2.0], Mat::identity(1, 1), noise)?);
//! let [noisy, clean] = [source.evaluation(7, 100), source.clean(7, 100)];
//! assert_eq!(noisy.inputs, clean.inputs);
//! assert!((0..100).all(|b| clean.targets[(0, b)] == 2.0 * clean.inputs[(0, b)]));
//! assert!((0..100).all(|b| noisy.targets[(0, b)] != clean.targets[(0, b)]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod confusion;
mod draws;
mod error;
mod labelled;
mod law;
pub(crate) mod masks;
mod mixing;
mod noise;
mod redraw;
mod sampler;
mod samples;
mod side_by_side;
mod source;
mod teacher;
mod windows;

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
pub use windows::{TokenWindows, WindowDraw};

#[cfg(test)]
mod tests;
