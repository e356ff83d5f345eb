//! The page around the sections: summary, how to read it, environment, style.

use std::fmt::Write as _;

use thalweg::flow::{MOST_PRODUCT_FLUCTUATION, MOST_STABILITY};

use super::section::{Section, chip};
use crate::plot::to_html;
use crate::reproduce::{Budget, FigureResult, RESOLUTION, Results, Verdict};

const VERDICTS: [Verdict; 4] = [
    Verdict::Agrees,
    Verdict::Disagrees,
    Verdict::NotAtThisBudget,
    Verdict::OutsideTheRange,
];

/// The whole page.
pub fn render(results: &Results, sections: &[Section<'_>]) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <title>Thalweg report</title><style>{}</style></head><body><main>\n",
        include_str!("style.css")
    );
    let _ = write!(
        out,
        "<h1>Where SGD ends up, predicted and measured</h1>\
         <p class=\"lead\">A deep linear network with noisy labels: the exact theory, the slow flow at each \
         run’s own budget, and SGD itself. Loss convention of every number: {}.</p>",
        to_html(&results.environment.loss_convention)
    );
    out.push_str(&summary(&results.figures));
    out.push_str(&reading());
    for section in sections {
        out.push_str(&section.render());
    }
    out.push_str(&environment(results));
    out.push_str("</main></body></html>\n");
    out
}

fn summary(figures: &[FigureResult]) -> String {
    let mut out = String::from(
        "<table class=\"summary\"><thead><tr><th>figure</th><th>verdicts</th></tr></thead><tbody>",
    );
    for figure in figures {
        let mut chips = String::new();
        for verdict in VERDICTS {
            let count = figure
                .claims
                .iter()
                .filter(|claim| claim.verdict == verdict)
                .count();
            if count > 0 {
                chips.push_str(&chip(verdict, Some(count)));
                chips.push(' ');
            }
        }
        let _ = write!(
            out,
            "<tr><td><a href=\"#{}\">{}</a></td><td>{chips}</td></tr>",
            to_html(&figure.id),
            to_html(&figure.title)
        );
    }
    out.push_str("</tbody></table>");
    out
}

fn reading() -> String {
    let mut out = String::from("<details><summary>How the verdicts come about</summary><dl>");
    let percent = 100.0 * RESOLUTION;
    let meanings = [
        "the measured value is within the tolerance of the prediction. Tolerances were fixed before the runs and stand in each row.".to_owned(),
        "it is not, and the theory claims to hold there.".to_owned(),
        format!("the claim is about t → ∞ and the slow flow itself is further than the tolerance from the limit when the run ends; or the standard errors allowed exceed {percent} % of the prediction."),
        format!("it is beyond the tolerance, and ηλ_{{max}}/2 exceeds {MOST_STABILITY} or the product’s relative fluctuation E‖(W_{{D}}…W_{{1}} − V)√Σx‖²/‖V√Σx‖² exceeds {MOST_PRODUCT_FLUCTUATION}, so that a theory of leading order in η does not decide."),
    ];
    for (verdict, meaning) in VERDICTS.into_iter().zip(meanings) {
        let _ = write!(
            out,
            "<dt>{}</dt><dd>{}</dd>",
            chip(verdict, None),
            to_html(&meaning)
        );
    }
    out.push_str(
        "</dl><p>“Measured” is the mean over the seeds of each run’s last fifth, ± the standard error over seeds, \
         or a number computed by an independent route where nothing is sampled. Against the slow flow the \
         difference is taken seed by seed, since each flow starts where its run does.</p></details>",
    );
    out
}

fn environment(results: &Results) -> String {
    let here = &results.environment;
    let seconds: f64 = results.figures.iter().map(|figure| figure.seconds).sum();
    let budget = match results.budget {
        Budget::Quick => "quick: long runs are cut short",
        Budget::Full => "full",
    };
    let rows = [
        ("program", here.program.clone()),
        (
            "commit",
            here.commit.clone().unwrap_or_else(|| "unknown".to_owned()),
        ),
        ("platform", here.platform.clone()),
        ("vector instructions", here.cpu_features.join(", ")),
        ("threads", here.threads.to_string()),
        ("budget", budget.to_owned()),
        ("wall time", format!("{seconds:.0} s")),
    ];
    let mut out = String::from("<section><h2>Environment</h2><dl>");
    for (name, value) in rows {
        let _ = write!(
            out,
            "<dt>{}</dt><dd>{}</dd>",
            to_html(name),
            to_html(&value)
        );
    }
    out.push_str(
        "</dl><p>The theory is that of Xu, Beneventano, Chuang and Ziyin, <cite>Does SGD Seek Flatness or \
         Sharpness? An Exactly Solvable Model</cite>, arXiv:2602.05065; equation numbers are its. What is \
         marked “beyond the paper” is not.</p></section>",
    );
    out
}
