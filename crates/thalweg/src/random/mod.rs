//! Counter-based random numbers: a draw is a function of (seed, purpose, counter) and of nothing else.

mod philox;
mod stream;

pub use philox::philox4x32_10;
pub use stream::{Purpose, Stream};
