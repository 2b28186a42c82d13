//! How the plugin gets to a cluster: the flags, credentials and proxies that kubectl takes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use harness::program::{kubectl_imgauto, run};
use harness::{ControlPlane, HttpProxy, Namespace};
use serde_json::{Value, json};

use crate::stage::Answer;

/// What is asked in all ways.
const GET: [&str; 4] = ["get", "policy", "--no-headers", "-oname"];

/// A policy, so that there is something to see.
const POLICY: &str = r#"{"apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImagePolicy", "metadata": {"name": "web"},
"spec": {"imageRepositoryRef": {"name": "web"}, "policy": {"semver": {"range": "*"}}}}"#;

/// A namespace with a policy and a ServiceAccount that may see it.
struct Ground<'a> {
    namespace: Namespace<'a>,
    /// The token of the ServiceAccount.
    token: String,
    /// The cluster of the administrator's kubeconfig.
    cluster: Value,
}

impl<'a> Ground<'a> {
    fn new(plane: &'a ControlPlane, prefix: &str) -> Self {
        plane.install_manifests();
        let namespace = plane.namespace(prefix);
        namespace.apply(POLICY);
        let rules = json!([{
            "apiGroups": ["image.toolkit.fluxcd.io"], "resources": ["imagepolicies"], "verbs": ["get", "list"],
        }]);
        let account = namespace.account("reader", &rules);
        let view = ["config", "view", "--raw", "-ojson"];
        let read = |path: &std::path::Path| -> Value {
            let mut kubectl = namespace.kubectl();
            let text = run(kubectl.args(view).env("KUBECONFIG", path));
            serde_json::from_str(&text).unwrap()
        };
        let token = read(account.path())["users"][0]["user"]["token"].clone();
        let cluster = read(namespace.kubeconfig())["clusters"][0]["cluster"].clone();
        Self {
            token: token.as_str().unwrap().to_owned(),
            cluster,
            namespace,
        }
    }

    /// Writes a kubeconfig for the cluster, as `patch` changes it, and this user.
    fn kubeconfig(&self, name: &str, user: &Value, patch: &Value) -> PathBuf {
        let mut cluster = self.cluster.clone();
        for (field, value) in patch.as_object().into_iter().flatten() {
            cluster[field] = value.clone();
        }
        let text = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it", "namespace": self.namespace.name()}}],
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": "it", "user": user}],
        });
        self.write(name, &text.to_string())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.namespace.home().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Asks with a kubeconfig.
    fn ask(&self, kubeconfig: &std::path::Path, flags: &[&str]) -> Answer {
        let mut command = kubectl_imgauto(self.namespace.home());
        command.env("KUBECONFIG", kubeconfig);
        Answer::of(command.args(GET).args(flags))
    }

    /// Expects the policy.
    fn sees(&self, answer: &Answer) {
        assert_eq!(answer.code, 0, "{}", answer.stderr);
        assert_eq!(answer.stdout, "imagepolicy.image.toolkit.fluxcd.io/web\n");
    }
}

#[test]
fn a_program_of_the_kubeconfig_may_give_the_credentials() {
    let ground = Ground::new(ControlPlane::shared(), "connect-exec");
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
        "status": {"token": ground.token},
    });
    let login = ground.write("login", &format!("#!/bin/sh\necho '{credential}'\n"));
    std::fs::set_permissions(&login, std::fs::Permissions::from_mode(0o755)).unwrap();
    let exec = |command: &str| {
        json!({"exec": {
            "apiVersion": "client.authentication.k8s.io/v1", "command": command, "interactiveMode": "Never",
        }})
    };
    // A path is relative to the kubeconfig.
    let kubeconfig = ground.kubeconfig("exec", &exec("./login"), &Value::Null);
    ground.sees(&ground.ask(&kubeconfig, &[]));

    let absent = ground.kubeconfig("absent", &exec("./no-such-login"), &Value::Null);
    let refused = ground.ask(&absent, &[]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert!(
        refused.stderr.contains("no-such-login"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("next: "), "{}", refused.stderr);
}

#[test]
fn flags_alone_are_enough() {
    let ground = Ground::new(ControlPlane::shared(), "connect-flags");
    let authority = BASE64_STANDARD
        .decode(
            ground.cluster["certificate-authority-data"]
                .as_str()
                .unwrap(),
        )
        .unwrap();
    let authority = ground.write("ca.crt", &String::from_utf8(authority).unwrap());
    let nothing = ground.namespace.home().join("nothing");
    let server = format!("--server={}", ground.cluster["server"].as_str().unwrap());
    let token = format!("--token={}", ground.token);
    let trusted = format!("--certificate-authority={}", authority.display());
    let namespace = format!("--namespace={}", ground.namespace.name());
    let common = [server.as_str(), &token, &namespace];
    let ask = |flags: &[&str]| ground.ask(&nothing, &[&common, flags].concat());
    ground.sees(&ask(&[&trusted]));
    ground.sees(&ask(&["--insecure-skip-tls-verify"]));
    ground.sees(&ask(&[
        &trusted,
        "--tls-server-name=kubernetes.default.svc",
    ]));

    let untrusted = ask(&[]);
    assert_eq!(untrusted.code, 1, "{}", untrusted.stdout);
    assert!(
        untrusted.stderr.contains("no answer from the API server"),
        "{}",
        untrusted.stderr
    );
    assert!(
        !untrusted.stderr.contains(&ground.token),
        "{}",
        untrusted.stderr
    );
}

#[test]
fn whoever_is_impersonated_has_their_own_rights() {
    let ground = Ground::new(ControlPlane::shared(), "connect-as");
    let namespace = ground.namespace.name();
    let reader = format!("--as=system:serviceaccount:{namespace}:reader");
    let kubeconfig = ground.namespace.kubeconfig();
    ground.sees(&ground.ask(kubeconfig, &[&reader]));
    ground.sees(&ground.ask(kubeconfig, &["--as=eve", "--as-group=system:masters"]));
    let refused = ground.ask(kubeconfig, &["--as=eve", "--as-uid=7"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    for words in [
        "cannot list ImagePolicy",
        "User \"eve\" cannot list resource \"imagepolicies\"",
        "kubectl auth can-i",
    ] {
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
}

#[test]
fn the_proxy_of_the_kubeconfig_is_gone_through() {
    let ground = Ground::new(ControlPlane::shared(), "connect-proxy");
    let proxy = HttpProxy::start();
    let user = json!({"token": ground.token});
    let through = json!({"proxy-url": proxy.url()});
    let kubeconfig = ground.kubeconfig("proxied", &user, &through);
    ground.sees(&ground.ask(&kubeconfig, &[]));
    let address = ground.cluster["server"].as_str().unwrap();
    let address = address.trim_start_matches("https://");
    assert!(proxy.targets().iter().any(|target| target == address));
}

#[test]
fn a_server_that_is_not_there_is_told_at_once() {
    let ground = Ground::new(ControlPlane::shared(), "connect-nobody");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let nobody = format!("--server=https://{address}");
    let answer = ground.ask(ground.namespace.kubeconfig(), &[&nobody]);
    assert_eq!(answer.code, 1, "{}", answer.stdout);
    assert!(
        answer
            .stderr
            .contains("cannot list ImagePolicy: no answer from the API server"),
        "{}",
        answer.stderr
    );
    assert!(
        answer.stderr.contains("kubectl cluster-info"),
        "{}",
        answer.stderr
    );
}
