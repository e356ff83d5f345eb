//! What moves SGD along the minima beside plain noise.

/// Weak forces along the minima, in the slow time u = η²t/B: each acts at the order of the noise's own drift.
///
/// dW/du = (`noise` − `gradient`) · (the noise's drift) − grad_M (`gradient` F/4 + `decay` ½ Σ‖W_k‖² + `dropout` ½ Σ_k Σ_j ‖(A_k)_{·j}‖² E h²_{kj} + `ascent` E‖g‖),
/// grad_M the gradient within the manifold of minima, h_k = W_k…W_1x, and g the mean gradient of `batch` samples. Beyond the paper.
/// [`Recipe::forces`](super::Recipe::forces) has them for what people do to SGD.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forces {
    /// How much more strongly F falls than by plain SGD's noise where that is nothing but F's gradient: 1 + 2ρ/η under SAM on the same minibatch. No unit.
    pub noise: f64,
    /// How much of it is F's gradient wherever noise and signal point: 2ρ/η, SAM's own. The noise's drift is that gradient where both share their axes. No unit.
    pub gradient: f64,
    /// λB/η of a weight decay λ. Unit: 1/u.
    pub decay: f64,
    /// (B/η) p/(1 − p) of hidden dropout p. Unit: that of u, inverse, over the loss's.
    pub dropout: f64,
    /// ρB/η of SAM's normalised ascent.
    pub ascent: f64,
    /// B, the samples whose mean gradient is normalised.
    pub batch: usize,
}

impl Default for Forces {
    /// Plain noise.
    fn default() -> Self {
        Self {
            noise: 1.0,
            gradient: 0.0,
            decay: 0.0,
            dropout: 0.0,
            ascent: 0.0,
            batch: 0,
        }
    }
}

impl Forces {
    /// They and SAM on the step's own minibatch, which lowers F `gradient` = 2ρ/η times as strongly as plain noise.
    #[must_use]
    pub(crate) fn with_sam(self, gradient: f64) -> Self {
        Self {
            noise: 1.0 + gradient,
            gradient,
            ..self
        }
    }

    /// The same where each of N `samples` is drawn once in an epoch, B = `batch` of them in a step, under `momentum` β.
    ///
    /// The minibatches of one epoch add up to the whole set: the mean gradient of each has (N − B)/(N − 1) of the variance that drawing with replacement
    /// gives, and any two of the same epoch, of n = N/B steps, are correlated by −1/(n − 1). The imbalances of the layers move by η₁²(1 − β²) E vvᵀ, v the
    /// velocity, in which a gradient lives on for 1/(1 − β) steps. So of the noise remains
    ///
    /// (N − B)/(N − 1) · (1 − 2/(n − 1) Σ_{1 ≤ k < n} βᵏ (1 − k/n)),
    ///
    /// of SAM's own gradient the first factor alone. A minibatch of the whole set leaves nothing to scale, and changes nothing here.
    ///
    /// ```
    /// use thalweg::recipe::Forces;
    ///
    /// let forces = Forces::default();
    /// assert!((forces.in_epochs(2000, 1000, 0.0).noise - 1000.0 / 1999.0).abs() < 1e-12);
    /// assert!((forces.in_epochs(2000, 400, 0.9).noise - 0.14856).abs() < 1e-4);
    /// assert!((forces.in_epochs(1_000_000, 10, 0.9).noise - 1.0).abs() < 1e-3);
    /// ```
    #[must_use]
    pub fn in_epochs(self, samples: usize, batch: usize, momentum: f64) -> Self {
        if batch >= samples {
            return self;
        }
        let (all, batch) = (samples as f64, batch as f64);
        let steps = all / batch;
        let drawn = (all - batch) / (all - 1.0);
        let (mut undone, mut lag, mut lives_on) = (0.0, 1.0, momentum);
        while lag < steps && lives_on > f64::EPSILON {
            undone += 2.0 / (steps - 1.0) * lives_on * (1.0 - lag / steps);
            lives_on *= momentum;
            lag += 1.0;
        }
        let gradient = drawn * self.gradient;
        Self {
            noise: drawn * (1.0 - undone) * (self.noise - self.gradient) + gradient,
            gradient,
            ..self
        }
    }

    /// Those of the noise and of SAM that lower F, alone.
    #[must_use]
    pub fn of_noise(self) -> Self {
        Self {
            noise: self.noise,
            gradient: self.gradient,
            ..Self::default()
        }
    }

    /// Whether symmetric generators follow all of them beside noise that is independent of the inputs; the exact drift always does
    /// ([`Drift::that_follows`](crate::flow::Drift::that_follows) knows of the noise too).
    pub fn follow_generators(&self) -> bool {
        self.dropout == 0.0 && self.ascent == 0.0
    }

    /// Whether they see single hidden units, so that a turn of the hidden bases is more than another way to write the same network.
    pub fn see_hidden_units(&self) -> bool {
        self.dropout != 0.0
    }

    /// Whether there is nothing beside the noise that decides where the flow ends.
    pub fn are_noise_alone(&self) -> bool {
        self.decay == 0.0 && self.follow_generators()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

    /// E v² of velocities of momentum fed by numbers that are drawn once in each epoch, over that of numbers drawn with replacement.
    fn kept(samples: usize, batch: usize, momentum: f64) -> f64 {
        let mut stream = Stream::new(3, Purpose::Shuffle);
        let mut numbers: Vec<f64> = (0..samples).map(|_| stream.normal()).collect();
        let mean = numbers.iter().sum::<f64>() / samples as f64;
        numbers.iter_mut().for_each(|x| *x -= mean);
        let variance = numbers.iter().map(|x| x * x).sum::<f64>() / samples as f64;
        let (mut velocity, mut sum, mut count) = (0.0, 0.0, 0.0);
        for epoch in 0..40_000 {
            for i in (1..samples).rev() {
                let other = ((i + 1) as f64 * stream.uniform()) as usize;
                numbers.swap(i, other.min(i));
            }
            for minibatch in numbers.chunks(batch) {
                velocity = momentum * velocity + minibatch.iter().sum::<f64>() / batch as f64;
                if epoch > 20 {
                    sum += velocity * velocity;
                    count += 1.0;
                }
            }
        }
        sum / count / (variance / batch as f64 / (1.0 - momentum * momentum))
    }

    /// To 2 %, some four standard errors of 10⁵ and more velocities.
    #[test]
    fn of_the_noise_of_an_epoch_remains_what_velocities_show() {
        for (samples, batch, momentum) in [(20, 10, 0.0), (20, 4, 0.0), (20, 4, 0.9), (12, 3, 0.5)]
        {
            let (found, said) = (
                kept(samples, batch, momentum),
                Forces::default().in_epochs(samples, batch, momentum).noise,
            );
            assert!(
                (found / said - 1.0).abs() < 0.02,
                "{samples} {batch} {momentum}: {found} {said}"
            );
        }
    }
}
