//! Reads a TOML or JSON file into a tree, whatever the file turns out to be.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::error::Fault;
use super::node::Node;

/// The most bytes that are read: room for three dense 2000 × 2000 matrices.
const LIMIT: u64 = 512 << 20;

/// How a specification is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// As `experiment.toml`.
    Toml,
    /// As `experiment.json`.
    Json,
}

/// The text in `path` and its format, by its extension and otherwise by its first character; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<(String, Format), Fault> {
    if path == Path::new("-") {
        let text = text(std::io::stdin().lock())?;
        let format = format(&text, None);
        return Ok((text, format));
    }
    if is_named_pipe(path) {
        return Err(Fault::NamedPipe);
    }
    let file = File::open(path).map_err(Fault::Unreadable)?;
    let metadata = file.metadata().map_err(Fault::Unreadable)?;
    if metadata.is_dir() {
        return Err(Fault::Directory);
    }
    if metadata.len() > LIMIT {
        return Err(Fault::TooLarge { limit: LIMIT });
    }
    let extension = path.extension().and_then(|extension| extension.to_str());
    let text = text(file)?;
    let format = format(&text, extension);
    Ok((text, format))
}

/// Whether opening `path` would wait until another program opens it too. A shell's `<(…)` is open already: it lies under `/dev`,
/// where it leads to no file.
#[cfg(unix)]
fn is_named_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let pipe = path
        .metadata()
        .is_ok_and(|metadata| metadata.file_type().is_fifo());
    pipe && path
        .canonicalize()
        .is_ok_and(|whole| !whole.starts_with("/dev"))
}

#[cfg(not(unix))]
fn is_named_pipe(_path: &Path) -> bool {
    false
}

fn format(text: &str, extension: Option<&str>) -> Format {
    match extension {
        Some("json") => Format::Json,
        Some("toml") => Format::Toml,
        _ if text.trim_start().starts_with('{') => Format::Json,
        _ => Format::Toml,
    }
}

/// All of `source` as text.
fn text(source: impl Read) -> Result<String, Fault> {
    // Pipes and devices state no length: read one byte more than may be and look.
    let mut bytes = Vec::new();
    source
        .take(LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(Fault::Unreadable)?;
    if bytes.len() as u64 > LIMIT {
        return Err(Fault::TooLarge { limit: LIMIT });
    }
    let mut text = String::from_utf8(bytes).map_err(|error| Fault::NotText {
        offset: error.utf8_error().valid_up_to(),
    })?;
    // Editors on Windows begin files with a byte order mark.
    if text.starts_with(BYTE_ORDER_MARK) {
        text.remove(0);
    }
    Ok(text)
}

const BYTE_ORDER_MARK: char = '\u{feff}';

/// The tree in `text`.
pub(super) fn parse(text: &str, format: Format) -> Result<Node, Fault> {
    if text.trim().is_empty() {
        return Err(Fault::Empty);
    }
    let tree: Node = match format {
        Format::Json => {
            serde_json::from_str(text).map_err(|error| syntax("JSON", error.to_string()))?
        }
        Format::Toml => toml::from_str(text).map_err(|error| syntax("TOML", error.to_string()))?,
    };
    match tree {
        Node::Table(_) => Ok(tree),
        other => Err(syntax(
            "JSON",
            format!("the whole file is {other}: an object {{…}} is needed"),
        )),
    }
}

fn syntax(format: &'static str, message: String) -> Fault {
    Fault::Syntax {
        format,
        message: message.trim_end().to_owned(),
    }
}
