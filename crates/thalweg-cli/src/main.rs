//! The program `thalweg`: reads the arguments, runs one subcommand, ends with its exit status.

mod arguments;
mod command;
mod exit;
mod interrupt;
mod memory;
mod number;
mod output;
mod page;
mod progress;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    memory::keep_freed();
    exit::install_error_style();
    // On a wrong command line clap prints what would be right and leaves with status 2.
    let arguments = command::Arguments::parse();
    exit::status(command::run(arguments.command))
}
