//! What the program serves about itself: `/healthz`, `/readyz` and `/metrics`.

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::metrics::Metrics;

#[cfg(test)]
mod tests;

/// The media type of the text metrics are written in.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether the program is of use, as it is told to whoever asks for `/readyz`. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Readiness(Arc<watch::Sender<State>>);

/// What the program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It looks for the API server and what it needs there.
    Starting,
    /// Another instance works.
    Waiting,
    /// It works as soon as so many watches know all objects.
    Syncing(usize),
    /// It ends.
    Ending,
}

/// What a controller tells readiness once its watch knows all objects.
#[derive(Debug)]
pub struct Sync(Readiness);

impl Default for Readiness {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(State::Starting)))
    }
}

impl Readiness {
    /// The program waits until it may lead: it is ready to take over.
    pub(super) fn wait_for_leadership(&self) {
        self.become_unless_ending(State::Waiting);
    }

    /// The program begins to work: it is ready once each of the `N` returned has been told.
    pub(super) fn begin<const N: usize>(&self) -> [Sync; N] {
        self.become_unless_ending(State::Syncing(N));
        std::array::from_fn(|_| Sync(self.clone()))
    }

    /// The program ends: it is not ready and will not be again.
    pub(super) fn end(&self) {
        self.0.send_replace(State::Ending);
    }

    /// Whether the program is of use.
    #[cfg(test)]
    pub(super) fn is_ready(&self) -> bool {
        self.reason().is_none()
    }

    /// What the program is not ready for, or `None` if it is ready.
    fn reason(&self) -> Option<&'static str> {
        match *self.0.borrow() {
            State::Waiting | State::Syncing(0) => None,
            State::Starting => Some("not ready: looking for the API server and the image kinds"),
            State::Syncing(_) => Some("not ready: watches have not synced"),
            State::Ending => Some("not ready: ending"),
        }
    }

    fn become_unless_ending(&self, next: State) {
        self.0.send_modify(|state| {
            if *state != State::Ending {
                *state = next;
            }
        });
    }
}

impl Sync {
    /// The watch knows all objects.
    pub fn done(self) {
        let readiness = &self.0;
        readiness.0.send_modify(|state| {
            if let State::Syncing(left) = state {
                *left = left.saturating_sub(1);
            }
        });
    }
}

/// Serves `/healthz` and `/readyz`; ends only when connections can no longer be taken.
pub(super) async fn serve_health(listener: TcpListener, readiness: Readiness) -> io::Result<()> {
    let ready = move || async move {
        match readiness.reason() {
            None => (StatusCode::OK, "ok"),
            Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason),
        }
    };
    let router = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready));
    axum::serve(listener, router).await
}

/// Serves `/metrics`; ends only when connections can no longer be taken.
pub(super) async fn serve_metrics(listener: TcpListener, metrics: Metrics) -> io::Result<()> {
    let text = move || async move {
        match metrics.text() {
            Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    };
    let router = Router::new().route("/metrics", get(text));
    axum::serve(listener, router).await
}
