//! The paper's figures and some of our own, each reproduced with its claims and verdicts.
//!
//! One figure, one file: the experiments that it plans, and what it shows and claims of them, by tolerances decided
//! beforehand. [`FIGURES`] lists them; [`write`](fn@write) makes several into a directory, with the specification and
//! the measurements of each run beside them.
//!
//! Data flow one way: `plan` (experiments as values) → `ran` (each run once) → `statistics` (trials) → `claim` and
//! `verdict` → the figure's drawing → `summary`.

mod anisotropy_depth;
mod beside;
mod claim;
mod context;
mod cor1;
mod cor4;
mod corrections;
mod error;
mod fig1;
mod fig2;
mod fig3;
mod fig4;
mod fig5;
mod fig6;
mod fig7;
mod fig8;
mod flow_vs_sgd;
mod linear;
mod made;
mod memory;
mod network;
mod output;
mod plan;
mod prop1;
mod ran;
mod results;
mod rnn;
mod shown;
mod statistics;
mod summary;
mod switch;
mod theory_ends;
mod tolerance;
mod turned_noise;
mod two_noises;
mod verdict;

pub use claim::{Claim, Origin, Range, Reach, Scale, Source};
pub use context::{Budget, Context};
pub use error::ReproduceError;
pub use made::Made;
pub use memory::memory;
pub use output::{RESULTS_FILE, write};
pub use plan::{Plan, Planned};
pub use ran::{Kept, Ran, Run};
pub use results::{Environment, FigureFailure, FigureResult, Results, RunFiles};
pub use statistics::{Measured, Missing, PerTrial, Trials};
pub use summary::{Paragraph, Summary, summarise};
pub use tolerance::{ERRORS, Tolerance};
pub use verdict::{Cause, Judged, Verdict};

/// A figure that can be reproduced: what it runs, and what it makes of that.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name on the command line and of its files.
    pub id: &'static str,
    /// Above it in the report.
    pub title: &'static str,
    /// What it is about, in plain words: what the paper says, or what is new.
    pub says: &'static str,
    /// The experiments that it needs.
    pub plan: fn(Budget) -> Result<Plan, ReproduceError>,
    /// Draws and judges them.
    pub show: fn(&Ran, Context<'_>) -> Result<Made, ReproduceError>,
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
        says: "Whatever the scale of its initial weights, SGD ends at the same sharpness.",
        plan: fig1::plan,
        show: fig1::show,
    },
    Entry {
        id: "fig2",
        title: "Figure 2: anisotropic noise sharpens",
        says: "Label noise that is stronger on some outputs than on others makes SGD end at a sharper minimum than noise of equal strength on all of them.",
        plan: fig2::plan,
        show: fig2::show,
    },
    Entry {
        id: "fig3",
        title: "Figure 3: sharpness grows with the noise's condition number",
        says: "The more unequal the noise (the larger its condition number), the sharper the minimum, in linear networks, perceptrons, recurrent networks and transformers, for squared error and for cross-entropy.",
        plan: fig3::plan,
        show: fig3::show,
    },
    Entry {
        id: "fig4",
        title: "Figure 4: the drift stops with the noise",
        says: "Sharpness drifts only as long as gradients fluctuate: once SGD is replaced by gradient descent on one fixed batch, it stops.",
        plan: fig4::plan,
        show: fig4::show,
    },
    Entry {
        id: "fig5",
        title: "Figure 5: the largest eigenvalue",
        says: "The largest eigenvalue of the Hessian ends larger under unequal noise, like the sharpness.",
        plan: fig5::plan,
        show: fig5::show,
    },
    Entry {
        id: "fig6",
        title: "Figure 6: the outer layers become ill-conditioned",
        says: "Under unequal noise the first and the last layer become ill-conditioned, and the layers between them stay well-conditioned.",
        plan: fig6::plan,
        show: fig6::show,
    },
    Entry {
        id: "fig7",
        title: "Figure 7: depth multiplies the sharpness",
        says: "More layers multiply the sharpness and the largest eigenvalue at the end.",
        plan: fig7::plan,
        show: fig7::show,
    },
    Entry {
        id: "fig8",
        title: "Figure 8: a transformer",
        says: "In a transformer, too, unequal noise makes SGD end at a sharper minimum.",
        plan: fig8::plan,
        show: fig8::show,
    },
    Entry {
        id: "prop1",
        title: "Proposition 1: sharpness of random starts",
        says: "The mean sharpness of random initial weights has a closed form.",
        plan: nothing,
        show: prop1::show,
    },
    Entry {
        id: "cor1",
        title: "Corollary 1: sharpness grows with the noise's condition number",
        says: "Sharpness lies between two bounds that grow with the condition number of the noise, as its square root and in proportion.",
        plan: nothing,
        show: cor1::show,
    },
    Entry {
        id: "cor4",
        title: "Corollary 4: power-law spectra",
        says: "Of power-law spectra of noise, inputs and teacher, that of the noise alone makes SGD sharper than need be.",
        plan: nothing,
        show: cor4::show,
    },
    Entry {
        id: "corrections",
        title: "Corrections: what the paper prints should disagree",
        says: "Some statements of the paper are misprinted; the corrected ones stand beside them.",
        plan: nothing,
        show: corrections::show,
    },
    Entry {
        id: "flow-vs-sgd",
        title: "Beyond the paper: fluctuation only falls, sharpness does as it likes",
        says: "A differential equation, the slow flow, gives SGD's path along the minima: the gradient's fluctuation only falls on it, while sharpness falls, rises, or does both.",
        plan: flow_vs_sgd::plan,
        show: flow_vs_sgd::show,
    },
    Entry {
        id: "rnn",
        title: "Beyond the paper: the recurrent network at a later time",
        says: "The recurrent network, run as far on the clock of the slow motion as the perceptron, ends sharper under unequal noise.",
        plan: rnn::plan,
        show: rnn::show,
    },
    Entry {
        id: "switch",
        title: "Beyond the paper: in nonlinear networks, too, the drift stops with the noise",
        says: "In nonlinear networks, too, the drift of sharpness stops with the noise.",
        plan: switch::plan,
        show: switch::show,
    },
    Entry {
        id: "anisotropy-depth",
        title: "Beyond the paper: sharpness over anisotropy and depth",
        says: "How much sharper than the flattest minimum SGD ends grows with the noise's condition number and with depth.",
        plan: nothing,
        show: anisotropy_depth::show,
    },
    Entry {
        id: "theory-ends",
        title: "Beyond the paper: where the theory ends",
        says: "At larger steps the theory of small steps ends: SGD stays below what it predicts.",
        plan: theory_ends::plan,
        show: theory_ends::show,
    },
    Entry {
        id: "turned-noise",
        title: "Beyond the paper: noise on turned axes takes SGD away from Theorem 1",
        says: "Where noise and signal have different axes, SGD leaves the minimum that the paper's Theorem 1 names, and goes where its exact drift takes it.",
        plan: turned_noise::plan,
        show: turned_noise::show,
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
