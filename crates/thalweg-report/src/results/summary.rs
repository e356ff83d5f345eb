//! The summary of a reproduction in plain words, made from the verdicts: what of the paper was reproduced, what was
//! not and why, and what is new. It fits on a page: each figure stands in it once.

use super::{FigureFailure, FigureResult, Results};
use crate::claims::{Cause, Judged, Origin, Verdict};

/// A reproduction in words; every sentence comes from the verdicts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many claims came out how.
    pub opening: Vec<String>,
    /// Figures of the paper of which every claim of the paper agrees.
    pub reproduced: Vec<Paragraph>,
    /// The other figures of the paper, and why.
    pub not_reproduced: Vec<Paragraph>,
    /// Figures of our own.
    pub new: Vec<Paragraph>,
}

/// What is said of one figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paragraph {
    /// Its name on the command line.
    pub id: String,
    /// What it is about.
    pub says: String,
    /// What came of it.
    pub outcome: Vec<String>,
}

/// The summary of `results`.
pub fn summarise(results: &Results) -> Summary {
    let mut summary = Summary {
        opening: opening(results),
        ..Summary::default()
    };
    for figure in &results.figures {
        let papers = with_origin([figure], Origin::Paper);
        let (list, outcome) = if figure.origin != Origin::Paper {
            (&mut summary.new, own_outcome(figure))
        } else if papers.iter().all(|claim| claim.verdict == Verdict::Agrees) {
            (&mut summary.reproduced, outcome(&papers, "claims"))
        } else {
            (&mut summary.not_reproduced, outcome(&papers, "claims"))
        };
        let mut outcome = outcome;
        if figure.origin == Origin::Paper {
            outcome.extend(own_disagreements(figure));
        }
        list.push(Paragraph {
            id: figure.id.clone(),
            says: figure.says.clone(),
            outcome,
        });
    }
    summary
}

fn opening(results: &Results) -> Vec<String> {
    let of = |origin| with_origin(&results.figures, origin);
    let mut parts = Vec::new();
    for (origin, whose) in [
        (Origin::Paper, "that the paper makes"),
        (Origin::Beyond, "that go beyond it"),
    ] {
        let claims = of(origin);
        if !claims.is_empty() {
            parts.push(format!(
                "f the {} claims {whose}, {}",
                claims.len(),
                tally(&claims)
            ));
        }
    }
    let (printed, corrected) = (of(Origin::Misprint), of(Origin::Correction));
    if !printed.is_empty() {
        parts.push(format!(
            "f {} misprinted statements {} with the exact value, and of {} corrected ones {}",
            printed.len(),
            verb(count(&printed, Verdict::Disagrees), "disagrees", "disagree"),
            corrected.len(),
            verb(count(&corrected, Verdict::Agrees), "agrees", "agree")
        ));
    }
    let mut opening = Vec::new();
    if !parts.is_empty() {
        opening.push(format!("O{}.", parts.join("; o")));
    }
    // Others have claims from when they were made.
    let made = |failure: &&FigureFailure| results.figures.iter().any(|f| f.id == failure.id);
    let never = results.failures.iter().filter(|failure| !made(failure));
    let never: Vec<&str> = never.map(|failure| failure.id.as_str()).collect();
    if !never.is_empty() {
        opening.push(format!("Not made at all: {}.", never.join(", ")));
    }
    opening
}

fn with_origin<'f>(
    figures: impl IntoIterator<Item = &'f FigureResult>,
    origin: Origin,
) -> Vec<&'f Judged> {
    let claims = figures.into_iter().flat_map(|figure| &figure.claims);
    claims.filter(|claim| claim.origin == origin).collect()
}

fn count(claims: &[&Judged], verdict: Verdict) -> usize {
    let counted = claims.iter().filter(|claim| claim.verdict == verdict);
    counted.count()
}

/// "5 agree, 1 disagrees and 3 are undecided".
fn tally(claims: &[&Judged]) -> String {
    let agree = count(claims, Verdict::Agrees);
    let disagree = count(claims, Verdict::Disagrees);
    let rest = claims.len() - agree - disagree;
    let mut parts = vec![verb(agree, "agrees", "agree")];
    if disagree > 0 {
        parts.push(verb(disagree, "disagrees", "disagree"));
    }
    if rest > 0 {
        parts.push(verb(rest, "is undecided", "are undecided"));
    }
    match parts.pop() {
        Some(last) if !parts.is_empty() => format!("{} and {last}", parts.join(", ")),
        last => last.unwrap_or_default(),
    }
}

fn verb(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

/// What came of a figure of our own, in which statements of the paper may be put to the test.
fn own_outcome(figure: &FigureResult) -> Vec<String> {
    let of = |origin| with_origin([figure], origin);
    let printed = of(Origin::Misprint);
    let mut sentences: Vec<String> = [
        (Origin::Beyond, "claims"),
        (Origin::Correction, "corrections"),
        (Origin::Paper, "claims of the paper"),
    ]
    .into_iter()
    .flat_map(|(origin, noun)| outcome(&of(origin), noun))
    .collect();
    if !printed.is_empty() {
        let disagree = count(&printed, Verdict::Disagrees);
        sentences.push(format!(
            "{disagree} of {} misprints {}.",
            printed.len(),
            if disagree == 1 {
                "disagrees"
            } else {
                "disagree"
            }
        ));
    }
    sentences
}

/// What disagrees of the claims of our own in a figure of the paper.
fn own_disagreements(figure: &FigureResult) -> Option<String> {
    let claims = with_origin([figure], Origin::Beyond);
    let disagreeing = claims
        .iter()
        .filter(|claim| claim.verdict == Verdict::Disagrees);
    let named: Vec<&str> = disagreeing.map(|claim| &*claim.statement).collect();
    (!named.is_empty()).then(|| {
        format!(
            "Beyond the paper, {}: {}.",
            verb(named.len(), "disagrees", "disagree"),
            named.join("; ")
        )
    })
}

/// Why claims are undecided, after their number.
const REASONS: [(Cause, &str); 4] = [
    (Cause::TooShort, "too short"),
    (Cause::TooNoisy, "too noisy"),
    (Cause::StepTooLarge, "with η too large"),
    (Cause::NoNumber, "not measured"),
];

/// How many of `claims` agree, and of the others how many came out how; of those that disagree the first is named.
fn outcome(claims: &[&Judged], noun: &str) -> Vec<String> {
    let (agree, all) = (count(claims, Verdict::Agrees), claims.len());
    if all == 0 {
        return vec![];
    }
    if agree == all {
        return vec![match all {
            1 => format!("1 of 1 {noun} agrees."),
            _ => format!("All {all} {noun} agree."),
        }];
    }
    let mut parts = vec![format!(
        "{agree} of {all} {noun} {}",
        if agree == 1 { "agrees" } else { "agree" }
    )];
    for (cause, words) in REASONS {
        let of_it = claims.iter().filter(|claim| claim.cause == Some(cause));
        match of_it.count() {
            0 => {}
            some => parts.push(format!("{some} {words}")),
        }
    }
    let mut disagreeing = claims
        .iter()
        .filter(|claim| claim.verdict == Verdict::Disagrees);
    if let Some(first) = disagreeing.next() {
        let more = disagreeing.count();
        parts.push(if more == 0 {
            format!("1 disagrees: {}", first.statement)
        } else {
            format!("{} disagree, the first: {}", more + 1, first.statement)
        });
    }
    vec![format!("{}.", parts.join("; "))]
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
