//! Times the flows: seconds of processor time from a start to the minima, along them, and along them where all axes are shared.

use clap::{Args, ValueEnum};
use faer::{Mat, linalg::solvers::DenseSolveCore};
use serde::Serialize;
use thalweg::flow::{Drift, FlowSettings, Times, descend, slow_flow};
use thalweg::problem::{Basis, Problem, Weights, covariance, spectrum, teacher};
use thalweg::random::{Purpose, Stream};

use crate::timing::{Clocks, Time};

/// What to time.
#[derive(Args)]
pub struct Arguments {
    /// Print the results as JSON, one object.
    #[arg(long)]
    json: bool,
    /// The widths d of all layers and inputs.
    #[arg(long, value_delimiter = ',', default_values_t = [5, 10, 20, 40])]
    widths: Vec<usize>,
    /// The numbers D of layers.
    #[arg(long, value_delimiter = ',', default_values_t = [2, 3, 4])]
    depths: Vec<usize>,
    /// The outputs: as many as inputs if not given.
    #[arg(long)]
    outputs: Option<usize>,
    /// What is timed.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Part::Modes, Part::Down, Part::Along])]
    parts: Vec<Part>,
}

/// One flow from one start.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Part {
    /// Along the minima to u = 10, all axes shared.
    Modes,
    /// From Kaiming's initialisation to the minima, no axes shared.
    Down,
    /// Along the minima to u = 10, no axes shared: from where `Down` ended, or else from a minimum in which nothing commutes.
    Along,
    /// The same by the exact drift.
    Exact,
}

/// What one problem took.
#[derive(Serialize)]
struct Case {
    depth: usize,
    width: usize,
    outputs: usize,
    /// For each part its time and the integrator's steps.
    modes: Option<(Time, usize)>,
    down: Option<(Time, usize)>,
    along: Option<(Time, usize)>,
    exact: Option<(Time, usize)>,
}

/// Times the flows, one after the other.
pub fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let mut cases = Vec::new();
    if !arguments.json {
        println!(
            "{:>3} {:>5} {:>7} {:>16} {:>16} {:>16} {:>16}",
            "D",
            "d",
            "outputs",
            "modes: s, steps",
            "down: s, steps",
            "along: s, steps",
            "exact: s, steps"
        );
    }
    for &depth in &arguments.depths {
        for &width in &arguments.widths {
            let outputs = arguments.outputs.unwrap_or(width).min(width);
            let case = case(depth, width, outputs, &arguments.parts)?;
            if !arguments.json {
                let column = |part: &Option<(Time, usize)>| {
                    part.as_ref().map_or("–".to_owned(), |(time, steps)| {
                        let seconds = time.processor.unwrap_or(time.wall) / 1e9;
                        format!("{seconds:.3}, {steps}")
                    })
                };
                println!(
                    "{depth:>3} {width:>5} {outputs:>7} {:>16} {:>16} {:>16} {:>16}",
                    column(&case.modes),
                    column(&case.down),
                    column(&case.along),
                    column(&case.exact)
                );
            }
            cases.push(case);
        }
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&cases)?);
    }
    Ok(())
}

/// Spectra that fall like i^−½, i^−0.3 and 1/i for Σx, V and Σε, each in the basis that `basis` makes of a number.
fn problem(
    depth: usize,
    width: usize,
    outputs: usize,
    basis: fn(u64) -> Basis,
) -> Result<Problem, Box<dyn std::error::Error>> {
    Ok(Problem::new(
        covariance::from_spectrum(&spectrum::power_law(width, 0.5), basis(1)),
        teacher::from_singular_values(
            outputs,
            width,
            &spectrum::power_law(outputs, 0.3),
            basis(2),
            basis(3),
        ),
        covariance::from_spectrum(&spectrum::power_law(outputs, 1.0), basis(4)),
        depth,
    )?)
}

fn case(
    depth: usize,
    width: usize,
    outputs: usize,
    parts: &[Part],
) -> Result<Case, Box<dyn std::error::Error>> {
    let settings = FlowSettings::default();
    let along = |problem: &Problem, start: &Weights, drift: Drift| {
        let settings = FlowSettings { drift, ..settings };
        let clocks = Clocks::start();
        let path = slow_flow(problem, start, &Times::Slow(vec![10.0]), &settings)?;
        Ok::<_, Box<dyn std::error::Error>>((clocks.per(1.0), path.statistics.accepted))
    };
    let mut case = Case {
        depth,
        width,
        outputs,
        modes: None,
        down: None,
        along: None,
        exact: None,
    };
    if parts.contains(&Part::Modes) {
        let problem = problem(depth, width, outputs, |_| Basis::Canonical)?;
        case.modes = Some(along(&problem, &stretched(&problem)?, Drift::Symmetric)?);
    }
    let problem = problem(depth, width, outputs, |seed| Basis::Random { seed })?;
    let mut start = None;
    if parts.contains(&Part::Down) {
        let mut stream = Stream::new(1, Purpose::Initial);
        let scale = (width as f64).sqrt().recip();
        let shapes = problem.widths().windows(2);
        let layers = shapes.map(|h| Mat::from_fn(h[1], h[0], |_, _| scale * stream.normal()));
        let weights = Weights::new(&problem, layers.collect())?;
        let clocks = Clocks::start();
        let descent = descend(&problem, &weights, &settings)?;
        case.down = Some((clocks.per(1.0), descent.statistics.accepted));
        start = Some(descent.weights);
    }
    let start = start.map_or_else(|| minimum(&problem), Ok)?;
    if parts.contains(&Part::Along) {
        case.along = Some(along(&problem, &start, Drift::Symmetric)?);
    }
    if parts.contains(&Part::Exact) {
        case.exact = Some(along(&problem, &start, Drift::Exact)?);
    }
    Ok(case)
}

/// A minimum with all layers diagonal and no two modes alike.
fn stretched(problem: &Problem) -> Result<Weights, Box<dyn std::error::Error>> {
    let depth = problem.depth();
    let factor = |k: usize, i: usize| 1.0 + 0.6 * ((k + 1) as f64 * i as f64).sin();
    let layers = problem.widths().windows(2).enumerate().map(|(k, h)| {
        Mat::from_fn(h[1], h[0], |i, j| match i == j {
            // The last makes up for the others.
            true if k + 1 == depth => {
                let others = (0..k).map(|m| factor(m, i)).product::<f64>();
                problem.teacher()[(i, i)] / others
            }
            true => factor(k, i),
            false => 0.0,
        })
    });
    Ok(Weights::new(problem, layers.collect())?)
}

/// Weights whose product is V, with hidden bases stretched at random.
fn minimum(problem: &Problem) -> Result<Weights, Box<dyn std::error::Error>> {
    let (width, depth) = (problem.input_dim(), problem.depth());
    let mut layers = vec![Mat::<f64>::identity(width, width); depth];
    layers[depth - 1] = problem.teacher().to_owned();
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
