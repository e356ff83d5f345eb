//! The binary files of CIFAR-10 and CIFAR-100: records of one label or two and 3 × 32 × 32 bytes, red, green and blue.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::{ImageError, ImageSet, Images};

/// Red, green and blue of 32 × 32 pixels.
const SHAPE: [usize; 3] = [3, 32, 32];
const PIXELS: usize = SHAPE[0] * SHAPE[1] * SHAPE[2];

/// CIFAR-10's files, to train on and to test.
const TEN: ([&str; 5], &str) = (
    [
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
    ],
    "test_batch.bin",
);
/// CIFAR-100's.
const HUNDRED: ([&str; 1], &str) = (["train.bin"], "test.bin");

/// Which label of an image of CIFAR-100 is its class. CIFAR-10 has one only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CifarLabels {
    /// One of a hundred things.
    #[default]
    Fine,
    /// One of twenty groups of things.
    Coarse,
}

/// Whether `folder` has CIFAR's binary files.
pub fn is_cifar(folder: &Path) -> bool {
    [TEN.1, HUNDRED.1]
        .iter()
        .any(|name| folder.join(name).is_file())
}

/// The images in `folder`: of CIFAR-10 where `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin` are there, of CIFAR-100 where
/// `train.bin` and `test.bin` are, with the label that is asked for.
///
/// # Errors
/// When a file is missing, unreadable, or no whole number of records.
pub fn read_cifar(folder: &Path, labels: CifarLabels) -> Result<ImageSet, ImageError> {
    let (train, test, before, at): (&[&str], &str, usize, usize) =
        match folder.join(HUNDRED.1).is_file() {
            true => (
                &HUNDRED.0,
                HUNDRED.1,
                2,
                usize::from(labels == CifarLabels::Fine),
            ),
            false => (&TEN.0, TEN.1, 1, 0),
        };
    let part = |names: &[&str]| -> Result<Images, ImageError> {
        let [channels, height, width] = SHAPE;
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for name in names {
            for record in records(folder, name, before + PIXELS)?.chunks(before + PIXELS) {
                labels.push(record[at]);
                pixels.extend_from_slice(&record[before..]);
            }
        }
        Ok(Images {
            channels,
            height,
            width,
            pixels,
            labels,
        })
    };
    Ok(ImageSet {
        train: part(train)?,
        test: part(&[test])?,
    })
}

/// The bytes of a file of records of `size` bytes, at least one.
fn records(folder: &Path, name: &str, size: usize) -> Result<Vec<u8>, ImageError> {
    /// Of a file: some six times the largest of them.
    const MOST: u64 = 1 << 30;
    let path: PathBuf = folder.join(name);
    let unreadable = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => ImageError::NoCifar {
            folder: folder.to_owned(),
            name: name.to_owned(),
        },
        _ => ImageError::Unreadable {
            path: folder.join(name),
            source,
        },
    };
    let file = File::open(&path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MOST)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.is_empty() || bytes.len() % size != 0 {
        return Err(ImageError::Records {
            path,
            found: bytes.len(),
            record: size,
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// `count` records with these labels before them, each pixel of image i of the value i, its last one 200.
    fn file(count: u8, labels: &[u8]) -> Vec<u8> {
        let record = |i: u8| {
            let labels = labels.iter().map(move |label| label + i);
            let pixels = (0..PIXELS).map(move |pixel| if pixel == PIXELS - 1 { 200 } else { i });
            labels.chain(pixels)
        };
        (0..count).flat_map(record).collect()
    }

    #[test]
    fn both_sets_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(!is_cifar(folder.path()));
        for name in TEN.0 {
            fs::write(at(name), file(2, &[3])).unwrap();
        }
        fs::write(at(TEN.1), file(1, &[9])).unwrap();
        assert!(is_cifar(folder.path()));
        let set = read_cifar(folder.path(), CifarLabels::Fine).unwrap();
        assert_eq!(set.train.labels, [3, 4, 3, 4, 3, 4, 3, 4, 3, 4]);
        assert_eq!((set.test.labels, set.train.shape()), (vec![9], SHAPE));
        assert_eq!(set.train.pixels[PIXELS..][..2], [1, 1]);
        assert_eq!(set.train.pixels[2 * PIXELS - 1], 200);

        fs::write(at("train.bin"), file(3, &[5, 50])).unwrap();
        fs::write(at("test.bin"), file(1, &[6, 60])).unwrap();
        let labels = |which| read_cifar(folder.path(), which).unwrap().train.labels;
        assert_eq!(labels(CifarLabels::Fine), [50, 51, 52]);
        assert_eq!(labels(CifarLabels::Coarse), [5, 6, 7]);
    }

    #[test]
    fn a_missing_or_a_cut_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(TEN.1), file(1, &[0])).unwrap();
        let error = read_cifar(folder.path(), CifarLabels::Fine).unwrap_err();
        assert!(error.to_string().contains("data_batch_1.bin"), "{error}");
        for name in TEN.0 {
            fs::write(folder.path().join(name), &file(1, &[0])[1..]).unwrap();
        }
        let error = read_cifar(folder.path(), CifarLabels::Fine).unwrap_err();
        assert!(error.to_string().contains("3072 bytes"), "{error}");
    }
}
