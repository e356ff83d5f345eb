//! Directories from strangers: links, names and pictures in them reach nothing outside, and no script a reader.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{file, fnv, resealed, run};
use crate::train::SMALL;

const SIMULATE: &str =
    "simulate --depth 2 --noise 1,0.1 --learning-rate 0.01 --batch 10 --steps 200 --seeds 2 --out";

fn simulate(out: &Path) -> Vec<String> {
    let words = SIMULATE.split(' ').map(str::to_owned);
    words.chain([out.to_str().unwrap().to_owned()]).collect()
}

fn run_all(arguments: &[String]) -> crate::harness::Run {
    run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

fn trained(folder: &TempDir) -> PathBuf {
    let (_file, path) = file("experiment.toml", SMALL.as_bytes());
    let out = folder.path().join("trained");
    let train = ["train", path.to_str().unwrap(), "--steps", "20", "--out"];
    let made = run(&[&train[..], &[out.to_str().unwrap()]].concat());
    assert_eq!(made.status, Some(0), "{}", made.stderr);
    out
}

fn reproduced(folder: &TempDir) -> PathBuf {
    let out = folder.path().join("reproduced");
    let made = run(&[
        "reproduce",
        "cor1",
        "--quick",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert_eq!(made.status, Some(0), "{}", made.stderr);
    out
}

/// Puts `link` in the place of what is there.
fn replace_by_link(path: &Path, to: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else if path.exists() {
        fs::remove_file(path).unwrap();
    }
    symlink(to, path).unwrap();
}

/// Each of these links is refused by each command that would write or read there, and leads nowhere.
#[test]
fn links_are_refused_and_what_they_lead_to_stays() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let precious = elsewhere.path().join("part-00000000000000000009.parquet");
    let keep = || fs::write(&precious, "precious").unwrap();
    let refused = |arguments: &[String], place: &Path| {
        let refused = run_all(arguments);
        assert!(matches!(refused.status, Some(1 | 2)), "{}", refused.stderr);
        let words = [" is a link", place.to_str().unwrap()];
        assert!(
            words.iter().all(|w| refused.stderr.contains(w)),
            "{}",
            refused.stderr
        );
        assert_eq!(fs::read(&precious).unwrap(), b"precious");
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
        fs::remove_file(place).unwrap();
    };
    let words =
        |command: &str, place: &Path| vec![command.to_owned(), place.to_str().unwrap().to_owned()];
    keep();

    let fresh = folder.path().join("fresh");
    fs::create_dir(&fresh).unwrap();
    symlink(&precious, fresh.join(".lock")).unwrap();
    refused(&simulate(&fresh), &fresh.join(".lock"));

    // In a run, for the command that goes on.
    let finished = folder.path().join("finished");
    assert_eq!(run_all(&simulate(&finished)).status, Some(0));
    for (name, to) in [
        (".lock", &*precious),
        ("parts", elsewhere.path()),
        ("checkpoints", elsewhere.path()),
    ] {
        replace_by_link(&finished.join(name), to);
        refused(&simulate(&finished), &finished.join(name));
        fs::create_dir_all(finished.join("parts")).unwrap();
    }
    for name in [
        "specification.toml",
        "outcomes.toml",
        "measurements.parquet",
    ] {
        let path = finished.join(name);
        let bytes = fs::read(&path).unwrap();
        replace_by_link(&path, &precious);
        refused(&words("report", &finished), &path);
        fs::write(path, bytes).unwrap();
    }

    let trained = trained(&folder);
    for (name, command) in [
        ("measured", "measure"),
        ("networks", "measure"),
        ("measured", "report"),
    ] {
        replace_by_link(&trained.join(name), elsewhere.path());
        refused(&words(command, &trained), &trained.join(name));
    }

    let reproduced = reproduced(&folder);
    for name in [".lock", "cor1.svg", "results.json"] {
        let path = reproduced.join(name);
        replace_by_link(&path, &precious);
        refused(&words("report", &reproduced), &path);
        let again = [
            "reproduce",
            "cor1",
            "--quick",
            "--out",
            reproduced.to_str().unwrap(),
        ];
        assert_eq!(run(&again).status, Some(0));
    }
}

/// What is written in the place of a link takes its place; the names of unfinished files cannot be lain in wait for.
#[test]
fn a_page_replaces_a_link_and_is_not_written_through_it() {
    let folder = tempfile::tempdir().unwrap();
    let precious = folder.path().join("precious");
    fs::write(&precious, "precious").unwrap();
    let out = reproduced(&folder);
    for name in ["report.html", "report.html.tmp"] {
        replace_by_link(&out.join(name), &precious);
    }
    let made = run(&["report", out.to_str().unwrap()]);
    assert_eq!(made.status, Some(0), "{}", made.stderr);
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
    assert!(
        fs::symlink_metadata(out.join("report.html"))
            .unwrap()
            .is_file()
    );
}

/// The results with this change, and digests that fit: whoever sends a directory can compute them.
fn forge(out: &Path, change: impl FnOnce(&mut Value)) {
    let path = out.join("results.json");
    let mut results: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut results);
    fs::write(path, resealed(serde_json::to_vec(&results).unwrap())).unwrap();
}

#[test]
fn a_script_in_a_picture_does_not_reach_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let out = reproduced(&folder);
    let svg = out.join("cor1.svg");
    let whole = fs::read_to_string(&svg).unwrap();
    for foreign in [
        "<script>alert(1)</script>",
        "<circle r=\"1\" onload=\"alert(1)\"/>",
        "<a href=\"javascript:alert(1)\"><text>x</text></a>",
        "<foreignObject><iframe srcdoc=\"&lt;script&gt;alert(1)&lt;/script&gt;\"/></foreignObject>",
    ] {
        fs::remove_file(out.join("report.html")).unwrap_or_default();
        let bad = whole.replace("</svg>", &format!("{foreign}</svg>"));
        fs::write(&svg, &bad).unwrap();
        let damaged = run(&["report", out.to_str().unwrap()]);
        assert_eq!(damaged.status, Some(2));
        assert!(
            damaged.stderr.contains("cor1.svg is damaged"),
            "{}",
            damaged.stderr
        );
        forge(&out, |results| {
            results["pictures"]["cor1"] = format!("{:016x}", fnv(bad.as_bytes())).into();
        });
        let refused = run(&["report", out.to_str().unwrap()]);
        assert_eq!(refused.status, Some(2), "{foreign}");
        assert!(
            refused.stderr.contains("cor1.svg is not a picture as"),
            "{}",
            refused.stderr
        );
        assert!(!out.join("report.html").exists());
    }
    // The way out that was named is one.
    let again = [
        "reproduce",
        "cor1",
        "--quick",
        "--out",
        out.to_str().unwrap(),
    ];
    assert_eq!(run(&again).status, Some(0));
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(!page.contains("<script"));
    let policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ";
    assert!(page.find(policy) < page.find("<title>"), "{}", &page[..400]);
}

#[test]
fn a_name_that_leads_out_of_the_directory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = reproduced(&folder);
    fs::write(
        folder.path().join("secret.svg"),
        fs::read(out.join("cor1.svg")).unwrap(),
    )
    .unwrap();
    for (list, name) in [
        ("figures", "../secret"),
        ("figures", "/etc/passwd"),
        ("figures", ""),
        ("failures", "a\"><b"),
    ] {
        let whole = fs::read(out.join("results.json")).unwrap();
        forge(&out, |results| {
            if list == "figures" {
                let digest = results["pictures"]["cor1"].clone();
                results["pictures"][name] = digest;
                results["figures"][0]["id"] = name.into();
            } else {
                results["failures"] =
                    json!([{"id": name, "title": "", "error": "", "command": ""}]);
            }
        });
        let refused = run(&["report", out.to_str().unwrap()]);
        assert_eq!(refused.status, Some(2), "{name}");
        assert!(
            refused
                .stderr
                .contains(&format!("`{name}` is not the name")),
            "{}",
            refused.stderr
        );
        fs::write(out.join("results.json"), whole).unwrap();
    }
}

/// What is left of a run is not taken for something else.
#[test]
fn a_deleted_file_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let out = trained(&folder);
    let measured = run(&["measure", out.to_str().unwrap(), "--top", "1"]);
    assert_eq!(measured.status, Some(0), "{}", measured.stderr);
    for name in [
        "specification.toml",
        "measurements.parquet",
        "networks/seed-1.safetensors",
    ] {
        let bytes = fs::read(out.join(name)).unwrap();
        fs::remove_file(out.join(name)).unwrap();
        let command = if name.starts_with("networks") {
            "measure"
        } else {
            "report"
        };
        let refused = run(&[command, out.to_str().unwrap()]);
        assert_eq!(refused.status, Some(2), "{name}: {}", refused.stderr);
        let words = format!("{name} is missing");
        assert!(refused.stderr.contains(&words), "{}", refused.stderr);
        fs::write(out.join(name), bytes).unwrap();
    }
}
