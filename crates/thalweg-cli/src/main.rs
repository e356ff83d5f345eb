//! The program `thalweg`: reads the arguments, runs one subcommand, ends with its exit status.

mod allocator;
mod arguments;
mod command;
mod exit;
mod interrupt;
mod leave;
mod number;
mod output;
mod page;
mod progress;
mod threads;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    allocator::prepare();
    exit::install_error_style();
    // On a wrong command line clap prints what would be right and leaves with status 2.
    let arguments = command::Arguments::parse();
    exit::status(threads::start().and_then(|()| command::run(arguments.command)))
}
