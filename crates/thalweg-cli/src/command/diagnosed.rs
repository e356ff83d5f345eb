//! The page of a diagnosis of rows.

use thalweg::words::counted;
use thalweg_lab::answer::{PredictAnswer, Prepared};
use thalweg_lab::diagnose::{Diagnosis, Interval, OnRows, Trial};

use crate::exit::Failure;
use crate::number::{about, number, percent, significant};
use crate::page::{Align, Page, Table};

/// The most outputs that are listed.
const LISTED: usize = 20;

/// All of it; `step` is η and B where they were given.
pub(super) fn page(
    found: &Diagnosis,
    on_rows: &[OnRows],
    step: Option<(f64, usize)>,
) -> Result<String, Failure> {
    let mut page = Page::for_output();
    page.heading("Which noise the labels have");
    let mut heads = vec![
        (if found.classes { "class" } else { "output" }, Align::Left),
        ("noise, std dev", Align::Right),
        ("explained", Align::Right),
    ];
    heads.push(if found.classes {
        ("of the rows", Align::Right)
    } else {
        ("T/T_min if its noise were average", Align::Right)
    });
    let mut loudest: Vec<_> = found.outputs.iter().collect();
    loudest.sort_by(|a, b| b.noise_variance.total_cmp(&a.noise_variance));
    loudest.truncate(LISTED);
    let mut outputs = Table::with_heads(&heads);
    // In the order of the columns where all are listed.
    let all = found.outputs.len() <= LISTED;
    for output in found
        .outputs
        .iter()
        .filter(|_| all)
        .chain(loudest.into_iter().filter(|_| !all))
    {
        let last = match output.share {
            Some(share) => Some(percent(share)),
            None => output.ratio_if_average.map(|ratio| significant(ratio, 4)),
        };
        outputs.row([
            output.name.clone(),
            significant(output.noise_variance.sqrt(), 4),
            percent(output.explained),
            last.unwrap_or_else(|| "–".to_owned()),
        ]);
    }
    page.table(&outputs);
    if !all {
        page.paragraph(&format!(
            "The {LISTED} with most noise, of {}.",
            found.outputs.len()
        ));
    }
    if found.outputs.iter().any(|output| output.own_rows.is_some()) {
        own_rows(&mut page, found);
    }
    page.paragraph(&format!(
        "From {}. Noise is what a linear fit with an intercept leaves, over its degrees of freedom.",
        found.size()
    ));
    for sentence in &found.left_out {
        page.paragraph(sentence);
    }
    let tested = |trial: &Trial| {
        let p = significant(trial.p_value, 2);
        if (trial.rows as u64) < found.rows {
            format!("p = {p}, on {} rows drawn from all", trial.rows)
        } else {
            format!("p = {p}")
        }
    };
    let (isotropy, heteroscedasticity) = (&found.isotropy, &found.heteroscedasticity);
    page.paragraph(&if found.noise_spectrum.len() == 1 {
        match found.classes {
            true => "With two classes there is one noise, since one gains what the other loses: SGD ends at the flattest minimum if it does not depend on the inputs.",
            false => "With one output there is one noise: SGD ends at the flattest minimum if it does not depend on the inputs.",
        }
        .to_owned()
    } else if isotropy.rejects() {
        format!("It is louder in some directions of the outputs than in others (isotropy: {}).", tested(isotropy))
    } else {
        let equal = match found.classes {
            true => "the same in all directions between the classes",
            false => "the same and uncorrelated on all outputs",
        };
        format!("It may be {equal} (isotropy: {}): these rows cannot tell.", tested(isotropy))
    });
    page.paragraph(&if heteroscedasticity.rejects() {
        format!(
            "It depends on the inputs ({}), or the targets are no linear functions of them: the closed forms below do not hold, and say at best \
             where SGD tends.",
            tested(heteroscedasticity)
        )
    } else {
        format!("That it depends on the inputs is not seen ({}).", tested(heteroscedasticity))
    });
    page.heading(&format!(
        "Where SGD would end, in a linear network of {}",
        counted(found.problem.depth(), "layer")
    ));
    let mut ends = Table::with_heads(&[
        ("quantity", Align::Left),
        ("symbol", Align::Left),
        ("value", Align::Right),
        ("95 % interval", Align::Left),
    ]);
    for (words, symbol, of) in [
        ("noise condition number", "κ(Σε)", &found.condition_number),
        ("sharpness", "T", &found.sharpness),
        ("… of the flattest minimum", "T_min", &found.min_sharpness),
        ("largest eigenvalue", "λ_max", &found.lambda_max),
        ("fluctuation", "F", &found.fluctuation),
    ] {
        ends.row([
            words.to_owned(),
            symbol.to_owned(),
            significant(of.value, 5),
            interval(of),
        ]);
    }
    page.table(&ends);
    if let Some(turned) = found.turned() {
        page.paragraph(&turned);
    }
    if let Some(doubt) = found.doubt() {
        page.paragraph(&doubt);
    }
    if step.is_some() {
        let prepared = Prepared::plain(&found.problem, step);
        let mut answer = PredictAnswer::new(&prepared, false)?;
        if let Some(end) = &found.exact_drift {
            answer.end_by_exact_drift(end.clone());
        }
        if let Some(run) = &answer.run {
            let at = &run.validity;
            let stability = at
                .limit_stability
                .map_or(at.stability, |limit| limit.max(at.stability));
            // Beyond the edge of stability SGD never gets there.
            if let (Some(steps), true) = (run.relaxation, stability <= 1.0) {
                page.paragraph(&format!(
                    "At η = {} and B = {} it takes some {} steps to get there.",
                    number(run.learning_rate),
                    run.batch,
                    about(steps)
                ));
            }
            page.paragraph(&run.belief.sentence);
        }
    }
    if !on_rows.is_empty() {
        simulated(&mut page, found, on_rows);
    }
    page.heading("What would change it");
    let mut changes = Table::with_heads(&[
        ("change", Align::Left),
        ("T", Align::Right),
        ("T/T_min", Align::Right),
        ("λ_max", Align::Right),
    ]);
    let shown =
        |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| significant(value, 5));
    for change in &found.interventions {
        changes.row([
            change.change.clone(),
            shown(change.sharpness),
            shown(change.ratio),
            shown(change.lambda_max),
        ]);
    }
    page.table(&changes);
    page.paragraph("With --problem FILE these data are written as a problem, for which `thalweg design FILE` finds how much added noise, weighting, decay or whitening takes T where \
         you want it.");
    Ok(page.finish())
}

/// The noise of each class's own rows, the classes with the largest part of it first.
fn own_rows(page: &mut Page, found: &Diagnosis) {
    let outputs = found.outputs.iter();
    let mut classes: Vec<_> = outputs
        .filter_map(|output| Some((output, output.own_rows.as_ref()?)))
        .collect();
    classes.sort_by(|(_, a), (_, b)| b.share_of_noise.value.total_cmp(&a.share_of_noise.value));
    let rows: usize = classes.iter().map(|(_, own)| own.rows).sum();
    classes.truncate(LISTED);
    let mut table = Table::with_heads(&[
        ("rows of class", Align::Left),
        ("of the rows", Align::Right),
        ("of the noise", Align::Right),
        ("95 % interval", Align::Left),
        ("in one direction", Align::Right),
    ]);
    for (output, own) in &classes {
        let [low, high] = own.share_of_noise.interval;
        table.row([
            output.name.clone(),
            output.share.map_or_else(|| "–".to_owned(), percent),
            percent(own.share_of_noise.value),
            if low.is_finite() {
                format!("{} … {}", percent(low), percent(high))
            } else {
                "–".to_owned()
            },
            percent(own.along_one_direction),
        ]);
    }
    page.table(&table);
    page.paragraph(&format!(
        "The noise of a class’s own rows is the mean of ‖r‖² over them, from {rows} rows drawn from all; `in one direction` is 100 % where all \
         of them are mistaken in the same way.",
    ));
}

/// SGD on the rows beside the prediction.
fn simulated(page: &mut Page, found: &Diagnosis, on_rows: &[OnRows]) {
    page.heading("SGD on the rows themselves");
    let mut table = Table::with_heads(&[
        ("", Align::Left),
        ("T", Align::Right),
        ("std error", Align::Right),
        ("less predicted", Align::Right),
    ]);
    table.row([
        "predicted, η → 0".to_owned(),
        significant(found.sharpness.value, 5),
        "–".to_owned(),
        "–".to_owned(),
    ]);
    if let Some(end) = &found.exact_drift {
        table.row([
            "where SGD's own drift rests, η → 0".to_owned(),
            significant(end.sharpness, 5),
            "–".to_owned(),
            "–".to_owned(),
        ]);
    }
    if let Some(least) = on_rows.iter().find_map(|on| on.least) {
        table.row([
            "least fluctuation over the rows, η → 0".to_owned(),
            significant(least, 5),
            "–".to_owned(),
            percent(least / found.sharpness.value - 1.0),
        ]);
    }
    for on in on_rows {
        let mean = on.end.means.as_ref().map(|means| means[0]);
        let error = mean.and_then(|mean| mean.standard_error);
        table.row([
            format!("SGD, {}", on.words()),
            mean.map_or_else(|| "diverged".to_owned(), |mean| significant(mean.mean, 5)),
            error.map_or_else(|| "–".to_owned(), |error| significant(error, 2)),
            on.departure(found).map_or_else(|| "–".to_owned(), percent),
        ]);
    }
    page.table(&table);
    if let Some(on) = on_rows.first() {
        let (rate, batch) = on.step;
        page.paragraph(&format!(
            "On {} rows, at η = {} and B = {batch}.",
            on.rows,
            significant(rate, 3)
        ));
    }
    for on in on_rows {
        page.paragraph(&format!("Rows {}: {}", on.words(), on.end.sentence()));
    }
}

fn interval(of: &Interval) -> String {
    let [low, high] = of.interval;
    if low.is_finite() && high.is_finite() {
        format!("{} … {}", significant(low, 4), significant(high, 4))
    } else {
        "too few resamples".to_owned()
    }
}
