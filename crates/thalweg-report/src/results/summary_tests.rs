//! Summaries of verdicts made by hand: each verdict reaches the section and the words that it should.

use super::super::{Budget, Environment};
use super::*;
use crate::claims::{Cause, Citation, Claim, Tolerance, beyond, paper};
use crate::reproduce::FIGURES;
use crate::statistics::Measured;

fn value(statement: &str, source: Citation, measured: (f64, f64)) -> Judged {
    let measured = Measured {
        error: Some(measured.1),
        trials: 16,
        ..Measured::exact(measured.0)
    };
    Claim::new(
        statement,
        source,
        (Ok(measured), 10.0),
        "theory",
        Tolerance::Within { relative: 0.05 },
    )
    .judge()
}

fn figure(id: &str, claims: Vec<Judged>) -> FigureResult {
    FigureResult {
        id: id.to_owned(),
        title: format!("Title of {id}"),
        origin: FIGURES
            .iter()
            .find(|entry| entry.id == id)
            .map_or(Origin::Paper, |entry| entry.origin),
        says: format!("What {id} says."),
        caption: String::new(),
        notes: Vec::new(),
        command: String::new(),
        settings: vec![],
        claims,
        runs: vec![],
        seconds: 0.0,
        budget: Budget::Quick,
        environment: Environment::here(),
    }
}

fn of(figures: Vec<FigureResult>) -> Summary {
    summarise(&Results {
        figures,
        ..Results::default()
    })
}

fn ids(paragraphs: &[Paragraph]) -> Vec<&str> {
    let ids = paragraphs.iter().map(|paragraph| &*paragraph.id);
    ids.collect()
}

fn undecided(statement: &str, source: Citation, verdict: Verdict) -> Judged {
    let cause = match verdict {
        Verdict::NotAtThisBudget => Cause::TooShort,
        Verdict::OutsideTheRange => Cause::StepTooLarge,
        _ => Cause::NoNumber,
    };
    Judged {
        verdict,
        cause: Some(cause),
        ..value(statement, source, (10.0, 0.1))
    }
}

#[test]
fn each_figure_of_the_paper_stands_once_by_its_worst_verdict_with_the_reason() {
    let here = || paper("Figure 1");
    let (right, wrong) = ((10.1, 0.1), (12.0, 0.1));
    let summary = of(vec![
        figure(
            "fig1",
            vec![value("a", here(), right), value("b", here(), wrong)],
        ),
        figure("fig2", vec![value("unsure", here(), (10.1, 0.8))]),
        figure("fig3", vec![value("c", here(), right)]),
        figure(
            "fig4",
            vec![value("d", here(), right), value("e", here(), right)],
        ),
        figure(
            "fig5",
            vec![
                value("first wrong", here(), wrong),
                value("second wrong", here(), wrong),
                undecided("f", here(), Verdict::NotAtThisBudget),
                undecided("g", here(), Verdict::OutsideTheRange),
                undecided("h", here(), Verdict::NotMeasured),
                value("i", here(), right),
            ],
        ),
    ]);
    assert_eq!(
        summary.opening,
        ["Of the 12 claims that the paper makes, 5 agree, 3 disagree and 4 are undecided."]
    );
    assert_eq!(ids(&summary.reproduced), ["fig3", "fig4"]);
    assert_eq!(summary.reproduced[0].outcome, ["1 of 1 claims agrees."]);
    assert_eq!(summary.reproduced[1].outcome, ["All 2 claims agree."]);
    assert_eq!(ids(&summary.not_reproduced), ["fig1", "fig2", "fig5"]);
    let reasons: Vec<&str> = summary
        .not_reproduced
        .iter()
        .flat_map(|paragraph| paragraph.outcome.iter().map(|words| &**words))
        .collect();
    assert_eq!(
        reasons,
        [
            "1 of 2 claims agrees; 1 disagrees: b.",
            "0 of 1 claims agree; 1 too noisy.",
            "1 of 6 claims agrees; 1 too short; 1 with η too large; 1 not measured; 2 disagree, the first: first wrong.",
        ]
    );
    assert!(summary.new.is_empty());
}

/// What is new in a figure of the paper does not decide whether the paper was reproduced, and what a figure of our own
/// says of the paper is not counted as ours.
#[test]
fn what_is_new_stands_apart() {
    let (right, wrong) = ((10.0, 0.1), (20.0, 0.1));
    let mixed = |ours, theirs| {
        vec![
            value("ours", beyond(""), ours),
            value("theirs", paper("p"), theirs),
        ]
    };
    let summary = of(vec![
        figure("fig2", mixed(wrong, right)),
        figure("fig3", mixed(right, wrong)),
        figure("turned-noise", mixed(right, wrong)),
    ]);
    assert_eq!(ids(&summary.reproduced), ["fig2"]);
    assert_eq!(ids(&summary.not_reproduced), ["fig3"]);
    assert_eq!(ids(&summary.new), ["turned-noise"]);
    assert_eq!(
        summary.new[0].outcome,
        [
            "1 of 1 claims agrees.",
            "0 of 1 claims of the paper agree; 1 disagrees: theirs."
        ]
    );
    assert_eq!(
        summary.opening,
        [
            "Of the 3 claims that the paper makes, 1 agrees and 2 disagree; of the 3 claims that go beyond it, 2 agree and 1 disagrees."
        ]
    );
}

#[test]
fn misprints_are_expected_to_disagree() {
    let source = |origin| Citation {
        origin,
        place: "eq. 19".to_owned(),
    };
    let summary = of(vec![figure(
        "corrections",
        vec![
            value("as printed", source(Origin::Misprint), (20.0, 0.1)),
            value("as printed, too", source(Origin::Misprint), (10.0, 0.1)),
            value("corrected", source(Origin::Correction), (10.0, 0.1)),
            value("corrected, too", source(Origin::Correction), (10.0, 0.1)),
        ],
    )]);
    assert_eq!(
        summary.opening,
        [
            "Of 2 misprinted statements 1 disagrees with the exact value, and of 2 corrected ones 2 agree."
        ]
    );
    assert_eq!(
        summary.new[0].outcome,
        ["All 2 corrections agree.", "1 of 2 misprints disagrees."]
    );
    assert!(summary.reproduced.is_empty() && summary.not_reproduced.is_empty());
}

/// Every figure, a third of them with all claims agreeing, a third cut short or at too large a step, a third with
/// disagreements: that is a page.
#[test]
fn the_whole_registry_fits_on_a_page() {
    let figures = FIGURES.iter().enumerate().map(|(i, entry)| {
        let source = || Citation {
            origin: entry.origin,
            place: "p".to_owned(),
        };
        let long = "ReLU network, squared error: T ends larger under anisotropic noise";
        let mut claims: Vec<Judged> = (0..10)
            .map(|_| value(long, source(), (10.0, 0.1)))
            .collect();
        match i % 3 {
            0 => {}
            1 => {
                claims[3] = undecided(long, source(), Verdict::NotAtThisBudget);
                claims[4] = undecided(long, source(), Verdict::OutsideTheRange);
            }
            _ => claims[5..].fill(value(long, source(), (20.0, 0.1))),
        }
        FigureResult {
            says: entry.says.to_owned(),
            ..figure(entry.id, claims)
        }
    });
    let Summary {
        opening,
        reproduced,
        not_reproduced,
        new,
    } = of(figures.collect());
    let lists = [&reproduced, &not_reproduced, &new];
    assert_eq!(lists.map(Vec::len).iter().sum::<usize>(), FIGURES.len());
    let paragraphs = lists.into_iter().flatten();
    let words = paragraphs
        .map(|paragraph| format!("{} {}", paragraph.says, paragraph.outcome.join(" ")))
        .chain(opening)
        .map(|text| text.split_whitespace().count())
        .sum::<usize>();
    // As many a figure as would make 500 of nineteen.
    assert!(words <= 26 * FIGURES.len(), "{words} words");
}

/// A figure of the paper that is reproduced does not hide what disagrees beyond the paper.
#[test]
fn a_disagreement_beyond_the_paper_is_named_under_its_figure() {
    let summary = of(vec![figure(
        "fig8",
        vec![
            value("as printed", paper("Figure 8"), (10.1, 0.1)),
            value("F falls", beyond(""), (12.0, 0.1)),
            value("T falls", beyond(""), (10.1, 0.1)),
        ],
    )]);
    assert_eq!(
        summary.reproduced[0].outcome,
        [
            "1 of 1 claims agrees.",
            "Beyond the paper, 1 disagrees: F falls."
        ]
    );
}
