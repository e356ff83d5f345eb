//! Sweeps through their life: read, run, run again, extended, refused; and every kind of mistake in a file.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use super::pack::Packs;
use super::*;
use crate::run::{Measurements, run_in_memory};
use crate::spec::{Draft, Experiment};
use crate::store::StoreError;

/// Two layers, noise of deviations 1 and 0.5; four cells of two seeds.
pub(super) const SWEEP: &str = r#"name = "small"
seeds = 2
[base]
learning_rate = 0.01
batch = 10
steps = 50
measure = { count = 4 }
[base.problem]
depth = 2
input_covariance = [[1, 0], [0, 1]]
teacher = [[1, 0], [0, 1]]
noise_standard_deviations = [1, 0.5]
[[axes]]
path = "problem.depth"
values = [2, 3]
[[axes]]
path = "batch"
values = [1, 10]
"#;

pub(super) static GO: AtomicBool = AtomicBool::new(false);

fn sweep(text: &str) -> Result<Sweep, SweepError> {
    Sweep::from_draft(Draft::from_toml(text)?)
}

pub(super) fn store(path: &Path, text: &str) -> Result<Store, SweepError> {
    Store::create(path, sweep(text)?)
}

pub(super) fn all(store: &Store) -> Done {
    run(store, &Which::All, Task::default(), &(), &GO).unwrap()
}

/// The bytes of both tables.
fn tables(store: &Store) -> [Vec<u8>; 2] {
    let folder = tempfile::tempdir().unwrap();
    [Contents::Ends, Contents::Curves].map(|contents| {
        let path = folder.path().join("table.parquet");
        write_table(store, contents, &path).unwrap();
        std::fs::read(path).unwrap()
    })
}

pub(super) fn done(text: &str) -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder.path().join("store"), text).unwrap();
    all(&store);
    (folder, store)
}

/// What was measured of the cell `number` of `store`.
fn measured(store: &Store, number: usize) -> Measurements {
    let packs = Packs::read(&store.packs()).unwrap();
    let keys = [store.keys()[number]];
    let found = packs.visit(&keys, |_, _, measurements| Ok(measurements));
    found.unwrap().remove(0).unwrap()
}

#[test]
fn a_cell_is_the_experiment_with_the_values_put_in_and_gives_its_numbers() {
    let (_folder, store) = done(SWEEP);
    let alone = r#"seeds = 2
        learning_rate = 0.01
        batch = 10
        steps = 50
        measure = { count = 4 }
        depth = 3
        input_covariance = [[1, 0], [0, 1]]
        teacher = [[1, 0], [0, 1]]
        noise_standard_deviations = [1, 0.5]"#;
    let alone: Experiment = Draft::from_toml(alone).unwrap().experiment().unwrap();
    let cell = store.sweep().cell(3).unwrap();
    assert_eq!(
        cell.experiment,
        CellExperiment::Simulate(Box::new(alone.clone()))
    );
    let expected = run_in_memory(&alone, &mut (), &GO).unwrap();
    assert_eq!(measured(&store, 3), expected.measurements);
    assert_ne!(measured(&store, 2), expected.measurements);
    assert_eq!(store.sweep().words(3), "problem.depth = 3, batch = 10");
}

/// Theory's numbers are those of the book's example; ends are what the measurements' own questions answer.
#[test]
fn the_table_holds_ends_and_the_limit() {
    let text = SWEEP
        .replace("[1, 0.5]", "[1, 0.1]")
        .replace("steps = 50", "steps = 100")
        .replace("count = 4", "count = 11, spacing = \"linear\"");
    let (_folder, store) = done(&text);
    let cells = ends(&store).unwrap();
    assert_eq!(cells.len(), 4);
    let cell = &cells[2];
    let measured = measured(&store, 2);
    let sharpness: Vec<&End> = cell
        .ends
        .iter()
        .filter(|e| e.quantity == "sharpness")
        .collect();
    assert_eq!(sharpness.len(), 2);
    for end in &sharpness {
        assert!((end.limit.unwrap() - 31.550_455_771_9).abs() < 1e-9);
        assert!((end.flattest.unwrap() - 12.0).abs() < 1e-9);
        let series = measured.series("sharpness", end.seed);
        assert_eq!(end.start, Some(series[0].value));
        assert_eq!(
            (end.step, end.end),
            (100, Some(series.last().unwrap().value))
        );
        assert_eq!(series.last().unwrap().step, 100);
    }
    let mean = sharpness
        .iter()
        .map(|end| end.last_fifth.unwrap())
        .sum::<f64>()
        / 2.0;
    let expected = measured.window("sharpness", 80..=100).unwrap().mean;
    assert!((mean - expected).abs() < 1e-12 * expected);
    // The fluctuation has a limit of its own, and no flattest minimum.
    let other = cell
        .ends
        .iter()
        .find(|e| e.quantity == "fluctuation")
        .unwrap();
    assert_eq!(other.flattest, None);
    assert!((other.limit.unwrap() - 4.306_21).abs() < 1e-5);
}

#[test]
fn however_it_is_run_the_tables_are_the_same_bytes() {
    let (_folder, store) = done(SWEEP);
    let expected = tables(&store);
    // Backwards, one cell at a time, each saved in a directory on its way.
    let folder = tempfile::tempdir().unwrap();
    let other = self::store(folder.path(), SWEEP).unwrap();
    let task = Task {
        save_every: Duration::ZERO,
        ..Task::default()
    };
    for number in (0..4).rev() {
        let done = run(&other, &Which::Cells(vec![number]), task, &(), &GO).unwrap();
        assert_eq!(done.finished, 1);
    }
    assert_eq!(tables(&other), expected);
    // Put together: two files for all.
    let packs = std::fs::read_dir(folder.path().join("cells"))
        .unwrap()
        .count();
    assert_eq!(packs, 2);
    for name in ["running", "workers"] {
        assert_eq!(
            std::fs::read_dir(folder.path().join(name)).unwrap().count(),
            0,
            "{name}"
        );
    }
    // And nothing is left to do.
    assert_eq!(all(&other), Done::default());
}

/// Counts how often each cell is done.
#[derive(Default)]
struct Counts(Mutex<Vec<usize>>);

impl Progress for Counts {
    fn done(&self, number: usize, _: &CellRecord) {
        self.0.lock().unwrap().push(number);
    }
}

#[test]
fn two_calls_at_once_do_each_cell_once() {
    let text = SWEEP.replace("values = [1, 10]", "from = 1\nto = 40\ncount = 40");
    let folder = tempfile::tempdir().unwrap();
    let counts = Counts::default();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let store = store(folder.path(), &text).unwrap();
                run(&store, &Which::All, Task::default(), &counts, &GO).unwrap();
            });
        }
    });
    let mut numbers = counts.0.into_inner().unwrap();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..80).collect::<Vec<_>>());
    let store = Store::open(folder.path()).unwrap();
    let status = status(&store).unwrap();
    assert_eq!(
        (status.finished, status.workers, status.waiting),
        (80, 0, 0)
    );
}

/// Stops a call after the first cell.
struct StopAtOnce<'s>(&'s AtomicBool);

impl Progress for StopAtOnce<'_> {
    fn done(&self, _: usize, _: &CellRecord) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn what_was_finished_before_a_stop_is_not_run_again() {
    let text = SWEEP.replace("values = [1, 10]", "from = 1\nto = 60\ncount = 60");
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), &text).unwrap();
    let stop = AtomicBool::new(false);
    let first = run(
        &store,
        &Which::All,
        Task::default(),
        &StopAtOnce(&stop),
        &stop,
    )
    .unwrap();
    assert!(
        first.stopped && (1..120).contains(&first.finished),
        "{first:?}"
    );
    let counted = status(&store).unwrap();
    assert_eq!(
        (counted.finished, counted.waiting),
        (first.finished, 120 - first.finished)
    );
    assert!(counted.core_seconds_left.unwrap() > 0.0);
    assert_eq!(all(&store).finished, 120 - first.finished);
}

#[test]
fn a_changed_file_extends_a_sweep_and_a_changed_base_is_refused_by_field() {
    let (folder, old) = done(SWEEP);
    let path = old.path().to_owned();
    let [ends, _] = tables(&old);
    let more = SWEEP.replace("values = [1, 10]", "values = [10, 1, 5]");
    let extended = store(&path, &more).unwrap();
    assert_eq!(extended.extension(), Extension::From { cells: 4 });
    assert_eq!(all(&extended).finished, 2);
    // An axis at the base's own value changes no cell.
    let axis = format!("{more}[[axes]]\npath = \"learning_rate\"\nvalues = [0.01, 0.02]\n");
    let longer = store(&path, &axis).unwrap();
    assert_eq!(status(&longer).unwrap().finished, 6);
    // Fewer values: what was finished stays.
    let back = store(&path, SWEEP).unwrap();
    assert_eq!(tables(&back)[0], ends);
    assert_eq!(status(&back).unwrap().outside, 2);
    let other = SWEEP
        .replace("[1, 0.5]", "[1, 0.25]")
        .replace("steps = 50", "steps = 60");
    let error = store(&path, &other).unwrap_err();
    let SweepError::OtherBase { differences, .. } = &error else {
        panic!("{error}");
    };
    let fields: Vec<&str> = differences.0.iter().map(|d| &*d.field).collect();
    assert_eq!(fields, ["problem.noise_standard_deviations[1]", "steps"]);
    assert!(
        error
            .to_string()
            .contains("`steps` is 50 there and 60 here"),
        "{error}"
    );
    drop(folder);
}

#[test]
fn cells_that_cannot_run_say_why_and_are_tried_again_on_request_alone() {
    // More samples in a minibatch than the data set has.
    let text = SWEEP.replace(
        "measure = { count = 4 }",
        "measure = { count = 4 }\ndata = { source = { kind = \"finite\", samples = 5 } }",
    );
    let (_folder, store) = done(&text);
    let status = status(&store).unwrap();
    assert_eq!((status.finished, status.failed.len()), (2, 2));
    let failed = &status.failed[0];
    assert_eq!(
        (failed.number, &*failed.point),
        (1, "problem.depth = 2, batch = 10")
    );
    assert!(failed.reason.contains("10"), "{}", failed.reason);
    assert_eq!(all(&store), Done::default());
    let retry = Task {
        retry: true,
        ..Task::default()
    };
    let again = run(&store, &Which::All, retry, &(), &GO).unwrap();
    assert_eq!((again.finished, again.failed), (0, 2));
    assert_eq!(super::status(&store).unwrap().failed.len(), 2);
    let rows = ends(&store).unwrap();
    assert_eq!(rows.iter().filter(|cell| cell.ends.is_empty()).count(), 2);
}

#[test]
fn damage_is_noticed() {
    let (_folder, store) = done(SWEEP);
    let folder = store.packs();
    for path in std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        let whole = std::fs::read(&path).unwrap();
        for place in [0, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
            let mut bytes = whole.clone();
            bytes[place] ^= 4;
            std::fs::write(&path, bytes).unwrap();
            let error = ends(&store).unwrap_err().to_string();
            assert!(
                error.contains("damaged") && error.contains("sweep run"),
                "{error}"
            );
        }
        std::fs::write(&path, whole).unwrap();
    }
    ends(&store).unwrap();
    let sweep = store.path().join("plan.toml");
    let text = std::fs::read_to_string(&sweep).unwrap();
    std::fs::write(&sweep, text.replace("steps = 50", "steps = 51")).unwrap();
    let error = Store::open(store.path()).unwrap_err();
    assert!(
        matches!(error, SweepError::Store(StoreError::Altered { .. })),
        "{error}"
    );
}

#[test]
fn axes_that_move_together_and_seeds_of_their_own() {
    let text = SWEEP.replace(
        "[[axes]]\npath = \"batch\"\nvalues = [1, 10]\n",
        "[[axes]]\ntogether = [\n { path = \"batch\", values = [1, 10, 10] },\n { path = \"steps\", name = \"t\", values = [100, 10, 100] },\n]\n",
    );
    let sweep = sweep(&text).unwrap();
    assert_eq!(sweep.cells(), 6);
    let cell = sweep.cell(3).unwrap();
    assert_eq!(
        (cell.experiment.steps(), cell.experiment.seeds()),
        (100, &[0, 1][..])
    );
    assert_eq!(sweep.words(4), "problem.depth = 3, batch = 10, t = 10");
}

#[test]
fn a_base_of_its_own_is_taken_from_the_folder_of_the_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let (_, rest) = SWEEP.split_once("[base]\n").unwrap();
    let (base, axes) = rest.split_once("[[axes]]").unwrap();
    let base = base.replace("[base.problem]", "[problem]");
    std::fs::write(folder.path().join("base.toml"), &base).unwrap();
    let file = folder.path().join("sweep.toml");
    std::fs::write(
        &file,
        format!("seeds = 2\nbase = \"base.toml\"\n[[axes]]{axes}"),
    )
    .unwrap();
    let keys = |sweep: &Sweep| sweep.survey().unwrap();
    let read = Sweep::read(&file).unwrap();
    assert_eq!(keys(&read), keys(&sweep(SWEEP).unwrap()));
    // Its mistakes have its own lines.
    std::fs::write(folder.path().join("base.toml"), base.replace("0.01", "-1")).unwrap();
    let error = Sweep::read(&file).unwrap().cell(0).unwrap_err().to_string();
    assert!(
        error.contains("base.toml: `learning_rate` is -1")
            && error.contains("line 1: learning_rate = -1"),
        "{error}"
    );
}

#[test]
fn a_network_is_trained() {
    let base = crate::examples::RELU;
    let mut draft = Draft::from_toml(base).unwrap();
    for (path, value) in [("steps", 4_u64), ("seeds", 2), ("batch", 8)] {
        draft.set(path, value).unwrap();
    }
    draft.set("network.hidden", vec![4_usize]).unwrap();
    let axis: crate::spec::Node = [
        ("path", "learning_rate".into()),
        ("values", [0.01, 0.1].into_iter().collect()),
    ]
    .into();
    let tree: crate::spec::Node = [
        ("base", draft.tree().clone()),
        ("axes", crate::spec::Node::List(vec![axis])),
    ]
    .into();
    let sweep = Sweep::from_draft(Draft::from_tree(tree)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path(), sweep).unwrap();
    assert_eq!(all(&store).finished, 2);
    let ends = ends(&store).unwrap();
    assert_eq!(ends.len(), 2);
    assert!(ends[0].ends.iter().all(|end| end.limit.is_none()));
}

/// A table that has changed since its sweep was begun is refused before any cell of it is run beside those of the old one.
#[test]
fn changed_data_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("table.csv");
    let rows = |factor: usize| {
        let rows = (0..40).map(|i| format!("{},{}\n", i % 7, factor * i % 11));
        std::fs::write(&table, format!("x,y\n{}", rows.collect::<String>())).unwrap();
    };
    rows(1);
    let file = folder.path().join("sweep.toml");
    let text = "[base]\nlearning_rate = 0.01\nbatch = 4\nsteps = 4\nseeds = 1\nloss = \"squared-error\"\n[base.network]\nkind = \"mlp\"\n\
        inputs = 1\nhidden = [2]\noutputs = 1\n[base.data]\nkind = \"table\"\npath = \"table.csv\"\ntargets = [\"y\"]\n[base.measure]\nsamples = 8\n\
        [[axes]]\npath = \"learning_rate\"\nvalues = [0.01, 0.02]\n";
    std::fs::write(&file, text).unwrap();
    let path = folder.path().join("store");
    let store = Store::create(&path, Sweep::read(&file).unwrap()).unwrap();
    let some = |cells: Vec<usize>| run(&store, &Which::Cells(cells), Task::default(), &(), &GO);
    assert_eq!(some(vec![0]).unwrap().finished, 1);
    rows(3);
    for refused in [
        some(vec![1]).unwrap_err().to_string(),
        Store::create(&path, Sweep::read(&file).unwrap())
            .unwrap_err()
            .to_string(),
    ] {
        assert!(refused.contains("was begun on other data"), "{refused}");
    }
    rows(1);
    assert_eq!(all(&store).finished, 1);
}

/// What is wrong, which words say so, and the line that is shown.
type Mistake = (&'static str, &'static str, &'static str, &'static str);

const MISTAKES: [Mistake; 34] = [
    (
        "[base]",
        "[bsae]",
        "`bsae` is not a field of a specification: did you mean `base`",
        "line 3",
    ),
    ("seeds = 2", "", "", ""),
    (
        "seeds = 2",
        "seeds = 0",
        "`seeds` is 0",
        "line 2: seeds = 0",
    ),
    (
        "seeds = 2",
        "seeds = [1, 1]",
        "`seeds[1]` is 1: a seed that is not yet",
        "line 2",
    ),
    (
        "name = \"small\"",
        "name = 3",
        "`name` is 3: a text is needed",
        "line 1",
    ),
    (
        "name = \"small\"",
        "nane = \"small\"",
        "did you mean `name`",
        "line 1",
    ),
    (
        "learning_rate = 0.01",
        "learning_rate = 0",
        "`learning_rate` is 0",
        "line 4: learning_rate = 0",
    ),
    ("learning_rate = 0.01", "", "`learning_rate` is missing", ""),
    (
        "steps = 50",
        "stesp = 50",
        "did you mean `steps`",
        "line 6: stesp = 50",
    ),
    (
        "measure = { count = 4 }",
        "measure = { count = 1 }",
        "`measure.count` is 1",
        "line 7",
    ),
    ("depth = 2", "depth = 0", "", ""),
    (
        "[1, 0.5]",
        "[1, 0.5, 2]",
        "noise_covariance is 3 × 3",
        "line 8",
    ),
    (
        "values = [2, 3]",
        "values = [2, 0]",
        "cell 2 (problem.depth = 0, batch = 1) cannot be run",
        "line 15: values = [2, 0]",
    ),
    (
        "values = [2, 3]",
        "values = [2, 3, 2]",
        "`axes[0].values[2]` is 2: it is in the list already; give each value once",
        "line 15",
    ),
    (
        "values = [2, 3]",
        "values = [2, 2.0]",
        "give each value once",
        "line 15",
    ),
    (
        "values = [2, 3]",
        "values = []",
        "`axes[0].values` is an empty list: give 1 to",
        "line 15",
    ),
    (
        "values = [2, 3]",
        "values = 2",
        "`axes[0].values` is 2: a list of values is needed",
        "line 15",
    ),
    (
        "values = [2, 3]",
        "values = [2, \"x\"]",
        "`problem.depth` is \"x\"",
        "line 15: values = [2, \"x\"]",
    ),
    (
        "values = [2, 3]",
        "values = [2, nan]",
        "`axes[0].values[1]` is NaN: give a text, true, false, or a finite number",
        "line 15",
    ),
    (
        "values = [2, 3]",
        "",
        "`axes[0].values` is missing",
        "line 13",
    ),
    (
        "values = [2, 3]",
        "from = 2",
        "`axes[0].to` is missing: give `values`, a list, or",
        "line 13",
    ),
    (
        "values = [2, 3]",
        "from = 2\nto = 3",
        "`axes[0].count` is missing",
        "line 13",
    ),
    (
        "values = [2, 3]",
        "from = 2\nto = 3\ncount = 1",
        "`axes[0].count` is 1: give a number of values from 2",
        "line 17",
    ),
    (
        "values = [2, 3]",
        "from = 2\nto = 2\ncount = 2",
        "`axes[0].to` is 2: give another number than `from`",
        "line 16",
    ),
    (
        "values = [2, 3]",
        "from = 0\nto = 2\ncount = 2\nspacing = \"log\"",
        "`axes[0].from` is 0: give a number above 0",
        "line 15",
    ),
    (
        "values = [2, 3]",
        "from = 2\nto = 3\ncount = 2\nspacing = \"lin\"",
        "`axes[0].spacing` is \"lin\": one of \"log\", \"linear\"",
        "line 18",
    ),
    (
        "values = [2, 3]",
        "values = [2]\nfrom = 2",
        "`axes[0].values` and `axes[0].from` are both given",
        "line 15",
    ),
    (
        "values = [2, 3]",
        "from = 2\nto = 3\ncount = 3",
        "`problem.depth` is 2.5",
        "line 17: count = 3",
    ),
    (
        "path = \"problem.depth\"",
        "path = \"problem..depth\"",
        "`axes[0].path` is \"problem..depth\": give a path such as",
        "line 14",
    ),
    (
        "path = \"problem.depth\"",
        "path = \"problem.depht\"",
        "`problem.depht` is not a field of a specification: did you mean `depth`",
        "line 15",
    ),
    (
        "path = \"problem.depth\"",
        "path = \"problem.teacher[7][0]\"",
        "`problem.teacher[7][0]` cannot be set",
        "line 15",
    ),
    (
        "path = \"problem.depth\"",
        "path = \"batch\"",
        "`axes[1].path` is \"batch\": another axis sets `batch`; give a path outside it",
        "line 17",
    ),
    (
        "path = \"problem.depth\"",
        "path = \"seeds\"",
        "another path, or no `seeds` beside the axes",
        "line 14",
    ),
    (
        "path = \"problem.depth\"",
        "path = \"network.hidden\"",
        "`axes[0].path` is \"network.hidden\": the base has no network",
        "line 14",
    ),
];

const MORE_MISTAKES: [Mistake; 9] = [
    (
        "path = \"problem.depth\"",
        "path = \"problem.depth\"\nname = \"step\"",
        "another name, as `name = \"…\"`",
        "line 15",
    ),
    (
        "path = \"problem.depth\"",
        "path = \"problem.depth\"\nname = \"batch\"",
        "a name that no other axis has",
        "line 17: [[axes]]",
    ),
    (
        "path = \"problem.depth\"",
        "path = \"problem.depth\"\nname = \"\"",
        "a name of at least one character",
        "line 15",
    ),
    (
        "path = \"problem.depth\"",
        "path = \"problem.depth\"\nvalue = 3",
        "`axes[0].value` is not a field",
        "line 15",
    ),
    (
        "path = \"problem.depth\"\nvalues = [2, 3]",
        "together = [{ path = \"steps\", values = [1] }]",
        "a list of two axes or more",
        "line 14",
    ),
    (
        "path = \"problem.depth\"\nvalues = [2, 3]",
        "together = [\n{ path = \"steps\", values = [1, 2] },\n{ path = \"problem.depth\", values = [2] }]",
        "`axes[0].together[1].values` is a list of length 1: give 2 values, as many as `steps` has",
        "line 16",
    ),
    (
        "path = \"problem.depth\"\nvalues = [2, 3]",
        "together = [\n{ path = \"steps\", values = [1, 1.0] },\n{ path = \"problem.depth\", values = [2, 2] }]",
        "`axes[0].together[0].values[1]` is 1.0: an earlier point has the same value in each of the axes",
        "line 15",
    ),
    (
        "path = \"problem.depth\"",
        "path = \"name\"",
        "a field that changes a number",
        "line 14",
    ),
    (
        "[[axes]]\npath = \"batch\"",
        "[axes2]\npath = \"batch\"",
        "`axes2` is not a field",
        "line 16",
    ),
];

#[test]
fn every_mistake_is_named_with_its_line() {
    let (mut shown, mut unsaid) = (0, Vec::new());
    for (is, wrong, words, line) in MISTAKES.into_iter().chain(MORE_MISTAKES) {
        assert!(SWEEP.contains(is), "{is}");
        let text = SWEEP.replacen(is, wrong, 1);
        let looked_at = sweep(&text).and_then(|sweep| sweep.survey().map(drop));
        if words.is_empty() {
            // Not needed, or set by an axis.
            looked_at.unwrap();
            continue;
        }
        let error = looked_at.expect_err(wrong).to_string();
        if !(error.contains(words) && error.contains(line)) {
            unsaid.push(format!(
                "{wrong}\n  said: {error}\n  not said: {words}; {line}"
            ));
        }
        shown += 1;
    }
    assert!(unsaid.is_empty(), "{}", unsaid.join("\n"));
    assert!(shown >= 25);
    for text in [
        "",
        "x",
        "base = 3",
        "axes = []",
        "base = \"nowhere.toml\"\naxes = [{ path = \"a\", values = [1] }]",
    ] {
        let error = sweep(text).unwrap_err().to_string();
        assert!(!error.is_empty(), "{text}");
    }
}

#[test]
fn what_is_no_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(error, SweepError::NoSweep { .. }), "{error}");
    std::fs::write(folder.path().join("thesis.tex"), "text").unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(error, SweepError::OtherFiles { .. }), "{error}");
    let error = Store::open(&folder.path().join("thesis.tex")).unwrap_err();
    assert!(matches!(error, SweepError::NoDirectory { .. }), "{error}");
    let error = store(folder.path(), SWEEP).unwrap_err();
    assert!(error.to_string().contains("thesis.tex"), "{error}");
    let other = folder.path().join("other");
    let store = store(&other, SWEEP).unwrap();
    let error = run(&store, &Which::Cells(vec![4]), Task::default(), &(), &GO).unwrap_err();
    assert!(
        matches!(
            error,
            SweepError::NoCell {
                number: 4,
                cells: 4
            }
        ),
        "{error}"
    );
    let nothing = write_table(&store, Contents::Ends, &folder.path().join("t")).unwrap_err();
    assert!(
        matches!(nothing, SweepError::NothingFinished { .. }),
        "{nothing}"
    );
}

#[test]
fn an_estimate_counts_cells_and_kinds() {
    let sweep = sweep(SWEEP).unwrap();
    let estimate = estimate(&sweep).unwrap();
    assert_eq!(
        (estimate.cells, estimate.kinds.len(), estimate.failing),
        (4, 4, 0)
    );
    let (_folder, store) = done(SWEEP);
    let rows: usize = (0..4).map(|number| measured(&store, number).len()).sum();
    assert!(
        (estimate.rows - rows as f64).abs() < 1e-9 * rows as f64,
        "{}",
        estimate.rows
    );
    assert!(estimate.core_seconds > 0.0 && estimate.bytes > 0.0);
}

/// Before the first cell is finished the time left is the plan's, and is called so; afterwards it is that of the finished ones.
#[test]
fn the_time_left_is_estimated_before_the_first_cell() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), SWEEP).unwrap();
    let left = || {
        let status = status(&store).unwrap();
        status.estimated_before_the_first(&store).unwrap()
    };
    assert_eq!(status(&store).unwrap().core_seconds_left, None);
    let before = left();
    assert!(before.is_estimate && before.core_seconds_left.unwrap() > 0.0);
    let one = run(&store, &Which::Cells(vec![0]), Task::default(), &(), &GO);
    one.unwrap();
    let after = left();
    assert!(!after.is_estimate && after.core_seconds_left.is_some());
    all(&store);
    assert_eq!(
        (left().is_estimate, left().core_seconds_left),
        (false, Some(0.0))
    );
}

/// A table is not put where there is no folder, nor is one made for it.
#[test]
fn a_table_needs_its_folder() {
    let (folder, store) = done(SWEEP);
    let nowhere = folder.path().join("nowhere");
    let refused = write_table(&store, Contents::Ends, &nowhere.join("ends.parquet"));
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("nowhere"), "{error}");
    assert!(!nowhere.exists());
}
