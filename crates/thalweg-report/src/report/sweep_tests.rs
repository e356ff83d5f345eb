use std::sync::atomic::AtomicBool;

use thalweg_lab::spec::Draft;
use thalweg_lab::sweep::{Sweep, Task, Which, curves, run};

use super::super::sweep_grid::{Ended, Slice};
use super::super::sweep_maps::{SOME_SEEDS, START};
use super::*;
use crate::plot::Shape;

/// Two depths, three noises, two batches of which one is larger than the data set.
const SWEEP: &str = r#"
seeds = 3
[base]
learning_rate = 0.01
batch = 1
steps = 20
depth = 2
noise_standard_deviations = [1, 0.5]
input_covariance = [[1, 0], [0, 1]]
teacher = [[1, 0], [0, 1]]
data = { source = { kind = "finite", samples = 5 } }
[[axes]]
path = "noise_standard_deviations[1]"
name = "weak"
values = [1.0, 0.1, 0.01]
[[axes]]
path = "depth"
values = [2, 3]
[[axes]]
path = "batch"
values = [1, 10]
"#;

fn store(text: &str, which: &Which) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let sweep = Sweep::from_draft(Draft::from_toml(text).unwrap()).unwrap();
    let store = Store::create(folder.path(), sweep).unwrap();
    run(&store, which, Task::default(), &(), &AtomicBool::new(false)).unwrap();
    (folder, store)
}

fn sides(store: &Store, view: SweepView<'_>) -> (Side, Side) {
    let x = Side::choose(store.sweep(), view.x, None).unwrap().unwrap();
    let y = Side::choose(store.sweep(), view.y, Some(&x))
        .unwrap()
        .unwrap();
    (x, y)
}

/// Each cell lies where its values say, by the order of values and not of the file, with its own seeds' mean.
#[test]
fn cells_lie_at_their_values() {
    let (_folder, store) = store(SWEEP, &Which::All);
    let cells = ends(&store).unwrap();
    let (x, y) = sides(&store, SweepView::default());
    assert_eq!((&*x.name, &*y.name), ("weak", "depth"));
    assert_eq!(x.places, [0.01, 0.1, 1.0]);
    let grid = Grid::new(store.sweep(), &cells, &quantity::SHARPNESS, &x, Some(&y));
    let words: Vec<&str> = grid.slices.iter().map(|slice| &*slice.words).collect();
    assert_eq!(words, ["batch = 1", "batch = 10"]);
    // weak = 0.1, depth = 3, batch = 1: cell (1·2 + 1)·2 + 0.
    let cell = cells.iter().find(|cell| cell.number == 6).unwrap();
    let values: Vec<f64> = cell
        .ends
        .iter()
        .filter(|end| end.quantity == "sharpness")
        .map(|end| end.last_fifth.unwrap())
        .collect();
    let mean = values.iter().sum::<f64>() / 3.0;
    let point = &grid.slices[0].points[1][1];
    assert!((point.mean() - mean).abs() < 1e-12 * mean);
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 2.0;
    assert!((point.error() - (variance / 3.0).sqrt()).abs() < 1e-12 * mean);
    assert!(
        (point.limit() - 31.550_455_771_9).abs() < 1e-8,
        "{}",
        point.limit()
    );
    // What could not be run is crossed out.
    assert_eq!(grid.slices[1].points[1][1].mean(), f64::INFINITY);
}

/// Where the file goes from the middle value to the largest and back to the smallest, none is at the place of another.
#[test]
fn values_in_any_order_lie_in_their_own() {
    let text = SWEEP.replace("[1.0, 0.1, 0.01]", "[0.1, 1.0, 0.01]");
    let (_folder, store) = store(&text, &Which::Cells(vec![0]));
    let cells = ends(&store).unwrap();
    let (x, y) = sides(&store, SweepView::default());
    assert_eq!(x.places, [0.01, 0.1, 1.0]);
    let grid = Grid::new(store.sweep(), &cells, &quantity::SHARPNESS, &x, Some(&y));
    // The one cell that was run has weak = 0.1 and depth = 2.
    let points = &grid.slices[0].points;
    let run: Vec<(usize, usize)> = (0..points.len())
        .flat_map(|row| (0..points[row].len()).map(move |column| (row, column)))
        .filter(|&(row, column)| points[row][column].mean().is_finite())
        .collect();
    assert_eq!(run, [(0, 1)]);
}

/// Of columns that move together the first names a map: it tells where the others are.
#[test]
fn a_map_is_named_once_for_columns_that_move_together() {
    let axis = "path = \"batch\"\nvalues = [1, 10]";
    let together = "together = [{ path = \"batch\", values = [1, 2] }, { path = \"steps\", values = [20, 10] }]";
    let (_folder, store) = store(&SWEEP.replace(axis, together), &Which::All);
    let (x, y) = sides(&store, SweepView::default());
    let cells = ends(&store).unwrap();
    let grid = Grid::new(store.sweep(), &cells, &quantity::SHARPNESS, &x, Some(&y));
    let words: Vec<&str> = grid.slices.iter().map(|slice| &*slice.words).collect();
    assert_eq!(words, ["batch = 1", "batch = 2"]);
}

#[test]
fn what_is_not_done_is_left_empty() {
    let (_folder, store) = store(SWEEP, &Which::Cells(vec![0]));
    let cells = ends(&store).unwrap();
    let (x, y) = sides(&store, SweepView::default());
    let grid = Grid::new(store.sweep(), &cells, &quantity::SHARPNESS, &x, Some(&y));
    assert!(grid.slices[0].points[0][2].mean().is_finite());
    assert!(grid.slices[0].points[0][0].mean().is_nan());
}

/// Theory's maps cross out what could not be run too, and leave empty what is not done.
#[test]
fn failed_cells_are_crossed_out_on_the_maps_of_theory() {
    // Of 12 cells: (weak 1.0; depth 2, 3; batch 1, 10).
    let text = SWEEP.replace("values = [1, 10]", "values = [10, 1]");
    let (_folder, store) = store(&text, &Which::Cells(vec![0, 1]));
    let cells = ends(&store).unwrap();
    let view = SweepView {
        x: Some("batch"),
        y: Some("depth"),
        ..SweepView::default()
    };
    let (x, y) = sides(&store, view);
    let grid = Grid::new(store.sweep(), &cells, &quantity::SHARPNESS, &x, Some(&y));
    let slice = &grid.slices[0];
    let [_, _, limit] = &maps(&quantity::SHARPNESS, [&x, &y], slice, Measured::Sgd)[..] else {
        panic!("SGD, its error and the limit");
    };
    let of_theory = flattest(&quantity::SHARPNESS, [&x, &y], slice);
    assert_eq!(of_theory.len(), 3);
    for panel in of_theory.iter().chain([limit]) {
        let values = &panel.heat.as_ref().unwrap().values;
        assert!(values[0][0].is_finite(), "{values:?}");
        assert_eq!(values[0][1], f64::INFINITY);
        assert!(values[1].iter().all(|value| value.is_nan()), "{values:?}");
    }
}

/// Where the page is to lie elsewhere, nothing is written into the store.
#[test]
fn a_page_elsewhere_leaves_the_store_alone() {
    let (folder, _store) = store(SWEEP, &Which::Cells(vec![0]));
    std::fs::remove_file(folder.path().join(".lock")).unwrap();
    let other = tempfile::tempdir().unwrap();
    let out = other.path().join("page.html");
    let path = write_sweep(folder.path(), SweepView::default(), Some(&out)).unwrap();
    assert_eq!(path, out);
    assert!(std::fs::read_to_string(&out).unwrap().contains("<html"));
    for name in [".lock", "report.html"] {
        assert!(!folder.path().join(name).exists(), "{name}");
    }
}

#[test]
fn borders_lie_between_values() {
    let (_folder, store) = store(SWEEP, &Which::Cells(vec![0]));
    let (x, y) = sides(&store, SweepView::default());
    let root = 10f64.sqrt();
    for (edge, expected) in x
        .edges()
        .into_iter()
        .zip([0.01 / root, 0.01 * root, 0.1 * root, root])
    {
        assert!((edge / expected - 1.0).abs() < 1e-12, "{edge} {expected}");
    }
    assert_eq!(y.edges(), [1.5, 2.5, 3.5]);
}

/// A legend has five digits of a number that has many, unless two values would then look the same.
#[test]
fn legends_shorten_numbers_that_stay_apart() {
    let side = |values: &str| {
        let text = SWEEP.replace("values = [1.0, 0.1, 0.01]", &format!("values = {values}"));
        let sweep = Sweep::from_draft(Draft::from_toml(&text).unwrap()).unwrap();
        Side::choose(&sweep, None, None).unwrap().unwrap()
    };
    let apart = side("[1.1006941712522096, 0.1, 2.0]");
    let all: Vec<String> = (0..3).map(|place| apart.at(place)).collect();
    assert_eq!(all, ["weak = 0.1", "weak = 1.1007", "weak = 2.0"]);
    let close = side("[1.1006941712522096, 1.1006941712522]");
    assert_eq!(close.at(1), "weak = 1.1006941712522096");
}

#[test]
fn the_page_has_maps_curves_and_failures_and_loads_nothing() {
    let (folder, _store) = store(SWEEP, &Which::All);
    let page =
        std::fs::read_to_string(write_sweep(folder.path(), SweepView::default(), None).unwrap())
            .unwrap();
    for words in [
        "12 cells: finished 6, of which 0 with seeds that diverged; failed 6; running 0; waiting 0.",
        "cell 1: weak = 1.0, depth = 2, batch = 10",
        "fluctuation, map",
        "sharpness, curves",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("url("));
    // The same by the command that is for every directory.
    std::fs::remove_file(folder.path().join("report.html")).unwrap();
    crate::report::write(folder.path()).unwrap();
    assert_eq!(
        std::fs::read_to_string(folder.path().join("report.html")).unwrap(),
        page
    );
}

#[test]
fn what_is_asked_for_must_be_there() {
    let (folder, _store) = store(SWEEP, &Which::Cells(vec![0]));
    for (view, words) in [
        (
            SweepView {
                x: Some("depht"),
                ..SweepView::default()
            },
            "no axis `depht`: there are weak, depth, batch",
        ),
        (
            SweepView {
                x: Some("depth"),
                y: Some("depth"),
                ..SweepView::default()
            },
            "`depth` and `depth` are the same axis: --x and --y need two",
        ),
        (
            SweepView {
                quantity: Some("sharp"),
                ..SweepView::default()
            },
            "no quantity `sharp`: there are sharpness,",
        ),
    ] {
        let error = page(folder.path(), view).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let other = SweepView {
        x: Some("batch"),
        y: Some("weak"),
        quantity: Some("condition_number_2"),
    };
    assert!(
        page(folder.path(), other)
            .unwrap()
            .contains("--x batch --y weak --quantity condition_number_2")
    );
}

/// Eight seeds at two depths and two steps, of which the larger is too large for some.
const SOME_DIVERGE: &str = r#"
seeds = 8
[base]
learning_rate = 0.1
batch = 1
steps = 200
depth = 2
noise_standard_deviations = [1, 0.5]
input_covariance = [[1, 0], [0, 1]]
teacher = [[1, 0], [0, 1]]
[[axes]]
path = "learning_rate"
values = [0.01, 0.15]
[[axes]]
path = "depth"
values = [2, 3]
"#;

/// The mean over the seeds that are left is no mean over all: map, curves, caption and list say so, each of the cells that it is of.
#[test]
fn means_over_some_seeds_are_marked() {
    let (folder, store) = store(SOME_DIVERGE, &Which::All);
    let cells = ends(&store).unwrap();
    let diverged = |cell: &CellEnds| {
        let seeds = cell.ends.iter().filter(|end| end.quantity == "sharpness");
        let seeds: Vec<_> = seeds.map(|end| end.diverged_at.is_some()).collect();
        (
            seeds.iter().filter(|diverged| **diverged).count(),
            seeds.len(),
        )
    };
    let (x, y) = sides(&store, SweepView::default());
    let grid = Grid::new(store.sweep(), &cells, &quantity::SHARPNESS, &x, Some(&y));
    let mut marked = 0;
    for point in grid.points() {
        let cell = cells.iter().find(|cell| Some(cell.number) == point.number);
        let (diverged, seeds) = diverged(cell.unwrap());
        assert_eq!(point.is_of_some_seeds(), (1..seeds).contains(&diverged));
        marked += usize::from(point.is_of_some_seeds());
    }
    assert!((1..4).contains(&marked), "{marked} of 4 cells");
    let slice = &grid.slices[0];
    let named = |panel: &Panel| {
        let mut all = panel.series.iter();
        all.find(|series| series.name == SOME_SEEDS).cloned()
    };
    let maps = maps(&quantity::SHARPNESS, [&x, &y], slice, Measured::Sgd);
    let strokes = maps.iter().map(|map| named(map).map(|s| s.points.len()));
    let expected = [Some(3 * marked), Some(3 * marked), None];
    assert_eq!(strokes.collect::<Vec<_>>(), expected);
    let lines = along(&quantity::SHARPNESS, &x, Some(&y), slice, Measured::Sgd);
    assert_eq!(named(&lines).unwrap().points.len(), marked);
    // Over the steps too: at the first measured step all seeds are there, and those that diverge later are left out.
    let cell = cells.iter().find(|cell| (1..8).contains(&diverged(cell).0));
    let cell = cell.unwrap();
    let (_, _, measured) = curves(&store, &[cell.number]).unwrap().remove(0);
    let ends = cell.ends.iter().filter(|end| end.quantity == "sharpness");
    let whole = ends.filter(|end| end.diverged_at.is_none());
    let starts: Vec<f64> = whole
        .map(|end| measured.series("sharpness", end.seed)[0].value)
        .collect();
    let mean = starts.iter().sum::<f64>() / starts.len() as f64;
    let rows = Rows::choose(&grid);
    let panels = over_steps(&store, &quantity::SHARPNESS, &x, Some(&y), &rows).unwrap();
    let values = store.sweep().point(cell.number);
    let title = format!("depth = {}", values[1].words());
    let panel = panels.iter().find(|panel| panel.title == title).unwrap();
    let name = format!("learning_rate = {}", values[0].words());
    let series = panel.series.iter().find(|series| series.name == name);
    assert!((series.unwrap().points[0].y - mean).abs() < 1e-12 * mean);
    let page = page(folder.path(), SweepView::default()).unwrap();
    let number = cells.iter().find(|cell| diverged(cell).0 > 0).unwrap();
    let (diverged, seeds) = diverged(number);
    for words in [
        format!(
            "cell {}: {}",
            number.number,
            store.sweep().words(number.number)
        ),
        format!(
            "{diverged} of {seeds} seeds diverged: means are over the other {}",
            seeds - diverged
        ),
        "its mean is over the others alone".to_owned(),
    ] {
        assert!(page.contains(&words), "{words}");
    }
}

/// T_min is eq. 15's, the same at every point here; beside it stand the limit and how many times as sharp that is.
#[test]
fn the_flattest_minimum_stands_beside_the_limit() {
    let text = SWEEP.replace(
        "values = [2, 3]\n[[axes]]\npath = \"batch\"\nvalues = [1, 10]",
        "values = [2, 3]",
    );
    let (_folder, store) = store(&text, &Which::All);
    let cells = ends(&store).unwrap();
    let (x, y) = sides(&store, SweepView::default());
    let panels = |quantity: &Quantity| {
        let grid = Grid::new(store.sweep(), &cells, quantity, &x, Some(&y));
        flattest(quantity, [&x, &y], &grid.slices[0])
    };
    let panels_of_sharpness = panels(&quantity::SHARPNESS);
    let heats: Vec<_> = panels_of_sharpness
        .iter()
        .map(|p| p.heat.as_ref().unwrap())
        .collect();
    let labels: Vec<&str> = heats.iter().map(|heat| &*heat.label).collect();
    let sharpness = "sharpness T, loss/weight²";
    assert_eq!(labels, [sharpness, sharpness, "limit / T_{min}"]);
    // depth = 3, weak = 0.1: the book's example.
    let at = |n: usize| heats[n].values[1][1];
    assert!((at(0) - 31.550_455_771_9).abs() < 1e-8 && (at(1) - 12.0).abs() < 1e-9);
    assert!((at(2) - 31.550_455_771_9 / 12.0).abs() < 1e-9);
    assert!(panels(&quantity::FLUCTUATION).is_empty());
}

/// Each curve over the steps is the mean of its cell's own seeds with its error.
#[test]
fn curves_over_steps_are_means_over_the_seeds() {
    let (_folder, store) = store(SWEEP, &Which::All);
    let cells = ends(&store).unwrap();
    let (x, y) = sides(&store, SweepView::default());
    let grid = Grid::new(store.sweep(), &cells, &quantity::SHARPNESS, &x, Some(&y));
    let rows = Rows::choose(&grid);
    assert_eq!(rows.left_out, 0);
    let panels = over_steps(&store, &quantity::SHARPNESS, &x, Some(&y), &rows).unwrap();
    // Those with batch = 10 could not be run.
    let titles: Vec<&str> = panels.iter().map(|panel| &*panel.title).collect();
    assert_eq!(titles, ["depth = 2, batch = 1", "depth = 3, batch = 1"]);
    let names = panels[1].series.iter().map(|series| &*series.name);
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    assert_eq!(names, ["weak = 0.01", "weak = 0.1", "weak = 1.0"]);
    // depth = 3, weak = 0.1, batch = 1.
    let (_, _, measured) = curves(&store, &[6]).unwrap().remove(0);
    let expected = measured.mean("sharpness");
    assert!(expected.len() > 2);
    let curve = panels[1].series.iter().find(|s| s.name == "weak = 0.1");
    let curve = &curve.unwrap().points;
    assert_eq!(curve.len(), expected.len());
    for (point, at) in curve.iter().zip(&expected) {
        assert_eq!(point.x, at.step as f64);
        assert!((point.y - at.value.mean).abs() < 1e-12 * at.value.mean);
        assert!((point.error - at.value.standard_error.unwrap()).abs() < 1e-12 * at.value.mean);
    }
}

/// Where no step is made nothing is called SGD's, and nothing is drawn over steps.
#[test]
fn a_start_is_called_a_start() {
    let text = SWEEP.replace("steps = 20", "steps = 0");
    let (folder, _store) = store(&text, &Which::All);
    let whole = page(folder.path(), SweepView::default()).unwrap();
    let pictures = whole.split("<svg").skip(1);
    let pictures = pictures.filter_map(|part| part.split("</svg>").next());
    let pictures: String = pictures.collect();
    assert!(pictures.contains(START) && !pictures.contains("SGD"));
    assert!(whole.contains("since no step was made") && !whole.contains("SGD’s mean"));
    assert!(!whole.contains("over steps"));
    // Of some cells alone: they are marked.
    let text = SWEEP.replace(
        "path = \"batch\"\nvalues = [1, 10]",
        "path = \"steps\"\nvalues = [0, 20]",
    );
    let (folder, _store) = store(&text, &Which::All);
    let whole = page(
        folder.path(),
        SweepView {
            x: Some("weak"),
            y: Some("steps"),
            quantity: None,
        },
    )
    .unwrap();
    assert!(whole.contains("no step was made, and what is shown is the start"));
    assert!(whole.contains(START) && whole.contains("SGD’s mean"));
}

/// Texts and lists have places of one width, in the order of the file and with their words; nothing joins one to the next.
#[test]
fn texts_and_lists_are_drawn_as_categories() {
    let lists: &[&str] = &["[1.0,0.5]", "[0.1,0.1]", "[1.0,0.01]"];
    for (path, values, words) in [
        ("noise_standard_deviations", lists.join(", "), lists),
        ("precision", "\"f64\", \"f32\"".to_owned(), &["f64", "f32"]),
    ] {
        let axis =
            "path = \"noise_standard_deviations[1]\"\nname = \"weak\"\nvalues = [1.0, 0.1, 0.01]";
        let other = format!("path = \"{path}\"\nname = \"kind\"\nvalues = [{values}]");
        let text = SWEEP.replace(axis, &other);
        let sweep = Sweep::from_draft(Draft::from_toml(&text).unwrap()).unwrap();
        let x = Side::choose(&sweep, None, None).unwrap().unwrap();
        assert_eq!(x.edges()[..3], [-0.5, 0.5, 1.5]);
        let slice = Slice {
            words: String::new(),
            points: vec![vec![Ended::default(); words.len()]; 2],
        };
        let y = Side::choose(&sweep, None, Some(&x)).unwrap().unwrap();
        let panel = along(&quantity::SHARPNESS, &x, Some(&y), &slice, Measured::Sgd);
        assert!(panel.series.iter().all(|series| series.look.line.is_none()));
        let figure = Figure {
            description: String::new(),
            panels: vec![panel],
            columns: 1,
            frame: (300.0, 200.0),
        };
        let at = |word: &str| {
            let scene = figure.scene();
            let found = scene.shapes.iter().find_map(|shape| match shape {
                Shape::Text(text) if text.content == word => Some(text.at.0),
                _ => None,
            });
            found.unwrap_or_else(|| panic!("{word} is on the axis"))
        };
        let places: Vec<f64> = words.iter().map(|word| at(word)).collect();
        for pair in places.windows(2) {
            assert!((pair[1] - pair[0] - 300.0 / words.len() as f64).abs() < 1e-9);
        }
    }
}

/// Curves of several values stand beside each other in a name's place, and theory is a stroke there.
#[test]
fn points_of_one_name_stand_beside_each_other() {
    let axis =
        "path = \"noise_standard_deviations[1]\"\nname = \"weak\"\nvalues = [1.0, 0.1, 0.01]";
    let lists =
        "path = \"noise_standard_deviations\"\nname = \"noise\"\nvalues = [[1.0, 0.5], [0.1, 0.1]]";
    let (folder, store) = store(&SWEEP.replace(axis, lists), &Which::All);
    let cells = ends(&store).unwrap();
    let (x, y) = sides(&store, SweepView::default());
    let grid = Grid::new(store.sweep(), &cells, &quantity::SHARPNESS, &x, Some(&y));
    let panel = along(
        &quantity::SHARPNESS,
        &x,
        Some(&y),
        &grid.slices[0],
        Measured::Sgd,
    );
    let series = panel.series.iter();
    let (points, theory): (Vec<_>, Vec<_>) = series.partition(|series| series.look.line.is_none());
    let places: Vec<Vec<f64>> = points
        .iter()
        .map(|series| series.points.iter().map(|point| point.x).collect())
        .collect();
    assert_eq!(places.len(), 2);
    for (name, place) in [0.0, 1.0].into_iter().enumerate() {
        let (left, right) = (places[0][name], places[1][name]);
        assert!(place - 0.5 < left && left < place && place < right && right < place + 0.5);
    }
    assert_eq!(
        theory.len(),
        4,
        "the limit and the flattest minimum of both"
    );
    for (number, series) in theory.iter().enumerate() {
        let pieces = series.points.split(|point| point.x.is_nan());
        let pieces = pieces.filter(|piece| !piece.is_empty());
        for (piece, spot) in pieces.zip(&places[number / 2]) {
            let [from, to] = piece else {
                panic!("a stroke: {piece:?}");
            };
            assert!(from.x < *spot && *spot < to.x && from.y == to.y);
        }
    }
    let page = page(folder.path(), SweepView::default()).unwrap();
    assert!(page.contains("with a bar of one standard error"));
    assert!(page.contains("<dt>noise</dt><dd>[1.0,0.5]; [0.1,0.1]</dd>"));
}

/// A number that comes more than once has a place for each of its points, and words that no other has: on the axes, in the legends and in
/// the titles.
#[test]
fn points_of_one_number_are_told_apart() {
    let axis =
        "path = \"noise_standard_deviations[1]\"\nname = \"weak\"\nvalues = [1.0, 0.1, 0.01]";
    let together = "together = [{ path = \"learning_rate\", values = [0.01, 0.01, 0.005] }, \
                    { path = \"steps\", values = [20, 40, 20] }]";
    let text = SWEEP.replace(axis, together);
    let text = text.replace("values = [1, 10]", "values = [1, 2]");
    let (folder, store) = store(&text, &Which::All);
    let cells = ends(&store).unwrap();
    let rates = ["0.01, steps = 20", "0.01, steps = 40", "0.005, steps = 20"];
    let named = rates.map(|rate| format!("learning_rate = {rate}"));
    let distinct = |all: &[String]| {
        let apart: std::collections::HashSet<&String> = all.iter().collect();
        assert_eq!(apart.len(), all.len(), "{all:?}");
    };
    let ascend = |all: &[f64]| assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
    let legend = |panel: &Panel| -> Vec<String> {
        let names = panel.series.iter().map(|series| series.name.clone());
        names.filter(|name| !name.is_empty()).collect()
    };
    // To the right, upwards, and in the titles.
    for (x, y) in [
        ("learning_rate", "depth"),
        ("depth", "learning_rate"),
        ("depth", "batch"),
    ] {
        let view = SweepView {
            x: Some(x),
            y: Some(y),
            quantity: None,
        };
        let (x, y) = sides(&store, view);
        for side in [&x, &y] {
            ascend(&side.places);
            ascend(&side.edges());
            let all: Vec<String> = (0..side.places.len()).map(|place| side.at(place)).collect();
            distinct(&all);
            if side.name == "learning_rate" {
                assert_eq!(
                    (&all[..], &side.axis().names[..]),
                    (&named[..], &rates.map(str::to_owned)[..])
                );
            }
        }
        let grid = Grid::new(store.sweep(), &cells, &quantity::SHARPNESS, &x, Some(&y));
        let mut numbers: Vec<usize> = grid.points().filter_map(|point| point.number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..12).collect::<Vec<_>>());
        let titles: Vec<String> = grid
            .slices
            .iter()
            .map(|slice| slice.words.clone())
            .collect();
        distinct(&titles);
        if y.name == "batch" {
            assert_eq!(titles, named);
        }
        let slice = &grid.slices[0];
        let lines = along(&quantity::SHARPNESS, &x, Some(&y), slice, Measured::Sgd);
        assert_eq!(legend(&lines).len(), y.places.len());
        distinct(&legend(&lines));
        let rows = Rows::choose(&grid);
        let panels = over_steps(&store, &quantity::SHARPNESS, &x, Some(&y), &rows).unwrap();
        assert_eq!(panels.len(), grid.slices.len() * y.places.len());
        distinct(
            &panels
                .iter()
                .map(|panel| panel.title.clone())
                .collect::<Vec<_>>(),
        );
        for panel in &panels {
            assert_eq!(legend(panel).len(), x.places.len());
            distinct(&legend(panel));
        }
    }
    let page = page(folder.path(), SweepView::default()).unwrap();
    let whole = format!("<dt>learning_rate</dt><dd>{}</dd>", rates.join("; "));
    assert!(page.contains(&whole));
}
