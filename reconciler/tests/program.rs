//! The built program against an API server in this process: how it starts, what it serves, how it ends.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{Method, StatusCode, Uri};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// How long anything may take that takes no time.
const PATIENCE: Duration = Duration::from_secs(30);

/// An API server that has the image kinds, no object, and one lease.
#[derive(Clone, Default)]
struct ApiServer(Arc<Mutex<Stored>>);

#[derive(Default)]
struct Stored {
    lease: Option<Value>,
    version: u64,
    /// Whether writes of the lease are taken and never answered.
    is_silent: bool,
}

impl ApiServer {
    fn start(&self, listener: TcpListener) {
        let server = self.clone();
        let answer = move |method: Method, uri: Uri, body: Bytes| {
            let server = server.clone();
            async move { server.answer(&method, &uri, &body).await }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    }

    async fn answer(&self, method: &Method, uri: &Uri, body: &Bytes) -> (StatusCode, String) {
        if uri
            .query()
            .is_some_and(|query| query.contains("watch=true"))
        {
            return std::future::pending().await;
        }
        if !uri.path().contains("/leases") {
            let list = json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []});
            return (StatusCode::OK, list.to_string());
        }
        if method != Method::GET && self.0.lock().unwrap().is_silent {
            return std::future::pending().await;
        }
        let mut stored = self.0.lock().unwrap();
        if method != Method::GET {
            let mut lease: Value = serde_json::from_slice(body).unwrap();
            stored.version += 1;
            lease["metadata"]["resourceVersion"] = json!(stored.version.to_string());
            stored.lease = Some(lease);
        }
        match &stored.lease {
            Some(lease) => (StatusCode::OK, lease.to_string()),
            None => {
                let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "metadata": {},
                    "message": "no lease", "reason": "NotFound", "code": 404});
                (StatusCode::NOT_FOUND, status.to_string())
            }
        }
    }

    fn holder(&self) -> String {
        let stored = self.0.lock().unwrap();
        let lease = stored.lease.as_ref().unwrap();
        lease["spec"]["holderIdentity"].as_str().unwrap().to_owned()
    }
}

/// The program under way.
struct Program {
    child: Child,
    lines: Receiver<Value>,
    _directory: TempDir,
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended in most tests.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    fn start(server: &str, args: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let kubeconfig = kubeconfig(directory.path(), server);
        let mut child = Command::new(env!("CARGO_BIN_EXE_imgauto-reconciler"))
            .args(["--health-addr=127.0.0.1:0", "--metrics-addr=127.0.0.1:0"])
            .arg(format!("--storage-path={}", directory.path().display()))
            .args(args)
            .env("KUBECONFIG", kubeconfig)
            .env("RUNTIME_NAMESPACE", "here")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in errors.lines() {
                let line = line.unwrap();
                assert!(!line.contains("planted-secret"), "{line}");
                let line = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            lines,
            _directory: directory,
        }
    }

    /// Waits for a message in the log.
    #[track_caller]
    fn wait_for(&self, message: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("the program never said: {message}"));
            for key in ["level", "ts", "msg"] {
                assert!(line[key].is_string(), "{line}");
            }
            if line["msg"] == message {
                return line;
            }
        }
    }

    /// Where it serves what a flag says.
    #[track_caller]
    fn address(&self, flag: &str) -> String {
        loop {
            let line = self.wait_for("listening");
            if line["flag"] == flag {
                return format!("http://{}", line["address"].as_str().unwrap());
            }
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
    }

    fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

fn kubeconfig(directory: &Path, server: &str) -> std::path::PathBuf {
    let file = directory.join("kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         clusters: [{{name: c, cluster: {{server: \"{server}\"}}}}]\n\
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
         users: [{{name: u, user: {{token: planted-secret}}}}]\n"
    );
    std::fs::write(&file, text).unwrap();
    file
}

async fn listener() -> (TcpListener, String) {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// Asks until the answer has this status.
async fn wait_for_status(url: &str, status: u16) -> String {
    let asking = async {
        loop {
            let answer = reqwest::get(url).await.unwrap();
            if answer.status() == status {
                return answer.text().await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let answer = tokio::time::timeout(PATIENCE, asking).await;
    answer.unwrap_or_else(|_| panic!("{url} never answered {status}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn it_becomes_ready_counts_and_ends_in_order() {
    let (listener, url) = listener().await;
    let server = ApiServer::default();
    server.start(listener);
    let mut program = Program::start(&url, &["--enable-leader-election", "--gc-interval=10"]);
    let idle = program.wait_for("accepted without effect");
    assert_eq!(idle["flag"], "--gc-interval");
    let health = program.address("--health-addr");
    let metrics = program.address("--metrics-addr");
    program.wait_for("the lease is ours");
    assert_eq!(
        wait_for_status(&format!("{health}/readyz"), 200).await,
        "ok"
    );
    let text = wait_for_status(&format!("{metrics}/metrics"), 200).await;
    let leading = r#"leader_election_master_status{name="imgauto-reconciler-leader-election"} 1"#;
    assert!(text.contains(leading), "{text}");
    assert!(!server.holder().is_empty());
    program.signal("-TERM");
    program.wait_for("ended");
    assert!(program.wait().success());
    assert_eq!(server.holder(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let (listener, url) = listener().await;
    let server = ApiServer::default();
    server.start(listener);
    // It would wait as long as this for its lease to be given away.
    let args = [
        "--enable-leader-election",
        "--leader-election-lease-duration=2h",
        "--leader-election-renew-deadline=90m",
        "--leader-election-retry-period=1h",
    ];
    let mut program = Program::start(&url, &args);
    program.wait_for("the lease is ours");
    server.0.lock().unwrap().is_silent = true;
    program.signal("-INT");
    program.wait_for("ending");
    program.signal("-TERM");
    let line = program.wait_for("cannot go on");
    assert_eq!(line["error"], "ended at once by a second SIGTERM");
    assert_eq!(program.wait().code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_not_there_yet_is_waited_for() {
    let (reserved, url) = listener().await;
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let program = Program::start(&url, &[]);
    let health = program.address("--health-addr");
    let line = program.wait_for("cannot work yet");
    assert!(
        line["error"].as_str().unwrap().contains("refused"),
        "{line}"
    );
    wait_for_status(&format!("{health}/readyz"), 503).await;
    let listener = TcpListener::bind(address).await.unwrap();
    ApiServer::default().start(listener);
    assert_eq!(
        wait_for_status(&format!("{health}/readyz"), 200).await,
        "ok"
    );
}

#[test]
fn a_wrong_configuration_ends_it() {
    let mut program = Program::start("http://[broken", &[]);
    let line = program.wait_for("cannot go on");
    let error = line["error"].as_str().unwrap();
    assert!(error.starts_with("kubeconfig cannot be used: "), "{error}");
    assert_eq!(program.wait().code(), Some(1));
}
