//! The valley's data from outside.

use std::io::{BufRead, BufReader};

use serde_json::Value;
use thalweg_lab::answer::{PredictAnswer, Prepared};
use thalweg_lab::spec::Draft;

use crate::harness::serve;

/// The file that the page offers says the same problem as the picture: `predict` of it gives the picture's numbers, to the last digit.
#[test]
fn numbers_are_those_of_predict_for_the_file_that_is_offered() {
    let server = serve();
    for query in [
        "",
        "anisotropy=3&teacher_1=1.5&learning_rate=0.02&batch=7",
        "angle=30&depth=3",
        "learning_rate=0.005&weight_decay=0.0001&sam=0.002",
    ] {
        let picture = server.get(&format!("/api/valley/picture?{query}"));
        let file = server.get(&format!("/api/valley/experiment.toml?{query}"));
        assert_eq!((picture.status, file.status), (200, 200));
        let read = Draft::from_toml(&file.body).unwrap().problem().unwrap();
        let step = read.learning_rate.zip(read.batch);
        let prepared = Prepared::new(&read.problem, read.recipe, step).unwrap();
        let answer = PredictAnswer::new(&prepared, true).unwrap();
        assert_eq!(picture.json()["prediction"], answer.json(), "{query}");
    }
}

#[test]
fn a_wrong_setting_is_said_in_a_sentence() {
    let server = serve();
    for path in ["picture", "experiment.toml", "watch/0"] {
        let reply = server.get(&format!("/api/valley/{path}?angle=700"));
        assert_eq!(reply.status, 400, "{path}");
        let said = "angle is `700`: it must be a number from 0 to 90";
        assert_eq!(reply.json()["error"], said);
    }
    assert_eq!(server.get("/api/valley/watch/x").status, 400);
    assert_eq!(server.get("/api/valley/watch/-1").status, 400);
}

#[test]
fn the_page_is_told_every_field_and_scene() {
    let server = serve();
    let told = server.get("/api/valley/fields").json();
    assert_eq!(told["fields"].as_array().unwrap().len(), 13);
    for scene in told["scenes"].as_array().unwrap() {
        let query = scene["query"].as_str().unwrap();
        assert_eq!(
            server.get(&format!("/api/valley/picture?{query}")).status,
            200
        );
    }
}

/// The number and the text of each event until one that is not a frame.
fn events(stream: impl std::io::Read) -> (Vec<Value>, String) {
    let mut frames = Vec::new();
    let mut kind = String::new();
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        if let Some(text) = line.strip_prefix("data: ") {
            match serde_json::from_str(text) {
                Ok(frame) => frames.push(frame),
                Err(_) => return (frames, kind),
            }
        } else if let Some(name) = line.strip_prefix("event: ") {
            kind = name.to_owned();
        }
    }
    (frames, kind)
}

/// A stream that was lost goes on with the frame after the last one that came, with the numbers that it would have had.
#[test]
fn events_end_and_go_on_where_they_were_lost() {
    let server = serve();
    let from = |frame: usize, lines: &str| {
        let path = format!("/api/valley/watch/{frame}?steps=10000");
        let (status, stream) = server.watch(&path, lines);
        assert_eq!(status, 200);
        events(stream)
    };
    let (whole, ended) = from(0, "");
    assert_eq!((whole.len(), ended.as_str()), (241, "end"));
    assert!(
        whole
            .iter()
            .enumerate()
            .all(|(i, frame)| frame["number"] == i)
    );
    let (rest, _) = from(0, "Last-Event-ID: 229\r\n");
    assert_eq!(rest, whole[230..]);
    assert_eq!(from(239, "").0, whole[239..]);
    assert_eq!(from(usize::MAX, "").0.len(), 0);
}
