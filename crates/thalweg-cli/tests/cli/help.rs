//! Snapshots of every `--help`.

use crate::harness::run;

const SUBCOMMANDS: [&str; 11] = [
    "predict",
    "flow",
    "simulate",
    "train",
    "measure",
    "reproduce",
    "report",
    "design",
    "diagnose",
    "sweep",
    "serve",
];

/// The parts of `thalweg sweep`.
const OF_A_SWEEP: [&str; 6] = ["plan", "run", "status", "table", "report", "submit"];

#[test]
fn the_program_and_each_subcommand_teach() {
    for name in [""].into_iter().chain(SUBCOMMANDS) {
        let arguments: Vec<_> = [name, "--help"]
            .into_iter()
            .filter(|a| !a.is_empty())
            .collect();
        let run = run(&arguments);
        assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""), "{name}");
        insta::assert_snapshot!(format!("help-{name}"), run.stdout);
    }
}

#[test]
fn each_part_of_a_sweep_teaches_in_eighty_columns() {
    for name in OF_A_SWEEP {
        let run = run(&["sweep", name, "--help"]);
        assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""), "{name}");
        for line in run.stdout.split("Usage:").next().unwrap().lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
        insta::assert_snapshot!(format!("help-sweep-{name}"), run.stdout);
    }
}

/// Options are wrapped by clap to the terminal; what is printed verbatim must fit the narrowest.
#[test]
fn verbatim_help_fits_eighty_columns() {
    for name in SUBCOMMANDS {
        let help = run(&[name, "--help"]).stdout;
        let (before, rest) = help.split_once("Usage:").unwrap();
        let (_, after) = rest.split_once("Examples:").unwrap();
        for line in before.lines().chain(after.lines()) {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
    }
}
