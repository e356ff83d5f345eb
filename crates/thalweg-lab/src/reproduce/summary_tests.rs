//! Summaries of verdicts made by hand: each verdict reaches the section and the words that it should.

use super::super::claim::{Source, beyond, paper};
use super::super::statistics::Measured;
use super::super::{Budget, Claim, Environment, Tolerance};
use super::*;

fn value(statement: &str, source: Source, measured: (f64, f64)) -> Judged {
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
        says: format!("What {id} says."),
        caption: String::new(),
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

#[test]
fn what_agrees_is_reproduced_and_what_does_not_stands_with_its_reason() {
    let here = || paper("Figure 1");
    let summary = of(vec![
        figure(
            "one",
            vec![
                value("right", here(), (10.1, 0.1)),
                value("wrong", here(), (12.0, 0.1)),
            ],
        ),
        figure("two", vec![value("unsure", here(), (10.1, 0.8))]),
        figure("three", vec![value("right, too", here(), (10.0, 0.1))]),
    ]);
    assert_eq!(
        summary.opening,
        ["Of the 4 claims that the paper makes, 2 agree, 1 disagrees and 1 is undecided."]
    );
    let ids = |paragraphs: &[Paragraph]| -> Vec<String> {
        paragraphs
            .iter()
            .map(|paragraph| paragraph.id.clone())
            .collect()
    };
    assert_eq!(ids(&summary.reproduced), ["one", "three"]);
    assert_eq!(
        summary.reproduced[0].outcome,
        ["1 of 2 claims agrees.", "right: 10.1 ± 0.1, claimed 10."]
    );
    assert_eq!(summary.reproduced[1].outcome[0], "Its claim agrees.");
    assert_eq!(ids(&summary.not_reproduced), ["one", "two"]);
    assert_eq!(
        summary.not_reproduced[0].outcome,
        ["1 of 2 claims disagrees.", "wrong: 12 ± 0.1, claimed 10."]
    );
    assert_eq!(
        summary.not_reproduced[1].outcome,
        [
            "1 of 1 claims is undecided: the trials scatter too much to tell. For example unsure: 10.1 ± 0.8, claimed 10."
        ]
    );
    assert!(summary.new.is_empty());
}

/// Nothing is called reproduced where no claim of the paper agrees, and what is new is not counted as the paper's.
#[test]
fn what_is_new_stands_apart() {
    let summary = of(vec![figure(
        "one",
        vec![
            value("ours", beyond(""), (10.0, 0.1)),
            value("theirs", paper("p"), (20.0, 0.1)),
        ],
    )]);
    assert!(summary.reproduced.is_empty());
    assert_eq!(summary.not_reproduced.len(), 1);
    assert_eq!(
        summary.new[0].outcome,
        ["Its claim agrees.", "ours: 10 ± 0.1, claimed 10."]
    );
    assert_eq!(
        summary.opening,
        [
            "Of the 1 claims that the paper makes, 0 agree and 1 disagrees.",
            "Of the 1 claims that go beyond it, 1 agrees."
        ]
    );
}

#[test]
fn misprints_are_expected_to_disagree() {
    let source = |origin| Source {
        origin,
        place: "eq. 19".to_owned(),
    };
    let summary = of(vec![figure(
        "corrections",
        vec![
            value("as printed", source(Origin::Misprint), (20.0, 0.1)),
            value("corrected", source(Origin::Correction), (10.0, 0.1)),
        ],
    )]);
    assert_eq!(
        summary.opening,
        [
            "Of 1 statements that are misprinted in the paper 1 disagree with the exact value, as they should; of the 1 that should stand there 1 agree."
        ]
    );
    assert!(summary.reproduced.is_empty() && summary.not_reproduced.is_empty());
}

#[test]
fn every_cause_has_its_words_and_many_claims_are_counted() {
    let cause = |cause| Judged {
        cause: Some(cause),
        verdict: Verdict::NotAtThisBudget,
        ..value("s", paper("p"), (10.0, 0.1))
    };
    let mut claims: Vec<Judged> = [
        Cause::TooShort,
        Cause::TooNoisy,
        Cause::StepTooLarge,
        Cause::NoNumber,
    ]
    .map(cause)
    .into();
    claims.extend((0..5).map(|i| value(&format!("wrong {i}"), paper("p"), (20.0, 0.1))));
    let summary = of(vec![figure("one", claims)]);
    let words = summary.not_reproduced[0].outcome.join(" ");
    for said in [
        "5 of 9 claims disagree.",
        "wrong 2: 20 ± 0.1, claimed 10. And 2 more.",
        "the run ends before",
        "scatter too much",
        "step is too large",
        "runs diverged",
    ] {
        assert!(words.contains(said), "{said}: {words}");
    }
    assert!(!words.contains("wrong 3"));
}

#[test]
fn digits_are_significant_ones() {
    assert_eq!(digits(12.3456, 4), "12.35");
    assert_eq!(digits(0.000_012_345, 2), "1.2e-5");
    assert_eq!(digits(0.0, 4), "0");
    assert_eq!(digits(-1.5e8, 2), "-1.5e8");
}
