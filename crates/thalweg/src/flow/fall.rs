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

use std::cell::Cell;

use faer::{
    Mat, MatMut, MatRef, Scale, Side,
    linalg::solvers::{Llt, Solve},
};

use super::{
    FlowError,
    bdf::Stiff,
    gmres::gmres,
    kronecker_sum::KroneckerSum,
    manifold::way_along,
    point::{MOST_DENSE, Model, Point},
    products::{add_times, times},
};

/// Gradient flow of one problem. Its state is the weights, and ρ column by column after them.
pub(super) struct Fall<'a> {
    model: &'a Model,
    here: Option<Here>,
    steep: Option<Steep>,
}

/// A point of the flow. Where a teacher has few outputs, all products but those with W_k are of few rows.
///
/// With s_k = ρ (B_kX)ᵀ and V_k = dW_k/dt: s_1 = ρ Xᵀ, s_{k+1} = s_k W_kᵀ, V_k = −A_kᵀ s_k, and the rates Ȧ_{k−1} = Ȧ_k W_k + A_k V_k end in dρ/dt = Ȧ_0 X.
struct Here {
    layers: Vec<Mat<f64>>,
    /// A_k.
    above: Vec<Mat<f64>>,
    /// s_k.
    pulled: Vec<Mat<f64>>,
    velocity: Vec<Mat<f64>>,
    /// Ȧ_0 … Ȧ_D.
    rates: Vec<Mat<f64>>,
    /// 1/‖X_j‖² for each column of X: the sizes of ρ's columns, which may lie many orders apart.
    weights: Vec<f64>,
}

impl Here {
    fn new(model: &Model, layers: Vec<Mat<f64>>, rho: &Mat<f64>) -> Self {
        let depth = layers.len();
        let outputs = model.outputs();
        let mut above = vec![Mat::identity(outputs, outputs)];
        for layer in layers[1..].iter().rev() {
            above.push(times(above[above.len() - 1].as_ref(), layer.as_ref()));
        }
        above.reverse();
        let pulled = pulled(model, &layers, rho);
        let velocity: Vec<Mat<f64>> = (0..depth)
            .map(|k| times(above[k].transpose(), pulled[k].as_ref()) * Scale(-1.0))
            .collect();
        let mut rates = vec![Mat::zeros(outputs, outputs)];
        for k in (0..depth).rev() {
            let mut rate = times(above[k].as_ref(), velocity[k].as_ref());
            let before = &rates[rates.len() - 1];
            add_times(&mut rate, 1.0, before.as_ref(), layers[k].as_ref());
            rates.push(rate);
        }
        rates.reverse();
        let root = model.root();
        let size = |j: usize| root.col(j).squared_norm_l2().max(f64::MIN_POSITIVE);
        Self {
            weights: (0..root.ncols()).map(|j| 1.0 / size(j)).collect(),
            layers,
            above,
            pulled,
            velocity,
            rates,
        }
    }

    /// J z.
    fn derivative(&self, model: &Model, z: &[f64]) -> Vec<f64> {
        let dim = model.dim();
        let motion = model.layers(&z[..dim]);
        let depth = motion.len();
        // The changes of s_k.
        let residual = columns(&z[dim..], model.outputs());
        let mut pulled = vec![times(residual.as_ref(), model.root().transpose())];
        for k in 0..depth - 1 {
            let mut next = times(pulled[k].as_ref(), self.layers[k].transpose());
            add_times(
                &mut next,
                1.0,
                self.pulled[k].as_ref(),
                motion[k].transpose(),
            );
            pulled.push(next);
        }
        // Those of A_k, of V_k and of Ȧ_{k−1}, from the last layer down.
        let outputs = model.outputs();
        let mut above = Mat::zeros(outputs, outputs);
        let mut rate = above.clone();
        let mut velocity = Vec::with_capacity(depth);
        for k in (0..depth).rev() {
            let layer = &self.layers[k];
            let mut change = times(self.above[k].transpose(), pulled[k].as_ref()) * Scale(-1.0);
            add_times(
                &mut change,
                -1.0,
                above.transpose(),
                self.pulled[k].as_ref(),
            );
            let mut next = times(rate.as_ref(), layer.as_ref());
            add_times(
                &mut next,
                1.0,
                self.rates[k + 1].as_ref(),
                motion[k].as_ref(),
            );
            add_times(&mut next, 1.0, above.as_ref(), self.velocity[k].as_ref());
            add_times(&mut next, 1.0, self.above[k].as_ref(), change.as_ref());
            rate = next;
            let mut next = times(above.as_ref(), layer.as_ref());
            add_times(&mut next, 1.0, self.above[k].as_ref(), motion[k].as_ref());
            above = next;
            velocity.push(change);
        }
        velocity.reverse();
        let mut out = model.flatten(&velocity);
        out.extend(flat(&times(rate.as_ref(), model.root())));
        out
    }

    fn inner(&self, model: &Model, a: &[f64], b: &[f64]) -> f64 {
        let dim = model.dim();
        let weights: f64 = a[..dim].iter().zip(&b[..dim]).map(|(a, b)| a * b).sum();
        let rows = model.outputs();
        let columns = a[dim..]
            .chunks_exact(rows)
            .zip(b[dim..].chunks_exact(rows))
            .zip(&self.weights);
        let rest = columns.map(|((a, b), w)| w * a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>());
        weights + rest.sum::<f64>()
    }
}

/// σ + K, ready to be solved with: for the σ of a dense factor, or for any.
struct Steep {
    shift: Option<f64>,
    solver: Solver,
}

impl Steep {
    fn new(point: &Point, shift: f64) -> Result<Self, FlowError> {
        let size = point.residual.nrows() * point.residual.ncols();
        if size > MOST_DENSE {
            return Ok(Self {
                shift: None,
                solver: Solver::Sum(KroneckerSum::new(point)?),
            });
        }
        let mut matrix = point.curvature_matrix();
        for i in 0..size {
            matrix[(i, i)] += shift;
        }
        let cholesky = matrix
            .llt(Side::Lower)
            .map_err(|_| FlowError::Decomposition {
                what: "Cholesky factorisation of σ + K",
            })?;
        Ok(Self {
            shift: Some(shift),
            solver: Solver::Dense(cholesky),
        })
    }

    fn fits(&self, shift: f64) -> bool {
        self.shift.is_none_or(|own| own == shift)
    }

    /// (σ − J)⁻¹ b with all of J left out that is not stiff.
    fn nearly(&self, model: &Model, here: &Here, shift: f64, b: &[f64]) -> Vec<f64> {
        let dim = model.dim();
        let rho = match &self.solver {
            Solver::Dense(cholesky) => {
                let mut rho = b[dim..].to_vec();
                let size = rho.len();
                cholesky.solve_in_place(MatMut::from_column_major_slice_mut(&mut rho, size, 1));
                columns(&rho, model.outputs())
            }
            Solver::Sum(sum) => sum.solve(shift, &columns(&b[dim..], model.outputs()), 1e-2),
        };
        let pulled = pulled(model, &here.layers, &rho);
        let pulls = here.above.iter().zip(&pulled);
        let pulls: Vec<Mat<f64>> = pulls
            .map(|(above, pulled)| times(above.transpose(), pulled.as_ref()))
            .collect();
        let mut z = model.flatten(&pulls);
        for (z, b) in z.iter_mut().zip(b) {
            *z = (b - *z) / shift;
        }
        z.extend(flat(&rho));
        z
    }
}

/// ρ (B_kX)ᵀ for each layer.
fn pulled(model: &Model, layers: &[Mat<f64>], rho: &Mat<f64>) -> Vec<Mat<f64>> {
    let mut pulled = vec![times(rho.as_ref(), model.root().transpose())];
    for layer in &layers[..layers.len() - 1] {
        let last = &pulled[pulled.len() - 1];
        pulled.push(times(last.as_ref(), layer.transpose()));
    }
    pulled
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

enum Solver {
    Dense(Llt<f64>),
    Sum(KroneckerSum),
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

    /// The weights of `state`, with ρ in the place of their residual.
    pub(super) fn point(model: &Model, state: &[f64]) -> Point {
        let (weights, rho) = state.split_at(model.dim());
        let mut point = Point::new(model, model.layers(weights));
        point.residual = columns(rho, model.outputs());
        point
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
        out[..weights.len()].copy_from_slice(&self.model.flatten(&here.velocity));
        let change = times(here.rates[0].as_ref(), self.model.root());
        for (out, change) in out[weights.len()..].iter_mut().zip(flat(&change)) {
            *out = change;
        }
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
        let solved = gmres(
            b,
            |z| {
                applications.set(applications.get() + 1);
                let mut image = here.derivative(self.model, z);
                for (image, z) in image.iter_mut().zip(z) {
                    *image = shift * z - *image;
                }
                image
            },
            |z| steep.nearly(self.model, here, shift, z),
            |a, b| here.inner(self.model, a, b),
            LINEAR,
            MOST_APPLICATIONS,
        );
        b.copy_from_slice(&solved);
        let lasts = steep.shift.is_some() || applications.get() <= GOOD;
        self.steep = lasts.then_some(steep);
        Ok(())
    }

    fn accepted(&mut self, _: f64, _: &mut [Vec<f64>]) -> Result<(), FlowError> {
        Ok(())
    }

    fn relative_size(&self, change: &[f64], y: &[f64]) -> f64 {
        self.model.relative_size(change, y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::tests::{difference, minimum, moved, norm, problems};

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
            let mut rate = |state: &[f64]| {
                let mut out = vec![0.0; state.len()];
                fall.rhs(0.0, state, &mut out).unwrap();
                (out, fall.here.take().unwrap())
            };
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

    /// At a minimum, where ρ is 0, no part of J is left out: what nearly solves (σ − J) z = b solves it.
    #[test]
    fn what_is_left_out_of_a_step_vanishes_at_a_minimum() {
        for problem in problems() {
            let model = Model::new(&problem);
            let weights = model.flatten(minimum(&problem).layers());
            let (mut fall, mut state) = Fall::new(&model, &weights);
            state[model.dim()..].fill(0.0);
            let mut rate = vec![0.0; state.len()];
            fall.rhs(0.0, &state, &mut rate).unwrap();
            let here = fall.here.take().unwrap();
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
            let mut rate = vec![0.0; state.len()];
            fall.rhs(0.0, &state, &mut rate).unwrap();
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
