//! Writes an experiment with every default spelled out, in the form that reads back as the same one.

use thalweg::model;
use thalweg::problem::Problem;
use thalweg::simulate::{Data, InitialWeights, NoiseLaw, SampleSource, SimulateSettings};

use super::error::Fault;
use super::experiment::{
    Experiment, FINITE, GAUSSIAN, LAPLACE, ONLINE, STUDENT_T, UNIFORM, experiment,
};
use super::field::{Field, Tagged};
use super::fields::{fields, shown};
use super::init::to_node as init_node;
use super::known;
use super::matrix::to_node as matrix;
use super::node::Node;
use super::recipe;
use super::schedule::Schedule;
use super::specification::Specification;
use super::word::Word;
use crate::provenance::{LOSS_CONVENTION, mended_in};

/// Characters of a value that are told in full.
const SHOWN: usize = 160;

impl Experiment {
    /// The experiment as a specification file in TOML, all defaults and matrices explicit.
    ///
    /// Reading it gives the same experiment, to the last bit of every number.
    pub fn to_toml(&self) -> String {
        to_toml(&self.to_node())
    }

    /// What it is beside its sizes, η, B, steps and how many seeds: Σx, V and Σε, and each field in which it is not plain SGD on fresh
    /// Gaussian samples, from the first seeds on, with its value in a line.
    pub fn particulars(&self) -> Vec<(String, String)> {
        let plain = Self {
            settings: SimulateSettings::new(self.settings.learning_rate, self.settings.batch),
            seeds: (0..self.seeds.len() as u64).collect(),
            ..self.clone()
        };
        let (own, plain) = (self.to_node(), plain.to_node());
        let plain = fields(&plain);
        let covariances = [
            "problem.input_covariance",
            "problem.teacher",
            "problem.noise_covariance",
        ];
        let own = fields(&own).into_iter();
        own.filter(|field| covariances.contains(&&*field.0) || !plain.contains(field))
            .map(|(field, value)| (field, shown(value, SHOWN)))
            .collect()
    }
}

impl Specification for Experiment {
    const TABLE: &'static str = "problem";

    fn read(root: &Field<'_>) -> Result<Self, Fault> {
        known(root).and_then(|()| experiment(root))
    }

    fn loss_convention(&self) -> &'static str {
        LOSS_CONVENTION
    }

    fn mended(&self) -> Vec<String> {
        mended_in(&self.problem)
    }

    fn to_node(&self) -> Node {
        let problem = &self.problem;
        let settings = &self.settings;
        let mut entries = Vec::new();
        let mut put = |key: &str, value: Node| entries.push((key.to_owned(), value));
        if let Some(name) = &self.name {
            put("name", name.as_str().into());
        }
        put("learning_rate", settings.learning_rate.into());
        put("batch", settings.batch.into());
        put("steps", self.steps.into());
        put("seeds", self.seeds.iter().copied().collect());
        for (key, value) in recipe::entries(&settings.recipe) {
            put(key, value);
        }
        put("precision", settings.precision.word().into());
        let (key, start) = init(&settings.init);
        put(key, start);
        put("data", data(&settings.data));
        if let Some(switch) = settings.switch {
            let entries = [
                ("at_step", switch.at_step.into()),
                ("samples", switch.samples.into()),
            ];
            put("switch", entries.into());
        }
        put("measure", schedule(&self.measure).into());
        put("problem", problem_node(problem));
        Node::Table(entries)
    }
}

fn problem_node(problem: &Problem) -> Node {
    let hidden = &problem.widths()[1..problem.depth()];
    let entries = [
        ("depth", problem.depth().into()),
        ("hidden_widths", hidden.iter().copied().collect()),
        ("input_covariance", matrix(problem.input_covariance())),
        ("teacher", matrix(problem.teacher())),
        ("noise_covariance", matrix(problem.noise_covariance())),
    ];
    entries.into()
}

/// `problem` as a file that `predict`, `flow`, `simulate` and `design` take.
pub fn problem_file_of(problem: &Problem) -> String {
    to_toml(&problem_node(problem))
}

/// `tree` as TOML. Only trees of tables, lists, finite numbers and texts are written.
pub(crate) fn to_toml(tree: &Node) -> String {
    toml::to_string(tree)
        .expect("tables, lists, 63-bit integers, floats and texts have a TOML form")
}

/// The field that says where the weights start, and its value.
pub(crate) fn init(init: &InitialWeights) -> (&'static str, Node) {
    let law = match init {
        InitialWeights::Kaiming { gain } => model::Init::Kaiming { gain: *gain },
        InitialWeights::Xavier { gain } => model::Init::Xavier { gain: *gain },
        InitialWeights::Normal { deviation } => model::Init::Normal {
            deviation: *deviation,
        },
        InitialWeights::Given(weights) => {
            let layers = weights.layers().iter();
            let layers = layers.map(|layer| matrix(layer.as_ref())).collect();
            return ("start_weights", layers);
        }
    };
    ("init", init_node(law))
}

/// The entries of a schedule.
pub(crate) fn schedule(schedule: &Schedule) -> [(&'static str, Node); 3] {
    [
        ("spacing", schedule.spacing.word().into()),
        ("count", schedule.count.into()),
        ("last_fifth", schedule.last_fifth.into()),
    ]
}

/// A table with a `kind`.
pub(crate) fn kind<const N: usize>((word, _): Tagged<'_>, more: [(&str, Node); N]) -> Node {
    let mut entries = vec![("kind".to_owned(), word.into())];
    entries.extend(more.map(|(key, value)| (key.to_owned(), value)));
    Node::Table(entries)
}

fn data(data: &Data) -> Node {
    let source = match data.source {
        SampleSource::Online => kind(ONLINE, []),
        SampleSource::Finite {
            samples,
            replacement,
        } => kind(
            FINITE,
            [
                ("samples", samples.into()),
                ("replacement", replacement.into()),
            ],
        ),
    };
    Node::from([
        ("heteroscedasticity", data.heteroscedasticity.into()),
        ("sample_by_sample", data.sample_by_sample.into()),
        ("source", source),
        ("noise", law(data.noise)),
    ])
}

/// A law of noise.
pub(crate) fn law(noise: NoiseLaw) -> Node {
    match noise {
        NoiseLaw::Gaussian => kind(GAUSSIAN, []),
        NoiseLaw::Laplace => kind(LAPLACE, []),
        NoiseLaw::StudentT { degrees } => kind(STUDENT_T, [("degrees", degrees.into())]),
        NoiseLaw::Uniform => kind(UNIFORM, []),
    }
}
