//! What is read from a disk, each with its reader: a damaged file is accepted or refused, and nothing else.

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
use thalweg_lab::spec::{self, Experiment, NetworkExperiment};
use thalweg_lab::store;
use thalweg_report::plot::check_svg;
use thalweg_report::report;
use thalweg_report::results::RESULTS_FILE;

use crate::corpus::{self, Error};
use crate::digests::{self, Files};

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
    Target {
        name: "measured",
        text: true,
        open: measured,
    },
    Target {
        name: "results",
        text: true,
        open: results,
    },
    Target {
        name: "picture",
        text: true,
        open: picture,
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
        let experiment = match spec::read_experiment::<Experiment>(&written(&folder, input)?) {
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
        let experiment = match spec::read_experiment::<NetworkExperiment>(&path) {
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
        let path = written(&folder, &fitting(input))?;
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
    let mut files = Files::new();
    collect(&whole, &whole, &mut files)?;
    let entry = |(name, content): (&String, &Vec<u8>)| [name.as_bytes(), &[0], content].concat();
    let seeds = files.iter().map(entry).collect();
    let damaged = folder.path().join("damaged");
    let read = move |input: &[u8]| {
        let Some(end) = input.iter().position(|&byte| byte == 0) else {
            return Ok(false);
        };
        let name = String::from_utf8_lossy(&input[..end]).into_owned();
        let content = &input[end + 1..];
        let Some((directory, inside)) = name.split_once('/') else {
            return Ok(false);
        };
        let inner = format!("{directory}/");
        let own = files.iter().filter_map(|(path, whole)| {
            Some((path.strip_prefix(&inner)?.to_owned(), whole.clone()))
        });
        let mut own: Files = own.collect();
        if !own.contains_key(inside) {
            return Ok(false);
        }
        if digests::chosen(content) {
            digests::replace(&mut own, inside, content.to_vec());
        } else {
            own.insert(inside.to_owned(), content.to_vec());
        }
        lay_out(&damaged.join(directory), &own)?;
        let at = damaged.join(directory);
        if directory.starts_with("linear") {
            opened!(Experiment, &linear, &at)
        } else {
            opened!(NetworkExperiment, &network, &at)
        }
    };
    Ok((seeds, Box::new(read)))
}

/// The measurements of a network, as `report` shows them.
fn measured() -> Result<(Vec<Vec<u8>>, Read), Error> {
    let folder = tempdir()?;
    let file = corpus::measured(folder.path())?;
    let seeds = vec![fs::read(&file)?];
    let read = move |input: &[u8]| {
        fs::write(&file, fitting(input))?;
        shown(folder.path())
    };
    Ok((seeds, Box::new(read)))
}

/// The results of a reproduction, as `report` shows them.
fn results() -> Result<(Vec<Vec<u8>>, Read), Error> {
    let folder = tempdir()?;
    corpus::reproduction(folder.path())?;
    let file = folder.path().join(RESULTS_FILE);
    let seeds = vec![fs::read(&file)?];
    let read = move |input: &[u8]| {
        fs::write(&file, fitting(input))?;
        shown(folder.path())
    };
    Ok((seeds, Box::new(read)))
}

/// Pictures of a reproduction, whose digest fits: what a page takes over.
fn picture() -> Result<(Vec<Vec<u8>>, Read), Error> {
    let folder = tempdir()?;
    corpus::reproduction(folder.path())?;
    let mut whole = Files::new();
    collect(folder.path(), folder.path(), &mut whole)?;
    let names = whole.keys().filter(|name| name.ends_with(".svg"));
    let seeds = names.map(|name| whole[name].clone()).collect();
    let read = move |input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        if let Err(words) = check_svg(&text) {
            return if words.is_empty() {
                Err("a refusal without words".into())
            } else {
                Ok(false)
            };
        }
        same(harmless(&text))
    };
    Ok((seeds, Box::new(read)))
}

/// Whether the page of `directory` can be made; where it can, nothing in it runs.
fn shown(directory: &Path) -> Result<bool, Error> {
    match report::write(directory) {
        Err(error) => said(&error),
        Ok(page) => {
            let page = fs::read_to_string(page)?.to_lowercase();
            same(!page.contains("<script") && !page.contains("<iframe"))
        }
    }
}

/// Whether every element of this SVG is one that draws, and no attribute of it runs or loads anything.
fn harmless(svg: &str) -> bool {
    const DRAW: [&str; 7] = [
        "svg", "style", "polyline", "polygon", "circle", "text", "tspan",
    ];
    let tags = svg.split('<').skip(1).map(|piece| {
        let tag = piece.split('>').next().unwrap_or_default();
        tag.trim_start_matches('/').to_lowercase()
    });
    tags.into_iter().all(|tag| {
        let name: String = tag.chars().take_while(char::is_ascii_alphabetic).collect();
        let mut attributes = tag.split_whitespace().skip(1);
        DRAW.contains(&name.as_str())
            && !attributes.any(|word| word.starts_with("on") || word.contains("href="))
            && !tag.contains("url(")
    })
}

/// `input` as it is, or with its own digest made to fit.
fn fitting(input: &[u8]) -> Vec<u8> {
    if digests::chosen(input) {
        digests::resealed(input.to_vec())
    } else {
        input.to_vec()
    }
}

/// Makes `directory` hold `files` and nothing else.
fn lay_out(directory: &Path, files: &Files) -> Result<(), Error> {
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    for (name, content) in files {
        let to = directory.join(name);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(to, content)?;
    }
    Ok(())
}

fn collect(root: &Path, folder: &Path, files: &mut Files) -> Result<(), Error> {
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
