//! A sweep file: a base experiment and the axes through it, read into cells.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::axis::{Axis, Column, Value, storable};
use super::cell::{Cell, CellExperiment};
use super::error::SweepError;
use crate::spec::{Draft, Fault, Field, NetworkExperiment, Node, SpecError, Specification, seeds};
use crate::store::{Fingerprint, digest};

const BASE: &str = "base";
const AXES: &str = "axes";
const SEEDS: &str = "seeds";

/// The most cells of a sweep.
const MOST_CELLS: usize = 100_000_000;

/// A sweep as its file says it.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// What the file calls it.
    pub name: Option<String>,
    /// What is varied; the last runs fastest.
    pub axes: Vec<Axis>,
    /// The whole file.
    draft: Draft,
    /// The base experiment as it is written.
    base: Draft,
    /// Whether the base stands in the sweep file itself.
    inline: bool,
}

/// What is kept in memory of each cell of a sweep, of which there may be millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Surveyed {
    /// See [`Cell::key`].
    pub(super) key: u64,
    /// The digest of what its time depends on beside its steps.
    pub(super) kind: u64,
    pub(super) steps: u64,
}

impl Sweep {
    /// The sweep in the TOML or JSON file `path`; `-` is standard input. Paths in it are taken from its folder.
    ///
    /// # Errors
    /// When it cannot be read, or a field of it is unknown, missing or of the wrong kind. Its cells are looked at when they
    /// are asked for.
    pub fn read(path: &Path) -> Result<Self, SweepError> {
        Self::from_draft(Draft::read(path)?)
    }

    /// The sweep that `draft` says.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_draft(draft: Draft) -> Result<Self, SweepError> {
        let root = Field::root(draft.tree());
        let read = || -> Result<_, Fault> {
            root.only_besides(&["name", BASE, AXES, SEEDS], &["provenance"])?;
            let name = root.optional("name").map(|f| f.text()).transpose()?;
            let (base, inline) = base(&root, draft.path())?;
            let mut axes = axes(&root, &base)?;
            absolute(&mut axes, draft.path())?;
            if let Some(field) = root.optional(SEEDS) {
                seeds(&field)?;
            }
            Ok((name.map(str::to_owned), axes, base, inline))
        };
        let (name, axes, base, inline) = read().map_err(|fault| draft.error(fault))?;
        Ok(Self {
            name,
            axes,
            draft,
            base,
            inline,
        })
    }

    /// How many cells it has.
    pub fn cells(&self) -> usize {
        self.axes.iter().map(Axis::len).product()
    }

    /// The columns of all axes, in the order of the file.
    pub fn columns(&self) -> impl Iterator<Item = &Column> {
        self.axes.iter().flat_map(|axis| &axis.columns)
    }

    /// The axes at the cell `number`, column by column.
    pub fn point(&self, number: usize) -> Vec<Value<'_>> {
        let mut rest = number;
        let mut numbers = vec![0; self.axes.len()];
        for (axis, number) in self.axes.iter().zip(&mut numbers).rev() {
            *number = rest % axis.len();
            rest /= axis.len();
        }
        let at =
            |(axis, number): (&'_ Axis, usize)| (0..axis.columns.len()).map(move |c| (c, number));
        let places = self.axes.iter().zip(numbers);
        places
            .flat_map(|(axis, number)| {
                at((axis, number)).map(|(c, number)| Value {
                    column: &axis.columns[c],
                    number,
                })
            })
            .collect()
    }

    /// The point of the cell `number` in words: `problem.depth = 3, batch = 10`.
    pub fn words(&self, number: usize) -> String {
        let point = self.point(number);
        let words = point
            .iter()
            .map(|v| format!("{} = {}", v.column.name, v.words()));
        words.collect::<Vec<_>>().join(", ")
    }

    /// The cell `number`.
    ///
    /// # Errors
    /// When there is none, or what the axes make of the base is no experiment.
    pub fn cell(&self, number: usize) -> Result<Cell, SweepError> {
        let cells = self.cells();
        if number >= cells {
            return Err(SweepError::NoCell { number, cells });
        }
        let point = self.point(number);
        let experiment = self.experiment(&point).map_err(|source| SweepError::Cell {
            number,
            point: self.words(number),
            source: Box::new(source),
        })?;
        Ok(Cell {
            number,
            key: experiment.key(),
            experiment,
        })
    }

    /// What is to be known of all cells, in their order; that each of them is an experiment is thereby known.
    ///
    /// # Errors
    /// When one is not.
    pub(super) fn survey(&self) -> Result<Vec<Surveyed>, SweepError> {
        let survey = |number| {
            let cell = self.cell(number)?;
            Ok(Surveyed {
                key: cell.key,
                kind: digest(cell.experiment.kind().as_bytes()),
                steps: cell.experiment.steps(),
            })
        };
        let surveyed = (0..self.cells()).into_par_iter().map(survey);
        surveyed
            .collect::<Result<_, _>>()
            .or_else(|error: SweepError| match error {
                // The first in their order, whichever a thread came upon.
                SweepError::Cell { number, .. } => (0..=number).map(survey).collect(),
                other => Err(other),
            })
    }

    fn experiment(&self, point: &[Value<'_>]) -> Result<CellExperiment, SpecError> {
        let mut draft = self.base.clone();
        let explain = |error: SpecError| self.explain(error, point);
        if let Some(seeds) = self.draft.tree().get(SEEDS) {
            draft.set(SEEDS, seeds.clone()).map_err(explain)?;
        }
        for value in point {
            let set = draft.set(&value.column.path, value.node().clone());
            set.map_err(|error| SpecError {
                path: self.path(),
                fault: error.fault,
                line: self.draft.line_of(&value.place()).map(Box::new),
            })?;
        }
        let network = draft.tree().get(NetworkExperiment::TABLE).is_some();
        Ok(if network {
            CellExperiment::Train(Box::new(draft.experiment().map_err(explain)?))
        } else {
            CellExperiment::Simulate(Box::new(draft.experiment().map_err(explain)?))
        })
    }

    /// `error`, which is of the base with values put in, with the line of the value that it is about.
    fn explain(&self, error: SpecError, point: &[Value<'_>]) -> SpecError {
        let places = error.fault.places();
        let about = |value: &&Value<'_>| {
            let path = &value.column.path;
            places
                .iter()
                .any(|place| within(place, path) || within(path, place))
        };
        let seeds = || {
            let given = self.draft.tree().get(SEEDS).is_some();
            (given && places.iter().any(|place| within(place, SEEDS))).then(|| SEEDS.to_owned())
        };
        let place = point.iter().find(about).map(Value::place).or_else(seeds);
        let line = match place {
            Some(place) => self.draft.line_of(&place),
            None if self.inline => {
                let inside = places.iter().map(|place| format!("{BASE}.{place}"));
                inside
                    .into_iter()
                    .find_map(|place| self.draft.line_of(&place))
            }
            // A base of its own: the error has its line already.
            None => return error,
        };
        SpecError {
            path: self.path(),
            fault: error.fault,
            line: line.map(Box::new),
        }
    }

    fn path(&self) -> PathBuf {
        self.draft.path().to_owned()
    }

    /// The fingerprint of all files that its cells read, where there are some and they can be read.
    pub(super) fn fingerprint(&self) -> Result<Option<String>, SweepError> {
        let differ = self
            .columns()
            .any(|column| column.name.split('.').next() == Some("data"));
        let cells = if differ {
            self.cells()
        } else {
            1.min(self.cells())
        };
        let mut found: BTreeMap<PathBuf, String> = BTreeMap::new();
        for number in 0..cells {
            let CellExperiment::Train(experiment) = self.cell(number)?.experiment else {
                continue;
            };
            let source = experiment.data.source.about();
            let Some(folder) = source.folder() else {
                continue;
            };
            if !found.contains_key(folder)
                && let Ok(Some(fingerprint)) = source.fingerprint()
            {
                found.insert(folder.to_owned(), fingerprint.text());
            }
        }
        let parts = found.values().map(String::as_bytes);
        Ok((!found.is_empty()).then(|| Fingerprint::new(PathBuf::new(), parts).text()))
    }

    /// The base as it is written, paths made absolute.
    pub(super) fn base(&self) -> &Node {
        self.base.tree()
    }

    /// The sweep as a tree with its base inside.
    pub(super) fn to_node(&self) -> Node {
        let mut entries = Vec::new();
        for key in ["name", SEEDS] {
            if let Some(value) = self.draft.tree().get(key) {
                entries.push((key.to_owned(), value.clone()));
            }
        }
        entries.push((BASE.to_owned(), self.base().clone()));
        let axes = self.axes.iter().map(Axis::to_node).collect();
        entries.push((AXES.to_owned(), axes));
        Node::Table(entries)
    }
}

/// Whether `place` is `path` or lies within it.
fn within(place: &str, path: &str) -> bool {
    let rest = place.strip_prefix(path);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// The base in `root`, the tree of the file `path`, and whether it stands there itself.
fn base(root: &Field<'_>, path: &Path) -> Result<(Draft, bool), Fault> {
    let needed = "an experiment for `thalweg simulate` or `thalweg train`: the path of its file, or a table,";
    let field = root.required(BASE, needed)?;
    let (base, inline) = match field.node() {
        Node::Text(text) => {
            let read = Draft::read(Path::new(text));
            (
                read.map_err(|error| {
                    field.not(format!("the path of a file that can be read ({error})"))
                })?,
                false,
            )
        }
        Node::Table(_) => (Draft::part(path, field.node().clone()), true),
        _ => return Err(field.not(needed)),
    };
    storable(&Field::at(BASE, base.tree()))?;
    Ok((base, inline))
}

/// Takes values that are relative paths from the folder of the sweep file, as the base's are.
fn absolute(axes: &mut [Axis], path: &Path) -> Result<(), Fault> {
    const DATA: &str = "data";
    const PATH: &str = "path";
    for column in axes.iter_mut().flat_map(|axis| &mut axis.columns) {
        if column.path != format!("{DATA}.{PATH}") {
            continue;
        }
        for value in &mut column.values {
            let tree = Node::from([(DATA, Node::from([(PATH, value.clone())]))]);
            let mut draft = Draft::part(path, tree);
            draft.resolve_paths()?;
            let resolved = draft.tree().get(DATA).and_then(|data| data.get(PATH));
            *value = resolved.cloned().unwrap_or(Node::Null);
        }
    }
    Ok(())
}

fn axes(root: &Field<'_>, base: &Draft) -> Result<Vec<Axis>, Fault> {
    let needed = "a list of axes, as { path = \"batch\", values = [1, 10] },";
    let field = root.required(AXES, needed)?;
    let items = field.list(needed)?;
    if items.is_empty() {
        return Err(field.wrong("give at least one axis"));
    }
    let axes = items
        .iter()
        .map(Axis::read)
        .collect::<Result<Vec<_>, _>>()?;
    let columns: Vec<&Column> = axes.iter().flat_map(|axis| &axis.columns).collect();
    for (i, column) in columns.iter().enumerate() {
        let wrong = |key: &str, text: &str, advice: String| {
            let place = format!("{}.{key}", column.place);
            Err(Field::at(&place, &Node::from(text)).wrong(advice))
        };
        for other in &columns[..i] {
            if within(&column.path, &other.path) || within(&other.path, &column.path) {
                let advice = format!("another axis sets `{}`; give a path outside it", other.path);
                return wrong("path", &column.path, advice);
            }
            if column.name == other.name {
                let advice = "give a name that no other axis has".to_owned();
                return wrong("name", &column.name, advice);
            }
        }
        if root.optional(SEEDS).is_some() && within(&column.path, SEEDS) {
            let advice = "give another path, or no `seeds` beside the axes".to_owned();
            return wrong("path", &column.path, advice);
        }
        let network = base.tree().get(NetworkExperiment::TABLE).is_some();
        if !network && within(&column.path, NetworkExperiment::TABLE) {
            let advice = "the base has no network to train; give a path into the base".to_owned();
            return wrong("path", &column.path, advice);
        }
    }
    let cells = axes
        .iter()
        .try_fold(1_usize, |cells, axis| cells.checked_mul(axis.len()));
    match cells {
        Some(cells) if cells <= MOST_CELLS => Ok(axes),
        _ => Err(Fault::Value {
            field: AXES.to_owned(),
            found: "a product of more cells".to_owned(),
            needed: format!("a product of at most {MOST_CELLS} cells"),
        }),
    }
}
