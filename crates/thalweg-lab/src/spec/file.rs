//! Reads a TOML or JSON file into a tree, whatever the file turns out to be.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::error::Fault;
use super::node::Node;

/// The most bytes that are read: room for three dense 2000 × 2000 matrices.
const LIMIT: u64 = 512 << 20;

/// The tree in `path`, TOML or JSON by its extension and otherwise by its first character; `-` is
/// standard input.
pub(crate) fn read(path: &Path) -> Result<Node, Fault> {
    if path == Path::new("-") {
        return parse(&text(std::io::stdin().lock())?, None);
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
    parse(&text(file)?, extension)
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
    String::from_utf8(bytes).map_err(|error| Fault::NotText {
        offset: error.utf8_error().valid_up_to(),
    })
}

/// The tree in `text`; `extension` decides the format where it is `toml` or `json`.
pub(crate) fn parse(text: &str, extension: Option<&str>) -> Result<Node, Fault> {
    // Editors on Windows begin files with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(Fault::Empty);
    }
    let json = match extension {
        Some("json") => true,
        Some("toml") => false,
        _ => text.trim_start().starts_with('{'),
    };
    let tree: Node = if json {
        serde_json::from_str(text).map_err(|error| syntax("JSON", error.to_string()))?
    } else {
        toml::from_str(text).map_err(|error| syntax("TOML", error.to_string()))?
    };
    match tree {
        Node::Table(_) => Ok(tree),
        other => Err(syntax(
            "JSON",
            format!("the whole file is {other}, an object {{…}} is needed"),
        )),
    }
}

fn syntax(format: &'static str, message: String) -> Fault {
    Fault::Syntax {
        format,
        message: message.trim_end().to_owned(),
    }
}
