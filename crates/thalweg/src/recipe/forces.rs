//! What moves SGD along the minima beside plain noise.

/// Weak forces along the minima, in the slow time u = η²t/B: each acts at the order of the noise's own drift.
///
/// dW/du = `noise` · (the noise's drift) − grad_M (`decay` ½ Σ‖W_k‖² + `dropout` ½ Σ_k Σ_j ‖(A_k)_{·j}‖² E h²_{kj} + `ascent` E‖g‖),
/// grad_M the gradient within the manifold of minima, h_k = W_k…W_1x, and g the mean gradient of `batch` samples. Beyond the paper.
/// [`Recipe::forces`](super::Recipe::forces) has them for what people do to SGD.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forces {
    /// How much stronger the noise's drift is than plain SGD's: 1 + 2ρ/η under SAM on the same minibatch. No unit.
    pub noise: f64,
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
            decay: 0.0,
            dropout: 0.0,
            ascent: 0.0,
            batch: 0,
        }
    }
}

impl Forces {
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
