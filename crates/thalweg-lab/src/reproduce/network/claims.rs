//! The claims that figures of networks make, each with the seeds' error.

use super::super::Budget;
use super::super::claim::{Claim, Tolerance};
use super::super::trials::PerSeed;
use super::observable::NetworkObservable;
use super::pair::Pair;
use super::runs::NetworkTrials;
use super::settings::Model;

/// Standard errors that make a difference clear. With five seeds and no difference, normal values are
/// this far above in 2 % of all cases (Student's t, 4 degrees of freedom).
const CLEAR: f64 = 3.0;

/// The claim that a quantity ends larger under anisotropic noise, by its `ratio` to isotropic noise,
/// seed by seed: pairs share their initial weights.
pub fn larger(what: &str, source: &str, quantity: &str, ratio: &PerSeed) -> Claim {
    Claim::sampled(
        format!("{what}: {quantity} ends larger under anisotropic noise (ratio to isotropic)"),
        source,
        (ratio.estimate(), 1.0),
        "no difference",
        Tolerance::AtLeast { errors: CLEAR },
    )
}

impl NetworkObservable {
    /// Each seed's end under anisotropic noise over its end under isotropic noise.
    pub fn ratio(self, anisotropic: &NetworkTrials, isotropic: &NetworkTrials) -> PerSeed {
        let ends = [anisotropic, isotropic].map(|runs| self.end(runs));
        ends[0].with(&ends[1], |anisotropic, isotropic| anisotropic / isotropic)
    }

    /// What `source` claims of the `model` called `what` under two noises; for the fluctuation, that it falls.
    pub fn pair_claims(
        self,
        source: &str,
        model: Model,
        what: &str,
        pair: &Pair,
        budget: Budget,
    ) -> Vec<Claim> {
        let [anisotropic, isotropic] = [&*pair.runs[0], &*pair.runs[1]];
        if self == Self::Fluctuation {
            let falls = |kind, runs| self.falls(&format!("{what}, {kind} noise"), runs);
            return vec![
                falls("anisotropic", anisotropic),
                falls("isotropic", isotropic),
            ];
        }
        let ratio = self.ratio(anisotropic, isotropic);
        let mut claims = vec![larger(what, source, self.name(), &ratio)];
        if let (Model::Relu, Budget::Full) = (model, budget) {
            for ((kind, range), runs) in
                self.independent().into_iter().zip([anisotropic, isotropic])
            {
                claims.push(self.lies_in(&format!("{what}, {kind} noise"), runs, range));
            }
        }
        claims
    }

    /// The claim that SGD lowers the quantity, from a tenth of the run to its end.
    fn falls(self, what: &str, runs: &NetworkTrials) -> Claim {
        let early = runs.steps.partition_point(|&step| step < runs.last() / 10);
        let change = self
            .end(runs)
            .with(&self.at(runs, early), |end, begin| end / begin);
        Claim::sampled(
            format!(
                "{what}: {} falls from a tenth of the run to its end (ratio)",
                self.name()
            ),
            "beyond the paper",
            (change.estimate(), 1.0),
            "no change",
            Tolerance::AtMost { errors: CLEAR },
        )
    }

    /// Where independent programs, with other seeds, saw the ReLU network end after 10⁵ steps.
    fn independent(self) -> [(&'static str, (f64, f64)); 2] {
        if self == Self::Sharpness {
            [("anisotropic", (22.0, 39.0)), ("isotropic", (10.0, 14.0))]
        } else {
            [("anisotropic", (8.0, 13.0)), ("isotropic", (2.9, 3.6))]
        }
    }

    fn lies_in(self, what: &str, runs: &NetworkTrials, (low, high): (f64, f64)) -> Claim {
        Claim::sampled(
            format!("{what}: {} ends between {low} and {high}", self.name()),
            "independent runs in another framework",
            (self.end(runs).estimate(), 0.5 * (low + high)),
            "middle of that range",
            Tolerance::Within {
                relative: (high - low) / (high + low),
                errors: 0.0,
            },
        )
    }
}
