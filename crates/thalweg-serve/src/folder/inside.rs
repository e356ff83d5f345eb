//! Which paths are inside a folder: none that leads out of it, by `..` or by a link.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Names in a path, at most.
const DEEPEST: usize = 16;

/// `relative` below `root`, if each of its parts is an ordinary name, exists, and is no link.
///
/// ```
/// use std::path::Path;
/// use thalweg_serve::folder::inside;
///
/// let root = Path::new(env!("CARGO_MANIFEST_DIR"));
/// assert_eq!(inside(root, "src/lib.rs"), Some(root.join("src/lib.rs")));
/// assert_eq!(inside(root, "src/../../thalweg/src/lib.rs"), None);
/// assert_eq!(inside(root, "/etc/passwd"), None);
/// ```
pub fn inside(root: &Path, relative: &str) -> Option<PathBuf> {
    let mut path = root.to_owned();
    for (depth, part) in Path::new(relative).components().enumerate() {
        let Component::Normal(name) = part else {
            return None;
        };
        path.push(name);
        let kind = fs::symlink_metadata(&path).ok()?.file_type();
        if depth >= DEEPEST || kind.is_symlink() {
            return None;
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_leads_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("run")).unwrap();
        fs::write(folder.path().join("secret"), "s").unwrap();
        fs::write(root.join("run/report.html"), "r").unwrap();
        assert!(inside(&root, "run/report.html").is_some());
        assert_eq!(inside(&root, ""), Some(root.clone()));
        for path in [
            "../secret",
            "run/../../secret",
            "/etc/passwd",
            "./../secret",
            "run/nothing",
            "run\0",
            "..",
        ] {
            assert_eq!(inside(&root, path), None, "{path}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(folder.path(), root.join("out")).unwrap();
            std::os::unix::fs::symlink(folder.path().join("secret"), root.join("run/link"))
                .unwrap();
            assert_eq!(inside(&root, "out/secret"), None);
            assert_eq!(inside(&root, "run/link"), None);
        }
    }
}
