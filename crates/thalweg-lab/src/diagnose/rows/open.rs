//! Which kind of data a path is.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use super::parquet::MAGIC;
use super::run::run_rows;
use super::shipped::TABLES;
use super::table::Records;
use super::{Columns, Csv, ImageRows, Parquet, Rows, TableRows, TextRows};
use crate::diagnose::DiagnoseError;
use crate::images::{self, CifarLabels};
use crate::network::NetworkError;
use crate::saved::{SavedError, SavedNetwork, networks_of};
use crate::sources::NetworkSource;
use crate::store::{is_network, is_run};
use crate::texts;

/// The name of the digits that come with the program.
pub const DIGITS: &str = "mnist";

/// What can be diagnosed.
pub enum Opened {
    /// Inputs and targets, for [`Gathered`](crate::diagnose::Gathered).
    Rows(Box<dyn Rows>),
    /// The network of a training on a text, for [`TokenDiagnosis`](crate::diagnose::TokenDiagnosis).
    Tokens(Box<SavedNetwork>),
}

/// What the file or folder `path` is: what the network with the first seed of a finished training leaves, images of a folder of IDX files,
/// the characters of a file that ends in `.txt`, or a table in Parquet or CSV, of which `asked` says what its columns are. Where there is
/// no such file, `mnist`, `penguins`, `elections`, `economy` and `alice` are the data of that name that come with the program.
///
/// # Errors
/// When it cannot be read or is none of these, or a table has no column that is asked for.
pub fn open(path: &Path, asked: &Columns) -> Result<Opened, DiagnoseError> {
    if path.is_dir() && is_run(path) {
        no_columns(asked, "is a run")?;
        let saved = trained(path)?;
        return Ok(match saved.experiment.data.source {
            NetworkSource::Text(_) => Opened::Tokens(Box::new(saved)),
            _ => Opened::Rows(Box::new(run_rows(&saved)?)),
        });
    }
    Ok(Opened::Rows(open_rows(path, asked)?))
}

/// The network with the first seed of the finished training in `directory`.
fn trained(directory: &Path) -> Result<SavedNetwork, DiagnoseError> {
    if !is_network(directory)
        .map_err(SavedError::from)
        .map_err(NetworkError::from)?
    {
        let directory = directory.to_owned();
        return Err(DiagnoseError::Simulation { directory });
    }
    let networks = networks_of(directory).map_err(NetworkError::from)?;
    Ok(SavedNetwork::read(&networks[0], None).map_err(NetworkError::from)?)
}

/// Refuses columns that are asked of what has none.
fn no_columns(asked: &Columns, what: &'static str) -> Result<(), DiagnoseError> {
    if *asked == Columns::default() {
        Ok(())
    } else {
        Err(DiagnoseError::NoColumnsThere { what })
    }
}

/// The rows of `path`, which is no run.
///
/// # Errors
/// As [`open`].
pub fn open_rows(path: &Path, asked: &Columns) -> Result<Box<dyn Rows>, DiagnoseError> {
    if path.as_os_str() == DIGITS && !path.exists() {
        no_columns(asked, "holds images")?;
        return Ok(Box::new(ImageRows::new(images::builtin()?.train)));
    }
    if shipped(path).is_some() {
        return open_table(path, asked);
    }
    let text = path.to_str().and_then(texts::shipped);
    if let (Some(text), false) = (text, path.exists()) {
        no_columns(asked, "is a text")?;
        return Ok(Box::new(TextRows::new(text)?));
    }
    if path.is_dir() {
        no_columns(asked, "holds images")?;
        let set = match images::is_cifar(path) {
            true => images::read_cifar(path, CifarLabels::default())?,
            false => images::read_folder(path)?,
        };
        return Ok(Box::new(ImageRows::new(set.train)));
    }
    let is_text = path.extension().is_some_and(|extension| extension == "txt");
    // Columns are of a table, whatever it is called.
    if is_text && *asked == Columns::default() {
        let text = std::fs::read_to_string(path)?;
        return Ok(Box::new(TextRows::new(&text)?));
    }
    open_table(path, asked)
}

/// The table of the name `path` that comes with the program, where there is no such file.
fn shipped(path: &Path) -> Option<&'static [u8]> {
    let known = TABLES.iter().find(|(name, _)| path.as_os_str() == *name);
    known.filter(|_| !path.exists()).map(|(_, text)| *text)
}

/// The rows of a table in Parquet or CSV, of which `asked` says what its columns are, or of one of those that come with the program.
///
/// # Errors
/// When it cannot be read, is no table, or has no column that is asked for.
pub fn open_table(path: &Path, asked: &Columns) -> Result<Box<dyn Rows>, DiagnoseError> {
    if let Some(text) = shipped(path) {
        return table(Csv::new(text)?, asked);
    }
    let mut file = File::open(path)?;
    let mut start = Vec::new();
    file.by_ref()
        .take(MAGIC.len() as u64)
        .read_to_end(&mut start)?;
    file.rewind()?;
    if start == MAGIC {
        return table(Parquet::new(file)?, asked);
    }
    table(Csv::new(file)?, asked)
}

fn table(records: impl Records + 'static, asked: &Columns) -> Result<Box<dyn Rows>, DiagnoseError> {
    Ok(Box::new(TableRows::new(records, asked)?))
}
