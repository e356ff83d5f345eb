//! What people add to training, at a strength that a figure chooses.

use thalweg::train::{Change, InputNoise, Shifts, Smoothing};
use thalweg_lab::spec::NetworkExperiment;

/// What is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addition {
    /// Of labels.
    Smoothing,
    /// Of hidden units.
    Dropout,
    /// On inputs.
    Noise,
    /// Of images.
    Shifts,
}

impl Addition {
    /// In the names of files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Smoothing => "smoothing",
            Self::Dropout => "dropout",
            Self::Noise => "input-noise",
            Self::Shifts => "shifts",
        }
    }

    /// For a reader.
    pub fn words(self) -> &'static str {
        match self {
            Self::Smoothing => "label smoothing",
            Self::Dropout => "dropout of hidden units",
            Self::Noise => "input noise",
            Self::Shifts => "shifts",
        }
    }

    /// On an axis.
    pub fn axis(self) -> &'static str {
        match self {
            Self::Smoothing => "label smoothing α",
            Self::Dropout => "chance p of dropping a hidden unit",
            Self::Noise => "deviation σ of input noise",
            Self::Shifts => "largest shift, pixels",
        }
    }

    /// Adds it to a training; of shifts the strength is a whole number of pixels, and other data than images have none.
    pub fn add(self, experiment: &mut NetworkExperiment, strength: f64) {
        let changes = &mut experiment.settings.optimizer.changes;
        match self {
            Self::Smoothing => changes.push(Change::Smoothing(Smoothing(strength))),
            Self::Dropout => experiment.dropout.hidden = strength,
            Self::Noise => changes.push(Change::InputNoise(InputNoise(strength))),
            Self::Shifts => {
                let size = experiment.data.source.about().image_size();
                changes.extend(size.map(|[height, width]| {
                    Change::Shifts(Shifts {
                        most: strength as usize,
                        width,
                        height,
                    })
                }));
            }
        }
    }
}
