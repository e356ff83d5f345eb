//! How SGD gets to its minimum: gradient flow to the manifold of minima, then the slow flow along it.
//!
//! Near a minimum SGD moves on two clocks. Within about 1/(η λ) steps gradient descent takes the
//! weights to the manifold of minima W_D…W_1 = V ([`descend`]). Along the manifold only the noise
//! moves them, in the slow time u = η² t/B ([`slow_flow`]; beyond the paper, which leaves the dynamics
//! open). Of its two fields ([`Drift`]) the default lets the fluctuation F only fall, to Theorem 1's
//! minimum, while the sharpness T may rise, fall, or do both.
//!
//! ```
//! use thalweg::faer::mat;
//! use thalweg::flow::{FlowSettings, Times, slow_flow};
//! use thalweg::problem::{Problem, Weights};
//!
//! // y = x + ε, learnt by w_2 w_1: dQ/du = −Q for Q = w_1² − w_2², and T = √(Q² + 4) where w_2 w_1 = 1.
//! let one = mat![[1.0]];
//! let problem = Problem::new(one.clone(), one.clone(), one, 2)?;
//! let start = Weights::new(&problem, vec![mat![[2.0]], mat![[0.5]]])?;
//! let path = slow_flow(&problem, &start, &Times::Slow(vec![0.0, 1.0]), &FlowSettings::default())?;
//! let imbalance = (4.0 - 0.25) * f64::exp(-1.0);
//! assert!((path.snapshots[1].sharpness - imbalance.hypot(2.0)).abs() < 1e-6);
//! assert!((path.limit?.sharpness - 2.0).abs() < 1e-12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The integrators
//! Both flows are stiff: a noise anisotropy of 10⁴ in covariance spreads the rates along the minima as far, and a condition number of
//! the inputs those on the way down. Own code rather than a library: `ode_solvers` 0.6 has explicit methods only; `diffsol` 0.18 has
//! BDF and SDIRK, which factor a dense matrix of n × n, where both flows have structure. Small networks are followed by
//! Rodas5P (`rosenbrock.rs`), of order 5, one page and without Newton iterations, whose linear systems have the size of the
//! generators along the minima (`symmetric.rs`) and are solved layer by layer on the way down (`chain.rs`), or, where all axes are shared, the size of
//! one mode (`modes/`). In other wide ones (`wide/`), and on the way down where inputs are nearly dependent (`fall.rs`), iterations solve them, and a
//! multistep method (`bdf.rs`) asks for the fewest.

mod ascent;
mod bdf;
mod chain;
mod clock;
mod conjugate;
mod descent;
mod downhill;
mod error;
mod exact;
mod exact_rates;
mod fall;
mod finite;
mod gmres;
mod gradient;
mod horizontal;
mod kronecker;
mod kronecker_sum;
mod left_out;
mod lift;
mod lu;
mod manifold;
mod memory;
mod modes;
mod own_drift;
mod pace;
mod path;
mod point;
mod potential;
mod products;
mod relaxation;
mod rest;
mod rosenbrock;
mod settings;
mod symmetric;
mod tableau;
#[cfg(test)]
mod tests;
mod trajectory;
mod validity;
mod walk;
mod way_down;
mod wide;
mod wide_horizontal;

pub use descent::{Descent, descend};
pub use error::FlowError;
pub use finite::{
    FiniteTrajectory, FiniteValidity, FiniteWaypoint, OUTER_DEPTH, OUTER_DRIFT, OUTER_ERROR,
    OUTER_FLUCTUATION, OUTER_ISOTROPIC_FLUCTUATION, OUTER_ISOTROPIC_STABILITY, TRUSTED_CONDITION,
    TRUSTED_DEPTH, TRUSTED_ERROR, TRUSTED_FLUCTUATION, TRUSTED_MILD_FLUCTUATION, finite_offered,
    finite_path, finite_step,
};
pub use left_out::{
    Cause, LeftOut, MOST_LEFT_OUT, Place, Way, decay_leaves_a_minimum, left_out, most_decay,
};
pub use memory::memory;
pub use own_drift::{MOST_OWN_DRIFT, OwnDrift, own_drift_is_quick};
pub use path::path;
pub use relaxation::{MOST_RATES, Relaxation, relaxation, relaxation_by, relaxation_is_quick};
pub use rest::rest;
pub use rosenbrock::Statistics;
pub use settings::{
    Drift, FlowSettings, MOST_CURVATURE, MOST_WEIGHTS, Steps, Times, ends_at_theorem_1,
};
pub use trajectory::{Limit, NoLimit, Trajectory, Waypoint, slow_flow};
pub use validity::{
    ARRIVED, Approach, LEAVES_OUT, MOST_DRIFT, MOST_MISALIGNMENT,
    MOST_RELATIVE_WEIGHTED_FLUCTUATION, MOST_STABILITY, Validity, is_turned, misalignment_warning,
    most_misalignment,
};
