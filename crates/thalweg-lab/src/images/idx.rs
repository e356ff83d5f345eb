//! The IDX format of unsigned bytes, packed by gzip or not.
//!
//! A file is `00 00 08 n`, then n sizes as big-endian u32, then the bytes, the last index fastest.

use std::io::{self, BufRead, Read};
use std::path::Path;

use super::ImageError;
use super::gzip::Members;

/// The most bytes of data a file may have: some twenty times the full MNIST.
const MOST: u64 = 1 << 30;

/// What a file holds, and how many indices that takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Images,
    Labels,
}

impl Kind {
    pub(super) fn indices(self) -> usize {
        match self {
            Self::Images => 3,
            Self::Labels => 1,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Labels => "labels",
        }
    }
}

/// The sizes and the bytes of an IDX file.
#[derive(Debug)]
pub(super) struct Idx {
    pub(super) sizes: Vec<usize>,
    pub(super) bytes: Vec<u8>,
}

/// The content of `file`, of which errors speak as `path`.
pub(super) fn read(path: &Path, kind: Kind, file: impl BufRead) -> Result<Idx, ImageError> {
    let unreadable = |source| ImageError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut file = file;
    let start = up_to(2, &mut file).map_err(unreadable)?;
    let packed = start == [0x1f, 0x8b];
    let whole = start.as_slice().chain(file);
    if packed {
        let packed = |source| ImageError::Packed {
            path: path.to_owned(),
            source,
        };
        unpacked(path, kind, Members::new(whole), packed)
    } else {
        unpacked(path, kind, whole, unreadable)
    }
}

fn unpacked(
    path: &Path,
    kind: Kind,
    mut file: impl Read,
    failed: impl Fn(io::Error) -> ImageError,
) -> Result<Idx, ImageError> {
    let path = path.to_owned();
    let expected = 0x0800 + kind.indices() as u32;
    let found = word(&up_to(4, &mut file).map_err(&failed)?);
    if found != expected {
        return Err(ImageError::Magic {
            path,
            found,
            expected,
            what: kind.words(),
        });
    }
    let header = up_to(4 * kind.indices() as u64, &mut file).map_err(&failed)?;
    let mut sizes: Vec<u32> = header.chunks(4).map(word).collect();
    // A header that ends early states sizes of 0.
    sizes.resize(kind.indices(), 0);
    let expected = sizes
        .iter()
        .try_fold(1u64, |product, &size| product.checked_mul(size.into()))
        .filter(|product| (1..=MOST).contains(product));
    let Some(expected) = expected else {
        let most = MOST;
        return Err(ImageError::Sizes { path, sizes, most });
    };
    // One byte more than needed shows whether the file ends where it should.
    let bytes = up_to(expected + 1, &mut file).map_err(&failed)?;
    if bytes.len() as u64 != expected {
        return Err(ImageError::Length {
            path,
            found: bytes.len() as u64,
            expected,
            sizes,
        });
    }
    let sizes = sizes.into_iter().map(|size| size as usize).collect();
    Ok(Idx { sizes, bytes })
}

/// The next `count` bytes, or as many as there are.
fn up_to(count: u64, file: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Up to four bytes as a big-endian number, filled up with zeros.
fn word(bytes: &[u8]) -> u32 {
    let mut word = [0; 4];
    word[..bytes.len()].copy_from_slice(bytes);
    u32::from_be_bytes(word)
}
