//! Beyond the paper: SAM at several radii under label noise of several condition numbers, in a ReLU network and in a transformer.

use thalweg::train::Ascent;

use super::exhibit::Exhibit;
use super::network::{Choice, Model, SQUARED_ERROR, TRIALS};
use super::plan::Plan;
use super::ran::Ran;
use super::{Context, ReproduceError};
use crate::claims::{Claim, Tolerance, beyond};
use crate::plot::{Axis, Dash, Figure, Look, Panel};
use crate::results::Budget;
use crate::statistics::{PerTrial, Trials};
use thalweg_lab::quantity::{FLUCTUATION, LAMBDA_MAX, LOSS, Quantity, SHARPNESS};
use thalweg_lab::spec::{NetworkExperiment, Schedule, Spacing};

const MODELS: [Model; 2] = [Model::Relu, Model::Transformer];
/// κ(Σε), from isotropic noise to the paper's.
const CONDITIONS: [f64; 3] = [1.0, 100.0, 1e4];
/// ρ of the normalised ascent.
const RADII: [f64; 3] = [0.05, 0.15, 0.5];
/// Trials at the quick budget, with the first and last of the radii and of the condition numbers; at the full one all of the network's file.
const QUICK_TRIALS: usize = 3;
const QUANTITIES: [Quantity; 4] = [SHARPNESS, LAMBDA_MAX, FLUCTUATION, LOSS];
/// The start, and five times in the last fifth.
const ENDS: Schedule = Schedule {
    spacing: Spacing::Linear,
    count: 2,
    last_fifth: 4,
};

/// All of `values` at the full budget, its ends at others.
fn some(values: [f64; 3], budget: Budget) -> Vec<f64> {
    budget.choose(vec![values[0], values[2]], values.to_vec())
}

fn choice(model: Model, condition: f64) -> Choice {
    Choice::new(model, SQUARED_ERROR).at(condition)
}

/// The name of a run; SGD's where ρ is 0.
fn name(model: Model, condition: f64, radius: f64) -> String {
    format!("{}-sam-{radius}", choice(model, condition).name())
}

fn experiment(
    model: Model,
    condition: f64,
    radius: f64,
    budget: Budget,
) -> Result<NetworkExperiment, ReproduceError> {
    let mut experiment = choice(model, condition).experiment(budget)?;
    let all = experiment.seeds.len();
    experiment.seeds.truncate(budget.choose(QUICK_TRIALS, all));
    experiment.measure.schedule = ENDS;
    experiment.settings.optimizer.sam = (radius > 0.0).then_some(Ascent {
        radius,
        normalised: true,
        independent: false,
        parts: 1,
    });
    Ok(experiment)
}

/// SGD and SAM at each radius, under each noise.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let mut plan = Plan::default();
    for model in MODELS {
        for condition in some(CONDITIONS, budget) {
            for radius in [vec![0.0], some(RADII, budget)].concat() {
                let experiment = experiment(model, condition, radius, budget)?;
                plan.network(name(model, condition, radius), experiment);
            }
        }
    }
    Ok(plan)
}

/// Trial by trial, what SAM ends with over what SGD ends with, of one network.
struct Ratios<'a> {
    model: Model,
    ran: &'a Ran,
}

impl Ratios<'_> {
    fn trials(&self, condition: f64, radius: f64) -> Result<&Trials, ReproduceError> {
        Ok(self.ran.network(&name(self.model, condition, radius))?.1)
    }

    fn of(
        &self,
        quantity: &Quantity,
        condition: f64,
        radius: f64,
    ) -> Result<PerTrial, ReproduceError> {
        let [sam, sgd] = [radius, 0.0].map(|radius| self.trials(condition, radius));
        Ok(sam?.end(&quantity.key).over(&sgd?.end(&quantity.key)))
    }

    /// Against ρ, a curve for each condition number.
    fn panel(&self, quantity: &Quantity, budget: Budget) -> Result<Panel, ReproduceError> {
        let mut panel = Panel::new(
            self.model.name(),
            Axis::log("SAM’s radius ρ, in units of weights"),
            Axis::log(format!("{}: SAM over SGD", words(quantity))).including(1.0),
        )
        .with_level("SGD", 1.0, Look::reference(Dash::Dotted));
        for (n, condition) in some(CONDITIONS, budget).into_iter().enumerate() {
            let mut points = Vec::new();
            for radius in some(RADII, budget) {
                let ratio = self.of(quantity, condition, radius)?.geometric_mean();
                points.extend(ratio.ok().map(|ratio| ratio.point(radius)));
            }
            panel = panel.with(format!("κ(Σε) = {condition}"), points, Look::measured(n));
        }
        Ok(panel)
    }

    /// That the largest radius lowers each quantity under each noise, and that T and the loss fall most where noise is isotropic.
    fn claims(&self, budget: Budget) -> Result<Vec<Claim>, ReproduceError> {
        let radius = RADII[RADII.len() - 1];
        let (model, mut claims) = (self.model.name(), Vec::new());
        for quantity in &QUANTITIES {
            for condition in some(CONDITIONS, budget) {
                claims.push(Claim::ratio(
                    format!(
                        "{model}, κ(Σε) = {condition}: SAM with ρ = {radius} ends with a smaller {} than SGD",
                        symbol(quantity)
                    ),
                    beyond(""),
                    self.of(quantity, condition, radius)?.geometric_mean(),
                    Tolerance::Below {},
                ));
            }
        }
        let anisotropic = CONDITIONS[CONDITIONS.len() - 1];
        for quantity in [SHARPNESS, LOSS] {
            let [isotropic, anisotropic] =
                [1.0, anisotropic].map(|condition| self.of(&quantity, condition, radius));
            claims.push(Claim::ratio(
                format!(
                    "{model}: SAM with ρ = {radius} lowers {} by a larger part under isotropic noise than at κ(Σε) = {}",
                    symbol(&quantity),
                    CONDITIONS[CONDITIONS.len() - 1]
                ),
                beyond("whether SAM helps most where noise is isotropic"),
                isotropic?.over(&anisotropic?).geometric_mean(),
                Tolerance::Below {},
            ));
        }
        Ok(claims)
    }
}

/// Losses are those of fresh samples.
const TEST_LOSS: &str = "test loss";

fn words(quantity: &Quantity) -> &str {
    if *quantity == LOSS {
        TEST_LOSS
    } else {
        quantity.words
    }
}

fn symbol(quantity: &Quantity) -> &str {
    if *quantity == LOSS {
        TEST_LOSS
    } else {
        &quantity.symbol
    }
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let budget = context.budget;
    let (mut panels, mut claims, mut settings) = (Vec::new(), Vec::new(), Vec::new());
    let mut counts = Vec::new();
    for model in MODELS {
        let ratios = Ratios { model, ran };
        for quantity in &QUANTITIES {
            panels.push(ratios.panel(quantity, budget)?);
        }
        claims.extend(ratios.claims(budget)?);
        let (experiment, _) = ran.network(&name(model, 1.0, 0.0))?;
        let words = choice(model, 1.0).settings(&some(CONDITIONS, budget), budget)?;
        let trials = experiment.seeds.len();
        settings.push((
            model.name(),
            format!("{words}; of the trials the first {trials}, each with a teacher of its own"),
        ));
        counts.push(format!("{trials} trials of the {}", model.name()));
    }
    let radii: Vec<String> = some(RADII, budget).iter().map(f64::to_string).collect();
    settings.push((
        "SAM",
        format!(
            "normalised, on the batch of the step: the gradient at w + ρg/‖g‖; ρ = {}",
            radii.join(", ")
        ),
    ));
    settings.push(("trials", TRIALS.to_owned()));
    Ok(Exhibit {
        caption: format!(
            "What SAM ends with over what SGD ends with, from the same start on the same samples, against SAM’s radius ρ and under noise of \
             several condition numbers κ(Σε): below 1 SAM lowers it. Geometric means of {}, each with a seed and a teacher of its own; bands are one \
             standard error. The loss is that of fresh samples with clean labels, the test loss. The first claims are about \
             the largest ρ; the last two of each network ask whether SAM does most where noise is isotropic.",
            counts.join(" and of ")
        ),
        settings,
        figure: Figure {
            description: "What SAM does to sharpness, largest eigenvalue, fluctuation and test loss, over radius and noise"
                .to_owned(),
            panels,
            columns: QUANTITIES.len(),
            frame: (210.0, 190.0),
        },
        claims,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Verdict;
    use crate::statistics::trials_by_hand as by_hand;

    /// SGD ends at T = 10 and 20. SAM with ρ = ½ halves the first and takes the second to 12 under isotropic noise; under anisotropic noise it
    /// ends at 8 and 18. All else stays.
    #[test]
    fn what_sam_does_is_its_end_over_sgds() {
        let trials = |name: &str| {
            let sam = name.ends_with("sam-0.5");
            let (first, second) = match (sam, name.contains("-isotropic")) {
                (false, _) => (10.0, 20.0),
                (true, true) => (5.0, 12.0),
                (true, false) => (8.0, 18.0),
            };
            let mut trials = by_hand(&[0, 10], &SHARPNESS.key, &[&[99.0, first], &[7.0, second]]);
            let [one, other] = [3.0, if sam { 2.0 } else { 1.0 }];
            trials.add_by_hand(&LOSS.key, &[&[9.0, one], &[9.0, other]]);
            trials
        };
        let ran = Ran::by_hand(plan(Budget::Tiny).unwrap(), trials);
        let model = Model::Relu;
        let ratios = Ratios { model, ran: &ran };
        let claims = ratios.claims(Budget::Tiny).unwrap();
        let measured = |start: &str| {
            let of = |claim: &&Claim| claim.statement.starts_with(start);
            claims.iter().find(of).unwrap().clone().judge()
        };
        let close = |start: &str, expected: f64| {
            let found = measured(start).measured.unwrap();
            assert!((found / expected - 1.0).abs() < 1e-12, "{start}: {found}");
        };
        close(
            "ReLU network, κ(Σε) = 1: SAM with ρ = 0.5 ends with a smaller T",
            0.3_f64.sqrt(),
        );
        close(
            "ReLU network, κ(Σε) = 10000: SAM with ρ = 0.5 ends with a smaller T",
            0.72_f64.sqrt(),
        );
        close(
            "ReLU network, κ(Σε) = 1: SAM with ρ = 0.5 ends with a smaller test",
            2_f64.sqrt(),
        );
        close(
            "ReLU network: SAM with ρ = 0.5 lowers T",
            (0.3_f64 / 0.72).sqrt(),
        );
        let isotropic = measured("ReLU network, κ(Σε) = 1: SAM with ρ = 0.5 ends with a smaller T");
        assert_eq!(isotropic.verdict, Verdict::Agrees);
        let panel = ratios.panel(&SHARPNESS, Budget::Tiny).unwrap();
        let last = panel.series[0].points[1];
        assert!(
            (last.x, last.y) == (0.5, isotropic.measured.unwrap()),
            "{last:?}"
        );
    }
}
