//! A specification before it is checked: read from a file, a text or a tree, and changed by path.

use std::path::{Path, PathBuf};

use super::error::{Fault, SpecError};
use super::field::Field;
use super::file::{self, Format};
use super::line::SpecLine;
use super::node::Node;
use super::place::{set, steps};
use super::problem::{ProblemFile, problem_file};
use super::specification::Specification;
use super::{known, line, paths};

/// What a file says, not yet checked: its fields may be changed before it becomes an experiment or a problem.
///
/// ```
/// use thalweg_lab::spec::{Draft, Experiment};
///
/// let mut draft = Draft::from_toml(
///     "learning_rate = 0.01
///      batch = 10
///      steps = 1000
///      [problem]
///      depth = 2
///      input_covariance = [[1, 0], [0, 1]]
///      teacher = [[1, 0], [0, 1]]
///      noise_standard_deviations = [1, 0.5]",
/// )?;
/// draft.set("problem.depth", 3_u64)?;
/// draft.set("problem.teacher[1][1]", 0.5)?;
/// let experiment: Experiment = draft.experiment()?;
/// assert_eq!(experiment.problem.depth(), 3);
///
/// draft.set("batch", 0_u64)?;
/// let error = draft.experiment::<Experiment>().unwrap_err();
/// assert!(error.to_string().contains("`batch` is 0"));
/// # Ok::<(), thalweg_lab::spec::SpecError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Draft {
    path: PathBuf,
    /// As it was read, for the lines that errors show; nothing where there was no text.
    text: Option<(String, Format)>,
    tree: Node,
    /// Paths that were set: they have no line.
    changed: Vec<String>,
}

/// What errors call a specification that is no file.
const GIVEN: &str = "specification";

impl Draft {
    /// The TOML or JSON file `path`; `-` is standard input.
    ///
    /// Paths in it that are relative, such as `data.path`, are taken from the folder of the file.
    ///
    /// # Errors
    /// When the file cannot be read, or is not TOML or JSON.
    pub fn read(path: &Path) -> Result<Self, SpecError> {
        let read = || {
            let (text, format) = file::read(path)?;
            let mut tree = file::parse(&text, format)?;
            paths::resolve(&mut tree, path)?;
            Ok((text, format, tree))
        };
        let (text, format, tree) = read().map_err(|fault| SpecError::new(path, fault))?;
        Ok(Self {
            path: path.to_owned(),
            text: Some((text, format)),
            tree,
            changed: Vec::new(),
        })
    }

    /// `text`, which is TOML.
    ///
    /// # Errors
    /// When it is not.
    pub fn from_toml(text: &str) -> Result<Self, SpecError> {
        Self::from_text(text, Format::Toml)
    }

    /// `text`, which is JSON.
    ///
    /// # Errors
    /// When it is not.
    pub fn from_json(text: &str) -> Result<Self, SpecError> {
        Self::from_text(text, Format::Json)
    }

    fn from_text(text: &str, format: Format) -> Result<Self, SpecError> {
        let path = Path::new(GIVEN);
        let tree = file::parse(text, format).map_err(|fault| SpecError::new(path, fault))?;
        Ok(Self {
            text: Some((text.to_owned(), format)),
            ..Self::from_tree(tree)
        })
    }

    /// A tree that a program made.
    pub fn from_tree(tree: Node) -> Self {
        Self {
            path: PathBuf::from(GIVEN),
            text: None,
            tree,
            changed: Vec::new(),
        }
    }

    /// The same, where relative paths are taken from the working directory.
    ///
    /// # Errors
    /// When a path is not one that can be followed from here.
    pub fn from_tree_here(mut tree: Node) -> Result<Self, SpecError> {
        let here = Path::new("-");
        paths::resolve(&mut tree, here).map_err(|fault| SpecError::new(Path::new(GIVEN), fault))?;
        Ok(Self::from_tree(tree))
    }

    /// As it stands.
    pub fn tree(&self) -> &Node {
        &self.tree
    }

    /// Puts `value` at `path`, written as errors write it: `network.hidden[0]`. Tables that are not there yet are made.
    ///
    /// # Errors
    /// When `path` is none, or leads through something that is no table, or past the end of a list.
    pub fn set(&mut self, path: &str, value: impl Into<Node>) -> Result<(), SpecError> {
        let done = steps(path).is_some_and(|steps| set(&mut self.tree, &steps, value.into()));
        if !done {
            let fault = Fault::Place {
                field: path.to_owned(),
            };
            return Err(SpecError::new(&self.path, fault));
        }
        self.changed.push(path.to_owned());
        Ok(())
    }

    /// Takes the field `key` out of the top of the specification.
    pub fn remove(&mut self, key: &str) {
        self.tree.remove(key);
    }

    /// As an experiment.
    ///
    /// # Errors
    /// When a field is unknown, missing or of the wrong kind, or when its parts do not fit each other.
    pub fn experiment<E: Specification>(&self) -> Result<E, SpecError> {
        E::read(&Field::root(&self.tree)).map_err(|fault| self.error(fault))
    }

    /// As a problem, with what stands beside it.
    ///
    /// # Errors
    /// As [`experiment`](Self::experiment), and when what it describes is not a problem.
    pub fn problem(&self) -> Result<ProblemFile, SpecError> {
        let root = Field::root(&self.tree);
        known(&root)
            .and_then(|()| problem_file(&root))
            .map_err(|fault| self.error(fault))
    }

    /// `tree` as a part of the file `path`.
    pub(crate) fn part(path: &Path, tree: Node) -> Self {
        Self {
            path: path.to_owned(),
            ..Self::from_tree(tree)
        }
    }

    /// What errors call it: the file that it was read from.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The line on which the value at `field` begins, or what is around it, where there is a text.
    pub(crate) fn line_of(&self, field: &str) -> Option<SpecLine> {
        let (text, format) = self.text.as_ref()?;
        line::of(text, *format, field)
    }

    /// Takes relative paths from the folder of the file, as on reading.
    pub(crate) fn resolve_paths(&mut self) -> Result<(), Fault> {
        paths::resolve(&mut self.tree, &self.path)
    }

    /// `fault` with the line of its field, where it is one that was read and not set.
    pub(crate) fn error(&self, fault: Fault) -> SpecError {
        // The whole of it, or a table or list around it.
        let within = |place: &str, path: &str| {
            let rest = place.strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let set = |place: &str| self.changed.iter().any(|path| within(place, path));
        let line = self.text.as_ref().and_then(|(text, format)| {
            let places = fault.places();
            let mut places = places.iter().filter(|place| !set(place));
            places.find_map(|place| line::of(text, *format, place))
        });
        SpecError {
            line: line.map(Box::new),
            ..SpecError::new(&self.path, fault)
        }
    }
}
