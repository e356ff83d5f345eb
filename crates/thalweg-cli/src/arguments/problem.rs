//! The problem on the command line: a file, or flags for the simple cases.

use std::path::PathBuf;

use clap::Args;
use faer::Mat;
use thalweg::problem::{Basis, Problem, ProblemError, covariance, teacher};
use thalweg::recipe::Recipe;
use thalweg::simulate::Data;
use thalweg::theory;
use thalweg_lab::memory::{self, TooLittle};
use thalweg_lab::spec::{self, ProblemFile};

use super::spectrum::{Meaning, Spectrum, Unfit};
use super::step::seed;
use crate::exit::Failure;
use crate::number::significant;

/// The largest dimension that flags may ask for.
const MOST: usize = 1 << 14;

#[derive(Debug, Args)]
pub struct ProblemArguments {
    /// Problem in TOML or JSON; `-` reads standard input
    ///
    /// Fields: depth, input_covariance (Σx), teacher (V), noise_covariance (Σε), each matrix a list
    /// of rows; optional: hidden_widths, start_weights, slow_time, learning_rate, batch, steps,
    /// data (the samples that SGD is run on), and the fields of what is added to plain SGD
    /// (`thalweg simulate --help` lists them).
    #[arg(value_name = "FILE", required_unless_present = "depth")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub flags: ProblemFlags,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Problem from flags, instead of FILE")]
#[group(id = "problem_flags", multiple = true, conflicts_with = "file")]
pub struct ProblemFlags {
    /// D, the number of layers
    #[arg(long, value_name = "D", allow_hyphen_values = true)]
    depth: Option<usize>,
    /// Inputs and outputs, d_x = d_y [default: as many as --noise or --inputs list]
    #[arg(long, value_name = "d", value_parser = dimension, allow_hyphen_values = true)]
    dimension: Option<usize>,
    /// d_x, the number of inputs, where it differs from d_y
    #[arg(long, value_name = "d_x", value_parser = dimension, allow_hyphen_values = true)]
    input_dimension: Option<usize>,
    /// d_y, the number of outputs, where it differs from d_x
    #[arg(long, value_name = "d_y", value_parser = dimension, allow_hyphen_values = true)]
    output_dimension: Option<usize>,
    /// Label noise ε [default: identity]
    ///
    /// `10,0.1`: standard deviations, the diagonal of √Σε; a single one is repeated.
    /// `power:A`: Σε has the eigenvalues i^−A. `spiked:N,H`: N eigenvalues H, the others 1.
    /// `identity`: Σε = I.
    #[arg(long, value_name = "SPECTRUM", allow_hyphen_values = true)]
    noise: Option<Spectrum>,
    /// Inputs x, as --noise: standard deviations, the diagonal of √Σx [default: identity]
    #[arg(long, value_name = "SPECTRUM", allow_hyphen_values = true)]
    inputs: Option<Spectrum>,
    /// Singular values of the teacher V: a list, power:A, spiked:N,H [default: identity]
    ///
    /// A list shorter than min(d_x, d_y) gives a teacher of that rank (`2,0`: of rank 1); a single
    /// one is repeated.
    #[arg(long, value_name = "SPECTRUM", allow_hyphen_values = true)]
    teacher: Option<Spectrum>,
    /// Widths of the hidden layers, h_1,…,h_{D−1} [default: all max(d_x, d_y)]
    #[arg(long, value_name = "WIDTHS", value_delimiter = ',', value_parser = dimension, allow_hyphen_values = true)]
    hidden_widths: Option<Vec<usize>>,
    /// Rotate Σx, Σε and both sides of V at random, each on its own, by this seed
    #[arg(long, value_name = "SEED", value_parser = seed, allow_hyphen_values = true)]
    basis_seed: Option<u64>,
}

/// Flags that do not make a problem.
#[derive(Debug, thiserror::Error)]
enum FlagError {
    #[error(
        "--{flag} lists {found} values where the dimension is {needed}: list {needed}, or one to repeat"
    )]
    Length {
        flag: &'static str,
        found: usize,
        needed: usize,
    },
    #[error(
        "--teacher lists {found} singular values; a {rows} × {columns} teacher has at most {most}"
    )]
    Rank {
        found: usize,
        rows: usize,
        columns: usize,
        most: usize,
    },
    #[error(
        "--{flag}: the {what} number {number} comes out as {}, out of double precision's range: change units",
        significant(*value, 3)
    )]
    Range {
        flag: &'static str,
        what: &'static str,
        number: usize,
        value: f64,
    },
    #[error(
        "--{flag} has {found} spikes, and only {most} values: write spiked:{most},HEIGHT, or fewer"
    )]
    Spikes {
        flag: &'static str,
        found: usize,
        most: usize,
    },
    #[error(
        "the dimension is not known: give --dimension, or list more than one value in --noise or --inputs"
    )]
    Dimension,
    #[error(transparent)]
    Memory(#[from] TooLittle),
    #[error("the flags do not describe a problem: {0}")]
    Problem(#[from] ProblemError),
}

impl FlagError {
    fn new(flag: &'static str, unfit: &Unfit) -> Self {
        match *unfit {
            Unfit::OutOfRange { number, value } => Self::Range {
                flag,
                what: if flag == "teacher" {
                    "singular value"
                } else {
                    "variance"
                },
                number,
                value,
            },
            Unfit::Spikes { found, most } => Self::Spikes { flag, found, most },
        }
    }
}

impl ProblemArguments {
    /// The problem from the file or the flags.
    ///
    /// # Errors
    /// [`Failure::Input`] when neither makes one.
    pub fn read(&self) -> Result<ProblemFile, Failure> {
        self.read_if(|_| Ok(()))
    }

    /// The same where `accepted` takes the widths of the network; those of flags are known before anything is made.
    ///
    /// # Errors
    /// Also those of `accepted`.
    pub fn read_if(
        &self,
        accepted: impl Fn(&[usize]) -> Result<(), Failure>,
    ) -> Result<ProblemFile, Failure> {
        match &self.file {
            Some(path) => {
                let file = spec::read_problem(path).map_err(Failure::input)?;
                accepted(file.problem.widths())?;
                Ok(file)
            }
            None => Ok(ProblemFile {
                data: Data::default(),
                switch_step: None,
                name: None,
                problem: {
                    let flags = &self.flags;
                    accepted(&flags.widths().map_err(Failure::input)?)?;
                    flags.problem().map_err(Failure::input)?
                },
                start_weights: None,
                slow_time: None,
                learning_rate: None,
                batch: None,
                steps: None,
                recipe: Recipe::default(),
            }),
        }
    }
}

impl ProblemFlags {
    /// d_x and d_y.
    fn dimensions(&self) -> Result<(usize, usize), FlagError> {
        let listed = |spectrum: &Option<Spectrum>| spectrum.as_ref().and_then(Spectrum::length);
        let outputs = self.output_dimension.or(self.dimension);
        let outputs = outputs.or_else(|| listed(&self.noise));
        let inputs = self.input_dimension.or(self.dimension);
        let inputs = inputs.or_else(|| listed(&self.inputs));
        let outputs = outputs.or(inputs).ok_or(FlagError::Dimension)?;
        Ok((inputs.unwrap_or(outputs), outputs))
    }

    /// h_0 … h_D, of as many layers as there can be memory for.
    fn widths(&self) -> Result<Vec<usize>, FlagError> {
        const MOST_LAYERS: usize = 1 << 16;
        let (inputs, outputs) = self.dimensions()?;
        let hidden = self.depth.unwrap_or(0).saturating_sub(1).min(MOST_LAYERS);
        let hidden = match &self.hidden_widths {
            Some(widths) => widths.clone(),
            None => vec![inputs.max(outputs); hidden],
        };
        Ok([vec![inputs], hidden, vec![outputs]].concat())
    }

    fn problem(&self) -> Result<Problem, FlagError> {
        let identity = Spectrum::Identity;
        let noise = self.noise.as_ref().unwrap_or(&identity);
        let inputs = self.inputs.as_ref().unwrap_or(&identity);
        let singular_values = self.teacher.as_ref().unwrap_or(&identity);
        let (columns, outputs) = self.dimensions()?;
        memory::fits(
            theory::memory(columns, outputs),
            memory::multiplying(columns.max(outputs)),
            "a smaller --dimension needs less",
        )?;
        let noise_covariance = self.covariance("noise", noise, outputs, 0)?;
        let input_covariance = self.covariance("inputs", inputs, columns, 1)?;
        let most = outputs.min(columns);
        let singular_values = singular_values
            .values(most, Meaning::SingularValues)
            .map_err(|unfit| FlagError::new("teacher", &unfit))?;
        if singular_values.len() > most {
            return Err(FlagError::Rank {
                found: singular_values.len(),
                rows: outputs,
                columns,
                most,
            });
        }
        let teacher = teacher::from_singular_values(
            outputs,
            columns,
            &singular_values,
            self.basis(2),
            self.basis(3),
        );
        // clap asks for --depth wherever there is no FILE; 0 gets the problem's own message.
        let depth = self.depth.unwrap_or(0);
        Ok(match &self.hidden_widths {
            None => Problem::new(input_covariance, teacher, noise_covariance, depth)?,
            Some(widths) => Problem::with_hidden_widths(
                input_covariance,
                teacher,
                noise_covariance,
                depth,
                widths,
            )?,
        })
    }

    fn covariance(
        &self,
        flag: &'static str,
        spectrum: &Spectrum,
        d: usize,
        basis: u64,
    ) -> Result<Mat<f64>, FlagError> {
        along(flag, spectrum, d, self.basis(basis))
    }

    /// The `index`-th of the four bases.
    fn basis(&self, index: u64) -> Basis {
        match self.basis_seed {
            None => Basis::Canonical,
            Some(seed) => Basis::Random {
                seed: seed.wrapping_mul(4).wrapping_add(index),
            },
        }
    }
}

/// The d × d covariance of this spectrum, which `flag` gave, along the axes of `basis`.
fn along(
    flag: &'static str,
    spectrum: &Spectrum,
    d: usize,
    basis: Basis,
) -> Result<Mat<f64>, FlagError> {
    match spectrum.length() {
        Some(found) if found != d => Err(FlagError::Length {
            flag,
            found,
            needed: d,
        }),
        _ => {
            let values = spectrum
                .values(d, Meaning::Deviations)
                .map_err(|unfit| FlagError::new(flag, &unfit))?;
            Ok(covariance::from_spectrum(&values, basis))
        }
    }
}

/// The d × d covariance of this spectrum along the coordinate axes, which `flag` gave.
///
/// # Errors
/// When it lists another number of values, or one is out of double precision's range.
pub fn diagonal(flag: &'static str, spectrum: &Spectrum, d: usize) -> Result<Mat<f64>, Failure> {
    along(flag, spectrum, d, Basis::Canonical).map_err(Failure::input)
}

fn dimension(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(d) if (1..=MOST).contains(&d) => Ok(d),
        _ => Err(format!("a dimension is a whole number from 1 to {MOST}")),
    }
}
