//! An HTTP server that answers what it was told, request by request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};

use crate::serve::Listening;
use crate::tls::Tls;

/// A server whose answers are a table of requests.
///
/// Without an entry, `/v2/` is answered with 200 and `{}`, as registries do; all else with 404 and nothing.
pub struct ScriptedServer {
    listening: Listening,
    script: Arc<Mutex<Script>>,
}

/// What a scripted server answers to one kind of request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names and values; without a content type the body is called JSON.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
    /// How long the answer takes.
    pub delay: Duration,
}

/// The answers by request; of several the last one repeats.
#[derive(Default)]
struct Script(BTreeMap<Wanted, Vec<Answer>>);

/// A request as a script names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    method: String,
    path: String,
    /// The query's pairs in order of their names, if the script tells queries apart.
    query: Option<Vec<String>>,
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            status: 200,
            headers: BTreeMap::new(),
            body: String::new(),
            delay: Duration::ZERO,
        }
    }
}

impl ScriptedServer {
    /// Starts a server without a script, over HTTPS if `tls` is given.
    pub fn start(tls: Option<&Tls<'_>>) -> Self {
        let script = Arc::new(Mutex::new(Script::default()));
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&script));
        Self {
            listening: Listening::http(router, tls.map(Tls::config)),
            script,
        }
    }

    /// Host and port.
    pub fn host(&self) -> String {
        self.listening.address().to_string()
    }

    /// Replaces all answers. A key is `METHOD path` or `METHOD path?query`; the latter goes first.
    ///
    /// # Panics
    ///
    /// If a key is neither, or has no answers.
    pub fn script(&self, answers: impl IntoIterator<Item = (String, Vec<Answer>)>) {
        let answers = answers.into_iter().map(|(key, answers)| {
            assert!(!answers.is_empty(), "{key} has no answers");
            let (method, target) = key.split_once(' ').expect("a key is a method and a path");
            (Wanted::new(method, target), answers)
        });
        *self.script.lock().expect("no holder panics") = Script(answers.collect());
    }
}

impl Wanted {
    fn new(method: &str, target: &str) -> Self {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        // Clients may send the pairs of a query in an order of their own.
        let query = query.map(|query| {
            let mut pairs: Vec<_> = query.split('&').map(str::to_owned).collect();
            pairs.sort();
            pairs
        });
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query,
        }
    }
}

impl Script {
    fn next(&mut self, method: &str, target: &str) -> Answer {
        let exact = Wanted::new(method, target);
        let any = Wanted {
            query: None,
            ..exact.clone()
        };
        let key = if self.0.contains_key(&exact) {
            &exact
        } else {
            &any
        };
        match self.0.get_mut(key) {
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0].clone(),
            None if any.path == "/v2/" => Answer {
                body: "{}".to_owned(),
                ..Answer::default()
            },
            None => Answer {
                status: 404,
                ..Answer::default()
            },
        }
    }
}

async fn answer(
    State(script): State<Arc<Mutex<Script>>>,
    request: Request<Body>,
) -> Response<Body> {
    let target = request.uri().to_string();
    let answer = {
        let mut script = script.lock().expect("no holder panics");
        script.next(request.method().as_str(), &target)
    };
    tokio::time::sleep(answer.delay).await;
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).expect("tests use valid codes");
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    for (name, value) in answer.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("tests use valid names");
        headers.insert(
            name,
            HeaderValue::from_str(&value).expect("tests use valid values"),
        );
    }
    response
}
