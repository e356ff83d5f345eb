//! The server: who may ask, for how much, and who answers.

mod access;
mod limits;
mod listen;
mod pages;
mod reply;
mod valley;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tokio::sync::Semaphore;

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
        .fallback(reply::not_found)
        .method_not_allowed_fallback(reply::read_only)
        .layer(from_fn_with_state(shared.clone(), access::check))
        .with_state(shared)
}
