//! How fast noise moves the weights, and T, along the minima.

use super::{
    FlowError,
    bdf::Stiff,
    point::{Model, Point},
    products::sum_of_products,
    wide::WideFlow,
};
use crate::recipe::Forces;

/// T is looked at so far to either side, relative to the weights.
const ASIDE: f64 = 1e-5;

/// dW/du at `weights` by the model's forces, and by symmetric generators.
pub(super) fn velocity_by_noise(model: &Model, weights: &[f64]) -> Result<Vec<f64>, FlowError> {
    let mut velocity = vec![0.0; weights.len()];
    WideFlow::new(model).rhs(0.0, weights, &mut velocity)?;
    Ok(velocity)
}

/// d ln T/du at `point` by noise `noise` times as strong as plain SGD's, and by nothing else.
pub(super) fn rate(model: &Model, point: &Point, noise: f64) -> Result<f64, FlowError> {
    let forces = Forces {
        noise,
        ..Forces::default()
    };
    let model = model.clone().under(forces);
    let weights = model.flatten(&point.layers);
    let velocity = velocity_by_noise(&model, &weights)?;
    let size = |x: &[f64]| sum_of_products(x, x).sqrt();
    let speed = size(&velocity);
    if speed == 0.0 {
        return Ok(0.0);
    }
    let time = ASIDE * size(&weights) / speed;
    let sharpness = |sign: f64| {
        let moved = weights.iter().zip(&velocity);
        let moved: Vec<f64> = moved.map(|(w, v)| w + sign * time * v).collect();
        Point::new(&model, model.layers(&moved)).sharpness()
    };
    let [later, earlier] = [sharpness(1.0), sharpness(-1.0)];
    Ok((later - earlier) / (2.0 * time * point.sharpness()))
}
