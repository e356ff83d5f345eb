//! Beyond the paper: the recurrent network run as long on the clock of the slow motion as the ReLU network is.

use super::exhibit::Exhibit;
use super::network::{Choice, Model, SQUARED_ERROR, TRIALS, falls, round};
use super::plan::Plan;
use super::ran::Ran;
use super::shown::Shown as _;
use super::{Context, ReproduceError};
use crate::claims::beyond;
use crate::plot::Figure;
use crate::results::Budget;
use thalweg_lab::quantity::{FLUCTUATION, LAMBDA_MAX, SHARPNESS};
use thalweg_lab::spec::NetworkExperiment;

/// u = η²t/B = 10, as the ReLU network of Figure 2 has it; the paper's own settings have u = 0.03.
const LEARNING_RATE: f64 = 0.1;
const BATCH: usize = 100;
const STEPS: u64 = 100_000;
/// Each trial takes ten seconds of a core: fewer of them, and the power beside the verdict.
const TRIALS_HERE: usize = 6;

const KINDS: [&str; 2] = ["anisotropic", "isotropic"];

fn name(kind: &str) -> String {
    format!("rnn-long-{kind}")
}

fn choice(kind: &str) -> Choice {
    let rnn = Choice::new(Model::Rnn, SQUARED_ERROR);
    if kind == KINDS[0] { rnn } else { rnn.at(1.0) }
}

fn experiment(kind: &str, budget: Budget) -> Result<NetworkExperiment, ReproduceError> {
    let mut experiment = choice(kind).experiment(budget)?;
    let optimizer = &mut experiment.settings.optimizer;
    optimizer.update.learning_rate_mut().base = LEARNING_RATE;
    experiment.settings.batch = BATCH;
    experiment.steps = budget.steps(STEPS);
    experiment.seeds.truncate(TRIALS_HERE);
    Ok(experiment)
}

/// Both noises.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let mut plan = Plan::default();
    for kind in KINDS {
        plan.network(name(kind), experiment(kind, budget)?);
    }
    Ok(plan)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let [anisotropic, isotropic] = KINDS.map(|kind| ran.network(&name(kind)));
    let (of_file, anisotropic) = anisotropic?;
    let pair = [anisotropic, isotropic?.1];
    let named = [("anisotropic noise", pair[0]), ("isotropic noise", pair[1])];
    let quantities = [SHARPNESS, LAMBDA_MAX, FLUCTUATION];
    // Rounded, since 0.1² is not 0.01 in binary.
    let u = round(LEARNING_RATE.powi(2) * of_file.steps as f64 / BATCH as f64);
    let (what, source) = (format!("RNN at u = {u}"), || {
        beyond("Figure 3 at a later time")
    });
    let mut claims = vec![
        SHARPNESS.larger(&what, source(), pair),
        LAMBDA_MAX.larger(&what, source(), pair),
    ];
    for (kind, trials) in KINDS.into_iter().zip(pair) {
        claims.push(falls(&format!("RNN, {kind} noise"), trials));
    }
    Ok(Exhibit {
        caption: format!(
            "How far SGD has moved along the minima depends on the slow time u = η²t/B. The paper's recurrent network \
             makes 10^{{4}} small steps, up to u = 0.03; its ReLU network runs to u = 10. Here the recurrent network runs to \
             u = {u}. It has no biases."
        ),
        settings: vec![
            (
                Model::Rnn.name(),
                format!(
                    "{}; here η = {LEARNING_RATE}, B = {BATCH}, {} steps, which is u = {u}, and {} trials",
                    choice(KINDS[0])
                        .settings(&[choice(KINDS[0]).condition, 1.0], context.budget)?,
                    of_file.steps,
                    of_file.seeds.len()
                ),
            ),
            ("trials", TRIALS.to_owned()),
        ],
        figure: Figure {
            description:
                "Sharpness, largest eigenvalue and fluctuation of a recurrent network against steps"
                    .to_owned(),
            panels: quantities
                .map(|quantity| quantity.panel(Model::Rnn.name(), &named))
                .into(),
            columns: 3,
            frame: (250.0, 200.0),
        },
        claims,
    })
}
