//! What there is in a folder: each run, sweep, reproduction and log, by what its directory holds.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use thalweg_lab::probe::is_probe;
use thalweg_lab::store::{exists, is_network, is_run};
use thalweg_lab::sweep::Store;
use thalweg_report::report::{REPORT_FILE, is_page};
use thalweg_report::results::RESULTS_FILE;

use super::inside::inside;

/// Folders within folders that are looked into.
const DEEPEST: usize = 3;
/// Directories that are looked at, at most.
const MOST: usize = 2000;

/// What a directory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A run of SGD on a deep linear network.
    Simulation,
    /// A training of networks.
    Training,
    /// Cells over axes.
    Sweep,
    /// Figures with verdicts.
    Reproduction,
    /// A probe's log of a training in PyTorch.
    Probe,
    /// A page alone.
    Page,
}

impl Kind {
    fn of(directory: &Path) -> Option<Self> {
        if Store::is_one(directory) {
            return Some(Self::Sweep);
        }
        if exists(&directory.join(RESULTS_FILE)) {
            return Some(Self::Reproduction);
        }
        if is_probe(directory) {
            return Some(Self::Probe);
        }
        if is_run(directory) {
            return Some(match is_network(directory) {
                Ok(true) => Self::Training,
                _ => Self::Simulation,
            });
        }
        exists(&directory.join(REPORT_FILE)).then_some(Self::Page)
    }

    /// In data.
    pub fn word(self) -> &'static str {
        match self {
            Self::Simulation => "simulation",
            Self::Training => "training",
            Self::Sweep => "sweep",
            Self::Reproduction => "reproduction",
            Self::Probe => "probe",
            Self::Page => "page",
        }
    }
}

/// One directory that holds something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Below the folder, with `/` between names; empty for the folder itself.
    pub path: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether it has a page, `report.html`, or is one.
    pub report: bool,
}

impl Entry {
    /// As one JSON object.
    pub fn json(&self) -> Value {
        json!({ "path": self.path, "kind": self.kind.word(), "report": self.report })
    }
}

/// The page of this program at `path` in `root`: that of a directory, or a file which is one, such as a diagnosis.
pub fn page_in(root: &Path, path: &str) -> Option<PathBuf> {
    let found = inside(root, path)?;
    if found.is_dir() {
        return inside(&found, REPORT_FILE);
    }
    let is_html = found.extension().is_some_and(|it| it == "html");
    (is_html && is_page(&found)).then_some(found)
}

/// What there is in `root`, by name, three folders deep; folders within a run or a sweep are its own, and pages beside its files are listed. Links are not followed, and names that are
/// no Unicode are passed over.
pub fn list(root: &Path) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut looked = 0;
    look(root, "", DEEPEST, &mut looked, &mut entries);
    entries
}

fn look(root: &Path, path: &str, deeper: usize, looked: &mut usize, entries: &mut Vec<Entry>) {
    *looked += 1;
    let Some(directory) = inside(root, path).filter(|_| *looked <= MOST) else {
        return;
    };
    let kind = Kind::of(&directory);
    if let Some(kind) = kind {
        entries.push(Entry {
            path: path.to_owned(),
            kind,
            report: page_in(root, path).is_some(),
        });
    }
    // Folders in a run or a sweep are its own; pages that a user put beside its files are not.
    let deeper = match kind {
        None | Some(Kind::Page) => deeper.checked_sub(1),
        Some(_) => None,
    };
    let Ok(children) = fs::read_dir(&directory) else {
        return;
    };
    let mut children: Vec<(String, bool)> = children
        .flatten()
        .filter_map(|child| {
            let kind = child.file_type().ok()?;
            let name = child.file_name().into_string().ok()?;
            let page = name.ends_with(".html") && name != REPORT_FILE;
            (kind.is_dir() || kind.is_file() && page).then(|| (name, kind.is_dir()))
        })
        .collect();
    children.sort();
    for (name, folder) in children {
        let below = if path.is_empty() {
            name
        } else {
            format!("{path}/{name}")
        };
        if !folder {
            *looked += 1;
            if *looked <= MOST && page_in(root, &below).is_some() {
                entries.push(Entry {
                    path: below,
                    kind: Kind::Page,
                    report: true,
                });
            }
        } else if let Some(deeper) = deeper {
            look(root, &below, deeper, looked, entries);
        }
    }
}
