//! Who made a file: program, version, commit, and the loss convention its numbers follow.
//!
//! ```
//! use thalweg_lab::provenance::{Build, LOSS_CONVENTION, PROGRAM};
//!
//! assert!(PROGRAM.starts_with("thalweg 0."));
//! assert!(LOSS_CONVENTION.starts_with("½‖y − f(x)‖²"));
//! assert_eq!(Build::here().program.as_deref(), Some(PROGRAM));
//! ```

use thalweg::problem::Problem;

use crate::spec::{Fault, Field, Node};

/// The convention of every loss, gradient and Hessian of the deep linear model, in one line.
pub const LOSS_CONVENTION: &str = "½‖y − f(x)‖², summed over outputs, averaged over samples (nn.MSELoss differs by a factor 2/d_y)";

/// The program and its version.
pub const PROGRAM: &str = concat!("thalweg ", env!("CARGO_PKG_VERSION"));

/// The git commit this was built from, with `+changes` if the sources differed from it; `None` where
/// it was built outside a repository.
pub const COMMIT: Option<&str> = option_env!("THALWEG_COMMIT");

/// The entry of the table `provenance` for the fingerprint of data that a specification only names.
const DATA: &str = "data_fingerprint";

/// The entry for how many steps a run was to make before it was given more.
const EARLIER_STEPS: &str = "earlier_steps";

/// The entry for what was mended in covariances before they were written down.
const MENDED: &str = "mended";

/// What was mended in the covariances of the file `root` before it was written.
pub(crate) fn mended(root: &Field<'_>) -> Result<Vec<String>, Fault> {
    let Some(table) = root.optional("provenance") else {
        return Ok(Vec::new());
    };
    let notes = table.optional(MENDED);
    let notes = notes.map_or(Ok(Vec::new()), |field| field.list("a list of sentences"))?;
    let text = |note: &Field<'_>| note.text().map(str::to_owned);
    notes.iter().map(text).collect()
}

/// What was mended in the covariances of `problem`, in sentences: the matrices that it gives do not show it.
pub fn mended_in(problem: &Problem) -> Vec<String> {
    let mended = problem.caveats().iter().filter(|caveat| caveat.is_mended());
    mended.map(ToString::to_string).collect()
}

/// A build of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// The program and its version, if known.
    pub program: Option<String>,
    /// The git commit, as [`COMMIT`].
    pub commit: Option<String>,
}

impl Build {
    /// This one.
    pub fn here() -> Self {
        Self {
            program: Some(PROGRAM.to_owned()),
            commit: COMMIT.map(str::to_owned),
        }
    }

    fn read(table: &Field<'_>) -> Result<Self, Fault> {
        let text = |key| table.optional(key).map(|field| field.text()).transpose();
        Ok(Self {
            program: text("program")?.map(str::to_owned),
            commit: text("commit")?.map(str::to_owned),
        })
    }

    fn entries(&self) -> Vec<(String, Node)> {
        let both = [("program", &self.program), ("commit", &self.commit)];
        let known = both
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value.as_deref()?.into())));
        known.collect()
    }
}

impl std::fmt::Display for Build {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let program = self.program.as_deref().unwrap_or("an unknown version");
        match &self.commit {
            Some(commit) => write!(f, "{program}, commit {commit}"),
            None => write!(f, "{program}, commit unknown"),
        }
    }
}

/// Who began a file, and who went on with what it describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Provenance {
    pub(crate) begun_by: Build,
    /// The fingerprint of the data that the specification names.
    pub(crate) data: Option<String>,
    /// Other builds that went on with a run, and from which step.
    pub(crate) continued_by: Vec<(Build, u64)>,
    /// What was mended in covariances that the specification holds as mended.
    pub(crate) mended: Vec<String>,
    /// How many steps it was to make before it was given more. What it made as such a run was measured at the steps that a
    /// run of that length is measured at.
    pub(crate) earlier_steps: Vec<u64>,
}

impl Provenance {
    /// Begun by this build.
    pub(crate) fn here() -> Self {
        Self {
            begun_by: Build::here(),
            data: None,
            continued_by: Vec::new(),
            mended: Vec::new(),
            earlier_steps: Vec::new(),
        }
    }

    /// That of the file `root`.
    pub(crate) fn read(root: &Field<'_>) -> Result<Self, Fault> {
        let unknown = Build {
            program: None,
            commit: None,
        };
        let Some(table) = root.optional("provenance") else {
            return Ok(Self {
                begun_by: unknown,
                data: None,
                continued_by: Vec::new(),
                mended: Vec::new(),
                earlier_steps: Vec::new(),
            });
        };
        let later = table.optional("continued_by");
        let later = later.map_or(Ok(Vec::new()), |field| field.list("a list of builds"))?;
        let each = |build: &Field<'_>| {
            let step = build.required("from_step", "the step reached before")?;
            Ok((Build::read(build)?, step.count()?))
        };
        let data = table.optional(DATA);
        let data = data.map(|field| field.text().map(str::to_owned));
        let earlier = table.optional(EARLIER_STEPS);
        let earlier = earlier.map_or(Ok(Vec::new()), |field| field.list("a list of steps"))?;
        Ok(Self {
            begun_by: Build::read(&table)?,
            data: data.transpose()?,
            mended: mended(root)?,
            continued_by: later.iter().map(each).collect::<Result<_, Fault>>()?,
            earlier_steps: earlier
                .iter()
                .map(Field::count)
                .collect::<Result<_, Fault>>()?,
        })
    }

    /// The last build that worked on it.
    pub(crate) fn latest(&self) -> &Build {
        let last = self.continued_by.last();
        last.map_or(&self.begun_by, |(build, _)| build)
    }

    /// The table `provenance` of a written file whose losses are counted by `loss_convention`, with a place for
    /// the file's digest.
    pub(crate) fn to_node(&self, loss_convention: &str) -> Node {
        let mut entries = self.begun_by.entries();
        entries.push(("loss_convention".to_owned(), loss_convention.into()));
        if let Some(data) = &self.data {
            entries.push((DATA.to_owned(), data.as_str().into()));
        }
        if !self.mended.is_empty() {
            let notes = self.mended.iter().map(|note| Node::from(note.as_str()));
            entries.push((MENDED.to_owned(), notes.collect()));
        }
        if !self.earlier_steps.is_empty() {
            let earlier = self.earlier_steps.iter().copied().collect();
            entries.push((EARLIER_STEPS.to_owned(), earlier));
        }
        entries.push(crate::store::entry());
        if !self.continued_by.is_empty() {
            let each = self.continued_by.iter().map(|(build, step)| {
                let mut entries = build.entries();
                entries.push(("from_step".to_owned(), (*step).into()));
                Node::Table(entries)
            });
            entries.push(("continued_by".to_owned(), Node::List(each.collect())));
        }
        Node::Table(entries)
    }
}
