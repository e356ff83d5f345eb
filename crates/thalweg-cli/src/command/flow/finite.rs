//! `thalweg flow --drift finite`: SGD at the user's own step size, averaged over its fluctuations.

use thalweg_lab::answer::FiniteAnswer;
use thalweg_lab::quantity::{self, Quantity};
use thalweg_lab::spec::ProblemFile;

use super::{Arguments, FOLLOWING, cell, key, prepared, start, times};
use crate::arguments::missing;
use crate::exit::Failure;
use crate::number::significant;
use crate::output;
use crate::page::{Align, Page, Table};
use crate::progress;

#[derive(Debug, thiserror::Error)]
#[error(
    "--drift finite depends on the step size and the batch: give --learning-rate and --batch, or learning_rate and batch in the file (missing: {missing})"
)]
struct NoStep {
    missing: String,
}

/// Prints the means along the path.
///
/// # Errors
/// Bad input, a start that gradient flow cannot take to a minimum, or a network, η or B for which the theory has no answer.
pub fn run(file: &ProblemFile, arguments: &Arguments) -> Result<(), Failure> {
    let prepared = prepared(file, arguments)?;
    if prepared.step.is_none() {
        let rate = arguments.step.learning_rate.or(file.learning_rate);
        let batch = arguments.step.batch().or(file.batch);
        let missing = missing([rate.is_some(), batch.is_some(), true]);
        return Err(Failure::input(NoStep { missing }));
    }
    let times = times(file, &prepared, arguments).map_err(Failure::input)?;
    let (start, seed) = start(file, arguments)?;
    let follow = || FiniteAnswer::new(&prepared, (&start, seed), &times);
    let answer = progress::waiting(FOLLOWING, follow)?;
    if arguments.json {
        output::print_json(&answer.json())
    } else {
        output::print(&page(&answer))
    }
}

fn page(answer: &FiniteAnswer<'_>) -> String {
    let mut page = Page::for_output();
    page.problem(&answer.prepared.problem);
    page.heading(&format!(
        "SGD at η = {} and B = {}, averaged over its fluctuations",
        answer.learning_rate, answer.batch
    ));
    let path = &answer.trajectory.snapshots;
    let steps = path.iter().any(|s| s.step.is_some());
    let digits = answer.prepared.problem.known_digits();
    let quantities = quantity::compared();
    let symbols: Vec<String> = quantities.iter().map(Quantity::plain_symbol).collect();
    let mut heads = vec![("u = η²t/B", Align::Right)];
    heads.extend(symbols.iter().map(|symbol| (&**symbol, Align::Right)));
    heads.push(("ε", Align::Right));
    if steps {
        heads.insert(0, ("step t", Align::Right));
    }
    let mut table = Table::with_heads(&heads);
    for s in path {
        let mut row: Vec<String> = s.step.iter().map(u64::to_string).collect();
        row.push(significant(s.slow_time, 4));
        row.extend(
            quantities
                .iter()
                .map(|q| cell(q.at_finite_step(s), digits.min(4))),
        );
        row.push(
            s.relative_weighted_fluctuation
                .map_or("–".to_owned(), |epsilon| {
                    format!("{} %", significant(100.0 * epsilon, 2))
                }),
        );
        table.row(row);
    }
    page.table(&table);
    page.paragraph(&format!(
        "u: slow time. {} ε: fluctuation of the product, E‖(W_D…W_1 − V)√Σx‖² / ‖V√Σx‖²{}.",
        key(&quantities),
        if steps {
            " (–: the weights still descend to the minima)"
        } else {
            ""
        }
    ));
    page.heading("Whether to believe it");
    page.paragraph(&answer.belief().sentence);
    for note in answer.prepared.notes() {
        page.paragraph(&note);
    }
    page.finish()
}
