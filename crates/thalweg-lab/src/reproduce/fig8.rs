//! Figure 8: a transformer under anisotropic and isotropic noise, on both losses.

use super::made::Made;
use super::network::{self, CROSS_ENTROPY, Model, NetworkObservable, SQUARED_ERROR};
use super::{Context, ReproduceError};
use crate::plot::Figure;

/// How often each run is measured.
pub const MEASURED: usize = 21;

/// Runs, draws and judges the figure.
pub fn make(context: Context<'_>) -> Result<Made, ReproduceError> {
    let losses = [
        (SQUARED_ERROR, "squared error"),
        (CROSS_ENTROPY, "cross-entropy"),
    ];
    let (mut panels, mut claims, mut settings) = (Vec::new(), Vec::new(), Vec::new());
    for (i, (loss, name)) in losses.into_iter().enumerate() {
        let share = (0.5 * i as f64, 0.5 * (i + 1) as f64);
        let pair = network::pair(Model::Transformer, loss, MEASURED, context, share)?;
        let named = [
            ("anisotropic noise", &*pair.runs[0]),
            ("isotropic noise", &*pair.runs[1]),
        ];
        for observable in NetworkObservable::ALL {
            panels.push(observable.panel(name, &named));
            claims.extend(observable.pair_claims(
                "Figure 8",
                Model::Transformer,
                &format!("transformer, {name}"),
                &pair,
                context.budget,
            ));
        }
        settings.push((name, pair.settings));
    }
    settings.push(("trials", network::TRIALS.to_owned()));
    Ok(Made {
        caption: "A transformer learns from another. For cross-entropy the noise is added to the teacher's outputs \
                  before a softmax over them. The last column (beyond the paper) is the gradient's fluctuation."
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
