//! Figure 8: a transformer under anisotropic and isotropic noise, on both losses.

use super::exhibit::Exhibit;
use super::network::{CROSS_ENTROPY, Choice, Model, SQUARED_ERROR, TRIALS};
use super::plan::Plan;
use super::ran::Ran;
use super::shown::Shown as _;
use super::two_noises::network_claims;
use super::{Context, ReproduceError};
use crate::plot::Figure;
use crate::results::Budget;
use thalweg_lab::quantity::{FLUCTUATION, LAMBDA_MAX, SHARPNESS};

const LOSSES: [(&str, Choice); 2] = [
    ("squared error", transformer(SQUARED_ERROR)),
    ("cross-entropy", transformer(CROSS_ENTROPY)),
];

const fn transformer(loss: thalweg::loss::Loss) -> Choice {
    Choice {
        model: Model::Transformer,
        loss,
        condition: 1e4,
        biases: false,
    }
}

/// Both noises on both losses.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let mut plan = Plan::default();
    for (_, choice) in LOSSES {
        choice.plan_pair(&mut plan, budget)?;
    }
    Ok(plan)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let (mut panels, mut claims, mut settings) = (Vec::new(), Vec::new(), Vec::new());
    for (name, choice) in LOSSES {
        let pair = choice.ran_pair(ran)?;
        let named = [("anisotropic noise", pair[0]), ("isotropic noise", pair[1])];
        for quantity in [SHARPNESS, LAMBDA_MAX, FLUCTUATION] {
            panels.push(quantity.panel(name, &named));
            let of_loss = network_claims("Figure 8", &quantity, choice, ran)?.into_iter();
            claims.extend(of_loss.map(|mut claim| {
                claim.statement = format!("{name}, {}", claim.statement);
                claim
            }));
        }
        settings.push((
            name,
            choice.settings(&[choice.condition, 1.0], context.budget)?,
        ));
    }
    settings.push(("trials", TRIALS.to_owned()));
    Ok(Exhibit {
        caption: "A transformer, without biases, learns from another. For cross-entropy the noise is added to the \
                  teacher's outputs before a softmax over them. The last column (beyond the paper) is the gradient's \
                  fluctuation."
            .to_owned(),
        settings,
        figure: Figure {
            description: "Sharpness, largest eigenvalue and fluctuation of a transformer against steps".to_owned(),
            panels,
            columns: 3,
            frame: (250.0, 200.0),
        },
        claims,
    })
}
