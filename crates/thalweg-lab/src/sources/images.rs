//! Labelled images: the built-in digits, or a folder of IDX files.

use std::path::{Path, PathBuf};

use faer::Mat;
use thalweg::data::{DataError, LabelledSet, Sampling, Source, symmetric_flips};
use thalweg::model::Network;

use super::{DataSource, Kind, NetworkSource, Sources, Student};
use crate::images::{ImageSet, Pixels, builtin, read_folder};
use crate::memory;
use crate::network::NetworkError;
use crate::spec::{Ends, Fault, Field, Node, Tagged, Word, kind, matrix, matrix_to_node};
use crate::store::Fingerprint;

/// Labelled images.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageSource {
    /// The folder of IDX files; the built-in digits where `None`.
    pub path: Option<PathBuf>,
    /// How bytes become numbers.
    pub pixels: Pixels,
    /// In which order they are visited.
    pub sampling: Sampling,
    /// With which chances labels are replaced, at each visit.
    pub label_flips: LabelFlips,
}

/// With which chances labels are replaced.
#[derive(Clone, Debug, PartialEq)]
pub enum LabelFlips {
    /// By a random other one with this chance, whatever the class; 0 for none.
    Chance(f64),
    /// By the label of column j with the chance in row i, for a sample of class i: a confusion matrix, whose rows sum to 1.
    Confusion(Mat<f64>),
}

impl LabelFlips {
    /// A chance, or a matrix for `classes` classes.
    fn read(field: &Field<'_>, classes: usize) -> Result<Self, Fault> {
        if let Ok(chance) = field.number() {
            return match (0.0..=1.0).contains(&chance) {
                true => Ok(Self::Chance(chance)),
                false => Err(field.not("a probability from 0 to 1, or a confusion matrix")),
            };
        }
        let found = matrix(field)?;
        if (found.nrows(), found.ncols()) != (classes, classes) {
            return Err(field.not(format!(
                "a probability, or a {classes} × {classes} matrix, a row of probabilities for each class,"
            )));
        }
        Ok(Self::Confusion(found))
    }

    fn to_node(&self) -> Node {
        match self {
            Self::Chance(chance) => (*chance).into(),
            Self::Confusion(confusion) => matrix_to_node(confusion.as_ref()),
        }
    }

    /// P(label j | class i) in row i; nothing where labels stay.
    fn confusion(&self, classes: usize) -> Result<Option<Mat<f64>>, DataError> {
        match self {
            Self::Chance(0.0) => Ok(None),
            Self::Chance(chance) => symmetric_flips(classes, *chance).map(Some),
            Self::Confusion(confusion) => Ok(Some(confusion.clone())),
        }
    }
}

/// Pixels from left to right, and from top to bottom.
const WIDTH: usize = 28;

/// Classes and pixels of MNIST, and of every set in its layout.
const ENDS: Ends = Ends {
    inputs: WIDTH * WIDTH,
    outputs: 10,
};

pub(super) const BUILT_IN: Kind = Kind {
    word: "mnist",
    fields: &["pixels", "sampling", "label_flips"],
    ends: Some(ENDS),
    read: |field, network| read(field, network, None),
};

pub(super) const FOLDER: Kind = Kind {
    word: "idx",
    fields: &["path", "pixels", "sampling", "label_flips"],
    ends: Some(ENDS),
    read: |field, network| {
        let path = field.required("path", "the folder of the four IDX files")?;
        read(field, network, Some(PathBuf::from(path.text()?)))
    },
};

fn read(
    field: &Field<'_>,
    network: &Network,
    path: Option<PathBuf>,
) -> Result<NetworkSource, Fault> {
    if network.positions() != [1, 1] {
        return Err(field.not("a source of sequences (an image has no positions)"));
    }
    let pixels = match field.optional("pixels") {
        None => Pixels::Standardised,
        Some(pixels) => Pixels::read(&pixels)?,
    };
    let sampling = match field.optional("sampling") {
        None => Sampling::Shuffled,
        Some(order) => sampling(&order, network.outputs())?,
    };
    let label_flips = match field.optional("label_flips") {
        None => LabelFlips::Chance(0.0),
        Some(flips) => LabelFlips::read(&flips, network.outputs())?,
    };
    Ok(NetworkSource::Images(ImageSource {
        path,
        pixels,
        sampling,
        label_flips,
    }))
}

const SHUFFLED: Tagged = ("shuffled", &[]);
const REPLACEMENT: Tagged = ("replacement", &[]);
const CLASSES: Tagged = ("classes", &["weights"]);

fn sampling(field: &Field<'_>, classes: usize) -> Result<Sampling, Fault> {
    Ok(match field.kind(&[SHUFFLED, REPLACEMENT, CLASSES])? {
        SHUFFLED => Sampling::Shuffled,
        REPLACEMENT => Sampling::Replacement,
        _ => {
            let weights = field.required("weights", "a weight for each class")?;
            let values = weights.numbers()?;
            let usable = values.iter().all(|w| *w >= 0.0) && values.iter().any(|w| *w > 0.0);
            if values.len() != classes || !usable {
                return Err(weights.not(format!(
                        "a list of {classes} weights, one for each class, none negative and one above 0,"
                    )));
            }
            Sampling::Classes(values)
        }
    })
}

fn sampling_node(sampling: &Sampling) -> Node {
    match sampling {
        Sampling::Shuffled => kind(SHUFFLED, []),
        Sampling::Replacement => kind(REPLACEMENT, []),
        Sampling::Classes(weights) => {
            let weights = weights.iter().copied().collect();
            kind(CLASSES, [("weights", weights)])
        }
    }
}

impl ImageSource {
    fn set(&self) -> Result<ImageSet, NetworkError> {
        Ok(match &self.path {
            None => builtin()?,
            Some(path) => read_folder(path)?,
        })
    }
}

impl DataSource for ImageSource {
    fn to_node(&self) -> Node {
        let mut node = match &self.path {
            None => kind((BUILT_IN.word, BUILT_IN.fields), []),
            Some(path) => {
                let path = path.to_string_lossy().as_ref().into();
                kind((FOLDER.word, FOLDER.fields), [("path", path)])
            }
        };
        node.put("pixels", self.pixels.word().into());
        node.put("sampling", sampling_node(&self.sampling));
        node.put("label_flips", self.label_flips.to_node());
        node
    }

    fn words(&self) -> String {
        match &self.path {
            None => "10,000 built-in MNIST digits".to_owned(),
            Some(path) => format!("images in {}", path.display()),
        }
    }

    fn image_width(&self) -> Option<usize> {
        Some(WIDTH)
    }

    fn has_classes(&self) -> bool {
        true
    }

    fn folder(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    fn fingerprint(&self) -> Result<Option<Fingerprint>, NetworkError> {
        let Some(path) = &self.path else {
            return Ok(None);
        };
        Ok(Some(read_folder(path)?.fingerprint(path)))
    }

    fn make(&self, student: &Student<'_>) -> Result<Sources, NetworkError> {
        let outputs = student.network.outputs();
        let set = self.set()?;
        let data = self.path.as_ref().map(|path| set.fingerprint(path));
        let pixels = set.train.pixels.len() + set.test.pixels.len();
        let features_memory = (pixels * (size_of::<f64>() + size_of::<f32>())) as u64;
        memory::fits(features_memory, 0, "fewer or smaller images need less")?;
        let features = set.features(self.pixels);
        let ImageSet { train, test } = set;
        let flips = self.label_flips.confusion(outputs)?;
        let source = |features: &Mat<f64>, labels: &[u8]| -> Result<Source, NetworkError> {
            let inputs = Mat::from_fn(features.nrows(), features.ncols(), |i, j| {
                features[(i, j)] as f32
            });
            let labels = labels.iter().map(|&label| usize::from(label)).collect();
            let set = LabelledSet::new(inputs, labels, outputs, student.noise.clone())?;
            let set = set.visited(self.sampling.clone())?;
            Ok(Source::from(match &flips {
                None => set,
                Some(confusion) => set.flipped(confusion)?,
            }))
        };
        Ok(Sources {
            train: source(&features[0], &train.labels)?,
            test: source(&features[1], &test.labels)?,
            data,
            memory: features_memory + pixels as u64,
        })
    }
}
