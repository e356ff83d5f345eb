//! How fast the exact drift settles where it rests, by differences.
//!
//! A minimum near W has the weights e^{X_k} W_k e^{−X_{k−1}}, and its motion dW_k/du = Y_k W_k − W_k Y_{k−1} gives dX/du = ∂Y/∂X X. An antisymmetric X is a turn of the hidden
//! bases, on which no number depends, and makes an antisymmetric Y: the rates are those of the symmetric parts. That is so too where the hidden bases turn steadily, in
//! bases that turn with them.

use faer::{Mat, prelude::SolveLstsq};

use super::{
    FlowError, exact::ExactFlow, point::Model, products::sum_of_products, relaxation::rates_of,
    wide::lift,
};

/// Y is looked at so far to either side, relative to the weights.
const ASIDE: f64 = 1e-5;

/// The rates at `layers`, where the flow of `model` rests, ascending. Hidden layers are as wide as the teacher's rank.
pub(super) fn rates(model: &Model, layers: &[Mat<f64>]) -> Result<Vec<f64>, FlowError> {
    let flow = ExactFlow::new(model);
    let places = |symmetric: bool| -> Vec<(usize, usize, usize)> {
        let widths = layers[1..].iter().map(Mat::ncols).enumerate();
        widths
            .flat_map(|(k, width)| {
                let first = move |i| if symmetric { i } else { 0 };
                (0..width).flat_map(move |i| (first(i)..width).map(move |j| (k, i, j)))
            })
            .collect()
    };
    let (units, all) = (places(true), places(false));
    let unit = |entries: &[(usize, usize, usize)]| -> Vec<Mat<f64>> {
        let widths = layers[1..].iter().map(Mat::ncols);
        let mut unit: Vec<_> = widths.map(|width| Mat::zeros(width, width)).collect();
        for &(k, i, j) in entries {
            unit[k][(i, j)] = 1.0;
        }
        unit
    };
    // Y of the motion at these weights.
    let generators = |weights: &[f64]| -> Result<Mat<f64>, FlowError> {
        let here = model.layers(weights);
        let mut lifts = Mat::zeros(weights.len(), all.len());
        for (column, place) in all.iter().enumerate() {
            let motion = model.flatten(&lift(&here, &unit(&[*place])));
            lifts.col_as_slice_mut(column).copy_from_slice(&motion);
        }
        let velocity = flow.velocity(weights)?;
        let velocity = Mat::from_fn(velocity.len(), 1, |i, _| velocity[i]);
        Ok(lifts.qr().solve_lstsq(velocity))
    };
    let place = |at: (usize, usize, usize)| all.iter().position(|other| *other == at);
    let weights = model.flatten(layers);
    let size = |x: &[f64]| sum_of_products(x, x).sqrt();
    let mut matrix = Mat::<f64>::zeros(units.len(), units.len());
    for (column, &(k, i, j)) in units.iter().enumerate() {
        let motion = model.flatten(&lift(layers, &unit(&[(k, i, j), (k, j, i)])));
        let step = ASIDE * size(&weights) / size(&motion);
        let moved = |sign: f64| -> Vec<f64> {
            let pairs = weights.iter().zip(&motion);
            pairs.map(|(w, m)| w + sign * step * m).collect()
        };
        let change = generators(&moved(1.0))? - generators(&moved(-1.0))?;
        for (row, &(k, i, j)) in units.iter().enumerate() {
            let both = [place((k, i, j)), place((k, j, i))].into_iter().flatten();
            let sum: f64 = both.map(|at| change[(at, 0)]).sum();
            matrix[(row, column)] = sum / (4.0 * step);
        }
    }
    rates_of(&matrix)
}
