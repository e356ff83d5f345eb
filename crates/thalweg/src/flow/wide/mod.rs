//! The slow flow by symmetric generators in networks too wide for its dense linear systems.
//!
//! The field is the one of `symmetric.rs`, dW/du = E X with EᵀE X = R, and with the generators X_k as matrices
//!
//! (EᵀE X)_k = X_k C_k + C_k X_k − 2 W_k X_{k−1} W_kᵀ − 2 W_{k+1}ᵀ X_{k+1} W_{k+1}
//!
//! takes four products of matrices a layer, and is positive definite: conjugate gradients solve it, in bases in which the
//! diagonal of C_k says most of it. Along a motion E Y of the weights
//!
//! −dR_k = (M Y)_k = h_{k−1} (Y_k G_k + G_k Y_k) + g_{k+1} (Y_k H_k + H_k Y_k) − 2 tr(Y_{k−1}H_{k−1}) G_k − 2 tr(Y_{k+1}G_{k+1}) H_k,
//!
//! h_k = tr H_k and g_k = tr G_k, which is symmetric too, and not negative: 4 ab ≤ 2 (a² + b²) with (tr YG)² ≤ tr(YGY) tr G. So with J replaced
//! by E (EᵀE)⁻¹ dR, all that can be stiff in it, the systems of implicit steps are again such that conjugate gradients solve them:
//!
//! (σ − J)⁻¹ b = b/σ + E Y,  (σ EᵀE + M) Y = dR[b]/σ.

mod field;
mod pairs;
#[cfg(test)]
mod tests;

use faer::{Mat, Side};

use super::{FlowError, bdf::Stiff, point::Model, products::times, walk::Turned};
use field::{Field, Generators, Operator};

/// The slow flow of one problem, in hidden bases that it chooses.
pub(super) struct WideFlow<'a> {
    model: &'a Model,
    /// U_0 … U_D: W_k stands for U_kᵀ W_k U_{k−1}.
    bases: Vec<Mat<f64>>,
    /// X at the last accepted times, the latest first.
    known: Vec<(f64, Generators)>,
    /// The last point, with its time and X there.
    here: Option<(f64, Field, Generators)>,
    /// Steps taken.
    age: usize,
}

impl<'a> WideFlow<'a> {
    /// The flow, with the state at which it begins.
    pub(super) fn new(model: &'a Model, start: &[f64]) -> Result<(Self, Vec<f64>), FlowError> {
        let flow = Self {
            model,
            bases: Vec::new(),
            known: Vec::new(),
            here: None,
            age: 0,
        };
        let layers = model.layers(start);
        let bases = flow.turn(&Field::new(model, layers.clone()))?;
        let state = model.flatten(&rotated(&bases, &layers));
        Ok((Self { bases, ..flow }, state))
    }

    /// The bases in which C_k is diagonal.
    fn turn(&self, field: &Field) -> Result<Vec<Mat<f64>>, FlowError> {
        let widths = self.model.widths();
        let own = field.own(Operator::Gram);
        let mut turn = vec![Mat::identity(widths[0], widths[0])];
        for c in own {
            let eigen =
                c.self_adjoint_eigen(Side::Lower)
                    .map_err(|_| FlowError::Decomposition {
                        what: "eigenvalue iteration of W Wᵀ",
                    })?;
            turn.push(eigen.U().reverse_cols().to_owned());
        }
        let outputs = widths[widths.len() - 1];
        turn.push(Mat::identity(outputs, outputs));
        Ok(turn)
    }

    /// Notes the point at which the next steps' linear systems are to be solved, without its field.
    pub(super) fn look(&mut self, time: f64, y: &[f64]) {
        let field = Field::new(self.model, self.model.layers(y));
        let hidden = &self.model.widths()[1..self.model.depth()];
        let still = hidden
            .iter()
            .map(|&width| Mat::zeros(width, width))
            .collect();
        self.here = Some((time, field, still));
    }

    /// X at `time`, extrapolated.
    fn guess(&self, time: f64) -> Option<Generators> {
        let (_, latest) = self.known.first()?;
        let mut guess: Generators = latest
            .iter()
            .map(|x| Mat::zeros(x.nrows(), x.ncols()))
            .collect();
        for (i, (at, x)) in self.known.iter().enumerate() {
            let others = self.known.iter().enumerate().filter(|(j, _)| *j != i);
            let weight: f64 = others
                .map(|(_, (other, _))| (time - other) / (at - other))
                .product();
            for (guess, x) in guess.iter_mut().zip(x) {
                *guess += faer::Scale(weight) * x;
            }
        }
        Some(guess)
    }
}

impl Turned for WideFlow<'_> {
    fn restored(&self, state: &[f64]) -> Vec<f64> {
        let back: Vec<Mat<f64>> = self
            .bases
            .iter()
            .map(|u| u.transpose().to_owned())
            .collect();
        self.model
            .flatten(&rotated(&back, &self.model.layers(state)))
    }
}

/// U_kᵀ M_k U_{k−1}.
fn rotated(bases: &[Mat<f64>], layers: &[Mat<f64>]) -> Vec<Mat<f64>> {
    let each = layers.iter().zip(bases.windows(2));
    each.map(|(layer, u)| {
        let half = times(u[1].transpose(), layer.as_ref());
        times(half.as_ref(), u[0].as_ref())
    })
    .collect()
}

/// The linear systems of a step are solved to this part of their solution: the iterations about them make up for it.
const LINEAR: f64 = 0.1;

/// The hidden bases are chosen anew after so many steps.
const LASTS: usize = 8;

impl Stiff for WideFlow<'_> {
    fn rhs(&mut self, time: f64, y: &[f64], error: f64, out: &mut [f64]) -> Result<(), FlowError> {
        let layers = self.model.layers(y);
        let least = layers
            .iter()
            .map(Mat::norm_l2)
            .fold(f64::INFINITY, f64::min);
        let field = Field::new(self.model, layers);
        let allowed = (error * least).powi(2);
        // A second look at the same time begins where the first ended.
        let guess = match self.here.take() {
            Some((at, _, x)) if at == time => Some(x),
            _ => self.guess(time),
        };
        let x = field.solve(Operator::Gram, &field.drift(), guess, |missing, _| {
            missing <= allowed
        })?;
        out.copy_from_slice(&self.model.flatten(&field.lift(&x)));
        self.here = Some((time, field, x));
        Ok(())
    }

    fn correct(&mut self, shift: f64, b: &mut [f64]) -> Result<(), FlowError> {
        let Some((_, field, x)) = &mut self.here else {
            return Ok(());
        };
        let right = field.drift_along(&self.model.layers(b));
        let y = field.solve(
            Operator::Implicit(shift),
            &right,
            None,
            |missing, gained| missing <= LINEAR * LINEAR * gained,
        )?;
        let lifted = self.model.flatten(&field.lift(&y));
        for (b, lifted) in b.iter_mut().zip(lifted) {
            *b = (*b + lifted) / shift;
        }
        // J (σ − J)⁻¹ b = E σY: so much will X change.
        for (x, y) in x.iter_mut().zip(&y) {
            *x += y;
        }
        Ok(())
    }

    fn accepted(&mut self, time: f64, differences: &mut [Vec<f64>]) -> Result<(), FlowError> {
        let Some((_, field, x)) = self.here.take() else {
            return Ok(());
        };
        self.known.insert(0, (time, x));
        // What EᵀE leaves undetermined would grow with a polynomial of higher order.
        self.known.truncate(2);
        self.age += 1;
        if self.age.is_multiple_of(LASTS) {
            let turn = self.turn(&field)?;
            for difference in differences {
                *difference = self
                    .model
                    .flatten(&rotated(&turn, &self.model.layers(difference)));
            }
            for (_, known) in &mut self.known {
                for (k, x) in known.iter_mut().enumerate() {
                    let half = times(turn[k + 1].transpose(), x.as_ref());
                    *x = times(half.as_ref(), turn[k + 1].as_ref());
                }
            }
            for (basis, turn) in self.bases.iter_mut().zip(&turn) {
                *basis = times(basis.as_ref(), turn.as_ref());
            }
        }
        Ok(())
    }

    fn relative_size(&self, change: &[f64], y: &[f64]) -> f64 {
        self.model.relative_size(change, y)
    }
}
