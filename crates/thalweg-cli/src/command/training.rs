//! What became of a network in training: sharpness, fluctuation and their ratio, from start to end.

use std::f64::consts::LN_2;
use std::path::Path;

use thalweg::loss::Loss;
use thalweg_lab::answer::TrainAnswer;
use thalweg_lab::quantity::{
    self, FLUCTUATION, LAMBDA_MAX, LOSS, PRECONDITIONED_LAMBDA_MAX, RATIO, SHARPNESS,
    TRAINED_LAMBDA_MAX,
};
use thalweg_lab::run::{Change, Direction, Runnable as _, SeedMean};
use thalweg_lab::store::divergence;

use crate::number::{number, significant};
use crate::page::{Align, Page, Table};

/// What is answered, as it is shown.
pub struct Shown<'r>(pub TrainAnswer<'r>);

impl Shown<'_> {
    /// As a page.
    pub fn page(&self, directory: &Path) -> String {
        let experiment = &self.0.run.experiment;
        let rate = experiment.settings.optimizer.learning_rate().base;
        let mut page = Page::for_output();
        let divergence = divergence(&self.0.run.outcomes);
        let all_diverged = self.0.diverged() == experiment.seeds.len();
        if let Some(divergence) = divergence.as_ref().filter(|_| all_diverged) {
            page.heading(divergence);
        }
        page.heading("Network");
        let mut table = Table::new(&[Align::Left, Align::Left]);
        table.row(["network", &experiment.network_words()]);
        table.row(["data", &experiment.data_words()]);
        table.row(["loss", experiment.loss_words()]);
        if let Some(words) = experiment.intervention_words() {
            table.row(["with", &words]);
        }
        table.row(["measured on", &experiment.evaluation_words()]);
        page.table(&table);
        let seeds = match experiment.seeds.len() {
            1 => "1 seed".to_owned(),
            seeds => format!("{seeds} seeds, mean ± standard error"),
        };
        page.heading(&format!(
            "{} steps at η = {}, B = {}; {seeds}",
            experiment.steps,
            number(rate),
            experiment.settings.batch,
        ));
        let mut table = Table::with_heads(&[
            ("", Align::Left),
            ("", Align::Left),
            ("start", Align::Right),
            ("", Align::Left),
            ("end", Align::Right),
            ("", Align::Left),
            ("end/start", Align::Right),
            ("", Align::Left),
        ]);
        for (quantity, change) in &self.0.changes {
            let mut cells = vec![quantity.words.to_owned(), quantity.formula.to_owned()];
            let shown = change
                .iter()
                .flat_map(|c| [Some(c.start), Some(c.end), c.factor]);
            for estimate in shown.flatten() {
                let [mean, error] = self.cells(estimate);
                cells.extend([mean, error]);
            }
            table.row(cells);
        }
        page.table(&table);
        page.paragraph(&self.sentence());
        page.paragraph(&self.on_start_and_end());
        if experiment.loss == Loss::MeanCrossEntropy
            && let Some(change) = self.0.change(&LOSS)
        {
            page.paragraph(&format!(
                "At the end L is {} bits for each token.",
                significant(change.end.mean / LN_2, 4)
            ));
        }
        if let Some(sentence) = self.stability() {
            page.paragraph(&sentence);
        }
        if let Some(divergence) = divergence.filter(|_| !all_diverged) {
            page.paragraph(&divergence);
        }
        let kept = if all_diverged {
            "All measurements"
        } else {
            "All measurements and the networks"
        };
        page.paragraph(&format!("{kept}: {}", directory.display()));
        page.finish()
    }

    /// How near the end is to where gradient descent on the loss that is descended would turn unstable.
    fn stability(&self) -> Option<String> {
        if let Some(found) = self.0.preconditioned {
            let symbol = PRECONDITIONED_LAMBDA_MAX.plain_symbol();
            return found.end.map(|end| {
                let [mean, error] = self.cells(end);
                format!(
                    "At the end {symbol} of the loss that is descended is {mean} {error}, {} of 2(1 + β₁)/((1 − β₁)η) = {}, where AdamW \
                     with its P held still would turn unstable.",
                    significant(end.mean / found.threshold, 2),
                    significant(found.threshold, 4),
                )
            });
        }
        // The loss that is descended decides, where it is another.
        let largest = [TRAINED_LAMBDA_MAX, LAMBDA_MAX];
        let mut largest = largest.iter().filter_map(|q| Some((q, self.0.change(q)?)));
        let (quantity, change) = largest.next()?;
        let experiment = &self.0.run.experiment;
        let optimizer = &experiment.settings.optimizer.update;
        let (threshold, formula) =
            optimizer.stability_threshold(*quantity::end(experiment.steps).start());
        Some(format!(
            "At the end {} is {} of {formula}, where gradient descent would turn unstable.",
            quantity.plain_symbol(),
            significant(change.end.mean / threshold, 2)
        ))
    }

    fn cells(&self, estimate: SeedMean) -> [String; 2] {
        let error = estimate
            .standard_error
            .map(|error| format!("± {}", significant(error, 2)));
        [significant(estimate.mean, 4), error.unwrap_or_default()]
    }

    /// What start and end are; and where a run that was given more steps averages over other steps than one long run.
    fn on_start_and_end(&self) -> String {
        let mut words = format!(
            "Start is step 0; end is the mean over the {} in the last fifth of the run.",
            steps(&self.0.end_steps)
        );
        let experiment = &self.0.run.experiment;
        if experiment.seeds.len() > 1 {
            words.push_str(" End/start is the geometric mean of the seeds' own ratios.");
        }
        let mut own = experiment.measured_steps();
        own.retain(|step| quantity::end(experiment.steps).contains(step));
        if !self.0.end_steps.is_empty() && self.0.end_steps != own {
            words.push_str(&format!(
                " The run was given more steps after it had ended, and keeps what was measured until then. One run of {} steps \
                 averages over the {}, so that its mean there can differ.",
                experiment.steps,
                steps(&own)
            ));
        }
        words
    }

    /// Which way sharpness, fluctuation and their ratio went.
    fn sentence(&self) -> String {
        let told = [SHARPNESS, FLUCTUATION, RATIO];
        let parts: Vec<String> = told
            .iter()
            .filter_map(|quantity| {
                let change = self.0.change(quantity)?;
                Some(format!("{} {}", quantity.words, verb(change)))
            })
            .collect();
        if parts.is_empty() {
            return "No seed was measured to the end.".to_owned();
        }
        let parts = capitalised(&parts.join(", "));
        if self.0.run.experiment.seeds.len() == 1 {
            format!("{parts} (with one seed, a change cannot be told from chance).")
        } else {
            format!(
                "{parts} (a change is clear where chance would make such a mean over seeds of ln(end/start) once in 100 times at most)."
            )
        }
    }
}

/// The measured steps, in words: each of a few, the ends of many.
fn steps(steps: &[u64]) -> String {
    const EACH: usize = 5;
    let numbers: Vec<String> = steps.iter().map(u64::to_string).collect();
    match &numbers[..] {
        [] => "measured steps".to_owned(),
        [one] => format!("one measured step, {one},"),
        [most @ .., last] if numbers.len() <= EACH => {
            format!("measured steps {} and {last}", most.join(", "))
        }
        [first, .., last] => format!("{} measured steps from {first} to {last}", numbers.len()),
    }
}

fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

fn verb(change: &Change) -> String {
    let factor = change.factor.map_or(f64::NAN, |factor| factor.mean);
    let factor = significant(factor, 3);
    match change.direction {
        Direction::NotPositive => format!(
            "went from {} to {}",
            significant(change.start.mean, 3),
            significant(change.end.mean, 3)
        ),
        Direction::Rose => format!("rose {factor}-fold"),
        Direction::Fell => format!("fell to {factor} of its start"),
        Direction::Unclear => "did not clearly change".to_owned(),
        Direction::OneSeed => format!("went to {factor} of its start"),
    }
}

#[cfg(test)]
#[path = "training_tests.rs"]
mod tests;
