//! What a reader may change: names, units and ranges, once for the address, the sliders and the checks.

use super::Setting;

/// How a slider moves through its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// By equal differences.
    Linear,
    /// By equal ratios.
    Log,
    /// By equal ratios, with 0 below the least.
    LogOrZero,
    /// By equal ratios, rounded to whole numbers.
    Whole,
}

impl Scale {
    /// In data.
    pub fn word(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Log => "log",
            Self::LogOrZero => "log-or-zero",
            Self::Whole => "whole",
        }
    }
}

/// One number of a [`Setting`].
pub struct Field {
    /// In addresses.
    pub key: &'static str,
    /// Beside its slider.
    pub label: &'static str,
    /// Empty where it has none.
    pub unit: &'static str,
    /// The least value; with [`Scale::LogOrZero`] 0 is allowed too.
    pub least: f64,
    /// The largest value.
    pub most: f64,
    /// Without being asked.
    pub default: f64,
    /// How its slider moves.
    pub scale: Scale,
    /// Where a setting has it.
    pub of: fn(&mut Setting) -> &mut f64,
}

/// All of them, in the order in which they are shown.
pub static FIELDS: [Field; 13] = [
    Field {
        key: "strength",
        label: "noise: larger standard deviation σ₁",
        unit: "√loss",
        least: 0.1,
        most: 3.0,
        default: 1.0,
        scale: Scale::Log,
        of: |s| &mut s.strength,
    },
    Field {
        key: "anisotropy",
        label: "noise: anisotropy σ₁/σ₂",
        unit: "",
        least: 1.0,
        most: 20.0,
        default: 5.0,
        scale: Scale::Log,
        of: |s| &mut s.anisotropy,
    },
    Field {
        key: "angle",
        label: "noise: angle against the signal",
        unit: "°",
        least: 0.0,
        most: 90.0,
        default: 0.0,
        scale: Scale::Linear,
        of: |s| &mut s.angle,
    },
    Field {
        key: "teacher_1",
        label: "teacher: first singular value",
        unit: "weight²",
        least: 0.25,
        most: 4.0,
        default: 1.0,
        scale: Scale::Log,
        of: |s| &mut s.teacher_1,
    },
    Field {
        key: "teacher_2",
        label: "teacher: second singular value",
        unit: "weight²",
        least: 0.25,
        most: 4.0,
        default: 1.0,
        scale: Scale::Log,
        of: |s| &mut s.teacher_2,
    },
    Field {
        key: "depth",
        label: "layers D",
        unit: "",
        least: 2.0,
        most: 5.0,
        default: 2.0,
        scale: Scale::Whole,
        of: |s| &mut s.depth,
    },
    Field {
        key: "learning_rate",
        label: "step size η",
        unit: "weight²/loss",
        least: 0.001,
        most: 0.1,
        default: 0.01,
        scale: Scale::Log,
        of: |s| &mut s.learning_rate,
    },
    Field {
        key: "batch",
        label: "minibatch B",
        unit: "samples",
        least: 1.0,
        most: 1000.0,
        default: 10.0,
        scale: Scale::Whole,
        of: |s| &mut s.batch,
    },
    Field {
        key: "weight_decay",
        label: "weight decay λ",
        unit: "loss/weight²",
        least: 1e-6,
        most: 0.01,
        default: 0.0,
        scale: Scale::LogOrZero,
        of: |s| &mut s.weight_decay,
    },
    Field {
        key: "sam",
        label: "SAM’s ρ",
        unit: "weight²/loss",
        least: 1e-4,
        most: 0.1,
        default: 0.0,
        scale: Scale::LogOrZero,
        of: |s| &mut s.sam,
    },
    Field {
        key: "steps",
        label: "steps of SGD",
        unit: "",
        least: 1e4,
        most: 2e7,
        default: 1e6,
        scale: Scale::Whole,
        of: |s| &mut s.steps,
    },
    Field {
        key: "gain_1",
        label: "start: gain of input 1, ‖W₁e₁‖",
        unit: "weight",
        least: 0.125,
        most: 8.0,
        default: 3.0,
        scale: Scale::Log,
        of: |s| &mut s.gain_1,
    },
    Field {
        key: "gain_2",
        label: "start: gain of input 2, ‖W₁e₂‖",
        unit: "weight",
        least: 0.125,
        most: 8.0,
        default: 2.0,
        scale: Scale::Log,
        of: |s| &mut s.gain_2,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_a_place_of_its_own_and_its_default_is_in_its_range() {
        let mut setting = Setting::default();
        for (i, field) in FIELDS.iter().enumerate() {
            let zero = field.scale == Scale::LogOrZero && field.default == 0.0;
            let inside = (field.least..=field.most).contains(&field.default);
            assert!(zero || inside, "{}", field.key);
            assert_eq!(*(field.of)(&mut setting), field.default, "{}", field.key);
            *(field.of)(&mut setting) = -(i as f64);
        }
        for (i, field) in FIELDS.iter().enumerate() {
            assert_eq!(*(field.of)(&mut setting), -(i as f64), "{}", field.key);
        }
    }
}
