//! An experiment on a network: what is trained on what, by which steps, and how it is measured.

mod architecture;
mod data;

use thalweg::loss::{Convention, Loss};
use thalweg::model::Network;
use thalweg::simulate::{Init, Precision, Switch};

pub use data::{NetworkData, NetworkNoise, NetworkSource, NoisePlace};

use super::error::Fault;
use super::experiment::{default_seeds, init, missing, precision, schedule, seeds, switch};
use super::field::Field;
use super::node::Node;
use super::problem::{batch, learning_rate, name};
use super::resolved::{kind, precision as precision_name, schedule as schedule_node, to_toml};
use super::schedule::Schedule;
use super::specification::Specification;
use architecture::network;
use data::{data, ends};

/// Everything that fixes the numbers of a network's training, and of what is measured on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkExperiment {
    /// What the file calls it.
    pub name: Option<String>,
    /// What is trained.
    pub network: Network,
    /// On which loss.
    pub loss: Loss,
    /// On which samples.
    pub data: NetworkData,
    /// η > 0, before its schedule.
    pub learning_rate: f64,
    /// B ≥ 1.
    pub batch: usize,
    /// Heavy-ball momentum in [0, 1).
    pub momentum: f64,
    /// λ ≥ 0, added to the gradient as λ θ.
    pub weight_decay: f64,
    /// Where the weights start; biases start at 0.
    pub init: Init,
    /// Change to full-batch gradient descent on a fixed batch, if wanted.
    pub switch: Option<Switch>,
    /// The arithmetic of training; measurements are made in double precision always.
    pub precision: Precision,
    /// One run for each; at least one, all different, all below 2⁶³.
    pub seeds: Vec<u64>,
    /// Steps of each run.
    pub steps: u64,
    /// When and how the runs are measured.
    pub measure: NetworkMeasure,
}

/// When a network is measured, and on what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NetworkMeasure {
    /// The measured steps.
    pub schedule: Schedule,
    /// Samples of the evaluation set, which is the same for all seeds and steps.
    pub samples: usize,
    /// Of the evaluation set and of random probes.
    pub seed: u64,
}

const FIELDS: &[&str] = &[
    "name",
    "network",
    "loss",
    "data",
    "learning_rate",
    "batch",
    "steps",
    "seeds",
    "momentum",
    "weight_decay",
    "precision",
    "init",
    "switch",
    "measure",
];

/// Who resolved a specification, and what it was saved with: not the experiment's.
const IGNORED: &[&str] = &["provenance", "saved"];

/// The most samples of a batch or of an evaluation set.
const MOST_SAMPLES: usize = 1 << 20;

impl NetworkExperiment {
    /// The experiment as a specification file in TOML, with every default spelled out.
    ///
    /// Reading it gives the same experiment, to the last bit of every number.
    pub fn to_toml(&self) -> String {
        to_toml(&self.to_node())
    }
}

impl Specification for NetworkExperiment {
    const TABLE: &'static str = "network";

    fn read(root: &Field<'_>) -> Result<Self, Fault> {
        root.only_besides(FIELDS, IGNORED)?;
        let data_field = root.required("data", "a table that says where samples come from")?;
        let network = network(
            &root.required("network", "a table that describes what is trained")?,
            ends(&data_field)?,
        )?;
        let loss = loss(&root.required("loss", "squared-error or cross-entropy")?)?;
        let place = match loss {
            Loss::SquaredError(_) => NoisePlace::Targets,
            Loss::CrossEntropy => NoisePlace::Logits,
        };
        let number = |key, default| root.optional(key).map_or(Ok(default), |f| f.number());
        Ok(Self {
            name: name(root)?,
            data: data(&data_field, &network, place)?,
            network,
            loss,
            learning_rate: learning_rate(root)?.ok_or_else(|| missing("learning_rate", "η > 0"))?,
            batch: match batch(root)? {
                None => return Err(missing("batch", "the number of samples in a minibatch")),
                Some(batch) if batch > MOST_SAMPLES => {
                    let field = root.required("batch", "")?;
                    return Err(field.not(format!("a batch of at most {MOST_SAMPLES} samples")));
                }
                Some(batch) => batch,
            },
            momentum: number("momentum", 0.0)?,
            weight_decay: number("weight_decay", 0.0)?,
            init: root
                .optional("init")
                .map_or(Ok(Init::Kaiming { gain: 1.0 }), |f| init(&f))?,
            switch: root.optional("switch").map(|f| switch(&f)).transpose()?,
            precision: root
                .optional("precision")
                .map_or(Ok(Precision::F64), |f| precision(&f))?,
            seeds: root
                .optional("seeds")
                .map_or(Ok(default_seeds()), |f| seeds(&f))?,
            steps: root.required("steps", "the number of steps")?.count()?,
            measure: measure(root.optional("measure").as_ref())?,
        })
    }

    fn to_node(&self) -> Node {
        let mut entries = Vec::new();
        let mut put = |key: &str, value: Node| entries.push((key.to_owned(), value));
        if let Some(name) = &self.name {
            put("name", name.as_str().into());
        }
        put("learning_rate", self.learning_rate.into());
        put("batch", self.batch.into());
        put("steps", self.steps.into());
        put("seeds", self.seeds.iter().copied().collect());
        put("momentum", self.momentum.into());
        put("weight_decay", self.weight_decay.into());
        put("precision", precision_name(self.precision).into());
        let (key, start) = super::resolved::init(&self.init);
        put(key, start);
        put("loss", loss_node(self.loss));
        if let Some(switch) = self.switch {
            let entries = [
                ("at_step", switch.at_step.into()),
                ("samples", switch.samples.into()),
            ];
            put("switch", entries.into());
        }
        let [spacing, count] = schedule_node(&self.measure.schedule);
        let measure = [
            spacing,
            count,
            ("samples", self.measure.samples.into()),
            ("seed", self.measure.seed.into()),
        ];
        put("measure", measure.into());
        put("network", architecture::to_node(&self.network));
        put("data", data::to_node(&self.data));
        Node::Table(entries)
    }
}

fn loss(field: &Field<'_>) -> Result<Loss, Fault> {
    let kinds = [
        ("squared-error", &["convention"][..]),
        ("cross-entropy", &[]),
    ];
    if field.kind(&kinds)? == "cross-entropy" {
        return Ok(Loss::CrossEntropy);
    }
    let convention = match field.optional("convention") {
        None => Convention::Half,
        Some(convention) => match convention.kind(&[("half", &[]), ("mean", &[])])? {
            "half" => Convention::Half,
            _ => Convention::Mean,
        },
    };
    Ok(Loss::SquaredError(convention))
}

fn loss_node(loss: Loss) -> Node {
    match loss {
        Loss::CrossEntropy => kind("cross-entropy", []),
        Loss::SquaredError(convention) => {
            let convention = match convention {
                Convention::Half => "half",
                Convention::Mean => "mean",
            };
            kind("squared-error", [("convention", convention.into())])
        }
    }
}

fn measure(field: Option<&Field<'_>>) -> Result<NetworkMeasure, Fault> {
    let default = NetworkMeasure {
        schedule: Schedule {
            count: 30,
            ..Schedule::default()
        },
        samples: 1000,
        seed: 0,
    };
    let Some(field) = field else {
        return Ok(default);
    };
    field.only(&["spacing", "count", "samples", "seed"])?;
    Ok(NetworkMeasure {
        schedule: schedule(field, default.schedule)?,
        samples: match field.optional("samples") {
            None => default.samples,
            Some(samples) => match samples.size()? {
                found @ 2..=MOST_SAMPLES => found,
                _ => {
                    return Err(
                        samples.not(format!("a number of samples from 2 to {MOST_SAMPLES}"))
                    );
                }
            },
        },
        seed: field.optional("seed").map_or(Ok(0), |f| f.count())?,
    })
}
