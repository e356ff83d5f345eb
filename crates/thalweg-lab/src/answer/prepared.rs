//! A problem with what is added to plain SGD on it: what the theory's answers are about.

use std::borrow::Cow;

use thalweg::flow::{self, Drift};
use thalweg::problem::Problem;
use thalweg::recipe::{Forces, Recipe};
use thalweg::theory::Minimum;
use thalweg::words::rounded;

use super::AnswerError;
use crate::compare::drift_to_end;
use crate::provenance::mended_in;
use crate::run::{forces_on, notes_on};
use crate::spec::Data;

/// A problem as SGD meets it: with the recipe's changes of labels and inputs in it, and its forces beside it.
#[derive(Clone, Debug)]
pub struct Prepared<'p> {
    /// The problem that is in effect learnt.
    pub problem: Cow<'p, Problem>,
    /// What is added to plain SGD.
    pub recipe: Recipe,
    /// What moves the weights along the minima beside plain noise.
    pub forces: Forces,
    /// η, where it is given.
    pub learning_rate: Option<f64>,
    /// η₁ = η/(1 − β) and B, where they are given.
    pub step: Option<(f64, usize)>,
    /// The law of the samples that SGD is run on: theory and flow are for fresh ones.
    pub data: Data,
    /// Whether that run switches to gradient descent before its end, of which the theory is not.
    pub switches: bool,
    /// Whether the end is to be that of the exact drift also where noise alone moves the weights, or symmetric generators follow all forces: it is
    /// another one where noise and signal have different axes.
    pub followed: bool,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "{field} acts against the noise, whose strength depends on the step: `learning_rate` and `batch` are needed beside it"
)]
struct NoStep {
    field: &'static str,
}

/// About one standard error of T under SAM's normalised ascent, relatively, and not a bound: E‖g‖ is a mean over minibatches that are drawn once.
/// In three problems the standard error of such a draw was 0.2, 0.2 and 0.5 %, and T was 0.3, 0.3 and 0.7 % above that of 200,000 minibatches.
const ERROR_OF_ASCENT: f64 = 3e-3;

/// The digits that such an error leaves.
const DIGITS_OF_ASCENT: usize = 3;

fn drawn_error(forces: &Forces) -> f64 {
    if forces.ascent > 0.0 {
        ERROR_OF_ASCENT
    } else {
        0.0
    }
}

/// How many significant digits of T, F and λ_max are known of `problem` under `forces`.
pub(crate) fn known_digits(problem: &Problem, forces: &Forces) -> usize {
    let digits = problem.known_digits();
    if drawn_error(forces) > 0.0 {
        digits.min(DIGITS_OF_ASCENT)
    } else {
        digits
    }
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
        flow::decay_leaves_a_minimum(&learnt, recipe.weight_decay).map_err(AnswerError::input)?;
        let forces = step.map_or_else(Forces::default, |(rate, batch)| recipe.forces(rate, batch));
        Ok(Self {
            problem: match learnt {
                Cow::Owned(learnt) => Cow::Owned(learnt.recalling(mended_in(problem))),
                given => given,
            },
            learning_rate: step.map(|(rate, _)| rate),
            step: step.map(|(rate, batch)| (recipe.effective_rate(rate), batch)),
            recipe,
            forces,
            data: Data::default(),
            switches: false,
            followed: false,
        })
    }

    /// The same where SGD is run on `data`, and may switch to gradient descent before its end.
    #[must_use]
    pub fn on(self, data: Data, switches: bool) -> Self {
        let step = self.learning_rate.zip(self.step);
        let forces = step.map_or(self.forces, |(rate, (_, batch))| {
            forces_on(&data, &self.recipe, (rate, batch))
        });
        Self {
            data,
            switches,
            forces,
            ..self
        }
    }

    /// Whether the end is the one of a flow, and has no closed form.
    pub fn has_flow_to_end(&self) -> bool {
        self.followed || !flow::ends_at_theorem_1(&self.problem, &self.forces)
    }

    /// The same with the end of the exact drift where noise and signal have different axes and more than noise moves the weights, if it is quickly found.
    #[must_use]
    pub fn by_own_drift(self) -> Self {
        let drift = drift_to_end(&self.problem, self.forces, &self.data);
        self.by_exact_drift(drift == Drift::Exact)
    }

    /// The same with the end of the exact drift, where `followed`.
    #[must_use]
    pub(crate) fn by_exact_drift(self, followed: bool) -> Self {
        Self { followed, ..self }
    }

    /// `problem` under plain SGD.
    pub fn plain(problem: &'p Problem, step: Option<(f64, usize)>) -> Self {
        Self {
            problem: Cow::Borrowed(problem),
            recipe: Recipe::default(),
            forces: Forces::default(),
            learning_rate: step.map(|(rate, _)| rate),
            step,
            data: Data::default(),
            switches: false,
            followed: false,
        }
    }

    /// The same, with a problem of its own.
    pub fn into_owned(self) -> Prepared<'static> {
        Prepared {
            problem: Cow::Owned(self.problem.into_owned()),
            recipe: self.recipe,
            forces: self.forces,
            learning_rate: self.learning_rate,
            step: self.step,
            data: self.data,
            switches: self.switches,
            followed: self.followed,
        }
    }

    /// A bound on the relative error of T, F and λ_max that comes from rounding, or from the minibatches that are drawn for E‖g‖.
    pub fn uncertainty(&self) -> f64 {
        self.problem.uncertainty().max(drawn_error(&self.forces))
    }

    /// How many significant digits of T, F and λ_max are known.
    pub fn known_digits(&self) -> usize {
        known_digits(&self.problem, &self.forces)
    }

    /// What the theory makes of each entry of the recipe, in sentences.
    pub fn notes(&self) -> Vec<String> {
        let recipe = &self.recipe;
        let mut notes = notes_on(&self.data);
        notes.extend(self.note_on_epochs());
        let rate = self.rate();
        if recipe.momentum > 0.0 {
            let effect = self
                .step
                .map_or(String::new(), |(rate, _)| format!(" = {}", rounded(rate)));
            notes.push(format!(
                "Along the minima momentum acts as a learning rate of η₁ = η/(1 − β){effect}: the same path and the same end, sooner. The \
                 way down to them is heavy ball's own, and may reach them elsewhere."
            ));
        }
        if recipe.weight_decay > 0.0 {
            notes.push(self.note_on_decay());
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
            Some(_) if flow::is_turned(&self.problem) => notes.push(format!(
                "SAM on the step's own minibatch lowers F by its gradient, 2ρ/{rate} = {} times as strongly as plain noise where noise and signal share their \
                 axes (to first order in ρ). Here they do not, and noise alone leads elsewhere: with SAM SGD is sooner, and ends nearer to where F is least.",
                rounded(self.forces.gradient),
            )),
            Some(_) => notes.push(format!(
                "SAM on the step's own minibatch makes the noise's drift 1 + 2ρ/{rate} = {} times as fast (to first order in ρ): the same path and the \
                 same end{}, sooner.",
                rounded(1.0 + self.forces.gradient),
                if self.forces.decay > 0.0 { " as such noise has" } else { "" }
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
                "Dropout of inputs leaves the residual dependent on them: F has that, and the end is where the exact drift, which follows such noise, \
                 rests."
                    .to_owned(),
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

    /// What the relaxation time is not of, where every hidden layer has directions that the teacher does not use.
    pub fn note_on_unused_units(&self) -> Option<&'static str> {
        let problem: &Problem = &self.problem;
        let rank = Minimum::of_sgd(problem).map_or(usize::MAX, |minimum| minimum.rank());
        let hidden = &problem.widths()[1..problem.depth()];
        let are_unused = !hidden.is_empty() && hidden.iter().all(|&width| width > rank);
        are_unused.then_some(
            "The relaxation time is that of the hidden directions which carry the teacher. Others, which it does not use, die out more slowly, and with three layers or more not even \
             exponentially.",
        )
    }

    /// What drawing each sample once in an epoch makes of the noise, where that is more than a percent.
    fn note_on_epochs(&self) -> Option<String> {
        let (rate, (_, batch)) = self.learning_rate.zip(self.step)?;
        let plain = self.recipe.forces(rate, batch);
        let left = (self.forces.noise - self.forces.gradient) / (plain.noise - plain.gradient);
        (left < 0.99).then(|| {
            format!(
                "Each sample is drawn once in an epoch, in which a part of the noise undoes itself: {:.0} % of it remains{}. SGD is as much slower along the minima, and what \
                 acts beside the noise weighs as much more.",
                100.0 * left,
                if self.recipe.momentum > 0.0 {
                    ", momentum counted in"
                } else {
                    ""
                }
            )
        })
    }

    /// Whether V√Σx is 0.
    pub(super) fn has_no_signal(&self) -> bool {
        let signal = self.problem.teacher() * self.problem.input_factor().matrix();
        signal.norm_l2() == 0.0
    }

    /// The symbol of the effective learning rate.
    pub fn rate(&self) -> &'static str {
        if self.recipe.momentum > 0.0 {
            "η₁"
        } else {
            "η"
        }
    }

    /// What decay does, and where that ends, if it has a potential there.
    fn note_on_decay(&self) -> String {
        let Forces { noise, decay, .. } = self.forces;
        let rate = self.rate();
        if self.problem.depth() == 1 {
            return "Under weight decay one layer has one minimum, that of ridge regression, W = V Σx (Σx + λ)⁻¹. T and λ_max are as without \
                    it; `predict` has F at this minimum, and `flow` and `simulate` the label noise's part of it. The singular values listed are those of V."
                .to_owned();
        }
        let strength = format!("with λB/{rate} = {}", rounded(decay));
        if self.has_no_signal() {
            return format!(
                "Weight decay pulls along the minima beside the noise, {strength}: both have their least potential in the network at 0, where SGD ends."
            );
        }
        let is_potential = Drift::that_follows(&self.problem, &self.forces) == Drift::Symmetric
            && !flow::is_turned(&self.problem);
        if !is_potential {
            return format!("Weight decay pulls along the minima beside the noise, {strength}.");
        }
        let fluctuation = if noise == 1.0 {
            "F/4".to_owned()
        } else {
            format!("{} F/4", rounded(noise))
        };
        format!(
            "Weight decay pulls along the minima beside the noise, {strength}: SGD ends where {fluctuation} + (λB/{rate}) ½ Σ‖W_k‖² is least, \
             and not where F is."
        )
    }
}
