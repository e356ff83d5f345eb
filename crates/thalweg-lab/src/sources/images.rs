//! Labelled images: the built-in digits, a folder of IDX files, or one of CIFAR's.

use std::path::{Path, PathBuf};

use faer::Mat;
use thalweg::data::{LabelledSet, Sampling, Source};
use thalweg::model::Network;

use super::label_flips::LabelFlips;
use super::soft_labels::SoftLabels;
use super::visits::{sampling, sampling_node};
use super::{DataSource, Kind, NetworkSource, Sources, Student};
use crate::images::{CifarLabels, ImageSet, Pixels, builtin, read_cifar, read_folder};
use crate::memory;
use crate::network::NetworkError;
use crate::spec::{Ends, Fault, Field, Node, Word, kind};
use crate::store::Fingerprint;

/// Labelled images.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageSource {
    /// Whose they are.
    pub files: ImageFiles,
    /// Pixels from top to bottom and from left to right, where that is known of their number.
    pub size: Option<[usize; 2]>,
    /// Whether the two parts of the set change places: its test images are trained on, and its training images evaluated on.
    pub swapped: bool,
    /// How bytes become numbers.
    pub pixels: Pixels,
    /// In which order they are visited.
    pub sampling: Sampling,
    /// With which chances labels are replaced, at each visit.
    pub label_flips: LabelFlips,
    /// Distributions over the classes in place of the labels of the images that are trained on.
    pub soft_labels: Option<SoftLabels>,
}

/// Whose images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageFiles {
    /// The digits that come with the program.
    BuiltIn,
    /// Those of a folder of IDX files.
    Idx(PathBuf),
    /// Those of a folder of CIFAR's binary files.
    Cifar(PathBuf, CifarLabels),
}

/// Classes and pixels of MNIST, and of every set in its layout.
const ENDS: Ends = Ends {
    inputs: 28 * 28,
    outputs: 10,
};

/// Classes and numbers of CIFAR-10.
const CIFAR_ENDS: Ends = Ends {
    inputs: 3 * 32 * 32,
    outputs: 10,
};

/// The fields of a folder of CIFAR's files; those of other images are all from the second or the third on.
const FIELDS: &[&str] = &[
    "labels",
    "path",
    "pixels",
    "sampling",
    "label_flips",
    "soft_labels",
    "train_on",
];

pub(super) const BUILT_IN: Kind = Kind {
    word: "mnist",
    fields: FIELDS.split_at(2).1,
    ends: Some(ENDS),
    read: |field, network| read(field, network, ImageFiles::BuiltIn),
};

pub(super) const FOLDER: Kind = Kind {
    word: "idx",
    fields: FIELDS.split_at(1).1,
    ends: Some(ENDS),
    read: |field, network| {
        let path = field.required("path", "the folder of the four IDX files")?;
        read(field, network, ImageFiles::Idx(path.text()?.into()))
    },
};

pub(super) const CIFAR: Kind = Kind {
    word: "cifar",
    fields: FIELDS,
    ends: Some(CIFAR_ENDS),
    read: |field, network| {
        let path = field.required("path", "the folder of CIFAR's binary files")?;
        let labels = match field.optional("labels") {
            None => CifarLabels::default(),
            Some(labels) => CifarLabels::read(&labels)?,
        };
        read(
            field,
            network,
            ImageFiles::Cifar(path.text()?.into(), labels),
        )
    },
};

fn read(field: &Field<'_>, network: &Network, files: ImageFiles) -> Result<NetworkSource, Fault> {
    if network.positions() != [1, 1] {
        return Err(field.not("a source of sequences (an image has no positions)"));
    }
    let pixels = match field.optional("pixels") {
        None => Pixels::Standardised,
        Some(pixels) => Pixels::read(&pixels)?,
    };
    let label_flips = match field.optional("label_flips") {
        None => LabelFlips::Chance(0.0),
        Some(flips) => LabelFlips::read(&flips, network.outputs())?,
    };
    let soft_labels = SoftLabels::read(field)?;
    if let (Some(_), Some(flips)) = (&soft_labels, field.optional("label_flips"))
        && label_flips != LabelFlips::Chance(0.0)
    {
        return Err(flips.not("left out (the labels are those of `soft_labels`)"));
    }
    let swapped = match field.optional("train_on") {
        None => false,
        Some(part) => ImagePart::read(&part)? == ImagePart::Test,
    };
    Ok(NetworkSource::Images(ImageSource {
        size: size(&files, network.inputs()),
        swapped,
        files,
        pixels,
        sampling: sampling(field, network.outputs())?,
        label_flips,
        soft_labels,
    }))
}

/// Which part of a set of images is trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImagePart {
    Train,
    Test,
}

/// Images are square where their number of pixels is that of a square.
fn size(files: &ImageFiles, inputs: usize) -> Option<[usize; 2]> {
    let pixels = match files {
        ImageFiles::Cifar(..) => inputs / 3,
        ImageFiles::BuiltIn | ImageFiles::Idx(_) => inputs,
    };
    let side = pixels.isqrt();
    (side * side == pixels).then_some([side, side])
}

impl ImageSource {
    fn set(&self) -> Result<ImageSet, NetworkError> {
        let mut set = match &self.files {
            ImageFiles::BuiltIn => builtin()?,
            ImageFiles::Idx(path) => read_folder(path)?,
            ImageFiles::Cifar(path, labels) => read_cifar(path, *labels)?,
        };
        if self.swapped {
            std::mem::swap(&mut set.train, &mut set.test);
        }
        let [_, height, width] = set.train.shape();
        match self.size.filter(|size| *size != [height, width]) {
            Some(expected) if expected[0] * expected[1] == height * width => {
                Err(NetworkError::ImageSize {
                    height,
                    width,
                    side: expected[0],
                })
            }
            _ => Ok(set),
        }
    }

    /// What the table of distributions holds, where there is one.
    fn beside(&self) -> Result<Option<Vec<u8>>, NetworkError> {
        let soft = self.soft_labels.as_ref();
        soft.map(SoftLabels::bytes).transpose()
    }

    fn fingerprint_of(&self, set: &ImageSet, beside: Option<&[u8]>) -> Option<Fingerprint> {
        self.folder().map(|source| set.fingerprint(source, beside))
    }
}

impl DataSource for ImageSource {
    fn to_node(&self) -> Node {
        let at = |path: &Path| ("path", path.to_string_lossy().as_ref().into());
        let mut node = match &self.files {
            ImageFiles::BuiltIn => kind((BUILT_IN.word, BUILT_IN.fields), []),
            ImageFiles::Idx(path) => kind((FOLDER.word, FOLDER.fields), [at(path)]),
            ImageFiles::Cifar(path, labels) => {
                let labels = ("labels", labels.word().into());
                kind((CIFAR.word, CIFAR.fields), [at(path), labels])
            }
        };
        node.put("pixels", self.pixels.word().into());
        node.put("sampling", sampling_node(&self.sampling));
        node.put("label_flips", self.label_flips.to_node());
        if let Some(soft) = &self.soft_labels {
            node.put("soft_labels", soft.to_node());
        }
        if self.swapped {
            node.put("train_on", ImagePart::Test.word().into());
        }
        node
    }

    fn words(&self) -> String {
        let part = match self.swapped {
            true => ", its test part to train on",
            false => "",
        };
        let labels = match &self.soft_labels {
            Some(soft) => format!(", {}", soft.words()),
            None => String::new(),
        };
        let images = match &self.files {
            ImageFiles::BuiltIn => "10,000 built-in MNIST digits".to_owned(),
            ImageFiles::Idx(path) | ImageFiles::Cifar(path, _) => {
                format!("images in {}", path.display())
            }
        };
        images + part + &labels + &self.label_flips.words()
    }

    fn image_size(&self) -> Option<[usize; 2]> {
        self.size
    }

    fn has_classes(&self) -> bool {
        true
    }

    fn folder(&self) -> Option<&Path> {
        match &self.files {
            ImageFiles::BuiltIn => self.soft_labels.as_ref().map(|soft| &*soft.path),
            ImageFiles::Idx(path) | ImageFiles::Cifar(path, _) => Some(path),
        }
    }

    fn fingerprint(&self) -> Result<Option<Fingerprint>, NetworkError> {
        match self.folder() {
            None => Ok(None),
            Some(_) => Ok(self.fingerprint_of(&self.set()?, self.beside()?.as_deref())),
        }
    }

    fn make(&self, student: &Student<'_>) -> Result<Sources, NetworkError> {
        let outputs = student.network.outputs();
        let set = self.set()?;
        let beside = self.beside()?;
        let data = self.fingerprint_of(&set, beside.as_deref());
        let pixels = set.train.pixels.len() + set.test.pixels.len();
        let features_memory = (pixels * (size_of::<f64>() + size_of::<f32>())) as u64;
        memory::fits(features_memory, 0, "fewer or smaller images need less")?;
        let features = set.features(self.pixels);
        let ImageSet { train, test } = set;
        let flips = self.label_flips.confusion(outputs)?;
        let part = |features: &Mat<f64>, labels: &[u8]| -> Result<LabelledSet, NetworkError> {
            let inputs = Mat::from_fn(features.nrows(), features.ncols(), |i, j| {
                features[(i, j)] as f32
            });
            let labels = labels.iter().map(|&label| usize::from(label)).collect();
            let set = LabelledSet::new(inputs, labels, outputs, student.noise.clone())?;
            let set = set.visited(self.sampling.clone())?;
            Ok(match &flips {
                None => set,
                Some(confusion) => set.flipped(confusion)?,
            })
        };
        let mut trained = part(&features[0], &train.labels)?;
        if let (Some(soft), Some(bytes)) = (&self.soft_labels, &beside) {
            trained = trained.with_distributions(&soft.table(bytes)?, soft.drawn)?;
        }
        Ok(Sources {
            train: Source::from(trained),
            test: Source::from(part(&features[1], &test.labels)?),
            data,
            memory: features_memory + pixels as u64,
        })
    }
}
