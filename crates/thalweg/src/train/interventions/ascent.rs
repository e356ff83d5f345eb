//! Sharpness-aware minimisation: the gradient is taken where an ascent has led.

use super::clipping::norm;
use crate::lanes::vectorise;
use crate::loss::Objective;
use crate::optimizer::{OptimizerError, require};
use crate::tensor::Number;
use crate::tensor::write::update;
use crate::train::method::{Needs, Room};

/// Of a gradient's length, what a normalised ascent divides by at least (as in the authors' program).
const LEAST: f64 = 1e-12;

/// The gradient at θ + ρ g, or θ + ρ g/‖g‖ (Foret, Kleiner, Mobahi, Neyshabur, ICLR 2021).
///
/// With m parts it is the mean over the parts of the batch, each of B/m neighbouring samples, of the part's gradient at the end
/// of the part's own ascent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ascent {
    /// ρ > 0. Unit: weight²/loss; that of the weights where the gradient is normalised.
    pub radius: f64,
    /// Whether the ascent has length ρ whatever the gradient's.
    pub normalised: bool,
    /// Whether g comes from a minibatch of its own and not from that of the step. After the switch to gradient descent it is the
    /// fixed batch's, there being no minibatches.
    pub independent: bool,
    /// m ≥ 1, a divisor of the batch; 1 for an ascent over the whole batch.
    pub parts: usize,
}

impl Ascent {
    pub(super) fn validate(&self, batches: &[usize]) -> Result<(), OptimizerError> {
        require(
            self.radius.is_finite() && self.radius > 0.0,
            "sam.radius",
            self.radius,
            "a finite number above 0 (leave `sam` out for none)",
        )?;
        let parts = self.parts;
        require(
            parts >= 1 && batches.iter().all(|batch| batch.is_multiple_of(parts)),
            "sam.parts",
            parts as f64,
            "1 (the whole batch) or another divisor of the samples in a batch",
        )?;
        require(
            parts == 1 || !self.independent,
            "sam.parts",
            parts as f64,
            "1 where the ascent has a batch of its own (`independent`)",
        )
    }

    pub(super) fn needs(&self) -> Needs {
        Needs {
            ascent: self.independent,
            parts: self.parts,
            vectors: if self.parts > 1 { 2 } else { 1 },
        }
    }

    /// The gradient at the end of the ascent.
    pub(super) fn gradient<N: Number>(
        &self,
        objective: &mut Objective<N>,
        parameters: &[N],
        room: &mut Room<N>,
        gradient: &mut [N],
    ) {
        let Room {
            ascent,
            part,
            vectors,
        } = room;
        let Some(part) = part else {
            match ascent {
                Some(ascent) => ascent.gradient(parameters, gradient),
                None => objective.gradient(parameters, gradient),
            }
            self.ahead(parameters, gradient, vectors);
            return objective.gradient(vectors, gradient);
        };
        let size = objective.batch() / self.parts;
        part.resize(size);
        gradient.fill(N::ZERO);
        let share = N::from_f64(1.0 / self.parts as f64);
        let (ahead, own) = vectors.split_at_mut(parameters.len());
        for first in (0..objective.batch()).step_by(size) {
            part.copy_samples(objective, first);
            part.gradient(parameters, own);
            self.ahead(parameters, own, ahead);
            part.gradient(ahead, own);
            add_scaled(gradient, share, own);
        }
    }

    /// θ + ρ g, or θ + ρ g/‖g‖.
    fn ahead<N: Number>(&self, parameters: &[N], gradient: &[N], ahead: &mut [N]) {
        let mut scale = N::from_f64(self.radius);
        if self.normalised {
            scale = scale / norm(gradient).larger(N::from_f64(LEAST));
        }
        ahead.copy_from_slice(parameters);
        add_scaled(ahead, scale, gradient);
    }
}

/// to += scale · from.
fn add_scaled<N: Number>(to: &mut [N], scale: N, from: &[N]) {
    vectorise(
        #[inline(always)]
        || {
            update(
                to,
                [from],
                #[inline(always)]
                |to, [x]| scale.mul_add(x, to),
            );
        },
    );
}
