//! Gradient flow in coordinates in which what is stiff does not turn: the weights, and the residual beside them.
//!
//! Gradient flow of ½‖ρ‖², ρ = (W_D…W_1 − V)X, is stiff along the curved sets on which the steep components of ρ are small. A
//! Jacobian that is one step old has turned against them, by an angle that makes any implicit method take short steps. With ρ a
//! variable of its own,
//!
//! dW_k/dt = −A_kᵀ ρ (B_kX)ᵀ,  dρ/dt = −K(W) ρ = Σ_k A_k (dW_k/dt) B_kX,
//!
//! all that is stiff is K, whose steep directions are those of the inputs and stay what they are. With the rest of the
//! Jacobian J left out, an implicit step solves
//!
//! (σ + K) δρ = b_ρ,  σ δW_k = b_{W_k} − A_kᵀ δρ (B_kX)ᵀ,
//!
//! and a few iterations with J itself make up for the rest, which counts near saddles.

mod here;
mod steep;
mod thin;

use std::cell::Cell;

use faer::{Mat, MatRef};

use super::{
    FlowError,
    bdf::Stiff,
    downhill::Pull,
    gmres::gmres,
    manifold::way_along,
    point::{Model, Point},
    products::sum_of_products,
};
use here::Here;
use steep::Steep;
use thin::Thin;

/// Gradient flow of one problem. Its state is the weights, and ρ column by column after them.
pub(super) struct Fall<'a> {
    model: &'a Model,
    here: Option<Here>,
    steep: Option<Steep>,
}

fn columns(flat: &[f64], rows: usize) -> Mat<f64> {
    MatRef::from_column_major_slice(flat, rows, flat.len() / rows).to_owned()
}

/// A matrix column by column.
fn flat(matrix: &Mat<f64>) -> impl Iterator<Item = f64> {
    (0..matrix.ncols())
        .flat_map(|j| matrix.col_as_slice(j))
        .copied()
}

impl<'a> Fall<'a> {
    /// The flow, with the state at which it begins.
    pub(super) fn new(model: &'a Model, weights: &[f64]) -> (Self, Vec<f64>) {
        let point = Point::new(model, model.layers(weights));
        let mut state = weights.to_vec();
        state.extend(flat(&point.residual));
        (
            Self {
                model,
                here: None,
                steep: None,
            },
            state,
        )
    }

    /// What drives the flow at `state`.
    pub(super) fn pull(model: &Model, state: &[f64]) -> Pull {
        let (weights, rho) = state.split_at(model.dim());
        let rho = columns(rho, model.outputs());
        Pull {
            residual: rho.norm_l2(),
            weights: sum_of_products(weights, weights).sqrt(),
            gradient: Here::new(model, model.layers(weights), &rho).speed(),
        }
    }

    /// The weights of `state`, moved in the normal directions so that their residual is ρ, from which the integrator's errors part it.
    pub(super) fn weights(model: &Model, state: &[f64]) -> Result<Vec<f64>, FlowError> {
        let (weights, rho) = state.split_at(model.dim());
        let mut point = Point::new(model, model.layers(weights));
        point.residual -= columns(rho, model.outputs());
        let way = way_along(model, &point)?;
        // Where K is nearly singular, at a saddle, the weights are the better measure.
        let small = model.relative_size(&way, weights) < STRAY;
        let moved = |(w, way): (&f64, &f64)| if small { w - way } else { *w };
        Ok(weights.iter().zip(&way).map(moved).collect())
    }
}

/// The weights stray from ρ by less than this, relative to their size.
const STRAY: f64 = 1e-3;

/// The linear systems of a step are solved to this part of their right side: the iterations about them make up for it.
const LINEAR: f64 = 0.1;

/// The most products with J in one of them.
const MOST_APPLICATIONS: usize = 12;

/// With more of them than this K has changed too much since it was made ready.
const GOOD: usize = 2;

impl Stiff for Fall<'_> {
    fn rhs(&mut self, _: f64, y: &[f64], out: &mut [f64]) -> Result<(), FlowError> {
        let (weights, rho) = y.split_at(self.model.dim());
        let rho = columns(rho, self.model.outputs());
        let here = Here::new(self.model, self.model.layers(weights), &rho);
        here.motion(self.model, out);
        self.here = Some(here);
        Ok(())
    }

    fn correct(&mut self, shift: f64, b: &mut [f64], _: f64) -> Result<(), FlowError> {
        let Some(here) = &self.here else {
            return Ok(());
        };
        let steep = match self.steep.take() {
            Some(steep) if steep.fits(shift) => steep,
            _ => Steep::new(&Point::new(self.model, here.layers.clone()), shift)?,
        };
        let applications = Cell::new(0);
        let count = || applications.set(applications.get() + 1);
        if thin::pays(self.model) {
            let thin = Thin::new(self.model, here, b);
            let solved = gmres(
                &thin.right(&b[self.model.dim()..]),
                |z| {
                    count();
                    thin.image(shift, z)
                },
                |z| thin.nearly(&steep, shift, z),
                |a, b| thin.inner(a, b),
                LINEAR,
                MOST_APPLICATIONS,
            );
            thin.spread(&solved, b);
        } else {
            let solved = gmres(
                b,
                |z| {
                    count();
                    here.image(self.model, shift, z)
                },
                |z| steep.nearly(self.model, here, shift, z),
                |a, b| here.inner(self.model, a, b),
                LINEAR,
                MOST_APPLICATIONS,
            );
            b.copy_from_slice(&solved);
        }
        let lasts = steep.shift.is_some() || applications.get() <= GOOD;
        self.steep = lasts.then_some(steep);
        Ok(())
    }

    fn accepted(&mut self, _: f64, _: usize) {}

    fn relative_size(&self, change: &[f64], y: &[f64]) -> f64 {
        self.model.relative_size(change, y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::tests::{difference, minimum, moved, norm, problem, problems};

    /// dy/dt at `state`, and the point there.
    fn rate(fall: &mut Fall<'_>, state: &[f64]) -> (Vec<f64>, Here) {
        let mut out = vec![0.0; state.len()];
        fall.rhs(0.0, state, &mut out).unwrap();
        (out, fall.here.take().unwrap())
    }

    /// J z by finite differences, away from the minima and with a residual that is not the weights' own.
    #[test]
    fn derivative_is_that_of_the_right_hand_side() {
        for problem in problems() {
            let model = Model::new(&problem);
            let weights = model.flatten(minimum(&problem).layers());
            let weights: Vec<f64> = (0..weights.len())
                .map(|i| weights[i] + 0.1 * (i as f64).sin())
                .collect();
            let (mut fall, mut state) = Fall::new(&model, &weights);
            for (i, rho) in state[model.dim()..].iter_mut().enumerate() {
                *rho += 0.1 * (2.0 * i as f64).cos();
            }
            let mut rate = |state: &[f64]| rate(&mut fall, state);
            let z: Vec<f64> = (0..state.len()).map(|i| (3.0 * i as f64).sin()).collect();
            let step = 1e-5;
            let (after, before) = (
                rate(&moved(&state, step, &z)).0,
                rate(&moved(&state, -step, &z)).0,
            );
            let slope: Vec<f64> = (0..z.len())
                .map(|i| (after[i] - before[i]) / (2.0 * step))
                .collect();
            let found = rate(&state).1.derivative(&model, &z);
            let off = difference(&found, &slope) / norm(&slope);
            assert!(off < 1e-8, "{off}");
        }
    }

    /// Motions that are given by few rows are moved, measured and nearly solved for as the motions they stand for, at points that are no minima.
    #[test]
    fn thin_motions_are_what_they_stand_for() {
        for problem in problems().iter().chain([&problem(6, 5, 1)]) {
            let model = Model::new(problem);
            let weights = model.flatten(minimum(problem).layers());
            let weights: Vec<f64> = weights.iter().map(|w| 1.1 * w + 0.01).collect();
            let (mut fall, state) = Fall::new(&model, &weights);
            let (_, here) = rate(&mut fall, &state);
            let shift = 0.7;
            let steep = Steep::new(&Point::new(&model, model.layers(&weights)), shift).unwrap();
            let b: Vec<f64> = (0..state.len()).map(|i| (3.0 * i as f64).sin()).collect();
            let thin = Thin::new(&model, &here, &b);
            let whole = |z: &[f64]| {
                let mut whole = b.clone();
                thin.spread(z, &mut whole);
                whole
            };
            let right = thin.right(&b[model.dim()..]);
            assert_eq!(whole(&right), b);
            let mut z: Vec<f64> = (0..right.len()).map(|i| (2.0 * i as f64).cos()).collect();
            for _ in 0..2 {
                let near = |a: &[f64], b: &[f64]| {
                    let off = difference(a, b) / norm(b);
                    assert!(off < 1e-12, "{off}");
                };
                let solved = steep.nearly(&model, &here, shift, &whole(&z));
                near(&whole(&thin.nearly(&steep, shift, &z)), &solved);
                let image = here.image(&model, shift, &whole(&z));
                near(&whole(&thin.image(shift, &z)), &image);
                let product = here.inner(&model, &whole(&z), &b);
                near(&[thin.inner(&z, &right)], &[product]);
                z = thin.image(shift, &z);
            }
        }
    }

    /// At a minimum, where ρ is 0, no part of J is left out: what nearly solves (σ − J) z = b solves it.
    #[test]
    fn what_is_left_out_of_a_step_vanishes_at_a_minimum() {
        for problem in problems() {
            let model = Model::new(&problem);
            let weights = model.flatten(minimum(&problem).layers());
            let (mut fall, mut state) = Fall::new(&model, &weights);
            state[model.dim()..].fill(0.0);
            let (_, here) = rate(&mut fall, &state);
            let shift = 0.7;
            let steep = Steep::new(&Point::new(&model, model.layers(&weights)), shift).unwrap();
            let b: Vec<f64> = (0..state.len()).map(|i| (3.0 * i as f64).sin()).collect();
            let z = steep.nearly(&model, &here, shift, &b);
            let image: Vec<f64> = z
                .iter()
                .zip(here.derivative(&model, &z))
                .map(|(z, slope)| shift * z - slope)
                .collect();
            let off = difference(&image, &b) / norm(&b);
            assert!(off < 1e-11, "{off}");
        }
    }

    /// The residual that is followed for itself stays that of the weights, and the weights can be put right by it.
    #[test]
    fn residual_moves_as_that_of_the_weights() {
        for problem in problems() {
            let model = Model::new(&problem);
            let weights = model.flatten(minimum(&problem).layers());
            let weights: Vec<f64> = weights.iter().map(|w| 1.1 * w).collect();
            let (mut fall, state) = Fall::new(&model, &weights);
            let (rate, _) = rate(&mut fall, &state);
            let step = 1e-5;
            let residual = |sign: f64| {
                let weights = moved(&weights, sign * step, &rate[..model.dim()]);
                flat(&Point::new(&model, model.layers(&weights)).residual).collect::<Vec<f64>>()
            };
            let (after, before) = (residual(1.0), residual(-1.0));
            let slope: Vec<f64> = (0..after.len())
                .map(|i| (after[i] - before[i]) / (2.0 * step))
                .collect();
            assert!(difference(&slope, &rate[model.dim()..]) < 1e-8 * norm(&slope));

            let mut astray = state.clone();
            for (i, w) in astray[..model.dim()].iter_mut().enumerate() {
                *w += 1e-6 * (i as f64).sin();
            }
            let mended = Fall::weights(&model, &astray).unwrap();
            let point = Point::new(&model, model.layers(&mended));
            let rest: Vec<f64> = flat(&point.residual).collect();
            assert!(difference(&rest, &state[model.dim()..]) < 1e-10 * norm(&rest));
        }
    }
}
