//! What is read from a disk, each with its reader: a damaged file is accepted or refused, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tempfile::{TempDir, tempdir};
use thalweg::problem::Problem;
use thalweg::theory;
use thalweg_lab::images::read_folder;
use thalweg_lab::run;
use thalweg_lab::saved::SavedNetwork;
use thalweg_lab::spec::{self, Experiment, NetworkExperiment, Overrides};
use thalweg_lab::store;

use crate::corpus::{self, Error};

/// Whether an input is accepted; an error is a finding.
pub type Read = Box<dyn FnMut(&[u8]) -> Result<bool, Error>>;

/// Gives whole inputs and their reader.
type Open = fn() -> Result<(Vec<Vec<u8>>, Read), Error>;

/// One kind of file.
pub struct Target {
    pub name: &'static str,
    /// Whether it is text.
    pub text: bool,
    pub open: Open,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "problem",
        text: true,
        open: problem,
    },
    Target {
        name: "experiment",
        text: true,
        open: experiment,
    },
    Target {
        name: "network",
        text: true,
        open: network,
    },
    Target {
        name: "safetensors",
        text: false,
        open: safetensors,
    },
    Target {
        name: "idx",
        text: false,
        open: idx,
    },
    Target {
        name: "run",
        text: false,
        open: run_files,
    },
];

/// The largest problem that is also solved.
const SOLVED: usize = 16;

fn problem() -> Result<(Vec<Vec<u8>>, Read), Error> {
    let folder = tempdir()?;
    let seeds = texts(corpus::PROBLEMS);
    let read = move |input: &[u8]| {
        let path = written(&folder, input)?;
        match spec::read_problem(&path) {
            Err(error) => said(&error),
            Ok(file) => solved(&file.problem),
        }
    };
    Ok((seeds, Box::new(read)))
}

/// An answer is made of numbers, or refused with a reason.
fn solved(problem: &Problem) -> Result<bool, Error> {
    if problem.widths().iter().any(|&width| width > SOLVED) || problem.depth() > SOLVED {
        return Ok(true);
    }
    let prediction = match theory::predict(problem) {
        Err(error) => return said(&error).map(|_| true),
        Ok(prediction) => prediction,
    };
    let numbers = [
        prediction.sharpness,
        prediction.min_sharpness,
        prediction.fluctuation,
        prediction.lambda_max,
    ];
    if numbers.iter().any(|number| !number.is_finite()) {
        return Err(format!("the prediction has {numbers:?}").into());
    }
    if prediction.lambda_max > prediction.sharpness * (1.0 + 1e-9) {
        return Err(format!("λ_max exceeds T in {numbers:?}").into());
    }
    Ok(true)
}

fn experiment() -> Result<(Vec<Vec<u8>>, Read), Error> {
    let folder = tempdir()?;
    let seeds = texts(&[corpus::EXPERIMENT]);
    let read = move |input: &[u8]| {
        let experiment = match spec::read_experiment(&written(&folder, input)?) {
            Err(error) => return said(&error),
            Ok(experiment) => experiment,
        };
        let again = corpus::linear(folder.path(), &experiment.to_toml())?;
        same(again == experiment)
    };
    Ok((seeds, Box::new(read)))
}

fn network() -> Result<(Vec<Vec<u8>>, Read), Error> {
    let folder = tempdir()?;
    let mut seeds = texts(corpus::MORE_NETWORKS);
    seeds.push(corpus::NETWORK.into());
    let read = move |input: &[u8]| {
        let path = written(&folder, input)?;
        let experiment = match spec::read_network_experiment(&path, &Overrides::default()) {
            Err(error) => return said(&error),
            Ok(experiment) => experiment,
        };
        let again = corpus::network(folder.path(), &experiment.to_toml())?;
        same(again == experiment)
    };
    Ok((seeds, Box::new(read)))
}

fn safetensors() -> Result<(Vec<Vec<u8>>, Read), Error> {
    let folder = tempdir()?;
    let seeds = vec![corpus::safetensors(folder.path())?];
    let read = move |input: &[u8]| {
        let path = written(&folder, input)?;
        match SavedNetwork::read(&path, None) {
            Err(error) => said(&error),
            Ok(network) => finite(&network.parameters),
        }
    };
    Ok((seeds, Box::new(read)))
}

fn idx() -> Result<(Vec<Vec<u8>>, Read), Error> {
    let folder = tempdir()?;
    let (images, labels) = (corpus::idx(&[6, 3, 2]), corpus::idx(&[6]));
    let seeds = vec![images.clone(), labels.clone(), corpus::packed(&images)?];
    let read = move |input: &[u8]| {
        let own = if input.starts_with(&[0, 0, 8, 1]) {
            "train-labels-idx1-ubyte"
        } else {
            "train-images-idx3-ubyte"
        };
        for (name, whole) in [
            ("train-images-idx3-ubyte", &images),
            ("train-labels-idx1-ubyte", &labels),
            ("t10k-images-idx3-ubyte", &images),
            ("t10k-labels-idx1-ubyte", &labels),
        ] {
            let content = if name == own { input } else { whole };
            fs::write(folder.path().join(name), content)?;
        }
        match read_folder(folder.path()) {
            Err(error) => said(&error),
            Ok(set) => same(set.train.pixels.len() == set.train.len() * set.train.size()),
        }
    };
    Ok((seeds, Box::new(read)))
}

/// Goes on with the run, if only to stop at once, and reads what is finished.
macro_rules! opened {
    ($kind:ty, $experiment:expr, $directory:expr) => {{
        let stop = AtomicBool::new(true);
        let run = run::run($experiment, $directory, Duration::ZERO, &mut (), &stop);
        let accepted = match run {
            Ok(_) => true,
            Err(error) => said(&error)?,
        };
        if let Err(error) = store::load::<$kind>($directory) {
            said(&error)?;
        }
        Ok(accepted)
    }};
}

/// Any one file of run directories, finished and not, of both kinds. An input is the file's path, a zero
/// and its content.
fn run_files() -> Result<(Vec<Vec<u8>>, Read), Error> {
    let folder = tempdir()?;
    let linear = corpus::linear(folder.path(), corpus::EXPERIMENT)?;
    let network = corpus::network(folder.path(), corpus::NETWORK)?;
    let whole = folder.path().join("whole");
    corpus::linear_run(&linear, &whole.join("linear-finished"), None)?;
    corpus::linear_run(&linear, &whole.join("linear-stopped"), Some(4))?;
    corpus::network_run(&network, &whole.join("network-finished"), None)?;
    corpus::network_run(&network, &whole.join("network-stopped"), Some(3))?;
    let mut files = BTreeMap::new();
    collect(&whole, &whole, &mut files)?;
    let entry = |(name, content): (&String, &Vec<u8>)| [name.as_bytes(), &[0], content].concat();
    let seeds = files.iter().map(entry).collect();
    let damaged = folder.path().join("damaged");
    let read = move |input: &[u8]| {
        let Some(end) = input.iter().position(|&byte| byte == 0) else {
            return Ok(false);
        };
        let name = String::from_utf8_lossy(&input[..end]).into_owned();
        let mut content = input[end + 1..].to_vec();
        let Some((directory, _)) = name.split_once('/').filter(|_| files.contains_key(&name))
        else {
            return Ok(false);
        };
        // Behind its digest a checkpoint would hardly be read.
        if name.ends_with(".checkpoint")
            && content.iter().map(|&b| u64::from(b)).sum::<u64>() % 2 == 0
        {
            sign(&mut content);
        }
        if damaged.exists() {
            fs::remove_dir_all(&damaged)?;
        }
        let own = files
            .iter()
            .filter(|(path, _)| path.starts_with(&format!("{directory}/")));
        for (path, whole) in own {
            let to = damaged.join(path);
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(to, if *path == name { &content } else { whole })?;
        }
        let at = damaged.join(directory);
        if directory.starts_with("linear") {
            opened!(Experiment, &linear, &at)
        } else {
            opened!(NetworkExperiment, &network, &at)
        }
    };
    Ok((seeds, Box::new(read)))
}

/// FNV-1a over all but the last eight bytes, in their place.
fn sign(content: &mut [u8]) {
    if let Some((bytes, digest)) = content.split_last_chunk_mut::<8>() {
        let sum = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        *digest = sum.to_le_bytes();
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), Error> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else {
            let name = path.strip_prefix(root)?.to_string_lossy().into_owned();
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(())
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn written(folder: &TempDir, input: &[u8]) -> Result<std::path::PathBuf, Error> {
    let path = folder.path().join("input");
    fs::write(&path, input)?;
    Ok(path)
}

/// A refusal that says why.
fn said(error: &dyn std::error::Error) -> Result<bool, Error> {
    if error.to_string().trim().is_empty() {
        return Err("an error without words".into());
    }
    Ok(false)
}

fn same(equal: bool) -> Result<bool, Error> {
    if equal {
        Ok(true)
    } else {
        Err("what was read is not what was written".into())
    }
}

fn finite(numbers: &[f64]) -> Result<bool, Error> {
    if numbers.iter().all(|number| number.is_finite()) {
        Ok(true)
    } else {
        Err("a number that is not finite was accepted".into())
    }
}
