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
/// The first page is the valley: two maps of the minima of a network of two layers,
/// one of their fluctuation and one of their sharpness. The maps show the flattest
/// minimum, the minimum where SGD ends, the slow flow towards it, and sixteen seeds
/// of SGD while they run. Sliders change the noise, the teacher, the depth, the
/// step size, and what is added to SGD.
///
/// With FOLDER a second page shows the runs, sweeps and reports in that folder,
/// also while they run: curves of several runs together, and a sweep's finished
/// cells. The folder is only read.
///
/// The address to open is printed. Everything is inside the program, so that no
/// internet connection is needed. Only this machine can open the pages, unless
/// --host says otherwise; then people need the printed address, with its token.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub struct Arguments {
    /// The folder with the runs, sweeps and reports to show
    #[arg(value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// The port of the address
    #[arg(long, value_name = "PORT", default_value_t = 8017)]
    port: u16,
    /// Let other machines open the pages, at this name or address of this machine
    ///
    /// 0.0.0.0 means all addresses of this machine; one of them is printed. The
    /// connection is not encrypted.
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Write a picture of the valley with SGD's whole way to FILE, as SVG, and end
    #[arg(long, value_name = "FILE", conflicts_with_all = ["folder", "port", "host"])]
    picture: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  thalweg serve
  With the runs and sweeps of this folder:
    thalweg serve .
  At a port that is free:
    thalweg serve --port 0";

/// Of which a picture is written.
const PICTURED: &str = "flattening-then-sharpening";

#[derive(Debug, thiserror::Error)]
#[error(
    "--picture {}: the picture is written as SVG: name it {}",
    .0.display(),
    .0.with_extension("svg").display()
)]
struct NoSvg(PathBuf);

/// Prints the address and serves until the process ends, or writes the picture.
///
/// # Errors
/// A host or a folder that is not there, a port that is taken, or a file that cannot be written.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(file) = &arguments.picture {
        if !file
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("svg"))
        {
            return Err(Failure::input(NoSvg(file.clone())));
        }
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
            "Other machines can open this address if the network between lets them. Its token lets them in: give it only to people who may see the pages."
        }
        (true, false) => {
            "Only this machine can open this address. With --host 0.0.0.0 other machines can, too."
        }
        (true, true) => {
            "No address was found that other machines can open: this one works on this machine alone. Others may use another of its addresses, with the same port and token."
        }
    }
}

fn failure(error: ServeError) -> Failure {
    match error {
        ServeError::System(_) => Failure::work(error),
        _ => Failure::input(error),
    }
}
