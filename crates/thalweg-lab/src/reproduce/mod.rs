//! The paper's figures and some of our own, each reproduced with its claims and verdicts.
//!
//! One figure, one file: its specification, its runs, its claims with tolerances decided beforehand, its
//! drawing. [`FIGURES`] lists them; [`Entry::make`] runs one; [`write`](fn@write) runs several into a directory.

mod anisotropy_depth;
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
mod made;
mod network;
mod observable;
mod output;
mod prop1;
mod results;
mod sgd;
mod switch;
mod theory_ends;
mod trials;
mod turned_noise;
mod two_noises;

pub use claim::{Claim, Judged, RESOLUTION, Range, Reach, SLOW_FLOW, Tolerance, Verdict};
pub use context::{Budget, Context};
pub use error::ReproduceError;
pub use made::Made;
pub use output::{RESULTS_FILE, write};
pub use results::{Environment, FigureFailure, FigureResult, Results};

/// A figure that can be reproduced.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name on the command line and of its files.
    pub id: &'static str,
    /// Above it in the report.
    pub title: &'static str,
    /// Runs, draws and judges it.
    pub make: fn(Context<'_>) -> Result<Made, ReproduceError>,
}

/// Every figure, in the report's order.
pub const FIGURES: &[Entry] = &[
    Entry {
        id: "fig1",
        title: "Figure 1: every start ends at the same sharpness",
        make: fig1::make,
    },
    Entry {
        id: "fig2",
        title: "Figure 2: anisotropic noise sharpens",
        make: fig2::make,
    },
    Entry {
        id: "fig3",
        title: "Figure 3: sharpness grows with the noise's condition number",
        make: fig3::make,
    },
    Entry {
        id: "fig4",
        title: "Figure 4: the drift stops with the noise",
        make: fig4::make,
    },
    Entry {
        id: "fig5",
        title: "Figure 5: the largest eigenvalue",
        make: fig5::make,
    },
    Entry {
        id: "fig6",
        title: "Figure 6: the outer layers become ill-conditioned",
        make: fig6::make,
    },
    Entry {
        id: "fig7",
        title: "Figure 7: depth multiplies the sharpness",
        make: fig7::make,
    },
    Entry {
        id: "fig8",
        title: "Figure 8: a transformer",
        make: fig8::make,
    },
    Entry {
        id: "prop1",
        title: "Proposition 1: sharpness of random starts",
        make: prop1::make,
    },
    Entry {
        id: "cor1",
        title: "Corollary 1: sharpness grows with the noise's condition number",
        make: cor1::make,
    },
    Entry {
        id: "cor4",
        title: "Corollary 4: power-law spectra",
        make: cor4::make,
    },
    Entry {
        id: "corrections",
        title: "Corrections: what the paper prints should disagree",
        make: corrections::make,
    },
    Entry {
        id: "flow-vs-sgd",
        title: "Beyond the paper: fluctuation only falls, sharpness does as it likes",
        make: flow_vs_sgd::make,
    },
    Entry {
        id: "switch",
        title: "Beyond the paper: in nonlinear networks, too, the drift stops with the noise",
        make: switch::make,
    },
    Entry {
        id: "anisotropy-depth",
        title: "Beyond the paper: sharpness over anisotropy and depth",
        make: anisotropy_depth::make,
    },
    Entry {
        id: "theory-ends",
        title: "Beyond the paper: where the theory ends",
        make: theory_ends::make,
    },
    Entry {
        id: "turned-noise",
        title: "Beyond the paper: noise on turned axes takes SGD away from Theorem 1",
        make: turned_noise::make,
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
