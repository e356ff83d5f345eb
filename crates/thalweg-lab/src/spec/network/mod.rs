//! An experiment on a network: what is trained on what, by which steps, and how it is measured.

mod architecture;
mod data;
mod interventions;
mod seed_rule;
mod words;

use thalweg::data::Place;
use thalweg::loss::{Convention, Loss};
use thalweg::model::{Dropout, Init, Network};
use thalweg::optimizer::{Decay, RateSchedule};
use thalweg::simulate::Precision;
use thalweg::train::{Interventions, Switch, TrainSettings};

pub(crate) use architecture::{Ends, MLP, family, hidden, with_hidden};
pub use data::NetworkData;
pub use seed_rule::SeedRule;

use super::error::Fault;
use super::experiment::{default_seeds, missing, schedule, seeds, switch};
use super::field::{Field, Tagged};
use super::init::{self, init};
use super::node::Node;
use super::problem::{batch, learning_rate, name};
use super::resolved::{kind, schedule as schedule_node, to_toml};
use super::schedule::Schedule;
use super::specification::Specification;
use super::word::Word;
use crate::network::On;
use crate::sources::NetworkSource;
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
    /// η and its schedule, B, what is added to SGD, and the change to full-batch gradient descent.
    pub settings: TrainSettings<Interventions>,
    /// Which of the network's units are dropped in training.
    pub dropout: Dropout,
    /// Where the weights start; biases start at 0.
    pub init: Init,
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
    /// Which samples: those that are not trained on, or those that are, as they are. Of the latter, the loss on the former
    /// is measured beside ([`TEST_LOSS`](crate::quantity::TEST_LOSS)).
    pub on: On,
    /// Samples of the evaluation set, which is the same at all steps of a run; [`SAMPLES`] stands for as many as there are where they are fewer.
    pub samples: usize,
    /// Of the evaluation set and of random probes: one for all runs, or each its own.
    pub seed: SeedRule,
    /// What the samples are labelled with.
    pub labels: EvaluationLabels,
    /// Products with the Hessian that its trace may take where there is no exact way to it.
    pub trace_products: usize,
}

/// The labels of an evaluation set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvaluationLabels {
    /// With noise, as the runs see them.
    Noisy,
    /// The teacher's own for loss, curvature and mean gradient, which then are their means over label noise; the
    /// fluctuation alone is that of noisy labels.
    Clean,
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
    "warmup",
    "decay",
    "momentum",
    "weight_decay",
    "precision",
    "init",
    "switch",
    "measure",
];

/// Who resolved a specification, and what it was saved with: not the experiment's.
const IGNORED: &[&str] = &["provenance", "saved"];

/// The samples of an evaluation set where no number is given, or all where there are fewer.
pub const SAMPLES: usize = 1000;

/// The least samples of an evaluation set.
pub const LEAST_SAMPLES: usize = 2;

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

impl NetworkExperiment {
    /// Whether the loss that is descended is another than the plain one.
    pub fn changes_the_loss(&self) -> bool {
        self.settings.optimizer.change_the_loss() || self.dropout != Dropout::default()
    }
}

impl Specification for NetworkExperiment {
    const TABLE: &'static str = "network";

    fn read(root: &Field<'_>) -> Result<Self, Fault> {
        let linear = ["problem", "input_covariance"];
        let linear = linear.into_iter().find(|key| root.optional(key).is_some());
        if let (Some(field), None) = (linear, root.optional("network")) {
            return Err(Fault::OtherKind {
                field,
                what: "a deep linear network's problem",
                commands: "`thalweg predict`, `flow` or `simulate`",
            });
        }
        root.only_besides(&[FIELDS, interventions::FIELDS].concat(), IGNORED)?;
        let data_field = root.required("data", "a table that says where samples come from")?;
        let network = network(
            &root.required("network", "a table that describes what is trained")?,
            ends(&data_field)?,
        )?;
        let loss = loss(&root.required("loss", "squared-error or cross-entropy")?)?;
        let place = match loss {
            Loss::SquaredError(_) => Place::Targets,
            Loss::CrossEntropy | Loss::MeanCrossEntropy => Place::Logits,
        };
        let mut data = data(&data_field, &network, place)?;
        if let (NetworkSource::Table(table), Place::Logits) = (&mut data.source, place) {
            table.shares = !table.columns.classes;
        }
        let measure = measure(root.optional("measure").as_ref(), loss, &data)?;
        Ok(Self {
            name: name(root)?,
            settings: settings(root, &data, loss)?,
            dropout: interventions::dropout(root, &network)?,
            data,
            network,
            loss,
            init: root
                .optional("init")
                .map_or(Ok(Init::Kaiming { gain: 1.0 }), |f| init(&f))?,
            precision: root
                .optional("precision")
                .map_or(Ok(Precision::F64), |f| Precision::read(&f))?,
            seeds: root
                .optional("seeds")
                .map_or(Ok(default_seeds()), |f| seeds(&f))?,
            steps: root.required("steps", "the number of steps")?.count()?,
            measure,
        })
    }

    fn loss_convention(&self) -> &'static str {
        self.loss_words()
    }

    fn to_node(&self) -> Node {
        let mut entries = Vec::new();
        let mut put = |key: &str, value: Node| entries.push((key.to_owned(), value));
        if let Some(name) = &self.name {
            put("name", name.as_str().into());
        }
        let rate = self.settings.optimizer.learning_rate();
        put("learning_rate", rate.base.into());
        put("batch", self.settings.batch.into());
        put("steps", self.steps.into());
        put("seeds", self.seeds.iter().copied().collect());
        put("warmup", rate.warmup.into());
        put("decay", decay_node(rate.decay));
        for (key, value) in interventions::entries(&self.settings.optimizer, self.dropout) {
            put(key, value);
        }
        put("precision", self.precision.word().into());
        put("init", init::to_node(self.init));
        put("loss", loss_node(self.loss));
        if let Some(switch) = self.settings.switch {
            let entries = [
                ("at_step", switch.at_step.into()),
                ("samples", switch.samples.into()),
            ];
            put("switch", entries.into());
        }
        let [spacing, count, last_fifth] = schedule_node(&self.measure.schedule);
        let measure = [
            spacing,
            count,
            last_fifth,
            ("on", self.measure.on.word().into()),
            ("samples", self.measure.samples.into()),
            ("seed", self.measure.seed.to_node()),
            ("labels", self.measure.labels.word().into()),
            ("trace_products", self.measure.trace_products.into()),
        ];
        put("measure", measure.into());
        put("network", architecture::to_node(&self.network));
        put("data", data::to_node(&self.data));
        Node::Table(entries)
    }
}

fn settings(
    root: &Field<'_>,
    data: &NetworkData,
    loss: Loss,
) -> Result<TrainSettings<Interventions>, Fault> {
    let learning_rate = RateSchedule {
        base: learning_rate(root)?.ok_or_else(|| missing("learning_rate", "η > 0"))?,
        warmup: root.optional("warmup").map_or(Ok(0), |f| f.count())?,
        decay: root
            .optional("decay")
            .map_or(Ok(Decay::None), |f| decay(&f))?,
    };
    let switch = root
        .optional("switch")
        .map(|f| fixed_batch(&f))
        .transpose()?;
    let context = interventions::Context { data, loss, switch };
    Ok(TrainSettings {
        optimizer: interventions::interventions(root, learning_rate, &context)?,
        batch: match batch(root)? {
            None => return Err(missing("batch", "the number of samples in a minibatch")),
            Some(batch) if batch > MOST_SAMPLES => {
                let field = root.required("batch", "")?;
                return Err(field.not(format!("a batch of at most {MOST_SAMPLES} samples")));
            }
            Some(batch) => batch,
        },
        switch,
    })
}

/// The change to a fixed batch, which must fit in memory.
fn fixed_batch(field: &Field<'_>) -> Result<Switch, Fault> {
    let switch = switch(field)?;
    if !(1..=MOST_SAMPLES).contains(&switch.samples) {
        let samples = field.required("samples", "")?;
        return Err(samples.not(format!("a batch of 1 to {MOST_SAMPLES} samples")));
    }
    Ok(Switch {
        at_step: switch.at_step,
        samples: switch.samples,
    })
}

const CONSTANT: Tagged<'_> = ("none", &[]);
const COSINE: Tagged<'_> = ("cosine", &["steps", "floor"]);
const IN_STEPS: Tagged<'_> = ("steps", &["every", "factor"]);

/// How η falls after its warm-up.
fn decay(field: &Field<'_>) -> Result<Decay, Fault> {
    Ok(match field.kind(&[CONSTANT, COSINE, IN_STEPS])? {
        CONSTANT => Decay::None,
        COSINE => Decay::Cosine {
            steps: field
                .required("steps", "the length of the half cosine in steps")?
                .count()?,
            floor: field.optional("floor").map_or(Ok(0.0), |f| f.number())?,
        },
        _ => Decay::Steps {
            every: field
                .required("every", "the number of steps between falls")?
                .count()?,
            factor: field
                .required("factor", "what η is multiplied by")?
                .number()?,
        },
    })
}

fn decay_node(decay: Decay) -> Node {
    match decay {
        Decay::None => kind(CONSTANT, []),
        Decay::Cosine { steps, floor } => {
            kind(COSINE, [("steps", steps.into()), ("floor", floor.into())])
        }
        Decay::Steps { every, factor } => kind(
            IN_STEPS,
            [("every", every.into()), ("factor", factor.into())],
        ),
    }
}

const SQUARED_ERROR: Tagged<'_> = ("squared-error", &["convention"]);
const CROSS_ENTROPY: Tagged<'_> = ("cross-entropy", &["positions"]);
/// What cross-entropy does with the positions of a sequence.
const SUMMED: &str = "sum";
const AVERAGED: &str = "mean";

fn loss(field: &Field<'_>) -> Result<Loss, Fault> {
    if field.kind(&[SQUARED_ERROR, CROSS_ENTROPY])? == CROSS_ENTROPY {
        let Some(positions) = field.optional("positions") else {
            return Ok(Loss::CrossEntropy);
        };
        return match positions.text()? {
            SUMMED => Ok(Loss::CrossEntropy),
            AVERAGED => Ok(Loss::MeanCrossEntropy),
            _ => Err(positions.not(format!("\"{SUMMED}\" or \"{AVERAGED}\""))),
        };
    }
    let convention = match field.optional("convention") {
        None => Convention::Half,
        Some(convention) => Convention::read(&convention)?,
    };
    Ok(Loss::SquaredError(convention))
}

fn loss_node(loss: Loss) -> Node {
    match loss {
        Loss::CrossEntropy => kind(CROSS_ENTROPY, []),
        Loss::MeanCrossEntropy => kind(CROSS_ENTROPY, [("positions", AVERAGED.into())]),
        Loss::SquaredError(convention) => {
            kind(SQUARED_ERROR, [("convention", convention.word().into())])
        }
    }
}

fn measure(
    field: Option<&Field<'_>>,
    loss: Loss,
    data: &NetworkData,
) -> Result<NetworkMeasure, Fault> {
    let default = NetworkMeasure {
        schedule: Schedule {
            count: 30,
            ..Schedule::default()
        },
        on: On::Test,
        samples: SAMPLES,
        seed: SeedRule::Shared(0),
        labels: EvaluationLabels::Noisy,
        trace_products: 100,
    };
    let Some(field) = field else {
        return Ok(default);
    };
    field.only(&[
        "spacing",
        "count",
        "last_fifth",
        "on",
        "samples",
        "seed",
        "labels",
        "trace_products",
    ])?;
    Ok(NetworkMeasure {
        schedule: schedule(field, default.schedule)?,
        on: field
            .optional("on")
            .map_or(Ok(default.on), |f| on(&f, data))?,
        samples: match field.optional("samples") {
            None => default.samples,
            Some(samples) => match samples.size()? {
                found @ LEAST_SAMPLES..=MOST_SAMPLES => found,
                _ => {
                    return Err(samples.not(format!(
                        "a number of samples from {LEAST_SAMPLES} to {MOST_SAMPLES}"
                    )));
                }
            },
        },
        seed: SeedRule::read(field.optional("seed"))?,
        labels: field
            .optional("labels")
            .map_or(Ok(default.labels), |f| labels(&f, loss))?,
        trace_products: match field.optional("trace_products") {
            None => default.trace_products,
            Some(products) => match products.size()? {
                found @ 4..=1_000_000 => found,
                _ => return Err(products.not("a number of products from 4 to 1000000")),
            },
        },
    })
}

/// Which samples are measured on. A stream is never trained on twice.
fn on(field: &Field<'_>, data: &NetworkData) -> Result<On, Fault> {
    match (On::read(field)?, &data.source) {
        (On::Train, NetworkSource::Teacher(_)) => Err(field.not(
            "\"test\" (a teacher's samples are fresh at each step: there is no set of them that is trained on)",
        )),
        (on, _) => Ok(on),
    }
}

/// The labels of the evaluation set. Curvature is linear in labels for squared error alone.
fn labels(field: &Field<'_>, loss: Loss) -> Result<EvaluationLabels, Fault> {
    match EvaluationLabels::read(field)? {
        EvaluationLabels::Clean if loss.is_cross_entropy() => Err(field.not(
            "\"noisy\" (with cross-entropy, labels without noise are not the mean of those with noise)",
        )),
        labels => Ok(labels),
    }
}
