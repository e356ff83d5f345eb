//! `thalweg measure`: everything that is to be known of a saved network at its point.

use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;
use serde_json::json;
use thalweg_lab::network::{self, Effort, NetworkError, NetworkMeasurement};
use thalweg_lab::saved::{SavedError, SavedNetwork, networks_of, same_run};
use thalweg_lab::spec::{NetworkExperiment, read_experiment};

use super::measured;
use crate::arguments::count;
use crate::exit::Failure;
use crate::{leave, output};

/// Measure a trained network: curvature, fluctuation, and how they belong together
///
/// TARGET is the directory of a finished `thalweg train`, whose networks are all
/// measured, or one safetensors file. On an evaluation set, in double precision:
/// loss, the traces of Hessian and Gauss–Newton matrix, eigenvalues at both ends,
/// the spectral density, each layer's own curvature, the fluctuation E‖∇ℓ‖² and
/// the gradients' covariance, the residuals' second moment and its mismatch (that
/// moment relative to the loss's curvature in the outputs), averaged and (where
/// labels have noise) input by input, Theorem 2's bounds, and the leading
/// eigenvalues of the gradients' covariance with their alignment. An estimate comes
/// with its error and whether it converged; a plain function of the set's samples
/// comes without.
///
/// The results of a run go into its directory, where `thalweg report` shows them.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES, arg_required_else_help = true)]
pub struct Arguments {
    /// Directory of a finished training, or a safetensors file
    #[arg(value_name = "TARGET")]
    target: PathBuf,
    /// Measure this seed's network alone
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// Specification for a file of another program, which holds none
    #[arg(long, value_name = "FILE")]
    specification: Option<PathBuf>,
    /// Samples of the evaluation set [default: the specification's]
    #[arg(long, value_name = "N", value_parser = samples)]
    samples: Option<usize>,
    /// Seed of the evaluation set and of random probes [default: the specification's]
    #[arg(long, value_name = "SEED")]
    evaluation_seed: Option<u64>,
    /// How many eigenvalues at each end of the spectrum
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    top: u64,
    /// Hessian products for each trace that can only be estimated
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(4..=1_000_000))]
    trace_products: u64,
    /// Directory for the results [default: the run's, if TARGET is one]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: Option<PathBuf>,
    /// Print all measurements as one JSON object
    #[arg(long, help_heading = "Output")]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  All networks of a finished training, then their page:
    thalweg train relu.toml --out relu
    thalweg measure relu
    thalweg report relu
  One network, on more samples:
    thalweg measure relu/networks/seed-0.safetensors --samples 10000
  A network that PyTorch wrote, with tensors named as ours:
    thalweg measure net.safetensors --specification mnist.toml";

/// Measures one network or all of a run, and prints what came out.
///
/// # Errors
/// A target that is none, bad input, or a directory that cannot be written.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut targets = targets(arguments)?;
    if let Some(seed) = arguments.seed {
        let seeds: Vec<_> = targets.iter().filter_map(|(_, saved)| saved.seed).collect();
        targets.retain(|(_, saved)| saved.seed == Some(seed));
        if targets.is_empty() {
            return Err(Failure::input(NoSeed { seed, seeds }));
        }
    }
    let out = match &arguments.out {
        None if arguments.target.is_dir() => Some(arguments.target.clone()),
        out => out.clone(),
    };
    let mut all = Vec::new();
    for (name, saved) in &targets {
        let measured = measure(arguments, name, saved)?;
        if let Some(out) = &out {
            measured
                .write(out)
                .map_err(|error| Failure::stored(&error, &error))?;
            let (done, total, place) = (all.len() + 1, targets.len(), out.display());
            leave::keeping(format!(
                "{done} of {total} networks are measured, in {place}"
            ));
        }
        all.push(measured);
    }
    if arguments.json {
        output::print_json(&json!({ "networks": all }))
    } else {
        output::print(&measured::page(&all, out.as_deref()))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("there is no network of seed {seed} here; there are those of {seeds:?}")]
struct NoSeed {
    seed: u64,
    seeds: Vec<u64>,
}

/// What is to be measured, each with its name.
fn targets(arguments: &Arguments) -> Result<Vec<(String, SavedNetwork)>, Failure> {
    let specification = match &arguments.specification {
        None => None,
        Some(path) => Some(read_experiment::<NetworkExperiment>(path).map_err(Failure::input)?),
    };
    let paths = if arguments.target.is_dir() {
        networks_of(&arguments.target).map_err(failure)?
    } else {
        vec![arguments.target.clone()]
    };
    let read = |path: PathBuf| {
        let saved = SavedNetwork::read(&path, specification.as_ref()).map_err(failure)?;
        if arguments.target.is_dir() {
            same_run(&arguments.target, &path, &saved).map_err(failure)?;
        }
        Ok((name(&path), saved))
    };
    paths.into_iter().map(read).collect()
}

fn name(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn measure(
    arguments: &Arguments,
    name: &str,
    saved: &SavedNetwork,
) -> Result<NetworkMeasurement, Failure> {
    let own = saved.experiment.measure;
    let effort = Effort {
        eigenpairs: arguments.top as usize,
        trace_products: arguments.trace_products as usize,
        ..Effort::default()
    };
    let spinner = ProgressBar::new_spinner();
    let measured = network::measure(
        name,
        saved,
        arguments.samples.unwrap_or(own.samples),
        arguments
            .evaluation_seed
            .unwrap_or(own.seed.of(saved.seed.unwrap_or(0))),
        effort,
        |what| {
            spinner.set_message(format!("{name}: {what}"));
            spinner.tick();
        },
    );
    spinner.finish_and_clear();
    measured.map_err(|error| match error {
        NetworkError::Evaluation(_) => Failure::work(error),
        _ => Failure::input(error),
    })
}

fn failure(error: SavedError) -> Failure {
    match &error {
        SavedError::Store(cause) => Failure::stored(&error, cause),
        _ => Failure::input(error),
    }
}

fn samples(text: &str) -> Result<usize, String> {
    const MOST: u64 = 1 << 20;
    match count(text)? {
        found @ 2..=MOST => Ok(found as usize),
        _ => Err(format!("a number of samples from 2 to {MOST} is needed")),
    }
}
