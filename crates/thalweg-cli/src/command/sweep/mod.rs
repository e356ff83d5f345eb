//! `thalweg sweep`: many runs as one, in a store that any number of processes fill.

mod given;
mod plan;
mod report;
mod run;
mod status;
mod submit;
mod table;

use clap::Subcommand;
use thalweg_lab::store::StoreError;
use thalweg_lab::sweep::SweepError;

use crate::exit::Failure;

/// Run one experiment for many values of its fields, on all cores
///
/// A sweep file names a base experiment and the fields of it that are changed, the
/// axes. Each combination of their values is a cell: one experiment with all its
/// seeds. A finished cell is never run again. A sweep that was interrupted
/// continues where it was, and its numbers are the same to the last bit.
#[derive(Debug, Subcommand)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub enum Command {
    Plan(plan::Arguments),
    Run(run::Arguments),
    Status(status::Arguments),
    Table(table::Arguments),
    Report(report::Arguments),
    Submit(submit::Arguments),
}

const EXAMPLES: &str = "\
A sweep file:
    base = \"base.toml\"       # as for `thalweg simulate` or `train`; or a table
    seeds = 16               # in each cell; else as many as the base has
    [[axes]]
    path = \"depth\"
    values = [2, 3, 4]
    [[axes]]
    path = \"learning_rate\"
    from = 1e-3
    to = 1e-2
    count = 5
    spacing = \"log\"          # the default is \"linear\"
    [[axes]]                 # fields that change together
    together = [
      { path = \"batch\", values = [1, 10] },
      { path = \"steps\", values = [100_000, 10_000] },
    ]

Examples:
    thalweg sweep plan sweep.toml
    thalweg sweep run sweep.toml --out store
    thalweg sweep status store
    thalweg sweep table store
    thalweg sweep report store --x depth --y learning_rate
  After you added values or axes to the file, to run the new cells:
    thalweg sweep run sweep.toml --out store";

/// Runs the chosen part.
///
/// # Errors
/// See [`Failure`].
pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Plan(arguments) => plan::run(arguments),
        Command::Run(arguments) => run::run(arguments),
        Command::Status(arguments) => status::run(arguments),
        Command::Table(arguments) => table::run(arguments),
        Command::Report(arguments) => report::run(arguments),
        Command::Submit(arguments) => submit::run(arguments),
    }
}

/// Whether input or work failed.
fn failure(error: SweepError) -> Failure {
    match &error {
        SweepError::Store(cause @ StoreError::Write { .. }) => Failure::stored(&error, cause),
        _ => Failure::input(error),
    }
}

/// A time in words: 0.3 s, 12 s, 5 min, 3.2 h, 4 days.
fn time(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s < 99.5 => (s, "s"),
        s if s < 5970.0 => (s / 60.0, "min"),
        s if s < 48.0 * 3600.0 => (s / 3600.0, "h"),
        s => (s / 86400.0, "days"),
    };
    format!("{} {unit}", crate::number::significant(value, 2))
}

/// Bytes in words.
fn size(bytes: f64) -> String {
    let (value, unit) = match bytes {
        b if b < 1e6 => (b / 1e3, "kB"),
        b if b < 1e9 => (b / 1e6, "MB"),
        b if b < 1e12 => (b / 1e9, "GB"),
        b => (b / 1e12, "TB"),
    };
    format!("{} {unit}", crate::number::significant(value, 2))
}

#[cfg(test)]
mod tests {
    use super::{size, time};

    #[test]
    fn times_and_sizes_have_two_digits() {
        for (seconds, words) in [
            (0.03, "0.03 s"),
            (12.34, "12 s"),
            (300.0, "5 min"),
            (9000.0, "2.5 h"),
            (4.0 * 86400.0, "4 days"),
        ] {
            assert_eq!(time(seconds), words);
        }
        assert_eq!(
            (size(1234.0), size(5.6e10)),
            ("1.2 kB".to_owned(), "56 GB".to_owned())
        );
    }
}
