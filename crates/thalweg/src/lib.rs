//! Where SGD ends on noisy labels, how it gets there, and how sharp the loss is meanwhile.
//!
//! ```
//! use thalweg::faer::mat;
//! use thalweg::problem::Problem;
//! use thalweg::theory::predict;
//!
//! // y = x + ε, learnt by W_2 W_1 x from inputs with Σx = I; ε has the variances 4 and 1.
//! let identity = mat![[1.0, 0.0], [0.0, 1.0]];
//! let noise_covariance = mat![[4.0, 0.0], [0.0, 1.0]];
//! let problem = Problem::new(identity.clone(), identity, noise_covariance, 2)?;
//! let end = predict(&problem)?;
//!
//! // By hand: with W_2 = diag(g) and W_1 = diag(1/g), F = 5 Σ 1/g_i² + 2 (4 g_1² + g_2²) is least at
//! // g_1⁴ = 5/8 and g_2⁴ = 5/2, where T = 2 Σ (g_i² + 1/g_i²).
//! let squares = [(5.0_f64 / 8.0).sqrt(), (5.0_f64 / 2.0).sqrt()];
//! let sharpness: f64 = squares.iter().map(|g| 2.0 * (g + 1.0 / g)).sum();
//! assert!((end.sharpness - sharpness).abs() < 1e-12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Map
//! Deep linear networks, f(x) = W_D … W_1 x, of which all is known:
//! - [`problem`]: what is learnt, and by which network; checked once, at construction.
//! - [`theory`]: where SGD ends as η → 0, in closed form.
//! - [`flow`]: by which path, as a differential equation in the slow time u = η² t/B.
//! - [`simulate`]: SGD itself, step by step, many seeds at once.
//! - [`recipe`]: what people add to SGD (momentum, weight decay, SAM, noise, dropout, smoothed labels), for all of these.
//!
//! Networks of any kind, which are trained and measured:
//! - [`model`], [`loss`], [`data`], [`optimizer`]: what is trained, on what and how; [`train`] does it.
//! - [`evaluation`]: a network's loss over a fixed set of samples, with its derivatives as operators.
//! - [`fluctuation`]: how much the gradients of single samples fluctuate, and what that is made of.
//! - [`tensor`]: what computes all that: recorded functions and their derivatives.
//!
//! What knows neither:
//! - [`curvature`]: eigenvalues, trace and spectral density of any symmetric operator, by its products.
//! - [`estimate`]: a number with its error, cost and status. [`outcome`]: whether a run goes on.
//! - [`random`]: random numbers as functions of a seed.
//!
//! # Conventions
//! The loss is ℓ = ½‖y − f(x)‖², **summed** over outputs and **averaged** over samples. PyTorch's `nn.MSELoss` averages over
//! outputs and has no ½: multiply by 2/d_y. Where the unit of y is that of the loss's square root, sharpness T and its largest
//! eigenvalue λ_max are in loss/weight², and the fluctuation F = E‖∇ℓ‖² is in loss²/weight².
//!
//! Equation numbers are those of Xu, Beneventano, Chuang, Ziyin, *Does SGD Seek Flatness or Sharpness? An Exactly Solvable
//! Model*, arXiv:2602.05065.
//!
//! This crate reads no files and no clock, draws no ambient randomness and prints nothing.

pub mod curvature;
pub mod data;
pub mod estimate;
pub mod evaluation;
pub mod flow;
pub mod fluctuation;
mod lanes;
pub mod loss;
pub mod model;
pub mod optimizer;
pub mod outcome;
pub mod problem;
pub mod random;
pub mod recipe;
pub mod simulate;
mod stop;
mod switch;
pub mod tensor;
pub mod theory;
pub mod train;
pub mod words;

pub use stop::{Stop, Stopped, stoppable};

/// The library whose matrices appear in this one's signatures, in the version that fits.
pub use faer;

/// The README's example is tested as this crate's own.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
