//! `thalweg serve`: pages on this machine, until Ctrl-C.

use std::path::PathBuf;

use clap::Args;
use thalweg_lab::store::write_whole;
use thalweg_serve::valley::{SCENES, Setting, still};
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
/// With FOLDER also its runs and sweeps: curves beside each other while they grow,
/// a sweep's cells as they fill up, and reports. It is only read.
///
/// The address to open is printed. Everything is inside the program: no internet
/// connection is needed. The pages answer on this machine alone, unless --host
/// says otherwise; then whoever opens them needs the token in the printed address.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub struct Arguments {
    /// The folder whose runs, sweeps and reports are shown
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// The port of the address
    #[arg(long, value_name = "PORT", default_value_t = 8017)]
    port: u16,
    /// Answer other machines too, at this name or address of this one
    ///
    /// 0.0.0.0 stands for all of its addresses. The connection is not encrypted.
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Write a picture of the valley with SGD at its end to FILE, as SVG, and end
    #[arg(long, value_name = "FILE", conflicts_with_all = ["folder", "port", "host"])]
    picture: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  thalweg serve
  The runs and sweeps that lie here as well:
    thalweg serve .
  At any port that is free:
    thalweg serve --port 0";

/// Of which a picture is written.
const PICTURED: &str = "flattening-then-sharpening";

/// Prints the address and serves until the process ends, or writes the picture.
///
/// # Errors
/// A host or a folder that is not there, a port that is taken, or a file that cannot be written.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(file) = &arguments.picture {
        let scene = SCENES.iter().find(|scene| scene.key == PICTURED);
        let query = scene.map_or("", |scene| scene.query);
        let setting = Setting::from_query(query).map_err(Failure::input)?;
        let picture = still(&setting)?;
        write_whole(file, picture.as_bytes()).map_err(|error| Failure::stored(&error, &error))?;
        return output::print(&format!("{}\n", file.display()));
    }
    let options = Options {
        host: arguments.host.clone(),
        port: arguments.port,
        folder: arguments.folder.clone(),
    };
    let server = Server::bind(&options).map_err(failure)?;
    output::print(&format!("{}\n", server.url()))?;
    eprintln!("{}", who_can_open(&server));
    eprintln!("Ctrl-C ends it and the runs of SGD that it shows.");
    server.run().map_err(failure)
}

/// Who can open the printed address.
fn who_can_open(server: &Server) -> &'static str {
    match (
        server.is_for_this_machine_alone(),
        server.address().ip().is_unspecified(),
    ) {
        (false, _) => {
            "Other machines can open this address. Its token lets them in: give it only to people who may see the pages."
        }
        (true, false) => {
            "Only this machine can open this address. With --host 0.0.0.0 other machines can, too."
        }
        (true, true) => "Only this machine can open this address, since it is in no network.",
    }
}

fn failure(error: ServeError) -> Failure {
    match error {
        ServeError::System(_) => Failure::work(error),
        _ => Failure::input(error),
    }
}
