//! One step of SGD on the way down, by the mean over samples or by a minibatch that departs from it.

use faer::Mat;

use crate::flow::{
    descent::velocity,
    point::{Model, Point},
    potential::{add_decay, add_dropout, add_through_units},
    products::sum_of_products,
};
use crate::recipe::Sam;

/// What a step does with a gradient.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// η.
    pub(super) learning_rate: f64,
    /// B.
    pub(super) batch: f64,
    /// β.
    pub(super) momentum: f64,
    pub(super) sam: Option<Sam>,
}

/// How the moments of a minibatch depart from those of all samples, with inputs x = Xz.
pub(super) struct Departure {
    /// (1/B) Σ zzᵀ − I, rank Σx × rank Σx.
    pub(super) second: Mat<f64>,
    /// (1/B) Σ εzᵀ, d_y × rank Σx.
    pub(super) noise: Mat<f64>,
    /// (1/B) Σ Δzzᵀ and (1/B) Σ Δεzᵀ for each hidden unit, layer by layer, where dropout makes 1 + Δ of its activity: to first order in Δ, which is of
    /// variance p/(1 − p). None without dropout.
    pub(super) units: Vec<[Mat<f64>; 2]>,
}

/// The departures of a step's minibatch and of that on which SAM ascends, if it is another.
pub(super) struct Drawn {
    pub(super) step: Departure,
    pub(super) ascent: Option<Departure>,
}

/// Weights and velocity.
pub(super) struct Run {
    pub(super) weights: Vec<f64>,
    velocity: Vec<f64>,
}

impl Run {
    /// At rest at `weights`.
    pub(super) fn new(weights: Vec<f64>) -> Self {
        Self {
            velocity: vec![0.0; weights.len()],
            weights,
        }
    }

    /// `stride` steps from where the weights are, which is `point`. Several are taken as one, on which the gradient hardly changes: their velocity is what
    /// momentum makes of it in the end. The gradient is the mean over the minibatches `drawn`, or over all samples where none is.
    pub(super) fn advance(
        &mut self,
        stride: u64,
        model: &Model,
        point: &Point,
        rule: &Rule,
        drawn: &[Drawn],
    ) {
        let pulls = model.flatten(&rule.pulls(model, point, drawn));
        let (kept, gained) = if stride == 1 {
            (rule.momentum, 1.0)
        } else {
            (0.0, (1.0 - rule.momentum).recip())
        };
        let way = stride as f64 * rule.learning_rate;
        let weights = self.weights.iter_mut();
        for ((w, v), pull) in weights.zip(&mut self.velocity).zip(pulls) {
            *v = kept * *v + gained * pull;
            *w += way * *v;
        }
    }

    /// How large the motion of the last step is, relative to the weights.
    pub(super) fn motion(&self, rule: &Rule) -> f64 {
        rule.learning_rate * size(&self.velocity) / size(&self.weights)
    }

    /// How far the velocity alone would still take the weights, relative to them.
    pub(super) fn coasting(&self, rule: &Rule) -> f64 {
        rule.momentum / (1.0 - rule.momentum) * self.motion(rule)
    }
}

fn size(x: &[f64]) -> f64 {
    sum_of_products(x, x).sqrt()
}

impl Rule {
    /// Minus the gradient of each layer: of the loss alone, or with minibatches `drawn` the mean over them, and that of decay and dropout too, which are not in
    /// the descent.
    pub(super) fn pulls(&self, model: &Model, point: &Point, drawn: &[Drawn]) -> Vec<Mat<f64>> {
        let Some((first, others)) = drawn.split_first() else {
            return self.of_loss(model, point, None);
        };
        let mut pulls = self.of_loss(model, point, Some(first));
        for other in others {
            for (sum, pull) in pulls
                .iter_mut()
                .zip(self.of_loss(model, point, Some(other)))
            {
                *sum += pull;
            }
        }
        for pull in &mut pulls {
            *pull *= faer::Scale(1.0 / drawn.len() as f64);
        }
        let share = self.share();
        add_decay(point, -share * model.forces.decay, &mut pulls);
        add_dropout(point, -share * model.forces.dropout, &mut pulls);
        pulls
    }

    /// The forces of the slow flow are B/η₁ times those of a step.
    fn share(&self) -> f64 {
        self.learning_rate / (1.0 - self.momentum) / self.batch
    }

    /// p/(1 − p) of dropped units.
    pub(super) fn dropped(&self, model: &Model) -> f64 {
        self.share() * model.forces.dropout
    }

    /// Minus the gradient of the loss.
    fn of_loss(&self, model: &Model, point: &Point, drawn: Option<&Drawn>) -> Vec<Mat<f64>> {
        let step = drawn.map(|drawn| &drawn.step);
        let Some(sam) = self.sam else {
            return pull(point, step);
        };
        let ascent = drawn.and_then(|drawn| drawn.ascent.as_ref());
        let down = pull(point, ascent.or(step));
        let radius = match drawn {
            Some(_) => ascent_along(sam, &down, 0.0),
            None => ascent_along(sam, &down, self.gradient_noise(model, point)),
        };
        let climbed = point.layers.iter().zip(&down);
        let climbed = climbed.map(|(w, down)| w - faer::Scale(radius) * down);
        pull(&Point::new(model, climbed.collect()), step)
    }

    /// How many times the curvature, of at most T, SAM's ascent makes of it.
    pub(super) fn steeper(&self, model: &Model, point: &Point) -> f64 {
        let Some(sam) = self.sam else {
            return 1.0;
        };
        let radius = if sam.normalised {
            ascent_along(sam, &pull(point, None), self.gradient_noise(model, point))
        } else {
            sam.radius
        };
        1.0 + radius * point.sharpness()
    }

    /// E‖g − E g‖² of a minibatch's gradient g: of the labels' noise F/B, and of R(S − I) with R = (W_D…W_1 − V)X, whose entries have covariances
    /// (1/B)[(RRᵀ)_ik δ_jl + R_il R_kj].
    pub(super) fn gradient_noise(&self, model: &Model, point: &Point) -> f64 {
        let scatter = |k: usize| {
            let felt = point.above[k].transpose() * &point.residual;
            let apart = felt.squared_norm_l2() * point.below[k].squared_norm_l2();
            apart + (felt * point.below[k].transpose()).squared_norm_l2()
        };
        let of_inputs: f64 = (0..point.depth()).map(scatter).sum();
        (model.fluctuation(point) + of_inputs) / self.batch
    }
}

/// ρ along the gradient −`down`, whose mean square is larger by `noise`.
fn ascent_along(sam: Sam, down: &[Mat<f64>], noise: f64) -> f64 {
    if !sam.normalised {
        return sam.radius;
    }
    let squares: f64 = down.iter().map(Mat::squared_norm_l2).sum();
    sam.radius / (squares + noise).sqrt().max(f64::MIN_POSITIVE)
}

/// Minus the gradient of the loss of a minibatch with this departure, or of all samples.
fn pull(point: &Point, departure: Option<&Departure>) -> Vec<Mat<f64>> {
    let Some(departure) = departure else {
        return velocity(point, &point.residual);
    };
    let mut seen = &point.residual + &point.residual * &departure.second - &departure.noise;
    if departure.units.is_empty() {
        return velocity(point, &seen);
    }
    let mut units = departure.units.iter();
    let mut through = Vec::new();
    for k in 1..point.depth() {
        let (above, below) = (&point.above[k - 1], &point.below[k]);
        let mut back = Mat::zeros(below.nrows(), below.ncols());
        let mut on = Mat::zeros(above.nrows(), above.ncols());
        for (j, [second, noise]) in units.by_ref().take(below.nrows()).enumerate() {
            let (out, active) = (above.col(j), below.row(j));
            // What the unit adds to the output, and what the layers on either side of it see of the rest.
            seen += out * (active * second);
            let rest = &point.residual * second - noise;
            back.row_mut(j).copy_from(-(out.transpose() * &rest));
            on.col_mut(j).copy_from(-(&rest * active.transpose()));
        }
        through.push((back, on));
    }
    let mut pull = velocity(point, &seen);
    for (k, parts) in (1..).zip(through) {
        add_through_units(point, k, parts, &mut pull);
    }
    pull
}

impl Drawn {
    /// `by` times it.
    pub(super) fn scaled(&self, by: f64) -> Self {
        Self {
            step: self.step.scaled(by),
            ascent: self.ascent.as_ref().map(|ascent| ascent.scaled(by)),
        }
    }

    /// `by` times it and `more` times another.
    pub(super) fn mixed(&self, by: f64, more: f64, other: &Self) -> Self {
        let ascents = self.ascent.as_ref().zip(other.ascent.as_ref());
        Self {
            step: self.step.mixed(by, more, &other.step),
            ascent: ascents.map(|(one, other)| one.mixed(by, more, other)),
        }
    }
}

impl Departure {
    /// `by` times it.
    fn scaled(&self, by: f64) -> Self {
        let scale = |one: &Mat<f64>| faer::Scale(by) * one;
        Self {
            second: scale(&self.second),
            noise: scale(&self.noise),
            units: self
                .units
                .iter()
                .map(|[a, b]| [scale(a), scale(b)])
                .collect(),
        }
    }

    /// `by` times it and `more` times another.
    fn mixed(&self, by: f64, more: f64, other: &Self) -> Self {
        let mix =
            |one: &Mat<f64>, other: &Mat<f64>| faer::Scale(by) * one + faer::Scale(more) * other;
        Self {
            second: mix(&self.second, &other.second),
            noise: mix(&self.noise, &other.noise),
            units: self
                .units
                .iter()
                .zip(&other.units)
                .map(|([a, b], [c, d])| [mix(a, c), mix(b, d)])
                .collect(),
        }
    }
}
