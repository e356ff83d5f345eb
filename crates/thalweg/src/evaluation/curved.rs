//! What a loss must give for its curvature matrices to be multiplied with vectors.

use faer::{MatMut, MatRef};

use super::{Operator, SampledLoss};

/// Which matrix of a loss, n × n for n parameters and symmetric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossMatrix {
    /// The Hessian ∇²L.
    Hessian,
    /// G = (1/N) Σ_b J_bᵀ Λ_b J_b.
    GaussNewton,
    /// (1/N) Σ_b g_b g_bᵀ, g_b = ∇ℓ_b.
    GradientMoment,
}

/// A [`SampledLoss`] that knows the products of its curvature matrices with vectors: these make operators, of which
/// [`curvature`](crate::curvature) finds eigenpairs, trace and density.
///
/// [`Evaluation`](super::Evaluation) is one; one's own loss needs [`products`](Self::products) alone.
pub trait CurvedLoss: SampledLoss + Sized {
    /// `products` = A `directions` at θ, column by column, A being `matrix`; both are n × (any number of columns), and the shapes are
    /// right.
    ///
    /// # Errors
    /// The loss's own; `products` may then hold anything.
    fn products(
        &mut self,
        matrix: LossMatrix,
        parameters: &[f64],
        directions: MatRef<'_, f64>,
        products: MatMut<'_, f64>,
    ) -> Result<(), Self::Error>;

    /// The Hessian ∇²L at θ.
    ///
    /// # Errors
    /// When θ has not n numbers; so for the next two.
    fn hessian<'a>(&'a mut self, parameters: &'a [f64]) -> Result<Operator<'a, Self>, Self::Error> {
        Operator::new(self, LossMatrix::Hessian, parameters)
    }

    /// The Gauss–Newton matrix G = (1/N) Σ_b J_bᵀ (∂²ℓ/∂f²) J_b at θ: the Hessian of the loss with the network
    /// linearised.
    ///
    /// # Errors
    /// As [`hessian`](Self::hessian).
    fn gauss_newton<'a>(
        &'a mut self,
        parameters: &'a [f64],
    ) -> Result<Operator<'a, Self>, Self::Error> {
        Operator::new(self, LossMatrix::GaussNewton, parameters)
    }

    /// The second moment (1/N) Σ_b g_b g_bᵀ of the samples' gradients at θ, also called the empirical Fisher
    /// matrix. Its trace is the fluctuation E‖∇ℓ‖².
    ///
    /// # Errors
    /// As [`hessian`](Self::hessian).
    fn gradient_moment<'a>(
        &'a mut self,
        parameters: &'a [f64],
    ) -> Result<Operator<'a, Self>, Self::Error> {
        Operator::new(self, LossMatrix::GradientMoment, parameters)
    }

    /// The covariance (1/N) Σ_b (g_b − ḡ)(g_b − ḡ)ᵀ of the samples' gradients at θ, ḡ = ∇L.
    ///
    /// # Errors
    /// As [`hessian`](Self::hessian), and the loss's own.
    fn gradient_covariance<'a>(
        &'a mut self,
        parameters: &'a [f64],
    ) -> Result<Operator<'a, Self>, Self::Error> {
        let mean = self.gradient(parameters)?;
        Ok(self.gradient_moment(parameters)?.about(mean))
    }
}
