//! A folder's runs from outside.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use thalweg_lab::run;
use thalweg_lab::spec::{Draft, Experiment};
use thalweg_lab::store::load;
use thalweg_lab::sweep::{self, Store, Sweep, Task, Which};
use thalweg_report::report;

use crate::harness::{serve, serve_folder};

const RUN: &str = "depth = 2\ninput_covariance = [[1, 0], [0, 1]]\nteacher = [[1, 0], [0, 1]]\n\
    noise_standard_deviations = [1, 0.5]\nlearning_rate = 0.01\nbatch = 10\nsteps = 300\nseeds = 4";

const SWEEP: &str = "seeds = 2
[base]
learning_rate = 0.01
batch = 10
steps = 100
[base.problem]
depth = 2
input_covariance = [[1, 0], [0, 1]]
teacher = [[1, 0], [0, 1]]
noise_standard_deviations = [1, 0.5]
[[axes]]
path = 'problem.depth'
values = [2, 3]
[[axes]]
path = 'batch'
values = [1, 10, 100]";

/// A finished run with its page, a sweep of which two of six cells are done, and a link that leads out.
fn filled(root: &Path) {
    let never = AtomicBool::new(false);
    let experiment = Draft::from_toml(RUN)
        .unwrap()
        .experiment::<Experiment>()
        .unwrap();
    let out = root.join("kept/one run");
    fs::create_dir_all(root.join("kept")).unwrap();
    run::run(&experiment, &out, Duration::from_secs(60), &mut (), &never).unwrap();
    report::write(&out).unwrap();
    let sweep = Sweep::from_draft(Draft::from_toml(SWEEP).unwrap()).unwrap();
    let store = Store::create(&root.join("sweep"), sweep).unwrap();
    for cell in [0, 3] {
        sweep::run(
            &store,
            &Which::Cells(vec![cell]),
            Task::default(),
            &(),
            &never,
        )
        .unwrap();
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc", root.join("out")).unwrap();
}

#[test]
fn runs_and_sweeps_are_listed_and_drawn_as_they_are_stored() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    // As one that is watched, which asks to be loaded again.
    let page = fs::read_to_string(folder.path().join("kept/one run/report.html")).unwrap();
    let again = "<head><meta http-equiv=\"refresh\" content=\"10\">";
    let watched = page.replacen("<head>", again, 1);
    fs::write(folder.path().join("kept/one run/of mine.html"), watched).unwrap();
    let server = serve_folder(folder.path());
    let listed = server.get("/api/folder").json();
    let seen: Vec<_> = listed["entries"].as_array().unwrap().iter().collect();
    assert_eq!(seen.len(), 3);
    assert_eq!(
        (&seen[1]["path"], &seen[1]["kind"]),
        (&"kept/one run/of mine.html".into(), &"page".into())
    );
    let shown = server.get("/api/folder/page/kept/one%20run/of%20mine.html");
    assert_eq!(shown.body, page);
    assert_eq!(
        (&seen[0]["path"], &seen[0]["kind"], &seen[0]["report"]),
        (&"kept/one run".into(), &"simulation".into(), &true.into())
    );
    assert_eq!(
        (&seen[2]["path"], &seen[2]["kind"]),
        (&"sweep".into(), &"sweep".into())
    );

    let curves = server.get("/api/folder/run/kept/one%20run").json();
    assert_eq!(
        (&curves["step"], &curves["seeds"], &curves["finished"]),
        (&300.into(), &4.into(), &true.into())
    );
    let stored = load::<Experiment>(&folder.path().join("kept/one run")).unwrap();
    let mean = stored.measurements.mean("sharpness");
    assert_eq!(curves["curves"][0]["key"], "sharpness");
    let drawn = curves["curves"][0]["mean"].as_array().unwrap();
    assert_eq!(drawn.len(), mean.len());
    assert!(
        drawn
            .iter()
            .zip(&mean)
            .all(|(drawn, at)| drawn.as_f64() == Some(at.value.mean))
    );

    let cells = server.get("/api/folder/sweep/sweep").json();
    assert_eq!(
        (&cells["status"]["cells"], &cells["status"]["finished"]),
        (&6.into(), &2.into())
    );
    assert_eq!(cells["points"][3], serde_json::json!(["3", "1"]));
    let done: Vec<_> = cells["cells"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cell| cell["number"].as_u64().unwrap())
        .collect();
    assert_eq!(done, [0, 3]);
    assert!(cells["cells"][0]["sharpness"].as_f64().unwrap() > 1.0);
}

#[test]
fn a_page_of_the_folder_is_shown_in_a_box() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let server = serve_folder(folder.path());
    let page = server.get("/api/folder/page/kept/one%20run");
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("sandbox; default-src 'none'; style-src 'unsafe-inline'"));
    assert!(!policy.contains("script") && policy.contains("frame-ancestors 'self'"));
    assert_eq!(
        page.body,
        fs::read_to_string(folder.path().join("kept/one run/report.html")).unwrap()
    );
}

/// As `diagnose --html` and a report of several runs are, wherever they were written.
#[test]
fn a_page_that_lies_alone_is_listed_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let page = folder.path().join("kept/diagnosis.html");
    fs::copy(folder.path().join("kept/one run/report.html"), &page).unwrap();
    fs::write(folder.path().join("kept/strange.html"), "<p>hello").unwrap();
    let server = serve_folder(folder.path());
    let listed = server.get("/api/folder").json();
    let pages: Vec<_> = listed["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["kind"] == "page")
        .collect();
    assert_eq!(pages.len(), 1, "{listed}");
    assert_eq!(pages[0]["path"], "kept/diagnosis.html");
    let shown = server.get("/api/folder/page/kept/diagnosis.html");
    assert_eq!(shown.body, fs::read_to_string(page).unwrap());
    let policy = shown.header("content-security-policy").unwrap();
    assert!(policy.starts_with("sandbox;"));
}

#[test]
fn no_path_leaves_the_folder_and_only_pages_are_given_out() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    fs::write(
        folder.path().parent().unwrap().join("report.html"),
        "outside",
    )
    .ok();
    // No page of this program.
    fs::write(folder.path().join("kept/strange.html"), "<p>hello").unwrap();
    let server = serve_folder(folder.path());
    for path in [
        "page/..",
        "page/%2e%2e",
        "page/kept/%2e%2e/%2e%2e",
        "page/kept%2fone%20run%2f..%2f..%2f..",
        "page/out",
        "page//etc",
        "page/%2fetc",
        "page/kept/strange.html",
        "page/kept/one%20run/specification.toml",
        "run/out",
        "run/%00",
        "sweep/..",
    ] {
        let reply = server.get(&format!("/api/folder/{path}"));
        assert!(
            reply.status == 404 || reply.status == 400,
            "{path}: {}",
            reply.status
        );
    }
    let reply = server.get("/api/folder/run/kept");
    assert_eq!(reply.status, 422);
    assert!(reply.json()["error"].as_str().unwrap().contains("kept"));
    assert_eq!(serve().get("/api/folder").status, 404);
}

/// Each cell has a place of its own, also where a number comes more than once on an axis: the page puts it where its words say.
#[test]
fn cells_of_one_number_have_places_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let together = "together = [{ path = 'learning_rate', values = [0.01, 0.01, 0.005] }, \
                    { path = 'steps', values = [100, 200, 100] }]";
    let text = SWEEP.replace("path = 'batch'\nvalues = [1, 10, 100]", together);
    let sweep = Sweep::from_draft(Draft::from_toml(&text).unwrap()).unwrap();
    Store::create(&folder.path().join("sweep"), sweep).unwrap();
    let look = serve_folder(folder.path()).get("/api/folder/sweep/sweep");
    let expected = serde_json::json!([
        "0.01, steps = 100",
        "0.01, steps = 200",
        "0.005, steps = 100"
    ]);
    let points = look.json()["points"].as_array().unwrap().clone();
    let rates: Vec<_> = points[..3].iter().map(|point| point[1].clone()).collect();
    assert_eq!(serde_json::Value::from(rates), expected);
    assert_eq!(points.len(), 6);
    assert!((1..6).all(|n| {
        !points[..n]
            .iter()
            .any(|one| (&one[0], &one[1]) == (&points[n][0], &points[n][1]))
    }));
}

/// A look at a sweep reads what is new: cells that were seen stay as they were, those done since are added, and a sweep that has gained
/// values is shown with them.
#[test]
fn a_sweep_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let server = serve_folder(folder.path());
    let look = || server.get("/api/folder/sweep/sweep").json();
    let numbers = |look: &serde_json::Value| -> Vec<u64> {
        let cells = look["cells"].as_array().unwrap().iter();
        cells.map(|cell| cell["number"].as_u64().unwrap()).collect()
    };
    let first = look();
    let place = folder.path().join("sweep");
    let seen: Vec<_> = fs::read_dir(place.join("cells"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    let whole: Vec<_> = seen.iter().map(|path| fs::read(path).unwrap()).collect();
    for path in &seen {
        fs::write(path, "not read again").unwrap();
    }
    assert_eq!(look(), first);
    for (path, bytes) in seen.iter().zip(whole) {
        fs::write(path, bytes).unwrap();
    }
    let never = AtomicBool::new(false);
    let store = Store::open(&place).unwrap();
    let one = Which::Cells(vec![1]);
    sweep::run(&store, &one, Task::default(), &(), &never).unwrap();
    let second = look();
    assert_eq!(numbers(&second), [0, 1, 3]);
    assert_eq!(second["cells"][0], first["cells"][0]);
    assert_eq!(second["status"]["finished"], 3);
    let wider = SWEEP.replace("[1, 10, 100]", "[5, 1, 10, 100]");
    let wider = Sweep::from_draft(Draft::from_toml(&wider).unwrap()).unwrap();
    Store::create(&place, wider).unwrap();
    let third = look();
    assert_eq!(numbers(&third), [1, 2, 5]);
    assert_eq!(third["points"][5], serde_json::json!(["3", "1"]));
    assert_eq!(
        third["cells"][2]["sharpness"],
        first["cells"][1]["sharpness"]
    );
}
