//! The valley's data: what can be changed, the picture of a setting, and SGD on it as events.

use std::convert::Infallible;
use std::thread;
use std::time::Instant;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use thalweg_lab::answer::AnswerError;
use thalweg_lab::spec::Experiment;
use tokio::sync::mpsc::{self, Sender, error::TrySendError};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{Shared, limits, reply};
use crate::valley::{FIELDS, FRAMES, Kind, Picture, SCENES, Setting, Watch};

/// Sliders, scenes and marks.
pub async fn fields() -> Response {
    let fields = FIELDS.iter().map(|field| {
        json!({
            "key": field.key,
            "label": field.label,
            "unit": field.unit,
            "least": field.least,
            "most": field.most,
            "default": field.default,
            "scale": field.scale.word(),
        })
    });
    let scenes = SCENES.iter().map(|scene| scene.json());
    reply::json_value(&json!({
        "fields": fields.collect::<Vec<_>>(),
        "scenes": scenes.collect::<Vec<_>>(),
        "marks": Kind::ALL.map(Kind::json),
        "frames": FRAMES,
    }))
}

/// Landscape, marks, flow and prediction of the setting in the query. A request whose reader has gone gives up its turn.
pub async fn picture(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let setting = match Setting::from_query(query.as_deref().unwrap_or_default()) {
        Ok(setting) => setting,
        Err(error) => return reply::wrong(&error),
    };
    let turn = timeout(limits::PICTURE, shared.pictures.acquire_owned()).await;
    let Ok(Ok(turn)) = turn else {
        return reply::busy("pictures", limits::PICTURES);
    };
    let made = spawn_blocking(move || {
        let made = Picture::new(&setting).map(|picture| picture.json().to_string());
        drop(turn);
        made
    });
    match made.await {
        Ok(Ok(text)) => reply::json_text(text),
        Ok(Err(error @ AnswerError::Input(_))) => reply::wrong(&error),
        Ok(Err(error)) => reply::failed(
            StatusCode::UNPROCESSABLE_ENTITY,
            thalweg_lab::answer::with_causes(&error),
        ),
        Err(error) => reply::failed(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

fn experiment_of(query: Option<String>) -> Result<Experiment, Box<Response>> {
    let made = Setting::from_query(query.as_deref().unwrap_or_default())
        .and_then(|setting| setting.experiment());
    made.map_err(|error| Box::new(reply::wrong(&error)))
}

/// The setting as a file that `predict`, `flow` and `simulate` read.
pub async fn experiment(RawQuery(query): RawQuery) -> Response {
    match experiment_of(query) {
        Ok(experiment) => {
            let headers = [
                (header::CONTENT_TYPE, "application/toml"),
                (
                    header::CONTENT_DISPOSITION,
                    "attachment; filename=\"valley.toml\"",
                ),
            ];
            (headers, experiment.to_toml()).into_response()
        }
        Err(response) => *response,
    }
}

/// SGD from `frame` on, one event a frame, until its reader goes. A browser that lost the connection says with which frame it goes on.
pub async fn watch(
    State(shared): State<Shared>,
    Path(frame): Path<usize>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let experiment = match experiment_of(query) {
        Ok(experiment) => experiment,
        Err(response) => return *response,
    };
    let Ok(place) = shared.simulations.try_acquire_owned() else {
        return reply::busy("runs of SGD", limits::SIMULATIONS);
    };
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let last = last.and_then(|id| id.parse::<usize>().ok());
    let from = last.map_or(frame, |last| last.saturating_add(1));
    let (to, events) = mpsc::channel(limits::FRAMES);
    let simulation = thread::Builder::new().name("simulation".to_owned());
    let begun = simulation.spawn(move || {
        simulate(&experiment, from, &to);
        drop(place);
    });
    if let Err(error) = begun {
        return reply::failed(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    }
    let events = stream::unfold(events, async |mut events| {
        let event: Event = events.recv().await?;
        Some((Ok::<_, Infallible>(event), events))
    });
    Sse::new(events).into_response()
}

/// Runs SGD for as long as somebody takes its frames.
fn simulate(experiment: &Experiment, from: usize, to: &Sender<Event>) {
    let mut watch = match Watch::new(experiment) {
        Ok(watch) => watch,
        Err(error) => {
            offer(to, Event::default().event("failed").data(error.to_string()));
            return;
        }
    };
    watch.skip_to(from);
    let gone = || to.is_closed();
    let mut since = Instant::now();
    while let Some(frame) = watch.next_frame(&gone) {
        let event = Event::default().id(frame.number.to_string());
        if !offer(to, event.data(frame.json().to_string())) {
            return;
        }
        thread::sleep(limits::FRAME.saturating_sub(since.elapsed()));
        since = Instant::now();
    }
    offer(to, Event::default().event("end").data("all steps are made"));
}

/// Hands `event` to the reader, who may be slow; false where there is none any more.
fn offer(to: &Sender<Event>, mut event: Event) -> bool {
    let since = Instant::now();
    while since.elapsed() < limits::READER {
        match to.try_send(event) {
            Ok(()) => return true,
            Err(TrySendError::Closed(_)) => return false,
            Err(TrySendError::Full(back)) => event = back,
        }
        thread::sleep(limits::FRAME);
    }
    false
}
