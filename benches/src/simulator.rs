//! Times the simulator: nanoseconds per seed and step, medians over interleaved rounds.
//!
//! Wall time, and beside it the processor time of all threads, which other work on the machine disturbs
//! less.

use std::hint::black_box;

use clap::Args;
use faer::Mat;
use serde::Serialize;
use thalweg::problem::Problem;
use thalweg::recipe::Sam;
use thalweg::simulate::{
    Ensemble, InitialWeights, NoiseLaw, Precision, SampleSource, SimulateSettings, Switch, schedule,
};

use crate::timing::{Clocks, Time};

/// What to time, and how often.
#[derive(Args)]
pub struct Arguments {
    /// Print the results as JSON, one object.
    #[arg(long)]
    json: bool,
    /// Rounds; each times every case once, and the median over rounds is reported.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Threads.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Only the cases whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
}

/// One thing to time: square layers of width `size`.
struct Case {
    name: &'static str,
    depth: usize,
    size: usize,
    seeds: usize,
    /// Steps in a round.
    steps: u64,
    /// How often each seed is measured on the way, about as often as a run is by default; never if 0.
    measurements: usize,
    settings: SimulateSettings,
}

/// One case's time.
#[derive(Serialize)]
struct Timing {
    name: &'static str,
    depth: usize,
    size: usize,
    batch: usize,
    seeds: usize,
    steps: u64,
    ns_per_seed_step: f64,
    /// Processor time of all threads; absent where the system does not tell.
    cpu_ns_per_seed_step: Option<f64>,
}

/// Times the cases and prints them.
pub fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(arguments.threads)
        .build_global()?;
    let cases: Vec<Case> = cases()
        .into_iter()
        .filter(|case| case.name.contains(&arguments.only))
        .collect();
    let mut rounds: Vec<Vec<Time>> = cases.iter().map(|_| Vec::new()).collect();
    for _ in 0..arguments.rounds {
        for (case, rounds) in cases.iter().zip(&mut rounds) {
            rounds.push(time(case)?);
        }
    }
    let timings: Vec<Timing> = cases
        .iter()
        .zip(&rounds)
        .map(|(case, rounds)| {
            let time = Time::median(rounds);
            Timing {
                name: case.name,
                depth: case.depth,
                size: case.size,
                batch: case.settings.batch,
                seeds: case.seeds,
                steps: case.steps,
                ns_per_seed_step: time.wall,
                cpu_ns_per_seed_step: time.processor,
            }
        })
        .collect();
    if arguments.json {
        let threads = arguments.threads;
        let report = serde_json::json!({ "threads": threads, "timings": timings });
        println!("{}", serde_json::to_string_pretty(&report)?);
        return Ok(());
    }
    println!(
        "nanoseconds per seed and step\n{:<38}{:>7}{:>14}{:>14}",
        "case", "seeds", "wall", "processor"
    );
    for t in &timings {
        let cpu = t
            .cpu_ns_per_seed_step
            .map_or("-".into(), |x| format!("{x:.1}"));
        println!(
            "{:<38}{:>7}{:>14.1}{cpu:>14}",
            t.name, t.seeds, t.ns_per_seed_step
        );
    }
    Ok(())
}

/// One round of one case.
fn time(case: &Case) -> Result<Time, Box<dyn std::error::Error>> {
    let size = case.size;
    let noise = Mat::from_fn(size, size, |i, j| match (i == j, i) {
        (true, 0) => 1.0,
        (true, _) => 0.01,
        _ => 0.0,
    });
    let identity = Mat::identity(size, size);
    let problem = Problem::new(identity.clone(), identity, noise, case.depth)?;
    let seeds: Vec<u64> = (0..case.seeds as u64).collect();
    let mut ensemble = Ensemble::start(&problem, &case.settings, &seeds)?;
    // The first steps fault in memory and warm the clock up.
    let warm = case.steps / 20;
    ensemble.run_to(warm);
    let clocks = Clocks::start();
    if case.measurements > 0 {
        for step in schedule::logarithmic(case.steps, case.measurements) {
            ensemble.run_to(warm + step);
            black_box(ensemble.observe());
        }
    }
    ensemble.run_to(warm + case.steps);
    Ok(clocks.per((case.steps * case.seeds as u64) as f64))
}

fn cases() -> Vec<Case> {
    let headline = SimulateSettings::new(0.001, 10);
    let case = |name, depth, size, seeds, steps, settings: &SimulateSettings| Case {
        name,
        depth,
        size,
        seeds,
        steps,
        measurements: 0,
        settings: settings.clone(),
    };
    let measured = |name, size, seeds, steps, measurements, settings: &SimulateSettings| Case {
        measurements,
        ..case(name, 3, size, seeds, steps, settings)
    };
    let mut arithmetic = headline.clone();
    arithmetic.switch = Some(Switch {
        at_step: 0,
        samples: 10,
    });
    let mut single = headline.clone();
    single.precision = Precision::F32;
    let mut by_sample = headline.clone();
    by_sample.data.sample_by_sample = true;
    let mut student = headline.clone();
    student.data.noise = NoiseLaw::StudentT { degrees: 5.0 };
    let mut finite = headline.clone();
    finite.data.source = SampleSource::Finite {
        samples: 1000,
        replacement: false,
    };
    let mut momentum = headline.clone();
    momentum.recipe.momentum = 0.9;
    let with_sam = |independent| {
        let mut settings = headline.clone();
        settings.recipe.sam = Some(Sam {
            radius: 0.001,
            normalised: false,
            independent,
        });
        settings
    };
    let (sam, independent) = (with_sam(false), with_sam(true));
    let batch_100 = SimulateSettings::new(0.001, 100);
    let small = SimulateSettings {
        init: InitialWeights::Xavier { gain: 1.0 },
        ..SimulateSettings::new(1e-4, 10)
    };
    let wide = SimulateSettings::new(1e-4, 100);
    vec![
        case("D=3 d=2 B=10", 3, 2, 16, 40_000, &headline),
        case(
            "D=3 d=2, no random numbers (fixed batch)",
            3,
            2,
            16,
            40_000,
            &arithmetic,
        ),
        case("D=1 d=2 B=10", 1, 2, 16, 40_000, &headline),
        case("D=3 d=2 B=10, one seed", 3, 2, 1, 40_000, &headline),
        case("D=3 d=2 B=10, f32", 3, 2, 16, 40_000, &single),
        case("D=3 d=2 B=10, momentum", 3, 2, 16, 40_000, &momentum),
        case("D=3 d=2 B=100", 3, 2, 16, 40_000, &batch_100),
        case(
            "D=3 d=2 B=10, sample by sample",
            3,
            2,
            16,
            10_000,
            &by_sample,
        ),
        case("D=3 d=2 B=10, Student t", 3, 2, 16, 10_000, &student),
        case("D=3 d=2 B=10, finite set", 3, 2, 16, 10_000, &finite),
        case("D=20 d=2 B=10", 20, 2, 16, 10_000, &headline),
        case("D=3 d=3 B=10", 3, 3, 16, 20_000, &headline),
        case("D=3 d=4 B=10", 3, 4, 16, 20_000, &headline),
        case("D=3 d=5 B=10", 3, 5, 16, 10_000, &headline),
        case("D=3 d=8 B=10", 3, 8, 16, 4000, &headline),
        case("D=3 d=12 B=10", 3, 12, 16, 2000, &headline),
        case("D=3 d=16 B=10", 3, 16, 16, 1000, &headline),
        case("D=3 d=2 B=10, SAM", 3, 2, 16, 20_000, &sam),
        case(
            "D=3 d=2 B=10, SAM, own minibatch",
            3,
            2,
            16,
            20_000,
            &independent,
        ),
        case("D=3 d=8 B=10, SAM", 3, 8, 16, 2000, &sam),
        case(
            "D=3 d=8 B=10, SAM, own minibatch",
            3,
            8,
            16,
            2000,
            &independent,
        ),
        case("D=3 d=16 B=10, SAM", 3, 16, 16, 500, &sam),
        case(
            "D=3 d=16 B=10, SAM, own minibatch",
            3,
            16,
            16,
            500,
            &independent,
        ),
        // Each beside as many steps without: the difference is what measuring adds.
        case("D=3 d=8 B=10, not measured", 3, 8, 16, 20_000, &headline),
        measured("D=3 d=8 B=10, measured", 8, 16, 20_000, 100, &headline),
        case("D=3 d=16 B=10, not measured", 3, 16, 16, 10_000, &headline),
        measured("D=3 d=16 B=10, measured", 16, 16, 10_000, 100, &headline),
        case("D=3 d=32 B=100, not measured", 3, 32, 16, 4000, &wide),
        measured("D=3 d=32 B=100, measured", 32, 16, 4000, 100, &wide),
        case("D=3 d=32 B=100", 3, 32, 16, 200, &wide),
        case("D=3 d=100 B=10", 3, 100, 8, 40, &small),
        case("D=3 d=128 B=100", 3, 128, 2, 20, &wide),
        case("D=3 d=128 B=100, not measured", 3, 128, 2, 400, &wide),
        measured("D=3 d=128 B=100, measured", 128, 2, 400, 20, &wide),
        case("D=3 d=300 B=100", 3, 300, 2, 10, &wide),
    ]
}
