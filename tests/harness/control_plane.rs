//! A Kubernetes cluster for tests: a real API server with its controllers, and one node that only says what it runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, Once};

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde::Deserialize;
use tempfile::{NamedTempFile, TempDir};

use crate::checkout;
use crate::namespace::Namespace;
use crate::program::{Server, clean, kubectl, real, run, run_with_input};
use crate::serve::wait;

/// The variable that names the kubeconfig of another cluster for [`ControlPlane::shared`].
const VARIABLE: &str = "IMGAUTO_TEST_KUBECONFIG";

/// How many lines of each log are shown when the start fails.
const TAIL: usize = 30;

/// How long a token lives, in seconds: longer than any test.
const TOKEN_LIFE: i64 = 6 * 60 * 60;

/// A cluster, as its administrator sees it.
pub struct ControlPlane {
    kubeconfig: PathBuf,
    client: Client,
    manifests: Once,
    process: Option<Process>,
}

/// The program of our own cluster.
struct Process {
    server: Mutex<Server>,
    folder: TempDir,
}

/// A file with the address of a cluster and the credentials of one of its users; it goes with this.
pub struct Credentials {
    file: NamedTempFile,
}

/// A write that the API server answered, as its audit log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// The plural in lower case, such as `imagepolicies`.
    pub resource: String,
    /// `status` and the like, empty for the object itself.
    pub subresource: String,
    /// Empty for what is in no namespace.
    pub namespace: String,
    /// Empty if it is a creation that was refused.
    pub name: String,
    /// Who it was, such as `system:serviceaccount:flux-system:reconciler`.
    pub user: String,
    /// What the program calls itself.
    pub user_agent: String,
    /// The HTTP status of the answer.
    pub code: u16,
}

impl ControlPlane {
    /// The cluster that all tests of a program share, each in namespaces of its own.
    ///
    /// It starts when the first test asks for it. `IMGAUTO_TEST_KUBECONFIG` names the kubeconfig of another cluster to
    /// take instead.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<ControlPlane> =
            LazyLock::new(|| match std::env::var_os(VARIABLE) {
                Some(path) => ControlPlane::new(PathBuf::from(path), None),
                None => ControlPlane::private(),
            });
        &SHARED
    }

    /// A cluster for one test: to count all writes, to be restarted, or to be watched as a whole.
    pub fn private() -> Self {
        Self::launch(&[])
    }

    /// A cluster without controllers, scheduler and node: what is written stays as it is. Not to be restarted.
    pub fn at_rest() -> Self {
        Self::launch(&["--at-rest"])
    }

    fn launch(flags: &[&str]) -> Self {
        let folder = TempDir::with_prefix("imgauto-control-plane-")
            .expect("the temporary folder is writable");
        let server = Mutex::new(start(folder.path(), flags));
        let kubeconfig = folder.path().join("admin.kubeconfig");
        Self::new(kubeconfig, Some(Process { server, folder }))
    }

    fn new(kubeconfig: PathBuf, process: Option<Process>) -> Self {
        let client = connect(&kubeconfig);
        Self {
            kubeconfig,
            client,
            manifests: Once::new(),
            process,
        }
    }

    /// The kubeconfig of an administrator.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A client of an administrator, which works in every runtime.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Makes a namespace whose name begins with `prefix` and no other test has.
    pub fn namespace(&self, prefix: &str) -> Namespace<'_> {
        Namespace::create(self, prefix)
    }

    /// Whether this is another cluster than ours, from which namespaces have to be cleaned up.
    pub(crate) fn is_foreign(&self) -> bool {
        self.process.is_none()
    }

    /// Applies `manifests/` without its Deployments, once for all tests: the programs under test run as processes.
    ///
    /// # Panics
    ///
    /// If the API server refuses one of them.
    pub fn install_manifests(&self) {
        self.manifests.call_once(|| {
            let home = TempDir::new().expect("the temporary folder is writable");
            let rendered = run(kubectl(home.path())
                .arg("kustomize")
                .arg(checkout().join("manifests")));
            let documents = rendered.split("\n---\n");
            let kept = documents
                .filter(|document| !document.lines().any(|line| line == "kind: Deployment"));
            let kept = kept.collect::<Vec<_>>().join("\n---\n");
            let kubectl = || {
                let mut command = kubectl(home.path());
                command.env("KUBECONFIG", &self.kubeconfig);
                command
            };
            let apply = [
                "apply",
                "--server-side",
                "--force-conflicts",
                "--filename=-",
            ];
            run_with_input(kubectl().args(apply), &kept);
            let established = ["wait", "--for=condition=Established", "crd", "--all"];
            run(kubectl().args(established));
        });
    }

    /// A kubeconfig with a token of a ServiceAccount, which has the rights of its bindings and no others.
    pub fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Credentials {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
        let request = TokenRequest {
            spec: TokenRequestSpec {
                expiration_seconds: Some(TOKEN_LIFE),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let account = name.to_owned();
        let answer = wait(async move {
            let parameters = PostParams::default();
            accounts
                .create_token_request(&account, &parameters, &request)
                .await
        });
        let answer =
            answer.unwrap_or_else(|error| panic!("no token of {namespace}/{name}: {error}"));
        let token = answer.status.expect("the answer has a token").token;
        self.credentials(AuthInfo {
            token: Some(token.into()),
            ..AuthInfo::default()
        })
    }

    fn credentials(&self, user: AuthInfo) -> Credentials {
        let mut kubeconfig = read(&self.kubeconfig);
        for entry in &mut kubeconfig.auth_infos {
            entry.auth_info = Some(user.clone());
        }
        Credentials::write(&kubeconfig)
    }

    /// The administrator's kubeconfig, with another namespace where none is named.
    pub(crate) fn kubeconfig_in(&self, namespace: &str) -> Credentials {
        let mut kubeconfig = read(&self.kubeconfig);
        for context in kubeconfig
            .contexts
            .iter_mut()
            .filter_map(|named| named.context.as_mut())
        {
            context.namespace = Some(namespace.to_owned());
        }
        Credentials::write(&kubeconfig)
    }

    /// The writes so far for which `filter` holds, of whatever outcome, without dry runs.
    ///
    /// A write is among them once its client has the answer.
    ///
    /// # Panics
    ///
    /// If this is the cluster of `IMGAUTO_TEST_KUBECONFIG`, whose log is out of reach; a test that counts takes
    /// [`Self::private`].
    pub fn audit_writes(&self, filter: impl Fn(&Write) -> bool) -> Vec<Write> {
        let log = std::fs::read_to_string(self.own().folder.path().join("audit.log"))
            .expect("the API server writes its audit log");
        let lines = log.lines().map(|line| {
            serde_json::from_str::<AuditEvent>(line).expect("the audit log holds an object a line")
        });
        let writes = lines.filter_map(AuditEvent::into_write);
        writes.filter(filter).collect()
    }

    /// What webhooks and the API server have noted about writes in a namespace, in order: the annotations of the audit
    /// log.
    ///
    /// # Panics
    ///
    /// As [`Self::audit_writes`].
    pub fn audit_annotations(&self, namespace: &str) -> Vec<BTreeMap<String, String>> {
        let log = std::fs::read_to_string(self.own().folder.path().join("audit.log"))
            .expect("the API server writes its audit log");
        let events = log.lines().map(|line| {
            serde_json::from_str::<AuditEvent>(line).expect("the audit log holds an object a line")
        });
        let here = events.filter(|event| {
            let object = event.object_ref.as_ref();
            object.is_some_and(|object| object.namespace == namespace)
        });
        here.map(|event| event.annotations).collect()
    }

    /// Kills the API server with all around it, and waits until it is back at the same address with the same objects.
    ///
    /// For a private cluster only: other tests would not take it well.
    ///
    /// # Panics
    ///
    /// If this is the cluster of `IMGAUTO_TEST_KUBECONFIG`.
    pub fn restart(&self) {
        self.kill();
        self.start_again();
    }

    /// Kills the API server with all around it, until [`Self::start_again`].
    ///
    /// # Panics
    ///
    /// If this is the cluster of `IMGAUTO_TEST_KUBECONFIG`.
    pub fn kill(&self) {
        self.own().server.lock().expect("no holder panics").kill();
    }

    /// Starts what [`Self::kill`] ended.
    ///
    /// # Panics
    ///
    /// If this is the cluster of `IMGAUTO_TEST_KUBECONFIG`.
    pub fn start_again(&self) {
        let process = self.own();
        let started = start(process.folder.path(), &[]);
        *process.server.lock().expect("no holder panics") = started;
    }

    fn own(&self) -> &Process {
        let process = self.process.as_ref();
        process.expect("this needs a cluster of our own, whose process and files are at hand")
    }
}

impl Credentials {
    /// The path of the kubeconfig.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// A client of this user.
    pub fn client(&self) -> Client {
        connect(self.path())
    }

    /// A kubeconfig of nobody for a server at a URL.
    pub(crate) fn of_server(url: &str) -> Self {
        let kubeconfig = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{ "name": "it", "cluster": { "server": url } }],
            "users": [{ "name": "it", "user": {} }],
            "contexts": [{ "name": "it", "context": { "cluster": "it", "user": "it" } }],
        });
        Self::write(&serde_json::from_value(kubeconfig).expect("this is a kubeconfig"))
    }

    /// JSON is YAML, which is what a kubeconfig is.
    fn write(kubeconfig: &Kubeconfig) -> Self {
        let file = NamedTempFile::with_prefix("imgauto-kubeconfig-")
            .expect("the temporary folder is writable");
        serde_json::to_writer(&file, kubeconfig).expect("the file is writable");
        Self { file }
    }
}

fn start(folder: &Path, flags: &[&str]) -> Server {
    let mut command = Command::new(real("control-plane"));
    clean(&mut command, folder);
    let mut server = Server::start(command.arg("--dir").arg(folder).args(flags));
    let ready = server.find(|line| (line == "ready").then_some(()));
    if let Err(why) = ready {
        let logs = ["components.log", "etcd.log", "node.log"].map(|name| {
            let log = std::fs::read_to_string(folder.join(name)).unwrap_or_default();
            format!("== {name}\n{}", tail(&log))
        });
        let output = tail(&server.log().join("\n"));
        panic!("no control plane: {why}\n{output}\n{}", logs.join("\n"));
    }
    server
}

fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

fn read(path: &Path) -> Kubeconfig {
    Kubeconfig::read_from(path).unwrap_or_else(|error| panic!("no kubeconfig: {error}"))
}

/// The client's work is done on the harness's runtime, which lives as long as the tests.
fn connect(path: &Path) -> Client {
    let kubeconfig = read(path);
    wait(async move {
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let config = config.expect("the kubeconfig is sound");
        Client::try_from(config).expect("the kubeconfig is sound")
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuditEvent {
    #[serde(rename = "requestURI")]
    request_uri: String,
    verb: String,
    user: AuditUser,
    #[serde(default)]
    user_agent: String,
    object_ref: Option<ObjectReference>,
    response_status: Option<ResponseStatus>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct AuditUser {
    #[serde(default)]
    username: String,
}

#[derive(Deserialize)]
struct ObjectReference {
    #[serde(default)]
    resource: String,
    #[serde(default)]
    subresource: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct ResponseStatus {
    #[serde(default)]
    code: u16,
}

impl AuditEvent {
    fn into_write(self) -> Option<Write> {
        let object = self
            .object_ref
            .filter(|_| !self.request_uri.contains("dryRun="))?;
        Some(Write {
            verb: self.verb,
            resource: object.resource,
            subresource: object.subresource,
            namespace: object.namespace,
            name: object.name,
            user: self.user.username,
            user_agent: self.user_agent,
            code: self.response_status.map_or(0, |status| status.code),
        })
    }
}
