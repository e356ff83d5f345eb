//! Each library is whole by itself: a package of it has its licences, and asks for no file outside its folder.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::sources;

/// The folders of the libraries: of all crates but the program, which is built inside the repository.
fn libraries() -> Vec<PathBuf> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let entries = fs::read_dir(crates).unwrap();
    let mut folders: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.join("src/lib.rs").exists());
    assert!(folders.len() > 1);
    folders
}

/// What a source takes in at compile time: each path as it is written, and whether it begins at the crate's root.
fn included(text: &str) -> Vec<(String, bool)> {
    let begins = ["include_str!(", "include_bytes!("];
    let calls = begins.iter().flat_map(|begin| text.split(begin).skip(1));
    let mut paths: Vec<(String, bool)> = calls
        .map(|call| {
            let call = call.split_once(';').map_or(call, |(call, _)| call);
            let root = call.contains("CARGO_MANIFEST_DIR");
            let strings = call.split('"').skip(1).step_by(2);
            let path = strings.filter(|string| *string != "CARGO_MANIFEST_DIR");
            (path.take(1).collect(), root)
        })
        .collect();
    paths.retain(|(path, _)| !path.is_empty());
    paths
}

/// Whether `path`, taken from a folder that lies `depth` folders below the crate's root, stays in the crate.
fn stays(path: &str, depth: usize) -> bool {
    let mut below = depth as isize;
    Path::new(path.trim_start_matches('/'))
        .components()
        .all(|component| {
            below += match component {
                Component::ParentDir => -1,
                Component::Normal(_) => 1,
                _ => 0,
            };
            below >= 0
        })
}

#[test]
fn a_package_takes_in_no_file_from_outside_its_folder() {
    let mut found = 0;
    for library in libraries() {
        for file in sources(&library) {
            let depth = file.strip_prefix(&library).unwrap().components().count() - 1;
            for (path, from_root) in included(&fs::read_to_string(&file).unwrap()) {
                found += 1;
                let depth = if from_root { 0 } else { depth };
                assert!(stays(&path, depth), "{}: {path}", file.display());
            }
        }
    }
    assert!(found > 5, "{found}");
}

#[test]
fn a_path_that_leaves_is_seen() {
    let text = r#"x(include_str!("../../a.toml")); include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../b", $n));"#;
    assert_eq!(
        included(text),
        [
            ("../../a.toml".to_owned(), false),
            ("/../b".to_owned(), true)
        ]
    );
    assert!(stays("../../a.toml", 2) && !stays("../../a.toml", 1));
    assert!(stays("/data/b", 0) && !stays("/../b", 0));
    assert!(!stays("a/../../b", 0));
}

#[test]
fn a_package_has_its_licences_and_says_what_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for library in libraries() {
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            let [ours, whole] = [&library, &root].map(|folder| fs::read(folder.join(licence)));
            assert_eq!(ours.unwrap(), whole.unwrap(), "{}", library.display());
        }
        let manifest = fs::read_to_string(library.join("Cargo.toml")).unwrap();
        for key in [
            "version",
            "license",
            "description",
            "readme",
            "keywords",
            "categories",
        ] {
            let said = |line: &str| {
                line.starts_with(&format!("{key}.")) || line.starts_with(&format!("{key} ="))
            };
            assert!(manifest.lines().any(said), "{}: {key}", library.display());
        }
        assert!(library.join("README.md").exists());
    }
}
