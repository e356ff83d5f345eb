//! The registry, and the figures that cost nothing: claims, tolerances, letters, and wrong predictions.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{LazyLock, OnceLock};

use thalweg_lab::spec::{Experiment, NetworkExperiment, read_experiment};

use super::*;
use crate::claims::{Claim, Judged, Tolerance, Verdict};
use crate::plot::missing_glyphs;
use crate::results::Results;

/// Those that also run SGD, beside what they compute.
const MIXED_FIGURES: [&str; 5] = [
    "sam-clock",
    "decay-or-noise",
    "input-noise",
    "smoothing",
    "label-scale",
];

const EXACT_FIGURES: [&str; 4] = ["cor1", "cor4", "corrections", "anisotropy-depth"];

fn context<'a>(figure: &'static str, kept: &'a Kept, stop: &'a AtomicBool) -> Context<'a> {
    Context {
        figure,
        budget: Budget::Tiny,
        progress: &|_, _| {},
        kept,
        stop,
    }
}

/// The figure, made once for all tests.
fn made(id: &'static str) -> &'static Exhibit {
    static MADE: LazyLock<BTreeMap<&str, OnceLock<Exhibit>>> = LazyLock::new(|| {
        let figures = FIGURES.iter();
        figures.map(|entry| (entry.id, OnceLock::new())).collect()
    });
    MADE[id].get_or_init(|| {
        let entry = find(&[id.to_owned()]).unwrap()[0];
        let (kept, stop) = (Kept::default(), AtomicBool::new(false));
        let context = context(id, &kept, &stop);
        let ran = Ran::new((entry.plan)(Budget::Tiny).unwrap(), context).unwrap();
        (entry.show)(&ran, context).unwrap()
    })
}

#[test]
fn names_are_unique_and_all_stands_for_every_one() {
    let all = find(&[ALL.to_owned()]).unwrap();
    assert_eq!(all.len(), FIGURES.len());
    for (i, entry) in FIGURES.iter().enumerate() {
        assert!(FIGURES[..i].iter().all(|other| other.id != entry.id));
        assert_eq!(find(&[entry.id.to_owned()]).unwrap()[0].id, entry.id);
    }
    for (alias, id) in ALIASES {
        assert_eq!(find(&[alias.to_owned()]).unwrap()[0].id, id);
    }
    let message = find(&["fig99".to_owned()]).unwrap_err().to_string();
    assert!(
        message.contains("fig99") && message.contains("fig2"),
        "{message}"
    );
}

/// How many claims each figure makes, whatever comes out: a lost one is noticed.
const CLAIMS: [(&str, usize); 29] = [
    ("fig1", 14),
    ("fig2", 18),
    ("fig3", 10),
    ("fig4", 3),
    ("fig5", 8),
    ("fig6", 12),
    ("fig7", 32),
    ("fig8", 8),
    ("prop1", 15),
    ("cor1", 5),
    ("cor4", 5),
    ("corrections", 10),
    ("flow-vs-sgd", 12),
    ("rnn", 4),
    ("biases", 5),
    ("switch", 2),
    ("anisotropy-depth", 3),
    ("theory-ends", 6),
    ("turned-noise", 22),
    ("sam-clock", 7),
    ("decay-or-noise", 11),
    ("input-noise", 12),
    ("smoothing", 20),
    ("replacement", 8),
    ("label-scale", 13),
    ("real-noise", 11),
    ("interventions", 21),
    ("sam-anisotropy", 20),
    ("what-to-watch", 10),
];

/// All figures at a budget that decides nothing: every drawing and every claim is there, and what is written reads back.
#[test]
fn every_figure_is_made_drawn_and_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let results = write(
        FIGURES,
        Budget::Tiny,
        directory.path(),
        &|_, _| {},
        &AtomicBool::new(false),
    )
    .unwrap();
    assert_eq!(results.failures, []);
    assert_eq!(Results::read(directory.path()).unwrap(), results);
    assert_eq!(results.figures.len(), FIGURES.len());
    for (figure, entry) in results.figures.iter().zip(FIGURES) {
        assert_eq!(figure.id, entry.id);
        let claims = (entry.id, figure.claims.len());
        assert!(CLAIMS.contains(&claims), "{claims:?}");
        assert!(
            !figure.claims.is_empty() && !figure.says.is_empty(),
            "{}",
            figure.id
        );
        for claim in &figure.claims {
            let tolerance = claim.tolerance.words(claim.standard_error.is_some());
            for text in [
                &claim.statement,
                &claim.source,
                &claim.predicted_by,
                &tolerance,
            ] {
                assert!(!text.is_empty(), "{claim:?}");
            }
            assert!(claim.predicted.is_some(), "{claim:?}");
            assert!(
                claim.measured.is_some() || claim.reason.is_some(),
                "{claim:?}"
            );
            let same = |other: &&Judged| other.statement == claim.statement;
            assert_eq!(
                figure.claims.iter().filter(same).count(),
                1,
                "{}",
                claim.statement
            );
        }
        for extension in ["svg", "png", "csv"] {
            let path = directory.path().join(format!("{}.{extension}", figure.id));
            assert!(
                std::fs::metadata(&path).unwrap().len() > 500,
                "{}",
                path.display()
            );
        }
        assert_eq!(
            figure.runs.len(),
            (entry.plan)(Budget::Tiny).unwrap().0.len()
        );
        for run in &figure.runs {
            for file in [&run.specification, &run.measurements] {
                assert!(directory.path().join(file).is_file(), "{file}");
            }
        }
    }
}

/// What stands beside a figure is all that a reader needs: the file, run alone, gives the same table to the last bit.
#[test]
fn a_run_beside_a_figure_gives_the_same_numbers_alone() {
    let directory = tempfile::tempdir().unwrap();
    let names = ["fig4", "rnn", "sam-clock", "input-noise", "replacement"];
    let figures = find(&names.map(str::to_owned)).unwrap();
    let stop = AtomicBool::new(false);
    let results = write(&figures, Budget::Tiny, directory.path(), &|_, _| {}, &stop).unwrap();
    let save_every = std::time::Duration::from_secs(60);
    for (i, run) in results
        .figures
        .iter()
        .flat_map(|figure| &figure.runs)
        .enumerate()
    {
        let out = directory.path().join(format!("alone-{i}"));
        let file = directory.path().join(&run.specification);
        if run.command.starts_with("thalweg simulate ") {
            let experiment = read_experiment::<Experiment>(&file).unwrap();
            thalweg_lab::run::run(&experiment, &out, save_every, &mut (), &stop).unwrap();
        } else {
            assert!(run.command.starts_with("thalweg train "), "{}", run.command);
            let experiment = read_experiment::<NetworkExperiment>(&file).unwrap();
            thalweg_lab::run::run(&experiment, &out, save_every, &mut (), &stop).unwrap();
        }
        let [alone, beside] = [
            out.join("measurements.parquet"),
            directory.path().join(&run.measurements),
        ]
        .map(|path| std::fs::read(path).unwrap());
        assert!(alone == beside, "{}", run.specification);
    }
}

/// Figures 2 and 5 show the same runs, and a run that was made is not made again.
#[test]
fn figures_share_their_runs() {
    let plan = |id: &str| (find(&[id.to_owned()]).unwrap()[0].plan)(Budget::Tiny).unwrap();
    let keys = |id| -> Vec<String> {
        plan(id)
            .0
            .iter()
            .map(|(_, planned)| planned.specification())
            .collect()
    };
    assert_eq!(keys("fig2"), keys("fig5"));
    let (kept, stop) = (Kept::default(), AtomicBool::new(false));
    let ran = || Ran::new(plan("fig4"), context("fig4", &kept, &stop)).unwrap();
    let (first, second) = (ran(), ran());
    for ((name, run), (other, same)) in first.all().iter().zip(second.all()) {
        assert!(name == other && std::sync::Arc::ptr_eq(run, same), "{name}");
    }
    assert!(first.linear("no such run").is_err() && first.network("switched").is_err());
}

#[test]
fn exact_claims_agree_except_those_as_printed() {
    for made in EXACT_FIGURES.map(made) {
        for claim in made.claims.iter().cloned() {
            let printed = claim.source.origin == Origin::Misprint;
            assert_eq!(printed, claim.statement.starts_with("as printed"));
            let judged = claim.judge();
            let expected = if printed {
                Verdict::Disagrees
            } else {
                Verdict::Agrees
            };
            assert_eq!(judged.verdict, expected, "{judged:?}");
        }
    }
}

/// What is computed beside runs agrees however short these are.
#[test]
fn computed_claims_of_figures_that_run_agree() {
    let mut computed = 0;
    for made in MIXED_FIGURES.map(made) {
        for claim in made.claims.iter().cloned() {
            let judged = claim.judge();
            if judged.trials == 0 && judged.measured.is_some() {
                assert_eq!(judged.verdict, Verdict::Agrees, "{judged:?}");
                computed += 1;
            }
        }
    }
    assert_eq!(computed, 1 + 1 + 1 + 2 + 3 + 3);
}

/// The proof that the verdicts can fail: every prediction off by a half turns agreement round.
#[test]
fn wrong_predictions_are_found_out() {
    for made in EXACT_FIGURES.map(made) {
        for claim in made.claims.iter().cloned() {
            let before = claim.clone().judge().verdict;
            let factor = match claim.tolerance {
                Tolerance::Within { .. } => 1.5,
                Tolerance::AtLeast {} | Tolerance::Above {} => 100.0,
                Tolerance::AtMost {} | Tolerance::Below {} => 0.01,
            };
            let predicted = claim.predicted * factor;
            let after = Claim { predicted, ..claim }.judge();
            if before == Verdict::Agrees {
                assert_eq!(after.verdict, Verdict::Disagrees, "{after:?}");
            }
        }
    }
}

#[test]
fn every_letter_of_a_picture_is_in_the_font() {
    let all = EXACT_FIGURES.into_iter().chain(MIXED_FIGURES);
    for made in all.chain(["replacement"]).map(made) {
        for panel in &made.figure.panels {
            let names = panel
                .series
                .iter()
                .map(|s| &s.name)
                .chain(panel.levels.iter().map(|l| &l.name));
            for text in names.chain([&panel.title, &panel.x.label, &panel.y.label]) {
                assert!(
                    missing_glyphs(text).is_empty(),
                    "{text}: {:?}",
                    missing_glyphs(text)
                );
            }
        }
    }
}

#[test]
fn every_letter_of_the_measured_quantities_is_in_the_font() {
    use thalweg_lab::quantity::{SCALARS, condition_number};
    for quantity in SCALARS.into_iter().chain([condition_number(3)]) {
        for text in [&*quantity.with_unit(), &*quantity.symbol] {
            assert!(
                missing_glyphs(text).is_empty(),
                "{text}: {:?}",
                missing_glyphs(text)
            );
        }
    }
}

#[test]
fn a_stop_is_obeyed_and_leaves_what_was_finished() {
    let directory = tempfile::tempdir().unwrap();
    let stop = AtomicBool::new(false);
    let figures = find(&["cor1".to_owned(), "cor4".to_owned()]).unwrap();
    let halt = |figure: &'static str, _: f64| {
        if figure == "cor4" {
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    };
    let ended = write(&figures, Budget::Quick, directory.path(), &halt, &stop);
    assert!(matches!(
        ended,
        Err(ReproduceError::Stopped { figure: "cor4" })
    ));
    assert!(
        directory.path().join("cor1.png").exists() && directory.path().join("report.html").exists()
    );
    assert!(!directory.path().join("cor4.svg").exists());
}

#[test]
fn a_figure_that_fails_is_named_and_does_not_stop_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let stop = AtomicBool::new(false);
    let failing = Entry {
        show: |_, _| Err(ReproduceError::NoStart { seed: 3 }),
        ..find(&["cor1".to_owned()]).unwrap()[0]
    };
    let others = find(&["cor4".to_owned()]).unwrap();
    let figures = [failing, others[0]];
    let make = |figures: &[Entry]| {
        write(figures, Budget::Quick, directory.path(), &|_, _| {}, &stop).unwrap()
    };
    let results = make(&figures);
    assert_eq!(results.figures[0].id, "cor4");
    assert_eq!(results.failures[0].id, "cor1");
    let why = "the initial weights of seed 3 are too large to start from";
    assert_eq!(results.failures[0].error, why);
    assert_eq!(Results::read(directory.path()).unwrap(), results);
    let page = || std::fs::read_to_string(directory.path().join("report.html")).unwrap();
    assert!(page().contains(why) && page().contains(others[0].title));
    // Once it can be made, it has not failed.
    make(&find(&["cor1".to_owned()]).unwrap());
    let results = Results::read(directory.path()).unwrap();
    assert_eq!((results.figures.len(), results.failures.len()), (2, 0));
    assert!(!page().contains(why));
}

/// What is asked for follows the plans: the images and the evaluation sets of the largest, and the budget.
#[test]
fn memory_is_that_of_the_largest_plan() {
    let of = |id: &str, budget| memory(&find(&[id.to_owned()]).unwrap(), budget).unwrap();
    let images = 10_000 * 28 * 28 * 13;
    let computed = of("cor1", Budget::Quick);
    assert_eq!(computed, of("cor4", Budget::Full));
    assert!(of("fig1", Budget::Quick) > computed);
    assert!(of("fig2", Budget::Quick) > computed + images);
    let largest = ["fig2", "interventions", "what-to-watch"].map(|id| of(id, Budget::Quick));
    assert_eq!(largest.into_iter().max(), Some(of("all", Budget::Quick)));
    assert!(of("fig8", Budget::Full) > of("fig8", Budget::Quick));
}
