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
