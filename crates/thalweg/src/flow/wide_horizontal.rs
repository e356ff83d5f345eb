//! The flow of `horizontal.rs` in networks too large for a Jacobian by differences.
//!
//! The implicit steps use that of symmetric generators, which is the exact one where K commutes with the noise, and the corrections of a step
//! make up for what it leaves out. Dropout and SAM's normalised ascent are not among the generators' forces: with them it only
//! makes the iterations (GMRES) few, whose products are differences of the forces at fixed Λ, in which K is not decomposed again.

use faer::Mat;

use super::{
    FlowError,
    bdf::Stiff,
    exact::{ExactFlow, Motion},
    gmres::gmres,
    gradient::Force,
    point::{Model, Point},
    potential::add_dropout,
    products::{accumulate, sum_of_products},
    wide::WideFlow,
};
use crate::recipe::Forces;

/// The flow of one network.
pub(super) struct WideHorizontalFlow<'a> {
    model: &'a Model,
    exact: ExactFlow<'a>,
    /// The flow by symmetric generators.
    symmetric: WideFlow<'a>,
    here: Option<Here>,
}

/// The last point looked at.
struct Here {
    weights: Vec<f64>,
    motion: Motion,
    forces: Forces,
}

/// Differences are taken over this part of the weights' size: its rounding and its truncation are alike.
const DIFFERENCE: f64 = 1e-7;

/// The iterations leave this part of a residual, and the next correction the same of that.
const LEFT: f64 = 0.05;

/// The most iterations.
const MOST_ITERATIONS: usize = 40;

impl<'a> WideHorizontalFlow<'a> {
    /// The flow of `model`, under its forces.
    pub(super) fn new(model: &'a Model) -> Self {
        Self {
            model,
            exact: ExactFlow::new(model),
            symmetric: WideFlow::new(model),
            here: None,
        }
    }
}

impl Stiff for WideHorizontalFlow<'_> {
    fn rhs(&mut self, time: f64, y: &[f64], out: &mut [f64]) -> Result<(), FlowError> {
        let motion = self.exact.motion(y)?;
        let forces = without_ascent(self.model, &motion.point);
        out.copy_from_slice(&motion.velocity);
        self.symmetric.look(time, y, forces);
        self.here = Some(Here {
            weights: y.to_vec(),
            motion,
            forces,
        });
        if self.model.forces.see_hidden_units() {
            return Ok(());
        }
        self.symmetric.take_off_turns(out)
    }

    fn correct(&mut self, shift: f64, b: &mut [f64], error: f64) -> Result<(), FlowError> {
        let Some(here) = &self.here else {
            return Ok(());
        };
        if self.model.follows_generators(&self.model.forces) {
            return self.symmetric.correct(shift, b, error);
        }
        let (model, symmetric) = (self.model, &mut self.symmetric);
        let mut failure = Ok(());
        let before = here.pushed(model, &here.weights);
        let found = gmres(
            b,
            |d| {
                let mut image = here.along(model, &before, d);
                for (image, d) in image.iter_mut().zip(d) {
                    *image = shift * d - *image;
                }
                image
            },
            |b| {
                let mut d = b.to_vec();
                let small = LEFT * LEFT * model.relative_size(b, &here.weights) / shift;
                if let Err(error) = symmetric.correct(shift, &mut d, small) {
                    failure = Err(error);
                }
                d
            },
            sum_of_products,
            LEFT,
            MOST_ITERATIONS,
        );
        b.copy_from_slice(&found);
        failure
    }

    fn accepted(&mut self, time: f64, corrections: usize) {
        self.symmetric.accepted(time, corrections);
    }

    fn relative_size(&self, change: &[f64], y: &[f64]) -> f64 {
        self.symmetric.relative_size(change, y)
    }
}

/// The model's forces with so much more noise as the ascent is like: E‖g‖ is nearly √(F/B), and grad √(F/B) = 2/√(BF) · ¼ grad F.
fn without_ascent(model: &Model, point: &Point) -> Forces {
    let forces = model.forces;
    if forces.ascent == 0.0 {
        return forces;
    }
    let like = 2.0 / (forces.batch as f64 * model.fluctuation(point)).sqrt();
    Forces {
        noise: forces.noise + like * forces.ascent,
        gradient: forces.gradient + like * forces.ascent,
        ascent: 0.0,
        ..forces
    }
}

impl Here {
    /// The forces and the pull of Λ at other weights.
    fn pushed(&self, model: &Model, weights: &[f64]) -> Vec<f64> {
        let force = Force::of(self.forces, model, model.layers(weights));
        let point = &force.point;
        let mut against: Vec<Mat<f64>> = (0..point.depth())
            .map(|k| -point.pull(self.motion.multiplier.as_ref(), k))
            .collect();
        add_dropout(point, self.forces.dropout, &mut against);
        let pushed = force.layers.iter().zip(against);
        model.flatten(
            &pushed
                .map(|(force, against)| force - against)
                .collect::<Vec<_>>(),
        )
    }

    /// What a motion d along the minima changes of the velocity, within their tangents; `before` is `pushed` here.
    fn along(&self, model: &Model, before: &[f64], d: &[f64]) -> Vec<f64> {
        let size = |x: &[f64]| sum_of_products(x, x).sqrt();
        let step = DIFFERENCE * size(&self.weights) / size(d).max(f64::MIN_POSITIVE);
        let mut moved = self.weights.clone();
        accumulate(&mut moved, step, d);
        let mut change = self.pushed(model, &moved);
        accumulate(&mut change, -1.0, before);
        change.iter_mut().for_each(|x| *x /= step);
        let Motion {
            point, curvature, ..
        } = &self.motion;
        let normal = curvature.solve_matrix(&point.pushed(&model.layers(&change)));
        let normal: Vec<Mat<f64>> = (0..point.depth())
            .map(|k| point.pull(normal.as_ref(), k))
            .collect();
        accumulate(&mut change, -1.0, &model.flatten(&normal));
        change
    }
}
