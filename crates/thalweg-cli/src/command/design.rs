//! `thalweg design`: what must be changed for SGD to end at a chosen sharpness.

use clap::{ArgGroup, Args};
use thalweg::simulate::SimulateSettings;
use thalweg_lab::answer::{
    DesignAnswer, MOST_SECONDS, Simulated, time_for_runs, why_not, with_causes,
};
use thalweg_lab::design::{self, DesignPrediction, LEVERS, Lever, Target};

use crate::arguments::{
    ProblemArguments, RecipeArguments, StepArguments, count, missing, positive,
};
use crate::exit::Failure;
use crate::number::{number, significant};
use crate::page::{Align, Page, Table};
use crate::{interrupt, output, progress};

/// Find what to change so that SGD ends at a sharpness of your choice
///
/// Each lever is moved until the prediction meets the target: noise added to the
/// labels (towards equal noise on all outputs, which flattens, or on the loudest,
/// which sharpens), weight decay, weights on the labels, and whitening of the
/// inputs. What is found is then simulated at your --learning-rate and --batch,
/// before and after.
///
/// Loss convention: ½‖y − f(x)‖², summed over outputs, mean over samples.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES, arg_required_else_help = true)]
#[command(group = ArgGroup::new("target").required(true).args(["sharpness", "ratio", "lambda_max", "stable"]))]
pub struct Arguments {
    #[command(flatten)]
    problem: ProblemArguments,
    #[command(flatten)]
    step: StepArguments,
    #[command(flatten)]
    recipe: RecipeArguments,
    /// The sharpness T at which SGD should end
    #[arg(long, value_name = "T", value_parser = positive, allow_hyphen_values = true, help_heading = "Target, one of these")]
    sharpness: Option<f64>,
    /// The T/T_min at which it should end; 1 is the flattest minimum
    #[arg(long, value_name = "RATIO", value_parser = positive, allow_hyphen_values = true, help_heading = "Target, one of these")]
    ratio: Option<f64>,
    /// The largest eigenvalue λ_max
    #[arg(long, value_name = "λ", value_parser = positive, allow_hyphen_values = true, help_heading = "Target, one of these")]
    lambda_max: Option<f64>,
    /// A stability number below 1: λ_max below 2(1 + β)/η, less under SAM and weight decay
    #[arg(long, help_heading = "Target, one of these")]
    stable: bool,
    /// Only by these: added_noise, weight_decay, label_weights, whitening [default: all]
    #[arg(long, value_name = "LEVERS", value_delimiter = ',', value_parser = lever, help_heading = "Target, one of these")]
    by: Option<Vec<Choice>>,
    /// Steps within which it should be there: says which levers are slower
    #[arg(long, value_name = "t", value_parser = count, allow_hyphen_values = true, help_heading = "SGD")]
    within: Option<u64>,
    /// How long each simulation may take; 0 for none
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0, value_parser = seconds, allow_hyphen_values = true, help_heading = "SGD")]
    seconds: f64,
    /// Print one JSON object
    #[arg(long, help_heading = "Output")]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  As flat as it gets, and by what:
    thalweg design --depth 2 --noise 1,0.2 --learning-rate 0.01 --batch 10 \\
      --ratio 1
  A chosen sharpness by weight decay alone:
    thalweg design --depth 3 --noise 1,0.1 --learning-rate 0.003 --batch 10 \\
      --sharpness 20 --by weight_decay";

/// One lever, by its name.
#[derive(Clone, Copy)]
struct Choice(&'static dyn Lever);

impl std::fmt::Debug for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.key())
    }
}

fn lever(text: &str) -> Result<Choice, String> {
    let found = design::lever(text).map(Choice);
    found.ok_or_else(|| format!("a lever is one of {}", design::keys()))
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=MOST_SECONDS).contains(&value) => Ok(value),
        _ => Err(format!(
            "a number of seconds from 0 to {MOST_SECONDS:e} is needed"
        )),
    }
}

#[derive(Debug, thiserror::Error)]
#[error(
    "what weight decay does, and what SGD does, depends on the step: --learning-rate and --batch are needed (missing: {0})"
)]
struct NoStep(String);

/// Prints what to change.
///
/// # Errors
/// Bad input, or a target that no lever reaches.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let file = arguments.problem.read()?;
    let rate = arguments.step.learning_rate.or(file.learning_rate);
    let batch = arguments.step.batch().or(file.batch);
    let Some(step) = rate.zip(batch) else {
        let given = [rate.is_some(), batch.is_some(), true];
        return Err(Failure::input(NoStep(missing(given))));
    };
    let target = match (arguments.sharpness, arguments.ratio, arguments.lambda_max) {
        (Some(sharpness), _, _) => Target::Sharpness(sharpness),
        (_, Some(ratio), _) => Target::Ratio(ratio),
        (_, _, Some(lambda_max)) => Target::LambdaMax(lambda_max),
        _ => Target::Stable,
    };
    let recipe = arguments.recipe.over(file.recipe, &file.problem)?;
    let levers: Vec<&'static dyn Lever> = match &arguments.by {
        Some(chosen) => chosen.iter().map(|choice| choice.0).collect(),
        None => LEVERS.to_vec(),
    };
    interrupt::patiently();
    let more = || time_for_runs(arguments.seconds, interrupt::asked());
    let settings = SimulateSettings {
        recipe,
        data: file.data,
        ..SimulateSettings::new(step.0, step.1)
    };
    let seek = || DesignAnswer::new(&file.problem, &settings, target, &levers, more);
    let mut answer = progress::waiting("trying the levers", seek)?;
    if file.switch_step.is_some() {
        answer.recipe.push(
            "The file's switch to gradient descent is left out: what is predicted here, and simulated, is SGD without it."
                .to_owned(),
        );
    }
    if arguments.json {
        output::print_json(&answer.json())?;
        return interrupt::if_cut_short();
    }
    let mut page = Page::for_output();
    page.problem(&file.problem);
    page.heading(&format!(
        "What takes {} to {}{} at η = {}, B = {}",
        target.what(),
        number(target.value()),
        if target.is_bound() { " or below" } else { "" },
        number(step.0),
        step.1
    ));
    page.table(&table(&answer));
    page.paragraph(
        "Predicted: the limit of small steps. SGD: mean over 16 runs from there, ± standard error of T; at a finite step it fluctuates about the limit, and ends \
         flatter where η λ_max is not small. Steps: the relaxation time of the slow flow, where it is known; hidden units that the teacher does not use die out more slowly.",
    );
    for note in &answer.recipe {
        page.paragraph(note);
    }
    let (before, simulated) = &answer.before;
    if answer.is_met() {
        page.paragraph(&format!(
            "For this nothing has to be changed: {} is {} already.",
            target.what(),
            number(target.of(before))
        ));
        for words in before.warning.iter().chain(&on_runs(simulated)) {
            page.paragraph(words);
        }
    } else if let Some(words) = on_runs(simulated).filter(|_| !has_settled(simulated)) {
        page.paragraph(&format!("Before any change: {words}"));
    }
    for (lever, found, simulated) in &answer.designs {
        page.heading(lever.name());
        page.paragraph(&format!("To do: {}.", found.changed.words));
        if let Some(warning) = &found.after.warning {
            page.paragraph(warning);
        }
        if let Some(words) = on_runs(simulated) {
            page.paragraph(&words);
        }
        if let Some(within) = arguments.within {
            page.paragraph(&match found.after.relaxation_steps {
                Some(steps) if steps <= within as f64 => {
                    format!("Its relaxation time is within the {within} steps.")
                }
                Some(steps) => format!(
                    "Too slow for {within} steps: the relaxation time is {}; η²/B would have to be {} times as large.",
                    significant(steps, 3),
                    significant(steps / within as f64, 2)
                ),
                None => format!("How long it takes is not known here: `thalweg flow --steps {within}` with this change follows it."),
            });
        }
    }
    if !answer.unreached.is_empty() {
        page.heading("Not reached");
    }
    for unreached in &answer.unreached {
        page.paragraph(&format!("{}.", why_not(unreached)));
    }
    output::print(&page.finish())?;
    interrupt::if_cut_short()
}

/// What became of the runs, or why there are none.
fn on_runs(simulated: &Simulated) -> Option<String> {
    Some(match simulated.as_ref()? {
        Ok(end) => end.sentence(),
        Err(error) => format!("Not simulated: {}.", with_causes(error)),
    })
}

/// Whether all runs came to their end.
fn has_settled(simulated: &Simulated) -> bool {
    matches!(simulated, Some(Ok(end)) if end.settled && end.diverged_by.is_none())
}

fn table(answer: &DesignAnswer) -> Table {
    let mut table = Table::with_heads(&[
        ("", Align::Left),
        ("T predicted", Align::Right),
        ("T of SGD", Align::Right),
        ("", Align::Left),
        ("T/T_min", Align::Right),
        ("λ_max predicted", Align::Right),
        ("λ_max of SGD", Align::Right),
        ("steps", Align::Right),
    ]);
    let mut row = |name: &str, predicted: &DesignPrediction, simulated: &Simulated| {
        let ran = simulated.as_ref().and_then(|ran| ran.as_ref().ok());
        let means = ran.and_then(|end| end.means.as_ref());
        let error = means.and_then(|means| means[0].standard_error);
        let mean = |i: usize| means.map_or_else(|| "–".to_owned(), |m| significant(m[i].mean, 5));
        let steps = predicted.relaxation_steps;
        table.row([
            name.to_owned(),
            number(predicted.sharpness),
            mean(0),
            error.map_or(String::new(), |error| {
                format!("± {}", significant(error, 2))
            }),
            significant(predicted.sharpness / predicted.min_sharpness, 5),
            number(predicted.lambda_max),
            mean(1),
            steps.map_or_else(|| "–".to_owned(), |steps| significant(steps, 3)),
        ]);
    };
    row("before", &answer.before.0, &answer.before.1);
    for (lever, found, simulated) in &answer.designs {
        row(&format!("after: {}", lever.name()), &found.after, simulated);
    }
    table
}
