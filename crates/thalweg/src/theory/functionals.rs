//! Sharpness and fluctuation of any weights, whole and layer by layer (eq. 44).

use faer::Mat;

use super::TheoryError;
use super::dense::squared_norm;
use crate::problem::{Dropped, Problem, Weights};

/// One layer's part of the sharpness and of the fluctuation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerShare {
    /// T_k = tr(A_kᵀA_k) · tr(B_k Σx B_kᵀ): the trace of the layer's diagonal Hessian block.
    pub sharpness: f64,
    /// F_k = tr(A_kᵀ Σε A_k) · tr(B_k Σx B_kᵀ) = E‖∇_{W_k} ℓ‖² at a minimum; where noise depends on the inputs ([`Problem::input_dropout`]),
    /// that mean with its own fourth moments.
    pub fluctuation: f64,
}

/// T and F at some weights, with each layer's share.
#[derive(Clone, Debug, PartialEq)]
pub struct Functionals {
    /// T = Σ_k T_k. The network is linear in each layer, so this is the trace of the Hessian at any
    /// weights, minimum or not.
    pub sharpness: f64,
    /// F = Σ_k F_k, the part of E‖∇ℓ‖² (one sample) that label noise causes: all of it at a minimum.
    pub fluctuation: f64,
    /// The shares T_k and F_k of W_1 … W_D, in this order.
    pub layers: Vec<LayerShare>,
}

impl Functionals {
    pub(super) fn from_layers(layers: Vec<LayerShare>) -> Self {
        Self {
            sharpness: layers.iter().map(|share| share.sharpness).sum(),
            fluctuation: layers.iter().map(|share| share.fluctuation).sum(),
            layers,
        }
    }
}

/// T and F of `weights` (eq. 44), in O(D d³) time.
///
/// # Errors
/// When the weights do not have the problem's shapes.
pub fn functionals(problem: &Problem, weights: &Weights) -> Result<Functionals, TheoryError> {
    weights.fits(problem)?;
    let noise = problem.noise_factor().matrix();
    let mut reached = problem.input_factor().matrix().to_owned();
    let mut inputs = Vec::with_capacity(weights.depth());
    for layer in weights.layers() {
        inputs.push(squared_norm(&reached));
        reached = layer * reached;
    }
    let mut above = Mat::identity(problem.output_dim(), problem.output_dim());
    let mut layers = Vec::with_capacity(weights.depth());
    for (layer, input) in weights.layers().iter().zip(inputs).rev() {
        layers.push(LayerShare {
            sharpness: squared_norm(&above) * input,
            fluctuation: squared_norm(&(noise.transpose() * &above)) * input,
        });
        above = above * layer;
    }
    layers.reverse();
    if let Some(dropped) = Dropped::of(problem) {
        let weights: Vec<_> = weights.layers().iter().map(Mat::as_ref).collect();
        for (layer, more) in layers.iter_mut().zip(dropped.shares(&weights)) {
            layer.fluctuation += more;
        }
    }
    Ok(Functionals::from_layers(layers))
}
