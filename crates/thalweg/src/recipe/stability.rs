//! How curved the loss may be where SGD is to rest.

use super::{Recipe, Sam};

impl Recipe {
    /// How near a direction of curvature h = `curvature`, in loss/weight², is to where SGD at learning rate η turns unstable: 1 there.
    ///
    /// About a minimum a step is x ← x − ηv, v ← βv + h₁x along it, of z² − (1 + β − ηh₁) z + β = 0, whose roots lie within the
    /// unit circle for ηh₁/(2(1 + β)) < 1. Noise of variance σ² in v then leaves x with the variance (η₁σ²/2h₁)/(1 − ηh₁/(2(1 + β))), η₁
    /// = η/(1 − β), so that the same number says how far SGD is from small steps. h₁ = h(1 + ρh) + λ under SAM along the gradient
    /// itself and weight decay. Beyond the paper.
    ///
    /// ```
    /// use thalweg::recipe::Recipe;
    ///
    /// let plain = Recipe::default();
    /// assert_eq!(plain.stability_number(0.1, 20.0), 1.0);
    /// // With momentum .9 the same learning rate bears nearly twice the curvature.
    /// let heavy = Recipe { momentum: 0.9, ..plain };
    /// assert!((heavy.stability_number(0.1, 38.0) - 1.0).abs() < 1e-12);
    /// ```
    pub fn stability_number(&self, learning_rate: f64, curvature: f64) -> f64 {
        let steeper = curvature * (1.0 + self.linear_radius() * curvature);
        learning_rate * (steeper + self.weight_decay) / (2.0 * (1.0 + self.momentum))
    }

    /// That number at the largest curvature, as a formula.
    pub fn stability_formula(&self) -> String {
        let mut curvature = "λ_max".to_owned();
        if self.linear_radius() > 0.0 {
            curvature += " (1 + ρ λ_max)";
        }
        if self.weight_decay > 0.0 {
            curvature = format!("({curvature} + λ)");
        }
        let divisor = if self.momentum > 0.0 {
            "(2 (1 + β))"
        } else {
            "2"
        };
        format!("η {curvature}/{divisor}")
    }

    /// ρ of SAM along the gradient itself, whose step has the curvature h(1 + ρh) where plain SGD's has h; 0 without.
    pub(crate) fn linear_radius(&self) -> f64 {
        match self.sam {
            Some(Sam {
                radius,
                normalised: false,
                ..
            }) => radius,
            _ => 0.0,
        }
    }
}
