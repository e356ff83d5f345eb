//! The summary of a reproduction in plain words, made from the verdicts: what of the paper was reproduced, what was
//! not and why, and what is new.

use super::claim::Origin;
use super::results::{FigureResult, Results};
use super::verdict::{Cause, Judged, Verdict};

/// A reproduction in words; every sentence comes from the verdicts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many claims came out how.
    pub opening: Vec<String>,
    /// Figures of the paper of which claims agree.
    pub reproduced: Vec<Paragraph>,
    /// Those of which some do not, and why.
    pub not_reproduced: Vec<Paragraph>,
    /// What goes beyond the paper.
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

/// Claims that are named one by one; of more there is only the number.
const NAMED: usize = 3;

/// The summary of `results`.
pub fn summarise(results: &Results) -> Summary {
    let figures = &results.figures;
    let of = |wanted: &[Origin]| -> Vec<&Judged> {
        let claims = figures.iter().flat_map(|figure| &figure.claims);
        claims
            .filter(|claim| wanted.contains(&claim.origin))
            .collect()
    };
    let mut opening = Vec::new();
    for (origins, whose) in [
        (&[Origin::Paper][..], "that the paper makes"),
        (&[Origin::Beyond], "that go beyond it"),
    ] {
        let claims = of(origins);
        if !claims.is_empty() {
            opening.push(format!(
                "Of the {} claims {whose}, {}.",
                claims.len(),
                tally(&claims)
            ));
        }
    }
    let (printed, corrected) = (of(&[Origin::Misprint]), of(&[Origin::Correction]));
    if !printed.is_empty() {
        opening.push(format!(
            "Of {} statements that are misprinted in the paper {} disagree with the exact value, as they should; of the {} that should stand there {} agree.",
            printed.len(),
            count(&printed, Verdict::Disagrees),
            corrected.len(),
            count(&corrected, Verdict::Agrees)
        ));
    }
    if !results.failures.is_empty() {
        let ids: Vec<&str> = results
            .failures
            .iter()
            .map(|failure| failure.id.as_str())
            .collect();
        opening.push(format!("Not made at all: {}.", ids.join(", ")));
    }
    Summary {
        opening,
        reproduced: paragraphs(figures, Origin::Paper, agreement),
        not_reproduced: paragraphs(figures, Origin::Paper, shortfall),
        new: paragraphs(figures, Origin::Beyond, |claims| {
            let both = agreement(claims).into_iter().chain(shortfall(claims));
            Some(both.flatten().collect())
        }),
    }
}

/// What `outcome` says of each figure's claims of this origin, where it says anything.
fn paragraphs(
    figures: &[FigureResult],
    origin: Origin,
    outcome: impl Fn(&[&Judged]) -> Option<Vec<String>>,
) -> Vec<Paragraph> {
    let paragraph = |figure: &FigureResult| {
        let claims: Vec<&Judged> = figure
            .claims
            .iter()
            .filter(|claim| claim.origin == origin)
            .collect();
        if claims.is_empty() {
            return None;
        }
        Some(Paragraph {
            id: figure.id.clone(),
            says: figure.says.clone(),
            outcome: outcome(&claims)?,
        })
    };
    figures.iter().filter_map(paragraph).collect()
}

fn count(claims: &[&Judged], verdict: Verdict) -> usize {
    claims
        .iter()
        .filter(|claim| claim.verdict == verdict)
        .count()
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

/// What agrees, if anything does.
fn agreement(claims: &[&Judged]) -> Option<Vec<String>> {
    let agreeing: Vec<&Judged> = with(claims, Verdict::Agrees);
    if agreeing.is_empty() {
        return None;
    }
    let lead = match (agreeing.len(), claims.len()) {
        (1, 1) => "Its claim agrees.".to_owned(),
        (2, 2) => "Both claims agree.".to_owned(),
        (some, all) if some == all => format!("All {all} claims agree."),
        (some, all) => format!(
            "{} of {all} claims {}.",
            some,
            if some == 1 { "agrees" } else { "agree" }
        ),
    };
    // What was measured says more than what was computed.
    let mut shown: Vec<&Judged> = agreeing
        .iter()
        .copied()
        .filter(|claim| claim.trials > 0)
        .collect();
    shown.extend(agreeing.iter().copied().filter(|claim| claim.trials == 0));
    let mut sentences = vec![lead];
    sentences.extend(shown.into_iter().take(NAMED).map(numbers));
    Some(sentences)
}

/// What does not agree, and why, if there is any.
fn shortfall(claims: &[&Judged]) -> Option<Vec<String>> {
    let mut sentences = Vec::new();
    let disagreeing = with(claims, Verdict::Disagrees);
    if !disagreeing.is_empty() {
        sentences.push(format!(
            "{} of {} claims {}.",
            disagreeing.len(),
            claims.len(),
            if disagreeing.len() == 1 {
                "disagrees"
            } else {
                "disagree"
            }
        ));
        sentences.extend(disagreeing.iter().take(NAMED).copied().map(numbers));
        if disagreeing.len() > NAMED {
            sentences.push(format!("And {} more.", disagreeing.len() - NAMED));
        }
    }
    for (cause, words) in [
        (Cause::TooShort, "the run ends before what they are about"),
        (Cause::TooNoisy, "the trials scatter too much to tell"),
        (
            Cause::StepTooLarge,
            "the step is too large for a theory of small steps",
        ),
        (
            Cause::NoNumber,
            "there is no number, since runs diverged or values are not finite",
        ),
    ] {
        let undecided: Vec<&Judged> = claims
            .iter()
            .copied()
            .filter(|claim| claim.cause == Some(cause))
            .collect();
        if let Some(first) = undecided.first() {
            sentences.push(format!(
                "{} of {} claims {} undecided: {words}. For example {}",
                undecided.len(),
                claims.len(),
                if undecided.len() == 1 { "is" } else { "are" },
                numbers(first)
            ));
        }
    }
    (!sentences.is_empty()).then_some(sentences)
}

fn with<'c>(claims: &[&'c Judged], verdict: Verdict) -> Vec<&'c Judged> {
    claims
        .iter()
        .copied()
        .filter(|claim| claim.verdict == verdict)
        .collect()
}

/// A claim's statement with its numbers.
fn numbers(claim: &Judged) -> String {
    let measured = match (claim.measured, claim.standard_error) {
        (Some(value), Some(error)) => format!("{} ± {}", digits(value, 4), digits(error, 2)),
        (Some(value), None) => digits(value, 4),
        (None, _) => "no number".to_owned(),
    };
    let against = match (claim.tolerance.side(), claim.predicted) {
        (_, None) => String::new(),
        (Some(side), Some(predicted)) => {
            format!(
                ", claimed {} {}",
                if side > 0.0 { "above" } else { "below" },
                digits(predicted, 4)
            )
        }
        (None, Some(predicted)) => format!(", claimed {}", digits(predicted, 4)),
    };
    format!("{}: {measured}{against}.", claim.statement)
}

/// `value` with so many significant digits.
fn digits(value: f64, count: usize) -> String {
    let rounded: f64 = format!("{value:.*e}", count - 1).parse().unwrap_or(value);
    if rounded != 0.0 && !(1e-4..1e7).contains(&rounded.abs()) {
        format!("{rounded:e}")
    } else {
        format!("{rounded}")
    }
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
