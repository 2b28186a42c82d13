//! An API server that knows lists and watches, and nothing else: as quiet as a measurement needs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver, Sender};
use tokio::time::{Instant, timeout_at};

use crate::serve::Listening;

/// How many changes a watch may be behind.
const BACKLOG: usize = 4096;

/// The version all lists have; changes have later ones.
const LISTED: u64 = 1;

/// A server with the objects of a few kinds, each below the path its lists are asked for at.
///
/// Lists come in the pages they are asked for in. A watch tells of the changes since it was opened, and ends when its
/// client wanted it to. There is neither TLS nor anybody to log in as.
pub struct ObjectServer {
    listening: Listening,
    kinds: Arc<Kinds>,
}

type Kinds = BTreeMap<String, Kind>;

struct Kind {
    /// What a list of them says it is.
    list: Value,
    objects: Vec<Value>,
    changes: Sender<Bytes>,
    version: Mutex<u64>,
}

/// What a client says of the list or watch it wants.
#[derive(Deserialize)]
struct Wish {
    watch: Option<bool>,
    #[serde(rename = "timeoutSeconds")]
    timeout: Option<u64>,
    limit: Option<usize>,
    #[serde(rename = "continue")]
    from: Option<usize>,
}

impl ObjectServer {
    /// Starts a server of some kinds: the path of each, what a list of it is called, and the objects.
    pub fn start(
        kinds: impl IntoIterator<Item = (&'static str, &'static str, Vec<Value>)>,
    ) -> Self {
        let kinds = kinds.into_iter().map(|(path, list, objects)| {
            let version = path
                .trim_start_matches("/apis/")
                .trim_start_matches("/api/");
            let version = version
                .rsplit_once('/')
                .map_or(version, |(version, _)| version);
            let kind = Kind {
                list: json!({ "apiVersion": version, "kind": list }),
                objects,
                changes: broadcast::channel(BACKLOG).0,
                version: Mutex::new(LISTED),
            };
            (path.to_owned(), kind)
        });
        let kinds: Arc<Kinds> = Arc::new(kinds.collect());
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&kinds));
        Self {
            listening: Listening::http(router, None),
            kinds,
        }
    }

    /// Writes a kubeconfig that leads here.
    pub fn write_kubeconfig(&self, path: &Path) {
        let server = format!("http://{}", self.listening.address());
        // JSON is YAML, which is what a kubeconfig is.
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{ "name": "it", "cluster": { "server": server } }],
            "users": [{ "name": "it", "user": {} }],
            "contexts": [{ "name": "it", "context": { "cluster": "it", "user": "it" } }],
        });
        std::fs::write(path, kubeconfig.to_string()).expect("the folder is writable");
    }

    /// Tells all watches of a kind that one of its objects is another one now. Lists stay as they were.
    ///
    /// # Panics
    ///
    /// If there is no such kind.
    pub fn change(&self, path: &str, mut object: Value) {
        let kind = &self.kinds[path];
        let mut version = kind.version.lock().expect("no holder panics");
        *version += 1;
        object["metadata"]["resourceVersion"] = version.to_string().into();
        let event = json!({ "type": "MODIFIED", "object": object });
        // Nobody may be watching.
        let _ = kind.changes.send(format!("{event}\n").into());
    }
}

async fn answer(State(kinds): State<Arc<Kinds>>, uri: Uri, Query(wish): Query<Wish>) -> Response {
    let Some(kind) = kinds.get(uri.path()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let body = match wish.watch {
        Some(true) => changes(
            kind.changes.subscribe(),
            Duration::from_secs(wish.timeout.unwrap_or(300)),
        ),
        _ => Body::from(kind.page(&wish).to_string()),
    };
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

impl Kind {
    fn page(&self, wish: &Wish) -> Value {
        let from = wish.from.unwrap_or(0).min(self.objects.len());
        let rest = &self.objects[from..];
        let items = &rest[..wish.limit.unwrap_or(rest.len()).min(rest.len())];
        let to = from + items.len();
        let mut list = self.list.clone();
        list["metadata"] = match to < self.objects.len() {
            true => json!({ "resourceVersion": LISTED.to_string(), "continue": to.to_string() }),
            false => json!({ "resourceVersion": LISTED.to_string() }),
        };
        list["items"] = items.into();
        list
    }
}

/// Changes as they come, until the time is over or the client is too far behind.
fn changes(receiver: Receiver<Bytes>, time: Duration) -> Body {
    let end = Instant::now() + time;
    Body::from_stream(stream::unfold(receiver, move |mut receiver| async move {
        match timeout_at(end, receiver.recv()).await {
            Ok(Ok(change)) => Some((Ok::<_, RecvError>(change), receiver)),
            Ok(Err(behind)) => Some((Err(behind), receiver)),
            Err(_) => None,
        }
    }))
}
