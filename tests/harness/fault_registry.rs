//! A registry for what a healthy one never does.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use futures::stream;
use serde_json::json;

use crate::serve::Listening;

/// A registry with one list of tags, the same for every repository, that breaks as it is told.
///
/// It answers tag lists only, in pages as the client asks for them.
pub struct FaultRegistry {
    listening: Listening,
    shared: Arc<Shared>,
}

/// What a registry does in place of its work.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answers with a status, headers and a body.
    Answer {
        /// The status code.
        status: u16,
        /// Names and values.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// Answers with a page that leads to another, for ever, never to the same.
    EndlessPages,
    /// Answers with a page that leads to itself.
    LoopingPage,
    /// Answers with a page whose `Link` leads to this address.
    LinkTo(String),
    /// Ends the connection in the middle of a page.
    CutOff,
    /// Takes the request and never answers.
    Silence,
}

/// A request as the registry saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryRequest {
    /// `GET`, `HEAD`, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
}

#[derive(Default)]
struct Plan {
    fault: Option<Fault>,
    /// Requests for tag lists that are still answered well before the fault.
    healthy: usize,
    /// Requests that still meet the fault, without end if there is no number.
    broken: Option<usize>,
}

struct Shared {
    tags: Vec<String>,
    plan: Mutex<Plan>,
    requests: Mutex<Vec<RegistryRequest>>,
}

impl Fault {
    /// A status with the error body registries send with it.
    pub fn status(status: u16) -> Self {
        let code = match status {
            401 => "UNAUTHORIZED",
            403 => "DENIED",
            404 => "NAME_UNKNOWN",
            429 => "TOOMANYREQUESTS",
            _ => "UNKNOWN",
        };
        let challenge = (
            "www-authenticate".to_owned(),
            "Basic realm=\"test\"".to_owned(),
        );
        Self::Answer {
            status,
            headers: if status == 401 {
                vec![challenge]
            } else {
                Vec::new()
            },
            body: json!({"errors": [{"code": code, "message": "told to fail"}]}).to_string(),
        }
    }

    /// The answer 429 with a `Retry-After` header: seconds or a date.
    pub fn too_many_requests(retry_after: &str) -> Self {
        let mut fault = Self::status(429);
        if let Self::Answer { headers, .. } = &mut fault {
            headers.push(("retry-after".to_owned(), retry_after.to_owned()));
        }
        fault
    }

    /// The answer 200 with a body that is no JSON.
    pub fn garbage() -> Self {
        Self::Answer {
            status: 200,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: "<html>welcome to the portal</html>".to_owned(),
        }
    }
}

impl FaultRegistry {
    /// Starts a registry that works until it is told otherwise.
    pub fn start<T: AsRef<str>>(tags: &[T]) -> Self {
        let mut tags: Vec<_> = tags.iter().map(|tag| tag.as_ref().to_owned()).collect();
        tags.sort();
        let shared = Arc::new(Shared {
            tags,
            plan: Mutex::default(),
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

    /// Host and port, as they stand in front of an image's name.
    pub fn host(&self) -> String {
        self.listening.address().to_string()
    }

    /// Breaks every listing from now on.
    pub fn fail(&self, fault: Fault) {
        self.plan(fault, 0, None);
    }

    /// Answers a number of requests well, and breaks from then on: a listing that fails at a later page.
    pub fn fail_after(&self, healthy: usize, fault: Fault) {
        self.plan(fault, healthy, None);
    }

    /// Breaks a number of requests, and works again from then on.
    pub fn fail_times(&self, broken: usize, fault: Fault) {
        self.plan(fault, 0, Some(broken));
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<RegistryRequest> {
        self.shared
            .requests
            .lock()
            .expect("no holder panics")
            .clone()
    }

    fn plan(&self, fault: Fault, healthy: usize, broken: Option<usize>) {
        *self.shared.plan.lock().expect("no holder panics") = Plan {
            fault: Some(fault),
            healthy,
            broken,
        };
    }
}

impl Plan {
    fn next(&mut self) -> Option<Fault> {
        if self.healthy > 0 {
            self.healthy -= 1;
            return None;
        }
        if let Some(broken) = &mut self.broken {
            *broken = broken.checked_sub(1)?;
        }
        self.fault.clone()
    }
}

#[derive(serde::Deserialize)]
struct Page {
    n: Option<usize>,
    last: Option<String>,
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    Query(page): Query<Page>,
    request: Request<Body>,
) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let authorization = request.headers().get("authorization");
    let seen = RegistryRequest {
        method: request.method().to_string(),
        path: request.uri().to_string(),
        authorization: authorization
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
    };
    let count = {
        let mut requests = shared.requests.lock().expect("no holder panics");
        requests.push(seen);
        requests.len()
    };
    if path == "/v2/" {
        return reply(200, &[], "{}");
    }
    let Some(repository) = path
        .strip_prefix("/v2/")
        .and_then(|rest| rest.strip_suffix("/tags/list"))
    else {
        return reply(404, &[], "{}");
    };
    let fault = shared.plan.lock().expect("no holder panics").next();
    let body = |tags: &[String]| json!({"name": repository, "tags": tags}).to_string();
    match fault {
        None => {
            let (tags, more) = cut(&shared.tags, &page);
            let next = tags.last().filter(|_| more).map(|last| {
                let size = page.n.unwrap_or_default();
                format!("<{path}?last={last}&n={size}>; rel=\"next\"")
            });
            let links: Vec<_> = next.iter().map(|next| ("link", next.as_str())).collect();
            reply(200, &links, &body(tags))
        }
        Some(Fault::Answer {
            status,
            headers,
            body,
        }) => {
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            reply(status, &headers, &body)
        }
        Some(Fault::EndlessPages) => {
            let link = format!("<{path}?last=page-{count}>; rel=\"next\"");
            reply(200, &[("link", &link)], &body(&[format!("page-{count}")]))
        }
        Some(Fault::LoopingPage) => {
            let link = format!("<{}>; rel=\"next\"", request.uri());
            reply(200, &[("link", &link)], &body(&shared.tags))
        }
        Some(Fault::LinkTo(address)) => {
            let link = format!("<{address}>; rel=\"next\"");
            reply(200, &[("link", &link)], &body(&shared.tags))
        }
        Some(Fault::CutOff) => cut_off(&body(&shared.tags)),
        Some(Fault::Silence) => std::future::pending().await,
    }
}

/// The tags of one page, and whether others follow.
fn cut<'a>(tags: &'a [String], page: &Page) -> (&'a [String], bool) {
    let start = page
        .last
        .as_ref()
        .map_or(0, |last| tags.partition_point(|tag| tag <= last));
    let size = page.n.unwrap_or(usize::MAX).min(tags.len() - start);
    let end = start + size;
    (&tags[start..end], end < tags.len())
}

fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = StatusCode::from_u16(status).expect("tests use valid codes");
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("tests use valid names");
        response.headers_mut().append(
            name,
            HeaderValue::from_str(value).expect("tests use valid values"),
        );
    }
    response
}

/// Promises the whole body, sends half of it and ends the connection.
fn cut_off(body: &str) -> Response<Body> {
    let half = body.as_bytes()[..body.len() / 2].to_vec();
    let chunks = stream::iter([Ok(half), Err(std::io::Error::other("told to cut off"))]);
    let mut response = Response::new(Body::from_stream(chunks));
    response
        .headers_mut()
        .insert("content-length", HeaderValue::from(body.len()));
    response
}
