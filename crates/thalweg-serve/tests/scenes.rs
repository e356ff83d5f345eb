//! Of each prepared scene: that SGD does what its sentence says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use thalweg_lab::run::SeedMean;
use thalweg_serve::valley::{FRAMES, Mark, Picture, SCENES, Setting, Watch};

/// T and F of SGD, means over the seeds.
struct Seen {
    sharpness: SeedMean,
    fluctuation: SeedMean,
}

/// The picture of a scene, and SGD at its start, at each of `frames` and at its end.
fn run(key: &str, frames: &[usize]) -> (Picture, Vec<Seen>) {
    let scene = SCENES.iter().find(|scene| scene.key == key).unwrap();
    let setting = Setting::from_query(scene.query).unwrap();
    let picture = Picture::new(&setting).unwrap();
    let mut watch = Watch::new(&setting.experiment().unwrap()).unwrap();
    let seen = [0].iter().chain(frames).chain(&[FRAMES]).map(|&number| {
        watch.skip_to(number);
        let frame = watch.next_frame(&|| false).unwrap();
        assert!(frame.seeds.iter().all(Option::is_some));
        Seen {
            sharpness: frame.mean(2).unwrap(),
            fluctuation: frame.mean(3).unwrap(),
        }
    });
    let seen: Vec<_> = seen.collect();
    for at in &seen {
        eprintln!("{key}: T {:?} F {:?}", at.sharpness, at.fluctuation);
    }
    for mark in &picture.marks {
        eprintln!(
            "{key}: {} T {} F {}",
            mark.name, mark.sharpness, mark.fluctuation
        );
    }
    (picture, seen)
}

fn mark<'p>(picture: &'p Picture, key: &str) -> &'p Mark {
    picture
        .marks
        .iter()
        .find(|mark| mark.kind.key() == key)
        .unwrap()
}

/// Relative to the flattest minimum.
fn within(seen: SeedMean, value: f64, part: f64) -> bool {
    (seen.mean / value - 1.0).abs() < part
}

#[test]
fn equal_noise_leads_to_the_flattest_minimum() {
    let (picture, seen) = run("isotropic", &[]);
    let (end, flattest) = (mark(&picture, "end"), mark(&picture, "flattest"));
    assert!((end.sharpness / flattest.sharpness - 1.0).abs() < 1e-12);
    assert!(seen[0].sharpness.mean > 1.5 * flattest.sharpness);
    assert!(within(seen[1].sharpness, flattest.sharpness, 0.02));
}

#[test]
fn unequal_noise_leads_away_from_the_flattest_minimum() {
    let (picture, seen) = run("anisotropic", &[]);
    let (end, flattest) = (mark(&picture, "end"), mark(&picture, "flattest"));
    assert!(
        within(seen[0].sharpness, flattest.sharpness, 1e-12),
        "it starts there"
    );
    assert!(within(seen[1].sharpness, end.sharpness, 0.05));
    assert!(seen[1].sharpness.mean > 1.3 * flattest.sharpness);
    assert!(seen[1].fluctuation.mean < seen[0].fluctuation.mean);
}

#[test]
fn sharpness_falls_and_rises_while_the_fluctuation_only_falls() {
    let frames: Vec<usize> = (1..12).map(|i| 20 * i).collect();
    let (_, seen) = run("flattening-then-sharpening", &frames);
    let least = seen
        .iter()
        .map(|s| s.sharpness.mean)
        .fold(f64::INFINITY, f64::min);
    let (first, last) = (&seen[0], &seen[seen.len() - 1]);
    assert!(first.sharpness.mean > 1.2 * least && last.sharpness.mean > 1.2 * least);
    for pair in seen.windows(2) {
        let [before, after] = [&pair[0].fluctuation, &pair[1].fluctuation];
        let error = [before, after].map(|mean| mean.standard_error.unwrap_or(0.0));
        let slack = 3.0 * error[0].hypot(error[1]);
        assert!(after.mean < before.mean + slack);
    }
    assert!(last.fluctuation.mean < 0.8 * first.fluctuation.mean);
}

#[test]
fn turned_noise_leads_beside_the_least_fluctuation() {
    let (picture, seen) = run("turned-noise", &[]);
    let (theorem, end) = (mark(&picture, "theorem"), mark(&picture, "end"));
    let sgd = seen[1].sharpness;
    assert!(sgd.z(theorem.sharpness).unwrap() < -4.0);
    assert!((sgd.mean - end.sharpness).abs() < 0.5 * (sgd.mean - theorem.sharpness).abs());
}

#[test]
fn weight_decay_undoes_the_noise() {
    let (picture, seen) = run("decay-against-noise", &[]);
    let sharpness = |key| mark(&picture, key).sharpness;
    let (theorem, flattest) = (sharpness("theorem"), sharpness("flattest"));
    assert!(
        within(seen[0].sharpness, theorem, 0.05),
        "it starts near the least fluctuation"
    );
    assert!(within(seen[1].sharpness, sharpness("end"), 0.02));
    assert!(seen[1].sharpness.mean - flattest < 0.25 * (theorem - flattest));
}

/// From a setting to everything that is drawn before SGD runs; a figure to look at, not a test of the machine.
#[test]
fn pictures_are_made_in_milliseconds() {
    for scene in &SCENES {
        let setting = Setting::from_query(scene.query).unwrap();
        let since = std::time::Instant::now();
        let bytes = Picture::new(&setting).unwrap().json().to_string().len();
        eprintln!("{}: {:?}, {bytes} bytes", scene.key, since.elapsed());
    }
    for depth in 2..=5 {
        let query = format!(
            "depth={depth}&angle=30&anisotropy=20&steps=20000000&sam=0.01&weight_decay=0.001"
        );
        let since = std::time::Instant::now();
        let made = Picture::new(&Setting::from_query(&query).unwrap());
        eprintln!("{query}: {:?}, {}", since.elapsed(), made.is_ok());
    }
}
