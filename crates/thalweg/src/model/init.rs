//! Where parameters start.

use crate::random::{Purpose, Stream};
use crate::tensor::{Parameter, Role, Tape};

/// The law of the initial weights: independent normals of mean 0. Biases start at 0, gains at 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Variance gain²/fan_in.
    Kaiming {
        /// 1 keeps the size of activations in a linear network, √2 in a ReLU network.
        gain: f64,
    },
    /// Variance 2 gain²/(fan_in + fan_out).
    Xavier {
        /// As for [`Init::Kaiming`].
        gain: f64,
    },
    /// Variance deviation², whatever the matrix.
    Normal {
        /// The standard deviation.
        deviation: f64,
    },
}

impl Init {
    /// The start of a run with this seed, laid out as `tape`'s parameter vector.
    pub fn weights(&self, tape: &Tape, seed: u64) -> Vec<f64> {
        self.draw(tape, seed, Purpose::Initial)
    }

    /// The weights of a teacher with this seed. They are not those of a student with the same seed.
    pub fn teacher_weights(&self, tape: &Tape, seed: u64) -> Vec<f64> {
        self.draw(tape, seed, Purpose::Teacher)
    }

    fn draw(&self, tape: &Tape, seed: u64, purpose: Purpose) -> Vec<f64> {
        let mut stream = Stream::new(seed, purpose);
        let mut weights = Vec::with_capacity(tape.parameter_count());
        for parameter in tape.parameters() {
            let deviation = self.deviation(parameter);
            weights.extend(parameter.range().map(|_| match parameter.role {
                Role::Weight => deviation * stream.normal(),
                Role::Gain => 1.0,
                Role::Bias => 0.0,
            }));
        }
        weights
    }

    /// The standard deviation of a matrix's entries. Its fan-in are its columns, its fan-out its rows.
    fn deviation(&self, parameter: &Parameter) -> f64 {
        let (fan_in, fan_out) = (parameter.columns as f64, parameter.rows as f64);
        match *self {
            Self::Kaiming { gain } => gain / fan_in.sqrt(),
            Self::Xavier { gain } => gain * (2.0 / (fan_in + fan_out)).sqrt(),
            Self::Normal { deviation } => deviation,
        }
    }
}
