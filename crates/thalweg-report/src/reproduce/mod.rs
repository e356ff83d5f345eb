//! The paper's figures and some of our own, each reproduced with its claims and verdicts.
//!
//! One figure, one file: the experiments that it plans, and what it shows and claims of them, by tolerances decided
//! beforehand. (Proposition 1 is about starts, so that its figure runs nothing: it draws thousands of starts and keeps none.) [`FIGURES`] lists them; [`write`](fn@write) makes several into a directory, with the specification and
//! the measurements of each run beside them.
//!
//! Data flow one way: `plan` (experiments as values) → `ran` (each run once) → `statistics` (trials) → `claim` and
//! `verdict` → the figure's drawing → `summary`.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use thalweg_report::{reproduce, results::Budget};
//!
//! let directory = std::env::temp_dir().join(format!("thalweg-figures-{}", std::process::id()));
//! let figures = reproduce::find(&["corrections".to_owned()])?;
//! let (quiet, stop) = (|_: &'static str, _: f64| {}, AtomicBool::new(false));
//! let results = reproduce::write(&figures, Budget::Quick, &directory, &quiet, &stop)?;
//! assert_eq!(results.figures[0].claims.len(), 10);
//! # std::fs::remove_dir_all(&directory)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod addition;
mod additions;
mod anisotropy_depth;
mod beside;
mod biases;
mod compared;
mod context;
mod cor1;
mod cor4;
mod corrections;
mod decay_or_noise;
mod digits;
mod error;
mod exhibit;
mod families;
mod fig1;
mod fig2;
mod fig3;
mod fig4;
mod fig5;
mod fig6;
mod fig7;
mod fig8;
mod flow_vs_sgd;
mod imbalance;
mod input_noise;
mod interventions;
mod label_scale;
mod learners;
mod linear;
mod matched;
mod memory;
mod network;
mod output;
mod plan;
mod prop1;
mod ran;
mod real_noise;
mod replacement;
mod rnn;
mod sam_anisotropy;
mod sam_clock;
mod shown;
mod smoothed_classes;
mod smoothing;
mod switch;
mod theory_ends;
mod trend;
mod turned_noise;
mod two_layers;
mod two_noises;
mod what_to_watch;

pub use compared::Compared;
pub use context::Context;
pub use error::ReproduceError;
pub use exhibit::Exhibit;
pub use memory::memory;
pub use output::write;
pub use plan::{Plan, Planned};
pub use ran::{Kept, Ran, Run};

use crate::claims::Origin;
use crate::results::Budget;

/// A figure that can be reproduced: what it runs, and what it makes of that.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name on the command line and of its files.
    pub id: &'static str,
    /// Above it in the report.
    pub title: &'static str,
    /// Whose figure it is: the paper's, one of its misprints corrected, or one beyond it.
    pub origin: Origin,
    /// What it is about, in one plain sentence: what the paper says, or what is new.
    pub says: &'static str,
    /// The experiments that it needs.
    pub plan: fn(Budget) -> Result<Plan, ReproduceError>,
    /// Draws and judges them.
    pub show: fn(&Ran, Context<'_>) -> Result<Exhibit, ReproduceError>,
}

/// The plan of a figure that is computed and runs nothing.
fn nothing(_: Budget) -> Result<Plan, ReproduceError> {
    Ok(Plan::default())
}

/// Every figure, in the report's order.
pub const FIGURES: &[Entry] = &[
    Entry {
        id: "fig1",
        title: "Figure 1: every start ends at the same sharpness",
        origin: Origin::Paper,
        says: "SGD ends at the same sharpness whatever its initial scale.",
        plan: fig1::plan,
        show: fig1::show,
    },
    Entry {
        id: "fig2",
        title: "Figure 2: anisotropic noise sharpens",
        origin: Origin::Paper,
        says: "Label noise stronger on some outputs than on others makes SGD end at a sharper minimum.",
        plan: fig2::plan,
        show: fig2::show,
    },
    Entry {
        id: "fig3",
        title: "Figure 3: sharpness grows with the noise's condition number",
        origin: Origin::Paper,
        says: "The more unequal the noise, the sharper the minimum, in every network and for both losses.",
        plan: fig3::plan,
        show: fig3::show,
    },
    Entry {
        id: "fig4",
        title: "Figure 4: the drift stops with the noise",
        origin: Origin::Paper,
        says: "Sharpness drifts only while gradients fluctuate: under gradient descent on one fixed batch it stops.",
        plan: fig4::plan,
        show: fig4::show,
    },
    Entry {
        id: "fig5",
        title: "Figure 5: the largest eigenvalue",
        origin: Origin::Paper,
        says: "The Hessian's largest eigenvalue, too, ends larger under unequal noise.",
        plan: fig5::plan,
        show: fig5::show,
    },
    Entry {
        id: "fig6",
        title: "Figure 6: the outer layers become ill-conditioned",
        origin: Origin::Paper,
        says: "Unequal noise makes the first and last layers ill-conditioned; those between stay well-conditioned.",
        plan: fig6::plan,
        show: fig6::show,
    },
    Entry {
        id: "fig7",
        title: "Figure 7: depth multiplies the sharpness",
        origin: Origin::Paper,
        says: "More layers multiply the final sharpness and largest eigenvalue.",
        plan: fig7::plan,
        show: fig7::show,
    },
    Entry {
        id: "fig8",
        title: "Figure 8: a transformer",
        origin: Origin::Paper,
        says: "A transformer, too, ends at a sharper minimum under unequal noise.",
        plan: fig8::plan,
        show: fig8::show,
    },
    Entry {
        id: "prop1",
        title: "Proposition 1: sharpness of random starts",
        origin: Origin::Paper,
        says: "The mean sharpness of random initial weights has a closed form.",
        plan: nothing,
        show: prop1::show,
    },
    Entry {
        id: "cor1",
        title: "Corollary 1: sharpness grows with the noise's condition number",
        origin: Origin::Paper,
        says: "Sharpness lies between two bounds growing with the noise's condition number.",
        plan: nothing,
        show: cor1::show,
    },
    Entry {
        id: "cor4",
        title: "Corollary 4: power-law spectra",
        origin: Origin::Paper,
        says: "Among power-law spectra, only the noise's makes SGD end sharper than the flattest minimum.",
        plan: nothing,
        show: cor4::show,
    },
    Entry {
        id: "corrections",
        title: "Corrections: what the paper prints should disagree",
        origin: Origin::Correction,
        says: "Some statements of the paper are misprinted; here they are corrected.",
        plan: nothing,
        show: corrections::show,
    },
    Entry {
        id: "flow-vs-sgd",
        title: "Beyond the paper: fluctuation only falls, sharpness does as it likes",
        origin: Origin::Beyond,
        says: "A differential equation gives SGD's path along the minima: fluctuation falls, sharpness may rise.",
        plan: flow_vs_sgd::plan,
        show: flow_vs_sgd::show,
    },
    Entry {
        id: "rnn",
        title: "Beyond the paper: the recurrent network at a later time",
        origin: Origin::Beyond,
        says: "The recurrent network, run as long as the perceptron, ends sharper under unequal noise.",
        plan: rnn::plan,
        show: rnn::show,
    },
    Entry {
        id: "biases",
        title: "Beyond the paper: networks with biases and without",
        origin: Origin::Beyond,
        says: "Networks with biases, under both noises.",
        plan: biases::plan,
        show: biases::show,
    },
    Entry {
        id: "switch",
        title: "Beyond the paper: in nonlinear networks, too, the drift stops with the noise",
        origin: Origin::Beyond,
        says: "In nonlinear networks, too, the drift of sharpness stops with the noise.",
        plan: switch::plan,
        show: switch::show,
    },
    Entry {
        id: "anisotropy-depth",
        title: "Beyond the paper: sharpness over anisotropy and depth",
        origin: Origin::Beyond,
        says: "The excess over the flattest minimum grows with the noise's condition number and with depth.",
        plan: nothing,
        show: anisotropy_depth::show,
    },
    Entry {
        id: "theory-ends",
        title: "Beyond the paper: where the theory ends",
        origin: Origin::Beyond,
        says: "At larger steps SGD stays below what the theory of small steps predicts.",
        plan: theory_ends::plan,
        show: theory_ends::show,
    },
    Entry {
        id: "turned-noise",
        title: "Beyond the paper: noise on turned axes takes SGD away from Theorem 1",
        origin: Origin::Beyond,
        says: "Noise on other axes than the signal takes SGD away from Theorem 1's minimum.",
        plan: turned_noise::plan,
        show: turned_noise::show,
    },
    Entry {
        id: "sam-clock",
        title: "Beyond the paper: SAM is a faster clock",
        origin: Origin::Beyond,
        says: "SAM takes SGD's path 1 + 2ρ/η times as fast; normalised, it ends elsewhere.",
        plan: sam_clock::plan,
        show: sam_clock::show,
    },
    Entry {
        id: "decay-or-noise",
        title: "Beyond the paper: what decides, decay or noise",
        origin: Origin::Beyond,
        says: "A weight decay λ counts by λB/η, and a small one outweighs the noise.",
        plan: decay_or_noise::plan,
        show: decay_or_noise::show,
    },
    Entry {
        id: "input-noise",
        title: "Beyond the paper: augmentation brings the signal's shape into the noise",
        origin: Origin::Beyond,
        says: "Noise on inputs makes isotropic label noise anisotropic, and the end sharper.",
        plan: input_noise::plan,
        show: input_noise::show,
    },
    Entry {
        id: "smoothing",
        title: "Beyond the paper: what label smoothing does depends on the loss",
        origin: Origin::Beyond,
        says: "Smoothing leaves sharpness relative to the flattest minimum alone under squared error, not under cross-entropy.",
        plan: smoothing::plan,
        show: smoothing::show,
    },
    Entry {
        id: "replacement",
        title: "Beyond the paper: with and without replacement",
        origin: Origin::Beyond,
        says: "Reshuffled SGD ends at the set's least fluctuation; sampled with replacement it does not.",
        plan: replacement::plan,
        show: replacement::show,
    },
    Entry {
        id: "label-scale",
        title: "Beyond the paper: the scale of the labels",
        origin: Origin::Beyond,
        says: "From one start, smaller labels flatten and larger ones sharpen.",
        plan: label_scale::plan,
        show: label_scale::show,
    },
    Entry {
        id: "real-noise",
        title: "Beyond the paper: the noise of real data, and of uneven classes",
        origin: Origin::Beyond,
        says: "Real label noise is unequal; a rare class makes it as unequal as it is rare.",
        plan: nothing,
        show: real_noise::show,
    },
    Entry {
        id: "interventions",
        title: "Beyond the paper: whether sharpness follows the anisotropy that additions make",
        origin: Origin::Beyond,
        says: "Label smoothing, dropout and augmentation change the noise’s anisotropy; does sharpness follow it?",
        plan: interventions::plan,
        show: interventions::show,
    },
    Entry {
        id: "sam-anisotropy",
        title: "Beyond the paper: SAM under noise of growing anisotropy",
        origin: Origin::Beyond,
        says: "What SAM does to sharpness, fluctuation and test loss, and whether it does most under isotropic noise.",
        plan: sam_anisotropy::plan,
        show: sam_anisotropy::show,
    },
    Entry {
        id: "what-to-watch",
        title: "Beyond the paper: what to watch",
        origin: Origin::Beyond,
        says: "At the same training loss, which of sharpness, largest eigenvalue and fluctuation orders the test loss best.",
        plan: families::plan,
        show: what_to_watch::show,
    },
];

/// Other names of figures: those two hold the linear network's panels beside the other networks'.
pub const ALIASES: [(&str, &str); 2] = [("fig2-linear", "fig2"), ("fig5-linear", "fig5")];

/// The name that stands for every figure.
pub const ALL: &str = "all";

/// The figures called `names`, in the report's order; `all` stands for every one.
///
/// # Errors
/// When a name is not in the list.
pub fn find(names: &[String]) -> Result<Vec<Entry>, ReproduceError> {
    let known = || FIGURES.iter().map(|entry| entry.id).chain([ALL]);
    let named = |name: &String| {
        let alias = ALIASES.iter().find(|(alias, _)| alias == name);
        alias.map_or(name.clone(), |(_, id)| (*id).to_owned())
    };
    let names: Vec<String> = names.iter().map(named).collect();
    if let Some(found) = names.iter().find(|name| !known().any(|id| id == *name)) {
        return Err(ReproduceError::Unknown {
            found: found.clone(),
            known: known().collect(),
        });
    }
    let wanted = |entry: &&Entry| names.iter().any(|name| name == ALL || name == entry.id);
    Ok(FIGURES.iter().filter(wanted).copied().collect())
}

#[cfg(test)]
mod tests;
