//! A folder's data: what there is in it, the curves of a run, the cells of a sweep, and the pages that lie there.

use std::error::Error;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{Shared, limits, reply};
use crate::folder::{Entry, curves, inside, list, page_in};

/// What a page from the folder may do: it is words, pictures and style, whoever wrote it.
const SANDBOX: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; \
                       frame-ancestors 'self'";

/// Does `work` on the folder in its turn, away from the threads that talk.
async fn read<W>(shared: Shared, work: W) -> Response
where
    W: FnOnce(&FilePath) -> Response + Send + 'static,
{
    let Some(folder) = shared.folder else {
        let sentence = "no folder is served: start `thalweg serve FOLDER` to see its runs";
        return reply::failed(StatusCode::NOT_FOUND, sentence);
    };
    let turn = timeout(limits::PICTURE, shared.reads.acquire_owned()).await;
    let Ok(Ok(turn)) = turn else {
        return reply::busy("looks into the folder", limits::READS);
    };
    let done = spawn_blocking(move || {
        let response = work(&folder);
        drop(turn);
        response
    });
    match done.await {
        Ok(response) => response,
        Err(error) => reply::failed(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// What there is.
pub async fn entries(State(shared): State<Shared>) -> Response {
    read(shared, |folder| {
        let entries: Vec<_> = list(folder).iter().map(Entry::json).collect();
        let name = folder
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        reply::json_value(&json!({ "folder": name, "entries": entries }))
    })
    .await
}

/// `of` what lies at `path`.
async fn at<E: Error>(
    shared: Shared,
    path: String,
    of: impl FnOnce(&FilePath) -> Result<Value, E> + Send + 'static,
) -> Response {
    read(shared, move |folder| match inside(folder, &path) {
        None => outside(),
        Some(directory) => match of(&directory) {
            Ok(value) => reply::json_value(&value),
            Err(error) => reply::unreadable(&error),
        },
    })
    .await
}

fn outside() -> Response {
    reply::failed(
        StatusCode::NOT_FOUND,
        "there is nothing at this path in the folder",
    )
}

/// A run's curves.
pub async fn run(State(shared): State<Shared>, path: Option<Path<String>>) -> Response {
    at(shared, named(path), curves).await
}

/// A sweep's cells.
pub async fn cells(State(shared): State<Shared>, path: Option<Path<String>>) -> Response {
    let sweeps = Arc::clone(&shared.sweeps);
    at(shared, named(path), move |directory| sweeps.look(directory)).await
}

/// The page of a directory, or one that lies there, in a box of its own.
pub async fn page(State(shared): State<Shared>, path: Option<Path<String>>) -> Response {
    let path = named(path);
    read(shared, move |folder| {
        match page_in(folder, &path).and_then(|file| text(file).ok()) {
            Some(text) => {
                let text = without_refresh(text);
                let headers = [
                    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
                    (header::CONTENT_SECURITY_POLICY, SANDBOX),
                ];
                (headers, text).into_response()
            }
            None => outside(),
        }
    })
    .await
}

/// A page that `thalweg report --watch` writes asks to be loaded again, which its box forbids: a browser would complain each time.
fn without_refresh(page: Vec<u8>) -> Vec<u8> {
    const TAG: &[u8] = b"<meta http-equiv=\"refresh\"";
    // It stands at the head.
    let head = &page[..page.len().min(1024)];
    let Some(start) = head.windows(TAG.len()).position(|window| window == TAG) else {
        return page;
    };
    let length = page[start..].iter().position(|byte| *byte == b'>');
    let rest = length.map_or(page.len(), |length| start + length + 1);
    [&page[..start], &page[rest..]].concat()
}

/// The file, unless it is larger than a page of this program can be.
fn text(file: PathBuf) -> std::io::Result<Vec<u8>> {
    let size = std::fs::metadata(&file)?.len();
    if size > limits::PAGE {
        return Err(std::io::Error::from(std::io::ErrorKind::FileTooLarge));
    }
    std::fs::read(file)
}

/// Without a path the folder itself.
fn named(path: Option<Path<String>>) -> String {
    path.map_or_else(String::new, |Path(path)| path)
}
