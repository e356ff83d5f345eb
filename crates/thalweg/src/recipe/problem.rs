//! The problem that is in effect learnt, where labels or inputs are changed at each step.

use faer::{Mat, Side};

use super::{LabelWeights, Recipe, RecipeError};
use crate::problem::{Problem, Spectral};

/// Eigenvalues below this fraction of the largest count as zero.
const SINGULAR: f64 = 1e-14;

/// Σx′, V′ and Σε′ of [`Recipe::problem`], in the same network.
pub(super) fn learnt(recipe: &Recipe, problem: &Problem) -> Result<Problem, RecipeError> {
    let mut teacher = faer::Scale(1.0 - recipe.label_smoothing) * problem.teacher();
    let mut noise = label_noise(recipe, problem);
    let mut input = problem.input_covariance().to_owned();
    let weights = weights(recipe, &noise)?;
    if recipe.input_noise_covariance.is_some() || recipe.input_dropout > 0.0 {
        let clean = input.clone();
        if let Some(added) = &recipe.input_noise_covariance {
            input += added;
        }
        for i in 0..input.nrows() {
            input[(i, i)] /= 1.0 - recipe.input_dropout;
        }
        let shrink = inverse(&input)? * &clean;
        // What of x cannot be told from x̃, E Cov(x | x̃) = Σx − Σx Σx′⁻¹ Σx.
        let lost = &clean - &clean * &shrink;
        noise += &teacher * symmetric(&lost) * teacher.transpose();
        teacher = &teacher * shrink.transpose();
    }
    if let Some(weights) = weights {
        teacher = &weights * teacher;
        noise = &weights * noise * weights.transpose();
    }
    let hidden = &problem.widths()[1..problem.depth()];
    let learnt = Problem::with_hidden_widths(
        symmetric(&input),
        teacher,
        symmetric(&noise),
        problem.depth(),
        hidden,
    )?;
    Ok(learnt.under_input_dropout(recipe.input_dropout))
}

/// (1 − α)² Σε + S: the covariance of the labels' noise, smoothed and added to as they are, before M.
pub(super) fn label_noise(recipe: &Recipe, problem: &Problem) -> Mat<f64> {
    let kept = 1.0 - recipe.label_smoothing;
    let noise = faer::Scale(kept * kept) * problem.noise_covariance();
    match &recipe.added_noise_covariance {
        Some(added) => noise + added,
        None => noise,
    }
}

/// M for labels of this noise, if they are multiplied by anything.
pub(super) fn weights(recipe: &Recipe, noise: &Mat<f64>) -> Result<Option<Mat<f64>>, RecipeError> {
    match &recipe.label_weights {
        None => Ok(None),
        Some(LabelWeights::Matrix(weights)) => Ok(Some(weights.clone())),
        Some(LabelWeights::Whiten) => {
            let spectral =
                Spectral::of(noise.as_ref()).ok_or_else(|| not_converged("label_weights"))?;
            let (least, most) = (spectral.smallest(), spectral.largest());
            if least <= SINGULAR * most {
                return Err(RecipeError::NoiseSingular { least, most });
            }
            Ok(Some(spectral.map(|variance| 1.0 / variance.sqrt())))
        }
    }
}

/// Refuses weights that are no invertible matrix of this size.
pub(super) fn invertible(weights: Option<&LabelWeights>, size: usize) -> Result<(), RecipeError> {
    let field = "label_weights";
    let Some(LabelWeights::Matrix(weights)) = weights else {
        return Ok(());
    };
    let (rows, columns) = (weights.nrows(), weights.ncols());
    if (rows, columns) != (size, size) {
        return Err(RecipeError::Shape {
            field,
            rows,
            columns,
            size,
        });
    }
    let mut entries = weights.col_iter().flat_map(|column| column.iter());
    if let Some(&found) = entries.find(|entry| !entry.is_finite()) {
        return Err(RecipeError::OutOfRange {
            field,
            found,
            right: "finite in every entry",
        });
    }
    let values = weights
        .singular_values()
        .map_err(|_| not_converged(field))?;
    let (most, least) = (values[0], values[size - 1]);
    if !most.is_finite() || least <= SINGULAR * most {
        return Err(RecipeError::Singular { least, most });
    }
    Ok(())
}

/// Refuses what is no covariance of this size.
pub(super) fn fits(
    field: &'static str,
    covariance: Option<&Mat<f64>>,
    size: usize,
) -> Result<(), RecipeError> {
    let Some(covariance) = covariance else {
        return Ok(());
    };
    let (rows, columns) = (covariance.nrows(), covariance.ncols());
    if (rows, columns) != (size, size) {
        return Err(RecipeError::Shape {
            field,
            rows,
            columns,
            size,
        });
    }
    let refuse = |what: String| Err(RecipeError::Covariance { field, what });
    for j in 0..size {
        for i in 0..size {
            let (entry, mirror) = (covariance[(i, j)], covariance[(j, i)]);
            let at = |i: usize, j: usize| format!("row {}, column {}", i + 1, j + 1);
            if !entry.is_finite() {
                return refuse(format!("it has {entry} at {}", at(i, j)));
            }
            let scale = (covariance[(i, i)] * covariance[(j, j)]).abs().sqrt();
            if (entry - mirror).abs() > 1e-7 * scale {
                return refuse(format!(
                    "{entry} at {} is {mirror} at {}",
                    at(i, j),
                    at(j, i)
                ));
            }
        }
    }
    let values = symmetric(covariance)
        .self_adjoint_eigenvalues(Side::Lower)
        .map_err(|_| not_converged(field))?;
    let (least, most) = (values[0], values[size - 1].abs());
    if least < -1e-7 * most {
        return refuse(format!("it has the eigenvalue {least:e}"));
    }
    Ok(())
}

/// The inverse of a positive semi-definite matrix on its range.
fn inverse(matrix: &Mat<f64>) -> Result<Mat<f64>, RecipeError> {
    let spectral = Spectral::of(symmetric(matrix).as_ref())
        .ok_or_else(|| not_converged("input_noise_covariance"))?;
    let floor = SINGULAR * spectral.largest();
    Ok(spectral.map(|value| if value > floor { 1.0 / value } else { 0.0 }))
}

fn not_converged(field: &'static str) -> RecipeError {
    RecipeError::Covariance {
        field,
        what: "its eigenvalues do not converge".to_owned(),
    }
}

/// (M + Mᵀ)/2.
fn symmetric(matrix: &Mat<f64>) -> Mat<f64> {
    faer::Scale(0.5) * (matrix + matrix.transpose())
}
