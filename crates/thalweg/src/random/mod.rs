//! Counter-based random numbers: a draw is a function of (seed, purpose, counter) and of nothing else.

mod chi_square;
mod functions;
mod philox;
mod stream;
mod variates;

pub(crate) use chi_square::{FEW_DEGREES, chi_square_even, chi_square_many, chi_square_words};
pub use philox::philox4x32_10;
pub use stream::{Purpose, Stream};
pub(crate) use variates::{Streams, centred_uniform, laplace, normal_pair, student};

#[cfg(test)]
pub(crate) mod tests;
