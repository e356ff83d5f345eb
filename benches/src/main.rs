//! Times the library: the simulator of deep linear networks, the flows, networks with their curvature, and diagnoses.

mod diagnose;
mod flow;
mod networks;
mod simulator;
mod timed;
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
    /// The flows: seconds to the minima and along them.
    Flow(flow::Arguments),
    /// Networks: steps, Hessian products, fluctuation.
    Networks(networks::Arguments),
    /// Diagnoses: the noise of tables in memory.
    Diagnose(diagnose::Arguments),
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match Arguments::parse().suite {
        Suite::Simulator(arguments) => simulator::run(&arguments),
        Suite::Flow(arguments) => flow::run(&arguments),
        Suite::Networks(arguments) => networks::run(&arguments),
        Suite::Diagnose(arguments) => diagnose::run(&arguments),
    }
}
