//! The trials of a figure beside what one predictor and the exact limit say of them: a [`Comparison`], as `simulate` makes
//! it of a run.

use super::ReproduceError;
use crate::claims::Range;
use crate::plot::Point;
use crate::statistics::{Missing, PerTrial, Trials};
use thalweg_lab::compare::{
    Answered, Comparison, ExactLimit, NoAnswer, Predicted, Predictor, Values,
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
        Ok(Self {
            comparison,
            missing,
        })
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
        seeds.zip(paths.iter().map(of)).collect()
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
        let belief = self.answer()?.belief.as_ref()?;
        Some(Range {
            stability: belief.stability_number,
            relative_weighted_fluctuation: belief.relative_weighted_fluctuation,
        })
    }

    /// The same at the limit, where there is one.
    pub fn limit_range(&self) -> Option<Range> {
        let belief = self.answer()?.belief.as_ref()?;
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

    fn answer(&self) -> Option<&Answered> {
        self.follower().answer.as_ref().ok()
    }

    fn place(&self, quantity: &Quantity) -> Option<usize> {
        let mut measured = self.comparison.measured.iter();
        measured.position(|measured| measured.quantity == *quantity)
    }
}
