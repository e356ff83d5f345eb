//! Replies in one form: JSON, with errors as one sentence under `error`.

use std::error::Error;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use thalweg_lab::answer::with_causes;

/// `value`, as it is.
pub fn json_text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// `value` as text.
pub fn json_value(value: &Value) -> Response {
    json_text(value.to_string())
}

/// A sentence that says what is wrong.
pub fn failed(status: StatusCode, sentence: impl Into<String>) -> Response {
    let body = json_value(&json!({ "error": sentence.into() }));
    (status, body).into_response()
}

/// The asker can mend it.
pub fn wrong(error: &dyn Error) -> Response {
    failed(StatusCode::BAD_REQUEST, with_causes(error))
}

/// What lies in the folder cannot be read.
pub fn unreadable(error: &dyn Error) -> Response {
    failed(StatusCode::UNPROCESSABLE_ENTITY, with_causes(error))
}

/// All places are taken.
pub fn busy(what: &str, most: usize) -> Response {
    let sentence =
        format!("{most} {what} at the same time are the most: try again when one has ended");
    let retry = [(header::RETRY_AFTER, "2")];
    (retry, failed(StatusCode::SERVICE_UNAVAILABLE, sentence)).into_response()
}

/// For an address that leads nowhere.
pub async fn not_found() -> Response {
    failed(
        StatusCode::NOT_FOUND,
        "there is nothing at this address; the pages begin at /",
    )
}

/// For a method that would change something.
pub async fn read_only() -> Response {
    failed(
        StatusCode::METHOD_NOT_ALLOWED,
        "this server only shows: GET is all that it answers",
    )
}
