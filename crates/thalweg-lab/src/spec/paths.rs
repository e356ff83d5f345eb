//! Paths in a specification: relative to the folder of its file, `~` is the home directory.

use std::path::{Path, PathBuf};

use super::error::Fault;
use super::field::Field;
use super::node::Node;

/// Every field that holds a path, from the top of a file.
const PATHS: &[&[&str]] = &[
    &["data", "path"],
    &["data", "soft_labels", "path"],
    &["base"],
    &["base", "data", "path"],
    &["base", "data", "soft_labels", "path"],
];

/// Makes the paths in the tree of `file` absolute, so that they mean the same wherever the resolved
/// specification lies and is read; those of standard input are relative to the working directory.
pub(crate) fn resolve(tree: &mut Node, file: &Path) -> Result<(), Fault> {
    for keys in PATHS {
        let name = keys.join(".");
        let found = keys
            .iter()
            .try_fold(&mut *tree, |node, key| node.get_mut(key));
        if let Some(node) = found
            && let Node::Text(text) = node
        {
            let not = |needed| Field::at(&name, &Node::Text(text.clone())).not(needed);
            if of_another_user(text) {
                return Err(not(
                    "a path without another user's `~` (the whole path to that home, or ./~… for a folder that is called so)",
                ));
            }
            *text = absolute(text, file).ok_or_else(|| {
                not("a path to a folder that can be found from here and whose whole name is UTF-8,")
            })?;
        }
    }
    Ok(())
}

/// Whether a shell would put a user's home in the place of the first part.
fn of_another_user(text: &str) -> bool {
    let rest = text.strip_prefix('~');
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
}

fn absolute(text: &str, file: &Path) -> Option<String> {
    if text.is_empty() {
        // It names no folder, and its reader says so.
        return Some(String::new());
    }
    let path = if text == "~" {
        std::env::home_dir()?
    } else if let Some(rest) = text.strip_prefix("~/") {
        std::env::home_dir()?.join(rest)
    } else if file == Path::new("-") {
        PathBuf::from(text)
    } else {
        file.parent()?.join(text)
    };
    std::path::absolute(path).ok()?.to_str().map(str::to_owned)
}
