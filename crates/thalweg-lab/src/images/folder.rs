//! The four files that make an image set: those built into the program, or those of a folder.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use super::idx::{self, Idx, Kind};
use super::names::{Names, Part};
use super::{ImageError, ImageSet, Images};

/// Names of images and labels that are built in, to train on and to test.
const NAMES: [[&str; 2]; 2] = [
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"],
    ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
];

macro_rules! built_in {
    ($name:literal) => {
        include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/data/mnist10k/",
            $name,
            ".gz"
        ))
    };
}

/// The 8,000 + 2,000 MNIST digits that come with the program (`data/mnist10k` of this crate).
///
/// # Errors
/// None, unless the program itself was built from damaged files.
pub fn builtin() -> Result<ImageSet, ImageError> {
    let folder = Path::new("built-in mnist10k");
    let [train, test]: [[&[u8]; 2]; 2] = [
        [
            built_in!("train-images-idx3-ubyte"),
            built_in!("train-labels-idx1-ubyte"),
        ],
        [
            built_in!("t10k-images-idx3-ubyte"),
            built_in!("t10k-labels-idx1-ubyte"),
        ],
    ];
    let part = |[images, labels]: [&str; 2], bytes: [&[u8]; 2]| {
        let paths = [folder.join(images), folder.join(labels)];
        let images = idx::read(&paths[0], Kind::Images, bytes[0])?;
        let labels = idx::read(&paths[1], Kind::Labels, bytes[1])?;
        together(&paths, images, labels)
    };
    Ok(ImageSet {
        train: part(NAMES[0], train)?,
        test: part(NAMES[1], test)?,
    })
}

/// The images of four IDX files, each packed by gzip (`.gz`) or not: in the folder `path` under MNIST's names
/// (`train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`; also with a
/// dot before `idx`) or, if it is the only set there, under those of EMNIST (`emnist-letters-train-images-idx3-ubyte`,
/// …, `test` in place of `t10k`). One of several sets is chosen by what its names begin with: `folder/emnist-letters`.
///
/// # Errors
/// When a file is missing, unreadable, damaged, cut off or of another kind, when the files do not
/// belong together, or when the folder has several sets.
pub fn read_folder(path: &Path) -> Result<ImageSet, ImageError> {
    let names = Names::find(path)?;
    let part = |part| {
        let read = |kind| {
            let (path, file) = names.open(part, kind)?;
            let content = idx::read(&path, kind, buffered(file))?;
            Ok((path, content))
        };
        let (images_path, images) = read(Kind::Images)?;
        let (labels_path, labels) = read(Kind::Labels)?;
        Ok((
            together(&[images_path.clone(), labels_path], images, labels)?,
            images_path,
        ))
    };
    let (train, _) = part(Part::Train)?;
    let (test, path) = part(Part::Test)?;
    if (test.height, test.width) != (train.height, train.width) {
        return Err(ImageError::Shapes {
            path,
            height: train.height,
            width: train.width,
            test_height: test.height,
            test_width: test.width,
        });
    }
    Ok(ImageSet { train, test })
}

fn buffered(file: std::fs::File) -> impl BufRead {
    std::io::BufReader::new(file)
}

/// Images with their labels.
fn together(paths: &[PathBuf; 2], images: Idx, labels: Idx) -> Result<Images, ImageError> {
    let (count, height, width) = (images.sizes[0], images.sizes[1], images.sizes[2]);
    if labels.sizes[0] != count {
        return Err(ImageError::Counts {
            images_path: paths[0].clone(),
            images: count,
            labels_path: paths[1].clone(),
            labels: labels.sizes[0],
        });
    }
    Ok(Images {
        channels: 1,
        height,
        width,
        pixels: images.bytes,
        labels: labels.bytes,
    })
}
