//! The server: who may ask, for how much, and who answers.

mod access;
mod folder;
mod limits;
mod listen;
mod pages;
mod reply;
mod valley;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tokio::sync::Semaphore;

use crate::folder::Sweeps;
use access::Access;
pub use listen::{Options, Running, ServeError, Server};

/// What all requests share.
#[derive(Clone)]
struct Shared {
    access: Arc<Access>,
    /// Pictures of the valley that are computed at the same time.
    pictures: Arc<Semaphore>,
    /// Runs of SGD at the same time.
    simulations: Arc<Semaphore>,
    /// Whose runs are shown.
    folder: Option<Arc<Path>>,
    /// Looks into it at the same time.
    reads: Arc<Semaphore>,
    /// What was seen of its sweeps.
    sweeps: Arc<Sweeps>,
}

/// All routes, behind the checks that every request passes.
fn router(shared: Shared) -> Router {
    Router::new()
        .route("/", get(pages::valley))
        .route("/page/{name}", get(pages::asset))
        .route("/api/valley/fields", get(valley::fields))
        .route("/api/valley/picture", get(valley::picture))
        .route("/api/valley/experiment.toml", get(valley::experiment))
        .route("/api/valley/watch/{frame}", get(valley::watch))
        .route("/runs", get(pages::runs))
        .route("/api/folder", get(folder::entries))
        .route("/api/folder/run", get(folder::run))
        .route("/api/folder/run/{*path}", get(folder::run))
        .route("/api/folder/sweep", get(folder::cells))
        .route("/api/folder/sweep/{*path}", get(folder::cells))
        .route("/api/folder/page", get(folder::page))
        .route("/api/folder/page/{*path}", get(folder::page))
        .fallback(reply::not_found)
        .method_not_allowed_fallback(reply::read_only)
        .layer(from_fn_with_state(shared.clone(), access::check))
        .with_state(shared)
}
