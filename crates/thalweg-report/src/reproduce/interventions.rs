//! Beyond the paper: what label smoothing, dropout and augmentation do to the noise's anisotropy, and whether sharpness follows it.

use thalweg::data::{LabelNoise, Place};
use thalweg::loss::Loss;
use thalweg::model::{Mlp, Network};
use thalweg::tensor::Activation;
use thalweg::train::{Change, InputNoise, Shifts, Smoothing};

use super::digits::digits;
use super::exhibit::Exhibit;
use super::network::{CROSS_ENTROPY, Choice, Model, SQUARED_ERROR};
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
use thalweg_lab::sources::NetworkSource;
use thalweg_lab::spec::{NetworkExperiment, Schedule, Spacing};

/// What is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Addition {
    Smoothing,
    Dropout,
    Noise,
    Shifts,
}

/// On which data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Data {
    Digits,
    Teacher,
}

/// An addition on some data, at five strengths beside none.
struct Subject {
    data: Data,
    addition: Addition,
    strengths: [f64; 5],
}

const fn subject(data: Data, addition: Addition, strengths: [f64; 5]) -> Subject {
    Subject {
        data,
        addition,
        strengths,
    }
}

const SUBJECTS: [Subject; 7] = [
    subject(
        Data::Digits,
        Addition::Smoothing,
        [0.05, 0.1, 0.2, 0.4, 0.6],
    ),
    subject(Data::Digits, Addition::Dropout, [0.1, 0.2, 0.3, 0.5, 0.7]),
    subject(Data::Digits, Addition::Noise, [0.2, 0.4, 0.8, 1.2, 1.6]),
    subject(Data::Digits, Addition::Shifts, [1.0, 2.0, 3.0, 4.0, 6.0]),
    subject(
        Data::Teacher,
        Addition::Smoothing,
        [0.05, 0.1, 0.2, 0.4, 0.6],
    ),
    subject(
        Data::Teacher,
        Addition::Dropout,
        [0.02, 0.05, 0.1, 0.2, 0.4],
    ),
    subject(Data::Teacher, Addition::Noise, [0.1, 0.2, 0.4, 0.8, 1.6]),
];

/// Trials on the digits.
const DIGITS_TRIALS: usize = 5;
/// Trials with a teacher, of which each draws its own.
const TEACHER_TRIALS: usize = 10;
/// Trials of either at the quick budget.
const QUICK_TRIALS: usize = 3;
const DIGITS_STEPS: u64 = 3000;
const TEACHER_STEPS: u64 = 20_000;
const HIDDEN: usize = 32;
/// The student's widths; its teacher has 100 hidden units.
const STUDENT: [usize; 3] = [4, 8, 4];
const TEACHER_HIDDEN: usize = 100;
const SAMPLES: usize = 1000;
/// Measured at the start, and so often in the last fifth and once at its end.
const IN_THE_END: usize = 4;

/// A quantity of the plain loss, the same of the loss that is descended, and how both are called in the figure.
type Pair = (Quantity, Quantity);

const KAPPA: Pair = (MISMATCH_CONDITION, TRAINED_MISMATCH_CONDITION);
const DRAWN: [Pair; 4] = [
    KAPPA,
    (SHARPNESS, TRAINED_SHARPNESS),
    (LAMBDA_MAX, TRAINED_LAMBDA_MAX),
    (FLUCTUATION, TRAINED_FLUCTUATION),
];

impl Addition {
    fn word(self) -> &'static str {
        match self {
            Self::Smoothing => "smoothing",
            Self::Dropout => "dropout",
            Self::Noise => "input-noise",
            Self::Shifts => "shifts",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Smoothing => "label smoothing",
            Self::Dropout => "dropout of hidden units",
            Self::Noise => "input noise",
            Self::Shifts => "shifts",
        }
    }

    /// On an axis.
    fn axis(self) -> &'static str {
        match self {
            Self::Smoothing => "label smoothing α",
            Self::Dropout => "chance p of dropping a hidden unit",
            Self::Noise => "deviation σ of input noise",
            Self::Shifts => "largest shift, pixels",
        }
    }

    fn add(self, experiment: &mut NetworkExperiment, strength: f64) {
        let changes = &mut experiment.settings.optimizer.changes;
        match self {
            Self::Smoothing => changes.push(Change::Smoothing(Smoothing(strength))),
            Self::Dropout => experiment.dropout.hidden = strength,
            Self::Noise => changes.push(Change::InputNoise(InputNoise(strength))),
            Self::Shifts => {
                let width = experiment.data.source.about().image_width();
                changes.extend(width.map(|width| {
                    Change::Shifts(Shifts {
                        most: strength as usize,
                        width,
                    })
                }));
            }
        }
    }
}

impl Subject {
    /// Smoothed labels are those of classes.
    fn loss(&self) -> Loss {
        match (self.data, self.addition) {
            (Data::Teacher, Addition::Dropout | Addition::Noise) => SQUARED_ERROR,
            _ => CROSS_ENTROPY,
        }
    }

    /// None, and the strengths of `budget`.
    fn strengths(&self, budget: Budget) -> Vec<f64> {
        let all = self.strengths;
        let some = budget.choose(vec![all[1], all[4]], all.to_vec());
        [vec![0.0], some].concat()
    }

    fn data_words(&self) -> &'static str {
        match self.data {
            Data::Digits => "digits",
            Data::Teacher => "teacher",
        }
    }

    fn words(&self) -> String {
        format!("{}, {}", self.data_words(), self.addition.words())
    }

    /// Of a run; those without addition are shared.
    fn name(&self, strength: f64) -> String {
        let data = self.data_words();
        if strength > 0.0 {
            return format!("{data}-{}-{strength}", self.addition.word());
        }
        let loss = if self.loss() == CROSS_ENTROPY {
            "cross-entropy"
        } else {
            "squared-error"
        };
        format!("{data}-{loss}")
    }

    fn experiment(
        &self,
        strength: f64,
        budget: Budget,
    ) -> Result<NetworkExperiment, ReproduceError> {
        let (mut experiment, steps, trials) = match self.data {
            Data::Digits => (digits(&[HIDDEN], self.loss())?, DIGITS_STEPS, DIGITS_TRIALS),
            Data::Teacher => (taught(self.loss())?, TEACHER_STEPS, TEACHER_TRIALS),
        };
        experiment.steps = budget.steps(steps);
        experiment.seeds = (1..=budget.choose(QUICK_TRIALS, trials) as u64).collect();
        experiment.measure.samples = budget.samples(SAMPLES);
        experiment.measure.schedule = Schedule {
            spacing: Spacing::Linear,
            count: 2,
            last_fifth: budget.choose(1, IN_THE_END),
        };
        if strength > 0.0 {
            self.addition.add(&mut experiment, strength);
        }
        Ok(experiment)
    }
}

/// The ReLU network of the paper, wider, so that there are several outputs whose noise may differ, with noise of deviation 1 on each.
fn taught(loss: Loss) -> Result<NetworkExperiment, ReproduceError> {
    let mut experiment = Choice::new(Model::Relu, loss).experiment(Budget::Full)?;
    let [inputs, hidden, outputs] = STUDENT;
    let widths = |hidden| {
        Network::Mlp(Mlp {
            widths: vec![inputs, hidden, outputs],
            activation: Activation::Relu,
            biases: false,
        })
    };
    experiment.network = widths(hidden);
    if let NetworkSource::Teacher(teacher) = &mut experiment.data.source {
        teacher.network = widths(TEACHER_HIDDEN);
    }
    experiment.data.noise = Some(LabelNoise {
        place: if loss == CROSS_ENTROPY {
            Place::Logits
        } else {
            Place::Targets
        },
        ..LabelNoise::gaussian(&[1.0; STUDENT[2]])
    });
    Ok(experiment)
}

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
