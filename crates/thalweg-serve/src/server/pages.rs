//! The pages themselves, which are inside the program.

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::reply;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// What pages ask for beside their data: name, kind and text.
static ASSETS: [(&str, &str, &str); 6] = [
    ("style.css", STYLE, include_str!("../../pages/style.css")),
    ("valley.js", SCRIPT, include_str!("../../pages/valley.js")),
    ("slider.js", SCRIPT, include_str!("../../pages/slider.js")),
    ("chart.js", SCRIPT, include_str!("../../pages/chart.js")),
    ("heat.js", SCRIPT, include_str!("../../pages/heat.js")),
    ("runs.js", SCRIPT, include_str!("../../pages/runs.js")),
];

fn page(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// The valley.
pub async fn valley() -> Response {
    page(HTML, include_str!("../../pages/valley.html"))
}

/// A folder's runs.
pub async fn runs() -> Response {
    page(HTML, include_str!("../../pages/runs.html"))
}

/// A script or a style.
pub async fn asset(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(asset, ..)| *asset == name) {
        Some((_, kind, text)) => page(kind, text),
        None => reply::not_found().await,
    }
}
