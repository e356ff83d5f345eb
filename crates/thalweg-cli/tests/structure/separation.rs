//! The parts whose agreement is to prove something do not know of each other.

use std::path::Path;

use crate::sources;

/// The core's module and those that it must not mention in its code.
const APART: [(&str, &[&str]); 16] = [
    (
        "curvature",
        &[
            "tensor",
            "loss",
            "model",
            "data",
            "train",
            "evaluation",
            "fluctuation",
            "problem",
            "theory",
            "flow",
            "simulate",
        ],
    ),
    ("problem", &["theory", "flow", "simulate"]),
    ("recipe", &["theory", "flow", "simulate"]),
    ("random", &["problem", "theory", "flow", "simulate"]),
    ("lanes", &["theory", "flow", "simulate"]),
    (
        "theory",
        &[
            "flow",
            "simulate",
            "tensor",
            "loss",
            "model",
            "data",
            "train",
            "evaluation",
            "fluctuation",
        ],
    ),
    (
        "flow",
        &[
            "simulate",
            "tensor",
            "loss",
            "model",
            "data",
            "train",
            "evaluation",
            "fluctuation",
        ],
    ),
    (
        "simulate",
        &[
            "theory",
            "flow",
            "tensor",
            "loss",
            "model",
            "data",
            "train",
            "evaluation",
            "fluctuation",
        ],
    ),
    (
        "tensor",
        &[
            "loss", "model", "problem", "random", "theory", "flow", "simulate",
        ],
    ),
    (
        "loss",
        &[
            "model",
            "evaluation",
            "fluctuation",
            "theory",
            "flow",
            "simulate",
        ],
    ),
    (
        "fluctuation",
        &["model", "problem", "theory", "flow", "simulate"],
    ),
    (
        "evaluation",
        &[
            "fluctuation",
            "model",
            "problem",
            "theory",
            "flow",
            "simulate",
        ],
    ),
    (
        "model",
        &[
            "loss",
            "evaluation",
            "fluctuation",
            "theory",
            "flow",
            "simulate",
        ],
    ),
    ("data", &["evaluation", "theory", "flow", "simulate"]),
    (
        "optimizer",
        &["data", "model", "evaluation", "theory", "flow", "simulate"],
    ),
    ("train", &["evaluation", "theory", "flow", "simulate"]),
];

/// Whether `line` reaches `module` by a path: `module::`, `::module`, `{module`.
fn reaches(line: &str, module: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices(module).any(|(start, _)| {
        let (before, after) = (&code[..start], &code[start + module.len()..]);
        let whole = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        whole(before.chars().next_back())
            && whole(after.chars().next())
            && (before.ends_with("::") || after.starts_with("::"))
            // A function of that name is no module.
            && !after.starts_with('(')
    })
}

#[test]
fn modules_that_are_compared_do_not_import_each_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../thalweg/src");
    for (module, forbidden) in APART {
        let files = sources(&root.join(module));
        assert!(!files.is_empty(), "{module} has no sources");
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            for (number, line) in text.lines().enumerate() {
                for other in forbidden {
                    assert!(
                        !reaches(line, other),
                        "{}:{}: {module} must not know of {other}: {line}",
                        file.display(),
                        number + 1
                    );
                }
            }
        }
    }
}

/// Where SGD is set beside theory or flow outside `compare/`: errors and types of all three, Proposition 1, whose measurement is
/// a start without a run, starts that a figure's plan takes from theory, the relaxation time at a run's step, SGD that is run
/// from the predicted end on a table's own rows, and the end that a data set's own fluctuation has.
const MEET: [&str; 7] = [
    "thalweg-lab/src/diagnose/on_rows.rs",
    "thalweg-lab/src/quantity.rs",
    "thalweg-report/src/reproduce/error.rs",
    "thalweg-report/src/reproduce/linear.rs",
    "thalweg-report/src/reproduce/prop1.rs",
    "thalweg-report/src/reproduce/replacement.rs",
    "thalweg-report/src/reproduce/turned_noise.rs",
];

/// Whether a line takes only the description of a run, with which nothing can be run.
fn only_settings(line: &str) -> bool {
    line.trim_end() == "use thalweg::simulate::SimulateSettings;"
}

#[test]
fn theory_and_simulator_meet_where_they_are_compared() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut meet = Vec::new();
    for name in ["thalweg-lab", "thalweg-report"] {
        for file in sources(&crates.join(name).join("src")) {
            let text = std::fs::read_to_string(&file).unwrap();
            let reached = |module| {
                let mut lines = text.lines().filter(|line| !only_settings(line));
                lines.any(|line| reaches(line, module))
            };
            let file = file
                .strip_prefix(&crates)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            let runs = reached("simulate") || text.contains("ran.linear(");
            if runs && (reached("theory") || reached("flow")) {
                meet.push(file);
            }
        }
    }
    let own =
        |file: &String| file.starts_with("thalweg-lab/src/compare/") || file.ends_with("tests.rs");
    meet.retain(|file| !own(file));
    meet.sort();
    assert_eq!(meet, MEET);
}

#[test]
fn an_import_is_seen_and_a_comment_is_not() {
    assert!(reaches("use crate::simulate::Ensemble;", "simulate"));
    assert!(reaches("    simulate::run();", "simulate"));
    assert!(!reaches("/// see crate::simulate::Ensemble", "simulate"));
    assert!(!reaches("let theory = 1;", "theory"));
    assert!(only_settings("use thalweg::simulate::SimulateSettings;"));
    assert!(!only_settings(
        "use thalweg::simulate::{SimulateSettings, run};"
    ));
    assert!(!reaches("Look::flow(0)", "flow"));
}
