//! The page of a diagnosis: which noise the labels of data have, and where SGD would go on them.

use super::number::{percent, plain, with_error};
use super::page::{HEADING, Head, page};
use super::section::Section;
use crate::plot::{self, Axis, Figure, Look, Panel, Point};
use crate::results::FigureResult;
use thalweg::words;
use thalweg_lab::diagnose::{Diagnosis, Interval, OnRows};
use thalweg_lab::provenance::LOSS_CONVENTION;
use thalweg_lab::quantity::{FLUCTUATION, LAMBDA_MAX, SHARPNESS};

const LEAD: &str = "Which noise the labels of these data have, and where it would take SGD in a deep linear network.";

/// The page of `found`, with SGD on the rows themselves where it was run; `data` is what was diagnosed, and `command` makes it again.
pub fn diagnosis(found: &Diagnosis, on_rows: &[OnRows], data: &str, command: &str) -> String {
    let noise = FigureResult {
        id: "noise".to_owned(),
        title: format!("The noise of {data}"),
        caption: caption(found),
        command: command.to_owned(),
        settings: outputs(found),
        ..FigureResult::of_a_run()
    };
    let end = FigureResult {
        id: "end".to_owned(),
        title: format!(
            "Where SGD would end, with {}",
            words::counted(found.problem.depth(), "layer")
        ),
        caption: format!(
            "The sharpness that is predicted as η → 0, now and if the training were changed; below, with 95 % intervals. {} {}",
            found.turned().unwrap_or_default(),
            found.doubt().unwrap_or_default()
        ),
        command: command.to_owned(),
        settings: ends(found, on_rows),
        ..FigureResult::of_a_run()
    };
    let sections = [
        (&noise, spectrum(found), "Output by output"),
        (&end, changes(found), "Numbers"),
    ]
    .map(|(figure, picture, details)| Section::drawn(figure, plot::svg(&picture.scene()), details));
    let head = Head {
        title: "diagnosis",
        heading: HEADING,
        lead: LEAD,
        loss_convention: LOSS_CONVENTION,
        own: "",
    };
    page(&head, "", &sections)
}

fn caption(found: &Diagnosis) -> String {
    let mut words = format!(
        "Eigenvalues of Σε, what a linear fit leaves, over its degrees of freedom: from {}. Isotropy: p = {}; that the \
         noise does not depend on the inputs: p = {}",
        found.size(),
        plain(found.isotropy.p_value),
        plain(found.heteroscedasticity.p_value)
    );
    words += if found.heteroscedasticity.rejects() {
        ", so that it does, or the targets are no linear functions of them: the closed forms do not hold, and say at best where SGD tends."
    } else {
        "."
    };
    for sentence in &found.left_out {
        words += " ";
        words += sentence;
    }
    words
}

fn outputs(found: &Diagnosis) -> Vec<(String, String)> {
    let rows = found.outputs.iter().map(|output| {
        let mut words = format!(
            "noise of standard deviation {}; {} explained",
            plain(output.noise_variance.sqrt()),
            share(output.explained)
        );
        if let Some(of) = output.share {
            words += &format!("; {} of the rows", share(of));
        }
        if let Some(own) = &output.own_rows {
            let [low, high] = own.share_of_noise.interval;
            words += &format!(", with {} of the noise", share(own.share_of_noise.value));
            if low.is_finite() {
                words += &format!(" ({} … {})", share(low), share(high));
            }
        }
        if let Some(ratio) = output.ratio_if_average {
            words += &format!("; T/T_min {} if its noise were average", plain(ratio));
        }
        (output.name.clone(), words)
    });
    rows.collect()
}

/// A part of a whole.
fn share(part: f64) -> String {
    format!("{:.1} %", 100.0 * part)
}

fn ends(found: &Diagnosis, on_rows: &[OnRows]) -> Vec<(String, String)> {
    let interval = |name: &str, of: &Interval| {
        let [low, high] = of.interval;
        let within = if low.is_finite() {
            format!(" ({} … {})", plain(low), plain(high))
        } else {
            String::new()
        };
        (name.to_owned(), plain(of.value) + &within)
    };
    let mut rows = vec![
        interval("noise condition number κ(Σε)", &found.condition_number),
        interval(SHARPNESS.axis, &found.sharpness),
        interval("least sharpness T_min", &found.min_sharpness),
        interval(LAMBDA_MAX.axis, &found.lambda_max),
        interval(FLUCTUATION.axis, &found.fluctuation),
    ];
    let end = found.exact_drift.as_ref();
    rows.extend(end.map(|end| {
        (
            "where SGD’s own drift rests".to_owned(),
            format!(
                "T = {}, λ_max = {}, F = {}",
                plain(end.sharpness),
                plain(end.lambda_max),
                plain(end.fluctuation)
            ),
        )
    }));
    let least = on_rows.iter().find_map(|on| on.least);
    rows.extend(least.map(|least| {
        (
            "least fluctuation over the rows".to_owned(),
            format!("T = {}", plain(least)),
        )
    }));
    for on in on_rows {
        let mean = on.end.means.as_ref().map(|means| means[0]);
        let reached = mean.map_or("diverged".to_owned(), |mean| {
            format!("T = {}", with_error(mean.mean, mean.standard_error))
        });
        let departure = on.departure(found).map_or(String::new(), |departure| {
            format!(", {} from what is predicted", percent(departure))
        });
        let (rate, batch) = on.step;
        let name = format!(
            "SGD on {} rows, {}, at η = {}, B = {batch}",
            on.rows,
            on.words(),
            plain(rate)
        );
        rows.push((name, format!("{reached}{departure}. {}", on.end.sentence())));
    }
    for (at, change) in found.interventions.iter().enumerate() {
        let number = |value: Option<f64>| value.map_or("not known".to_owned(), plain);
        rows.push((
            format!("{}: {}", at + 1, change.change),
            format!(
                "T = {}, T/T_min = {}, λ_max = {}",
                number(change.sharpness),
                number(change.ratio),
                number(change.lambda_max)
            ),
        ));
    }
    rows
}

/// Eigenvalues of Σε by rank.
fn spectrum(found: &Diagnosis) -> Figure {
    let values = found.noise_spectrum.iter().enumerate();
    let points = values.map(|(at, &value)| Point::exact(at as f64, value));
    let panel = Panel::new(
        "",
        counted("rank", found.noise_spectrum.len()),
        Axis::log("eigenvalue of Σε, squared unit of the targets"),
    )
    .with("noise covariance Σε", points.collect(), Look::scattered(0));
    Figure::of("Eigenvalues of the noise covariance", panel)
}

/// An axis of `count` things in order: the first stands at 0 and is called 1.
fn counted(label: &str, count: usize) -> Axis {
    Axis::categories(label, (1..=count).map(|i| i.to_string()).collect())
}

/// T now and after each change.
fn changes(found: &Diagnosis) -> Figure {
    let numbered = |of: fn(f64, f64) -> f64| {
        let known = found.interventions.iter().enumerate();
        known
            .filter_map(|(at, change)| {
                let (sharpness, ratio) = (change.sharpness?, change.ratio?);
                Some(Point::exact(at as f64, of(sharpness, ratio)))
            })
            .collect::<Vec<_>>()
    };
    let panel = Panel::new(
        "",
        counted(
            "change, numbered below (1: none)",
            found.interventions.len(),
        ),
        Axis::log(SHARPNESS.with_unit()),
    )
    .with("T", numbered(|sharpness, _| sharpness), Look::scattered(0))
    .with(
        "T_{min}",
        numbered(|sharpness, ratio| sharpness / ratio),
        Look::scattered(1),
    );
    Figure::of("Sharpness after each change", panel)
}
