//! The places of a training step that can be changed.

use std::fmt::Debug;

use crate::loss::Objective;
use crate::optimizer::{OptimizerError, Sgd};
use crate::tensor::{LinesMut, Number, Real, Tape};

/// A batch that a run has drawn, to be changed in place.
#[derive(Debug)]
pub struct Drawn<'a, T> {
    /// The function that is trained.
    pub tape: &'a Tape,
    /// x, line (row · positions + position).
    pub inputs: LinesMut<'a, T>,
    /// y, laid out as the outputs.
    pub targets: LinesMut<'a, T>,
}

/// What a gradient takes beside the minibatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Whether a second minibatch is drawn for each step, of as many samples: [`Room::ascent`].
    pub ascent: bool,
    /// How many parts the batch is taken in; with more than one there is [`Room::part`].
    pub parts: usize,
    /// How many vectors as long as the parameters there are in [`Room::vectors`].
    pub vectors: usize,
}

impl Default for Needs {
    fn default() -> Self {
        Self {
            ascent: false,
            parts: 1,
            vectors: 0,
        }
    }
}

/// Room for what a gradient [needs](Needs), kept from step to step.
#[derive(Clone, Debug)]
pub struct Room<N> {
    /// The second minibatch; nothing after the switch to a fixed batch.
    pub ascent: Option<Objective<N>>,
    /// For one part of the batch.
    pub part: Option<Objective<N>>,
    /// One vector after another.
    pub vectors: Vec<N>,
}

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
/// use thalweg::tensor::{Number, Real};
/// use thalweg::train::{Drawn, Method};
///
/// /// Smoothed labels: y ← (1 − s) y + s/classes.
/// #[derive(Clone, Debug, PartialEq)]
/// struct Smoothed(f64, Sgd);
///
/// impl Method for Smoothed {
///     fn batch<T: Real>(&self, _: u64, _: u64, mut drawn: Drawn<'_, T>) {
///         let (keep, classes) = (T::from_f64(1.0 - self.0), drawn.targets.count());
///         for class in 0..classes {
///             for y in drawn.targets.line(class) {
///                 *y = keep.mul_add(*y, T::from_f64(self.0 / classes as f64));
///             }
///         }
///     }
///     fn validate(&self, batches: &[usize]) -> Result<(), OptimizerError> {
///         Method::validate(&self.1, batches)
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
    /// Checks its numbers, for batches of these sizes.
    ///
    /// # Errors
    /// When one is out of its range.
    fn validate(&self, batches: &[usize]) -> Result<(), OptimizerError>;

    /// **The batch**: changes the samples that the run of `seed` has drawn, in place; random changes are a function of `seed` and
    /// `step`, by [`Purpose::Changes`](crate::random::Purpose::Changes), say. `step` is the step's number; for the second minibatch
    /// of an ascent 2⁶³ more. As it stands it changes nothing.
    fn batch<T: Real>(&self, seed: u64, step: u64, drawn: Drawn<'_, T>) {
        let _ = (seed, step, drawn);
    }

    /// What [`Method::gradient`] takes beside the minibatch: as it stands nothing.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// **The gradient**: what the update goes by, at `parameters`. As it stands it is ∇L of the batch; it may ask
    /// `objective` for several, and keep what it needs in between in `room`, which stays from step to step.
    fn gradient<N: Number>(
        &self,
        step: u64,
        objective: &mut Objective<N>,
        parameters: &[N],
        room: &mut Room<N>,
        gradient: &mut [N],
    ) {
        let _ = (step, room);
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

    /// P of each parameter after so many steps, from what is remembered, where the update is −η P⁻¹ times a mean of gradients.
    /// As it stands there is none.
    fn preconditioner(&self, steps: u64, memory: &[f64]) -> Option<Vec<f64>> {
        let _ = (steps, memory);
        None
    }
}

impl Method for Sgd {
    fn validate(&self, _: &[usize]) -> Result<(), OptimizerError> {
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
