//! One setting of the valley: read from an address, checked, and made an experiment.

use faer::{Mat, mat};
use thalweg::problem::{Problem, ProblemError, Weights, WeightsError};
use thalweg::recipe::{Recipe, Sam};
use thalweg::simulate::{InitialWeights, SimulateSettings};
use thalweg_lab::spec::{Experiment, Schedule};

use super::field::{FIELDS, Field, Scale};

/// Runs of SGD that are shown together.
const SEEDS: u64 = 16;

/// Two inputs of unit variance, two outputs, V = diag(teacher), Σε = R diag(σ₁², σ₂²) Rᵀ with R a turn by the angle.
///
/// SGD and flow begin at the minimum W_1 = diag(gains), W_k = I between, W_D = V W_1⁻¹.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// σ₁, the noise's larger standard deviation, in √loss.
    pub strength: f64,
    /// σ₁/σ₂ ≥ 1.
    pub anisotropy: f64,
    /// Degrees from the first output to the axis of σ₁.
    pub angle: f64,
    /// V_11.
    pub teacher_1: f64,
    /// V_22.
    pub teacher_2: f64,
    /// D, a whole number.
    pub depth: f64,
    /// η, in weight²/loss.
    pub learning_rate: f64,
    /// B, a whole number.
    pub batch: f64,
    /// λ, 0 for none.
    pub weight_decay: f64,
    /// ρ of SAM on the step's own minibatch, 0 for none.
    pub sam: f64,
    /// How long SGD runs, a whole number.
    pub steps: f64,
    /// ‖W_1 e_1‖ at the start.
    pub gain_1: f64,
    /// ‖W_1 e_2‖ at the start.
    pub gain_2: f64,
}

/// An address that says no setting.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// There is no such field.
    #[error("`{found}` is no field of the valley; they are {}", keys())]
    Unknown {
        /// What stands there.
        found: String,
    },
    /// A field stands twice.
    #[error("`{field}` is given twice: give it once")]
    Twice {
        /// Which.
        field: &'static str,
    },
    /// The value is not a number in the field's range.
    #[error("{field} is `{found}`: it must be {needed}")]
    Value {
        /// Which field.
        field: &'static str,
        /// What was given.
        found: String,
        /// What would be right.
        needed: String,
    },
    /// The numbers make no problem.
    #[error(transparent)]
    Problem(#[from] ProblemError),
    /// The start does not fit it.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

fn keys() -> String {
    let keys: Vec<_> = FIELDS.iter().map(|field| field.key).collect();
    keys.join(", ")
}

impl Default for Setting {
    fn default() -> Self {
        let mut setting = Self {
            strength: 0.0,
            anisotropy: 0.0,
            angle: 0.0,
            teacher_1: 0.0,
            teacher_2: 0.0,
            depth: 0.0,
            learning_rate: 0.0,
            batch: 0.0,
            weight_decay: 0.0,
            sam: 0.0,
            steps: 0.0,
            gain_1: 0.0,
            gain_2: 0.0,
        };
        for field in &FIELDS {
            *(field.of)(&mut setting) = field.default;
        }
        setting
    }
}

impl Setting {
    /// The setting of `query`, `field=number` joined by `&`; what it does not name is as by default.
    ///
    /// # Errors
    /// When a field is not known, stands twice, or has no number in its range.
    pub fn from_query(query: &str) -> Result<Self, SettingError> {
        let mut setting = Self::default();
        let mut seen = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, text) = pair.split_once('=').unwrap_or((pair, ""));
            let field = FIELDS.iter().find(|field| field.key == key);
            let field = field.ok_or_else(|| SettingError::Unknown {
                found: key.chars().take(40).collect(),
            })?;
            if seen.contains(&field.key) {
                return Err(SettingError::Twice { field: field.key });
            }
            seen.push(field.key);
            *(field.of)(&mut setting) = number(field, text)?;
        }
        Ok(setting)
    }

    /// What [`Setting::from_query`] reads back; defaults are left out.
    pub fn query(&self) -> String {
        let mut copy = *self;
        let given = FIELDS.iter().filter_map(|field| {
            let value = *(field.of)(&mut copy);
            (value != field.default).then(|| format!("{}={value}", field.key))
        });
        given.collect::<Vec<_>>().join("&")
    }

    /// σ₁ and σ₂.
    pub fn deviations(&self) -> [f64; 2] {
        [self.strength, self.strength / self.anisotropy]
    }

    /// The problem, how SGD is run on it, and from where.
    ///
    /// # Errors
    /// When the numbers make no problem.
    pub fn experiment(&self) -> Result<Experiment, SettingError> {
        let problem = Problem::new(
            Mat::identity(2, 2),
            mat![[self.teacher_1, 0.0], [0.0, self.teacher_2]],
            self.noise(),
            self.depth as usize,
        )?;
        let start = self.start(&problem)?;
        let settings = SimulateSettings {
            recipe: Recipe {
                weight_decay: self.weight_decay,
                sam: (self.sam > 0.0).then_some(Sam {
                    radius: self.sam,
                    normalised: false,
                    independent: false,
                }),
                ..Recipe::default()
            },
            init: InitialWeights::Given(start),
            ..SimulateSettings::new(self.learning_rate, self.batch as usize)
        };
        Ok(Experiment {
            name: None,
            problem,
            settings,
            seeds: (1..=SEEDS).collect(),
            steps: self.steps as u64,
            measure: Schedule::default(),
        })
    }

    /// Σε.
    fn noise(&self) -> Mat<f64> {
        let [large, small] = self.deviations().map(|deviation| deviation * deviation);
        if self.angle == 0.0 {
            return mat![[large, 0.0], [0.0, small]];
        }
        let (s, c) = self.angle.to_radians().sin_cos();
        let off = (large - small) * s * c;
        mat![
            [large * c * c + small * s * s, off],
            [off, large * s * s + small * c * c]
        ]
    }

    fn start(&self, problem: &Problem) -> Result<Weights, WeightsError> {
        let gains = [self.gain_1, self.gain_2];
        let v = [self.teacher_1, self.teacher_2];
        let diagonal = |entries: [f64; 2]| mat![[entries[0], 0.0], [0.0, entries[1]]];
        let mut layers = vec![Mat::identity(2, 2); problem.depth()];
        let last = layers.len() - 1;
        layers[0] = diagonal(gains);
        layers[last] = diagonal([v[0] / gains[0], v[1] / gains[1]]);
        Weights::new(problem, layers)
    }
}

/// The number that `text` says, if `field` may have it.
fn number(field: &Field, text: &str) -> Result<f64, SettingError> {
    let wrong = || {
        let kind = match field.scale {
            Scale::Whole => "a whole number",
            _ => "a number",
        };
        let zero = match field.scale {
            Scale::LogOrZero => "0 or ",
            _ => "",
        };
        SettingError::Value {
            field: field.key,
            found: text.chars().take(40).collect(),
            needed: format!("{zero}{kind} from {} to {}", field.least, field.most),
        }
    };
    let value: f64 = text.parse().map_err(|_| wrong())?;
    let zero = field.scale == Scale::LogOrZero && value == 0.0;
    let inside = (field.least..=field.most).contains(&value);
    let whole = field.scale != Scale::Whole || value.fract() == 0.0;
    if (inside || zero) && whole {
        // Not −0.
        Ok(value + 0.0)
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_and_says_only_what_is_not_default() {
        assert_eq!(Setting::default().query(), "");
        let query = "anisotropy=3.5&angle=60&batch=7&weight_decay=0.0001";
        let setting = Setting::from_query(query).unwrap();
        assert_eq!(setting.query(), query);
        assert_eq!(setting.deviations()[1], 1.0 / 3.5);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_value_and_the_way_out() {
        for (query, words) in [
            ("colour=1", "`colour` is no field"),
            ("angle=1&angle=2", "`angle` is given twice"),
            (
                "angle=91",
                "angle is `91`: it must be a number from 0 to 90",
            ),
            ("angle=NaN", "angle is `NaN`"),
            (
                "batch=1.5",
                "batch is `1.5`: it must be a whole number from 1 to 1000",
            ),
            (
                "weight_decay=-1",
                "it must be 0 or a number from 0.000001 to 0.01",
            ),
            ("steps=1e9", "steps is `1e9`"),
            ("depth=", "depth is ``"),
            ("learning_rate=inf", "learning_rate is `inf`"),
        ] {
            let said = Setting::from_query(query).unwrap_err().to_string();
            assert!(said.contains(words), "{query}: {said}");
        }
    }

    /// By hand: a turn by 90° swaps the outputs, one by 45° leaves both the mean variance.
    #[test]
    fn noise_is_turned_and_the_start_is_a_minimum_at_every_depth() {
        let noise = |angle| {
            let setting = Setting {
                angle,
                ..Setting::default()
            };
            setting.noise()
        };
        assert!((noise(90.0)[(0, 0)] - 0.04).abs() < 1e-15);
        assert!((noise(45.0)[(0, 0)] - 0.52).abs() < 1e-15);
        assert!((noise(45.0)[(0, 1)] - 0.48).abs() < 1e-15);
        for depth in 2..=5 {
            let setting = Setting {
                depth: f64::from(depth),
                teacher_1: 1.5,
                ..Setting::default()
            };
            let made = setting.experiment().unwrap();
            let InitialWeights::Given(start) = &made.settings.init else {
                unreachable!()
            };
            assert!((start.product() - made.problem.teacher()).norm_l2() < 1e-15);
            assert_eq!(start.layer(1)[(0, 0)], 3.0);
        }
    }
}
