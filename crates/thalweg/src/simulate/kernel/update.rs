//! What a gradient does to a weight.

use crate::lanes::Real;
use crate::simulate::SimulateSettings;

/// v ← μ v + g + λ w, w ← w − η v.
#[derive(Clone, Copy)]
pub(in crate::simulate) struct Update<R> {
    rate: R,
    momentum: R,
    decay: R,
    /// μ = λ = 0.
    plain: bool,
    /// μ ≠ 0.
    moving: bool,
}

impl<R: Real> Update<R> {
    #[inline(always)]
    pub fn new(settings: &SimulateSettings) -> Self {
        Self {
            rate: R::constant(settings.learning_rate),
            momentum: R::constant(settings.recipe.momentum),
            decay: R::constant(settings.recipe.weight_decay),
            plain: settings.recipe.momentum == 0.0 && settings.recipe.weight_decay == 0.0,
            moving: settings.recipe.momentum != 0.0,
        }
    }

    /// η, where a gradient is all that changes the weights.
    #[inline(always)]
    pub fn plain(&self) -> Option<R> {
        self.plain.then_some(self.rate)
    }

    /// Changes weight `w`, whose velocity is `v`, by gradient `g`; adds the new w² to `norm`.
    #[inline(always)]
    pub fn apply(&self, w: &mut R, v: &mut R, g: R, norm: &mut R) {
        let mut direction = g;
        if !self.plain {
            direction = self.decay.mul_add(*w, direction);
            if self.moving {
                direction = self.momentum.mul_add(*v, direction);
                *v = direction;
            }
        }
        *w = self.rate.neg_mul_add(direction, *w);
        *norm = w.mul_add(*w, *norm);
    }
}
