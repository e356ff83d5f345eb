//! Which sweep a command is about: a file, with or without a store for it, or a store.

use std::path::{Path, PathBuf};

use clap::Args;
use thalweg_lab::sweep::{Extension, Store, Sweep};

use super::failure;
use crate::exit::Failure;

/// A sweep file or a store.
#[derive(Debug, Args)]
pub struct Given {
    /// A sweep file (TOML or JSON; `-` is standard input), or the store of a sweep
    #[arg(value_name = "FILE|STORE")]
    what: PathBuf,
    /// The store of the sweep in FILE: a directory that is made, or the store of the
    /// same sweep, to which new cells are added
    #[arg(long, value_name = "STORE", verbatim_doc_comment)]
    out: Option<PathBuf>,
}

/// A sweep file was given without a place for what comes out.
#[derive(Debug, thiserror::Error)]
#[error("{} is a sweep file, and --out, the directory for its cells, is missing: thalweg sweep run {} --out DIR", .0.display(), .0.display())]
struct NoOut(PathBuf);

/// A store was given with another place.
#[derive(Debug, thiserror::Error)]
#[error("{} is the store of a sweep already, and --out names a directory too: leave --out away, or give the sweep's file", .0.display())]
struct TwoPlaces(PathBuf);

impl Given {
    /// The sweep; its store is made, or given more cells, if `--out` says so.
    pub fn sweep(&self) -> Result<Sweep, Failure> {
        if self.out.is_none() && !self.what.is_dir() {
            return Sweep::read(&self.what).map_err(failure);
        }
        Ok(self.store()?.sweep().clone())
    }

    /// The store that is given, or that is made for the file.
    pub fn store(&self) -> Result<Store, Failure> {
        let store = match &self.out {
            None if self.what.is_dir() => Store::open(&self.what),
            None => return Err(self.without_out()),
            Some(_) if self.what.is_dir() => {
                return Err(Failure::input(TwoPlaces(self.what.clone())));
            }
            Some(out) => Sweep::read(&self.what).and_then(|sweep| Store::create(out, sweep)),
        };
        let store = store.map_err(failure)?;
        if let Extension::From { cells } = store.extension() {
            let now = store.sweep().cells();
            eprintln!(
                "the sweep in {} had {cells} cells, and has {now} now",
                store.path().display()
            );
        }
        Ok(store)
    }

    /// Why what is given, which is no directory, is not enough: that it is no sweep file comes first.
    fn without_out(&self) -> Failure {
        let is_input = self.what == Path::new("-");
        match Sweep::read(&self.what) {
            Err(error) if !is_input => failure(error),
            _ => Failure::input(NoOut(self.what.clone())),
        }
    }
}
