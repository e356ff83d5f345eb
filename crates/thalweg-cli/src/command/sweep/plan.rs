//! `thalweg sweep plan`: the cells, and what they will take.

use clap::Args;
use thalweg::words::counted;
use thalweg_lab::answer;
use thalweg_lab::sweep::{Estimate, Sweep, estimate};

use super::given::Given;
use super::{failure, size, time};
use crate::exit::Failure;
use crate::output;
use crate::page::{Align, Page, Table};

/// List a sweep's cells, and estimate their time and disk space
///
/// For the estimate one cell of each kind is run for a third of a second. Cells are
/// of one kind if they differ only in steps and in numbers that are written with a
/// decimal point. With --out the store is made too; no results are put into it.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    #[command(flatten)]
    given: Given,
    /// Print the specification of this cell alone, as a file for simulate or train
    #[arg(long, value_name = "I", conflicts_with = "json")]
    cell: Option<usize>,
    /// Print the plan as one JSON object
    #[arg(long)]
    json: bool,
}

/// The most cells that are listed.
const LISTED: usize = 20;

/// Prints the plan.
///
/// # Errors
/// A sweep file that is wrong, or a directory that cannot be used.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let sweep = arguments.given.sweep()?;
    if let Some(number) = arguments.cell {
        let cell = sweep.cell(number).map_err(failure)?;
        let words = format!(
            "# Cell {number}: {}\n# thalweg {} FILE --out DIR\n",
            sweep.words(number),
            cell.experiment.command()
        );
        return output::print(&(words + &cell.experiment.specification()));
    }
    let estimate = estimate(&sweep).map_err(failure)?;
    if arguments.json {
        output::print_json(&answer::planned(&sweep, &estimate))
    } else {
        output::print(&page(&sweep, &estimate))
    }
}

fn page(sweep: &Sweep, estimate: &Estimate) -> String {
    let mut page = Page::for_output();
    page.heading(sweep.name.as_deref().unwrap_or("Axes"));
    let mut axes = Table::with_heads(&[
        ("axis", Align::Left),
        ("values", Align::Right),
        ("", Align::Left),
    ]);
    for column in sweep.columns() {
        let all: Vec<String> = (0..column.values.len())
            .map(|number| thalweg_lab::sweep::Value { column, number }.words())
            .collect();
        let shown = match &all[..] {
            [first, .., last] if all.len() > 5 => format!("{first} … {last}"),
            all => all.join(", "),
        };
        axes.row([column.name.clone(), column.values.len().to_string(), shown]);
    }
    page.table(&axes);
    let all = counted(sweep.cells(), "cell");
    page.heading(&match sweep.cells() > LISTED {
        true => format!("{all}, of which the first {LISTED} are"),
        false => all,
    });
    let mut heads = vec![("cell", Align::Right)];
    heads.extend(sweep.columns().map(|column| (&*column.name, Align::Right)));
    let mut cells = Table::with_heads(&heads);
    for number in 0..sweep.cells().min(LISTED) {
        let point = sweep.point(number).into_iter().map(|value| value.words());
        cells.row([number.to_string()].into_iter().chain(point));
    }
    page.table(&cells);
    page.heading("Time and disk");
    let mut takes = Table::new(&[Align::Left, Align::Left]);
    takes.row(["time of one core".to_owned(), time(estimate.core_seconds)]);
    let here = format!("here, on {}", counted(estimate.cores, "core"));
    takes.row([here, time(estimate.seconds)]);
    takes.row(["disk".to_owned(), size(estimate.bytes)]);
    page.table(&takes);
    let (timed, kinds) = (
        estimate
            .kinds
            .iter()
            .filter(|kind| kind.seconds_per_step.is_some())
            .count(),
        estimate.kinds.len(),
    );
    page.paragraph(&format!(
        "By {timed} of {kinds} kinds of cells, of which one each was run for a moment."
    ));
    for kind in &estimate.kinds {
        if let Some(failure) = &kind.failure {
            let cells = kind.cells;
            page.paragraph(&format!(
                "Cell {} ({}) cannot be run, and {cells} of its kind perhaps: {failure}",
                kind.first,
                sweep.words(kind.first)
            ));
        }
    }
    page.finish()
}
