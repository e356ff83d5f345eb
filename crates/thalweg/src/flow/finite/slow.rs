//! The slow motion of SGD along the minima at a finite step size: the mean point, and the covariance of its scatter.
//!
//! One step of SGD moves Q_k = W_kW_kᵀ − W_{k+1}ᵀW_{k+1} by exactly η²(g_kg_kᵀ − g_{k+1}ᵀg_{k+1}), whose mean R_k the fast laws
//! over the cloud give. With sym(Y, R) the motion by symmetric generators that changes Q_k by R_k, per step
//!
//! dY/dt = sym(Y, ⟨R⟩) + (η²/B) [exact(Y, M) − sym(Y, R(Y, M))],  dQ/dt = J Q + Q Jᵀ + D,  J = (η²/B) ∂exact(Y, I ⊗ Σε)/∂Y,
//!
//! M the second moment of one sample's Γ that is met: B ⟨ΓΓᵀ⟩ of minibatches, over fluctuations and cloud; to leading order I ⊗ Σε. To second order in the fluctuations
//! of E a step moves the weights along the minima by what [`ExactFlow`](super::super::exact::ExactFlow) says of that noise, whatever η λ is: with Z the place across
//! them, P the projection along them and c the columns of ⟨ΓΓᵀ⟩ it is
//!
//! −(η²/2) P Σ_c Dh_c[h_c] − (η/2) P ⟨Dh_{KZ}[h_Z] − Dh_Z[h_{KZ}]⟩,
//!
//! and Z rests where K⟨ZZᵀ⟩ + ⟨ZZᵀ⟩K = η⟨ΓΓᵀ⟩.
//!
//! by the exponential Rosenbrock–Euler method: exact where the motion is linear, however stiff. By what the drift changes besides is made up
//! for in the step after: the exact drift's part of that grows as the square of the time, the rest, which J leaves out, as the time.

use faer::{Mat, MatRef};
use rayon::prelude::*;

use crate::{Stop, recipe::Recipe};

use super::{
    super::{
        FlowError,
        horizontal::HorizontalFlow,
        kronecker::add_kron,
        left_out::{Scatter, inputs_that_count},
        manifold::to_manifold,
        point::{Model, Point},
    },
    base::Base,
    law::{Gaussian, Law, Laws, POINTS},
    network::Network,
    propagate::propagate,
    scatter::{Cloud, cloud, directions, drawn, growth, symmetric_motion},
};

/// What a step may have to be made up for, relative to the norm of all weights.
const TOLERANCE: f64 = 1e-3;

/// What may be made up for in the next step, where the means are asked for before.
const DEFERRED: f64 = 1e-5;

/// Steps of the integrator, accepted and rejected, after which it gives up.
const MOST_STEPS: usize = 20_000;

/// Steps of SGD below which the integrator does not go: then one is taken as it comes, and none is tried below `SHORTEST`.
const SHORT: f64 = 1e-3;
const SHORTEST: f64 = 1e-6;

/// What SGD is at one point of its slow path, on average over its fluctuations.
pub(super) struct Means {
    pub(super) sharpness: f64,
    pub(super) fluctuation: f64,
    pub(super) lambda_max: f64,
    pub(super) layer_conditions: Vec<f64>,
    /// E ‖(W_D…W_1 − V)X‖².
    pub(super) error: f64,
    /// η E λ_max/2 with the scatter of minibatches, in the mean square.
    pub(super) mean_square_stability: f64,
}

/// The problem at one η and B.
pub(super) struct Setting<'a> {
    model: &'a Model,
    laws: Laws<'a>,
    /// η, B and η²/B.
    rate: f64,
    batch: usize,
    unit: f64,
    /// I ⊗ Σε.
    noise: Mat<f64>,
    lacks_rank: bool,
}

/// A point of the slow path.
struct Place {
    state: Vec<f64>,
    /// The directions in which it may move, and the scatter's covariance in them.
    along: Mat<f64>,
    scatter: Mat<f64>,
    /// dY/dt per step in those directions, and the exact drift's part of it.
    drift: Mat<f64>,
    exact: Mat<f64>,
    /// E T, E F and E ‖(W_D…W_1 − V)X‖².
    sharpness: f64,
    fluctuation: f64,
    error: f64,
    /// The covariance of E, and B times that of Γ, averaged over the cloud.
    errors: Mat<f64>,
    noise: Mat<f64>,
    /// Where the laws of the cloud were found.
    gaussians: Vec<Gaussian>,
    /// The cloud's first point.
    centre: Vec<f64>,
}

/// The slow path, step by step.
pub(super) struct Slow<'a> {
    setting: &'a Setting<'a>,
    place: Place,
    /// What the last step is yet to be made up for.
    owed: Mat<f64>,
    /// t, in steps of SGD.
    time: f64,
    /// The next step to try.
    stride: f64,
    taken: usize,
    /// How many steps the fluctuation takes to settle, 2/(ηλ).
    settling: f64,
}

impl<'a> Setting<'a> {
    pub(super) fn new(model: &'a Model, net: &'a Network, rate: f64, batch: usize) -> Self {
        let n = net.size();
        let mut noise = Mat::zeros(n, n);
        let identity = Mat::<f64>::identity(net.inputs, net.inputs);
        add_kron(
            &mut noise,
            1.0,
            &model.noise().to_owned(),
            identity.as_ref(),
        );
        Self {
            model,
            laws: Laws::new(net, rate),
            rate,
            batch,
            unit: rate * rate / batch as f64,
            noise,
            lacks_rank: net.lacks_rank(),
        }
    }

    /// The exact drift in `along`, per slow time, of the problem's own noise.
    fn leading(&self, state: &[f64], along: &Mat<f64>) -> Result<Mat<f64>, FlowError> {
        let velocity = HorizontalFlow::new(self.model).velocity(state)?;
        Ok(along.transpose() * column(&velocity))
    }

    /// J in `along`, per step, by central differences.
    fn jacobian(&self, state: &[f64], along: &Mat<f64>) -> Result<Mat<f64>, FlowError> {
        let n = along.ncols();
        let size = (state.iter().map(|w| w * w).sum::<f64>() / state.len() as f64).sqrt();
        let step = 1e-5 * size;
        let mut jacobian = Mat::zeros(n, n);
        for j in 0..n {
            let moved = |sign: f64| -> Vec<f64> {
                let direction = along.col_as_slice(j).iter();
                state
                    .iter()
                    .zip(direction)
                    .map(|(w, d)| w + sign * step * d)
                    .collect()
            };
            let (ahead, behind) = (
                self.leading(&moved(1.0), along)?,
                self.leading(&moved(-1.0), along)?,
            );
            let slope = faer::Scale(0.5 * self.unit / step) * (ahead - behind);
            jacobian.subcols_mut(j, 1).copy_from(&slope);
        }
        Ok(jacobian)
    }

    /// The laws over a cloud, sought from those of the place before, and afresh where that leads nowhere.
    fn laws(&self, points: &[Vec<f64>], before: &[Gaussian]) -> Result<Vec<Law>, FlowError> {
        let starts =
            (0..points.len()).map(|i| before.get(i).filter(|_| before.len() == points.len()));
        let tasks: Vec<_> = points.iter().zip(starts).collect();
        let laws = tasks.into_par_iter().map(|(point, start)| {
            let base = Base::new(self.model, point.clone())?;
            let mut law = self.laws.about(&base, &self.noise, start);
            if law.is_err() && start.is_some() {
                law = self.laws.about(&base, &self.noise, None);
            }
            law.map_err(|_| self.refusal(0.0))
        });
        laws.collect()
    }

    /// Why the path ends at `step`. Where V does not lack rank, a singular K and numbers that overflow are the step size's doing.
    fn explained(&self, failure: FlowError, step: f64) -> FlowError {
        match failure {
            FlowError::FlatDirection if self.lacks_rank => failure,
            FlowError::NoStationaryLaw { .. }
            | FlowError::FlatDirection
            | FlowError::Decomposition { .. } => self.refusal(step),
            _ => failure,
        }
    }

    fn refusal(&self, step: f64) -> FlowError {
        FlowError::NoStationaryLaw {
            learning_rate: self.rate,
            batch: self.batch,
            step,
        }
    }

    fn place(
        &self,
        state: Vec<f64>,
        along: Mat<f64>,
        scatter: Mat<f64>,
        before: &[Gaussian],
    ) -> Result<Place, FlowError> {
        let Cloud {
            points,
            weights,
            widest,
        } = cloud(self.model, &state, &along, &scatter)?;
        let laws = self.laws(&points, before)?;
        let mean = |of: &dyn Fn(&Law) -> f64| -> f64 {
            laws.iter()
                .zip(&weights)
                .map(|(law, weight)| weight * of(law))
                .sum()
        };
        let averaged = |of: &dyn Fn(&Law) -> Mat<f64>| {
            let mut sum = of(&laws[0]) * faer::Scale(weights[0]);
            for (law, weight) in laws.iter().zip(&weights).skip(1) {
                sum += of(law) * faer::Scale(*weight);
            }
            sum
        };
        let second = averaged(&|law| law.second_moment.clone());
        let errors =
            averaged(&|law| &law.second_moment - &law.mean_error * law.mean_error.transpose());
        let point = Point::new(self.model, self.model.layers(&state));
        let noise = self.minibatch(&second, point.residual.nrows());
        let met = &noise + faer::Scale(self.batch as f64) * &second;
        let rates: Vec<Mat<f64>> = imbalance_rates(&point, &met)
            .iter()
            .enumerate()
            .map(|(k, here)| {
                averaged(&|law| law.imbalances[k].clone()) - faer::Scale(self.unit) * here
            })
            .collect();
        let motion = self
            .model
            .flatten(&symmetric_motion(&point.layers, &rates, widest)?);
        let own = HorizontalFlow::new(self.model).velocity_by(&state, &met)?;
        let drift = along.transpose() * (column(&motion) + faer::Scale(self.unit) * column(&own));
        let exact = faer::Scale(self.unit) * self.leading(&state, &along)?;
        Ok(Place {
            sharpness: mean(&|law| law.sharpness),
            fluctuation: mean(&|law| law.fluctuation),
            error: (0..second.nrows()).map(|i| second[(i, i)]).sum(),
            errors,
            centre: points[0].clone(),
            noise,
            gaussians: laws.into_iter().map(|law| law.gaussian).collect(),
            state,
            along,
            scatter,
            drift,
            exact,
        })
    }

    /// B Cov Γ = (⟨EEᵀ⟩ + Σε)_ac δ_bd + ⟨E_ad E_cb⟩, from the second moment of E.
    pub(super) fn minibatch(&self, second: &Mat<f64>, rows: usize) -> Mat<f64> {
        let n = second.nrows();
        Mat::from_fn(n, n, |i, j| {
            let (a, b, c, d) = (i % rows, i / rows, j % rows, j / rows);
            let mut entry = self.noise[(i, j)] + second[(d * rows + a, b * rows + c)];
            if b == d {
                let columns = (0..n / rows).map(|e| e * rows);
                entry += columns.map(|e| second[(e + a, e + c)]).sum::<f64>();
            }
            entry
        })
    }
}

impl<'a> Slow<'a> {
    /// At the minimum `state`, where nothing has scattered yet.
    pub(super) fn new(setting: &'a Setting<'a>, state: Vec<f64>) -> Result<Self, FlowError> {
        let model = setting.model;
        let along = directions(&Point::new(model, model.layers(&state)), model)?;
        let scatter = Mat::zeros(along.ncols(), along.ncols());
        let slowest = Base::new(model, state.clone())?.values[0];
        let place = setting
            .place(state, along, scatter, &[])
            .map_err(|failure| setting.explained(failure, 0.0))?;
        // A first step that moves no weight by more than about a hundredth.
        let stride = 0.01 / place.drift.norm_max().max(1e-30);
        Ok(Self {
            setting,
            owed: Mat::zeros(place.state.len(), 1),
            place,
            time: 0.0,
            stride,
            taken: 0,
            settling: 2.0 / (setting.rate * slowest),
        })
    }

    pub(super) fn settling(&self) -> f64 {
        self.settling
    }

    /// The means here.
    pub(super) fn means(&self) -> Result<Means, FlowError> {
        let (setting, place) = (self.setting, &self.place);
        let model = setting.model;
        let base = Base::new(model, place.centre.clone())?;
        let points = drawn(model, &place.centre, &place.along, &place.scatter, POINTS)?;
        let drawn = setting
            .laws
            .drawn(&base, &place.gaussians[0], &points, place.sharpness)
            .map_err(|_| setting.refusal(self.time))?;
        Ok(Means {
            sharpness: place.sharpness,
            fluctuation: place.fluctuation,
            lambda_max: drawn.lambda_max,
            layer_conditions: drawn.layer_conditions,
            error: place.error,
            mean_square_stability: self.mean_square_stability(drawn.lambda_max)?,
        })
    }

    /// η λ_max/2 with the scatter of minibatches, in the mean square.
    fn mean_square_stability(&self, lambda_max: f64) -> Result<f64, FlowError> {
        let Setting {
            model, rate, batch, ..
        } = *self.setting;
        let point = Point::new(model, model.layers(&self.place.centre));
        let inputs = inputs_that_count(&point, lambda_max)?;
        Ok(Scatter::of(inputs, batch).stability(&Recipe::default(), rate, lambda_max))
    }

    /// Goes on to step `end` of SGD, exactly.
    pub(super) fn reach(&mut self, end: f64) -> Result<(), FlowError> {
        while self.time < end {
            self.advance(end)?;
        }
        if self.owed.norm_l2() > DEFERRED * column(&self.place.state).norm_l2() {
            let shift = self.place.along.transpose() * &self.owed;
            let scatter = &self.place.scatter;
            let settled = self.moved(&shift, scatter);
            self.place = settled.map_err(|failure| self.setting.explained(failure, self.time))?;
            self.owed.fill(0.0);
        }
        Ok(())
    }

    fn advance(&mut self, end: f64) -> Result<(), FlowError> {
        let (setting, place) = (self.setting, &self.place);
        let model = setting.model;
        let jacobian = setting.jacobian(&place.state, &place.along)?;
        let base = Base::new(model, place.state.clone())?;
        let kick = 0.5 * setting.unit;
        let growth = growth(
            model,
            &base,
            &place.along,
            &place.errors,
            &place.noise,
            kick,
        );
        let growth = faer::Scale(setting.unit) * growth;
        let size = column(&place.state).norm_l2();
        loop {
            Stop::here().asked()?;
            self.taken += 1;
            if self.taken > MOST_STEPS {
                return Err(FlowError::TooManySteps {
                    steps: MOST_STEPS,
                    time: setting.unit * self.time,
                    end: setting.unit * end,
                });
            }
            let last = self.stride >= end - self.time;
            let stride = if last { end - self.time } else { self.stride };
            let by = propagate(&jacobian, &growth, stride);
            // From where the last step should have led, whose drift is J times that away from this one.
            let owed = place.along.transpose() * &self.owed;
            let shift = &by.propagator * owed + &by.integral * &place.drift;
            let scatter = &by.propagator * &place.scatter * by.propagator.transpose() + &by.noise;
            let (error, failure) = match self.moved(&shift, &scatter) {
                Ok(next) => {
                    // What the slope's change over the step, beyond J's, would have added, and what was lost on the way back to the minima.
                    let moved =
                        place.along.transpose() * (column(&next.state) - column(&place.state));
                    let here = |there: &Mat<f64>| place.along.transpose() * (&next.along * there);
                    let bent = here(&next.exact) - &place.exact - &jacobian * &moved;
                    let rest = here(&(&next.drift - &next.exact)) - (&place.drift - &place.exact);
                    let lost = &shift - &moved;
                    let owed = &by.parabola * bent + &by.ramp * rest + lost;
                    let error = owed.norm_l2() / size / TOLERANCE;
                    // Numbers that overflow are the step size's doing: there is no law there.
                    if error.is_nan() {
                        (f64::INFINITY, Some(setting.refusal(self.time)))
                    } else if error <= 1.0 || stride < SHORT {
                        self.time = if last { end } else { self.time + stride };
                        let grown = stride * (0.8 / error.max(1e-3).sqrt()).min(4.0);
                        // A step that ends where one was asked to says nothing against longer ones.
                        self.stride = if last { self.stride.max(grown) } else { grown };
                        self.owed = &place.along * owed;
                        self.place = next;
                        return Ok(());
                    } else {
                        (error, None)
                    }
                }
                Err(failure) => (f64::INFINITY, Some(failure)),
            };
            self.stride = stride * (0.8 / error.sqrt()).max(0.2);
            if self.stride < SHORTEST {
                return Err(match failure {
                    Some(failure) => setting.explained(failure, self.time),
                    None => FlowError::StepTooSmall {
                        step: setting.unit * self.stride,
                        time: setting.unit * self.time,
                        end: setting.unit * end,
                    },
                });
            }
        }
    }

    /// The place that lies `shift` away, with this scatter, both in the directions of the present one.
    fn moved(&self, shift: &Mat<f64>, scatter: &Mat<f64>) -> Result<Place, FlowError> {
        let (setting, place) = (self.setting, &self.place);
        let model = setting.model;
        let shift = &place.along * shift;
        let shifted = place.state.iter().zip(shift.col_as_slice(0));
        let mut state: Vec<f64> = shifted.map(|(w, d)| w + d).collect();
        to_manifold(model, &mut state)?;
        let along = directions(&Point::new(model, model.layers(&state)), model)?;
        let change = along.transpose() * &place.along;
        let scatter = &change * scatter * change.transpose();
        let scatter = faer::Scale(0.5) * (&scatter + scatter.transpose());
        setting.place(state, along, scatter, &place.gaussians)
    }
}

/// R_k of noise of the second moment `noise`, n × n, per slow time: E g_kg_kᵀ − g_{k+1}ᵀg_{k+1} with g_k = A_kᵀ Γ (B_kX)ᵀ.
fn imbalance_rates(point: &Point, noise: &Mat<f64>) -> Vec<Mat<f64>> {
    let (rows, columns) = (point.residual.nrows(), point.residual.ncols());
    let at = |a: usize, b: usize, c: usize, d: usize| noise[(b * rows + a, d * rows + c)];
    (0..point.depth() - 1)
        .map(|k| {
            let (above, below) = (&point.above[k], &point.below[k]);
            let input = below.transpose() * below;
            let felt = Mat::from_fn(rows, rows, |a, c| {
                let inputs = (0..columns).flat_map(|b| (0..columns).map(move |d| (b, d)));
                inputs
                    .map(|(b, d)| at(a, b, c, d) * input[(b, d)])
                    .sum::<f64>()
            });
            let (above_it, below_it) = (&point.above[k + 1], &point.below[k + 1]);
            let output = above_it * above_it.transpose();
            let sent = Mat::from_fn(columns, columns, |b, d| {
                let outputs = (0..rows).flat_map(|a| (0..rows).map(move |c| (a, c)));
                outputs
                    .map(|(a, c)| at(a, b, c, d) * output[(a, c)])
                    .sum::<f64>()
            });
            above.transpose() * felt * above - below_it * sent * below_it.transpose()
        })
        .collect()
}

fn column(entries: &[f64]) -> MatRef<'_, f64> {
    MatRef::from_column_major_slice(entries, entries.len(), 1)
}
