//! Too little memory: every command says so before it begins, or ends with a sentence; none hangs or is aborted.

#![cfg(target_os = "linux")]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Run, collected, file, run};
use crate::train::SMALL;

/// The program with `kilobytes` of address space.
fn limited(kilobytes: u64, arguments: &[&str]) -> Run {
    let child = Command::new("sh")
        .args([
            "-c",
            "ulimit -v \"$0\"; exec \"$@\"",
            &kilobytes.to_string(),
        ])
        .arg(env!("CARGO_BIN_EXE_thalweg"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    in_time(child, arguments)
}

/// Waits for the end, which must come.
fn in_time(mut child: Child, arguments: &[&str]) -> Run {
    let deadline = Instant::now() + Duration::from_secs(200);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("{arguments:?} hangs");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    collected(child)
}

/// The two numbers of a refusal, in bytes.
fn needed_and_available(stderr: &str) -> (f64, f64) {
    let words: Vec<&str> = stderr.split_whitespace().collect();
    let bytes = |at: usize| -> f64 {
        let unit = match words[at + 1] {
            "kB" => 1e3,
            "MB" => 1e6,
            "GB" => 1e9,
            "TB" => 1e12,
            other => panic!("{other} in {stderr}"),
        };
        words[at].parse::<f64>().unwrap() * unit
    };
    let after = |word: &str| words.iter().position(|&w| w == word).unwrap() + 1;
    (bytes(after("about")), bytes(after("are")))
}

fn refused(kilobytes: u64, arguments: &[&str]) -> (f64, f64) {
    let run = limited(kilobytes, arguments);
    assert_eq!(
        (run.status, run.stdout.as_str()),
        (Some(2), ""),
        "{}",
        run.stderr
    );
    needed_and_available(&run.stderr)
}

const FINITE: &str = r#"
depth = 3
input_covariance = [[1.0, 0.0], [0.0, 1.0]]
teacher = [[1.0, 0.0], [0.0, 1.0]]
noise_covariance = [[1.0, 0.0], [0.0, 0.01]]
learning_rate = 0.003
batch = 10
steps = 100
[data.source]
kind = "finite"
samples = 1_000_000_000
"#;

#[test]
fn a_data_set_beyond_memory_is_refused_with_both_numbers() {
    let (folder, path) = file("finite.toml", FINITE.as_bytes());
    let out = folder.path().join("run");
    let arguments = [
        "simulate",
        path.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ];
    let (needed, available) = refused(4_000_000, &arguments);
    // Five seeds with 10⁹ samples of four numbers, kept; and no more than twice that.
    assert!((1.6e11..3.2e11).contains(&needed), "{needed}");
    assert!((1e9..4.1e9).contains(&available), "{available}");
    assert!(!out.exists());
}

#[test]
fn dimensions_beyond_memory_are_refused_with_both_numbers() {
    let matrix = 16384.0 * 16384.0 * 8.0;
    let flags = ["--depth", "2", "--dimension", "16384"];
    let step = ["--learning-rate", "1e-3", "--batch", "10", "--steps", "10"];
    let predict = [&["predict"][..], &flags].concat();
    let simulate = [&["simulate", "--out", "nowhere"][..], &flags, &step].concat();
    let text = "depth = 2\nteacher = { kind = \"identity\", dimension = 16384 }\n\
        input_covariance = { kind = \"identity\", dimension = 16384 }\n\
        noise_covariance = { kind = \"identity\", dimension = 16384 }\n";
    let (_folder, path) = file("wide.toml", text.as_bytes());
    let from_file = ["predict", path.to_str().unwrap()];
    for arguments in [&predict[..], &simulate, &from_file] {
        let (needed, available) = refused(4_000_000, arguments);
        assert!((5.0 * matrix..40.0 * matrix).contains(&needed), "{needed}");
        assert!(available < 4.1e9, "{available}");
    }
}

/// Memory is not what keeps a problem from being followed that is too large for the flow at any size of memory.
#[test]
fn what_no_memory_helps_is_said_first() {
    for (dimension, drift, weights) in [
        ("16384", "exact", "536870912"),
        ("16384", "symmetric", "536870912"),
    ] {
        let flow = [
            "flow",
            "--drift",
            drift,
            "--depth",
            "2",
            "--dimension",
            dimension,
            "--learning-rate",
            "1e-3",
            "--batch",
            "10",
            "--steps",
            "10",
        ];
        let run = limited(60_000, &flow);
        assert_eq!(run.status, Some(2), "{}", run.stderr);
        let words = format!("{weights} weights are too many for the flow's integrator");
        assert!(run.stderr.contains(&words), "{}", run.stderr);
    }
}

/// From where not even the program is loaded to where it works: never a signal, and advice that is not taken already.
#[test]
fn the_least_memory_ends_with_a_sentence_too() {
    let works = |kilobytes| limited(kilobytes, &["--version"]).status == Some(0);
    let mut kilobytes = 10_000;
    // The system's loader speaks, or the kernel ends what it cannot load.
    while !works(kilobytes) {
        kilobytes += 1000;
        assert!(kilobytes < 200_000);
    }
    let predict = ["predict", "--depth", "2", "--noise", "1,0.1"];
    let least = kilobytes - 1000;
    // For some 40 kB it is Rust's runtime, before anything of the program's own is run, that has no room.
    let ours = |run: &Run| {
        run.status != Some(127)
            && !run
                .stderr
                .contains("failed to allocate an alternative stack")
    };
    let (mut ended, mut loads) = (0, true);
    for kilobytes in (least..least + 3000).step_by(40) {
        let run = limited(kilobytes, &predict);
        // Where the loader has just enough room it may be the kernel that has no page for its stack.
        let is_loaders = std::mem::replace(&mut loads, run.status == Some(127));
        if !ours(&run) || (is_loaders && run.status.is_none() && run.stderr.is_empty()) {
            continue;
        }
        ended += 1;
        assert!(
            matches!(run.status, Some(1 | 2)) && !run.stderr.is_empty(),
            "{kilobytes} kB: {:?}, {}",
            run.status,
            run.stderr
        );
    }
    assert!(ended > 20, "{ended}");
}

/// The program with one working thread is not told to ask for one.
#[test]
fn advice_that_is_taken_is_not_given() {
    let predict = ["predict", "--depth", "2", "--noise", "1,0.1"];
    let program = env!("CARGO_BIN_EXE_thalweg");
    let mut said = Vec::new();
    for threads in ["1", "16"] {
        let run = (12_000..).step_by(2000).map(|kilobytes: u64| {
            let limit = kilobytes.to_string();
            let arguments = ["-c", "ulimit -v \"$0\"; exec \"$@\"", &limit, program];
            let output = Command::new("sh")
                .args(arguments)
                .args(predict)
                .env("RAYON_NUM_THREADS", threads)
                .output()
                .unwrap();
            String::from_utf8(output.stderr).unwrap()
        });
        said.push(
            run.take(200)
                .find(|stderr| stderr.contains("this needs about")),
        );
    }
    let [one, many] = [&said[0], &said[1]].map(|said| said.as_deref().unwrap());
    assert!(one.contains("only a larger limit helps"), "{one}");
    assert!(many.contains("RAYON_NUM_THREADS=1 in the"), "{many}");
}

/// What the program asks for is enough for it. (It asks once for the problem and once for the runs.)
#[test]
fn what_is_asked_for_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let network = |text: &str| {
        let path = folder.path().join("experiment.toml");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let out = folder.path().join("out").to_str().unwrap().to_owned();
    let predict = [
        "predict",
        "--depth",
        "3",
        "--dimension",
        "200",
        "--noise",
        "power:1",
        "--basis-seed",
        "3",
    ];
    let finite = folder.path().join("finite.toml");
    std::fs::write(&finite, FINITE.replace("1_000_000_000", "200_000")).unwrap();
    let finite = finite.to_str().unwrap();
    let simulate = ["simulate", finite, "--steps", "10", "--out", &out];
    let wide = network(
        &SMALL
            .replace("hidden = [4]", "hidden = [60, 60]")
            .replace("steps = 400", "steps = 2")
            .replace("samples = 64", "samples = 2000, trace_products = 20"),
    );
    let trained = folder.path().join("trained").to_str().unwrap().to_owned();
    let train = ["train", &wide, "--out", &trained];
    let long = folder.path().join("long").to_str().unwrap().to_owned();
    let long_text =
        FINITE.replace("1_000_000_000", "20") + "[measure]\nspacing = \"linear\"\ncount = 101\n";
    let long_file = folder.path().join("long.toml");
    std::fs::write(&long_file, long_text).unwrap();
    let long_file = long_file.to_str().unwrap();
    let made = run(&["simulate", long_file, "--seeds", "400", "--out", &long]);
    assert_eq!(made.status, Some(0), "{}", made.stderr);
    let report = ["report", &long];
    for arguments in [&predict[..], &simulate, &train, &report] {
        let mut kilobytes = 40_000;
        let mut asked = 0;
        let run = loop {
            let run = limited(kilobytes, arguments);
            if run.status != Some(2) {
                break run;
            }
            let (needed, available) = needed_and_available(&run.stderr);
            // Both are rounded to a digit behind the point of their units.
            kilobytes += ((needed - available) * 1.001 / 1024.0) as u64 + 1000;
            asked += 1;
            assert!(asked < 5, "{arguments:?}: {}", run.stderr);
        };
        assert_eq!(
            run.status,
            Some(0),
            "{kilobytes} kB, {arguments:?}: {}",
            run.stderr
        );
        assert!(asked > 0, "{arguments:?} is too small a case");
    }
}

/// Whatever the limit: an answer, a refusal with both numbers, or a sentence at the point where it broke.
#[test]
fn no_limit_makes_a_command_hang_or_abort() {
    let mnist = r#"
learning_rate = 0.01
batch = 16
steps = 10
seeds = 2
precision = "f32"
loss = "cross-entropy"
network = { kind = "mlp", hidden = [8], activation = "relu" }
measure = { count = 8, samples = 32 }
[data]
kind = "mnist"
noise_standard_deviations = [10, 10, 10, 10, 10, 1, 1, 1, 1, 1]
"#;
    let (folder, path) = file("mnist.toml", mnist.as_bytes());
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let small = at("small.toml");
    std::fs::write(&small, SMALL).unwrap();
    let finished = at("finished");
    assert_eq!(run(&["train", &small, "--out", &finished]).status, Some(0));
    let (trained, simulated, made) = (at("trained"), at("simulated"), at("made"));
    let step = [
        "--learning-rate",
        "0.003",
        "--batch",
        "10",
        "--steps",
        "1000",
    ];
    let deep = ["--depth", "3", "--noise", "1,0.1"];
    let predict = [&["predict"][..], &deep].concat();
    let flow = [&["flow"][..], &deep, &step].concat();
    let simulate = [&["simulate", "--out", &simulated][..], &deep, &step].concat();
    let train = ["train", path.to_str().unwrap(), "--out", &trained];
    let measure = ["measure", &finished];
    let report = ["report", &finished];
    let reproduce = ["reproduce", "cor4", "--quick", "--out", &made];
    let mut ended = 0;
    for kilobytes in [
        20_000, 24_000, 28_000, 32_000, 40_000, 50_000, 60_000, 80_000, 120_000, 200_000, 400_000,
    ] {
        if limited(kilobytes, &["--version"]).status != Some(0) {
            // Not even the program itself fits.
            continue;
        }
        for arguments in [
            &predict[..],
            &flow,
            &simulate,
            &train,
            &measure,
            &report,
            &reproduce,
        ] {
            for unfinished in [&trained, &simulated, &made] {
                let _ = std::fs::remove_dir_all(unfinished);
            }
            let run = limited(kilobytes, arguments);
            let what = format!(
                "{} in {kilobytes} kB: {:?}, {}",
                arguments[0], run.status, run.stderr
            );
            ended += 1;
            assert!(matches!(run.status, Some(0..=2)), "{what}");
            assert!(!run.stderr.contains("panicked"), "{what}");
            assert_eq!(run.stderr.is_empty(), run.status == Some(0), "{what}");
            if run.status == Some(2) {
                let (needed, available) = needed_and_available(&run.stderr);
                assert!(needed > 0.99 * available, "{what}");
            }
        }
    }
    assert!(ended > 40, "{ended}");
}
