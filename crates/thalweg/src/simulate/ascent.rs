//! The step of sharpness-aware minimisation: up along a gradient, and down from there by another.

use crate::lanes::{Call, Lanes, Real, Vector};
use crate::recipe::Sam;

use super::SimulateSettings;
use super::kernel::{Kernel, Take, Update};

/// Keeps a gradient of 0 from being divided by: far below any that is not.
const TINY: f64 = 1e-300;

/// The ascent of one group of runs.
pub(super) struct Ascent<R> {
    sam: Sam,
    update: Update<R>,
    /// The weights after the ascent; while the kernel has these, those before it.
    other: Vec<R>,
    /// All of a gradient, where the ascent waits for its norm.
    gradient: Vec<R>,
}

impl<R: Real> Ascent<R> {
    /// That of `settings` for so many weights, if they have one.
    pub fn new(settings: &SimulateSettings, weights: usize) -> Option<Self> {
        let zeros = |n: usize| vec![R::constant(0.0); n];
        settings.recipe.sam.map(|sam| Self {
            sam,
            update: Update::new(settings),
            other: zeros(weights),
            gradient: zeros(if sam.normalised { weights } else { 0 }),
        })
    }

    /// Whether the ascent has a minibatch of its own.
    pub fn is_independent(&self) -> bool {
        self.sam.independent
    }

    /// Takes the kernel's weights to W + ρ g, or W + ρ g/‖g‖, with g from `columns`.
    #[inline(always)]
    pub fn climb<K: Kernel<R>>(&mut self, kernel: &mut K, columns: &[R::Wide]) {
        let (radius, other) = (self.sam.radius, &mut self.other[..]);
        if self.sam.normalised {
            gradient(kernel, columns, Keep(&mut self.gradient));
            let mut square = R::constant(0.0);
            for g in &self.gradient {
                square = g.mul_add(*g, square);
            }
            let norm = square.widen().add(R::Wide::splat(TINY)).sqrt();
            let scale = R::narrow(R::Wide::splat(radius).div(norm));
            Climb { scale, other }.take(0, kernel.weights(), &mut [], &self.gradient);
        } else {
            let scale = R::constant(radius);
            gradient(kernel, columns, Climb { scale, other });
        }
        std::mem::swap(kernel.weights(), &mut self.other);
    }

    /// One update of the weights from before the ascent, with the gradient of `columns` at those after it. Returns Σ_k ‖W_k‖².
    #[inline(always)]
    pub fn descend<K: Kernel<R>>(&mut self, kernel: &mut K, columns: &[R::Wide]) -> R {
        let descend = Descend {
            update: self.update,
            weights: &mut self.other,
            norm: R::constant(0.0),
        };
        let norm = gradient(kernel, columns, descend).norm;
        std::mem::swap(kernel.weights(), &mut self.other);
        norm
    }
}

/// Keeps a gradient.
struct Keep<'a, R>(&'a mut [R]);

impl<R: Real> Take<R> for Keep<'_, R> {
    #[inline(always)]
    fn take(&mut self, at: usize, weights: &[R], _: &mut [R], gradient: &[R]) {
        let count = weights.len();
        self.0[at..][..count].copy_from_slice(&gradient[..count]);
    }
}

/// `other` ← W + `scale` g.
struct Climb<'a, R> {
    scale: R,
    other: &'a mut [R],
}

impl<R: Real> Take<R> for Climb<'_, R> {
    #[inline(always)]
    fn take(&mut self, at: usize, weights: &[R], _: &mut [R], gradient: &[R]) {
        let other = &mut self.other[at..][..weights.len()];
        for ((to, w), g) in other.iter_mut().zip(weights).zip(gradient) {
            *to = g.mul_add(self.scale, *w);
        }
    }
}

/// Updates `weights` with the gradient at others, and adds Σ w² to `norm`.
struct Descend<'a, R> {
    update: Update<R>,
    weights: &'a mut [R],
    norm: R,
}

impl<R: Real> Take<R> for Descend<'_, R> {
    #[inline(always)]
    fn take(&mut self, at: usize, climbed: &[R], velocity: &mut [R], gradient: &[R]) {
        let weights = &mut self.weights[at..][..climbed.len()];
        let zero = R::constant(0.0);
        let norm = self.update.apply_each(weights, velocity, gradient, zero);
        self.norm = self.norm.add(norm);
    }
}

/// The gradient's pass, compiled once for each kernel and not into every place that asks for it.
struct Gradient<'a, R: Real, K, T> {
    kernel: &'a mut K,
    columns: &'a [R::Wide],
    to: T,
}

impl<R: Real, K: Kernel<R>, T: Take<R>> Call for Gradient<'_, R, K, T> {
    type Output = T;

    #[inline(always)]
    fn call(mut self) -> T {
        self.kernel.gradient(self.columns, &mut self.to);
        self.to
    }
}

#[inline(always)]
fn gradient<R: Real, K: Kernel<R>, T: Take<R>>(kernel: &mut K, columns: &[R::Wide], to: T) -> T {
    let work = Gradient {
        kernel,
        columns,
        to,
    };
    if R::Wide::LANES == 1 {
        // As in `Update::apply_all`.
        return work.call();
    }
    R::Wide::within(work)
}
