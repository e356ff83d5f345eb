//! Files that carry the digest of their own bytes, so that damage is noticed wherever they are copied to.
//!
//! The digest is that of the whole file with its own sixteen digits read as zeros. It stands where the format has
//! room for a text: in TOML, in JSON, in the metadata of safetensors; other programs read such a file as any other.
//! Where several places look like one, the last counts.

use serde::Serialize;
use serde_json::Value;

use super::digest::{digest_of, digits};
use crate::spec::{Node, to_toml};

/// What stands before the digits.
const LABEL: &str = "fnv1a64:";
const ZEROS: &str = "0000000000000000";
/// The entry that holds the digest.
const KEY: &str = "digest";

/// The entry of a TOML table in which [`seal`] writes the digest.
pub fn entry() -> (String, Node) {
    (KEY.to_owned(), unsealed().as_str().into())
}

fn unsealed() -> String {
    format!("{LABEL}{ZEROS}")
}

/// `bytes`, which have an [`entry`], with their digest in it.
pub fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some((start, end)) = place(&bytes) {
        bytes[start..end].copy_from_slice(ZEROS.as_bytes());
        let digest = digits(digest_of(&[&bytes]));
        bytes[start..end].copy_from_slice(digest.as_bytes());
    }
    bytes
}

/// `tree`, which has an [`entry`], as a sealed TOML file.
pub fn toml(tree: &Node) -> Vec<u8> {
    seal(to_toml(tree).into_bytes())
}

/// `object` as a sealed JSON file.
///
/// # Errors
/// When it has no JSON form.
pub fn json(object: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut tree = serde_json::to_value(object)?;
    if let Value::Object(entries) = &mut tree {
        entries.insert(KEY.to_owned(), unsealed().into());
    }
    let mut bytes = serde_json::to_vec_pretty(&tree)?;
    bytes.push(b'\n');
    Ok(seal(bytes))
}

/// What a file's own digest says of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seal {
    /// They are those that were written.
    Whole,
    /// They are others.
    Broken {
        /// The digest in the file.
        written: String,
        /// That of its bytes.
        found: String,
    },
    /// There is none.
    Absent,
}

impl Seal {
    /// That of the file that holds `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let Some((start, end)) = place(bytes) else {
            return Self::Absent;
        };
        let found = digest_of(&[&bytes[..start], ZEROS.as_bytes(), &bytes[end..]]);
        let found = digits(found);
        let written = String::from_utf8_lossy(&bytes[start..end]).into_owned();
        if written == found {
            Self::Whole
        } else {
            Self::Broken { written, found }
        }
    }
}

/// Where the digits stand.
fn place(bytes: &[u8]) -> Option<(usize, usize)> {
    let length = LABEL.len() + ZEROS.len();
    let is_place = |window: &[u8]| {
        let (label, digits) = window.split_at(LABEL.len());
        label == LABEL.as_bytes() && digits.iter().all(u8::is_ascii_hexdigit)
    };
    let start = bytes.windows(length).rposition(is_place)?;
    Some((start + LABEL.len(), start + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Vec<u8> {
        let provenance = Node::Table(vec![("by".to_owned(), "me".into()), entry()]);
        // A name may look like a digest; the file's own comes last.
        toml(&Node::from([
            ("name", unsealed().as_str().into()),
            ("provenance", provenance),
        ]))
    }

    #[test]
    fn a_sealed_file_is_whole_and_still_of_its_format() {
        assert_eq!(Seal::of(&file()), Seal::Whole);
        let text = String::from_utf8(file()).unwrap();
        assert!(
            text.contains("name = \"fnv1a64:0000000000000000\""),
            "{text}"
        );
        crate::spec::Draft::from_toml(&text).unwrap();
        let bytes = json(&serde_json::json!({ "a": [1, 2] })).unwrap();
        assert_eq!(Seal::of(&bytes), Seal::Whole);
        let tree: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(tree["a"], serde_json::json!([1, 2]));
    }

    #[test]
    fn every_flip_cut_and_insertion_is_noticed() {
        let whole = file();
        for place in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[place] ^= 1 << bit;
                assert_ne!(Seal::of(&bytes), Seal::Whole, "bit {bit} of byte {place}");
            }
            assert_ne!(Seal::of(&whole[..place]), Seal::Whole, "cut at {place}");
            let longer = [&whole[..place], b"0", &whole[place..]].concat();
            assert_ne!(Seal::of(&longer), Seal::Whole, "a byte more at {place}");
        }
    }

    #[test]
    fn what_was_never_sealed_is_told_from_what_was_changed() {
        assert_eq!(Seal::of(b"steps = 3\n"), Seal::Absent);
        let mut bytes = file();
        bytes[0] = b'N';
        assert!(matches!(Seal::of(&bytes), Seal::Broken { .. }));
    }
}
