//! What single positions of a sequence add to the samples' gradients and losses, under any labels.

use faer::{Mat, MatRef};

use super::{Evaluation, EvaluationError};
use crate::tensor::Block;

impl Evaluation {
    /// The targets, lines × N.
    pub(crate) fn targets(&self) -> MatRef<'_, f64> {
        self.batches.targets()
    }

    /// ‖∇ℓ_p‖² of each sample at θ with the labels `targets` (outputs × N), by parameter block and position: ℓ_p is what position p
    /// adds to ℓ = Σ_p ℓ_p. Line block · positions + p. No gradient of a single sample is formed.
    ///
    /// # Errors
    /// As [`Evaluation::loss`]; or when there is not a column of labels for each sample.
    pub fn position_squared_norms(
        &mut self,
        parameters: &[f64],
        targets: MatRef<'_, f64>,
    ) -> Result<Mat<f64>, EvaluationError> {
        let (blocks, positions) = (self.tape.parameters().len(), self.tape.output().positions());
        let found = self.relabelled(
            parameters,
            targets,
            blocks * positions,
            |batch, norms, stop| {
                let mut parts = Block::zeros(blocks, batch.samples.len());
                for position in 0..positions {
                    stop.asked()?;
                    batch
                        .objective
                        .position_squared_norms(parameters, position, &mut parts);
                    for block in 0..blocks {
                        let part = parts.lines().line(block);
                        let line = block * positions + position;
                        norms.lines_mut().line(line).copy_from_slice(part);
                    }
                }
                Ok(())
            },
        );
        self.batches.forget();
        found
    }

    /// ℓ of each sample at θ with the labels `targets`: linear in them.
    ///
    /// # Errors
    /// As [`Evaluation::position_squared_norms`].
    pub fn losses_under(
        &mut self,
        parameters: &[f64],
        targets: MatRef<'_, f64>,
    ) -> Result<Vec<f64>, EvaluationError> {
        let found = self.relabelled(parameters, targets, 1, |batch, losses, _| {
            batch.objective.losses(losses.lines_mut().line(0));
            Ok(())
        })?;
        Ok(found.row(0).iter().copied().collect())
    }
}
