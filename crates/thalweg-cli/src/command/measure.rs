//! `thalweg measure`: everything that is to be known of a saved network at its point.

use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use thalweg_lab::answer::{self, Measuring};
use thalweg_lab::network::{Effort, On};
use thalweg_lab::saved::Foreign;

use super::measured;
use crate::arguments::{count, seed};
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
/// eigenvalues of the gradients' covariance with their alignment. Of a text, what
/// frequent and rare tokens add to fluctuation and sharpness. An estimate comes
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
    #[arg(long, value_name = "SEED", value_parser = seed, allow_hyphen_values = true)]
    seed: Option<u64>,
    /// Specification for a file of another program, which holds none
    #[arg(long, value_name = "FILE")]
    specification: Option<PathBuf>,
    /// Samples of the evaluation set [default: the specification's]
    #[arg(long, value_name = "N", value_parser = samples)]
    samples: Option<usize>,
    /// Seed of the evaluation set and of random probes [default: the specification's]
    #[arg(long, value_name = "SEED", value_parser = seed, allow_hyphen_values = true)]
    evaluation_seed: Option<u64>,
    /// Measure on samples that no training uses, or on those that are trained on
    ///
    /// On the latter each sample is changed as the training changes it (noise, mixup,
    /// dropout, smoothed labels): it is the loss that was descended. Its results stand
    /// beside the others, under names that end in -train.
    #[arg(long, value_name = "SAMPLES", default_value = "test", value_parser = ["test", "train"])]
    on: String,
    /// Compute the loss along the Hessian's two leading eigenvectors, and the run's way
    ///
    /// 31 × 31 losses on the plane of both, for the page; the run is made again from its
    /// seed, which takes as long as its training did without measurements.
    #[arg(long)]
    landscape: bool,
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
  The same with a picture of the loss around each network:
    thalweg measure relu --landscape
    thalweg report relu
  One network, on more samples:
    thalweg measure relu/networks/seed-0.safetensors --samples 10000
  A network that PyTorch wrote:
    thalweg measure net.safetensors --specification mnist.toml

Tensors of another program's file are known by these names, whatever module.,
model. or _orig_mod. stands before them; a matrix may be (out, in) or (in, out),
and numbers F64, F32, F16 or BF16:
  mlp          layers.K.weight, layers.K.bias, K = 1 ...; or as many layers in a
               series, such as nn.Sequential's 0.weight, 2.weight, 4.weight
  rnn          {input,output}.{weight,bias}, hidden.weight
  transformer  blocks.K.{query,key,value,output,expand,contract}.{weight,bias},
               blocks.K.{norm1,norm2}.{gain,bias}
  language-model
               the same, embedding.weight, positions, norm.{gain,bias},
               readout.{weight,bias}
Other names go into a table of the specification; several are added up:
  [tensors]
  \"hidden.weight\" = \"rnn.weight_hh_l0\"
  \"input.bias\" = [\"rnn.bias_ih_l0\", \"rnn.bias_hh_l0\"]
  \"output.weight\" = { name = \"head.kernel\", transposed = true }";

/// Measures one network or all of a run, and prints what came out.
///
/// # Errors
/// A target that is none, bad input, or a directory that cannot be written.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let specification = match &arguments.specification {
        None => None,
        Some(path) => Some(Foreign::read(path).map_err(Failure::input)?),
    };
    let measuring = Measuring {
        target: arguments.target.clone(),
        seed: arguments.seed,
        specification,
        samples: arguments.samples,
        evaluation_seed: arguments.evaluation_seed,
        on: match arguments.on.as_str() {
            "train" => On::Train,
            _ => On::Test,
        },
        effort: Effort {
            eigenpairs: arguments.top as usize,
            trace_products: arguments.trace_products as usize,
            landscape: arguments.landscape,
            ..Effort::default()
        },
    };
    let targets = measuring.networks()?;
    let out = match &arguments.out {
        None if arguments.target.is_dir() => Some(arguments.target.clone()),
        out => out.clone(),
    };
    let mut all = Vec::new();
    for (name, saved) in &targets {
        let spinner = ProgressBar::new_spinner();
        let measured = measuring.measure(name, saved, |what| {
            spinner.set_message(format!("{name}: {what}"));
            spinner.tick();
        });
        spinner.finish_and_clear();
        let measured = measured?;
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
        output::print_json(&answer::measured(&all))
    } else {
        output::print(&measured::page(&all, out.as_deref()))
    }
}

fn samples(text: &str) -> Result<usize, String> {
    const MOST: u64 = 1 << 20;
    match count(text)? {
        found @ 2..=MOST => Ok(found as usize),
        _ => Err(format!("a number of samples from 2 to {MOST} is needed")),
    }
}
