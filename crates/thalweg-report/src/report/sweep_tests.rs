use std::sync::atomic::AtomicBool;

use thalweg_lab::spec::Draft;
use thalweg_lab::sweep::{Sweep, Task, Which, run};

use super::*;

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

#[test]
fn what_is_not_done_is_left_empty() {
    let (_folder, store) = store(SWEEP, &Which::Cells(vec![0]));
    let cells = ends(&store).unwrap();
    let (x, y) = sides(&store, SweepView::default());
    let grid = Grid::new(store.sweep(), &cells, &quantity::SHARPNESS, &x, Some(&y));
    assert!(grid.slices[0].points[0][2].mean().is_finite());
    assert!(grid.slices[0].points[0][0].mean().is_nan());
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

#[test]
fn the_page_has_maps_curves_and_failures_and_loads_nothing() {
    let (folder, _store) = store(SWEEP, &Which::All);
    let page =
        std::fs::read_to_string(write_sweep(folder.path(), SweepView::default()).unwrap()).unwrap();
    for words in [
        "12 of 12 cells are done",
        "6 could not be run",
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
            "no axis `depth`: there are weak, batch",
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
