//! What can be wrong with files of images, said so that a person can mend it.

use std::io;
use std::path::PathBuf;

/// Images that cannot be used: the file, what was found, and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// One of the four files is not there, packed or not.
    #[error("{} has no {name}, packed (.gz) or not: give a folder with the four IDX files under MNIST's or EMNIST's names, or a folder with what the names begin with, such as data/emnist-letters", path.display())]
    Missing {
        /// Where it should be: the folder, or the folder with the beginning of its files' names.
        path: PathBuf,
        /// The file's name.
        name: String,
    },
    /// A folder holds more than one set of images.
    #[error("{} holds {} sets of images: choose one by what its files' names begin with, such as {} ({} are there)", folder.display(), sets.len(), folder.join(&sets[0]).display(), sets.join(", "))]
    Several {
        /// The folder.
        folder: PathBuf,
        /// What the names of each set's files begin with, as it can be given; at least two.
        sets: Vec<String>,
    },
    /// One of CIFAR's files is not there.
    #[error("{} has no {name}: give the folder of CIFAR-10's binary files (data_batch_1.bin to data_batch_5.bin and test_batch.bin) or of CIFAR-100's (train.bin and test.bin)", folder.display())]
    NoCifar {
        /// The folder.
        folder: PathBuf,
        /// The file.
        name: String,
    },
    /// One of CIFAR's files is not made of its records.
    #[error("{} has {found} bytes, which is no whole number of records of {record} bytes: it is damaged or cut off, unpack it again", path.display())]
    Records {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        found: usize,
        /// A record's.
        record: usize,
    },
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A packed file is damaged or cut off.
    #[error("{} does not unpack: {source}; it is damaged or cut off, download it again", path.display())]
    Packed {
        /// The file.
        path: PathBuf,
        /// What gzip says.
        source: io::Error,
    },
    /// A file does not begin as IDX of this kind does.
    #[error("{} begins with {found:#010x}: {expected:#010x} is needed for IDX {what} of unsigned bytes", path.display())]
    Magic {
        /// The file.
        path: PathBuf,
        /// Its first four bytes; fewer are filled up with zeros.
        found: u32,
        /// What they should be.
        expected: u32,
        /// Images or labels.
        what: &'static str,
    },
    /// A file states sizes that cannot be.
    #[error("{} states {sizes:?} as its sizes: each must be at least 1, and all together at most {most} bytes", path.display())]
    Sizes {
        /// The file.
        path: PathBuf,
        /// Items, and for images height and width.
        sizes: Vec<u32>,
        /// The most bytes that are read.
        most: u64,
    },
    /// A file has more or fewer bytes than its sizes say.
    #[error("{} holds {found} bytes of data, its header's {sizes:?} needs {expected}: it is damaged or cut off", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Bytes after the header; where there are too many, one more than needed.
        found: u64,
        /// The product of the sizes.
        expected: u64,
        /// What the header states.
        sizes: Vec<u32>,
    },
    /// Images and labels do not belong together.
    #[error("{} has {images} images and {} has {labels} labels: there must be one label for each image", images_path.display(), labels_path.display())]
    Counts {
        /// The file of images.
        images_path: PathBuf,
        /// How many are in it.
        images: usize,
        /// The file of labels.
        labels_path: PathBuf,
        /// How many are in it.
        labels: usize,
    },
    /// Training and test images differ in size.
    #[error("{} has test images of {test_height} × {test_width} pixels, and the training images have {height} × {width}", path.display())]
    Shapes {
        /// The file of test images.
        path: PathBuf,
        /// Of the training images.
        height: usize,
        /// Of the training images.
        width: usize,
        /// Of the test images.
        test_height: usize,
        /// Of the test images.
        test_width: usize,
    },
}
