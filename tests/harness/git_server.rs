//! Git over HTTP: `git http-backend` behind a server with the faults and locks of real forges.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use futures::{StreamExt as _, stream};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::process::{ChildStdin, Command};

use crate::git::{ENVIRONMENT, Forge};
use crate::serve::Listening;
use crate::tls::Tls;

/// A Git server on loopback.
pub struct GitServer {
    listening: Listening,
    scheme: &'static str,
    shared: Arc<Shared>,
}

/// How a Git server is set up; the default lets everybody in over plain HTTP.
#[derive(Default)]
pub struct GitServerOptions<'a> {
    /// Who may come in.
    pub auth: GitAuth,
    /// TLS, if the server speaks it.
    pub tls: Option<Tls<'a>>,
}

/// What a Git server asks from its clients.
#[derive(Clone, Debug, Default)]
pub enum GitAuth {
    /// Nothing.
    #[default]
    Anonymous,
    /// This user name and password.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: String,
    },
    /// This token, as a bearer.
    Bearer(String),
}

/// A moment of a push at which a test may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushMoment {
    /// The client asks where the branches are.
    Advertising,
    /// The client sends its pack, built on what it was told.
    Receiving,
}

/// What a server does instead of its work.
#[derive(Clone, Debug)]
pub enum GitFault {
    /// Answers every request with a status and a text.
    Status(u16, String),
    /// Takes requests and never answers.
    Silence,
}

/// A request as the server saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitRequest {
    /// `GET` or `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
}

type PushCallback = Arc<dyn Fn(PushMoment, &Path) + Send + Sync>;

struct Shared {
    root: PathBuf,
    auth: GitAuth,
    /// The repositories that ask for something else, by their paths.
    locks: Mutex<BTreeMap<String, GitAuth>>,
    fault: Mutex<Option<GitFault>>,
    on_push: Mutex<Option<PushCallback>>,
    requests: Mutex<Vec<GitRequest>>,
}

impl GitServer {
    /// Serves the repositories of a forge.
    pub fn start(forge: &Forge, options: GitServerOptions<'_>) -> Self {
        let shared = Arc::new(Shared {
            root: forge.root().to_path_buf(),
            auth: options.auth,
            locks: Mutex::default(),
            fault: Mutex::default(),
            on_push: Mutex::default(),
            requests: Mutex::default(),
        });
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        let tls = options.tls.as_ref().map(Tls::config);
        let scheme = if tls.is_some() { "https" } else { "http" };
        Self {
            listening: Listening::http(router, tls),
            scheme,
            shared,
        }
    }

    /// The address of a repository of the forge, without credentials.
    pub fn url(&self, repository: &str) -> String {
        format!(
            "{}://{}/{repository}",
            self.scheme,
            self.listening.address()
        )
    }

    /// Asks for something else at one repository from now on.
    pub fn lock(&self, repository: &str, auth: GitAuth) {
        let mut locks = self.shared.locks.lock().expect("no holder panics");
        locks.insert(repository.to_owned(), auth);
    }

    /// Calls `act` with the repository's folder at both moments of every push, and waits for it.
    pub fn on_push(&self, act: impl Fn(PushMoment, &Path) + Send + Sync + 'static) {
        *self.shared.on_push.lock().expect("no holder panics") = Some(Arc::new(act));
    }

    /// Fails all requests from now on, or none.
    pub fn fail(&self, fault: Option<GitFault>) {
        *self.shared.fault.lock().expect("no holder panics") = fault;
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<GitRequest> {
        self.shared
            .requests
            .lock()
            .expect("no holder panics")
            .clone()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    let authorization = text(request.headers(), header::AUTHORIZATION);
    shared
        .requests
        .lock()
        .expect("no holder panics")
        .push(GitRequest {
            method: request.method().to_string(),
            path: request.uri().to_string(),
            authorization: authorization.clone(),
        });
    let fault = shared.fault.lock().expect("no holder panics").clone();
    match fault {
        Some(GitFault::Status(code, body)) => {
            return (
                StatusCode::from_u16(code).expect("tests use valid codes"),
                body,
            )
                .into_response();
        }
        Some(GitFault::Silence) => return std::future::pending().await,
        None => {}
    }
    let auth = shared.auth_of(request.uri().path());
    if let Some(challenge) = auth.challenge(authorization.as_deref()) {
        let headers = [(header::WWW_AUTHENTICATE, challenge)];
        return (StatusCode::UNAUTHORIZED, headers).into_response();
    }
    if let Some(moment) = push_moment(request.uri()) {
        let on_push = shared.on_push.lock().expect("no holder panics").clone();
        if let Some(act) = on_push {
            let path = request.uri().path().trim_start_matches('/');
            let path = path
                .trim_end_matches("/info/refs")
                .trim_end_matches("/git-receive-pack");
            let repository = shared.root.join(path);
            let acted = tokio::task::spawn_blocking(move || act(moment, &repository)).await;
            acted.expect("what a test does on a push works");
        }
    }
    backend(&shared.root, request).await
}

impl Shared {
    fn auth_of(&self, path: &str) -> GitAuth {
        let path = path.trim_start_matches('/');
        let locks = self.locks.lock().expect("no holder panics");
        let lock = locks.iter().find(|(repository, _)| {
            let below = path.strip_prefix(repository.as_str());
            below.is_some_and(|below| below.starts_with('/'))
        });
        lock.map_or(&self.auth, |(_, auth)| auth).clone()
    }
}

impl GitAuth {
    /// The challenge for a client that did not show what is asked for.
    fn challenge(&self, authorization: Option<&str>) -> Option<&'static str> {
        let (wanted, challenge) = match self {
            Self::Anonymous => return None,
            Self::Basic { username, password } => {
                let pair =
                    base64::prelude::BASE64_STANDARD.encode(format!("{username}:{password}"));
                (format!("Basic {pair}"), "Basic realm=\"git\"")
            }
            Self::Bearer(token) => (format!("Bearer {token}"), "Bearer realm=\"git\""),
        };
        (authorization != Some(&wanted)).then_some(challenge)
    }
}

fn push_moment(uri: &axum::http::Uri) -> Option<PushMoment> {
    if uri.path().ends_with("/git-receive-pack") {
        return Some(PushMoment::Receiving);
    }
    let asks = uri.query().is_some_and(|query| {
        query
            .split('&')
            .any(|pair| pair == "service=git-receive-pack")
    });
    asks.then_some(PushMoment::Advertising)
}

/// Runs `git http-backend` as a CGI program for one request.
async fn backend(root: &Path, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let mut command = Command::new("git");
    command.arg("http-backend").env_clear().envs(ENVIRONMENT);
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("REQUEST_METHOD", parts.method.as_str());
    command.env("PATH_INFO", parts.uri.path());
    command.env("QUERY_STRING", parts.uri.query().unwrap_or_default());
    command
        .env("REMOTE_USER", "test")
        .env("REMOTE_ADDR", "127.0.0.1");
    for (name, variable) in [
        ("content-type", "CONTENT_TYPE"),
        ("content-length", "CONTENT_LENGTH"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "HTTP_GIT_PROTOCOL"),
    ] {
        command.envs(
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(|value| (variable, value)),
        );
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command
        .kill_on_drop(true)
        .spawn()
        .expect("git runs: the forge was made by it");
    let stdin = child.stdin.take().expect("stdin is piped");
    tokio::spawn(feed(stdin, body));
    let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
    let mut response = read_head(&mut stdout).await;
    // The child lives in the stream, so that it ends when the client goes away.
    let chunks = stream::unfold((stdout, child), |(mut stdout, child)| async {
        let mut chunk = vec![0; 64 << 10];
        let length = stdout.read(&mut chunk).await;
        chunk.truncate(*length.as_ref().unwrap_or(&0));
        (!matches!(length, Ok(0))).then_some((length.map(|_| chunk), (stdout, child)))
    });
    *response.body_mut() = Body::from_stream(chunks);
    response
}

async fn feed(mut stdin: ChildStdin, body: Body) {
    let mut chunks = body.into_data_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        // git may have ended early, and says so in its answer.
        if stdin.write_all(&chunk).await.is_err() {
            return;
        }
    }
}

/// Reads the header of a CGI answer.
async fn read_head(stdout: &mut BufReader<impl AsyncRead + Unpin>) -> Response {
    let mut response = Response::new(Body::empty());
    loop {
        let mut line = String::new();
        let length = stdout
            .read_line(&mut line)
            .await
            .expect("a CGI program writes a text header");
        let line = line.trim_end();
        if length == 0 || line.is_empty() {
            return response;
        }
        let (name, value) = line.split_once(':').expect("a header has a colon");
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().and_then(|code| code.parse().ok());
            *response.status_mut() = code.expect("a CGI status starts with its code");
            continue;
        }
        let name =
            header::HeaderName::from_bytes(name.as_bytes()).expect("git writes valid headers");
        let value = header::HeaderValue::from_str(value).expect("git writes valid headers");
        response.headers_mut().insert(name, value);
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}
