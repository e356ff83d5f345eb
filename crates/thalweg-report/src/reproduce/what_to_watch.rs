//! Beyond the paper: at the same training loss, which of sharpness, largest eigenvalue and fluctuation orders the test loss best.

use super::exhibit::Exhibit;
use super::families::{Family, LEVEL_AT, PILOT_NAME, QUICK_SEEDS, SEEDS, VARIATIONS};
use super::learners::{LEARNERS, Learner};
use super::matched::{NoReading, Reading, WATCHED, reading};
use super::ran::Ran;
use super::{Context, ReproduceError};
use crate::claims::{Claim, Tolerance, beyond};
use crate::plot::{Axis, Dash, Figure, Ink, Look, Panel, Point};
use crate::results::Budget;
use crate::statistics::{Measured, Resampled, kendall, resampled};
use thalweg_lab::quantity::LOSS;

/// The claims are about so many runs at least.
const FEWEST_RUNS: usize = 200;
const RESAMPLES: usize = 2000;

/// What was read of a family: each cell's runs, a cell being a variation.
struct Read {
    family: Family,
    level: f64,
    /// Those with runs.
    cells: Vec<Vec<Reading>>,
    /// The variation of each run that never came down to the level.
    never: Vec<&'static str>,
    diverged: usize,
}

impl Read {
    fn new(family: Family, ran: &Ran, budget: Budget) -> Result<Self, ReproduceError> {
        let (_, pilot) = ran.network(&family.name(PILOT_NAME))?;
        let at = pilot.index_from((LEVEL_AT * pilot.last() as f64) as u64);
        // A pilot that diverged sets no level, and no run is below NaN.
        let level = pilot.at(at, &LOSS.key).0[0].unwrap_or(f64::NAN);
        let mut read = Self {
            family,
            level,
            cells: Vec::new(),
            never: Vec::new(),
            diverged: 0,
        };
        for variation in family.variations(budget)? {
            let (_, trials) = ran.network(&family.name(variation.word))?;
            let mut cell = Vec::new();
            for trial in 0..trials.count() {
                match reading(trials, trial, level) {
                    Ok(reading) => cell.push(reading),
                    Err(NoReading::NeverReached) => read.never.push(variation.words),
                    Err(NoReading::Diverged) => read.diverged += 1,
                }
            }
            if !cell.is_empty() {
                read.cells.push(cell);
            }
        }
        Ok(read)
    }

    fn runs(&self) -> impl Iterator<Item = &Reading> {
        self.cells.iter().flatten()
    }
}

/// How well each of [`WATCHED`] orders the test loss, and by how much better F does than T and λ_max.
const STATISTICS: usize = WATCHED.len() + 2;
/// F among [`WATCHED`].
const F: usize = 2;

/// Kendall's τ of each quantity with the test loss, over pairs of runs of one family, in cells drawn from each family.
fn taus(read: &[&Read], drawn: &[Vec<usize>]) -> [Option<f64>; WATCHED.len()] {
    std::array::from_fn(|quantity| {
        let group = |(read, drawn): (&&Read, &Vec<usize>)| {
            let runs = drawn.iter().flat_map(|&cell| &read.cells[cell]);
            runs.map(|run| (run.watched[quantity], run.test_loss))
                .collect()
        };
        let groups: Vec<Vec<(f64, f64)>> = read.iter().zip(drawn).map(group).collect();
        kendall(&groups)
    })
}

fn sizes(read: &[&Read]) -> Vec<usize> {
    read.iter().map(|read| read.cells.len()).collect()
}

/// The statistics of some families, with errors by resampled cells.
struct Found {
    all: [Option<Resampled>; STATISTICS],
    cells: usize,
    runs: usize,
}

impl Found {
    fn new(read: &[&Read]) -> Self {
        let sizes = sizes(read);
        let all = resampled(&sizes, 1, RESAMPLES, |drawn| {
            let taus = taus(read, drawn);
            let ahead_of = |other: usize| Some(taus[F]? - taus[other]?);
            std::array::from_fn(|i| match i.checked_sub(WATCHED.len()) {
                None => taus[i],
                Some(other) => ahead_of(other),
            })
        });
        Self {
            all,
            cells: sizes.iter().sum(),
            runs: read.iter().map(|read| read.runs().count()).sum(),
        }
    }

    fn measured(&self, at: usize) -> Result<Measured, String> {
        let found = self.all[at].ok_or("too few runs came down to the level to be ordered")?;
        Ok(Measured {
            value: found.value,
            error: Some(found.error),
            trials: self.cells,
            left_out: None,
        })
    }

    fn claim(&self, statement: String, place: &str, at: usize, by: &str, runs: usize) -> Claim {
        let too_few = (runs < FEWEST_RUNS).then(|| {
            format!("{runs} runs were read, and the claim is about {FEWEST_RUNS} at least")
        });
        let measured = too_few.clone().map_or_else(|| self.measured(at), Err);
        Claim {
            too_early: too_few,
            ..Claim::new(
                statement,
                beyond(place),
                (measured, 0.0),
                by,
                Tolerance::Above {},
            )
        }
    }

    /// τ with its interval, for a reader.
    fn words(&self) -> String {
        let each = WATCHED
            .iter()
            .zip(&self.all)
            .map(|(symbol, found)| match found {
                None => format!("{symbol} –"),
                Some(Resampled {
                    value,
                    interval: [low, high],
                    ..
                }) => {
                    format!("{symbol} {value:.2} ({low:.2} … {high:.2})")
                }
            });
        format!(
            "{} ({} runs in {} cells)",
            each.collect::<Vec<_>>().join(", "),
            self.runs,
            self.cells
        )
    }
}

/// Which orders best, and whether it is ahead of the next by more than the cells leave open.
fn winner(read: &[&Read], found: &Found) -> Option<String> {
    let mut order: Vec<(usize, Resampled)> = found.all[..WATCHED.len()]
        .iter()
        .enumerate()
        .filter_map(|(i, tau)| Some((i, (*tau)?)))
        .collect();
    order.sort_by(|a, b| b.1.value.abs().total_cmp(&a.1.value.abs()));
    let [(first, best), (second, next), ..] = order[..] else {
        return None;
    };
    let [lead] = resampled(&sizes(read), 1, RESAMPLES, |drawn| {
        let taus = taus(read, drawn);
        let both = taus[first].zip(taus[second]);
        [both.map(|(first, second)| first.abs() - second.abs())]
    });
    let Resampled {
        value,
        interval: [low, high],
        ..
    } = lead?;
    let clear = if low > 0.0 {
        "a clear lead"
    } else {
        "which the runs do not tell from none"
    };
    Some(format!(
        "{} orders the test loss best here, τ = {:.2}; {} comes next, τ = {:.2}; |τ| differs by {value:.2} ({low:.2} … {high:.2}), {clear}",
        WATCHED[first], best.value, WATCHED[second], next.value
    ))
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let budget = context.budget;
    let read: Vec<Read> = Family::all(budget)
        .into_iter()
        .map(|family| Read::new(family, ran, budget))
        .collect::<Result<_, _>>()?;
    let all: Vec<&Read> = read.iter().collect();
    let of_learner = |learner| -> Vec<&Read> {
        let own = read.iter().filter(|read| read.family.learner == learner);
        own.collect()
    };
    let learners: Vec<(usize, Found)> = (0..LEARNERS.len())
        .map(|learner| (learner, of_learner(learner)))
        .filter(|(_, read)| !read.is_empty())
        .map(|(learner, read)| (learner, Found::new(&read)))
        .collect();
    let found = Found::new(&all);
    let mut panels = vec![order_panel(&found, &learners)];
    panels.extend((0..WATCHED.len()).map(|quantity| scatter(quantity, &read)));
    let winner = winner(&all, &found);
    let mut settings = settings(&read, budget)?;
    settings.push(("τ, all", found.words()));
    settings.extend(learners.iter().map(|(learner, found)| {
        (
            "τ",
            format!("{}: {}", LEARNERS[*learner].words, found.words()),
        )
    }));
    settings.extend(all.iter().map(|read| {
        (
            "τ",
            format!("{}: {}", read.family.word(), Found::new(&[read]).words()),
        )
    }));
    Ok(Exhibit {
        caption: format!(
            "At the same training loss, does a flatter network have the smaller test loss? First panel: Kendall’s τ between each quantity and the \
             test loss; 1 would be the same order, 0 none; bars are one standard error by resampled cells. Others: the runs themselves, \
             relative to the geometric mean of their family. A family is a network on one loss under one noise; runs are compared \
             within their family alone, where all have the same training loss. {} runs, {} seeds for each variation of the training; no teacher is drawn.{}",
            found.runs,
            budget.choose(QUICK_SEEDS, SEEDS),
            winner.map_or(String::new(), |winner| format!(" {winner}."))
        ),
        settings,
        claims: claims(&found, &learners),
        figure: Figure {
            description: "Rank correlation of sharpness, largest eigenvalue and fluctuation with the test loss, and the runs".to_owned(),
            panels,
            columns: 3,
            frame: (270.0, 220.0),
        },
    })
}

fn claims(found: &Found, learners: &[(usize, Found)]) -> Vec<Claim> {
    let runs = found.runs;
    let orders = WATCHED.iter().enumerate().map(|(at, symbol)| {
        let statement = format!("at the same training loss, the smaller {symbol}, the smaller the test loss: Kendall’s τ");
        found.claim(statement, "", at, "τ = 0: no order", runs)
    });
    let ahead = [(0, "T"), (1, "λ_{max}")];
    let place = "fluctuation as the thing to watch";
    let better = |of: &Found, other: usize, what: String| {
        of.claim(what, place, WATCHED.len() + other, "no difference", runs)
    };
    let all = ahead.map(|(other, symbol)| {
        better(
            found,
            other,
            format!("F orders the test loss better than {symbol}: τ of F less τ of {symbol}"),
        )
    });
    let each = learners.iter().map(|(learner, found)| {
        let words = LEARNERS[*learner].words;
        better(
            found,
            0,
            format!("{words}: F orders the test loss better than T"),
        )
    });
    orders.chain(all).chain(each).collect()
}

/// From one learner's points to the next one's.
const BESIDE: f64 = 0.12;

fn order_panel(found: &Found, learners: &[(usize, Found)]) -> Panel {
    let points = |found: &Found, shift: f64| {
        let each = found.all[..WATCHED.len()].iter().enumerate();
        let point = |(at, tau): (usize, &Option<Resampled>)| {
            let tau = (*tau)?;
            Some(Point {
                x: (at + 1) as f64 + shift,
                y: tau.value,
                error: tau.error,
            })
        };
        each.filter_map(point).collect::<Vec<_>>()
    };
    let numbered: Vec<String> = WATCHED
        .iter()
        .enumerate()
        .map(|(at, symbol)| format!("{} {symbol}", at + 1))
        .collect();
    let mut panel = Panel::new(
        "order of the test loss",
        Axis::linear(numbered.join(", "))
            .including(0.7)
            .including(5.3),
        Axis::linear("Kendall’s τ with the test loss").including(0.0),
    )
    .with_level("", 0.0, Look::reference(Dash::Dotted));
    for (learner, found) in learners {
        let shift = BESIDE * (*learner as f64) - 0.3;
        panel = panel.with(
            LEARNERS[*learner].words,
            points(found, shift),
            Look::scattered(*learner),
        );
    }
    let last = LEARNERS.len();
    // No learner has the text's own colour.
    let look = Look {
        ink: Ink::Text,
        ..Look::scattered(last)
    };
    panel.with("all", points(found, BESIDE * last as f64 - 0.3), look)
}

/// The test loss against one quantity, both relative to the family's geometric mean.
fn scatter(quantity: usize, read: &[Read]) -> Panel {
    let symbol = WATCHED[quantity];
    let mut panel = Panel::new(
        symbol,
        Axis::log(format!("{symbol}, relative to its family")),
        Axis::log("test loss, relative to its family"),
    );
    for (learner, Learner { words, .. }) in LEARNERS.iter().enumerate() {
        let own = read.iter().filter(|read| read.family.learner == learner);
        let points: Vec<Point> = own
            .flat_map(|read| {
                let mean = |of: &dyn Fn(&Reading) -> f64| {
                    let sum: f64 = read.runs().map(|run| of(run).ln()).sum();
                    (sum / read.runs().count() as f64).exp()
                };
                let x = mean(&|run| run.watched[quantity]);
                let y = mean(&|run| run.test_loss);
                read.runs()
                    .map(move |run| Point::exact(run.watched[quantity] / x, run.test_loss / y))
            })
            .collect();
        if !points.is_empty() {
            panel = panel.with(*words, points, Look::scattered(learner));
        }
    }
    panel
}

/// How many runs never came down to their level, and of which variations.
fn never(read: &[Read]) -> String {
    let left: Vec<&str> = read.iter().flat_map(|read| &read.never).copied().collect();
    let of = |words: &'static str| {
        let count = left.iter().filter(|&&own| own == words).count();
        (count > 0).then(|| format!("{words}: {count}"))
    };
    let each: Vec<String> = VARIATIONS
        .iter()
        .filter_map(|variation| of(variation.words))
        .collect();
    let each = if each.is_empty() {
        String::new()
    } else {
        format!(" ({})", each.join("; "))
    };
    format!(
        "{} runs that never came down to their level{each}",
        left.len()
    )
}

fn settings(read: &[Read], budget: Budget) -> Result<Vec<(&'static str, String)>, ReproduceError> {
    let diverged: usize = read.iter().map(|read| read.diverged).sum();
    let mut networks = Vec::new();
    for (at, learner) in LEARNERS.iter().enumerate() {
        let Some(read) = read.iter().find(|read| read.family.learner == at) else {
            continue;
        };
        let Learner {
            words, rate, batch, ..
        } = learner;
        let varied = read.family.variations(budget)?;
        let varied: Vec<&str> = varied.iter().map(|variation| variation.words).collect();
        networks.push((
            "networks",
            format!(
                "{words}: η = {rate}, B = {batch}, {} steps, read on {} samples of each side; varied by: {}",
                budget.steps(learner.steps),
                budget.samples(learner.samples),
                varied.join("; ")
            ),
        ));
    }
    let levels = read
        .iter()
        .map(|read| format!("{} {:.3}", read.family.word(), read.level));
    let rest = [
        (
            "data",
            "8000 built-in digits to train on; 756 rows of `elections` (where voters stand and place two candidates, each as a standardised \
             number); the first nine tenths of the built-in book, in windows of 16 characters"
                .to_owned(),
        ),
        (
            "noise",
            "none; even: every label of a class another with chance 0.1, or Gaussian noise of deviation 0.5 on every number; uneven: labels of \
             five classes another with chance 0.2, or deviations of 0.854, 0.1 and 0.1; fresh at each visit; a text has its own"
                .to_owned(),
        ),
        (
            "level",
            format!(
                "the training loss of a plain run with a seed of its own at a third of the steps: {}",
                levels.collect::<Vec<_>>().join("; ")
            ),
        ),
        (
            "left out",
            format!("{}; {diverged} runs that diverged", never(read)),
        ),
        (
            "reading",
            "everything of the plain loss: T, λ_max, F and tr Cov on samples that are trained on, the test loss on as many that are not, the \
             same for all runs of a family; between measured steps on straight lines of logarithms"
                .to_owned(),
        ),
        (
            "intervals",
            format!("95 %, by {RESAMPLES} resamples of whole cells, a cell being one variation in one family with all its seeds"),
        ),
    ];
    Ok(networks.into_iter().chain(rest).collect())
}

#[cfg(test)]
mod tests {
    use super::super::learners::Noise;
    use super::*;
    use crate::claims::Verdict;

    /// A family of cells with one run each: T falls and F rises with the test loss, and λ_max does as it likes.
    fn family(learner: usize, scale: f64, cells: usize) -> Read {
        let run = |cell: usize| {
            let x = (cell + 1) as f64;
            vec![Reading {
                watched: [
                    1.0 / x,
                    (7 * cell % 5) as f64 + 1.0,
                    scale * x,
                    x.sqrt(),
                    scale * x * x,
                ],
                test_loss: scale * (1.0 + x),
            }]
        };
        Read {
            family: Family {
                learner,
                noise: Noise::None,
            },
            level: 1.0,
            cells: (0..cells).map(run).collect(),
            never: Vec::new(),
            diverged: 0,
        }
    }

    #[test]
    fn what_rises_with_the_test_loss_orders_it_in_each_family_by_itself() {
        // The second family's numbers are all above the first's.
        let (one, other) = (family(0, 1.0, 6), family(1, 1000.0, 5));
        let found = Found::new(&[&one, &other]);
        let value = |at: usize| found.all[at].unwrap().value;
        assert_eq!(
            [value(0), value(F), value(3), value(4)],
            [-1.0, 1.0, 1.0, 1.0]
        );
        // F less T.
        assert_eq!(value(WATCHED.len()), 2.0);
        assert_eq!(value(WATCHED.len() + 1), 1.0 - value(1));
        assert_eq!((found.cells, found.runs), (11, 11));
        let words = winner(&[&one, &other], &found).unwrap();
        assert!(
            words.contains("which the runs do not tell from none"),
            "{words}"
        );
    }

    #[test]
    fn runs_that_are_left_out_are_counted_by_their_variation() {
        let (mut one, mut other) = (family(0, 1.0, 2), family(1, 1.0, 2));
        one.never = vec!["none", "B/4"];
        other.never = vec!["B/4"];
        assert_eq!(
            never(&[one, other]),
            "3 runs that never came down to their level (none: 1; B/4: 2)"
        );
    }

    #[test]
    fn few_runs_decide_nothing() {
        let one = family(0, 1.0, 12);
        let found = Found::new(&[&one]);
        let judged = |runs| found.claim("λ".to_owned(), "", 1, "none", runs).judge();
        assert_eq!(judged(FEWEST_RUNS - 1).verdict, Verdict::NotAtThisBudget);
        assert_eq!(judged(FEWEST_RUNS - 1).measured, None);
        let enough = judged(FEWEST_RUNS);
        assert_eq!(
            (enough.measured, enough.trials),
            (Some(found.all[1].unwrap().value), 12)
        );
    }
}
