//! A front of an API server that passes everything on, except that it has the logs of pods.
//!
//! The node of the test cluster only says what it runs: there are no containers, and so no logs. What a program asks for
//! on its way to a log (pods, rights, namespaces) is answered by the real server all the same.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::{Request, Response, StatusCode};
use kube::Client;
use tokio::sync::watch;

use crate::control_plane::{ControlPlane, Credentials};
use crate::serve::Listening;

/// More than any request of a test has.
const LARGEST: usize = 16 << 20;

/// An API server with logs.
pub struct ApiFront {
    listening: Listening,
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    logs: watch::Sender<BTreeMap<String, Log>>,
    asked: Mutex<Vec<String>>,
    requests: Mutex<Vec<String>>,
}

/// The log of the pods whose names begin alike.
#[derive(Clone, Default)]
struct Log {
    lines: Vec<String>,
    /// How many of the connections on which it was followed have been broken.
    broken: usize,
}

impl ApiFront {
    /// Starts a front for everybody, with the rights of the cluster's administrator.
    pub fn start(plane: &ControlPlane) -> Self {
        Self::start_as(plane.client())
    }

    /// Starts a front for everybody, with the rights of a client.
    pub fn start_as(client: Client) -> Self {
        let shared = Arc::new(Shared {
            client,
            logs: watch::Sender::default(),
            asked: Mutex::default(),
            requests: Mutex::default(),
        });
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        Self {
            listening: Listening::http(router, None),
            shared,
        }
    }

    /// The address, as `--server` takes it.
    pub fn url(&self) -> String {
        format!("http://{}", self.listening.address())
    }

    /// A kubeconfig that leads here, without a user.
    pub fn kubeconfig(&self) -> Credentials {
        Credentials::of_server(&self.url())
    }

    /// All requests so far: method, path and query, in order.
    pub fn requests(&self) -> Vec<String> {
        let requests = self.shared.requests.lock();
        requests.expect("no holder panics").clone()
    }

    /// Adds lines to the log of the pods whose names begin with `pod`; whoever follows it gets them at once.
    pub fn log<'l>(&self, pod: &str, lines: impl IntoIterator<Item = &'l str>) {
        self.shared.logs.send_modify(|logs| {
            let log = logs.entry(pod.to_owned()).or_default();
            log.lines.extend(lines.into_iter().map(str::to_owned));
        });
    }

    /// Breaks the connections on which a log is followed, in the middle of it.
    pub fn break_off(&self, pod: &str) {
        self.shared
            .logs
            .send_modify(|logs| logs.entry(pod.to_owned()).or_default().broken += 1);
    }

    /// The paths and queries by which logs were asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().expect("no holder panics").clone()
    }
}

impl Shared {
    fn note(&self, request: String) {
        let requests = self.requests.lock();
        requests.expect("no holder panics").push(request);
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response<Body> {
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str());
    shared.note(format!("{} {target}", request.method()));
    let segments: Vec<_> = request.uri().path().split('/').collect();
    let ["", "api", "v1", "namespaces", _, "pods", pod, "log"] = segments.as_slice() else {
        return pass_on(&shared.client, request).await;
    };
    shared
        .asked
        .lock()
        .expect("no holder panics")
        .push(target.to_owned());
    let logs = shared.logs.subscribe();
    let key = logs
        .borrow()
        .keys()
        .find(|key| pod.starts_with(key.as_str()))
        .cloned();
    let Some(key) = key else {
        return failure(StatusCode::BAD_REQUEST, "the container is waiting to start");
    };
    let follows = request
        .uri()
        .query()
        .is_some_and(|query| query.contains("follow=true"));
    Response::new(if follows {
        followed(logs, key)
    } else {
        Body::from(whole(&logs, &key))
    })
}

fn whole(logs: &watch::Receiver<BTreeMap<String, Log>>, key: &str) -> String {
    let lines = logs.borrow()[key].lines.clone();
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// All lines and those that come, until it is broken off.
fn followed(logs: watch::Receiver<BTreeMap<String, Log>>, key: String) -> Body {
    let broken = logs.borrow()[&key].broken;
    let lines = futures::stream::unfold((logs, 0), move |(mut logs, sent)| {
        let key = key.clone();
        async move {
            let changed = logs
                .wait_for(|logs| logs[&key].broken > broken || logs[&key].lines.len() > sent)
                .await;
            let log = changed.ok()?[&key].clone();
            if log.broken > broken {
                return Some((Err(io::ErrorKind::ConnectionReset.into()), (logs, sent)));
            }
            let text: String = log.lines[sent..]
                .iter()
                .map(|line| format!("{line}\n"))
                .collect();
            Some((
                Ok::<_, io::Error>(Bytes::from(text)),
                (logs, log.lines.len()),
            ))
        }
    });
    Body::from_stream(lines)
}

async fn pass_on(client: &Client, request: Request<Body>) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST).await else {
        return failure(StatusCode::BAD_REQUEST, "the request broke off");
    };
    // The name of the front means nothing to the server behind it.
    parts.headers.remove(axum::http::header::HOST);
    let request = Request::from_parts(parts, kube::client::Body::from(body.to_vec()));
    match client.send(request).await {
        Ok(answer) => answer.map(Body::new),
        Err(error) => failure(StatusCode::BAD_GATEWAY, &error.to_string()),
    }
}

/// A refusal in the form of the API server's.
fn failure(code: StatusCode, message: &str) -> Response<Body> {
    let status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "code": code.as_u16(),
    });
    let mut response = Response::new(Body::from(status.to_string()));
    *response.status_mut() = code;
    response
}
