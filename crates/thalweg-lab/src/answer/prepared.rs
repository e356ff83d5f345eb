//! A problem with what is added to plain SGD on it: what the theory's answers are about.

use std::borrow::Cow;

use thalweg::problem::Problem;
use thalweg::recipe::{Forces, Recipe};

use super::AnswerError;
use crate::provenance::mended_in;

/// A problem as SGD meets it: with the recipe's changes of labels and inputs in it, and its forces beside it.
#[derive(Clone, Debug)]
pub struct Prepared<'p> {
    /// The problem that is in effect learnt.
    pub problem: Cow<'p, Problem>,
    /// What is added to plain SGD.
    pub recipe: Recipe,
    /// What moves the weights along the minima beside plain noise.
    pub forces: Forces,
    /// η₁ = η/(1 − β) and B, where they are given.
    pub step: Option<(f64, usize)>,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "{field} acts against the noise, whose strength depends on the step: `learning_rate` and `batch` are needed beside it"
)]
struct NoStep {
    field: &'static str,
}

impl<'p> Prepared<'p> {
    /// `problem`, trained by `recipe` with learning rate η and B samples in a minibatch, where these are given.
    ///
    /// # Errors
    /// When the recipe does not fit the problem, or has an entry that says nothing without η and B.
    pub fn new(
        problem: &'p Problem,
        recipe: Recipe,
        step: Option<(f64, usize)>,
    ) -> Result<Self, AnswerError> {
        let needs_step = [
            ("weight_decay", recipe.weight_decay > 0.0),
            ("sam", recipe.sam.is_some()),
            ("hidden_dropout", recipe.hidden_dropout > 0.0),
        ];
        let learnt = recipe.problem(problem).map_err(AnswerError::input)?;
        if let (None, Some(&(field, _))) = (step, needs_step.iter().find(|(_, needed)| *needed)) {
            return Err(AnswerError::input(NoStep { field }));
        }
        let forces = step.map_or_else(Forces::default, |(rate, batch)| recipe.forces(rate, batch));
        Ok(Self {
            problem: match learnt {
                Cow::Owned(learnt) => Cow::Owned(learnt.recalling(mended_in(problem))),
                given => given,
            },
            step: step.map(|(rate, batch)| (recipe.effective_rate(rate), batch)),
            recipe,
            forces,
        })
    }

    /// `problem` under plain SGD.
    pub fn plain(problem: &'p Problem, step: Option<(f64, usize)>) -> Self {
        Self {
            problem: Cow::Borrowed(problem),
            recipe: Recipe::default(),
            forces: Forces::default(),
            step,
        }
    }

    /// The same, with a problem of its own.
    pub fn into_owned(self) -> Prepared<'static> {
        Prepared {
            problem: Cow::Owned(self.problem.into_owned()),
            recipe: self.recipe,
            forces: self.forces,
            step: self.step,
        }
    }

    /// What the theory makes of each entry of the recipe, in sentences.
    pub fn notes(&self) -> Vec<String> {
        let recipe = &self.recipe;
        let mut notes = Vec::new();
        if recipe.momentum > 0.0 {
            let effect = self
                .step
                .map_or(String::new(), |(rate, _)| format!(" = {rate}"));
            notes.push(format!(
                "Momentum acts as a learning rate of η/(1 − β){effect}: the same path and the same end, sooner."
            ));
        }
        if recipe.weight_decay > 0.0 {
            notes.push(format!(
                "Weight decay pulls along the minima beside the noise, with λB/η = {:.3}: SGD ends where F/4 + (λB/η) ½ Σ‖W_k‖² is least, \
                 and not where F is.",
                self.forces.decay
            ));
        }
        match recipe.sam {
            Some(sam) if sam.independent => notes.push(
                "SAM with a minibatch of its own for the ascent does nothing at order ρ, since the mean gradient at a minimum is 0; at order ρ² it \
                 pulls a little, which is left out here."
                    .to_owned(),
            ),
            Some(sam) if sam.normalised => notes.push(
                "SAM along the normalised gradient adds the potential ρ E‖g‖ of the minibatch's gradient to the noise's F/4 (to first order in ρ); \
                 E‖g‖ is a mean over minibatches that are drawn once."
                    .to_owned(),
            ),
            Some(_) => notes.push(format!(
                "SAM on the step's own minibatch makes the noise's drift 1 + 2ρ/η = {:.3} times as fast (to first order in ρ): the same path and the \
                 same end, sooner.",
                self.forces.noise
            )),
            None => {}
        }
        if !recipe.keeps_problem() {
            notes.push(
                "Changes of labels or inputs make another problem, with its own Σx, V and Σε: all numbers are of that one, which the training \
                 loss is of."
                    .to_owned(),
            );
        }
        if recipe.input_dropout > 0.0 {
            notes.push(
                "Dropout of inputs leaves the residual dependent on them: the numbers hold to leading order in p.".to_owned(),
            );
        }
        if recipe.hidden_dropout > 0.0 {
            notes.push(
                "Dropout of hidden units is taken as a potential along the minima, to first order in p; the gradient noise of its own, of the same \
                 order, is left out."
                    .to_owned(),
            );
        }
        if recipe.label_smoothing > 0.0 {
            notes.push(
                "With squared error, smoothing scales signal and noise alike: T/T_min stays."
                    .to_owned(),
            );
        }
        notes
    }
}
