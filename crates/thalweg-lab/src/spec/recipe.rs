//! What is added to plain SGD, as a file says it.

use thalweg::faer::Mat;
use thalweg::recipe::{LabelWeights, Recipe, Sam};

use super::error::Fault;
use super::field::Field;
use super::matrix::{covariance, matrix, to_node};
use super::node::Node;

/// The fields of a recipe, which stand at the top of a file.
pub const RECIPE_FIELDS: &[&str] = &[
    "momentum",
    "weight_decay",
    "sam",
    "added_noise_covariance",
    "input_noise_covariance",
    "input_dropout",
    "hidden_dropout",
    "label_smoothing",
    "label_weights",
];

/// The recipe in the fields of `root`; what it does not name is not added.
///
/// # Errors
/// When a field is of the wrong kind. Whether it fits the problem is seen where it is used.
pub fn recipe(root: &Field<'_>) -> Result<Recipe, Fault> {
    let number = |key| root.optional(key).map_or(Ok(0.0), |field| field.number());
    let added = |key| {
        let field = root.optional(key);
        field.map(|field| covariance(&field)).transpose()
    };
    Ok(Recipe {
        momentum: number("momentum")?,
        weight_decay: number("weight_decay")?,
        sam: root.optional("sam").map(|field| sam(&field)).transpose()?,
        added_noise_covariance: added("added_noise_covariance")?,
        input_noise_covariance: added("input_noise_covariance")?,
        input_dropout: number("input_dropout")?,
        hidden_dropout: number("hidden_dropout")?,
        label_smoothing: number("label_smoothing")?,
        label_weights: root
            .optional("label_weights")
            .map(|field| weights(&field))
            .transpose()?,
    })
}

/// The word `whiten`, a matrix, or the numbers on the diagonal of one.
fn weights(field: &Field<'_>) -> Result<LabelWeights, Fault> {
    match field.text() {
        Ok(WHITEN) => Ok(LabelWeights::Whiten),
        Ok(_) => Err(field.not("\"whiten\", a list of numbers or a matrix")),
        Err(_) => Ok(LabelWeights::Matrix(match field.numbers() {
            Ok(diagonal) if !diagonal.is_empty() => {
                let size = diagonal.len();
                Mat::from_fn(size, size, |i, j| if i == j { diagonal[i] } else { 0.0 })
            }
            _ => matrix(field)?,
        })),
    }
}

const WHITEN: &str = "whiten";

/// ρ alone, or a table.
fn sam(field: &Field<'_>) -> Result<Sam, Fault> {
    if let Ok(radius) = field.number() {
        return Ok(Sam {
            radius,
            normalised: false,
            independent: false,
        });
    }
    field.only(&["radius", "normalised", "independent"])?;
    let flag = |key| field.optional(key).map_or(Ok(false), |f| f.flag());
    Ok(Sam {
        radius: field
            .required("radius", "ρ > 0, how far the ascent goes,")?
            .number()?,
        normalised: flag("normalised")?,
        independent: flag("independent")?,
    })
}

/// The fields that read back as `recipe`: momentum and weight decay always, of the others those that add anything.
pub(crate) fn entries(recipe: &Recipe) -> Vec<(&'static str, Node)> {
    let mut entries = vec![
        ("momentum", recipe.momentum.into()),
        ("weight_decay", recipe.weight_decay.into()),
    ];
    if let Some(Sam {
        radius,
        normalised,
        independent,
    }) = recipe.sam
    {
        let fields = [
            ("radius", radius.into()),
            ("normalised", normalised.into()),
            ("independent", independent.into()),
        ];
        entries.push(("sam", fields.into()));
    }
    for (key, matrix) in [
        ("added_noise_covariance", &recipe.added_noise_covariance),
        ("input_noise_covariance", &recipe.input_noise_covariance),
    ] {
        if let Some(matrix) = matrix {
            entries.push((key, to_node(matrix.as_ref())));
        }
    }
    for (key, value) in [
        ("input_dropout", recipe.input_dropout),
        ("hidden_dropout", recipe.hidden_dropout),
        ("label_smoothing", recipe.label_smoothing),
    ] {
        if value != 0.0 {
            entries.push((key, value.into()));
        }
    }
    match &recipe.label_weights {
        None => {}
        Some(LabelWeights::Whiten) => entries.push(("label_weights", WHITEN.into())),
        Some(LabelWeights::Matrix(weights)) => {
            entries.push(("label_weights", to_node(weights.as_ref())));
        }
    }
    entries
}
