//! The command line: one file for each subcommand, and the choice between them.

pub mod design;
pub mod diagnose;
mod diagnosed;
mod diagnosed_tokens;
pub mod flow;
pub mod measure;
mod measured;
mod measured_tokens;
pub mod predict;
pub mod report;
pub mod reproduce;
mod running;
pub mod serve;
pub mod simulate;
mod summary;
pub mod sweep;
pub mod train;
mod training;

use clap::{CommandFactory, Parser, Subcommand};

use crate::exit::Failure;
use crate::output;

/// Which sharpness will SGD converge to, by which path, in how many steps, and does
/// a real run agree?
///
/// thalweg answers for deep linear networks f(x) = W_D … W_1 x, trained by SGD on
/// noisy labels y = V x + ε.
///
/// Loss convention: ℓ = ½‖y − f(x)‖², summed over outputs, mean over samples.
/// PyTorch's nn.MSELoss averages over outputs and has no ½: its sharpness is 2/d_y
/// times the one printed here.
///
/// Equation numbers are those of Xu, Beneventano, Chuang and Ziyin, "Does SGD Seek
/// Flatness or Sharpness? An Exactly Solvable Model", arXiv:2602.05065.
#[derive(Debug, Parser)]
#[command(name = "thalweg", version, verbatim_doc_comment, after_long_help = EXAMPLES, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  Where does SGD end with three layers, label noise of deviations 10 and 0.1?
    thalweg predict --depth 3 --noise 10,0.1
  Is it stable there at my step size and batch?
    thalweg predict --depth 3 --noise 1,0.1 --learning-rate 0.003 --batch 10
  Which sharpness after 10^6 steps?
    thalweg flow --depth 3 --noise 1,0.1 --learning-rate 0.003 --batch 10 \\
      --steps 1e6
  Does SGD agree?
    thalweg simulate --depth 3 --noise 1,0.1 --learning-rate 0.003 --batch 10 \\
      --steps 1e6 --seeds 16 --out run
  What makes it end at half that sharpness?
    thalweg design --depth 3 --noise 1,0.1 --learning-rate 0.003 --batch 10 \\
      --sharpness 15
  And for ten noises, five depths, on all cores?
    thalweg sweep run sweep.toml --out store
  The paper's figures, every claim tested:
    thalweg reproduce --quick

Exit status:
  0    success; that runs diverged is a result too
  1    the work failed: disk full, no convergence, …; what was finished is kept
  2    wrong usage or input, a damaged or missing file in a directory, or too
       little memory; nothing was written
  130  stopped by Ctrl-C or SIGTERM; what was finished is kept";

#[derive(Debug, Subcommand)]
pub enum Command {
    Predict(Box<predict::Arguments>),
    Flow(Box<flow::Arguments>),
    Simulate(Box<simulate::Arguments>),
    Design(Box<design::Arguments>),
    Diagnose(Box<diagnose::Arguments>),
    Train(train::Arguments),
    Measure(measure::Arguments),
    #[command(subcommand)]
    Sweep(sweep::Command),
    Reproduce(reproduce::Arguments),
    Report(report::Arguments),
    Serve(serve::Arguments),
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Runs the chosen subcommand to its end.
///
/// # Errors
/// See [`Failure`].
pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Flow(arguments) => flow::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Design(arguments) => design::run(&arguments),
        Command::Diagnose(arguments) => diagnose::run(&arguments),
        Command::Train(arguments) => train::run(&arguments),
        Command::Measure(arguments) => measure::run(&arguments),
        Command::Sweep(command) => sweep::run(&command),
        Command::Reproduce(arguments) => reproduce::run(&arguments),
        Command::Report(arguments) => report::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "thalweg", &mut script);
            output::print(&String::from_utf8_lossy(&script))
        }
    }
}
