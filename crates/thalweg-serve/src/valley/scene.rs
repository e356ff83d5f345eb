//! Five settings worth seeing, each with the sentence that it shows.

use serde_json::{Value, json};

/// A prepared setting.
pub struct Scene {
    /// In addresses.
    pub key: &'static str,
    /// On its button.
    pub name: &'static str,
    /// What SGD does there.
    pub sentence: &'static str,
    /// The setting, as an address has it.
    pub query: &'static str,
}

impl Scene {
    /// As one JSON object.
    pub fn json(&self) -> Value {
        json!({ "key": self.key, "name": self.name, "sentence": self.sentence, "query": self.query })
    }
}

/// All of them, in the order in which they are shown.
pub static SCENES: [Scene; 5] = [
    Scene {
        key: "isotropic",
        name: "Equal noise",
        sentence: "Both outputs are equally noisy: the least fluctuation is at the flattest minimum, and SGD goes there.",
        query: "anisotropy=1&gain_1=3&gain_2=2&steps=600000",
    },
    Scene {
        key: "anisotropic",
        name: "Unequal noise",
        sentence: "One output is five times as noisy as the other: SGD leaves the flattest minimum and climbs to a sharper one, where gradients fluctuate less.",
        query: "gain_1=1&gain_2=1&steps=4000000",
    },
    Scene {
        key: "flattening-then-sharpening",
        name: "Flatter, then sharper",
        sentence: "From this start the sharpness first falls and then rises, while the fluctuation only falls: SGD seeks the second and not the first.",
        query: "gain_1=3&gain_2=2&steps=4000000",
    },
    Scene {
        key: "turned-noise",
        name: "Turned noise",
        sentence: "The noise’s axes are turned by 60° against the signal’s: SGD ends beside the minimum of least fluctuation, however small its steps.",
        query: "angle=60&teacher_1=1.5&teacher_2=0.5&gain_1=1&gain_2=1&steps=6000000",
    },
    Scene {
        key: "decay-against-noise",
        name: "Weight decay against noise",
        sentence: "A weight decay of 0.0001 already pulls harder than the noise: SGD ends near the flattest minimum instead of at the least fluctuation.",
        query: "weight_decay=0.0001&learning_rate=0.005&gain_1=1.18&gain_2=0.53&steps=8000000",
    },
];
