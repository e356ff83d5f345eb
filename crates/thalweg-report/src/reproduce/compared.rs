//! The trials of a figure beside what one predictor and the exact limit say of them: a [`Comparison`], as `simulate` makes
//! it of a run. Where the step size is too large for that predictor, the finite-step theory stands beside them too.

use super::ReproduceError;
use crate::claims::{Beside, Range, SGD, Tolerance};
use crate::plot::{Look, Panel, Point};
use crate::statistics::{Missing, PerTrial, Trials};
use thalweg_lab::compare::{
    Answer, Answered, Belief, Comparison, ExactLimit, FiniteStep, NoAnswer, Predicted, Predictor,
    Question, Values, starts,
};
use thalweg_lab::quantity::{self, Quantity, average};
use thalweg_lab::spec::Experiment;
use thalweg_lab::store::StoredRun;

/// Trials beside a predictor that follows each from its own start, and beside the limit.
#[derive(Clone, Debug)]
pub struct Compared {
    comparison: Comparison,
    /// The trials, as they are missing where they have no prediction: they diverged.
    missing: Vec<Missing>,
    /// Where the trials are beyond the follower's range: the same beside the finite-step theory, or why that has no answer.
    finer: Option<Result<Box<Compared>, String>>,
}

/// The place of the limit in the list of predictors, after the one that follows the trials.
const LIMIT: usize = 1;

impl Compared {
    /// Compares `trials`, which ran `experiment`, with `predictor`.
    ///
    /// # Errors
    /// When the predictor has no answer, though some trial did not diverge.
    pub fn new(
        (experiment, trials): (&Experiment, &Trials),
        predictor: &'static dyn Predictor,
    ) -> Result<Self, ReproduceError> {
        let outcomes = trials.outcomes();
        let missing = outcomes.iter().map(|outcome| Missing {
            seed: outcome.seed,
            diverged_at: outcome.diverged_at,
        });
        let missing = missing.collect();
        let run = StoredRun {
            experiment: experiment.clone(),
            measurements: trials.measurements.clone(),
            outcomes,
        };
        let quantities = quantity::simulated(experiment.problem.depth());
        let comparison = Comparison::new(&run, &[predictor, &ExactLimit], quantities)?;
        match &comparison.predicted[0].answer {
            Err(reason) if !comparison.followed.is_empty() => {
                return Err(NoAnswer(reason.clone()).into());
            }
            _ => {}
        }
        let mut compared = Self {
            comparison,
            missing,
            finer: None,
        };
        let Experiment {
            problem, settings, ..
        } = experiment;
        let learnt = settings.recipe.problem(problem)?;
        if compared.is_out_of_range() && FiniteStep.concerns(&learnt, settings) {
            let finer = Self::new((experiment, trials), &FiniteStep);
            compared.finer = Some(finer.map(Box::new).map_err(|error| match error {
                ReproduceError::Path(NoAnswer(reason)) => reason,
                error => error.to_string(),
            }));
        }
        Ok(compared)
    }

    /// What decides about `quantity` at the end of the trials: this, where they are within its range, else the finite-step theory,
    /// where they are within that one's. So it is the simplest that is valid, and no measured value has a say in it.
    pub fn best(&self, quantity: &Quantity) -> Option<&Self> {
        let exceeded = self.range().is_some_and(Range::exceeded);
        if !self.is_finite_step() && !exceeded {
            return Some(self);
        }
        self.finite_step(quantity)
            .filter(|finer| finer.belief().is_some_and(|belief| belief.in_range))
    }

    /// The finite-step theory beside the trials, where it was asked and has the quantity.
    fn finite_step(&self, quantity: &Quantity) -> Option<&Self> {
        let finer = if self.is_finite_step() {
            self
        } else {
            self.finer.as_ref()?.as_ref().ok()?
        };
        let place = finer.place(quantity)?;
        finer.follower().series(place).is_some().then_some(finer)
    }

    /// The finite-step theory beside the trials, and where it has `quantity` end at the step size of `experiment`, after so many
    /// `steps`, with how near SGD is to be; nothing where it is not asked, or not within its range there. Where it ends no start matters: one is followed.
    ///
    /// # Errors
    /// When the start cannot be made.
    pub fn finite_step_end(
        &self,
        experiment: &Experiment,
        quantity: &Quantity,
        steps: f64,
    ) -> Result<Option<(&Self, f64, Tolerance)>, ReproduceError> {
        let Some(finer) = self.finite_step(quantity) else {
            return Ok(None);
        };
        let Experiment {
            problem, settings, ..
        } = experiment;
        let learnt = settings.recipe.problem(problem)?;
        let followed = finer.comparison.followed.first().copied();
        let question = Question {
            problem: &learnt,
            settings,
            starts: &starts(problem, settings, &Vec::from_iter(followed))?,
            steps: &[steps as u64],
            quantities: std::slice::from_ref(quantity),
        };
        let Ok(Answer {
            values: Values::Paths(paths),
            belief: Some(belief),
        }) = FiniteStep.answer(&question)
        else {
            return Ok(None);
        };
        let end = paths.first().and_then(|path| path.first()?[0]);
        let known = end.zip(belief.accuracy);
        Ok(known.map(|(end, relative)| (finer, end, Tolerance::Within { relative })))
    }

    /// What the others say of `quantity` at the end of the trials, beside what is `asked`: one that follows them, or else the limit.
    /// Nothing where that is this and within its range.
    pub fn beside(&self, asked: Option<&Self>, quantity: &Quantity) -> Vec<Beside> {
        let is_asked = |one: &Self| asked.is_some_and(|asked| std::ptr::eq(one, asked));
        let exceeded = self.range().is_some_and(Range::exceeded);
        let Some(finer) = self.finer.as_ref().filter(|_| exceeded || !is_asked(self)) else {
            return Vec::new();
        };
        let finer = finer.as_deref();
        let followers = [Some(self), finer.ok()].into_iter().flatten();
        let others = followers.filter(|one| !is_asked(one));
        let mut others: Vec<Beside> = others.filter_map(|one| one.said(quantity)).collect();
        others.extend(finer.err().map(|reason| Beside {
            by: FiniteStep.name().to_owned(),
            predicted: None,
            note: Some(reason.clone()),
        }));
        others.extend(asked.and_then(|_| self.limit_beside(quantity)));
        others
    }

    /// The exact limit, beside another prediction.
    pub fn limit_beside(&self, quantity: &Quantity) -> Option<Beside> {
        let predicted = self.limit(quantity).ok().filter(|limit| limit.is_finite());
        predicted.is_some().then(|| Beside {
            by: "exact limit, η → 0".to_owned(),
            predicted,
            note: None,
        })
    }

    /// The follower's number, if it has one, and how far it is to be believed, beside another's.
    fn said(&self, quantity: &Quantity) -> Option<Beside> {
        let predicted = Some(self.mean_end(quantity)).filter(|value| value.is_finite())?;
        let note = match self.belief() {
            Some(belief) if self.is_finite_step() && !belief.in_range => Some(format!(
                "beyond its range too, where the product fluctuates by {:.1} % and noise on the way down leaves T uncertain by {:.1} %",
                100.0 * belief.relative_weighted_fluctuation,
                100.0 * belief.drift_before_arrival.unwrap_or(0.0)
            )),
            _ => None,
        };
        Some(Beside {
            by: self.name().to_owned(),
            predicted: Some(predicted),
            note,
        })
    }

    /// How near to it SGD is to be, within its range: by what is known of the theory, and of no run.
    pub fn tolerance(&self) -> Tolerance {
        let accuracy = self.belief().and_then(|belief| belief.accuracy);
        accuracy.map_or(SGD, |relative| Tolerance::Within { relative })
    }

    fn is_finite_step(&self) -> bool {
        self.follower().key == FiniteStep.key()
    }

    fn is_out_of_range(&self) -> bool {
        let ranges = [self.range(), self.limit_range()];
        !self.is_finite_step() && ranges.into_iter().flatten().any(Range::exceeded)
    }

    /// The mean over the trials' predictions at each step; the spread of the starts is the measured band's.
    pub fn curve(&self, quantity: &Quantity) -> Vec<Point> {
        let series = self.place(quantity).and_then(|i| self.follower().series(i));
        let steps = self.comparison.steps.iter();
        let course = series.iter().flat_map(|series| &series.course);
        steps
            .zip(course)
            .map(|(&step, &value)| Point::exact(step as f64, value))
            .collect()
    }

    /// `panel` with the [`curve`](Self::curve) of what belongs to measurement `n`, and the finite-step theory's where that was asked; `called` makes
    /// their names.
    pub fn drawn_on(
        &self,
        panel: Panel,
        called: impl Fn(&str) -> String,
        quantity: &Quantity,
        n: usize,
    ) -> Panel {
        let panel = panel.with(called(self.name()), self.curve(quantity), Look::flow(n));
        let Some(finer) = self.finite_step(quantity) else {
            return panel;
        };
        // While the weights descend to the minima both are the same.
        let arrival = finer.belief().and_then(|belief| belief.arrival_step);
        let mut curve = finer.curve(quantity);
        curve.retain(|point| point.x >= arrival.unwrap_or(0.0));
        panel.with(called(FiniteStep.name()), curve, Look::finite_step(n))
    }

    /// For each trial that is followed, its seed and the predictions at each step.
    pub fn paths(&self, quantity: &Quantity) -> Vec<(u64, Vec<f64>)> {
        let (Some(place), Some(Values::Paths(paths))) =
            (self.place(quantity), self.answer().map(|a| &a.values))
        else {
            return Vec::new();
        };
        let of = |path: &Vec<Vec<Option<f64>>>| {
            let values = path.iter().map(|values| values[place]);
            values.map(|value| value.unwrap_or(f64::NAN)).collect()
        };
        let seeds = self.comparison.followed.iter().copied();
        // One path is that of all seeds, where they start alike.
        seeds.zip(paths.iter().cycle().map(of)).collect()
    }

    /// Each trial's mean over the last fifth of the steps.
    pub fn end(&self, quantity: &Quantity) -> PerTrial {
        let end = quantity::end(self.comparison.step);
        let paths = self.paths(quantity);
        let of = |missing: &Missing| {
            let own = paths.iter().find(|(seed, _)| *seed == missing.seed);
            let (_, path) = own.ok_or(*missing)?;
            let values = path.iter().zip(&self.comparison.steps);
            let values = values.filter(|(_, step)| end.contains(step));
            Ok(average(&values.map(|(value, _)| *value).collect::<Vec<_>>()).unwrap_or(f64::NAN))
        };
        PerTrial(self.missing.iter().map(of).collect())
    }

    /// The mean of [`end`](Self::end) over all trials.
    pub fn mean_end(&self, quantity: &Quantity) -> f64 {
        let ends: Vec<f64> = self.end(quantity).0.into_iter().flatten().collect();
        average(&ends).unwrap_or(f64::NAN)
    }

    /// The exact limit.
    ///
    /// # Errors
    /// When the problem has none.
    pub fn limit(&self, quantity: &Quantity) -> Result<f64, ReproduceError> {
        let limit = &self.comparison.predicted[LIMIT];
        if let Err(reason) = &limit.answer {
            return Err(NoAnswer(reason.clone()).into());
        }
        let series = self.place(quantity).and_then(|i| limit.series(i));
        Ok(series.map_or(f64::NAN, |series| series.end))
    }

    /// How far the trials are from η → 0⁺, at the worst point on the way.
    pub fn range(&self) -> Option<Range> {
        let belief = self.belief()?;
        Some(Range {
            stability: belief.stability_number,
            relative_weighted_fluctuation: belief.relative_weighted_fluctuation,
        })
    }

    /// The same at the limit, where there is one.
    pub fn limit_range(&self) -> Option<Range> {
        let belief = self.belief()?;
        Some(Range {
            stability: belief.limit_stability_number?,
            relative_weighted_fluctuation: belief.limit_relative_weighted_fluctuation?,
        })
    }

    /// What follows the trials, in a sentence.
    pub fn name(&self) -> &'static str {
        self.follower().name
    }

    /// Whether its numbers leave something out that SGD's have.
    pub fn leaves_something_out(&self) -> bool {
        self.follower().leaves_out.is_some()
    }

    fn follower(&self) -> &Predicted {
        &self.comparison.predicted[0]
    }

    fn belief(&self) -> Option<&Belief> {
        self.answer()?.belief.as_ref()
    }

    fn answer(&self) -> Option<&Answered> {
        self.follower().answer.as_ref().ok()
    }

    fn place(&self, quantity: &Quantity) -> Option<usize> {
        let mut measured = self.comparison.measured.iter();
        measured.position(|measured| measured.quantity == *quantity)
    }
}
