//! Digests made to fit again after damage: behind one that does not, hardly a reader would be reached.

use std::collections::BTreeMap;

/// The files of a directory, by their paths in it.
pub type Files = BTreeMap<String, Vec<u8>>;

/// FNV-1a, 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Whether an input's digest is made to fit: that of every other.
pub fn chosen(content: &[u8]) -> bool {
    fnv(content).is_multiple_of(2)
}

/// `bytes` with their own digest, where they have a place for one.
pub fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let label = b"fnv1a64:";
    let place = bytes
        .windows(label.len())
        .rposition(|window| window == label);
    let Some(digits) = place.and_then(|place| {
        let start = place + label.len();
        (start + 16 <= bytes.len()).then_some(start..start + 16)
    }) else {
        return bytes;
    };
    bytes[digits.clone()].fill(b'0');
    let digest = hexadecimal(fnv(&bytes));
    bytes[digits].copy_from_slice(digest.as_bytes());
    bytes
}

/// The same of the file `name`: a checkpoint's digest is its last eight bytes.
fn signed(name: &str, mut bytes: Vec<u8>) -> Vec<u8> {
    if !name.ends_with(".checkpoint") {
        return resealed(bytes);
    }
    if let Some((content, digest)) = bytes.split_last_chunk_mut::<8>() {
        *digest = fnv(content).to_le_bytes();
    }
    bytes
}

/// Puts `content` in the place of the file `name`, with its own digest, and so that each file that lists it has the new
/// one.
pub fn replace(files: &mut Files, name: &str, content: Vec<u8>) {
    let content = signed(name, content);
    let Some(old) = files.insert(name.to_owned(), content.clone()) else {
        return;
    };
    let (old, new) = (fnv(&old), fnv(&content));
    for (other, bytes) in files.iter_mut().filter(|(other, _)| *other != name) {
        let text = exchange(
            bytes,
            hexadecimal(old).as_bytes(),
            hexadecimal(new).as_bytes(),
        );
        let word = exchange(bytes, &old.to_le_bytes(), &new.to_le_bytes());
        if text || word {
            *bytes = signed(other, std::mem::take(bytes));
        }
    }
}

/// Puts `new`, of the same length, wherever `old` stands in `bytes`, and says whether it did.
fn exchange(bytes: &mut [u8], old: &[u8], new: &[u8]) -> bool {
    let mut found = false;
    for start in 0..(bytes.len() + 1).saturating_sub(old.len()) {
        let place = &mut bytes[start..start + old.len()];
        if place == old {
            place.copy_from_slice(new);
            found = true;
        }
    }
    found
}

fn hexadecimal(digest: u64) -> String {
    format!("{digest:016x}")
}
