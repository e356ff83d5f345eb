//! Signals to every command, at many moments: each ends soon, says so, and loses nothing.

#![cfg(unix)]

use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::{Run, begun, collected, file, run, send, thalweg};
use crate::train::SMALL;

/// Far above the second that is promised: the tests share their machine.
const SOON: Duration = Duration::from_secs(10);

/// Sends `signal` after `pause` and waits for the end.
fn stopped(arguments: &[&str], signal: &str, pause: u64) -> Run {
    let child = thalweg(arguments).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(pause));
    send(signal, &child);
    let since = Instant::now();
    let run = collected(child);
    assert!(since.elapsed() < SOON, "{arguments:?}, {pause} ms");
    run
}

/// Ended by the signal: with a sentence, or so early that nobody listened yet.
fn assert_stopped(run: &Run, what: &str) {
    let early = run.status.is_none() && run.stderr.is_empty();
    let said = run.status == Some(130) && run.stderr.contains("stopped");
    assert!(early || said, "{what}: {:?}, {}", run.status, run.stderr);
    assert_eq!(run.stdout, "", "{what}");
}

/// Work that takes minutes, in each of its parts: a problem being made, predicted, followed, run and measured.
#[test]
fn every_command_stops_in_the_middle_of_its_work() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    let wide = [
        "--dimension",
        "2000",
        "--noise",
        "power:1",
        "--basis-seed",
        "1",
    ];
    let step = ["--learning-rate", "1e-3", "--batch", "10", "--steps", "1e6"];
    let predict = [&["predict", "--depth", "3"][..], &wide].concat();
    let deep = ["--depth", "8", "--dimension", "8", "--noise", "power:3"];
    let flow = [&["flow"][..], &deep, &step].concat();
    let exact = [&flow[..], &["--drift", "exact"]].concat();
    let narrower = [
        "--dimension",
        "600",
        "--noise",
        "power:1",
        "--basis-seed",
        "1",
    ];
    let simulate = [
        &["simulate", "--depth", "3", "--out", out][..],
        &narrower,
        &step,
    ]
    .concat();
    let made = folder.path().join("made");
    let reproduce = ["reproduce", "--out", made.to_str().unwrap()];
    for (arguments, pauses) in [
        (&predict[..], &[100, 700][..]),
        (&flow, &[300]),
        (&exact, &[700]),
        (&simulate, &[50, 400, 1500, 3000]),
        (&reproduce, &[100, 1000]),
    ] {
        for (signal, &pause) in ["-INT", "-TERM"].into_iter().cycle().zip(pauses) {
            let run = stopped(arguments, signal, pause);
            assert_stopped(&run, &format!("{} after {pause} ms", arguments[0]));
        }
    }
}

/// A wide network whose single measurement takes long: a stop in it keeps what was saved, and the same
/// command goes on.
#[test]
fn a_training_stops_within_its_measurement() {
    let wide = SMALL
        .replace("hidden = [4]", "hidden = [300, 300]")
        .replace("steps = 400", "steps = 2")
        .replace("samples = 64", "samples = 4000");
    let (folder, path) = file("wide.toml", wide.as_bytes());
    let out = folder.path().join("run");
    let arguments = [
        "train",
        path.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ];
    for pause in [300, 1000] {
        let child = begun(&arguments, &out.join("specification.toml"));
        std::thread::sleep(Duration::from_millis(pause));
        send("-TERM", &child);
        let since = Instant::now();
        let run = collected(child);
        assert!(since.elapsed() < SOON, "{pause} ms");
        assert_stopped(&run, "train");
        assert!(
            run.stderr.contains("the same command goes on"),
            "{}",
            run.stderr
        );
    }
}

/// The measurement of saved networks, and the page of a finished run: nothing half-written is left.
#[test]
fn what_reads_a_finished_run_leaves_it_as_it_is() {
    let (folder, path) = file("experiment.toml", SMALL.as_bytes());
    let out = folder.path().join("run");
    let place = out.to_str().unwrap();
    let train = ["train", path.to_str().unwrap(), "--out", place];
    assert_eq!(run(&train).status, Some(0));
    let networks = std::fs::read(out.join("networks/seed-0.safetensors")).unwrap();
    let measure = ["measure", place, "--samples", "200000"];
    for (signal, pause) in [("-INT", 200), ("-TERM", 900)] {
        assert_stopped(&stopped(&measure, signal, pause), "measure");
    }
    assert!(
        !Path::new(&out.join("measured"))
            .join("seed-0.json")
            .exists()
    );
    assert_eq!(
        std::fs::read(out.join("networks/seed-0.safetensors")).unwrap(),
        networks
    );
    assert_eq!(run(&["report", place]).status, Some(0));
}

/// Runs of SGD beside an answer: the answer is printed with what they came to, and the status says that it was cut short.
#[test]
fn an_answer_keeps_what_its_runs_came_to() {
    let step = [
        "--learning-rate",
        "1e-5",
        "--batch",
        "10",
        "--seconds",
        "600",
    ];
    let problem = ["--depth", "3", "--noise", "1,0.1"];
    let predict = [&["predict", "--simulate"][..], &problem, &step].concat();
    let design = [
        &["design", "--ratio", "1.5", "--by", "added_noise"][..],
        &problem,
        &step,
    ]
    .concat();
    for (arguments, signal) in [(predict, "-INT"), (design, "-TERM")] {
        let run = stopped(&arguments, signal, 2500);
        assert_eq!(run.status, Some(130), "{arguments:?}: {}", run.stderr);
        assert!(
            run.stdout.contains("The runs ended before T had settled"),
            "{}",
            run.stdout
        );
        assert!(run.stderr.contains("ended early"), "{}", run.stderr);
    }
}

/// Whoever cannot wait for the first is heard by the second.
#[test]
fn a_second_signal_ends_at_once() {
    let (folder, path) = file("experiment.toml", SMALL.as_bytes());
    let out = folder.path().join("run");
    let arguments = [
        "train",
        path.to_str().unwrap(),
        "--steps",
        "1e12",
        "--out",
        out.to_str().unwrap(),
    ];
    let child = begun(&arguments, &out.join("specification.toml"));
    std::thread::sleep(Duration::from_millis(300));
    send("-INT", &child);
    send("-INT", &child);
    let since = Instant::now();
    assert_eq!(collected(child).status, Some(130));
    assert!(since.elapsed() < SOON);
    assert_eq!(
        run(&[
            "train",
            path.to_str().unwrap(),
            "--out",
            folder.path().join("other").to_str().unwrap()
        ])
        .status,
        Some(0)
    );
}
