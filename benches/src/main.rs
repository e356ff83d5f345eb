//! Times the library: the simulator of deep linear networks, and networks with their curvature.

mod networks;
mod simulator;
mod timing;

use clap::{Parser, Subcommand};

/// Times the library.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    suite: Suite,
}

#[derive(Subcommand)]
enum Suite {
    /// The simulator: nanoseconds per seed and step.
    Simulator(simulator::Arguments),
    /// Networks: steps, Hessian products, fluctuation.
    Networks(networks::Arguments),
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match Arguments::parse().suite {
        Suite::Simulator(arguments) => simulator::run(&arguments),
        Suite::Networks(arguments) => networks::run(&arguments),
    }
}
