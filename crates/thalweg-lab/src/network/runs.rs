//! Networks under way: a trainer for each seed, measured on one evaluation set.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use thalweg::data::Samples;
use thalweg::evaluation::Evaluation;
use thalweg::optimizer::Decay;
use thalweg::outcome::Outcome;
use thalweg::simulate::Precision;
use thalweg::tensor::Real;
use thalweg::train::{Interventions, TrainSettings, Trainer, Training, run_together};

use super::NetworkError;
use super::made::Made;
use super::measure::{Effort, On};
use super::observe::{NetworkObservation, observe, preconditioned_lambda_max};
use super::state::NetworkState;
use crate::memory::{self, TooLittle};
use crate::quantity;
use crate::run::{Measurements, RunError, Runnable, Running};
use crate::saved::{NETWORKS, SavedNetwork, check_networks, network_path};
use crate::spec::{EvaluationLabels, NetworkExperiment};
use crate::store::{Fingerprint, RunOutcome, remove, subfolder};

/// Parts that a way is cut into, so that the last seed does not run alone while other cores wait.
const SLICES: u64 = 16;

/// All seeds' trainings.
pub struct NetworkRuns {
    experiment: NetworkExperiment,
    /// For each seed; those that share their data share its memory.
    made: Vec<Made>,
    /// What each is measured on; those that are measured on the same share its memory.
    sets: Vec<Sets>,
    trainers: Trainers,
    step: u64,
}

/// The samples that one run is measured on.
#[derive(Clone)]
struct Sets {
    plain: Set,
    /// The same as the training changes them, where it does.
    as_trained: Option<Set>,
    /// Those of the other side, where `plain` is trained on.
    held_out: Option<Arc<Samples>>,
}

/// One set of samples.
#[derive(Clone)]
struct Set {
    own: Arc<Samples>,
    /// For the fluctuation, where the others have clean labels.
    noisy: Option<Arc<Samples>>,
}

impl Sets {
    fn of(made: &Made) -> Result<Self, NetworkError> {
        let (own, noisy) = (made.samples()?, made.noisy_samples()?);
        let as_trained = made.as_trained(&own).map(|own| Set {
            own,
            noisy: noisy.as_deref().and_then(|noisy| made.as_trained(noisy)),
        });
        Ok(Self {
            plain: Set { own, noisy },
            as_trained,
            held_out: made.held_out()?,
        })
    }

    /// Everything that is measured of the run `made` at `parameters`.
    fn observe(
        &self,
        made: &Made,
        parameters: &[f64],
        preconditioner: Option<&[f64]>,
        products: usize,
    ) -> Result<Option<NetworkObservation>, NetworkError> {
        let seed = made.evaluation_seed();
        type Of = fn(&Made, Arc<Samples>) -> Result<Evaluation, NetworkError>;
        let measure = |set: &Set, evaluation: Of| {
            let noisy = set.noisy.clone();
            let mut noisy = noisy.map(|samples| evaluation(made, samples)).transpose()?;
            let mut evaluation = evaluation(made, Arc::clone(&set.own))?;
            let found = observe(&mut evaluation, noisy.as_mut(), parameters, products, seed)?;
            Ok::<_, NetworkError>((evaluation, found))
        };
        let (mut evaluation, Some(mut observation)) = measure(&self.plain, Made::evaluation)?
        else {
            return Ok(None);
        };
        if let Some(samples) = &self.held_out {
            let loss = made.evaluation(Arc::clone(samples))?.loss(parameters);
            observation.test_loss = Some(loss.map_err(NetworkError::from)?);
        }
        if let Some(set) = &self.as_trained {
            let (trained, found) = measure(set, Made::evaluation_as_trained)?;
            observation.as_trained = found.map(Into::into);
            evaluation = trained;
        }
        if let Some(p) = preconditioner {
            observation.preconditioned_lambda_max =
                preconditioned_lambda_max(&mut evaluation, parameters, p, seed)?;
        }
        Ok(Some(observation))
    }
}

/// Those of each run: of one evaluation set where runs share data and seed of it.
fn sets(experiment: &NetworkExperiment, made: &[Made]) -> Result<Vec<Sets>, NetworkError> {
    let Some(first) = made.first() else {
        return Ok(Vec::new());
    };
    let shared = Sets::of(first)?;
    let differs = experiment.data.source.about().differs_by_run();
    let own = |one: &Made| {
        if differs || one.evaluation_seed() != first.evaluation_seed() {
            return Sets::of(one);
        }
        Ok(shared.clone())
    };
    made.iter().map(own).collect()
}

enum Trainers {
    Single(Vec<Trainer<f32, Interventions>>),
    Double(Vec<Trainer<f64, Interventions>>),
}

impl Runnable for NetworkExperiment {
    type Running = NetworkRuns;

    fn seeds(&self) -> &[u64] {
        &self.seeds
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn measured_steps(&self) -> Vec<u64> {
        self.measure.schedule.steps(self.steps)
    }

    fn start(&self) -> Result<NetworkRuns, RunError> {
        let made = Made::each(self)?;
        self.fits(&made).map_err(NetworkError::from)?;
        let trainers = match self.precision {
            Precision::F32 => Trainers::Single(started(self, &made)?),
            Precision::F64 => Trainers::Double(started(self, &made)?),
        };
        Ok(NetworkRuns::new(self, made, trainers, 0)?)
    }

    fn resume(&self, state: NetworkState) -> Result<NetworkRuns, RunError> {
        let made = Made::each(self)?;
        let trainers = match self.precision {
            Precision::F32 => Trainers::Single(resumed(&state, &made)?),
            Precision::F64 => Trainers::Double(resumed(&state, &made)?),
        };
        Ok(NetworkRuns::new(self, made, trainers, state.step)?)
    }
}

impl NetworkExperiment {
    /// Refuses runs that there is no memory for; they differ in their data alone.
    fn fits(&self, made: &[Made]) -> Result<(), TooLittle> {
        let Some(made) = made.first() else {
            return Ok(());
        };
        memory::fits(
            self.memory(made),
            memory::multiplying(made.training.tape().parameter_count()),
            "fewer seeds, a smaller network or batch, fewer measure.samples or measure.trace_products need less",
        )
    }

    /// Bytes that all runs take, with a measurement of as many of them as there are threads; those of the data themselves
    /// are [`Made::data_memory`].
    pub fn memory(&self, made: &Made) -> u64 {
        let (seeds, threads) = (self.seeds.len(), rayon::current_num_threads());
        let trainings = match self.precision {
            Precision::F32 => made.training.memory::<f32>(seeds, threads),
            Precision::F64 => made.training.memory::<f64>(seeds, threads),
        };
        let at_once = seeds.min(threads);
        let effort = Effort {
            eigenpairs: 1,
            trace_products: self.measure.trace_products,
            density_probes: 0,
            density_steps: 0,
            landscape: false,
        };
        let measured = made.memory(self.measure.samples, effort, threads.div_ceil(at_once));
        // The fluctuation has an evaluation of its own where labels are clean.
        let sets = match self.measure.labels {
            EvaluationLabels::Noisy => 1,
            EvaluationLabels::Clean => 2,
        };
        // So has the loss that is descended, where it is another.
        let sets = sets * if self.changes_the_loss() { 2 } else { 1 };
        let sets = sets + u64::from(self.measure.on == On::Train);
        let rows = self.measured_steps().len() * seeds * quantity::kept().len();
        [
            (at_once as u64 * sets).saturating_mul(measured),
            Measurements::memory(rows),
        ]
        .into_iter()
        .fold(trainings, u64::saturating_add)
    }
}

fn started<T: Real>(
    experiment: &NetworkExperiment,
    made: &[Made],
) -> Result<Vec<Trainer<T, Interventions>>, NetworkError> {
    let start = |(seed, made): (&u64, &Made)| {
        let weights = experiment.init.weights(made.training.tape(), *seed);
        Ok(Trainer::start(&made.training, &weights, *seed)?)
    };
    experiment.seeds.iter().zip(made).map(start).collect()
}

fn resumed<T: Real>(
    state: &NetworkState,
    made: &[Made],
) -> Result<Vec<Trainer<T, Interventions>>, NetworkError> {
    let snapshots = state.runs.iter();
    let resume = |(snapshot, made): (_, &Made)| Ok(Trainer::resume(&made.training, snapshot)?);
    snapshots.zip(made).map(resume).collect()
}

impl NetworkRuns {
    fn new(
        experiment: &NetworkExperiment,
        made: Vec<Made>,
        trainers: Trainers,
        step: u64,
    ) -> Result<Self, NetworkError> {
        Ok(Self {
            sets: sets(experiment, &made)?,
            experiment: experiment.clone(),
            made,
            trainers,
            step,
        })
    }

    /// Seed, outcome and parameters of each run.
    fn runs(&self) -> Vec<(u64, Outcome, Vec<f64>)> {
        match &self.trainers {
            Trainers::Single(trainers) => trainers.iter().map(run).collect(),
            Trainers::Double(trainers) => trainers.iter().map(run).collect(),
        }
    }

    /// What each run's optimiser divides by, if it does.
    fn preconditioners(&self) -> Vec<Option<Vec<f64>>> {
        match &self.trainers {
            Trainers::Single(trainers) => trainers.iter().map(Trainer::preconditioner).collect(),
            Trainers::Double(trainers) => trainers.iter().map(Trainer::preconditioner).collect(),
        }
    }
}

fn run<T: Real>(trainer: &Trainer<T, Interventions>) -> (u64, Outcome, Vec<f64>) {
    let parameters = trainer.parameters().iter().map(|x| x.to_f64()).collect();
    (trainer.seed(), trainer.outcome(), parameters)
}

impl Running for NetworkRuns {
    type State = NetworkState;

    fn step(&self) -> u64 {
        self.step
    }

    fn run_to(&mut self, step: u64) {
        let slice = step.saturating_sub(self.step).div_ceil(SLICES).max(1);
        let alike = !self.experiment.data.source.about().differs_by_run();
        match &mut self.trainers {
            Trainers::Single(trainers) => run_all(&self.made, alike, trainers, step, slice),
            Trainers::Double(trainers) => run_all(&self.made, alike, trainers, step, slice),
        }
        self.step = step;
    }

    fn measure(&mut self, measurements: &mut Measurements) -> Result<(), RunError> {
        let products = self.experiment.measure.trace_products;
        let observed: Vec<_> = self
            .runs()
            .into_par_iter()
            .zip(self.preconditioners())
            .zip(self.made.par_iter().zip(&self.sets))
            .filter(|(((_, outcome, _), _), _)| *outcome == Outcome::Running)
            .map(|(((seed, _, parameters), preconditioner), (made, sets))| {
                let divided_by = preconditioner.as_deref();
                let observation = sets.observe(made, &parameters, divided_by, products)?;
                Ok((seed, observation))
            })
            .collect::<Result<_, NetworkError>>()?;
        let slow_time = slow_time(&self.experiment.settings, self.step);
        for (seed, observation) in observed {
            for (quantity, value) in observation.iter().flat_map(|o| o.quantities()) {
                measurements.push(seed, self.step, slow_time, &quantity, value);
            }
        }
        Ok(())
    }

    fn state(&self) -> NetworkState {
        let runs = match &self.trainers {
            Trainers::Single(trainers) => trainers.iter().map(Trainer::snapshot).collect(),
            Trainers::Double(trainers) => trainers.iter().map(Trainer::snapshot).collect(),
        };
        NetworkState {
            step: self.step,
            runs,
        }
    }

    fn data(&self) -> Option<&Fingerprint> {
        self.made.first().and_then(|made| made.data.as_ref())
    }

    fn outcomes(&self) -> Vec<RunOutcome> {
        let runs = self.runs().into_iter();
        runs.map(|(seed, outcome, _)| RunOutcome::new(seed, outcome))
            .collect()
    }

    fn check_kept(&self, directory: &Path) -> Result<(), RunError> {
        Ok(check_networks(directory).map_err(NetworkError::from)?)
    }

    fn keep(&self, directory: &Path) -> Result<(), RunError> {
        subfolder(directory, NETWORKS)?;
        for (seed, outcome, parameters) in self.runs() {
            let path = network_path(directory, seed);
            if outcome == Outcome::Running {
                let network = SavedNetwork {
                    experiment: self.experiment.clone(),
                    seed: Some(seed),
                    step: Some(self.step),
                    data: self.data().map(Fingerprint::text),
                    parameters,
                    notes: Vec::new(),
                };
                network.write(&path).map_err(NetworkError::from)?;
            } else if path.exists() {
                // Of a shorter run, which had not diverged yet.
                remove(&path)?;
            }
        }
        Ok(())
    }
}

/// Runs every trainer to `step`, a slice at a time and in turn, on all cores; in lanes where all are `alike`.
fn run_all<T: Real>(
    made: &[Made],
    alike: bool,
    trainers: &mut [Trainer<T, Interventions>],
    step: u64,
    slice: u64,
) {
    // Not so many side by side that a core has none.
    let each = trainers.len().div_ceil(rayon::current_num_threads());
    let count = match made.first() {
        // Lanes ask one teacher.
        Some(first) if alike => first.training.lanes::<T>(each),
        _ => 1,
    };
    rayon::scope_fifo(|scope| {
        for (group, made) in trainers.chunks_mut(count).zip(made.chunks(count)) {
            let training = &made[0].training;
            scope.spawn_fifo(move |scope| advance(training, group, step, slice, scope));
        }
    });
}

/// Makes one slice of a group's way, and puts the rest behind the others' slices.
fn advance<'s, T: Real>(
    training: &'s Training<Interventions>,
    group: &'s mut [Trainer<T, Interventions>],
    step: u64,
    slice: u64,
    scope: &rayon::ScopeFifo<'s>,
) {
    let going =
        |run: &&Trainer<T, Interventions>| run.outcome() == Outcome::Running && run.step() < step;
    if let Some(run) = group.iter().find(going) {
        let next = step.min(run.step() + slice);
        run_together(training, group, next);
        scope.spawn_fifo(move |scope| advance(training, group, step, slice, scope));
    }
}

/// u = Σ η_s²/B over the steps s made: η² t/B for a constant η.
pub(crate) fn slow_time(settings: &TrainSettings<Interventions>, step: u64) -> f64 {
    let rate = settings.optimizer.learning_rate();
    let squares = if rate.warmup <= 1 && rate.decay == Decay::None {
        rate.base.powi(2) * step as f64
    } else {
        (0..step).map(|s| rate.at(s).powi(2)).sum()
    };
    squares / settings.batch as f64
}

#[cfg(test)]
#[path = "runs_tests.rs"]
mod tests;
