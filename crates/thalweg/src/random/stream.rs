//! A sequential scalar stream, for everything that is drawn once (bases, initial weights).

use super::philox4x32_10;

/// What a stream's numbers are for; streams of different purposes never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Random orthogonal bases and random spectra of a problem.
    Problem = 1,
    /// Initial weights of a run.
    Initial = 2,
    /// The minibatches of a run.
    Batches = 3,
    /// A finite data set.
    DataSet = 4,
    /// The fixed batch of full-batch gradient descent.
    FixedBatch = 5,
    /// The order of a data set in an epoch.
    Shuffle = 6,
    /// Vectors that probe an operator: starts of iterations, samples of traces and densities.
    Probes = 7,
    /// The weights of a teacher network.
    Teacher = 8,
    /// Samples on which networks are evaluated.
    Evaluation = 9,
    /// Which samples of a data set those are.
    EvaluationOrder = 10,
    /// Labels drawn again for the inputs of an evaluation set.
    Redraws = 11,
    /// Changes of a batch after it was drawn.
    Changes = 12,
    /// The minibatches on which SAM ascends, where they are not those of the step.
    Ascent = 13,
    /// The order of a data set from which those are drawn.
    AscentOrder = 20,
    /// Noise that is added to inputs.
    InputNoise = 21,
    /// How far images are moved.
    Shifts = 22,
    /// Which images are mirrored.
    Flips = 23,
    /// In which shares samples are mixed.
    Mixup = 24,
    /// With which others.
    MixupPartners = 25,
    /// Which hidden units are dropped.
    Dropout = 26,
    /// Which inputs are dropped.
    InputDropout = 27,
}

impl Purpose {
    /// The counter word of the `attempt`-th proposal of a rejection sampler that serves `purpose`:
    /// purposes are below 2⁷, so bit 7 and the attempt's number above it keep proposals apart from all
    /// other numbers.
    #[inline(always)]
    pub(crate) fn attempt(purpose: u32, attempt: u32) -> u32 {
        purpose | 1 << 7 | attempt << 8
    }
}

/// Random numbers in sequence, fixed by a seed and a purpose.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    purpose: u32,
    block: u64,
    words: [u32; 4],
    used: usize,
    spare: Option<f64>,
}

impl Stream {
    /// The stream of `seed` for `purpose`, at its start.
    pub fn new(seed: u64, purpose: Purpose) -> Self {
        Self {
            key: [seed as u32, (seed >> 32) as u32],
            purpose: purpose as u32,
            block: 0,
            words: [0; 4],
            used: 4,
            spare: None,
        }
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        if self.used == 4 {
            let counter = [
                self.block as u32,
                (self.block >> 32) as u32,
                0,
                self.purpose,
            ];
            self.words = philox4x32_10(self.key, counter);
            self.block += 1;
            self.used = 0;
        }
        let low = u64::from(self.words[self.used]);
        let high = u64::from(self.words[self.used + 1]);
        self.used += 2;
        low | high << 32
    }

    /// Uniform on the open interval (0, 1): 52 bits, never 0 or 1.
    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 12) as f64 + 0.5) * (1.0 / (1u64 << 52) as f64)
    }

    /// Standard normal, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        let (sine, cosine) = (std::f64::consts::TAU * self.uniform()).sin_cos();
        self.spare = Some(radius * sine);
        radius * cosine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_and_seeds_differ() {
        let first = |seed, purpose| Stream::new(seed, purpose).bits();
        assert_ne!(first(1, Purpose::Problem), first(1, Purpose::Initial));
        assert_ne!(first(1, Purpose::Problem), first(2, Purpose::Problem));
    }
}
