//! A network's curvature matrices by their products with vectors.

use std::convert::Infallible;

use faer::prelude::ReborrowMut;
use faer::{MatMut, MatRef};

use super::batches::DIRECTIONS;
use super::{Evaluation, SampledLoss, add};
use crate::curvature::SymmetricOperator;

/// One of the symmetric matrices of an [`Evaluation`] at a point, n × n for n parameters; never formed
/// ([`Dense::of`](crate::curvature::Dense::of) does that, for a small network).
#[derive(Debug)]
pub struct Operator<'a> {
    evaluation: &'a mut Evaluation,
    kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Hessian,
    GaussNewton,
    GradientMoment,
    GradientCovariance {
        /// ḡ.
        mean: Vec<f64>,
    },
}

impl<'a> Operator<'a> {
    /// Of `evaluation`, which has been moved to the point.
    pub(super) fn new(evaluation: &'a mut Evaluation, kind: Kind) -> Self {
        Self { evaluation, kind }
    }

    /// The products with `directions`, one after another.
    fn products(&mut self, directions: &[f64]) -> Vec<f64> {
        let all = self.evaluation.samples() as f64;
        let mut products = vec![0.0; directions.len()];
        let kind = &self.kind;
        self.evaluation.batches.each(
            |batch, parameters| {
                let mut part = vec![0.0; directions.len()];
                let objective = &mut batch.objective;
                match kind {
                    Kind::Hessian => objective.hessian(parameters, directions, &mut part),
                    Kind::GaussNewton => objective.gauss_newton(parameters, directions, &mut part),
                    Kind::GradientMoment | Kind::GradientCovariance { .. } => {
                        objective.gradient_moment(parameters, directions, &mut part);
                    }
                }
                (batch.weight(all), part)
            },
            |(weight, part)| add(&mut products, weight, &part),
        );
        if let Kind::GradientCovariance { mean } = kind {
            let columns = directions.chunks_exact(mean.len());
            for (v, product) in columns.zip(products.chunks_exact_mut(mean.len())) {
                let slope: f64 = v.iter().zip(mean).map(|(v, g)| v * g).sum();
                add(product, -slope, mean);
            }
        }
        products
    }
}

impl SymmetricOperator for Operator<'_> {
    type Error = Infallible;

    fn dim(&self) -> usize {
        self.evaluation.tape.parameter_count()
    }

    fn apply_block(
        &mut self,
        input: MatRef<'_, f64>,
        mut output: MatMut<'_, f64>,
    ) -> Result<(), Infallible> {
        let columns = input.ncols();
        for start in (0..columns).step_by(DIRECTIONS) {
            let width = DIRECTIONS.min(columns - start);
            let some = input.subcols(start, width);
            let directions: Vec<f64> = some.col_iter().flat_map(|v| v.iter().copied()).collect();
            let products = self.products(&directions);
            let some = output.rb_mut().subcols_mut(start, width);
            for (column, product) in some.col_iter_mut().zip(products.chunks_exact(self.dim())) {
                column.iter_mut().zip(product).for_each(|(x, p)| *x = *p);
            }
        }
        Ok(())
    }
}
