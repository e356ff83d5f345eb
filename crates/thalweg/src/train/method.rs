//! The places of a training step that can be changed.

use std::fmt::Debug;

use crate::loss::Objective;
use crate::optimizer::{OptimizerError, Sgd};
use crate::tensor::{LinesMut, Number, Real};

/// What a training step does with a batch: in three places, each of which may be another's. [`Sgd`] is one, and changes
/// the last alone.
///
/// Everything is written for any number, because a step is taken by one run alone or by several in the lanes of
/// the vector registers, to the same bits. Which they are must depend on the arguments alone.
///
/// A method that changes one place and leaves the others to another method holds that one, and hands them on:
///
/// ```
/// use thalweg::loss::Objective;
/// use thalweg::optimizer::{OptimizerError, Sgd};
/// use thalweg::tensor::{LinesMut, Number, Real};
/// use thalweg::train::Method;
///
/// /// Smoothed labels: y ← (1 − s) y + s/classes.
/// #[derive(Clone, Debug, PartialEq)]
/// struct Smoothed(f64, Sgd);
///
/// impl Method for Smoothed {
///     fn batch<T: Real>(&self, _: u64, _: u64, _: LinesMut<'_, T>, mut targets: LinesMut<'_, T>) {
///         let (keep, classes) = (T::from_f64(1.0 - self.0), targets.count());
///         for class in 0..classes {
///             for y in targets.line(class) {
///                 *y = keep.mul_add(*y, T::from_f64(self.0 / classes as f64));
///             }
///         }
///     }
///     fn validate(&self) -> Result<(), OptimizerError> {
///         self.1.validate()
///     }
///     fn memory_len(&self, parameters: usize) -> usize {
///         self.1.memory_len(parameters)
///     }
///     fn update<N: Number>(&self, step: u64, theta: &mut [N], memory: &mut [N], gradient: &[N]) -> N {
///         self.1.update(step, theta, memory, gradient)
///     }
/// }
/// ```
pub trait Method: Clone + Debug + PartialEq + Send + Sync + 'static {
    /// Checks its numbers.
    ///
    /// # Errors
    /// When one is out of its range.
    fn validate(&self) -> Result<(), OptimizerError>;

    /// **The batch**: changes the samples that the run of `seed` has drawn for `step`, in place; random changes by
    /// [`Purpose::Changes`](crate::random::Purpose::Changes). As it stands it changes nothing.
    fn batch<T: Real>(
        &self,
        seed: u64,
        step: u64,
        inputs: LinesMut<'_, T>,
        targets: LinesMut<'_, T>,
    ) {
        let _ = (seed, step, inputs, targets);
    }

    /// **The gradient**: what the update goes by, at `parameters`. As it stands it is ∇L of the batch; it may ask
    /// `objective` for several, and keep what it needs in between in `work`, which stays from step to step.
    fn gradient<N: Number>(
        &self,
        step: u64,
        objective: &mut Objective<N>,
        parameters: &[N],
        work: &mut Vec<N>,
        gradient: &mut [N],
    ) {
        let _ = (step, work);
        objective.gradient(parameters, gradient);
    }

    /// How many numbers the update remembers from step to step, for so many parameters. They are 0 at the start.
    fn memory_len(&self, parameters: usize) -> usize;

    /// **The update** number `step` of the parameters θ and of what is remembered. Returns ‖θ‖² after it: not finite
    /// where a parameter is not.
    fn update<N: Number>(
        &self,
        step: u64,
        parameters: &mut [N],
        memory: &mut [N],
        gradient: &[N],
    ) -> N;
}

impl Method for Sgd {
    fn validate(&self) -> Result<(), OptimizerError> {
        Self::validate(self)
    }

    fn memory_len(&self, parameters: usize) -> usize {
        self.velocity_len(parameters)
    }

    fn update<N: Number>(
        &self,
        step: u64,
        parameters: &mut [N],
        memory: &mut [N],
        gradient: &[N],
    ) -> N {
        Self::update(self, step, parameters, memory, gradient)
    }
}
