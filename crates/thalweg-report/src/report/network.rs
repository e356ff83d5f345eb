//! The report of a network's training: what was measured on the way.

use std::path::Path;

use super::ReportError;
use super::landscape;
use super::measured::{self, with_note};
use super::page::{self, HEADING, Head, SPECIFICATION, name};
use super::section::Section;
use crate::plot::{self, Axis, Dash, Figure, Look, Panel, Point};
use crate::results::FigureResult;
use thalweg::optimizer::Optimizer;
use thalweg_lab::network::{Effort, NetworkMeasurement, changed_data, unmeasured};
use thalweg_lab::quantity::{
    self, LAMBDA_MAX, PRECONDITIONED_LAMBDA_MAX, TRAINED_LAMBDA_MAX, against_steps,
};
use thalweg_lab::shell::quoted;
use thalweg_lab::spec::NetworkExperiment;
use thalweg_lab::store::{StoredRun, divergence, is_run, load};

const LEAD: &str = "A network trained by SGD under designed label noise: sharpness, the fluctuation of the gradient, \
    and their ratio.";

/// The page of the run in `directory`, if there is one, and of the `measured` networks.
pub fn page(directory: &Path, measured: &[NetworkMeasurement]) -> Result<String, ReportError> {
    let mut convention = measured
        .first()
        .map(|network| network.loss_convention.clone());
    let mut parts = Vec::new();
    let mut steps = None;
    if measured.is_empty() || is_run(directory) {
        let run = load::<NetworkExperiment>(directory)?;
        convention = Some(run.experiment.loss_words().to_owned());
        steps = Some(run.experiment.steps);
        let picture = plot::svg(&draw(&run).scene());
        let changed = changed_data(directory)?;
        let unmeasured = unmeasured(directory)?;
        let mut words = words(directory, &run, changed);
        words.caption = with_note(words.caption, unmeasured.as_ref());
        parts.push((words, picture, "Settings"));
    }
    for network in measured {
        let command = again(directory, network);
        let mut words = measured::words(network, &command);
        if let (Some(step), Some(last)) = (network.step, steps)
            && step != last
        {
            words.caption.push_str(&format!(
                " This was measured at step {step}, and the run has gone on to step {last} since: {command} measures it there."
            ));
        }
        parts.push((words, measured::picture(network), "Numbers"));
        if let Some(found) = &network.landscape {
            let words = landscape::words(network, found, &command);
            parts.push((words, landscape::picture(found), "Numbers"));
        }
    }
    let sections: Vec<_> = parts
        .iter()
        .map(|(figure, picture, details)| Section::drawn(figure, picture.clone(), details))
        .collect();
    let head = Head {
        title: &format!("training {}", name(directory)),
        heading: HEADING,
        lead: LEAD,
        loss_convention: &convention.unwrap_or_default(),
        own: SPECIFICATION,
    };
    Ok(page::page(&head, "", &sections))
}

/// What measures `network` of the run in `directory` again.
fn again(directory: &Path, network: &NetworkMeasurement) -> String {
    let mut command = format!(
        "thalweg measure {} --samples {}",
        quoted(&directory.display().to_string()),
        network.samples
    );
    if network.name.ends_with("-train") {
        command += " --on train";
    }
    let top = network.top.len();
    if top != Effort::default().eigenpairs {
        command += &format!(" --top {top}");
    }
    if network.landscape.is_some() {
        command += " --landscape";
    }
    command
}

fn draw(run: &StoredRun<NetworkExperiment>) -> Figure {
    let mut panels = Vec::new();
    let interventions = &run.experiment.settings.optimizer;
    let mut quantities = quantity::trained_with(&run.experiment);
    let adam = match &interventions.update {
        Optimizer::Sgd(_) => None,
        Optimizer::AdamW(adam) => Some(adam),
    };
    quantities.extend(adam.map(|_| PRECONDITIONED_LAMBDA_MAX));
    for quantity in &quantities {
        let measured = run
            .measurements
            .mean(&quantity.key)
            .into_iter()
            .map(|p| Point {
                x: p.step as f64,
                y: p.value.mean,
                error: p.value.standard_error.unwrap_or(0.0),
            });
        let mut panel = Panel::new("", Axis::log("step t"), Axis::log(quantity.with_unit())).with(
            "SGD, mean ± s.e. over seeds",
            measured.collect(),
            Look::measured(0),
        );
        let decides = match adam {
            None => [LAMBDA_MAX, TRAINED_LAMBDA_MAX].contains(quantity),
            Some(_) => *quantity == PRECONDITIONED_LAMBDA_MAX,
        };
        if decides {
            let end = quantity::end(run.experiment.steps);
            let (level, formula) = interventions.update.stability_threshold(*end.start());
            let name = match adam {
                None => format!("{formula}, the edge of stability"),
                Some(_) => format!("{formula}, where AdamW turns unstable"),
            };
            panel = panel.with_level(&name, level, Look::reference(Dash::DashDot));
        }
        panels.push(panel);
    }
    Figure {
        description: against_steps(&quantities),
        panels,
        columns: 3,
        frame: (230.0, 200.0),
    }
}

fn words(
    directory: &Path,
    run: &StoredRun<NetworkExperiment>,
    changed_data: Option<String>,
) -> FigureResult {
    let experiment = &run.experiment;
    let diverged = run.outcomes.iter().filter(|o| o.diverged_at.is_some());
    let caveats = experiment.caveats();
    let remarks = divergence(&run.outcomes)
        .into_iter()
        .chain(["Means over the seeds that had not diverged, measured in double precision on samples that training does not use.".to_owned()])
        .chain(page::at_the_start(&run.measurements))
        .chain(caveats.iter().map(|caveat| format!("{caveat}.")));
    let rows = [
        ("network", experiment.network_words()),
        ("data", experiment.data_words()),
        (
            "η",
            experiment
                .settings
                .optimizer
                .learning_rate()
                .base
                .to_string(),
        ),
        ("B", experiment.settings.batch.to_string()),
        ("steps", experiment.steps.to_string()),
        ("seeds", experiment.seeds.len().to_string()),
        ("diverged", diverged.count().to_string()),
        ("evaluation set", experiment.evaluation_words()),
    ];
    let with = experiment.intervention_words();
    let rows = rows.into_iter().chain(with.map(|words| ("with", words)));
    FigureResult {
        id: "run".to_owned(),
        title: experiment
            .name
            .clone()
            .unwrap_or_else(|| "A network in training".to_owned()),
        caption: with_note(remarks.collect::<Vec<_>>().join(" "), changed_data.as_ref()),
        command: page::command(directory),
        settings: rows.map(|(name, value)| (name.to_owned(), value)).collect(),
        ..FigureResult::of_a_run()
    }
}

#[cfg(test)]
#[path = "network_tests.rs"]
mod tests;
