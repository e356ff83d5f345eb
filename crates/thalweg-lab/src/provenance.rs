//! Who made a file: program, version, commit, and the loss convention its numbers follow.

use crate::spec::Node;

/// The convention of every loss, gradient and Hessian of the deep linear model, in one line.
pub const LOSS_CONVENTION: &str = "½‖y − f(x)‖², summed over outputs, averaged over samples (nn.MSELoss differs by a factor 2/d_y)";

/// The program and its version.
pub const PROGRAM: &str = concat!("thalweg ", env!("CARGO_PKG_VERSION"));

/// The git commit this was built from, with `+changes` if the sources differed from it; `None` where
/// it was built outside a repository.
pub const COMMIT: Option<&str> = option_env!("THALWEG_COMMIT");

/// The entry of the table `provenance` for the fingerprint of data that a specification only names.
pub(crate) const DATA: &str = "data_fingerprint";

/// The table `provenance` of a written file whose losses are counted by `loss_convention`.
pub(crate) fn provenance(loss_convention: &str) -> Node {
    let mut entries = vec![("program".to_owned(), PROGRAM.into())];
    if let Some(commit) = COMMIT {
        entries.push(("commit".to_owned(), commit.into()));
    }
    entries.push(("loss_convention".to_owned(), loss_convention.into()));
    Node::Table(entries)
}
