//! Several processes at once in one directory: all succeed, nothing is lost, and no reader sees half a page.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use crate::harness::{Run, collected, file, run, thalweg};
use crate::train::SMALL;

/// Runs all these commands at the same time.
fn at_once(commands: &[Vec<&str>]) -> Vec<Run> {
    let begun: Vec<_> = commands
        .iter()
        .map(|arguments| thalweg(arguments).spawn().unwrap())
        .collect();
    begun.into_iter().map(collected).collect()
}

fn all_succeed(runs: &[Run]) {
    for run in runs {
        assert_eq!(run.status, Some(0), "{}", run.stderr);
    }
}

/// Reads `page` again and again while `work` goes on, and says how often.
fn always_whole(page: &Path, work: impl FnOnce()) -> usize {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !done.load(Ordering::Relaxed) {
                let text = fs::read_to_string(page).unwrap();
                assert!(text.starts_with("<!doctype html>") && text.ends_with("</html>\n"));
                reads += 1;
            }
            reads
        });
        work();
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    })
}

#[test]
fn figures_into_one_folder_are_all_kept_and_the_page_is_always_whole() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let figures = ["cor1", "cor4", "corrections", "anisotropy-depth"];
    let make = |figure| vec!["reproduce", figure, "--quick", "--out", out];
    all_succeed(&at_once(&figures.map(make)));
    let results: Value =
        serde_json::from_slice(&fs::read(folder.path().join("results.json")).unwrap()).unwrap();
    let mut found: Vec<&str> = results["figures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|figure| figure["id"].as_str().unwrap())
        .collect();
    found.sort_unstable();
    let mut expected = figures;
    expected.sort_unstable();
    assert_eq!(found, expected);
    let page = folder.path().join("report.html");
    let text = fs::read_to_string(&page).unwrap();
    for figure in figures {
        assert!(text.contains(&format!("id=\"{figure}\"")), "{figure}");
    }

    let mut commands = vec![vec!["report", out]; 12];
    commands.push(make("cor1"));
    let reads = always_whole(&page, || all_succeed(&at_once(&commands)));
    assert!(reads > 10, "{reads} reads");
    assert_eq!(
        names(folder.path())
            .iter()
            .filter(|n| n.ends_with(".tmp"))
            .count(),
        0
    );
}

#[test]
fn networks_are_measured_and_reported_side_by_side() {
    let (folder, path) = file("experiment.toml", SMALL.as_bytes());
    let out = folder.path().join("run");
    let out = out.to_str().unwrap();
    let trained = run(&[
        "train",
        path.to_str().unwrap(),
        "--steps",
        "20",
        "--out",
        out,
    ]);
    assert_eq!(trained.status, Some(0), "{}", trained.stderr);
    let measure = |seed| vec!["measure", out, "--top", "1", "--seed", seed];
    let mut commands: Vec<_> = ["0", "1", "0", "1"].map(measure).into();
    commands.extend(vec![vec!["report", out]; 4]);
    all_succeed(&at_once(&commands));
    assert_eq!(
        names(&folder.path().join("run/measured")),
        ["seed-0.json", "seed-1.json"]
    );
    all_succeed(&[run(&["report", out])]);
}

/// One makes the run. The other finds it finished, or is told whose it is.
#[test]
fn two_simulations_of_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let simulate = "simulate --depth 2 --noise 1,0.1 --learning-rate 0.01 --batch 10 --steps 2000 --seeds 2 --out";
    let mut arguments: Vec<&str> = simulate.split(' ').collect();
    arguments.push(out.to_str().unwrap());
    let runs = at_once(&[arguments.clone(), arguments.clone(), arguments.clone()]);
    let (good, bad): (Vec<_>, Vec<_>) = runs.iter().partition(|run| run.status == Some(0));
    assert!(!good.is_empty(), "{}", bad[0].stderr);
    for run in bad {
        assert!(
            run.stderr.contains("is being written by another process"),
            "{}",
            run.stderr
        );
    }
    for run in &good {
        assert_eq!(run.stdout, good[0].stdout);
    }
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| name(e.unwrap()))
        .collect();
    names.sort();
    names
}
