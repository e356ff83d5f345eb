//! What can go wrong on the way, said so that a person can mend it.

use crate::{
    Stopped,
    problem::{ProblemError, WeightsError},
    theory::TheoryError,
    words::{rounded, shown},
};

/// What takes larger networks, and where.
const SYMMETRIC: &str = "larger ones are followed by symmetric generators, `thalweg flow --drift symmetric`, where nothing is dropped and SAM \
    is not normalised; else `thalweg simulate` runs SGD itself";

/// A flow that was not computed: what was found, and what would be right.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FlowError {
    /// The weights do not belong to the problem.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The problem narrowed to its rank was refused.
    #[error(transparent)]
    Problem(#[from] ProblemError),
    /// The closed forms have no answer at some point of the flow.
    #[error(transparent)]
    Theory(#[from] TheoryError),
    /// No output time was given.
    #[error("no output times were given (`slow_time` is empty): give at least one")]
    NoTimes,
    /// An output time is negative, NaN or infinite.
    #[error(
        "output time number {position} (from 1) is {}: slow times are finite and not negative",
        shown(*value)
    )]
    BadTime {
        /// Which one, from 1.
        position: usize,
        /// What was found.
        value: f64,
    },
    /// The output times are not in increasing order.
    #[error(
        "output time number {position} (from 1) is {}, below the one before it ({}): sort them in increasing order",
        shown(*value),
        shown(*previous)
    )]
    UnsortedTimes {
        /// Which one, from 1.
        position: usize,
        /// What was found.
        value: f64,
        /// The time before it.
        previous: f64,
    },
    /// η²/B is 0 or infinite in double precision, or so is η² t/B.
    #[error(
        "the slow time η² t/B of step {step} is beyond double precision at a learning rate of {learning_rate:e} and a batch of {batch}: choose a learning rate nearer to 1"
    )]
    SlowTime {
        /// η, the step size that was given.
        learning_rate: f64,
        /// B, the samples in a minibatch that were given.
        batch: usize,
        /// The last step t that was asked for.
        step: u64,
    },
    /// η is not a positive number.
    #[error("the learning rate is {}: it must be a finite number above 0", shown(*found))]
    LearningRate {
        /// What was found.
        found: f64,
    },
    /// B, the samples in a minibatch, is 0.
    #[error("the batch size is 0: it must be 1 or more")]
    Batch,
    /// The tolerance is outside what double precision can keep.
    #[error("the tolerance is {}: choose between 1e-12 and 1e-2", shown(*found))]
    Tolerance {
        /// What was found.
        found: f64,
    },
    /// The product of the start's weights overflows.
    #[error(
        "the product of the weights that the flow starts from is beyond double precision: start from smaller weights"
    )]
    StartTooLarge,
    /// The start is not a minimum of the population loss.
    #[error(
        "the start is not on the manifold of minima: ‖(W_D…W_1 − V)√Σx‖ is {distance:.3e} relative to ‖V√Σx‖, and at most {allowed:.0e} is needed; take it there by gradient flow first (`descend`)"
    )]
    NotAMinimum {
        /// ‖(W_D…W_1 − V)√Σx‖ / ‖V√Σx‖ at the start.
        distance: f64,
        /// The largest value accepted.
        allowed: f64,
    },
    /// Gradient flow stopped at a critical point that is not a minimum.
    #[error(
        "gradient flow from this start rests at a saddle: the gradient is {} while the relative distance to the minima is {}; start from other weights (not zero, and of rank at least that of V)",
        rounded(*gradient),
        rounded(*distance)
    )]
    Saddle {
        /// Frobenius norm of the loss gradient.
        gradient: f64,
        /// ‖(W_D…W_1 − V)√Σx‖ / ‖V√Σx‖.
        distance: f64,
    },
    /// Gradient descent at this step size runs away from the minima, or grows without bound.
    #[error(
        "gradient descent itself, without any noise, diverges from this start at step {step} with a learning rate of {}: {}",
        rounded(*learning_rate),
        slower(*stable)
    )]
    Diverges {
        /// η, the step size that was given.
        learning_rate: f64,
        /// The step at which the weights were no longer finite.
        step: u64,
        /// The largest of η/10, η/100, … with which it stays below the edge of stability on its whole way down, if one was found.
        stable: Option<f64>,
    },
    /// The integrator used up its steps.
    #[error(
        "the integrator used its {steps} steps and reached time {}{}; or divide each input and each output by its standard deviation, which makes the flow less stiff",
        rounded(*time),
        stopped(*end)
    )]
    TooManySteps {
        /// Steps taken, accepted and rejected.
        steps: usize,
        /// Time reached.
        time: f64,
        /// Time asked for; infinite for a descent, which ends where it is at rest.
        end: f64,
    },
    /// Another thread asked for it ([`stoppable`](crate::stoppable)).
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The step size fell below what double precision can resolve.
    #[error(
        "the integrator's step fell to {} at time {}, where rounding hides the motion: {}start from other weights, or divide each input and each output by its standard deviation",
        rounded(*step),
        rounded(*time),
        if end.is_finite() { "ask for times before that (`thalweg predict` has the end), " } else { "" }
    )]
    StepTooSmall {
        /// The step size.
        step: f64,
        /// Time reached.
        time: f64,
        /// Time asked for; infinite for a descent, whose time is not that of the steps asked for.
        end: f64,
    },
    /// An eigenvalue or singular value iteration of the linear algebra library failed.
    #[error(
        "the {what} did not converge: the weights are probably too large or too ill-conditioned"
    )]
    Decomposition {
        /// Which one.
        what: &'static str,
    },
    /// The flow's rates lie further apart than double precision tells.
    #[error(
        "the slowest rate of the flow at its limit, {slowest:.1e}, is lost in the rounding of the fastest, {fastest:.1e}: the covariances are too nearly singular for a relaxation time"
    )]
    RatesApart {
        /// As computed; it may even be negative.
        slowest: f64,
        /// The largest rate, per slow time u.
        fastest: f64,
    },
    /// A force that symmetric generators do not follow.
    #[error(
        "{force} moves SGD along the minima in a way that only the exact drift follows: choose that (`flow --drift exact`)"
    )]
    ExactDriftAlone {
        /// Which one.
        force: &'static str,
    },
    /// Where nothing is to be learnt the path under SAM's normalised ascent ends within a finite time.
    #[error(
        "V√Σx is 0, and SAM's normalised ascent takes the network to 0 within a finite time, where its force has no direction any more: the path cannot be \
         followed; `thalweg predict` has the end, and SAM along the gradient itself a path"
    )]
    AscentWithoutSignal,
    /// Weight decay leaves no minimum but the network at 0.
    #[error(
        "weight_decay is {}, and beyond {} loss and decay leave no minimum but the network at 0: SGD goes there, and T to 0; choose a smaller weight \
         decay",
        shown(*decay),
        rounded(*most)
    )]
    DecayOutweighs {
        /// λ.
        decay: f64,
        /// The largest with which another is possible.
        most: f64,
    },
    /// The flow does not come to rest.
    #[error(
        "under these forces the flow along the minima still moves after {steps} steps of the integrator: in the second half of them T {} between {} and {}, \
         so that no end can be predicted; follow it up to a step of your own (`flow --steps`, with dropout `--drift exact` too), or simulate SGD",
        if *turns { "went up and down again and again" } else { "was on its way" },
        rounded(sharpness[0]),
        rounded(sharpness[1])
    )]
    Restless {
        /// Steps taken.
        steps: usize,
        /// The least and the largest T in the second half of them.
        sharpness: [f64; 2],
        /// Whether T went up and down there.
        turns: bool,
    },
    /// A network too large for the drift that was asked for.
    #[error(
        "{parameters} weights are too many for the flow's integrator, which takes at most {most} by this drift; take narrower layers or a smaller depth ({SYMMETRIC})"
    )]
    TooLarge {
        /// Σ_k h_k h_{k−1}, the number of weights in all layers.
        parameters: usize,
        /// The most that is accepted.
        most: usize,
    },
    /// The exact drift would decompose a matrix that is too large.
    #[error(
        "the exact drift decomposes a matrix of d_y · rank Σx = {size} rows at each step, and at most {most} are taken where layers, inputs and noise \
         do not share their axes: take fewer outputs or inputs ({SYMMETRIC})"
    )]
    CurvatureTooLarge {
        /// d_y · rank Σx.
        size: usize,
        /// The most that is accepted.
        most: usize,
    },
    /// The finite-step theory is offered for small networks.
    #[error(
        "the finite-step theory is for at most {} inputs and outputs, hidden widths of at most {} and at most {} layers, and the widths here are {}: \
         follow the slow flow (its other drifts), or simulate SGD",
        most[0],
        most[1],
        most[2],
        chain(widths)
    )]
    FiniteTooLarge {
        /// h_0 … h_D.
        widths: Vec<usize>,
        /// The most inputs of any weight in Σx, or outputs; the widest hidden layer; the most layers.
        most: [usize; 3],
    },
    /// There is nothing to learn, and so no minimum about which SGD fluctuates little.
    #[error(
        "V√Σx is 0: the finite-step theory needs something to be learnt; follow the slow flow, or simulate SGD"
    )]
    NoSignal,
    /// There is no label noise, and so no fluctuation to average over.
    #[error(
        "Σε is 0: the finite-step theory is of the fluctuation that label noise makes; follow the slow flow, or simulate SGD"
    )]
    NoNoise,
    /// The product of the weights cannot leave the minima in some direction.
    #[error(
        "K is singular at a minimum on the way, so that nothing holds the fluctuation of the product there, and the finite-step theory has no law \
         for it: V has a lower rank than the network has inputs and outputs; take hidden widths of at least the smaller of the two, earlier \
         times or a smaller learning rate, or simulate SGD"
    )]
    FlatDirection,
    /// SGD's fluctuation about the minima settles in no law of the finite-step theory.
    #[error(
        "with a learning rate of {learning_rate:?} and a batch of {batch} the fluctuation of SGD about the minima has no stationary law from step {} on: \
         noise moves the weights too far at once for the finite-step theory, or the learning rate is too near the edge of stability for it; take a smaller learning \
         rate or, far below that edge, a larger batch (or, where V has a lower rank than the network has inputs and outputs, earlier times), or simulate SGD",
        rounded(*step)
    )]
    NoStationaryLaw {
        /// η, the step size that was given.
        learning_rate: f64,
        /// B, the samples in a minibatch that were given.
        batch: usize,
        /// The step t at which none was found.
        step: f64,
    },
}

/// Widths, from the inputs on.
fn chain(widths: &[usize]) -> String {
    let widths: Vec<String> = widths.iter().map(usize::to_string).collect();
    widths.join(" → ")
}

/// A step size with which gradient descent does not diverge.
fn slower(stable: Option<f64>) -> String {
    let scaled = "dividing each input and each output by its standard deviation allows larger ones";
    match stable {
        Some(rate) => format!(
            "with {} it stays below the edge of stability on its whole way down; {scaled}",
            rounded(rate)
        ),
        None => format!("choose a smaller one; {scaled}"),
    }
}

/// Where an integration should have ended, and what would take it there.
fn stopped(end: f64) -> String {
    if end.is_finite() {
        format!(" of {}: ask for earlier times", rounded(end))
    } else {
        " on the way to the minima: start from weights of another size".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::FlowError;

    /// Times are asked for of the slow flow alone: those of a descent are none of the caller's.
    #[test]
    fn earlier_times_are_advised_where_times_were_asked_for() {
        for (end, advised) in [(3.0, true), (f64::INFINITY, false)] {
            let error = FlowError::StepTooSmall {
                step: 1e-17,
                time: 1.0,
                end,
            };
            assert_eq!(error.to_string().contains("ask for times"), advised);
        }
    }
}
