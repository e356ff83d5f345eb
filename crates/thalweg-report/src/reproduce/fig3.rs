//! Figure 3: relative sharpness grows with the noise's condition number, in four networks and on both losses.

use thalweg::loss::Loss;

use super::exhibit::Exhibit;
use super::linear::{KAIMING, LOGARITHMIC, experiment, identity_problem, plain};
use super::network::{CROSS_ENTROPY, Choice, ENDS, Model, SQUARED_ERROR, TRIALS};
use super::plan::Plan;
use super::ran::Ran;
use super::shown::Shown as _;
use super::{Context, ReproduceError};
use crate::claims::{Claim, paper};
use crate::plot::{Axis, Dash, Figure, Look, Panel, Point};
use crate::results::Budget;
use crate::statistics::Trials;
use thalweg_lab::compare::SLOW_FLOW;
use thalweg_lab::quantity::{FLUCTUATION, Quantity, SHARPNESS};

const LINEAR_STEPS: u64 = 100_000;
const LINEAR_RATE: f64 = 0.01;
const LINEAR_BATCH: usize = 10;

/// Trials at each κ between the ends, the first of those at the ends.
const TRIALS_BETWEEN: usize = 4;

const LOSSES: [(Loss, &str); 2] = [
    (SQUARED_ERROR, "squared error"),
    (CROSS_ENTROPY, "cross-entropy"),
];

/// A network on one loss, as a row of experiments over κ.
#[derive(Clone, Copy)]
enum Sweep {
    /// The linear network with V = Σx = I, by the simulator.
    Simulated,
    /// On its experiment file.
    Trained(Choice),
}

fn sweeps(loss: Loss) -> Vec<Sweep> {
    let trained = |model| Sweep::Trained(Choice::new(model, loss));
    let linear = if loss == CROSS_ENTROPY {
        trained(Model::Linear)
    } else {
        Sweep::Simulated
    };
    let relu = Choice::new(Model::Relu, loss);
    vec![
        linear,
        Sweep::Trained(relu),
        Sweep::Trained(relu.with_biases()),
        trained(Model::Rnn),
        trained(Model::Transformer),
    ]
}

impl Sweep {
    fn words(self) -> String {
        match self {
            Self::Simulated => Model::Linear.name().to_owned(),
            Self::Trained(choice) => choice.words(),
        }
    }

    /// κ(Σε), the first 1. Networks that take their time, and those that stand there twice, have fewer.
    fn conditions(self, budget: Budget) -> &'static [f64] {
        const ENDS: &[f64] = &[1.0, 1e4];
        const MIDDLE: &[f64] = &[1.0, 100.0, 1e4];
        const ALL: &[f64] = &[1.0, 10.0, 100.0, 1e3, 1e4];
        match self {
            Self::Trained(choice) if choice.biases || choice.model.is_slow() => {
                budget.choose(ENDS, MIDDLE)
            }
            _ => budget.choose(MIDDLE, ALL),
        }
    }

    fn name(self, condition: f64) -> String {
        match self {
            Self::Simulated => format!("linear-kappa-{condition}"),
            Self::Trained(choice) => choice.at(condition).name(),
        }
    }

    fn plan(self, plan: &mut Plan, budget: Budget) -> Result<(), ReproduceError> {
        for &condition in self.conditions(budget) {
            let name = self.name(condition);
            match self {
                Self::Simulated => {
                    let problem = identity_problem(&Model::Linear.deviations(2, condition), 3)?;
                    let settings = plain(LINEAR_RATE, LINEAR_BATCH, KAIMING);
                    let steps = budget.long(LINEAR_STEPS, LINEAR_STEPS);
                    plan.linear(
                        name,
                        experiment(problem, settings, steps, LOGARITHMIC, budget),
                    );
                }
                Self::Trained(choice) => {
                    let mut experiment = choice.at(condition).experiment(budget)?;
                    // Points between, on which no claim rests: only their end counts, and fewer trials show the way.
                    if condition != 1.0 && condition != choice.model.condition() {
                        experiment.measure.schedule = ENDS;
                        experiment.seeds.truncate(TRIALS_BETWEEN);
                    }
                    plan.network(name, experiment);
                }
            }
        }
        Ok(())
    }

    fn ran(self, ran: &Ran, condition: f64) -> Result<&Trials, ReproduceError> {
        let name = self.name(condition);
        Ok(match self {
            Self::Simulated => ran.linear(&name)?.1,
            Self::Trained(_) => ran.network(&name)?.1,
        })
    }

    /// A quantity at each κ over its value at κ = 1, with the error of the mean logarithm.
    fn relative(
        self,
        quantity: &Quantity,
        ran: &Ran,
        budget: Budget,
    ) -> Result<Vec<Point>, ReproduceError> {
        let first = self.ran(ran, 1.0)?.end(&quantity.key);
        let mut points = Vec::new();
        for &x in self.conditions(budget) {
            let here = self.ran(ran, x)?.end(&quantity.key);
            let point = here
                .over(&first)
                .geometric_mean()
                .map(|ratio| ratio.point(x));
            points.extend(point);
        }
        Ok(points)
    }

    /// The paper's claim at the largest κ.
    fn claim(self, loss: &str, ran: &Ran, budget: Budget) -> Result<Claim, ReproduceError> {
        let conditions = self.conditions(budget);
        let largest = conditions[conditions.len() - 1];
        let what = format!("{}, {loss}, κ = {largest}", self.words());
        let pair = [self.ran(ran, largest)?, self.ran(ran, 1.0)?];
        Ok(SHARPNESS.larger(&what, paper("Figure 3"), pair))
    }

    fn settings(
        self,
        loss: &str,
        budget: Budget,
    ) -> Result<(&'static str, String), ReproduceError> {
        Ok(match self {
            Self::Simulated => (
                Model::Linear.name(),
                format!(
                    "{loss}: 2-2-2-2, V = Σx = I, exact observables, f64; η = {LINEAR_RATE}, B = {LINEAR_BATCH}, {LINEAR_STEPS} steps, {} trials",
                    budget.linear_seeds().len()
                ),
            ),
            Self::Trained(choice) => {
                let conditions = self.conditions(budget);
                let between = if conditions.len() > 2 {
                    format!(" ({TRIALS_BETWEEN} at each κ between the first and the last)")
                } else {
                    String::new()
                };
                let settings = choice.settings(conditions, budget)?;
                (choice.model.name(), format!("{loss}: {settings}{between}"))
            }
        })
    }
}

/// Every network at every κ, on both losses.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let mut plan = Plan::default();
    for (loss, _) in LOSSES {
        for sweep in sweeps(loss) {
            sweep.plan(&mut plan, budget)?;
        }
    }
    Ok(plan)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let budget = context.budget;
    let (mut claims, mut settings) = (Vec::new(), Vec::new());
    for (loss, name) in LOSSES {
        for sweep in sweeps(loss) {
            claims.push(sweep.claim(name, ran, budget)?);
            settings.push(sweep.settings(name, budget)?);
        }
    }
    settings.push(("trials", TRIALS.to_owned()));
    let rows = [
        (SHARPNESS, "relative sharpness T(κ)/T(1)"),
        (FLUCTUATION, "relative fluctuation F(κ)/F(1)"),
    ];
    let mut panels = Vec::new();
    for (quantity, label) in rows {
        for (loss, title) in LOSSES {
            let mut panel = Panel::new(
                title,
                Axis::log("condition number κ of the noise Σε"),
                Axis::log(label),
            );
            for (i, sweep) in sweeps(loss).into_iter().enumerate() {
                let points = sweep.relative(&quantity, ran, budget)?;
                panel = panel.with(sweep.words(), points, Look::measured(i));
            }
            if quantity == SHARPNESS && loss == SQUARED_ERROR {
                panel = limit(panel, ran, budget)?;
            }
            panels.push(panel);
        }
    }
    Ok(Exhibit {
        caption: "Sharpness at the end of the runs, relative to that under isotropic noise of the same largest \
                  variance; smaller noise on the other outputs raises κ. Below (beyond the paper) the same ratio \
                  of the gradient's fluctuation. The paper does not mention biases: none of these networks has any, \
                  except that the ReLU network is shown both without and with them. A softmax over two outputs sees only \
                  the difference of their noises, a single number, which has no shape."
            .to_owned(),
        settings,
        figure: Figure {
            description: "Relative sharpness and fluctuation against the noise's condition number".to_owned(),
            panels,
            columns: LOSSES.len(),
            frame: (330.0, 220.0),
        },
        claims,
    })
}

/// Adds the linear network's exact limit, which its budget does not reach, relative to that at κ = 1.
fn limit(panel: Panel, ran: &Ran, budget: Budget) -> Result<Panel, ReproduceError> {
    let sweep = Sweep::Simulated;
    let at = |condition| {
        let compared = ran.compared(&sweep.name(condition), &SLOW_FLOW)?;
        compared.limit(&SHARPNESS)
    };
    let first = at(1.0)?;
    let points = sweep
        .conditions(budget)
        .iter()
        .map(|&condition| Ok(Point::exact(condition, at(condition)? / first)));
    Ok(panel.with(
        "linear network, exact limit t → ∞",
        points.collect::<Result<_, ReproduceError>>()?,
        Look::reference(Dash::DashDot),
    ))
}
