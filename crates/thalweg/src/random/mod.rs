//! Counter-based random numbers: a draw is a function of (seed, purpose, counter) and of nothing else.

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
