//! The science of thalweg: where SGD ends up in a deep linear network with noisy labels.
//!
//! Source of every equation number: Xu, Beneventano, Chuang, Ziyin, *Does SGD Seek Flatness or
//! Sharpness? An Exactly Solvable Model*, arXiv:2602.05065.
//!
//! Loss convention everywhere: ℓ = ½‖y − f(x)‖², **summed** over outputs and **averaged** over
//! samples. PyTorch's `nn.MSELoss` averages over outputs and has no ½: multiply by 2/d_y.
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
pub mod simulate;
pub mod tensor;
pub mod theory;
pub mod train;
mod words;
