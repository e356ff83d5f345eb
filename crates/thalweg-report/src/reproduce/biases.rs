//! Beyond the paper: the recurrent network, the transformer and the digits' network with trainable biases. (Figures 2, 3
//! and 5 show the ReLU network both ways.)

use super::exhibit::Exhibit;
use super::network::{CROSS_ENTROPY, Choice, ENDS, Model, SQUARED_ERROR, TRIALS};
use super::plan::Plan;
use super::ran::Ran;
use super::shown::Shown as _;
use super::{Context, ReproduceError};
use crate::claims::beyond;
use crate::plot::{Figure, Look};
use crate::results::Budget;
use crate::statistics::Trials;
use thalweg_lab::quantity::SHARPNESS;
use thalweg_lab::spec::NetworkExperiment;

/// Trials with biases, the first of those without: each takes seconds of a core, and the verdict says what so few could
/// have seen.
const TRIALS_HERE: usize = 4;

/// The networks with the losses of the paper's figures.
fn choices() -> [Choice; 5] {
    [
        (Model::Rnn, SQUARED_ERROR),
        (Model::Rnn, CROSS_ENTROPY),
        (Model::Transformer, SQUARED_ERROR),
        (Model::Transformer, CROSS_ENTROPY),
        (Model::Mnist, CROSS_ENTROPY),
    ]
    .map(|(model, loss)| Choice::new(model, loss).with_biases())
}

fn experiment(choice: Choice, budget: Budget) -> Result<NetworkExperiment, ReproduceError> {
    let mut experiment = choice.experiment(budget)?;
    experiment.seeds.truncate(TRIALS_HERE);
    experiment.measure.schedule = ENDS;
    Ok(experiment)
}

/// Each network with biases, under both noises. Those without are the runs of Figures 2, 3 and 8.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let mut plan = Plan::default();
    for choice in choices() {
        choice.without_biases().plan_pair(&mut plan, budget)?;
        for choice in choice.pair() {
            plan.network(choice.name(), experiment(choice, budget)?);
        }
    }
    Ok(plan)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let (mut panels, mut claims, mut settings) = (Vec::new(), Vec::new(), Vec::new());
    for choice in choices() {
        let loss = choice.loss_words();
        let (without, with) = (
            choice.without_biases().ran_pair(ran)?,
            choice.ran_pair(ran)?,
        );
        let named = [
            ("anisotropic, no biases", without[0]),
            ("isotropic, no biases", without[1]),
        ];
        let title = format!("{}, {loss}", choice.model.name());
        let panel = SHARPNESS.panel(&title, &named);
        // Single points: between the start and the last fifth nothing was measured.
        let points = |trials: &Trials| trials.curve(&SHARPNESS.key);
        panels.push(
            panel
                .with("anisotropic, biases", points(with[0]), Look::scattered(2))
                .with("isotropic, biases", points(with[1]), Look::scattered(3)),
        );
        let what = format!("{}, {loss}", choice.words());
        claims.push(SHARPNESS.larger(&what, beyond("Figures 2, 3 and 8 with biases"), with));
        let of_settings = choice.settings(&[choice.condition, 1.0], context.budget)?;
        let trials = experiment(choice, context.budget)?.seeds.len();
        settings.push((
            choice.model.name(),
            format!("{loss}: {of_settings}. With biases the first {trials} of these trials; those without are the same but for the biases"),
        ));
    }
    settings.push(("trials", TRIALS.to_owned()));
    Ok(Exhibit {
        caption: "The paper does not mention biases. Its recurrent network, transformer and network on digits are shown here \
                  without them, as in Figures 2, 3 and 8, and with trainable biases that start at 0 (fewer trials, measured at the start and in the last fifth). Biases are parameters, so that T is larger from the start on. Figures 2, 3 and 5 show the ReLU network both ways. Bands and bars are standard errors over trials."
            .to_owned(),
        settings,
        figure: Figure {
            description: "Sharpness of networks with and without biases against steps".to_owned(),
            panels,
            columns: 3,
            frame: (250.0, 200.0),
        },
        claims,
    })
}
