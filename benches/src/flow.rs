//! Times the flows: seconds of processor time from a start to the minima, and along them.

use clap::Args;
use faer::{Mat, linalg::solvers::DenseSolveCore};
use serde::Serialize;
use thalweg::flow::{FlowSettings, Times, descend, slow_flow};
use thalweg::problem::{Basis, Problem, Weights, covariance, spectrum, teacher};
use thalweg::random::{Purpose, Stream};

use crate::timing::{Clocks, Time};

/// What to time.
#[derive(Args)]
pub struct Arguments {
    /// Print the results as JSON, one object.
    #[arg(long)]
    json: bool,
    /// The widths d of all layers, inputs and outputs.
    #[arg(long, value_delimiter = ',', default_values_t = [5, 10, 20, 40])]
    widths: Vec<usize>,
    /// The numbers D of layers.
    #[arg(long, value_delimiter = ',', default_values_t = [2, 3, 4])]
    depths: Vec<usize>,
    /// Only the way along the minima, which takes a start there and no descent.
    #[arg(long)]
    along: bool,
}

/// What one problem took.
#[derive(Serialize)]
struct Case {
    width: usize,
    depth: usize,
    /// From Kaiming's initialisation to the minima.
    down: Option<Time>,
    /// From a minimum in which nothing commutes, to u = 10.
    along: Time,
    /// Steps of the integrators.
    steps: [usize; 2],
}

/// Times the flows, one after the other.
pub fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let mut cases = Vec::new();
    for &depth in &arguments.depths {
        for &width in &arguments.widths {
            cases.push(case(width, depth, arguments.along)?);
        }
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&cases)?);
        return Ok(());
    }
    println!(
        "{:>4} {:>6} {:>10} {:>10} {:>7} {:>7}",
        "D", "d", "down, s", "along, s", "steps", "steps"
    );
    let seconds = |time: &Time| time.processor.unwrap_or(time.wall) / 1e9;
    for case in &cases {
        let Case {
            depth,
            width,
            steps: [down, along],
            ..
        } = case;
        let first = case
            .down
            .as_ref()
            .map_or("–".to_owned(), |t| format!("{:.3}", seconds(t)));
        println!(
            "{depth:>4} {width:>6} {first:>10} {:>10.3} {down:>7} {along:>7}",
            seconds(&case.along)
        );
    }
    Ok(())
}

/// Spectra that fall like i^−½, i^−0.3 and 1/i for Σx, V and Σε, each in a basis of its own.
fn problem(width: usize, depth: usize) -> Result<Problem, Box<dyn std::error::Error>> {
    let basis = |seed| Basis::Random { seed };
    Ok(Problem::new(
        covariance::from_spectrum(&spectrum::power_law(width, 0.5), basis(1)),
        teacher::from_singular_values(
            width,
            width,
            &spectrum::power_law(width, 0.3),
            basis(2),
            basis(3),
        ),
        covariance::from_spectrum(&spectrum::power_law(width, 1.0), basis(4)),
        depth,
    )?)
}

fn case(width: usize, depth: usize, along: bool) -> Result<Case, Box<dyn std::error::Error>> {
    let problem = problem(width, depth)?;
    let settings = FlowSettings::default();
    let (mut down, mut first) = (None, 0);
    if !along {
        let mut stream = Stream::new(1, Purpose::Initial);
        let scale = (width as f64).sqrt().recip();
        let layer = |_| Mat::from_fn(width, width, |_, _| scale * stream.normal());
        let start = Weights::new(&problem, (0..depth).map(layer).collect())?;
        let clocks = Clocks::start();
        first = descend(&problem, &start, &settings)?.statistics.accepted;
        down = Some(clocks.per(1.0));
    }
    let start = minimum(&problem)?;
    let clocks = Clocks::start();
    let path = slow_flow(&problem, &start, &Times::Slow(vec![10.0]), &settings)?;
    Ok(Case {
        width,
        depth,
        down,
        along: clocks.per(1.0),
        steps: [first, path.statistics.accepted],
    })
}

/// Weights whose product is V, with hidden bases stretched at random.
fn minimum(problem: &Problem) -> Result<Weights, Box<dyn std::error::Error>> {
    let (width, depth) = (problem.input_dim(), problem.depth());
    let mut layers = vec![Mat::<f64>::identity(width, width); depth];
    layers[0] = problem.teacher().to_owned();
    for k in 1..depth {
        let turn = Basis::Random {
            seed: 100 + k as u64,
        }
        .matrix(width);
        let stretch = Mat::<f64>::identity(width, width) + faer::Scale(0.5) * &turn;
        layers[k - 1] = &stretch * &layers[k - 1];
        layers[k] = &layers[k] * stretch.partial_piv_lu().inverse();
    }
    Ok(Weights::new(problem, layers)?)
}
