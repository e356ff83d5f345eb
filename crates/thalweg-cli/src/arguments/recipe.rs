//! What is added to plain SGD, on the command line.

use std::str::FromStr;

use clap::Args;
use faer::Mat;
use thalweg::problem::Problem;
use thalweg::recipe::{LabelWeights, Recipe, Sam};
use thalweg::words::shown;

use super::problem::diagonal;
use super::spectrum::Spectrum;
use super::step::number;
use crate::exit::Failure;

/// Each takes the place of the field of the same name in FILE.
#[derive(Debug, Args)]
#[command(next_help_heading = "Beside plain SGD")]
pub struct RecipeArguments {
    /// β, heavy-ball momentum: v ← β v + g, W ← W − η v
    #[arg(long, value_name = "β", value_parser = number, allow_hyphen_values = true)]
    momentum: Option<f64>,
    /// λ of weight decay: λ W is added to the gradient
    #[arg(long, value_name = "λ", value_parser = number, allow_hyphen_values = true)]
    weight_decay: Option<f64>,
    /// ρ of SAM (sharpness-aware minimisation): the gradient is taken at W + ρ g, g from the same minibatch
    #[arg(long, value_name = "ρ", value_parser = number, allow_hyphen_values = true)]
    sam: Option<f64>,
    /// SAM goes by ρ g/‖g‖ instead
    #[arg(long, requires = "sam")]
    sam_normalised: bool,
    /// SAM takes g from a minibatch of its own
    #[arg(long, requires = "sam")]
    sam_independent: bool,
    /// Standard deviations of noise added to the labels at each step, as --noise lists them
    #[arg(long, value_name = "SPECTRUM", allow_hyphen_values = true)]
    added_noise: Option<Spectrum>,
    /// Standard deviations of Gaussian noise added to the inputs at each step
    #[arg(long, value_name = "SPECTRUM", allow_hyphen_values = true)]
    input_noise: Option<Spectrum>,
    /// p: each input is set to 0 with this probability, else divided by 1 − p
    #[arg(long, value_name = "p", value_parser = number, allow_hyphen_values = true)]
    input_dropout: Option<f64>,
    /// p, the same of each hidden unit
    #[arg(long, value_name = "p", value_parser = number, allow_hyphen_values = true)]
    hidden_dropout: Option<f64>,
    /// α: labels y become (1 − α) y
    #[arg(long, value_name = "α", value_parser = number, allow_hyphen_values = true)]
    label_smoothing: Option<f64>,
    /// Weights on the outputs: the network learns them times the labels; `whiten` makes their own noise equal on all
    #[arg(long, value_name = "WEIGHTS", allow_hyphen_values = true)]
    label_weights: Option<Weights>,
}

impl RecipeArguments {
    /// `recipe`, which a file gave for `problem`, with what the flags say in its place.
    ///
    /// # Errors
    /// When a flag does not fit the problem.
    pub fn over(&self, recipe: Recipe, problem: &Problem) -> Result<Recipe, Failure> {
        let noise = |flag, given: &Option<Spectrum>, size| {
            let given = given.as_ref();
            given
                .map(|spectrum| diagonal(flag, spectrum, size))
                .transpose()
        };
        let sam = self.sam.map(|radius| Sam {
            radius,
            normalised: self.sam_normalised,
            independent: self.sam_independent,
        });
        let added = noise("added-noise", &self.added_noise, problem.output_dim())?;
        let input = noise("input-noise", &self.input_noise, problem.input_dim())?;
        let recipe = Recipe {
            momentum: self.momentum.unwrap_or(recipe.momentum),
            weight_decay: self.weight_decay.unwrap_or(recipe.weight_decay),
            sam: sam.or(recipe.sam),
            added_noise_covariance: added.or(recipe.added_noise_covariance),
            input_noise_covariance: input.or(recipe.input_noise_covariance),
            input_dropout: self.input_dropout.unwrap_or(recipe.input_dropout),
            hidden_dropout: self.hidden_dropout.unwrap_or(recipe.hidden_dropout),
            label_smoothing: self.label_smoothing.unwrap_or(recipe.label_smoothing),
            label_weights: match &self.label_weights {
                None => recipe.label_weights,
                Some(Weights(None)) => Some(LabelWeights::Whiten),
                Some(Weights(Some(list))) => {
                    let outputs = problem.output_dim();
                    if list.len() != outputs {
                        let given: Vec<String> = list.iter().map(|w| shown(*w)).collect();
                        return Err(Failure::input(WeightCount {
                            given: given.join(","),
                            outputs,
                        }));
                    }
                    Some(LabelWeights::Matrix(diagonal_of(list)))
                }
            },
        };
        recipe.validate(problem).map_err(Failure::input)?;
        Ok(recipe)
    }
}

/// Too few weights, or too many. A single one is not repeated: it would change the scale alone.
#[derive(Debug, thiserror::Error)]
#[error(
    "--label-weights is {given}, and the problem has d_y = {outputs}: write a number other than 0 for each output, separated by commas, or whiten"
)]
struct WeightCount {
    given: String,
    outputs: usize,
}

/// `whiten`, or a weight for each output.
#[derive(Clone, Debug)]
struct Weights(Option<Vec<f64>>);

impl FromStr for Weights {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "whiten" {
            return Ok(Self(None));
        }
        let weights = text.split(',').map(|part| {
            number(part).map_err(|_| {
                format!("`{part}` is no weight: write whiten, or a number for each output")
            })
        });
        Ok(Self(Some(weights.collect::<Result<_, _>>()?)))
    }
}

fn diagonal_of(list: &[f64]) -> Mat<f64> {
    Mat::from_fn(
        list.len(),
        list.len(),
        |i, j| if i == j { list[i] } else { 0.0 },
    )
}
