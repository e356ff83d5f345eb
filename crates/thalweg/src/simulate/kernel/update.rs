//! What a gradient does to a weight.

use crate::lanes::{Call, Lanes, Real, Vector};
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

    /// Changes all of `weights`, whose velocity is empty without momentum, by their gradient, and returns `norm` + Σ w².
    #[inline(always)]
    pub fn apply_all(&self, weights: &mut [R], velocity: &mut [R], gradient: &[R], norm: R) -> R {
        let work = ApplyAll {
            update: *self,
            weights,
            velocity,
            gradient,
            norm,
        };
        if R::Wide::LANES == 1 {
            // A plain number's function knows no fused multiply–add, but that which runs a wide network does.
            return work.call();
        }
        R::Wide::within(work)
    }

    /// The same, into the function that asks for it.
    #[inline(always)]
    pub fn apply_each(&self, weights: &mut [R], velocity: &mut [R], gradient: &[R], norm: R) -> R {
        let mut norm = norm;
        if let Some(rate) = self.plain() {
            for (w, g) in weights.iter_mut().zip(gradient) {
                *w = rate.neg_mul_add(*g, *w);
                norm = w.mul_add(*w, norm);
            }
            return norm;
        }
        let mut unused = R::constant(0.0);
        for (at, (w, g)) in weights.iter_mut().zip(gradient).enumerate() {
            let v = velocity.get_mut(at).unwrap_or(&mut unused);
            norm = self.apply(w, v, *g, norm);
        }
        norm
    }

    /// Changes weight `w`, whose velocity is `v`, by gradient `g`, and returns `norm` + the new w².
    #[inline(always)]
    pub fn apply(&self, w: &mut R, v: &mut R, g: R, norm: R) -> R {
        let mut direction = g;
        if !self.plain {
            direction = self.decay.mul_add(*w, direction);
            if self.moving {
                direction = self.momentum.mul_add(*v, direction);
                *v = direction;
            }
        }
        *w = self.rate.neg_mul_add(direction, *w);
        w.mul_add(*w, norm)
    }
}

/// [`Update::apply_all`]'s work: a function of its own, in which the sum stays in a register. Amid a whole step it was kept in memory,
/// whose delay from entry to entry cost as much as two products.
struct ApplyAll<'a, R> {
    update: Update<R>,
    weights: &'a mut [R],
    velocity: &'a mut [R],
    gradient: &'a [R],
    norm: R,
}

impl<R: Real> Call for ApplyAll<'_, R> {
    type Output = R;

    #[inline(always)]
    fn call(self) -> R {
        self.update
            .apply_each(self.weights, self.velocity, self.gradient, self.norm)
    }
}
