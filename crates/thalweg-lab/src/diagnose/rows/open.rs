//! Which kind of data a path is.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use super::parquet::MAGIC;
use super::shipped::TABLES;
use super::table::Records;
use super::{Columns, Csv, ImageRows, Parquet, Rows, TableRows, TextRows, run_rows};
use crate::diagnose::DiagnoseError;
use crate::images::{self, CifarLabels};
use crate::store::is_run;
use crate::texts;

/// The name of the digits that come with the program.
pub const DIGITS: &str = "mnist";

/// The rows of the file or folder `path`: what the network of a finished training leaves, images of a folder of IDX files, the
/// characters of a file that ends in `.txt`, or a table in Parquet or CSV, of which `asked` says what its columns are. Where there is no
/// such file, `mnist`, `penguins`, `elections`, `economy` and `alice` are the data of that name that come with the program.
///
/// # Errors
/// When it cannot be read or is none of these, or a table has no column that is asked for.
pub fn open(path: &Path, asked: &Columns) -> Result<Box<dyn Rows>, DiagnoseError> {
    let no_columns = |kind: &'static str| {
        if *asked == Columns::default() {
            Ok(())
        } else {
            Err(DiagnoseError::NoColumnsThere { kind })
        }
    };
    if path.as_os_str() == DIGITS && !path.exists() {
        no_columns("images")?;
        return Ok(Box::new(ImageRows::new(images::builtin()?.train)));
    }
    if shipped(path).is_some() {
        return open_table(path, asked);
    }
    if path.is_dir() && is_run(path) {
        no_columns("a run")?;
        return Ok(Box::new(run_rows(path)?));
    }
    let text = path.to_str().and_then(texts::shipped);
    if let (Some(text), false) = (text, path.exists()) {
        no_columns("a text")?;
        return Ok(Box::new(TextRows::new(text)?));
    }
    if path.is_dir() {
        no_columns("images")?;
        let set = match images::is_cifar(path) {
            true => images::read_cifar(path, CifarLabels::default())?,
            false => images::read_folder(path)?,
        };
        return Ok(Box::new(ImageRows::new(set.train)));
    }
    if path.extension().is_some_and(|extension| extension == "txt") {
        no_columns("a text")?;
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
