//! A loss's curvature matrices by their products with vectors.

use faer::prelude::ReborrowMut;
use faer::{MatMut, MatRef};

use super::{CurvedLoss, LossMatrix};
use crate::curvature::{CurvatureError, SymmetricOperator};

/// One of the symmetric matrices of a loss at a point, n × n for n parameters; never formed
/// ([`Dense::of`](crate::curvature::Dense::of) does that, for a small network).
#[derive(Debug)]
pub struct Operator<'a, L> {
    loss: &'a mut L,
    matrix: LossMatrix,
    parameters: &'a [f64],
    /// ḡ, where ḡ ḡᵀ is taken off.
    mean: Option<Vec<f64>>,
}

impl<'a, L: CurvedLoss> Operator<'a, L> {
    /// `matrix` of `loss` at θ.
    pub(super) fn new(
        loss: &'a mut L,
        matrix: LossMatrix,
        parameters: &'a [f64],
    ) -> Result<Self, L::Error> {
        let count = loss.layers().last().map_or(0, |layer| layer.range.end);
        if parameters.len() != count {
            return Err(CurvatureError::Setting {
                field: "parameters",
                found: format!("{} numbers", parameters.len()),
                expected: format!("the {count} of the loss"),
            }
            .into());
        }
        Ok(Self {
            loss,
            matrix,
            parameters,
            mean: None,
        })
    }

    /// The same without ḡ ḡᵀ.
    pub(super) fn about(self, mean: Vec<f64>) -> Self {
        Self {
            mean: Some(mean),
            ..self
        }
    }
}

impl<L: CurvedLoss> SymmetricOperator for Operator<'_, L> {
    type Error = L::Error;

    fn dim(&self) -> usize {
        self.parameters.len()
    }

    fn apply_block(
        &mut self,
        input: MatRef<'_, f64>,
        mut output: MatMut<'_, f64>,
    ) -> Result<(), L::Error> {
        self.loss
            .products(self.matrix, self.parameters, input, output.rb_mut())?;
        let Some(mean) = &self.mean else {
            return Ok(());
        };
        for (v, product) in input.col_iter().zip(output.col_iter_mut()) {
            let slope: f64 = v.iter().zip(mean).map(|(v, g)| v * g).sum();
            let terms = product.iter_mut().zip(mean);
            terms.for_each(|(product, g)| *product += -slope * g);
        }
        Ok(())
    }
}
