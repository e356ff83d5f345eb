//! How far a prediction is to be believed, as data.

use serde::Serialize;
use thalweg::flow::{FiniteValidity, LeftOut, Validity};
use thalweg::problem::Problem;
use thalweg::random::NoiseLaw;
use thalweg::simulate::{Data, SampleSource, SimulateError, SimulateSettings};

/// A [`Validity`] or [`FiniteValidity`] with its verdict, the same in every command's JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Belief {
    /// Whether every number is within its limit, and the theory is of such runs.
    pub in_range: bool,
    /// Of the finite-step theory how near T is to SGD's, relative, as far as that was measured; null where it was not.
    pub accuracy: Option<f64>,
    /// η λ_max/2, the largest on the way; with what is added to SGD η (λ_max (1 + ρ λ_max) + λ)/(2 (1 + β)).
    pub stability_number: f64,
    /// The same at the limit.
    pub limit_stability_number: Option<f64>,
    /// η F/(2B ‖V√Σx‖²), the largest on the way; null where V√Σx = 0. Of the finite-step theory
    /// E‖(W_D…W_1 − V)√Σx‖²/‖V√Σx‖², of which that is the leading order.
    pub relative_weighted_fluctuation: f64,
    /// The same at the limit.
    pub limit_relative_weighted_fluctuation: Option<f64>,
    /// 1/(1 − s), s the stability number with the scatter of minibatches: these two count so many times in the verdict.
    pub amplification: f64,
    /// Of noise and signal.
    pub misalignment: f64,
    /// By how much T of SGD's own drift differs from T of a path by symmetric generators, relative, the largest at the steps asked for; null of other paths.
    pub own_drift: Option<f64>,
    /// Whether the own drift was followed; where it was not, the number is by how much T of the path changes within the minima.
    pub own_drift_followed: Option<bool>,
    /// ‖(W_D…W_1 − V)√Σx‖ / ‖V√Σx‖ of gradient descent at the last step; without the denominator where that is 0.
    pub distance: Option<f64>,
    /// The step from which on gradient descent is at the minima.
    pub arrival_step: Option<f64>,
    /// The relative change of T by noise on the way down.
    pub drift_before_arrival: Option<f64>,
    /// Whether runs with noise went all this way, and are counted in it; a long way in a large network would take too long.
    pub noise_tried: Option<bool>,
    /// What the prediction leaves out of the step's size and of additions to SGD: T with it, relative to T as predicted, less 1.
    pub left_out: Vec<PartLeftOut>,
    /// The sentence, where the theory is not to be believed as it stands.
    pub warning: Option<String>,
    /// The verdict in a sentence or two.
    #[serde(skip)]
    pub sentence: String,
}

/// Checks that minibatches of the set of `data`, if SGD is run on one without replacement, are not larger than it.
pub(crate) fn fits(data: &Data, batch: usize) -> Result<(), SimulateError> {
    match data.source {
        SampleSource::Finite {
            samples,
            replacement: false,
        } if batch > samples => Err(SimulateError::DataSetTooSmall { samples, batch }),
        _ => Ok(()),
    }
}

/// Degrees of Student's t from which on T of SGD was as predicted at B = 1 (2.5; at 2.1 it was 9 % higher).
const LEAST_DEGREES: f64 = 2.5;

/// `validity` where SGD is run on minibatches of so many samples of `data`, of the problem, and `switches` to gradient descent before its end.
pub(crate) fn believed_on(
    (problem, data): (&Problem, &Data),
    batch: usize,
    switches: bool,
    validity: Validity,
) -> Belief {
    let belief = Belief::from(match data.source {
        SampleSource::Online => validity,
        SampleSource::Finite {
            samples,
            replacement,
        } => {
            let epoch = (!replacement).then_some(samples as f64 / batch as f64);
            validity.on_set(problem, samples, epoch)
        }
    });
    let belief = belief.of_runs(data, switches);
    match data.source {
        SampleSource::Finite {
            samples,
            replacement: false,
        } if batch >= samples => belief.but_not_with(
            "minibatches of the whole set: without their noise it stays where it comes down, or goes where what acts beside the noise leads",
        ),
        _ => belief,
    }
}

/// That of the finite-step theory, which is for fresh samples alone.
pub(crate) fn finite_believed_on(data: &Data, switches: bool, validity: FiniteValidity) -> Belief {
    let belief = Belief::from(validity).of_runs(data, switches);
    match data.source {
        SampleSource::Online => belief,
        SampleSource::Finite { .. } => belief.but_not_with("a finite set of samples"),
    }
}

/// `validity` where SGD is run as `settings` say, to its end.
pub(crate) fn believed_in(
    problem: &Problem,
    settings: &SimulateSettings,
    validity: Validity,
) -> Belief {
    let switches = settings.switch.is_some();
    believed_on(
        (problem, &settings.data),
        settings.batch,
        switches,
        validity,
    )
}

impl Belief {
    /// The same of runs that the theory may not be of.
    fn of_runs(self, data: &Data, switches: bool) -> Self {
        let mut belief = self;
        if data.heteroscedasticity > 0.0 {
            belief = belief.but_not_with("noise that depends on x");
        }
        if let NoiseLaw::StudentT { degrees } = data.noise
            && degrees < LEAST_DEGREES
        {
            belief = belief
                .but_not_with("labels of such heavy tails, whose variance a few of them make");
        }
        if switches {
            belief = belief.but_not_with("a switch to gradient descent");
        }
        belief
    }

    /// The same for SGD with `what` the theory does not contain, however small the step.
    fn but_not_with(self, what: &str) -> Self {
        let mut sentence = format!(
            "The theory is not of SGD with {what}: how far its T is from this one is not known."
        );
        // That it is in range would speak of other runs.
        if !self.in_range {
            sentence = format!("{sentence} {}", self.sentence);
        }
        Self {
            in_range: false,
            warning: Some(sentence.clone()),
            sentence,
            ..self
        }
    }
}

/// What is left out of one thing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartLeftOut {
    /// Its field.
    pub of: &'static str,
    /// The relative change of T by it; infinite, and null in JSON, where its size is not known.
    pub relative_change: f64,
}

impl From<Validity> for Belief {
    fn from(validity: Validity) -> Self {
        let in_range = validity.in_range();
        let sentence = validity.sentence();
        let approach = validity.approach;
        Self {
            in_range,
            accuracy: None,
            stability_number: validity.stability,
            limit_stability_number: validity.limit_stability,
            relative_weighted_fluctuation: validity.relative_weighted_fluctuation,
            limit_relative_weighted_fluctuation: validity.limit_relative_weighted_fluctuation,
            amplification: validity.amplified,
            misalignment: validity.misalignment,
            own_drift: validity.own_drift.map(|own| own.largest),
            own_drift_followed: validity.own_drift.map(|own| own.is_followed),
            distance: approach.map(|approach| approach.distance),
            arrival_step: approach.map(|approach| approach.arrival),
            drift_before_arrival: approach.map(|approach| approach.drift),
            noise_tried: approach.map(|approach| approach.is_tried),
            left_out: validity.left_out.iter().map(part).collect(),
            warning: (!in_range).then(|| sentence.clone()),
            sentence,
        }
    }
}

impl From<FiniteValidity> for Belief {
    fn from(finite: FiniteValidity) -> Self {
        let sentence = finite.sentence();
        let warning = (!finite.in_range()).then(|| sentence.clone());
        Self {
            in_range: warning.is_none(),
            accuracy: finite.error(),
            stability_number: finite.stability,
            limit_stability_number: None,
            relative_weighted_fluctuation: finite.relative_weighted_fluctuation,
            limit_relative_weighted_fluctuation: None,
            amplification: 1.0,
            misalignment: 0.0,
            own_drift: None,
            own_drift_followed: None,
            distance: None,
            arrival_step: finite.arrival,
            drift_before_arrival: finite.arrival.map(|_| finite.drift),
            noise_tried: finite.arrival.map(|_| finite.is_tried),
            left_out: Vec::new(),
            warning,
            sentence,
        }
    }
}

fn part(left_out: &LeftOut) -> PartLeftOut {
    PartLeftOut {
        of: left_out.cause.key(),
        relative_change: left_out.change,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thalweg::faer::Mat;

    /// A minibatch is at most the set, and one that is all of it has no noise.
    #[test]
    fn minibatches_are_parts_of_their_set() {
        let set = Data {
            source: SampleSource::Finite {
                samples: 20,
                replacement: false,
            },
            ..Data::default()
        };
        assert!(fits(&set, 20).is_ok() && fits(&set, 21).is_err());
        let one = || Mat::identity(1, 1);
        let problem = Problem::new(one(), one(), one(), 2).unwrap();
        let told = |batch: usize| {
            let validity = Validity::at(&problem, [1.0, 1.0], 1e-6, batch);
            believed_on((&problem, &set), batch, false, validity).sentence
        };
        let words = "minibatches of the whole set";
        assert!(told(20).contains(words) && !told(10).contains(words));
    }
}
