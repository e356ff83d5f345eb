//! Counter-based random numbers: a draw is a function of (seed, purpose, counter) and of nothing else.
//!
//! ```
//! use thalweg::random::{Purpose, Stream, philox4x32_10};
//!
//! let first = || Stream::new(7, Purpose::Probes).normal();
//! assert_eq!(first(), first());
//! assert_ne!(first(), Stream::new(8, Purpose::Probes).normal());
//! // A published test vector of the generator.
//! let words = [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8];
//! assert_eq!(philox4x32_10([0; 2], [0; 4]), words);
//! ```

mod bulk;
mod chi_square;
mod functions;
mod law;
mod philox;
mod shuffle;
mod stream;
mod variates;

pub use bulk::Bulk;
pub(crate) use chi_square::{FEW_DEGREES, chi_square_even, chi_square_many, chi_square_words};
pub use law::NoiseLaw;
pub use philox::philox4x32_10;
pub(crate) use shuffle::shuffle;
pub use stream::{Purpose, Stream};
pub(crate) use variates::{Streams, centred_uniform, laplace, normal_pair, student};

#[cfg(test)]
pub(crate) mod tests;
