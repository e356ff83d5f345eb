//! The points of the landscape that are marked: what they are called, and by which shape, on the page and in the still alike.

use serde_json::{Value, json};
use thalweg::problem::{Problem, Weights};
use thalweg::theory::{TheoryError, Valley, functionals};
use thalweg_report::plot::Marker;

/// What is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Where SGD and the flow begin.
    Start,
    /// The minimum of least T.
    Flattest,
    /// Theorem 1's minimum, where SGD ends elsewhere.
    Theorem,
    /// Where theory says that SGD ends.
    End,
}

impl Kind {
    /// All of them, in the order of the legend.
    pub const ALL: [Self; 4] = [Self::Start, Self::Flattest, Self::Theorem, Self::End];

    /// In data.
    pub fn key(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Flattest => "flattest",
            Self::Theorem => "theorem",
            Self::End => "end",
        }
    }

    /// In the legend.
    pub fn words(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Flattest => "flattest minimum",
            Self::Theorem => "least fluctuation (Theorem 1)",
            Self::End => "where SGD ends (theory)",
        }
    }

    /// Its shape.
    pub fn marker(self) -> Marker {
        match self {
            Self::Start => Marker::Ring,
            Self::Flattest => Marker::Square,
            Self::Theorem => Marker::Triangle,
            Self::End => Marker::Diamond,
        }
    }

    /// What the page draws it by: corners in pixels from its middle, y downwards; none of a ring.
    pub fn json(self) -> Value {
        json!({ "key": self.key(), "words": self.words(), "corners": self.marker().corners() })
    }
}

/// One point of the landscape.
#[derive(Clone, Debug)]
pub struct Mark {
    /// What it is.
    pub kind: Kind,
    /// What it is in this setting, in words.
    pub name: &'static str,
    /// ‖W_1 e_1‖ and ‖W_1 e_2‖.
    pub gains: [f64; 2],
    /// T, in loss/weight².
    pub sharpness: f64,
    /// F, in loss²/weight².
    pub fluctuation: f64,
}

impl Mark {
    pub(super) fn new(
        kind: Kind,
        name: &'static str,
        problem: &Problem,
        weights: &Weights,
    ) -> Result<Self, TheoryError> {
        let parts = functionals(problem, weights)?;
        Ok(Self {
            kind,
            name,
            gains: Valley::gains(weights),
            sharpness: parts.sharpness,
            fluctuation: parts.fluctuation,
        })
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "key": self.kind.key(),
            "name": self.name,
            "gains": self.gains,
            "sharpness": self.sharpness,
            "fluctuation": self.fluctuation,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Picture, SCENES, Setting, still};
    use super::*;

    /// Each kind has a shape of its own, and the still's legend has every mark of its picture by the words that the page has.
    #[test]
    fn page_and_still_have_one_set_of_marks() {
        for (n, kind) in Kind::ALL.iter().enumerate() {
            let others = Kind::ALL.iter().skip(n + 1);
            assert!(others.clone().all(|other| other.marker() != kind.marker()));
            assert!(others.clone().all(|other| other.words() != kind.words()));
        }
        assert_eq!(Kind::Start.json()["corners"], json!([]));
        assert_eq!(
            Kind::Flattest.json()["corners"],
            json!([[-3.0, -3.0], [3.0, -3.0], [3.0, 3.0], [-3.0, 3.0]])
        );
        let scene = SCENES.iter().find(|scene| scene.key == "turned-noise");
        let query = scene.unwrap().query.replace("steps=6000000", "steps=10000");
        let setting = Setting::from_query(&query).unwrap();
        let marks = Picture::new(&setting).unwrap().marks;
        assert_eq!(marks.len(), 4);
        let drawn = still(&setting).unwrap();
        for mark in marks {
            assert!(drawn.contains(mark.kind.words()), "{:?}", mark.kind);
        }
    }
}
