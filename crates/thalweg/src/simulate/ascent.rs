//! The step of sharpness-aware minimisation: up along a gradient, and down from there by another.

use crate::lanes::{Call, Lanes, Real, Vector as _};
use crate::recipe::Sam;

use super::SimulateSettings;
use super::kernel::{Kernel, Update};

/// Keeps a gradient of 0 from being divided by: far below any that is not.
const TINY: f64 = 1e-300;

/// The ascent of one group of runs.
pub(super) struct Ascent<R> {
    sam: Sam,
    update: Update<R>,
    /// The weights before the ascent.
    base: Vec<R>,
    gradient: Vec<R>,
}

impl<R: Real> Ascent<R> {
    /// That of `settings` for so many weights, if they have one.
    pub fn new(settings: &SimulateSettings, weights: usize) -> Option<Self> {
        settings.recipe.sam.map(|sam| Self {
            sam,
            update: Update::new(settings),
            base: vec![R::constant(0.0); weights],
            gradient: vec![R::constant(0.0); weights],
        })
    }

    /// Whether the ascent has a minibatch of its own.
    pub fn is_independent(&self) -> bool {
        self.sam.independent
    }

    /// Takes the kernel's weights to W + ρ g, or W + ρ g/‖g‖, with g from `columns`.
    #[inline(always)]
    pub fn climb<K: Kernel<R>>(&mut self, kernel: &mut K, columns: &[R::Wide]) {
        gradient(kernel, columns, &mut self.gradient);
        let mut scale = R::constant(self.sam.radius);
        if self.sam.normalised {
            let mut square = R::constant(0.0);
            for g in &self.gradient {
                square = g.mul_add(*g, square);
            }
            let norm = square.widen().add(R::Wide::splat(TINY)).sqrt();
            scale = R::narrow(R::Wide::splat(self.sam.radius).div(norm));
        }
        let weights = kernel.weights().iter_mut();
        for ((w, base), g) in weights.zip(&mut self.base).zip(&self.gradient) {
            *base = *w;
            *w = g.mul_add(scale, *w);
        }
    }

    /// One update of the weights from before the ascent, with the gradient of `columns` at those after it. Returns Σ_k ‖W_k‖².
    #[inline(always)]
    pub fn descend<K: Kernel<R>>(&mut self, kernel: &mut K, columns: &[R::Wide]) -> R {
        gradient(kernel, columns, &mut self.gradient);
        let (base, velocity) = (&mut self.base, kernel.velocity());
        let norm = self
            .update
            .apply_all(base, velocity, &self.gradient, R::constant(0.0));
        kernel.weights().copy_from_slice(&self.base);
        norm
    }
}

/// The gradient's pass, compiled once for each kernel and not into every place that asks for it.
struct Gradient<'a, R: Real, K> {
    kernel: &'a mut K,
    columns: &'a [R::Wide],
    into: &'a mut [R],
}

impl<R: Real, K: Kernel<R>> Call for Gradient<'_, R, K> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.kernel.gradient(self.columns, self.into);
    }
}

#[inline(always)]
fn gradient<R: Real, K: Kernel<R>>(kernel: &mut K, columns: &[R::Wide], into: &mut [R]) {
    R::Wide::within(Gradient {
        kernel,
        columns,
        into,
    });
}
