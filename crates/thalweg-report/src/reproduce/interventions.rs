//! Beyond the paper: what label smoothing, dropout and augmentation do to the noise's anisotropy, and whether sharpness follows it.

use super::additions::{
    DIGITS_TRIALS, Data, HIDDEN, QUICK_TRIALS, SUBJECTS, Subject, TEACHER_HIDDEN, TEACHER_TRIALS,
};
use super::exhibit::Exhibit;
use super::plan::Plan;
use super::ran::Ran;
use super::trend::Trend;
use super::{Context, ReproduceError};
use crate::claims::{Claim, Tolerance, beyond};
use crate::plot::{Axis, Dash, Figure, Ink, Look, Marker, Panel, Point};
use crate::results::Budget;
use crate::statistics::PerTrial;
use thalweg_lab::quantity::{
    FLUCTUATION, LAMBDA_MAX, MISMATCH_CONDITION, Quantity, SHARPNESS, TRAINED_FLUCTUATION,
    TRAINED_LAMBDA_MAX, TRAINED_MISMATCH_CONDITION, TRAINED_SHARPNESS,
};
use thalweg_lab::spec::NetworkExperiment;

/// A quantity of the plain loss, the same of the loss that is descended; the figure calls them by the latter's symbol.
type Pair = (Quantity, Quantity);

const KAPPA: Pair = (MISMATCH_CONDITION, TRAINED_MISMATCH_CONDITION);
const DRAWN: [Pair; 4] = [
    KAPPA,
    (SHARPNESS, TRAINED_SHARPNESS),
    (LAMBDA_MAX, TRAINED_LAMBDA_MAX),
    (FLUCTUATION, TRAINED_FLUCTUATION),
];

/// Every subject at every strength.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let mut plan = Plan::default();
    for subject in &SUBJECTS {
        for strength in subject.strengths(budget) {
            let name = subject.name(strength);
            if plan.0.iter().all(|(known, _)| *known != name) {
                plan.network(name, subject.experiment(strength, budget)?);
            }
        }
    }
    Ok(plan)
}

/// A quantity's end at each strength, from none on: of the loss that is descended, which without addition is the plain one.
fn ends(
    subject: &Subject,
    (plain, trained): &Pair,
    ran: &Ran,
    budget: Budget,
) -> Result<Vec<PerTrial>, ReproduceError> {
    let strengths = subject.strengths(budget).into_iter();
    strengths
        .map(|strength| {
            let quantity = if strength > 0.0 { trained } else { plain };
            Ok(ran.network(&subject.name(strength))?.1.end(&quantity.key))
        })
        .collect()
}

/// What was measured of one subject.
struct Found<'a> {
    subject: &'a Subject,
    strengths: Vec<f64>,
    /// Each of [`DRAWN`].
    trained: Vec<Vec<PerTrial>>,
    /// T of the plain loss.
    plain: Vec<PerTrial>,
}

impl<'a> Found<'a> {
    fn new(subject: &'a Subject, ran: &Ran, budget: Budget) -> Result<Self, ReproduceError> {
        let trained = DRAWN
            .into_iter()
            .map(|pair| ends(subject, &pair, ran, budget));
        Ok(Self {
            subject,
            strengths: subject.strengths(budget),
            trained: trained.collect::<Result<_, _>>()?,
            plain: ends(subject, &(SHARPNESS, SHARPNESS), ran, budget)?,
        })
    }

    /// How T, of either loss, follows κ.
    fn trends(&self) -> [(&'static str, Trend<'_>); 2] {
        [("T*", &self.trained[1]), ("T", &self.plain)].map(|(symbol, follower)| {
            let of = &self.trained[0];
            (symbol, Trend { of, follower })
        })
    }

    fn claims(&self) -> Vec<Claim> {
        let what = self.subject.words();
        let kappa = &self.trained[0];
        let most = kappa[kappa.len() - 1].over(&kappa[0]);
        let mut claims = vec![Claim::ratio(
            format!(
                "{what}: at the largest strength the noise is more anisotropic than without, κ* grows"
            ),
            beyond("such additions change the noise’s anisotropy"),
            most.geometric_mean(),
            Tolerance::Above {},
        )];
        for (symbol, trend) in self.trends() {
            claims.push(Claim::new(
                format!("{what}: from strength to strength {symbol} rises and falls with κ*: b in {symbol} ∝ κ*^{{b}}"),
                beyond("sharpness grows with the noise’s condition number"),
                (trend.elasticity(), 0.0),
                "b = 0: it does not follow",
                Tolerance::Above {},
            ));
        }
        claims
    }

    /// Kendall's τ, for a reader.
    fn orders(&self) -> String {
        let [first, second] = self.trends().map(|(symbol, trend)| {
            let tau = trend
                .order()
                .map_or("–".to_owned(), |tau| format!("{tau:.2}"));
            format!("{symbol} {tau}")
        });
        format!("{}: {first}, {second}", self.subject.words())
    }

    fn panel(&self) -> Panel {
        let mut panel = Panel::new(
            self.subject.words(),
            Axis::linear(self.subject.addition.axis()),
            Axis::log("relative to none").including(1.0),
        );
        let named = DRAWN
            .into_iter()
            .map(|(_, trained)| trained.symbol.to_string());
        let drawn = named.zip(&self.trained);
        for (n, (name, values)) in drawn.chain([("T".to_owned(), &self.plain)]).enumerate() {
            let at = self.strengths.iter().zip(values);
            let points = at.filter_map(|(&x, value)| {
                let ratio = value.over(&values[0]).geometric_mean().ok()?;
                Some(ratio.point(x))
            });
            panel = panel.with(name, points.collect(), Look::measured(n));
        }
        panel
    }

    /// T* against κ*, both relative to none, at each strength.
    fn path(&self) -> Vec<Point> {
        let relative = |values: &[PerTrial], at: usize| {
            let ratio = values[at].over(&values[0]).geometric_mean();
            ratio.ok()
        };
        let at = 1..self.strengths.len();
        at.filter_map(|at| {
            let kappa = relative(&self.trained[0], at)?;
            Some(relative(&self.trained[1], at)?.point(kappa.value))
        })
        .collect()
    }
}

/// T* against κ* of all subjects, by their data.
fn together(found: &[Found<'_>]) -> Panel {
    let points = |data| {
        let own = found.iter().filter(move |found| found.subject.data == data);
        own.flat_map(Found::path).collect()
    };
    let other = Look {
        ink: Ink::Text,
        marker: Some(Marker::Square),
        ..Look::scattered(0)
    };
    Panel::new(
        "together",
        Axis::log("κ* relative to none").including(1.0),
        Axis::log("T* relative to none").including(1.0),
    )
    .with_level("", 1.0, Look::reference(Dash::Dotted))
    .with(
        "digits, all additions",
        points(Data::Digits),
        Look::scattered(5),
    )
    .with("teacher, all additions", points(Data::Teacher), other)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let budget = context.budget;
    let found: Vec<Found<'_>> = SUBJECTS
        .iter()
        .map(|subject| Found::new(subject, ran, budget))
        .collect::<Result<_, _>>()?;
    let mut panels: Vec<Panel> = found.iter().map(Found::panel).collect();
    panels.push(together(&found));
    let orders: Vec<String> = found.iter().map(Found::orders).collect();
    let mut settings = settings(budget)?;
    settings.push((
        "order",
        format!(
            "Kendall’s τ with κ* over the strengths, mean over trials: {}",
            orders.join("; ")
        ),
    ));
    Ok(Exhibit {
        caption: format!(
            "What label smoothing, dropout and augmentation do at growing strength, relative to none: κ*, the condition number of the mismatch \
             Λ^{{+1/2}}CΛ^{{+1/2}} between the residuals’ second moment and the curvature in the outputs, which is the anisotropy that the theory \
             asks about; sharpness T*, largest eigenvalue and fluctuation of the loss that is descended; and T of the plain loss. Last: T* against \
             κ*. Theory says that T over its least value grows with κ; but that least value changes with the addition, too. Geometric means and \
             standard errors of {} trials on digits (seeds) and {} with a teacher (a seed and a teacher each).",
            budget.choose(QUICK_TRIALS, DIGITS_TRIALS),
            budget.choose(QUICK_TRIALS, TEACHER_TRIALS),
        ),
        settings,
        claims: found.iter().flat_map(Found::claims).collect(),
        figure: Figure {
            description:
                "Anisotropy of the noise, sharpness, largest eigenvalue and fluctuation against the strength of seven additions"
                    .to_owned(),
            panels,
            columns: 4,
            frame: (220.0, 190.0),
        },
    })
}

fn settings(budget: Budget) -> Result<Vec<(&'static str, String)>, ReproduceError> {
    let of = |at: usize| SUBJECTS[at].experiment(0.0, budget);
    let (digits, taught) = (of(0)?, of(4)?);
    let words = |experiment: &NetworkExperiment| {
        format!(
            "η = {}, B = {}, {} steps, {} trials; {} samples for each",
            experiment.settings.optimizer.learning_rate().base,
            experiment.settings.batch,
            experiment.steps,
            experiment.seeds.len(),
            experiment.measure.samples
        )
    };
    let strengths = SUBJECTS.iter().map(|subject| {
        let all: Vec<String> = subject.strengths(budget)[1..]
            .iter()
            .map(f64::to_string)
            .collect();
        format!("{} {}", subject.words(), all.join(", "))
    });
    Ok(vec![
        (
            "digits",
            format!(
                "784-{HIDDEN}-10, ReLU, no biases, cross-entropy, labels as they are; {}; all of it on samples that are trained on, each changed \
                 as in training",
                words(&digits)
            ),
        ),
        (
            "teacher",
            format!(
                "4-8-4, ReLU, no biases, the teacher with {TEACHER_HIDDEN} hidden units, noise of deviation 1 on each output (with cross-entropy \
                 before the softmax); label smoothing with cross-entropy, the others with squared error; {}",
                words(&taught)
            ),
        ),
        ("strengths", strengths.collect::<Vec<_>>().join("; ")),
        (
            "trend",
            "b is fitted over all strengths and none, with a level for each trial; its error is the jackknife’s over trials".to_owned(),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::trials_by_hand as by_hand;

    /// Without addition κ = 4 and T = 3. At the first strength κ* is 2 and 3 times that in the two trials, at the last 5 and 7 times; T* goes
    /// as its square, and the plain T as its inverse.
    #[test]
    fn the_loss_that_is_descended_is_set_against_the_plain_one_without_addition() {
        let subject = &SUBJECTS[5];
        let strengths = subject.strengths(Budget::Tiny);
        assert_eq!(strengths, [0.0, 0.05, 0.4]);
        let trials = |name: &str| {
            let times = match name {
                _ if name == subject.name(0.05) => [2.0, 3.0],
                _ if name == subject.name(0.4) => [5.0, 7.0],
                _ => [1.0, 1.0],
            };
            let [kappa, sharp, plain] = [1, 2, -1].map(|power| times.map(|x: f64| x.powi(power)));
            let ends = |scale: f64, of: [f64; 2]| of.map(|x| [1.0, scale * x]);
            let [a, b] = ends(3.0, plain);
            let mut trials = by_hand(&[0, 10], &SHARPNESS.key, &[&a, &b]);
            let mut add = |quantity: &Quantity, ends: [[f64; 2]; 2]| {
                trials.add_by_hand(&quantity.key, &[&ends[0], &ends[1]]);
            };
            if name == subject.name(0.0) {
                add(&MISMATCH_CONDITION, ends(4.0, kappa));
            } else {
                add(&MISMATCH_CONDITION, [[9.0, 9.0]; 2]);
                add(&TRAINED_MISMATCH_CONDITION, ends(4.0, kappa));
                add(&TRAINED_SHARPNESS, ends(3.0, sharp));
            }
            trials
        };
        let ran = Ran::by_hand(plan(Budget::Tiny).unwrap(), trials);
        let found = Found::new(subject, &ran, Budget::Tiny).unwrap();
        let claims = found.claims();
        let measured: Vec<f64> = claims
            .iter()
            .map(|c| c.measured.clone().unwrap().value)
            .collect();
        for (found, expected) in measured.iter().zip([35f64.sqrt(), 2.0, -1.0]) {
            assert!((found - expected).abs() < 1e-12, "{measured:?}");
        }
        assert!(
            found.orders().ends_with("T* 1.00, T -1.00"),
            "{}",
            found.orders()
        );
        let kappa = &found.panel().series[0].points;
        assert!(
            (kappa[0].y, kappa[1].x) == (1.0, 0.05) && (kappa[1].y - 6f64.sqrt()).abs() < 1e-12
        );
        let path = found.path();
        assert!((path[1].x - 35f64.sqrt()).abs() < 1e-12 && (path[1].y - 35.0).abs() < 1e-12);
    }
}
