//! The parts whose agreement is to prove something do not know of each other.

#![expect(clippy::unwrap_used, reason = "the helpers are tests too")]
#![expect(clippy::disallowed_methods, reason = "it reads the crate's sources")]

use std::path::{Path, PathBuf};

/// The module and those that it must not mention in its code.
const APART: [(&str, &[&str]); 15] = [
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

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Whether `line` reaches `module` by a path: `module::`, `::module`, `{module`.
fn reaches(line: &str, module: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices(module).any(|(start, _)| {
        let (before, after) = (&code[..start], &code[start + module.len()..]);
        let whole = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        whole(before.chars().next_back())
            && whole(after.chars().next())
            && (before.ends_with("::") || after.starts_with("::"))
    })
}

#[test]
fn modules_that_are_compared_do_not_import_each_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
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

#[test]
fn an_import_is_seen_and_a_comment_is_not() {
    assert!(reaches("use crate::simulate::Ensemble;", "simulate"));
    assert!(reaches("    simulate::run();", "simulate"));
    assert!(!reaches("/// see crate::simulate::Ensemble", "simulate"));
    assert!(!reaches("let theory = 1;", "theory"));
}
