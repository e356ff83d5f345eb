//! The slow flow by symmetric generators in networks too wide for its dense linear systems.
//!
//! The field is the one of `symmetric.rs`, dW/du = E X with EᵀE X = R, and with the generators X_k as matrices
//!
//! (EᵀE X)_k = X_k C_k + C_k X_k − 2 W_k X_{k−1} W_kᵀ − 2 W_{k+1}ᵀ X_{k+1} W_{k+1}.
//!
//! (EᵀE is written for twice E's adjoint times E, (E X)_k = X_k W_k − W_k X_{k−1}, here and in the files of this folder.)
//!
//! An implicit step need not solve this for a right side first: X is an unknown of the step beside the weights, extrapolated from the
//! last steps, and what EᵀE X leaves of R is known without a solution. Along a motion E Y of the weights
//!
//! −dR_k = (M Y)_k = h_{k−1} (Y_k G_k + G_k Y_k) + g_{k+1} (Y_k H_k + H_k Y_k) − 2 tr(Y_{k−1}H_{k−1}) G_k − 2 tr(Y_{k+1}G_{k+1}) H_k,
//!
//! h_k = tr H_k and g_k = tr G_k. So with what is not stiff in the Jacobian left out, a correction of the weights by d and of X by Y is
//!
//! d = (b + E Y)/σ,  (σ EᵀE + M) Y = dR[b] + σ (R − EᵀE X),
//!
//! where b is the residual of the step's equation σ(ψ + d) = E X. The operator is symmetric, and positive since 4 ab ≤ 2 (a² + b²) and
//! (tr YG)² ≤ tr(YGY) tr G; `eliminated.rs` solves for Y.
//!
//! A hidden unit that nothing uses any more loses its inputs, and some X then moves no weights: EᵀE is singular to rounding. So EᵀE + δ stands
//! everywhere for EᵀE, with δ 10⁻¹² of the square of the largest layer: what is below 10⁻⁶ of that layer dies out as a power of u, and not exponentially. T
//! and F, of which it is the square that counts, do not feel it. Far past the end of the flow that can be too little for single precision: where two steps fail
//! one after the other δ becomes ten times as large, up to 10⁻⁷, at which T and F came out right to about 10⁻⁷.

mod eliminated;
mod factors;
mod field;
mod known;
mod rounded;
mod slowest;
#[cfg(test)]
mod tests;

use faer::Mat;

use super::{FlowError, bdf::Stiff, point::Model, products::add_all};
use crate::recipe::Forces;
use eliminated::Eliminated;
use factors::balances_along;
pub(super) use factors::lift;
use field::{Field, Generators, Operator};
use rounded::Rounded;
pub(super) use slowest::slowest_rate;

/// The slow flow of one problem.
pub(super) struct WideFlow<'a> {
    model: &'a Model,
    /// X at the last accepted times, the latest first.
    known: Vec<(f64, Generators)>,
    here: Option<Here>,
    system: Option<System>,
    /// Whether a step has failed.
    has_failed: bool,
    /// Steps that failed one after the other.
    failures: usize,
    /// By how much δ is raised.
    raised: f64,
}

/// The last point looked at.
struct Here {
    time: f64,
    field: Field,
    rounded: Rounded,
    /// What is taken for X, corrected.
    x: Generators,
    /// E X before the corrections.
    motion: Vec<Mat<f64>>,
    /// R − EᵀE X before them, less δX.
    defect: Generators,
    /// What they added to X, lifted.
    lifted: Option<Vec<Mat<f64>>>,
    /// What those that `rhs` has seen added to the weights.
    seen: Option<Seen>,
}

/// A motion of the weights, and with it R − EᵀE X where R is still that before it.
struct Seen {
    moved: Vec<Mat<f64>>,
    defect: Generators,
}

impl Here {
    /// The field at `field` with `x` for X, of which EᵀE X leaves `defect`.
    fn new(
        time: f64,
        field: Field,
        x: Generators,
        motion: Vec<Mat<f64>>,
        defect: Generators,
    ) -> Self {
        Self {
            time,
            rounded: Rounded::new(&field),
            field,
            x,
            motion,
            defect,
            lifted: None,
            seen: None,
        }
    }

    /// E X at the corrected weights, `layers`. Corrections are so small that their products do not count, and what is
    /// linear in them is found in single precision.
    fn corrected(&mut self, layers: Vec<Mat<f64>>) -> Vec<Mat<f64>> {
        let mut moved = layers;
        add_all(&mut moved, -1.0, &self.field.factors.layers);
        let mut change = Rounded::turned(&moved, &self.x);
        if let Some(lifted) = &self.lifted {
            add_all(&mut change, 1.0, lifted);
        }
        let mut defect = self.defect.clone();
        let balances = self.rounded.balances_change(&self.motion, &change, &moved);
        add_all(&mut defect, -1.0, &balances);
        self.seen = Some(Seen { moved, defect });
        add_all(&mut change, 1.0, &self.motion);
        change
    }

    /// Adds E Y to what the corrections added to E X.
    fn lift(&mut self, lifted: Vec<Mat<f64>>) {
        match &mut self.lifted {
            Some(sum) => add_all(sum, 1.0, &lifted),
            none => *none = Some(lifted),
        }
    }
}

/// σ EᵀE + M as it was at one point.
struct System {
    /// σ.
    shift: f64,
    operator: Eliminated<f32>,
    /// Steps accepted since.
    age: usize,
}

/// A linear system serves so many steps; the corrections make up for what has changed.
const LASTS: usize = 6;

/// A step that takes more corrections than this is the last that it serves: directions have died out since it was made.
const FEW: usize = 2;

/// It serves as long as the shift is within this part of its own.
const NEAR: f64 = 0.25;

/// X is extrapolated from so many times: one more is no quicker, since it makes more of what is uncertain in X.
const KNOWN: usize = 6;

/// δ is raised by no more.
const MOST_RAISED: f64 = 1e5;

/// X at the start is found to this part of it.
const START: f64 = 1e-8;

impl System {
    fn serves(&self, shift: f64) -> bool {
        self.age < LASTS && (self.shift - shift).abs() < NEAR * shift
    }
}

impl<'a> WideFlow<'a> {
    /// The flow of `model`.
    pub(super) fn new(model: &'a Model) -> Self {
        Self {
            model,
            known: Vec::new(),
            here: None,
            system: None,
            has_failed: false,
            failures: 0,
            raised: 1.0,
        }
    }

    /// Notes the point at which the next steps' linear systems are to be solved, those of `forces`, without its field.
    pub(super) fn look(&mut self, time: f64, y: &[f64], forces: Forces) {
        let mut field = Field::new(self.model, self.model.layers(y));
        field.factors.forces = forces;
        let hidden = &self.model.widths()[1..self.model.depth()];
        let still: Generators = hidden
            .iter()
            .map(|&width| Mat::zeros(width, width))
            .collect();
        self.here = Some(Here::new(time, field, still.clone(), Vec::new(), still));
    }

    /// Takes off `velocity`, at the point last looked at, the part that turns the hidden bases: E Ω with the antisymmetric Ω for
    /// which what is left is least, EᵀE Ω = Eᵀ v.
    pub(super) fn take_off_turns(&self, velocity: &mut [f64]) -> Result<(), FlowError> {
        let Some(Here { field, .. }) = &self.here else {
            return Ok(());
        };
        let right = field.turning_of(&self.model.layers(velocity));
        let turns = Eliminated::<f64>::new(field, Operator::Turns)?
            .solve(&right, |missing, gained| missing <= START * START * gained)?;
        let turning = self.model.flatten(&field.factors.lift(&turns));
        for (v, turning) in velocity.iter_mut().zip(turning) {
            *v -= turning;
        }
        Ok(())
    }

    /// After a step that failed: what is uncertain in X may have grown as it was extrapolated, and the linear system may be one of directions
    /// that have died out since. The last X with a new system is free of both; where that fails too, X from nothing is, and δ is larger.
    fn fail(&mut self) {
        self.has_failed = true;
        self.failures += 1;
        if self.failures.is_multiple_of(2) {
            self.raised = (10.0 * self.raised).min(MOST_RAISED);
        }
        self.known.truncate(usize::from(self.known.len() > 1));
        self.system = None;
    }

    /// X at `time`, extrapolated from as many times as can be without blowing up what is uncertain in X.
    fn guess(&self, time: f64) -> Option<Generators> {
        let weights = (1..=self.known.len()).rev().find_map(|count| {
            let weights = self.weights(time, count);
            (weights.iter().map(|w| w.abs()).sum::<f64>() <= MOST_WEIGHT).then_some(weights)
        })?;
        let (_, latest) = self.known.first()?;
        let mut guess: Generators = latest
            .iter()
            .map(|x| Mat::zeros(x.nrows(), x.ncols()))
            .collect();
        for (weight, (_, x)) in weights.iter().zip(&self.known) {
            add_all(&mut guess, *weight, x);
        }
        Some(guess)
    }

    /// The weights of the last `count` values of X in the polynomial through them.
    fn weights(&self, time: f64, count: usize) -> Vec<f64> {
        let known = &self.known[..count];
        let each = known.iter().enumerate();
        each.map(|(i, (at, _))| {
            let others = known.iter().enumerate().filter(|(j, _)| *j != i);
            others
                .map(|(_, (other, _))| (time - other) / (at - other))
                .product()
        })
        .collect()
    }
}

/// At equal steps those of six values add up to 63, sign apart, and after a step has grown to more.
const MOST_WEIGHT: f64 = 128.0;

impl Stiff for WideFlow<'_> {
    fn rhs(&mut self, time: f64, y: &[f64], out: &mut [f64]) -> Result<(), FlowError> {
        let layers = self.model.layers(y);
        if let Some(here) = &mut self.here
            && here.time == time
        {
            self.model.flatten_to(&here.corrected(layers), out);
            return Ok(());
        }
        if self.here.take().is_some() {
            self.fail();
        }
        let mut field = Field::new(self.model, layers);
        field.least *= self.raised;
        let drift = field.drift();
        let x = match self.guess(time) {
            Some(x) => x,
            None => Eliminated::<f64>::new(&field, Operator::Gram)?
                .solve(&drift, |missing, gained| missing <= START * START * gained)?,
        };
        let motion = field.factors.lift(&x);
        let balances = balances_along(&motion, &field.factors.layers);
        let mut defect = drift;
        add_all(&mut defect, -1.0, &balances);
        add_all(&mut defect, -field.least, &x);
        self.model.flatten_to(&motion, out);
        self.here = Some(Here::new(time, field, x, motion, defect));
        Ok(())
    }

    fn correct(&mut self, shift: f64, b: &mut [f64], error: f64) -> Result<(), FlowError> {
        let Some(here) = &mut self.here else {
            return Ok(());
        };
        let field = &here.field;
        let mut system = match self.system.take() {
            Some(system) if system.serves(shift) => system,
            _ => {
                let operator = Eliminated::new(field, Operator::Implicit(shift))?;
                let known = self.known.iter_mut().map(|(_, x)| x);
                for x in known.chain([&mut here.x]) {
                    operator.clear(x);
                }
                System {
                    shift,
                    operator,
                    age: 0,
                }
            }
        };
        let rounded = &here.rounded;
        let mut along = self.model.layers(b);
        let defect = match &here.seen {
            None => &here.defect,
            // R changes along what was seen of the weights' motion too: σ times that is beside σ times the defect.
            Some(Seen { moved, defect }) => {
                add_all(&mut along, shift, moved);
                defect
            }
        };
        let (scale, right) = rounded.right(&along, shift, defect);
        // The energy is at least 2σ ‖E Y‖², of which the weights' error is 1/σ. What the last iterations gained is taken for it, and says too much: ten times
        // the error may be left by that measure, and T comes out the same, but where steps fail.
        let squares = field.factors.layers.iter().map(Mat::squared_norm_l2);
        let allowed = error * shift * squares.fold(f64::INFINITY, f64::min).sqrt() / scale;
        let allowed = if self.has_failed {
            allowed
        } else {
            10.0 * allowed
        };
        let mut y = system.operator.solve(&right, |missing, _| {
            missing <= 2.0 * shift * allowed * allowed
        })?;
        // Where σ falls as the motion slows M does so too.
        for y in &mut y {
            *y *= faer::Scale(scale * system.shift / shift);
        }
        let inverse = shift.recip();
        let lifted = rounded.lift(&y);
        for (b, lifted) in b.iter_mut().zip(self.model.flatten(&lifted)) {
            *b = (*b + lifted) * inverse;
        }
        add_all(&mut here.x, 1.0, &y);
        add_all(&mut here.defect, -here.field.least, &y);
        here.lift(lifted);
        self.system = Some(system);
        Ok(())
    }

    fn accepted(&mut self, time: f64, corrections: usize) {
        if let Some(system) = &mut self.system {
            system.age = if corrections > FEW {
                LASTS
            } else {
                system.age + 1
            };
        }
        self.failures = 0;
        if let Some(here) = self.here.take() {
            self.known.insert(0, (time, here.x));
            self.known.truncate(KNOWN);
        }
    }

    fn relative_size(&self, change: &[f64], y: &[f64]) -> f64 {
        self.model.relative_size(change, y)
    }
}
