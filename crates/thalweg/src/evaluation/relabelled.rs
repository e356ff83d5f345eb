//! The loss's derivatives by the outputs if the samples had other labels.

use std::sync::Arc;

use faer::{Mat, MatRef};

use super::batches::{Batch, fill};
use super::{Evaluation, EvaluationError, RelabelledLoss, SampledLoss};
use crate::tensor::Block;
use crate::{Stop, Stopped};

impl RelabelledLoss for Evaluation {
    fn first(&self, count: usize) -> Self {
        let count = count.min(self.samples());
        Self {
            batches: self.batches.first(Arc::clone(&self.tape), count),
            tape: Arc::clone(&self.tape),
        }
    }

    fn residuals_under(
        &mut self,
        parameters: &[f64],
        targets: MatRef<'_, f64>,
    ) -> Result<Mat<f64>, EvaluationError> {
        let lines = self.outputs();
        self.relabelled(parameters, targets, lines, |batch, residuals, _| {
            batch.objective.residuals(residuals);
            Ok(())
        })
    }

    fn output_curvatures_under(
        &mut self,
        parameters: &[f64],
        targets: MatRef<'_, f64>,
    ) -> Result<Mat<f64>, EvaluationError> {
        let lines = self.outputs();
        self.relabelled(parameters, targets, lines * lines, |batch, all, _| {
            let mut products = Block::zeros(lines, batch.samples.len());
            let mut all = all.lines_mut();
            for column in 0..lines {
                let mut unit = vec![0.0; lines];
                unit[column] = 1.0;
                batch.objective.output_curvature(&unit, &mut products);
                for line in 0..lines {
                    let product = products.lines().line(line);
                    all.line(column * lines + line).copy_from_slice(product);
                }
            }
            Ok(())
        })
    }
}

impl Evaluation {
    /// `lines` numbers of each sample, as columns, while the samples have other labels.
    pub(super) fn relabelled(
        &mut self,
        parameters: &[f64],
        targets: MatRef<'_, f64>,
        lines: usize,
        work: impl Fn(&mut Batch, &mut Block<f64>, &Stop) -> Result<(), Stopped> + Sync,
    ) -> Result<Mat<f64>, EvaluationError> {
        self.at(parameters)?;
        let (rows, columns) = (self.outputs(), self.samples());
        if (targets.nrows(), targets.ncols()) != (rows, columns) {
            return Err(EvaluationError::Shape {
                what: "labels",
                rows: targets.nrows(),
                columns: targets.ncols(),
                expected: format!("{rows} × {columns}, a column for each sample"),
            });
        }
        let found = self.gather(lines, |batch, to, stop| {
            let own = batch.objective.targets_mut().data.to_vec();
            let samples = batch.samples.clone();
            fill(batch.objective.targets_mut(), targets, samples);
            let done = work(batch, to, stop);
            batch.objective.targets_mut().data.copy_from_slice(&own);
            done
        });
        Ok(found?)
    }
}
