//! An experiment: a problem, how SGD is run on it, with which seeds, and when it is measured.

use thalweg::model;
use thalweg::problem::Problem;
/// The law of the samples that SGD is run on.
pub use thalweg::simulate::Data;
use thalweg::simulate::{
    InitialWeights, NoiseLaw, Precision, SampleSource, SimulateSettings, Switch,
};

use super::error::Fault;
use super::field::{Field, Tagged};
use super::init::init;
use super::problem::{batch, learning_rate, name, problem_and_start};
use super::recipe::recipe;
use super::schedule::{Schedule, Spacing};
use super::word::Word;

/// Everything that fixes the numbers of a simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// What the file calls it.
    pub name: Option<String>,
    /// (Σx, V, Σε, D, widths).
    pub problem: Problem,
    /// η, B and all that a step depends on.
    pub settings: SimulateSettings,
    /// One run for each; at least one, all different, all below 2⁶³.
    pub seeds: Vec<u64>,
    /// Steps of each run.
    pub steps: u64,
    /// When the runs are measured.
    pub measure: Schedule,
}

impl Experiment {
    /// How SGD is run, without a switch that would come after the last step.
    pub fn settings_to_the_end(&self) -> SimulateSettings {
        let mut settings = self.settings.clone();
        settings.switch = settings.switch.filter(|s| s.at_step < self.steps);
        settings
    }
}

/// The fields of an experiment beside its problem's.
pub(crate) const EXPERIMENT_FIELDS: &[&str] = &[
    "learning_rate",
    "batch",
    "steps",
    "seeds",
    "precision",
    "init",
    "data",
    "switch",
    "measure",
];

/// The most runs in one experiment.
const MOST_SEEDS: u64 = 1 << 20;

/// What the whole file `root` says of an experiment.
pub(crate) fn experiment(root: &Field<'_>) -> Result<Experiment, Fault> {
    let (problem, start) = problem_and_start(root)?;
    let init = match (root.optional("init"), start) {
        (Some(init), Some(_)) => {
            return Err(Fault::Conflict {
                first: init.path().to_owned(),
                second: "start_weights".to_owned(),
            });
        }
        (Some(field), None) => simulated(init(&field)?),
        (None, Some(weights)) => InitialWeights::Given(weights),
        (None, None) => InitialWeights::Kaiming { gain: 1.0 },
    };
    let settings = SimulateSettings {
        learning_rate: learning_rate(root)?.ok_or_else(|| missing("learning_rate", "η > 0"))?,
        batch: batch(root)?
            .ok_or_else(|| missing("batch", "the number of samples in a minibatch"))?,
        recipe: recipe(root)?,
        precision: root
            .optional("precision")
            .map_or(Ok(Precision::F64), |f| Precision::read(&f))?,
        init,
        data: data(root)?,
        switch: root.optional("switch").map(|f| switch(&f)).transpose()?,
    };
    Ok(Experiment {
        name: name(root)?,
        problem,
        settings,
        seeds: root
            .optional("seeds")
            .map_or(Ok(default_seeds()), |f| seeds(&f))?,
        steps: root.required("steps", "the number of steps")?.count()?,
        measure: root
            .optional("measure")
            .map_or(Ok(Schedule::default()), |f| {
                f.only(&["spacing", "count", "last_fifth"])?;
                schedule(&f, Schedule::default())
            })?,
    })
}

/// The law of the weights at step 0, if given in `init` of `root`.
///
/// # Errors
/// When it is none.
pub fn initial_weights(root: &Field<'_>) -> Result<Option<InitialWeights>, Fault> {
    let field = root.optional("init");
    let law = field.map(|field| init(&field)).transpose()?;
    Ok(law.map(simulated))
}

/// The error that `field` is not given.
pub(crate) fn missing(field: &str, needed: &str) -> Fault {
    Fault::Missing {
        field: field.to_owned(),
        needed: needed.to_owned(),
    }
}

/// The seeds of an experiment that names none: five trials, as in the paper.
pub fn default_seeds() -> Vec<u64> {
    (0..5).collect()
}

/// A number of seeds, 0, 1, 2, …, or a list of them.
pub(crate) fn seeds(field: &Field<'_>) -> Result<Vec<u64>, Fault> {
    let Ok(items) = field.list("") else {
        return match field.count()? {
            count @ 1..=MOST_SEEDS => Ok((0..count).collect()),
            _ => Err(field.not(format!("a number of seeds from 1 to {MOST_SEEDS}"))),
        };
    };
    if !(1..=MOST_SEEDS).contains(&(items.len() as u64)) {
        return Err(field.not(format!("a list of 1 to {MOST_SEEDS} seeds")));
    }
    let mut taken = std::collections::HashSet::new();
    let mut seeds = Vec::with_capacity(items.len());
    for item in &items {
        let seed = item.count()?;
        if !taken.insert(seed) {
            return Err(item.not("a seed that is not yet in the list"));
        }
        seeds.push(seed);
    }
    Ok(seeds)
}

/// The law as the simulator names it.
fn simulated(init: model::Init) -> InitialWeights {
    match init {
        model::Init::Kaiming { gain } => InitialWeights::Kaiming { gain },
        model::Init::Xavier { gain } => InitialWeights::Xavier { gain },
        model::Init::Normal { deviation } => InitialWeights::Normal { deviation },
    }
}

/// The law of the samples, which `data` of `root` gives.
pub(crate) fn data(root: &Field<'_>) -> Result<Data, Fault> {
    let default = Data::default();
    let Some(field) = root.optional("data") else {
        return Ok(default);
    };
    field.only(&["source", "noise", "heteroscedasticity", "sample_by_sample"])?;
    Ok(Data {
        source: field
            .optional("source")
            .map_or(Ok(default.source), |f| source(&f))?,
        noise: field
            .optional("noise")
            .map_or(Ok(default.noise), |f| noise_law(&f))?,
        heteroscedasticity: field
            .optional("heteroscedasticity")
            .map_or(Ok(default.heteroscedasticity), |f| f.number())?,
        sample_by_sample: field
            .optional("sample_by_sample")
            .map_or(Ok(default.sample_by_sample), |f| f.flag())?,
    })
}

pub(super) const ONLINE: Tagged<'_> = ("online", &[]);
pub(super) const FINITE: Tagged<'_> = ("finite", &["samples", "replacement"]);

fn source(field: &Field<'_>) -> Result<SampleSource, Fault> {
    Ok(match field.kind(&[ONLINE, FINITE])? {
        ONLINE => SampleSource::Online,
        _ => SampleSource::Finite {
            samples: field
                .required("samples", "the size of the data set")?
                .size()?,
            replacement: field
                .optional("replacement")
                .map_or(Ok(false), |f| f.flag())?,
        },
    })
}

pub(super) const GAUSSIAN: Tagged<'_> = ("gaussian", &[]);
pub(super) const LAPLACE: Tagged<'_> = ("laplace", &[]);
pub(super) const STUDENT_T: Tagged<'_> = ("student-t", &["degrees"]);
pub(super) const UNIFORM: Tagged<'_> = ("uniform", &[]);

/// The law of noise, but for its covariance.
pub(crate) fn noise_law(field: &Field<'_>) -> Result<NoiseLaw, Fault> {
    Ok(
        match field.kind(&[GAUSSIAN, LAPLACE, STUDENT_T, UNIFORM])? {
            GAUSSIAN => NoiseLaw::Gaussian,
            LAPLACE => NoiseLaw::Laplace,
            UNIFORM => NoiseLaw::Uniform,
            _ => NoiseLaw::StudentT {
                degrees: field
                    .required("degrees", "the degrees of freedom ν > 2")?
                    .number()?,
            },
        },
    )
}

/// When to change to a fixed batch.
pub(crate) fn switch(field: &Field<'_>) -> Result<Switch, Fault> {
    field.only(&["at_step", "samples"])?;
    Ok(Switch {
        at_step: field
            .required("at_step", "the first step on the fixed batch")?
            .count()?,
        samples: field
            .required("samples", "the size of the fixed batch")?
            .size()?,
    })
}

/// The spacing and count in `field`, or what `default` has of them.
pub(crate) fn schedule(field: &Field<'_>, default: Schedule) -> Result<Schedule, Fault> {
    let spacing = match field.optional("spacing") {
        None => default.spacing,
        Some(spacing) => Spacing::read(&spacing)?,
    };
    let count = match field.optional("count") {
        None => default.count,
        Some(count) => match count.size()? {
            found @ 2..=1_000_000 => found,
            _ => return Err(count.not("a number of measured steps from 2 to 1000000")),
        },
    };
    let last_fifth = match field.optional("last_fifth") {
        None => default.last_fifth,
        Some(distances) => match distances.size()? {
            found @ 0..=1_000_000 => found,
            _ => return Err(distances.not("a number of distances from 0 to 1000000")),
        },
    };
    Ok(Schedule {
        spacing,
        count,
        last_fifth,
    })
}
