//! The registry, and the figures that cost nothing: claims, tolerances, letters, and wrong predictions.

use std::sync::atomic::AtomicBool;

use super::network::Kept;
use super::*;
use crate::plot::missing_glyphs;

const EXACT_FIGURES: [&str; 4] = ["cor1", "cor4", "corrections", "anisotropy-depth"];

fn made(id: &'static str) -> Made {
    let entry = find(&[id.to_owned()]).unwrap()[0];
    let context = Context {
        figure: id,
        budget: Budget::Quick,
        progress: &|_, _| {},
        kept: &Kept::default(),
        stop: &AtomicBool::new(false),
    };
    (entry.make)(context).unwrap()
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

#[test]
fn every_claim_states_who_by_what_and_when_it_agrees() {
    for made in EXACT_FIGURES.map(made) {
        assert!(!made.claims.is_empty());
        for claim in made.claims {
            let tolerance = claim.tolerance.to_string();
            for text in [&claim.statement, &claim.source, &claim.by, &tolerance] {
                assert!(!text.is_empty(), "{claim:?}");
            }
        }
    }
}

#[test]
fn exact_claims_agree_except_those_as_printed() {
    for made in EXACT_FIGURES.map(made) {
        for claim in made.claims {
            let printed = claim.statement.starts_with("as printed");
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

/// The proof that the verdicts can fail: every prediction off by a half turns agreement round.
#[test]
fn wrong_predictions_are_found_out() {
    for made in EXACT_FIGURES.map(made) {
        for claim in made.claims {
            let before = claim.clone().judge().verdict;
            let factor = match claim.tolerance {
                Tolerance::Within { .. } => 1.5,
                Tolerance::AtLeast { .. } => 100.0,
                Tolerance::AtMost { .. } => 0.01,
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
    for made in EXACT_FIGURES.map(made) {
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
    use super::observable::{CONDITIONS, FLUCTUATION, LAMBDA_MAX, SHARPNESS};
    for observable in CONDITIONS
        .into_iter()
        .chain([FLUCTUATION, LAMBDA_MAX, SHARPNESS])
    {
        for text in [observable.label, observable.name] {
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
        make: |_| Err(ReproduceError::NoStart { seed: 3 }),
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
