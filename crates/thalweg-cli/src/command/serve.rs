//! `thalweg serve`: pages on this machine, until Ctrl-C.

use clap::Args;
use thalweg_serve::{Options, ServeError, Server};

use crate::exit::Failure;
use crate::output;

/// Show pages in a browser on which SGD can be watched, until Ctrl-C
///
/// The valley: the minima of two layers seen from above, by their fluctuation and
/// by their sharpness, with the flattest one and the one where SGD ends; sliders
/// for noise, teacher, depth, step size and what is added to SGD; the slow flow at
/// once, and SGD of sixteen seeds while it runs.
///
/// The address to open is printed. Everything is inside the program: no internet
/// connection is needed. The pages answer on this machine alone, unless --host
/// says otherwise; then whoever opens them needs the token in the printed address.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub struct Arguments {
    /// The port of the address
    #[arg(long, value_name = "PORT", default_value_t = 8017)]
    port: u16,
    /// Answer other machines too, at this name or address of this one
    ///
    /// 0.0.0.0 stands for all of its addresses. The connection is not encrypted.
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  thalweg serve
  At any port that is free:
    thalweg serve --port 0";

/// Prints the address and serves until the process ends.
///
/// # Errors
/// A host that is not known, or a port that is taken.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let options = Options {
        host: arguments.host.clone(),
        port: arguments.port,
    };
    let server = Server::bind(&options).map_err(failure)?;
    output::print(&format!("{}\n", server.url()))?;
    eprintln!("Ctrl-C ends it and the runs that it shows.");
    server.run().map_err(failure)
}

fn failure(error: ServeError) -> Failure {
    match error {
        ServeError::System(_) => Failure::work(error),
        _ => Failure::input(error),
    }
}
