//! How fast forces move the weights, and noise T, along the minima.

use super::{
    FlowError,
    bdf::Stiff,
    exact::ExactFlow,
    point::{Model, Point},
    products::sum_of_products,
    wide::WideFlow,
};
use crate::recipe::Forces;

/// T is looked at so far to either side, relative to the weights.
const ASIDE: f64 = 1e-5;

/// dW/du at `weights` by the model's forces, and by symmetric generators.
pub(super) fn velocity_by_generators(
    model: &Model,
    weights: &[f64],
) -> Result<Vec<f64>, FlowError> {
    let mut velocity = vec![0.0; weights.len()];
    WideFlow::new(model).rhs(0.0, weights, &mut velocity)?;
    Ok(velocity)
}

/// With more entries of the product of the weights than this SGD's own drift is not asked for: it may have to decompose K.
const MOST_ENTRIES: usize = 200;

/// d ln T/du at `point` as far as it is the noise's: by what lowers F, `alone`, or by all `forces`, whichever is less.
/// Where other forces hold SGD against the noise it is at rest, and where they lead it is not the noise that is sooner. So it is where
/// symmetric generators rest and SGD's own drift does not, or the other way round: a path of either has come to its end.
pub(super) fn rate(
    model: &Model,
    point: &Point,
    alone: Forces,
    forces: Forces,
) -> Result<f64, FlowError> {
    let generators = |forces: Forces| model.follows_generators(&forces);
    let weights = model.flatten(&point.layers);
    let by_generators = |forces: Forces| -> Result<f64, FlowError> {
        let model = model.clone().under(forces);
        let velocity = velocity_by_generators(&model, &weights)?;
        Ok(rate_along(&model, point, &weights, &velocity))
    };
    let by_own_drift = |forces: Forces| -> Result<f64, FlowError> {
        let model = model.clone().under(forces);
        // Turns of the hidden bases are left in it: T does not know them, and in wide layers there are too many to take off.
        let velocity = ExactFlow::new(&model).velocity(&weights)?;
        Ok(rate_along(&model, point, &weights, &velocity))
    };
    // Generators do not follow noise that depends on the inputs.
    let mut rates = vec![if generators(alone) {
        by_generators(alone)?
    } else {
        by_own_drift(alone)?
    }];
    if generators(forces) && forces != alone {
        rates.push(by_generators(forces)?);
    }
    if !generators(forces) || model.rank() * model.outputs() <= MOST_ENTRIES {
        rates.push(by_own_drift(forces)?);
    }
    let least = |a: f64, b: f64| if b.abs() < a.abs() { b } else { a };
    Ok(rates.into_iter().fold(f64::INFINITY, least))
}

/// d ln T/du where the weights move with `velocity`.
fn rate_along(model: &Model, point: &Point, weights: &[f64], velocity: &[f64]) -> f64 {
    let size = |x: &[f64]| sum_of_products(x, x).sqrt();
    let speed = size(velocity);
    if speed == 0.0 {
        return 0.0;
    }
    let time = ASIDE * size(weights) / speed;
    let sharpness = |sign: f64| {
        let moved = weights.iter().zip(velocity);
        let moved: Vec<f64> = moved.map(|(w, v)| w + sign * time * v).collect();
        Point::new(model, model.layers(&moved)).sharpness()
    };
    let [later, earlier] = [sharpness(1.0), sharpness(-1.0)];
    (later - earlier) / (2.0 * time * point.sharpness())
}
