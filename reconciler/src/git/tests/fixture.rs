//! A directory with bare repositories, and a server that lets `git http-backend` serve them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri, header};
use engine::branch::{CheckoutRef, Gates, Plan, plan};
use jiff::tz::Offset;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::runtime::Runtime;

use super::super::*;

/// Looks at a request before it is served and may answer it itself.
type Before = Box<dyn FnMut(&Method, &Uri) -> Option<Response<Body>> + Send>;

pub(crate) struct Fixture {
    pub(crate) dir: TempDir,
    pub(crate) runtime: Runtime,
    state: Arc<Shared>,
    port: u16,
}

struct Shared {
    root: PathBuf,
    authorization: Mutex<Option<String>>,
    before: Mutex<Option<Before>>,
    requests: Mutex<Vec<String>>,
    headers: Mutex<HeaderMap>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let dir = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let state = Arc::new(Shared {
            root: dir.path().to_owned(),
            authorization: Mutex::new(None),
            before: Mutex::new(None),
            requests: Mutex::new(Vec::new()),
            headers: Mutex::new(HeaderMap::new()),
        });
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new()
            .fallback(serve)
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(Arc::clone(&state));
        runtime.spawn(async { axum::serve(listener, router).await });
        Self {
            dir,
            runtime,
            state,
            port,
        }
    }

    /// A fixture with the bare repository `a.git`, one commit on `main`.
    pub(crate) fn with_repository() -> Self {
        let fixture = Self::new();
        let work = fixture.path("work");
        git(
            fixture.dir.path(),
            &["init", "-q", "-b", "main", work.to_str().unwrap()],
        );
        std::fs::create_dir_all(work.join("clusters/a")).unwrap();
        std::fs::write(work.join("clusters/a/deploy.yaml"), "image: app:1\n").unwrap();
        std::fs::write(work.join("clusters/run.sh"), "#!/bin/sh\n").unwrap();
        std::fs::write(work.join("README"), "hello\n").unwrap();
        std::os::unix::fs::symlink("deploy.yaml", work.join("clusters/a/link")).unwrap();
        git(&work, &["add", "-A"]);
        git(&work, &["update-index", "--chmod=+x", "clusters/run.sh"]);
        let module = "160000,1111111111111111111111111111111111111111,clusters/module";
        git(&work, &["update-index", "--add", "--cacheinfo", module]);
        git(&work, &["commit", "-q", "-m", "first"]);
        let bare = fixture.path("a.git");
        git(
            fixture.dir.path(),
            &["clone", "-q", "--bare", "work", bare.to_str().unwrap()],
        );
        git(&bare, &["config", "http.receivepack", "true"]);
        fixture
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn bare(&self) -> PathBuf {
        self.path("a.git")
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.port)
    }

    pub(crate) fn remote(&self) -> Remote {
        self.remote_at(&self.url("a.git"))
    }

    pub(crate) fn remote_at(&self, url: &str) -> Remote {
        let mut settings = Settings::local(url, None).unwrap();
        settings.timeout = Duration::from_secs(20);
        Remote::new(settings, self.runtime.handle().clone()).unwrap()
    }

    pub(crate) fn remote_with(&self, secret: &[(&str, &str)]) -> Remote {
        let data = secret
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
            .collect();
        let settings = Settings::from_secret(&self.url("a.git"), Some(&data)).unwrap();
        Remote::new(settings, self.runtime.handle().clone()).unwrap()
    }

    pub(crate) fn mirror(&self) -> Mirror {
        Mirror::open(&self.path("mirror")).unwrap()
    }

    /// Lets only requests with this header value through.
    pub(crate) fn require(&self, authorization: &str) {
        *self.state.authorization.lock().unwrap() = Some(authorization.to_owned());
    }

    pub(crate) fn before(
        &self,
        look: impl FnMut(&Method, &Uri) -> Option<Response<Body>> + Send + 'static,
    ) {
        *self.state.before.lock().unwrap() = Some(Box::new(look));
    }

    /// Takes the list of requests served since the last call, such as `POST /a.git/git-upload-pack`.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state.requests.lock().unwrap())
    }

    /// A header of the last request.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let headers = self.state.headers.lock().unwrap();
        headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    }

    /// Somebody else commits to a branch of `a.git`, which must exist.
    pub(crate) fn somebody_commits(&self, branch: &str, file: &str) -> String {
        somebody_commits(&self.bare(), branch, file)
    }

    /// Returns what a hook shall print before it refuses.
    pub(crate) fn refusing_hook(&self, hook: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.bare().join("hooks").join(hook);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\necho '{text}' >&2\nexit 1\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The subjects of a branch's commits, newest first.
    pub(crate) fn subjects(&self, branch: &str) -> Vec<String> {
        let log = git(&self.bare(), &["log", "--format=%s", branch]);
        log.lines().map(str::to_owned).collect()
    }

    pub(crate) fn fsck(&self) {
        git(&self.bare(), &["fsck", "--strict", "--full"]);
    }
}

pub(crate) fn somebody_commits(bare: &Path, branch: &str, file: &str) -> String {
    let blob = git_with_input(bare, &["hash-object", "-w", "--stdin"], "theirs\n");
    let entries = git(bare, &["ls-tree", branch]);
    let entries = format!("{entries}\n100644 blob {blob}\t{file}\n");
    let tree = git_with_input(bare, &["mktree"], &entries);
    let parent = git(bare, &["rev-parse", branch]);
    let commit = git(bare, &["commit-tree", &tree, "-p", &parent, "-m", file]);
    git(
        bare,
        &["update-ref", &format!("refs/heads/{branch}"), &commit],
    );
    commit
}

pub(crate) fn git(directory: &Path, arguments: &[&str]) -> String {
    git_with_input(directory, arguments, "")
}

pub(crate) fn git_with_input(directory: &Path, arguments: &[&str], input: &str) -> String {
    use std::io::Write as _;
    let mut child = Command::new("git")
        .args(arguments)
        .current_dir(directory)
        .envs(environment())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn environment() -> [(&'static str, &'static str); 7] {
    [
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "Somebody"),
        ("GIT_AUTHOR_EMAIL", "somebody@example.com"),
        ("GIT_COMMITTER_NAME", "Somebody"),
        ("GIT_COMMITTER_EMAIL", "somebody@example.com"),
        ("GIT_TERMINAL_PROMPT", "0"),
    ]
}

async fn serve(
    State(state): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let shown = format!("{method} {}", uri.path());
    state.requests.lock().unwrap().push(shown);
    *state.headers.lock().unwrap() = headers.clone();
    let given = headers
        .get(header::AUTHORIZATION)
        .map(|value| value.to_str().unwrap().to_owned());
    let required = state.authorization.lock().unwrap().clone();
    if required.is_some() && required != given {
        return answer(StatusCode::UNAUTHORIZED, "text/plain", "");
    }
    if let Some(before) = state.before.lock().unwrap().as_mut()
        && let Some(answer) = before(&method, &uri)
    {
        return answer;
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .map_or("", |value| value.to_str().unwrap());
    let mut child = tokio::process::Command::new("git")
        .arg("http-backend")
        .envs(environment())
        .env("GIT_PROJECT_ROOT", &state.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method.as_str())
        .env("PATH_INFO", uri.path())
        .env("QUERY_STRING", uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", content_type)
        .env("CONTENT_LENGTH", body.len().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feed = tokio::spawn(async move {
        // A backend that refuses does not read everything.
        let _ = stdin.write_all(&body).await;
    });
    let output = child.wait_with_output().await.unwrap().stdout;
    feed.await.unwrap();
    let split = output
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let mut response = Response::builder();
    for line in std::str::from_utf8(&output[..split]).unwrap().lines() {
        let (name, value) = line.split_once(": ").unwrap();
        response = match name {
            "Status" => response.status(&value[..3]),
            _ => response.header(name, value),
        };
    }
    response
        .body(Body::from(output[split + 4..].to_vec()))
        .unwrap()
}

pub(crate) fn answer(status: StatusCode, content_type: &str, body: &str) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, content_type)
        .body(Body::from(body.to_owned()))
        .unwrap()
}

pub(crate) fn branch(name: &str) -> CheckoutRef {
    CheckoutRef {
        branch: Some(name.to_owned()),
        ..CheckoutRef::default()
    }
}

pub(crate) fn on_main() -> Plan {
    plan(Some(&branch("main")), None, Gates::default()).unwrap()
}

/// Chooses the last tag by name; what a range means is tested elsewhere.
pub(crate) fn last_tag(_: &str, tags: &[&str]) -> Result<Vec<String>, BoxError> {
    Ok(tags
        .last()
        .map(|tag| (*tag).to_owned())
        .into_iter()
        .collect())
}

pub(crate) fn author() -> Author {
    Author {
        name: "fluxcdbot".to_owned(),
        email: "fluxcdbot@users.noreply.github.com".to_owned(),
        time: "2026-11-25T08:00:00Z".parse().unwrap(),
        zone: Offset::UTC,
    }
}

/// Makes a commit that sets the image of `clusters/a/deploy.yaml`.
pub(crate) fn set_image(repository: &Repository, parent: Oid, tag: &str) -> Oid {
    let edits = [Edit {
        path: "clusters/a/deploy.yaml".to_owned(),
        content: format!("image: app:{tag}\n").into_bytes(),
    }];
    repository
        .commit(&NewCommit {
            parent,
            edits: &edits,
            author: &author(),
            message: &format!("image {tag}"),
            signer: None,
        })
        .unwrap()
}
