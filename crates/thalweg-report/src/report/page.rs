//! The page around the sections: summary, how to read it, environment, style.

use std::fmt::Write as _;
use std::path::Path;

use thalweg::flow::{LEAVES_OUT, MOST_RELATIVE_WEIGHTED_FLUCTUATION, MOST_STABILITY};

use super::section::{Section, chip, prose};
use crate::claims::{ERRORS, Verdict};
use crate::plot::to_html;
use crate::results::{Budget, Environment, FigureFailure, FigureResult, Results};
use thalweg::words::rounded;
use thalweg_lab::provenance::LOSS_CONVENTION;
use thalweg_lab::quantity::SHARPNESS;
use thalweg_lab::run::Measurements;
use thalweg_lab::shell::quoted;

/// The page of a reproduction.
pub fn reproduction(results: &Results, sections: &[Section<'_>]) -> String {
    let before = super::summary::summary(results)
        + &verdicts(&results.figures)
        + &failures(&results.failures)
        + &reading();
    let lead = "A deep linear network with noisy labels: the exact theory, the slow flow at each run’s own \
                budget, and SGD itself.";
    let head = Head {
        title: "figures",
        heading: HEADING,
        lead,
        loss_convention: LOSS_CONVENTION,
        own: "",
    };
    render(&head, &before, sections, &environments(&results.figures))
}

/// Where a run of this program says it.
pub const SPECIFICATION: &str = "specification.toml, provenance";

/// What most pages are about.
pub const HEADING: &str = "Where SGD ends up, predicted and measured";

/// What a page says of itself before it shows anything.
pub struct Head<'a> {
    /// What the page is of, after the program's name, as a browser's tab shows it.
    pub title: &'a str,
    /// What the page is about, above all.
    pub heading: &'a str,
    pub lead: &'a str,
    pub loss_convention: &'a str,
    /// Where that which is shown says what made it; empty where the page itself is the answer.
    pub own: &'a str,
}

/// The name of what lies at `path`, for titles.
pub fn name(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// What makes the report of `directory` again.
pub fn command(directory: &Path) -> String {
    format!(
        "thalweg report {}",
        quoted(&directory.display().to_string())
    )
}

/// What a logarithmic axis of steps has no place for.
pub fn at_the_start(measurements: &Measurements) -> Option<String> {
    let measured = measurements.mean(&SHARPNESS.key);
    let start = measured.first().filter(|at| at.step == 0)?;
    let sharpness = rounded(start.value.mean);
    Some(format!(
        "Step 0 has no place on a logarithmic axis: T is {sharpness} there."
    ))
}

/// The page of one run or of a few, which makes no claims; `before` stands before its pictures.
pub fn page(head: &Head<'_>, before: &str, sections: &[Section<'_>]) -> String {
    let here = Environment::here();
    let mut rows = vec![
        ("page made by", here.program),
        (
            "commit",
            here.commit.unwrap_or_else(|| "unknown".to_owned()),
        ),
    ];
    if !head.own.is_empty() {
        rows.push(("the run’s own version", head.own.to_owned()));
    }
    render(head, before, sections, &(list(&rows) + SOURCE))
}

/// A page is words, pictures and style, all inside it: nothing is run, and nothing is loaded.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// How each page begins, and its title.
pub const BEGINS: &str = "<!doctype html>\n<html lang=\"en\"><head><meta";
pub const TITLE_BEGINS: &str = "<title>Thalweg: ";

fn render(head: &Head<'_>, before: &str, sections: &[Section<'_>], environment: &str) -> String {
    let mut out = format!(
        "{BEGINS} charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         {TITLE_BEGINS}{}</title><style>{}</style></head><body><main>\n",
        to_html(head.title),
        include_str!("style.css")
    );
    let _ = write!(
        out,
        "<h1>{}</h1>\
         <p class=\"lead\">{} Loss convention of every number: {}. ± and s.e. give the standard error, the typical effect of chance on a number.</p>{before}",
        to_html(head.heading),
        head.lead,
        to_html(head.loss_convention)
    );
    for section in sections {
        out.push_str(&section.render());
    }
    let _ = writeln!(
        out,
        "<section><h2>Environment</h2>{environment}</section></main></body></html>"
    );
    out
}

/// How often each verdict came out, figure by figure.
fn verdicts(figures: &[FigureResult]) -> String {
    let mut out = String::from(
        "<table class=\"summary\"><thead><tr><th>figure</th><th>verdicts</th></tr></thead><tbody>",
    );
    for figure in figures {
        let mut chips = String::new();
        for verdict in Verdict::ALL {
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

/// What could not be made or is lost, if there is any.
fn failures(failures: &[FigureFailure]) -> String {
    if failures.is_empty() {
        return String::new();
    }
    let mut out = String::from("<h2>Not made, or lost</h2><dl>");
    for failure in failures {
        let _ = write!(
            out,
            "<dt>{}</dt><dd class=\"failed\">{}<div class=\"note\">to try again: <code>{}</code></div></dd>",
            to_html(&failure.title),
            prose(&failure.error),
            to_html(&failure.command)
        );
    }
    out + "</dl>"
}

fn reading() -> String {
    let mut out = String::from("<details><summary>How the verdicts come about</summary><dl>");
    let meanings = [
        format!(
            "the measured value is within the tolerance and {ERRORS} standard errors of the prediction, and the measurement is precise enough to have shown otherwise: {ERRORS} standard errors are no more than the tolerance. Where one number is claimed to be larger or smaller than another, the difference is {ERRORS} standard errors at least. Tolerances were fixed before the runs and stand in each row."
        ),
        format!(
            "the measured value is beyond the tolerance by more than {ERRORS} standard errors, and the theory claims to hold there."
        ),
        format!(
            "the claim is about t → ∞ and the slow flow itself is further than the tolerance from the limit when the run ends; or the trials scatter so much that a wrong value would have passed, or a difference is less than {ERRORS} standard errors to either side."
        ),
        format!(
            "ηλ_{{max}}/2 exceeds {MOST_STABILITY} or the product’s relative fluctuation E‖(W_{{D}}…W_{{1}} − V)√Σx‖²/‖V√Σx‖² exceeds {MOST_RELATIVE_WEIGHTED_FLUCTUATION}, so that η is too large for the theory to apply, whether or not the measured value is within the tolerance."
        ),
        "fewer than two trials are left, the others having diverged, or a number is not finite."
            .to_owned(),
    ];
    for (verdict, meaning) in Verdict::ALL.into_iter().zip(meanings) {
        let _ = write!(
            out,
            "<dt>{}</dt><dd>{}</dd>",
            chip(verdict, None),
            prose(&meaning)
        );
    }
    out.push_str(
        "</dl><p>“Measured” is the mean over the trials of each run’s last fifth, ± the standard error over trials, \
         or a number computed by an independent route where nothing is sampled. Against the slow flow the \
         difference is taken trial by trial, since each flow starts where its run does. A ratio of two noises is taken \
         trial by trial too, and is the geometric mean of these: trials share everything but the noise. \
         z is the difference in standard errors.</p>",
    );
    let _ = write!(out, "<p>{}</p></details>", to_html(LEAVES_OUT));
    out
}

/// Where the figures were made; once for all that were made alike.
fn environments(figures: &[FigureResult]) -> String {
    let made = |figure: &FigureResult| (figure.environment.clone(), figure.budget);
    let mut groups: Vec<Vec<&FigureResult>> = Vec::new();
    for figure in figures {
        match groups.iter_mut().find(|g| made(g[0]) == made(figure)) {
            Some(group) => group.push(figure),
            None => groups.push(vec![figure]),
        }
    }
    let mut out: String = groups.iter().map(|group| environment(group)).collect();
    out.push_str(SOURCE);
    out
}

/// One environment with the figures that were made in it.
fn environment(figures: &[&FigureResult]) -> String {
    let (here, budget) = (&figures[0].environment, figures[0].budget);
    let seconds: f64 = figures.iter().map(|figure| figure.seconds).sum();
    let ids: Vec<&str> = figures.iter().map(|figure| figure.id.as_str()).collect();
    let budget = match budget {
        Budget::Tiny => "tiny: runs of a few hundred steps, which decide nothing",
        Budget::Quick => "quick: long runs are cut short",
        Budget::Full => "full",
    };
    list(&[
        ("figures", ids.join(", ")),
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
    ])
}

const SOURCE: &str = "<p>The theory is that of Xu, Beneventano, Chuang and Ziyin, <cite>Does SGD Seek Flatness or \
    Sharpness? An Exactly Solvable Model</cite>, arXiv:2602.05065; equation numbers are its. What is \
    marked “beyond the paper” is not.</p>";

fn list(rows: &[(&str, String)]) -> String {
    let mut out = String::from("<dl>");
    for (name, value) in rows {
        let _ = write!(out, "<dt>{}</dt><dd>{}</dd>", to_html(name), to_html(value));
    }
    out + "</dl>"
}
