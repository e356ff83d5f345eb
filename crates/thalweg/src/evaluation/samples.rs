//! What single samples contribute, for all samples of a set.

use faer::{Mat, MatRef};

use super::batches::Batch;
use super::{Evaluation, EvaluationError, Layer, SampledLoss, add, layers};
use crate::loss::Loss;
use crate::tensor::Block;
use crate::{Stop, Stopped};

/// The traces of the samples' own Gauss–Newton matrices G_b = J_bᵀ Λ_b J_b, Λ = ∂²ℓ/∂f², in two
/// divisions. Their mean over samples is tr G.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleCurvature {
    /// Parameter blocks × N: the trace of each block of G_b.
    pub parameters: Mat<f64>,
    /// Output lines × N: what each output contributes, w_k ‖J_bᵀc_k‖² with
    /// [`Loss::curvature_term`](crate::loss::Loss::curvature_term)'s c_k. For squared error that is tr of the Gauss–Newton matrix of
    /// one output alone.
    pub outputs: Mat<f64>,
}

impl SampledLoss for Evaluation {
    type Error = EvaluationError;

    fn samples(&self) -> usize {
        self.batches.samples()
    }

    fn outputs(&self) -> usize {
        self.tape.output().rows() * self.tape.output().positions()
    }

    fn classes(&self) -> Option<(usize, usize)> {
        let output = self.tape().output();
        match self.loss_function() {
            Loss::CrossEntropy | Loss::MeanCrossEntropy => {
                Some((output.rows(), output.positions()))
            }
            Loss::SquaredError(_) => None,
        }
    }

    fn layers(&self) -> Vec<Layer> {
        layers(self.tape())
    }

    fn sample_losses(&mut self, parameters: &[f64]) -> Result<Vec<f64>, EvaluationError> {
        self.at(parameters)?;
        let mut losses = Vec::with_capacity(self.samples());
        self.batches.each(
            |batch, _, _| {
                let mut part = vec![0.0; batch.samples.len()];
                batch.objective.losses(&mut part);
                Ok(part)
            },
            |part| losses.extend(part),
        )?;
        Ok(losses)
    }

    fn gradient(&mut self, parameters: &[f64]) -> Result<Vec<f64>, EvaluationError> {
        self.at(parameters)?;
        let mut gradient = vec![0.0; parameters.len()];
        let all = self.samples() as f64;
        self.batches.each(
            |batch, _, _| Ok((batch.weight(all), batch.gradient.clone())),
            |(weight, part)| add(&mut gradient, weight, &part),
        )?;
        Ok(gradient)
    }

    fn residuals(&mut self, parameters: &[f64]) -> Result<Mat<f64>, EvaluationError> {
        self.at(parameters)?;
        let lines = self.outputs();
        let found = self.gather(lines, |batch, residuals, _| {
            batch.objective.residuals(residuals);
            Ok(())
        });
        Ok(found?)
    }

    fn output_curvature(&mut self, parameters: &[f64]) -> Result<Mat<f64>, EvaluationError> {
        self.at(parameters)?;
        let (lines, all) = (self.outputs(), self.samples() as f64);
        let mut mean = Mat::zeros(lines, lines);
        self.batches.each(
            |batch, _, _| {
                let mut products = Block::zeros(lines, batch.samples.len());
                let mut sum = Mat::zeros(lines, lines);
                for column in 0..lines {
                    let unit: Vec<f64> = (0..lines)
                        .map(|line| if line == column { 1.0 } else { 0.0 })
                        .collect();
                    batch.objective.output_curvature(&unit, &mut products);
                    for line in 0..lines {
                        sum[(line, column)] = products.lines().line(line).iter().sum::<f64>() / all;
                    }
                }
                Ok(sum)
            },
            |sum| mean += sum,
        )?;
        Ok(mean)
    }

    fn sample_squared_norms(&mut self, parameters: &[f64]) -> Result<Mat<f64>, EvaluationError> {
        self.at(parameters)?;
        let blocks = self.tape.parameters().len();
        let found = self.gather(blocks, |batch, norms, _| {
            batch.objective.sample_squared_norms(norms);
            Ok(())
        });
        Ok(found?)
    }

    fn layer_slopes(
        &mut self,
        parameters: &[f64],
        gradient: &[f64],
    ) -> Result<Mat<f64>, EvaluationError> {
        let layers = self.layers();
        // One layer's part of ∇L in each column.
        let directions = Mat::from_fn(gradient.len(), layers.len(), |i, layer| {
            if layers[layer].range.contains(&i) {
                gradient[i]
            } else {
                0.0
            }
        });
        self.sample_slopes(parameters, directions.as_ref())
    }

    fn sample_curvature(&mut self, parameters: &[f64]) -> Result<SampleCurvature, EvaluationError> {
        self.at(parameters)?;
        let (blocks, lines) = (self.tape.parameters().len(), self.outputs());
        // The outputs' lines, then those of the parameters.
        let all = self.gather(lines + blocks, |batch, all, stop| {
            let mut terms = Block::zeros(blocks, batch.samples.len());
            let mut all = all.lines_mut();
            for term in 0..lines {
                stop.asked()?;
                batch
                    .objective
                    .sample_curvature(parameters, term, &mut terms);
                for block in 0..blocks {
                    let part = terms.lines().line(block);
                    add(all.line(term), 1.0, part);
                    add(all.line(lines + block), 1.0, part);
                }
            }
            Ok(())
        })?;
        self.batches.forget();
        Ok(SampleCurvature {
            outputs: all.subrows(0, lines).to_owned(),
            parameters: all.subrows(lines, blocks).to_owned(),
        })
    }

    fn mean_pullbacks(
        &mut self,
        parameters: &[f64],
        cotangents: MatRef<'_, f64>,
    ) -> Result<Vec<f64>, EvaluationError> {
        self.at(parameters)?;
        if cotangents.nrows() != self.outputs() {
            return Err(EvaluationError::Shape {
                what: "output directions",
                rows: cotangents.nrows(),
                columns: cotangents.ncols(),
                expected: format!("of {} rows", self.outputs()),
            });
        }
        let (blocks, all) = (self.tape.parameters().len(), self.samples() as f64);
        let cotangents: Vec<Vec<f64>> = cotangents
            .col_iter()
            .map(|c| c.iter().copied().collect())
            .collect();
        let mut means = vec![0.0; cotangents.len()];
        self.batches.each(
            |batch, parameters, stop| {
                let mut norms = Block::zeros(blocks, batch.samples.len());
                let one = |c: &Vec<f64>| {
                    stop.asked()?;
                    batch.objective.sample_pullbacks(parameters, c, &mut norms);
                    let norms = norms.lines();
                    Ok((0..blocks).flat_map(|block| norms.line(block)).sum())
                };
                cotangents.iter().map(one).collect::<Result<Vec<f64>, _>>()
            },
            |part| add(&mut means, 1.0 / all, &part),
        )?;
        self.batches.forget();
        Ok(means)
    }
}

impl Evaluation {
    /// E g∘g, the mean square (1/N) Σ_b (∂ℓ_b/∂θ_i)² of each entry of the samples' gradients at θ: the diagonal of
    /// [`CurvedLoss::gradient_moment`](super::CurvedLoss::gradient_moment), also called the diagonal empirical Fisher. It sums up to the
    /// fluctuation E‖∇ℓ‖², and less ∇L∘∇L it is the diagonal of the gradients' covariance. No gradient of a
    /// single sample is formed.
    ///
    /// # Errors
    /// As [`Evaluation::loss`].
    pub fn gradient_moment_diagonal(
        &mut self,
        parameters: &[f64],
    ) -> Result<Vec<f64>, EvaluationError> {
        self.at(parameters)?;
        let (count, all) = (parameters.len(), self.samples() as f64);
        let mut diagonal = vec![0.0; count];
        self.batches.each(
            |batch, _, _| {
                let mut part = vec![0.0; count];
                batch.objective.mean_squares(&mut part);
                Ok((batch.weight(all), part))
            },
            |(weight, part)| add(&mut diagonal, weight, &part),
        )?;
        Ok(diagonal)
    }

    /// ∇ℓ·v of each sample at θ for each column v of `directions` (parameters × k): k × N. No gradient of a single sample is
    /// formed.
    ///
    /// # Errors
    /// As [`Evaluation::loss`]; or when the directions have another length.
    pub fn sample_slopes(
        &mut self,
        parameters: &[f64],
        directions: MatRef<'_, f64>,
    ) -> Result<Mat<f64>, EvaluationError> {
        self.at(parameters)?;
        if directions.nrows() != parameters.len() {
            return Err(EvaluationError::Shape {
                what: "directions",
                rows: directions.nrows(),
                columns: directions.ncols(),
                expected: format!("of {} rows", parameters.len()),
            });
        }
        let columns = directions.col_iter();
        let along: Vec<f64> = columns.flat_map(|v| v.iter().copied()).collect();
        let found = self.gather(directions.ncols(), |batch, slopes, _| {
            batch.objective.sample_slopes(parameters, &along, slopes);
            Ok(())
        });
        Ok(found?)
    }

    /// ∇ℓ of single samples at θ, a column for each number in `samples`: n × k numbers in memory, where
    /// everything else here gets by without. A sample counts from 0, in the order of the set.
    ///
    /// # Errors
    /// As [`Evaluation::loss`]; or when there is no such sample.
    pub fn sample_gradients(
        &mut self,
        parameters: &[f64],
        samples: &[usize],
    ) -> Result<Mat<f64>, EvaluationError> {
        self.at(parameters)?;
        if let Some(&found) = samples.iter().find(|&&sample| sample >= self.samples()) {
            return Err(EvaluationError::Count {
                what: "the number of a sample",
                found,
                expected: format!("at most {}", self.samples() - 1),
            });
        }
        let mut gradients = Mat::zeros(parameters.len(), samples.len());
        self.batches.each(
            |batch, _, _| {
                let mut found = Vec::new();
                for (column, sample) in samples.iter().enumerate() {
                    if batch.samples.contains(sample) {
                        let mut gradient = vec![0.0; parameters.len()];
                        let own = sample - batch.samples.start;
                        batch.objective.sample_gradient(own, &mut gradient);
                        found.push((column, gradient));
                    }
                }
                Ok(found)
            },
            |found| {
                for (column, gradient) in found {
                    let to = gradients.col_mut(column).iter_mut();
                    to.zip(gradient).for_each(|(to, g)| *to = g);
                }
            },
        )?;
        Ok(gradients)
    }

    /// `lines` numbers of each sample, as columns.
    pub(super) fn gather(
        &mut self,
        lines: usize,
        work: impl Fn(&mut Batch, &mut Block<f64>, &Stop) -> Result<(), Stopped> + Sync,
    ) -> Result<Mat<f64>, Stopped> {
        let mut all = Mat::zeros(lines, self.samples());
        self.batches.each(
            |batch, _, stop| {
                let mut block = Block::zeros(lines, batch.samples.len());
                work(batch, &mut block, stop)?;
                Ok((batch.samples.start, block))
            },
            |(start, block)| {
                for line in 0..lines {
                    for (i, &x) in block.lines().line(line).iter().enumerate() {
                        all[(line, start + i)] = x;
                    }
                }
            },
        )?;
        Ok(all)
    }
}
