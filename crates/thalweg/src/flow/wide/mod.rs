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

mod eliminated;
mod field;
#[cfg(test)]
mod tests;

use faer::Mat;

use super::{FlowError, bdf::Stiff, point::Model};
use eliminated::Eliminated;
use field::{Field, Generators, Operator};

/// The slow flow of one problem.
pub(super) struct WideFlow<'a> {
    model: &'a Model,
    /// X at the last accepted times, the latest first.
    known: Vec<(f64, Generators)>,
    here: Option<Here>,
    age: usize,
    /// The linear system of the step to a time, with its shift.
    system: Option<(f64, f64, Eliminated)>,
}

/// The last point looked at.
struct Here {
    time: f64,
    field: Field,
    /// What is taken for X.
    x: Generators,
    /// R − EᵀE X.
    defect: Generators,
}

impl<'a> WideFlow<'a> {
    /// The flow of `model`.
    pub(super) fn new(model: &'a Model) -> Self {
        Self {
            model,
            known: Vec::new(),
            here: None,
            age: 0,
            system: None,
        }
    }

    /// Notes the point at which the next steps' linear systems are to be solved, without its field.
    pub(super) fn look(&mut self, time: f64, y: &[f64]) {
        let field = Field::new(self.model, self.model.layers(y));
        let hidden = &self.model.widths()[1..self.model.depth()];
        let still: Generators = hidden
            .iter()
            .map(|&width| Mat::zeros(width, width))
            .collect();
        self.here = Some(Here {
            time,
            field,
            defect: still.clone(),
            x: still,
        });
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

fn env(n: &str, d: f64) -> f64 { std::env::var(n).map_or(d, |x| x.parse().unwrap()) }

impl Stiff for WideFlow<'_> {
    fn rhs(&mut self, time: f64, y: &[f64], out: &mut [f64]) -> Result<(), FlowError> {
        let field = Field::new(self.model, self.model.layers(y));
        let drift = field.drift();
        let guess = match self.here.take() {
            Some(here) if here.time == time => Some(here.x),
            _ => self.guess(time),
        };
        let x = match guess {
            Some(x) => x,
            None => Eliminated::new(&field, Operator::Gram)?
                .solve(&drift, |missing, gained| missing <= FIRST * FIRST * gained)?,
        };
        let motion = field.lift(&x);
        let balances = field.balances_along(&motion);
        let each = drift.iter().zip(&balances);
        let defect = each.map(|(drift, balance)| drift - balance).collect();
        out.copy_from_slice(&self.model.flatten(&motion));
        self.here = Some(Here {
            time,
            field,
            x,
            defect,
        });
        Ok(())
    }

    fn correct(&mut self, shift: f64, b: &mut [f64], error: f64) -> Result<(), FlowError> {
        let Some(Here {
            time,
            field,
            x,
            defect,
        }) = &mut self.here
        else {
            return Ok(());
        };
        let system = match self.system.take() {
            Some(system) if (system.1 - shift).abs() < 0.25 * shift && (system.0 == *time || self.age < env("LASTS", 6.0) as usize) => system,
            _ => (*time, shift, Eliminated::new(field, Operator::Implicit(shift))?),
        };
        let mut right = field.drift_along(&self.model.layers(b));
        for (right, defect) in right.iter_mut().zip(&*defect) {
            *right += faer::Scale(shift) * defect;
        }
        let least = field
            .layers
            .iter()
            .map(Mat::norm_l2)
            .fold(f64::INFINITY, f64::min);
        let allowed = 2.0 * shift * (error * shift * least).powi(2);
        let mut y = system.2.solve(&right, |missing, _| missing <= allowed)?;
        let scale = system.1 / shift;
        y.iter_mut().for_each(|y| *y *= faer::Scale(scale));
        if system.0 == *time { self.age = 0; }
        self.system = Some(system);
        let lifted = self.model.flatten(&field.lift(&y));
        eprintln!("   correct shift {shift:.3e} cg {}", crate::flow::conjugate::COUNT.load(std::sync::atomic::Ordering::Relaxed));
        for (b, lifted) in b.iter_mut().zip(lifted) {
            *b = (*b + lifted) / shift;
        }
        for (x, y) in x.iter_mut().zip(&y) {
            *x += y;
        }
        Ok(())
    }

    fn accepted(&mut self, time: f64, _: &mut [Vec<f64>]) -> Result<(), FlowError> {
        self.age += 1;
        if let Some(here) = self.here.take() {
            self.known.insert(0, (time, here.x));
            self.known.truncate(env("KNOWN", 6.0) as usize);
        }
        Ok(())
    }

    fn relative_size(&self, change: &[f64], y: &[f64]) -> f64 {
        self.model.relative_size(change, y)
    }
}

/// X at the start is found to this part of it.
const FIRST: f64 = 1e-8;
