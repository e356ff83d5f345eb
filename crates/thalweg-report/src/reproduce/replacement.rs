//! Beyond the paper: sampled without replacement SGD ends where Theorem 1's principle says, even where noise is turned; with, it does not.

use thalweg::simulate::{Ensemble, SampleSource};
use thalweg::theory::least_fluctuation;

use super::exhibit::{Exhibit, sgd_settings};
use super::linear::{EVEN, at_theorem_1, experiment, plain, turned_problem};
use super::plan::Plan;
use super::ran::Ran;
use super::two_layers::sharpness;
use super::{Context, ReproduceError};
use crate::claims::{Claim, SGD, Tolerance, beyond};
use crate::plot::{Axis, Dash, Figure, Look, Panel, Point};
use crate::results::Budget;
use crate::statistics::PerTrial;
use thalweg_lab::quantity::{LAMBDA_MAX, Quantity, SHARPNESS};
use thalweg_lab::spec::Experiment;

const BATCH: usize = 10;
/// Between the axes of noise and signal, degrees.
const ANGLE: f64 = 60.0;
/// N of the data sets; each trial has a set of its own.
const SAMPLES: [usize; 2] = [20, 100];

/// How minibatches are drawn.
#[derive(Clone, Copy, PartialEq)]
enum Draw {
    Reshuffled,
    Replaced,
}

const DRAWS: [(Draw, &str); 2] = [
    (Draw::Reshuffled, "reshuffled each epoch"),
    (Draw::Replaced, "with replacement"),
];

/// Sets, one for each trial: many, since they differ, and as many as two processors advance at once.
const TRIALS: u64 = 16;

/// η of the runs on sets of `samples`, from the largest.
fn rates(samples: usize, budget: Budget) -> &'static [f64] {
    if samples == SAMPLES[0] {
        budget.choose(&[0.04, 0.02], &[0.04, 0.02, 0.01])
    } else {
        budget.choose(&[0.02, 0.01], &[0.02, 0.01, 0.005])
    }
}

/// u at the end of the runs with replacement on infinite sets.
fn slow_time(budget: Budget) -> f64 {
    budget.choose(15.0, 25.0)
}

/// Steps to the same slow time, of which a relaxation takes 6.7. Without replacement the noise, and the clock, is (N − B)/(N − 1) of that with.
fn steps(samples: usize, learning_rate: f64, budget: Budget) -> u64 {
    let left = (samples - BATCH) as f64 / (samples - 1) as f64;
    let steps = slow_time(budget) / left * BATCH as f64 / (learning_rate * learning_rate);
    budget.long(steps as u64, steps as u64)
}

fn name(samples: usize, learning_rate: f64, draw: Draw) -> String {
    let how = match draw {
        Draw::Reshuffled => "reshuffled",
        Draw::Replaced => "replaced",
    };
    format!("samples-{samples}-rate-{learning_rate}-{how}")
}

/// Every set, step and way to draw, from Theorem 1's minimum of the population.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let problem = turned_problem(ANGLE)?;
    let mut plan = Plan::default();
    for samples in SAMPLES {
        for &learning_rate in rates(samples, budget) {
            for (draw, _) in DRAWS {
                let mut settings = plain(learning_rate, BATCH, at_theorem_1(&problem)?);
                settings.data.source = SampleSource::Finite {
                    samples,
                    replacement: draw == Draw::Replaced,
                };
                let steps = steps(samples, learning_rate, budget);
                let runs = experiment(problem.clone(), settings, steps, EVEN, budget);
                let runs = Experiment {
                    seeds: (1..=TRIALS).collect(),
                    ..runs
                };
                plan.linear(name(samples, learning_rate, draw), runs);
            }
        }
    }
    Ok(plan)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let budget = context.budget;
    let cases = cases(ran, budget)?;
    let all = |samples| {
        let each = rates(samples, budget).iter().map(f64::to_string);
        each.collect::<Vec<_>>().join(", ")
    };
    let mut settings = sgd_settings(
        "D = 2, d = 2, Σx = I, V = diag(1.5, 0.5), √Σε = (1, 0.2) on axes turned by 60°",
        rates(SAMPLES[0], budget)[0],
        BATCH,
        steps(SAMPLES[0], rates(SAMPLES[0], budget)[0], budget),
        "Theorem 1's minimum of the population",
        &budget.linear_seeds(),
    );
    settings.retain(|(key, _)| !["η", "steps", "trials", "data"].contains(key));
    settings.push(("trials", format!("seeds 1 to {TRIALS}, a set for each")));
    settings.push((
        "η",
        format!("{} for N = 20, {} for N = 100", all(20), all(100)),
    ));
    settings.push((
        "steps",
        format!("to slow time η²t/B = {} (N − 1)/(N − B)", slow_time(budget)),
    ));
    settings.push(("data", "N Gaussian samples, drawn once, f64".to_owned()));
    Ok(Exhibit {
        caption: "Noise turned against the signal takes SGD away from the minimum of its fluctuation if each minibatch is \
                  drawn anew, however small η is. On a finite set that is passed through in random order, epoch by epoch, it is otherwise: \
                  as η falls SGD tends to the minimum of the fluctuation over the set, (1/N) Σ‖grad ℓ_{i}‖², which for two layers has a closed form. \
                  Right: how far below it stays, over the length of an epoch in units of the stiffest direction's own time, η λ_{max} N/B. \
                  Where that is small the minibatches of an epoch undo each other's noise before it can turn the drift: the distance falls \
                  about in proportion to η. At equal length it is smaller for the larger sets. Drawn with replacement it stays."
            .to_owned(),
        settings,
        claims: claims(&cases),
        figure: Figure {
            description: "Sharpness at the end of SGD on finite data sets, relative to the minimum of fluctuation, \
                          against step size and epoch length"
                .to_owned(),
            panels: vec![
                ends(SAMPLES[0], &cases),
                ends(SAMPLES[1], &cases),
                departures(&cases),
            ],
            columns: 3,
            frame: (230.0, 220.0),
        },
    })
}

/// A run at its end, trial by trial.
struct Case {
    samples: usize,
    learning_rate: f64,
    draw: Draw,
    sharpness: PerTrial,
    /// T at the least fluctuation over each trial's own set.
    least: PerTrial,
    lambda_max: PerTrial,
}

impl Case {
    /// T relative to that at the least fluctuation.
    fn relative(&self) -> PerTrial {
        self.sharpness.over(&self.least)
    }

    /// How far it is below.
    fn departure(&self) -> PerTrial {
        let relative = self.relative();
        relative.with(&relative, |relative, _| 1.0 - relative)
    }

    /// η λ_max N/B, the mean over the trials.
    fn epoch(&self) -> f64 {
        let curvature = self.lambda_max.mean();
        let epoch = self.samples as f64 / BATCH as f64;
        curvature.map_or(f64::NAN, |found| self.learning_rate * found.value * epoch)
    }
}

fn cases(ran: &Ran, budget: Budget) -> Result<Vec<Case>, ReproduceError> {
    let mut cases = Vec::new();
    for samples in SAMPLES {
        for &learning_rate in rates(samples, budget) {
            for (draw, _) in DRAWS {
                let (experiment, trials) = ran.linear(&name(samples, learning_rate, draw))?;
                let end = |quantity: &Quantity| trials.end(&quantity.key);
                cases.push(Case {
                    samples,
                    learning_rate,
                    draw,
                    sharpness: end(&SHARPNESS),
                    least: least(experiment)?,
                    lambda_max: end(&LAMBDA_MAX),
                });
            }
        }
    }
    Ok(cases)
}

/// T at the least fluctuation over the very set of each trial.
fn least(experiment: &Experiment) -> Result<PerTrial, ReproduceError> {
    let Experiment {
        problem,
        settings,
        seeds,
        ..
    } = experiment;
    let sets = Ensemble::start(problem, settings, seeds)?.data_sets();
    let each = sets.iter().map(|set| {
        let weights = least_fluctuation(set.inputs.as_ref(), set.labels.as_ref())?;
        Ok(Ok(sharpness(problem, &weights)?))
    });
    Ok(PerTrial(each.collect::<Result<_, ReproduceError>>()?))
}

/// The cases of sets of `samples` that are drawn so, from the largest η.
fn of(cases: &[Case], samples: usize, draw: Draw) -> impl Iterator<Item = &Case> {
    let wanted = move |case: &&Case| case.samples == samples && case.draw == draw;
    cases.iter().filter(wanted)
}

fn claims(cases: &[Case]) -> Vec<Claim> {
    let mut claims = Vec::new();
    for samples in SAMPLES {
        let reshuffled: Vec<&Case> = of(cases, samples, Draw::Reshuffled).collect();
        let replaced: Vec<&Case> = of(cases, samples, Draw::Replaced).collect();
        let (Some(coarse), Some(fine), Some(other)) =
            (reshuffled.first(), reshuffled.last(), replaced.last())
        else {
            continue;
        };
        let title = format!("N = {samples}, η = {}", fine.learning_rate);
        claims.push(tends(&title, fine));
        claims.push(Claim::new(
            format!(
                "{title}: reshuffled, it is nearer to the least fluctuation than at η = {}: ratio of the distances",
                coarse.learning_rate
            ),
            beyond(""),
            (
                fine.departure()
                    .ratio_of_means(&coarse.departure())
                    .map(|ratio| ratio.size()),
                1.0,
            ),
            "ratio 1: no nearer",
            Tolerance::Below {},
        ));
        claims.push(Claim::ratio(
            format!("{title}: with replacement, T stays below that at the least fluctuation"),
            beyond("turned noise has a drift that is no gradient"),
            other.relative().geometric_mean(),
            Tolerance::Below {},
        ));
        claims.push(Claim::new(
            format!("{title}: with replacement it is further away than reshuffled: ratio of the distances"),
            beyond(""),
            (
                other.departure().ratio_of_means(&fine.departure()),
                1.0,
            ),
            "ratio 1: as far",
            Tolerance::Above {},
        ));
    }
    claims
}

/// Reshuffled SGD against the least fluctuation, set by set: their T differs widely from set to set.
fn tends(title: &str, case: &Case) -> Claim {
    Claim::ratio(
        format!(
            "{title}: reshuffled, SGD ends at the least fluctuation over its set: T over T there"
        ),
        beyond("SGD without replacement descends L + (η/4) × the mean of ‖grad L_{batch}‖²"),
        case.relative().geometric_mean(),
        SGD,
    )
}

fn ends(samples: usize, cases: &[Case]) -> Panel {
    let mut panel = Panel::new(
        format!("sets of N = {samples}"),
        Axis::linear("learning rate η").including(0.0),
        Axis::linear("T / T at the least fluctuation").including(1.0),
    );
    for (i, (draw, what)) in DRAWS.into_iter().enumerate() {
        let at = |case: &Case| Some(case.relative().mean().ok()?.point(case.learning_rate));
        let points = of(cases, samples, draw).filter_map(at);
        panel = panel.with(what, points.collect(), Look::scattered(i));
    }
    panel.with_level(
        "the least fluctuation over the set",
        1.0,
        Look::reference(Dash::Dashed),
    )
}

fn departures(cases: &[Case]) -> Panel {
    let mut panel = Panel::new(
        "how far below",
        Axis::log("epoch length η λ_{max} N/B"),
        Axis::linear("1 − T / T at the least fluctuation").including(0.0),
    );
    for (draw, what) in DRAWS {
        for samples in SAMPLES {
            let at = |case: &Case| -> Option<Point> {
                Some(case.departure().mean().ok()?.point(case.epoch()))
            };
            let points: Vec<Point> = of(cases, samples, draw).filter_map(at).collect();
            let place = 2 + panel.series.len();
            panel = panel.with(
                format!("{what}, N = {samples}"),
                points,
                Look::scattered(place),
            );
        }
    }
    panel
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Verdict;

    /// Two sets with least fluctuation at T = 10 and 20; the runs are below by these parts of it, and a little apart.
    fn case(learning_rate: f64, draw: Draw, below: f64) -> Case {
        let trials = |values: [f64; 2]| PerTrial(values.map(Ok).to_vec());
        let part = 1.0 - below;
        Case {
            samples: SAMPLES[0],
            learning_rate,
            draw,
            sharpness: trials([10.0 * (part + 1e-3), 20.0 * (part - 1e-3)]),
            least: trials([10.0, 20.0]),
            lambda_max: trials([4.0, 6.0]),
        }
    }

    #[test]
    fn each_claim_holds_and_fails_where_it_should() {
        let verdicts = |coarse, fine, replaced| -> Vec<Verdict> {
            let cases = [
                case(0.02, Draw::Reshuffled, coarse),
                case(0.01, Draw::Reshuffled, fine),
                case(0.01, Draw::Replaced, replaced),
            ];
            let judged = claims(&cases).into_iter().map(Claim::judge);
            judged.map(|judged| judged.verdict).collect()
        };
        assert_eq!(verdicts(0.04, 0.02, 0.1), [Verdict::Agrees; 4]);
        assert_eq!(verdicts(0.04, 0.1, 0.02)[0], Verdict::Disagrees);
        assert_eq!(verdicts(0.04, 0.1, 0.02)[1], Verdict::Disagrees);
        assert_eq!(verdicts(0.04, 0.1, 0.02)[3], Verdict::Disagrees);
        assert_eq!(verdicts(0.04, 0.02, -0.1)[2], Verdict::Disagrees);
        // η λ_max N/B = 0.01 · 5 · 2.
        let epoch = case(0.01, Draw::Replaced, 0.1).epoch();
        assert!((epoch - 0.1).abs() < 1e-15);
    }
}
