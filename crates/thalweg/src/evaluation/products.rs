//! Products with a network's curvature matrices, batch by batch.

use faer::prelude::ReborrowMut;
use faer::{MatMut, MatRef};

use super::batches::DIRECTIONS;
use super::{CurvedLoss, Evaluation, EvaluationError, LossMatrix, SampledLoss, add};
use crate::Stopped;

impl CurvedLoss for Evaluation {
    fn products(
        &mut self,
        matrix: LossMatrix,
        parameters: &[f64],
        directions: MatRef<'_, f64>,
        mut products: MatMut<'_, f64>,
    ) -> Result<(), EvaluationError> {
        self.at(parameters)?;
        let columns = directions.ncols();
        for start in (0..columns).step_by(DIRECTIONS) {
            let width = DIRECTIONS.min(columns - start);
            let some = directions.subcols(start, width);
            let along: Vec<f64> = some.col_iter().flat_map(|v| v.iter().copied()).collect();
            let images = self.images(matrix, &along)?;
            let some = products.rb_mut().subcols_mut(start, width);
            let images = images.chunks_exact(parameters.len());
            for (column, image) in some.col_iter_mut().zip(images) {
                column.iter_mut().zip(image).for_each(|(x, p)| *x = *p);
            }
        }
        Ok(())
    }
}

impl Evaluation {
    /// The products with `directions`, one after another, at the point to which the set was moved.
    fn images(&mut self, matrix: LossMatrix, directions: &[f64]) -> Result<Vec<f64>, Stopped> {
        let all = self.samples() as f64;
        let mut images = vec![0.0; directions.len()];
        self.batches.each(
            |batch, parameters, _| {
                let mut part = vec![0.0; directions.len()];
                let objective = &mut batch.objective;
                match matrix {
                    LossMatrix::Hessian => objective.hessian(parameters, directions, &mut part),
                    LossMatrix::GaussNewton => {
                        objective.gauss_newton(parameters, directions, &mut part);
                    }
                    LossMatrix::GradientMoment => {
                        objective.gradient_moment(parameters, directions, &mut part);
                    }
                }
                Ok((batch.weight(all), part))
            },
            |(weight, part)| add(&mut images, weight, &part),
        )?;
        Ok(images)
    }
}
