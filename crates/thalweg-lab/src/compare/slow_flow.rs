//! The slow flow from each seed's own start: down to the minima, then along them, by either drift.

use rayon::prelude::*;
use thalweg::flow::{
    self, Drift, LEAVES_OUT, MOST_OWN_DRIFT, Relaxation, Steps, Trajectory, Validity,
    own_drift_is_quick,
};
use thalweg::problem::Problem;
use thalweg::recipe::Forces;
use thalweg::simulate::SimulateSettings;

use super::predictor::{Answer, NoAnswer, Predictor, Question, SeedStart, Values};
use super::{Belief, believed_in};
use crate::run::is_reshuffled;

/// The most weights of a network that is followed without being asked for: from one start that takes a second or two.
const MOST_WEIGHTS_UNASKED: usize = 2000;

/// The relaxation of the slow flow by `drift` under `forces`, where it is known and quickly found. `problem` is the one that is in effect learnt.
pub(crate) fn quick_relaxation(
    drift: Drift,
    problem: &Problem,
    forces: Forces,
) -> Option<Relaxation> {
    flow::relaxation_is_quick(drift, problem, forces)
        .then(|| flow::relaxation_by(drift, problem, forces).ok())
        .flatten()
}

/// The flow by one drift.
pub struct SlowFlow {
    key: &'static str,
    name: &'static str,
    legend: &'static str,
    drift: Drift,
}

/// By symmetric generators, to Theorem 1's minimum.
pub static SLOW_FLOW: SlowFlow = SlowFlow {
    key: "slow_flow",
    name: "slow flow",
    legend: "slow flow from the same starts",
    drift: Drift::Symmetric,
};

/// By SGD's own drift, where noise and signal have different axes, or starts are not balanced.
pub static EXACT_DRIFT: SlowFlow = SlowFlow {
    key: "exact_drift",
    name: "exact drift",
    legend: "exact drift from the same starts",
    drift: Drift::Exact,
};

/// Whether T of SGD's own drift is another than that of the path of this verdict, by what is known.
pub(super) fn differs(belief: &Belief) -> bool {
    belief.own_drift.is_some_and(|off| off > MOST_OWN_DRIFT)
}

impl Predictor for SlowFlow {
    fn key(&self) -> &'static str {
        self.key
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn legend(&self, _: &Question<'_>) -> &'static str {
        self.legend
    }

    fn leaves_out(&self) -> Option<&'static str> {
        (self.drift == Drift::Symmetric).then_some(LEAVES_OUT)
    }

    fn concerns(&self, problem: &Problem, settings: &SimulateSettings) -> bool {
        let forces = settings
            .recipe
            .forces(settings.learning_rate, settings.batch);
        let needed = Drift::that_follows(problem, &forces);
        let turned = flow::is_turned(problem) && !is_reshuffled(&settings.data);
        match self.drift {
            Drift::Symmetric => needed == Drift::Symmetric,
            Drift::Exact => turned || needed == Drift::Exact,
        }
    }

    fn answer(&self, question: &Question<'_>) -> Result<Answer, NoAnswer> {
        let weights = question.problem.parameters();
        if weights > MOST_WEIGHTS_UNASKED {
            return Err(NoAnswer(format!(
                "the network has {weights} weights, and it is followed here up to {MOST_WEIGHTS_UNASKED}; `thalweg flow` follows larger ones"
            )));
        }
        if self.drift == Drift::Exact && !own_drift_is_quick(question.problem) {
            return Err(NoAnswer(
                "that takes more than seconds in a network of this size; `thalweg flow --drift exact` follows it".to_owned(),
            ));
        }
        if question.starts.is_empty() {
            return Err(NoAnswer::diverged());
        }
        let paths = question
            .starts
            .par_iter()
            .map(|from| self.path(question, from));
        let paths: Vec<Trajectory> = paths.collect::<Result<_, _>>()?;
        let asked = question.quantities;
        let values = paths.iter().map(|path| {
            let snapshots = path.snapshots.iter();
            snapshots
                .map(|snapshot| asked.iter().map(|q| q.on_flow(snapshot)).collect())
                .collect()
        });
        Ok(Answer {
            values: Values::Paths(values.collect()),
            belief: paths
                .iter()
                .filter_map(|path| path.validity.clone())
                .reduce(|worst, next: Validity| worst.worst(&next))
                .map(|validity| believed_in(question.problem, question.settings, validity)),
        })
    }
}

impl SlowFlow {
    /// The whole path from one start, at the steps in question; no answer where descent from there diverges or rests, or
    /// the integrator gives up.
    fn path(&self, question: &Question<'_>, from: &SeedStart) -> Result<Trajectory, NoAnswer> {
        let steps = Steps {
            learning_rate: question.effective_rate(),
            batch: question.settings.batch,
            steps: question.steps.to_vec(),
        };
        let accuracy = flow::FlowSettings {
            drift: self.drift,
            forces: question.forces(),
            momentum: question.settings.recipe.momentum,
            sam: question.settings.recipe.sam,
            ..flow::FlowSettings::default()
        };
        let step = (steps.learning_rate, steps.batch);
        let recipe = &question.settings.recipe;
        flow::decay_leaves_a_minimum(question.problem, recipe.weight_decay)
            .and_then(|()| flow::path(question.problem, &from.start, &steps, &accuracy))
            .and_then(|path| path.under(question.problem, recipe, step))
            .map_err(|error| NoAnswer(format!("from the start of seed {}: {error}", from.seeds[0])))
    }
}
