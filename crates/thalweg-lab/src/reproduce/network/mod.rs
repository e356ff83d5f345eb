//! What the figures of trained networks share: the paper's settings, the runs, the panels and claims.

mod claims;
mod observable;
mod pair;
mod runs;
mod settings;

pub use claims::larger;
pub use observable::NetworkObservable;
pub use pair::pair;
pub use runs::{Kept, NetworkTrials, run};
pub use settings::{CROSS_ENTROPY, Model, SQUARED_ERROR, TRIALS, budget, noise_name};
