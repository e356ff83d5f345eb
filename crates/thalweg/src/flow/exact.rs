//! The drift of SGD along the minima at leading order in η, without further assumption.
//!
//! Around a minimum SGD fluctuates in the normal directions only: with J_p the derivative of the
//! product (W_D…W_1)X, its noise has covariance J_pᵀ (I ⊗ Σε) J_p/B. The stationary fluctuation is
//! (η/B) J_pᵀ Y J_p, where K Y + Y K = I ⊗ Σε and K = J_pJ_pᵀ. The curvature it meets pushes back along the
//! manifold (Katzenberger 1991; Li, Wang, Arora, *What happens after SGD reaches zero loss?*, ICLR
//! 2022), in slow time with
//!
//! ⟨dW/du, t⟩ = −tr((K Y J_p)ᵀ dJ_p[t]) for every direction t along the manifold.
//!
//! Noise that depends on the inputs (`problem/dropped.rs`) has its own second moment in place of I ⊗ Σε.
//!
//! SAM on the step's own minibatch descends F itself: it adds ½ I ⊗ Σε to K Y, as often as [`Forces`](crate::recipe::Forces) say.
//!
//! Weak forces beside the noise add their gradients before the projection on the manifold's tangents.
//!
//! Where K and I ⊗ Σε commute K Y = ½ I ⊗ Σε, and this is the Riemannian gradient flow of F/4. Where
//! they do not, it is no gradient: F need not fall, and the motion may end in a steady rotation of
//! the hidden bases at which T is not Theorem 1's.

use faer::Mat;

use super::{
    FlowError,
    ascent::Ascent,
    gradient::Force,
    kronecker::{add_kron, add_scaled},
    point::{Curvature, Decomposed, Model, Point},
    potential::{add_decay, add_dropout},
};

/// The flow of one problem.
pub(super) struct ExactFlow<'a> {
    model: &'a Model,
    ascent: Ascent,
}

/// Where the flow goes from one point, and by what.
pub(super) struct Motion {
    pub(super) point: Point,
    /// K.
    pub(super) curvature: Curvature,
    /// Λ, so that the force and the pull J_pᵀΛ along the normals are tangent together.
    pub(super) multiplier: Mat<f64>,
    /// dW/du.
    pub(super) velocity: Vec<f64>,
}

/// A_kA_kᵀ and Σε commute if they do so to this part of their product, which is little more than rounding.
const COMMUTE: f64 = 1e-13;

impl<'a> ExactFlow<'a> {
    /// That of `model`, under its forces.
    pub(super) fn new(model: &'a Model) -> Self {
        Self {
            ascent: Ascent::new(model),
            model,
        }
    }

    /// dW/du.
    pub(super) fn velocity(&self, state: &[f64]) -> Result<Vec<f64>, FlowError> {
        Ok(self.motion(state)?.velocity)
    }

    /// dW/du and what it is made of.
    pub(super) fn motion(&self, state: &[f64]) -> Result<Motion, FlowError> {
        let forces = &self.model.forces;
        let force = Force::new(self.model, self.model.layers(state));
        let (point, curvature, mut gradient) =
            if self.model.dependence().is_none() && self.noise_commutes(&force.point) {
                let curvature = force.point.curvature()?;
                let gradient = force.layers.into_iter().map(|layer| -layer).collect();
                (force.point, curvature, gradient)
            } else {
                let decomposed = Decomposed::new(&force.point.curvature_matrix())?;
                let weight = self.turned_noise(&decomposed, &self.noise());
                let mut gradient = pulled_back(&force.point, &weight);
                add_decay(&force.point, forces.decay, &mut gradient);
                (force.point, Curvature::Decomposed(decomposed), gradient)
            };
        add_dropout(&point, forces.dropout, &mut gradient);
        self.ascent
            .add_gradient(&point, forces.ascent, &mut gradient);
        Ok(self.along(point, curvature, gradient))
    }

    /// dW/du of noise alone whose second moment is `noise`, n × n, in place of that of the problem.
    pub(super) fn velocity_by(
        &self,
        state: &[f64],
        noise: &Mat<f64>,
    ) -> Result<Vec<f64>, FlowError> {
        let point = Point::new(self.model, self.model.layers(state));
        let decomposed = Decomposed::new(&point.curvature_matrix())?;
        let gradient = pulled_back(&point, &self.turned_noise(&decomposed, noise));
        Ok(self
            .along(point, Curvature::Decomposed(decomposed), gradient)
            .velocity)
    }

    /// The motion down `gradient` along the minima.
    fn along(&self, point: Point, curvature: Curvature, gradient: Vec<Mat<f64>>) -> Motion {
        let multiplier = curvature.solve_matrix(&point.pushed(&gradient));
        let velocity: Vec<Mat<f64>> = gradient
            .into_iter()
            .enumerate()
            .map(|(k, gradient)| point.pull(multiplier.as_ref(), k) - gradient)
            .collect();
        Motion {
            velocity: self.model.flatten(&velocity),
            point,
            curvature,
            multiplier,
        }
    }

    /// Whether K and I ⊗ Σε commute because their blocks do, so that the noise's drift is −¼ ∇F.
    fn noise_commutes(&self, point: &Point) -> bool {
        let noise = self.model.noise();
        point.above.iter().all(|above| {
            let product = above * (above.transpose() * noise);
            let commutator = &product - product.transpose();
            commutator.norm_l2() <= COMMUTE * product.norm_l2()
        })
    }

    /// E (r_a ξ_i)(r_c ξ_j) for x = Xξ, over (a, i) and (c, j), outputs running fastest.
    fn noise(&self) -> Mat<f64> {
        let columns = self.model.rank();
        let size = columns * self.model.outputs();
        let mut noise = Mat::zeros(size, size);
        let identity = Mat::<f64>::identity(columns, columns);
        add_kron(
            &mut noise,
            1.0,
            &self.model.noise().to_owned(),
            identity.as_ref(),
        );
        if let Some(dependence) = self.model.dependence() {
            noise += dependence;
        }
        noise
    }

    /// K Y of the drift of `noise`, and half of it where F's gradient is descended.
    fn turned_noise(&self, curvature: &Decomposed, noise: &Mat<f64>) -> Mat<f64> {
        let Decomposed { vectors, values } = curvature;
        let size = values.len();
        let rotated = vectors.transpose() * noise * vectors;
        let forces = &self.model.forces;
        let (own, half) = (forces.noise - forces.gradient, 0.5 * forces.gradient);
        // In the eigenbasis of K.
        let shares = Mat::from_fn(size, size, |i, j| {
            let share = if values[i] > 0.0 {
                values[i] / (values[i] + values[j])
            } else {
                0.0
            };
            rotated[(i, j)] * (own * share + half)
        });
        vectors * shares * vectors.transpose()
    }
}

/// The gradient of tr(Mᵀ J_p) at fixed M = Z J_p, layer by layer, for Z = `weight` = K Y.
fn pulled_back(point: &Point, weight: &Mat<f64>) -> Vec<Mat<f64>> {
    let depth = point.depth();
    let (rows, columns) = (point.residual.nrows(), point.residual.ncols());
    let (mut on_above, mut on_below) = (Vec::new(), Vec::new());
    for k in 0..depth {
        let (above, below) = (&point.above[k], &point.below[k]);
        let input = below.transpose() * below;
        let output = above * above.transpose();
        // J_p's block of layer k is (B_kX)ᵀ ⊗ A_k: contract Z J_p with either factor.
        let mut left = Mat::<f64>::zeros(rows, rows);
        let mut right = Mat::<f64>::zeros(columns, columns);
        for (d, b) in (0..columns).flat_map(|d| (0..rows).map(move |b| (d, b))) {
            let blocks = weight.col_as_slice(d * rows + b).chunks_exact(rows);
            let (left, output) = (left.col_as_slice_mut(b), output.col_as_slice(b));
            for (c, block) in blocks.enumerate() {
                add_scaled(left, input[(c, d)], block);
                let along = block.iter().zip(output).map(|(z, g)| z * g);
                right[(d, c)] += along.sum::<f64>();
            }
        }
        on_above.push(left * above);
        on_below.push(below * right);
    }
    through_layers(point, &on_above, &on_below)
}

/// The gradient by the weights, layer by layer, of what has the gradients `on_above` by each A_k and `on_below` by each B_kX.
pub(super) fn through_layers(
    point: &Point,
    on_above: &[Mat<f64>],
    on_below: &[Mat<f64>],
) -> Vec<Mat<f64>> {
    let depth = point.depth();
    let (rows, columns) = (point.residual.nrows(), point.residual.ncols());
    let mut gradient: Vec<Mat<f64>> = Vec::with_capacity(depth);
    let mut from_below = Mat::<f64>::zeros(rows, point.layers[0].ncols());
    for k in 0..depth {
        gradient.push(point.above[k].transpose() * &from_below);
        from_below = from_below * point.layers[k].transpose() + &on_above[k];
    }
    let mut from_above = Mat::<f64>::zeros(rows, columns);
    for k in (0..depth).rev() {
        gradient[k] += &from_above * point.below[k].transpose();
        from_above = point.layers[k].transpose() * from_above + &on_below[k];
    }
    gradient
}
