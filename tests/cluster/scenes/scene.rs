//! One Deployment `web`, whose image follows the policy `web`, and everything between its registry and its pods.

use std::process::Command;
use std::time::{Duration, Instant};

use harness::git_server::GitServerOptions;
use harness::program::{output, shell};
use harness::reconciler::ReconcilerOptions;
use harness::registry::{RegistryAuth, RegistryOptions};
use harness::{ControlPlane, Forge, GitServer, Namespace, Reconciler, Registry, Repository, git};
use serde_json::{Value, json};

use crate::stage::Answer;
use crate::workloads::deployment;

/// The folder the automation updates.
pub(super) const FOLDER: &str = "clusters/my-cluster";

/// How long what must come may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is special in a scene; nothing is in the default.
#[derive(Default)]
pub(super) struct Plan {
    /// Who may use the registry.
    pub(super) auth: RegistryAuth,
    /// The comment behind the image, with `NAMESPACE` for the scene's; the right marker if there is none.
    pub(super) marker: Option<&'static str>,
    /// The folder of the manifest; the one the automation updates if there is none.
    pub(super) folder: Option<&'static str>,
    /// Merged into the spec of the ImagePolicy.
    pub(super) policy: Value,
    /// Merged into the spec of the ImageUpdateAutomation.
    pub(super) automation: Value,
}

/// A scene that is set: `web:1.0.0` is committed and runs.
pub(super) struct Scene<'a> {
    pub(super) registry: Registry,
    pub(super) repository: Repository,
    pub(super) namespace: Namespace<'a>,
    pub(super) server: GitServer,
    folder: &'static str,
    _reconciler: Reconciler,
    _forge: Forge,
}

/// What a report says of the container.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) state: String,
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) next: String,
}

impl<'a> Scene<'a> {
    pub(super) fn set(name: &str, plan: &Plan) -> Self {
        let plane: &'a ControlPlane = ControlPlane::shared();
        let registry = Registry::start(RegistryOptions {
            auth: plan.auth.clone(),
            ..RegistryOptions::default()
        });
        registry.push_tags("web", &["1.0.0"]);
        let forge = Forge::new();
        let repository = forge.create("fleet");
        let server = GitServer::start(&forge, GitServerOptions::default());
        let namespace = plane.namespace(name);
        let options = ReconcilerOptions {
            namespace: Some(namespace.name()),
            flags: &["--max-retry-delay=1s"],
            ..ReconcilerOptions::default()
        };
        let scene = Self {
            _reconciler: Reconciler::start(plane, options),
            registry,
            repository,
            namespace,
            server,
            folder: plan.folder.unwrap_or(FOLDER),
            _forge: forge,
        };
        scene.commit(plan);
        scene.namespace.apply(&scene.objects(plan));
        scene.apply_from_git();
        scene
    }

    /// The image, without a tag.
    pub(super) fn image(&self) -> String {
        self.registry.image("web")
    }

    /// The path of the manifest.
    pub(super) fn file(&self) -> String {
        format!("{}/web.yaml", self.folder)
    }

    fn commit(&self, plan: &Plan) {
        let marker = plan
            .marker
            .unwrap_or(r#"# {"$imagepolicy": "NAMESPACE:web"}"#);
        let marker = marker.replace("NAMESPACE", self.namespace.name());
        let image = format!("{}:1.0.0 {marker}", self.image());
        let web = (self.file(), deployment("web", image.trim_end()));
        // The folder that is updated has to be there.
        let keep = (format!("{FOLDER}/README.md"), "A fleet.\n".to_owned());
        self.repository.commit("main", "A fleet", &[web, keep]);
    }

    fn objects(&self, plan: &Plan) -> String {
        let object = |api_version: &str, kind: &str, name: &str, spec: Value| json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec});
        let image = "image.toolkit.fluxcd.io/v1";
        let policy = json!({
            "imageRepositoryRef": {"name": "web"},
            "policy": {"semver": {"range": ">=1.0.0"}},
        });
        let automation = json!({
            "interval": "30m",
            "sourceRef": {"kind": "GitRepository", "name": "fleet"},
            "git": {
                "checkout": {"ref": {"branch": "main"}},
                "commit": {"author": {"name": "bot", "email": "bot@example.com"}},
                "push": {"branch": "main"},
            },
            "update": {"path": format!("./{FOLDER}"), "strategy": "Setters"},
        });
        let source =
            json!({"url": self.server.url("fleet"), "ref": {"branch": "main"}, "interval": "1m"});
        let items = json!([
            object(
                "source.toolkit.fluxcd.io/v1",
                "GitRepository",
                "fleet",
                source
            ),
            object(
                image,
                "ImageRepository",
                "web",
                json!({"image": self.image(), "interval": "5m"})
            ),
            object(image, "ImagePolicy", "web", merged(policy, &plan.policy)),
            object(
                image,
                "ImageUpdateAutomation",
                "apps",
                merged(automation, &plan.automation)
            ),
        ]);
        json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
    }

    /// Plays what applies manifests.
    pub(super) fn apply_from_git(&self) {
        let manifest = self.repository.read("main", &self.file());
        self.namespace.apply(&manifest);
    }

    /// Pushes a tag and has it scanned.
    pub(super) fn push_tag(&self, tag: &str) {
        self.registry.push_tag("web", tag);
        let answer = self.imgauto(&["reconcile", "repository", "web"]);
        assert_eq!(answer.code, 0, "{}", answer.stderr);
    }

    /// Runs a command of the plugin.
    pub(super) fn imgauto(&self, arguments: &[&str]) -> Answer {
        Answer::of(self.namespace.imgauto().args(arguments))
    }

    /// What status says of the container now; with `flags` behind.
    pub(super) fn said(&self, flags: &[&str]) -> Said {
        let arguments = [&["status", "deployment/web", "-o", "json"], flags].concat();
        let answer = self.imgauto(&arguments);
        assert_eq!(answer.code, 0, "{}", answer.stderr);
        let report: Value = serde_json::from_str(&answer.stdout).unwrap();
        let item = &report["items"][0];
        let text = |field: &str| item[field].as_str().unwrap_or_default().to_owned();
        Said {
            state: text("state"),
            reason: text("reason"),
            message: text("message"),
            next: text("next"),
        }
    }

    /// Waits until status says this state and reason, and returns what it says.
    pub(super) fn comes_to(&self, state: &str, reason: &str) -> Said {
        self.comes_to_with(&[], state, reason)
    }

    /// The same, asked with these flags.
    pub(super) fn comes_to_with(&self, flags: &[&str], state: &str, reason: &str) -> Said {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = self.said(flags);
            if (said.state.as_str(), said.reason.as_str()) == (state, reason) {
                return said;
            }
            assert!(Instant::now() < deadline, "not {state} {reason}: {said:#?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Asks why, expects that a link is broken for this reason, and returns the command that mends it.
    pub(super) fn fix(&self, flags: &[&str], reason: &str) -> String {
        let text = self.imgauto(&[&["why", "deployment/web"], flags].concat());
        assert_eq!(text.code, 1, "{}{}", text.stdout, text.stderr);
        assert!(
            text.stdout.contains(&format!("[{reason}]")),
            "{}",
            text.stdout
        );
        let report = self.imgauto(&[&["why", "deployment/web", "-o", "json"], flags].concat());
        assert_eq!(report.code, 1, "{}", report.stderr);
        let report: Value = serde_json::from_str(&report.stdout).unwrap();
        let fix = report["items"][0]["fix"]["command"].as_str();
        let fix = fix.unwrap_or_else(|| panic!("no fix:\n{}", text.stdout));
        assert!(
            text.stdout.contains(fix.lines().next().unwrap()),
            "{}",
            text.stdout
        );
        fix.to_owned()
    }

    /// Runs a line as a user would who pastes it into a shell, in a clone of the branch; commits and pushes what it edits, and
    /// has it looked at.
    pub(super) fn paste(&self, line: &str) {
        let clone = self.clone_branch();
        let mut shell: Command = shell(self.namespace.home(), line);
        shell
            .current_dir(&clone)
            .env("KUBECONFIG", self.namespace.kubeconfig());
        shell
            .env("REGISTRY_USER", USER)
            .env("REGISTRY_PASSWORD", PASSWORD);
        let done = output(&mut shell);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{line}\n{said}");
        if !git(&clone, &["status", "--porcelain"]).is_empty() {
            git(&clone, &["commit", "--quiet", "--all", "--message=Mend"]);
            git(&clone, &["push", "--quiet"]);
            let run = self.imgauto(&["reconcile", "update", "apps"]);
            assert_eq!(run.code, 0, "{}", run.stderr);
        }
    }

    /// A fresh clone of the branch.
    pub(super) fn clone_branch(&self) -> std::path::PathBuf {
        let path = self.namespace.home().join("clone");
        if path.exists() {
            std::fs::remove_dir_all(&path).unwrap();
        }
        let url = self.server.url("fleet");
        git(self.namespace.home(), &["clone", "--quiet", &url, "clone"]);
        path
    }

    /// Waits until a tag is committed, applies what is in Git, and waits for the rollout as a pipeline would.
    pub(super) fn ends_with(&self, tag: &str) {
        let deadline = Instant::now() + PATIENCE;
        let wanted = format!("{}:{tag}", self.image());
        while !self.repository.read("main", &self.file()).contains(&wanted) {
            assert!(
                Instant::now() < deadline,
                "{tag} is not committed: {:#?}",
                self.said(&[])
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        self.apply_from_git();
        let verified = self.imgauto(&["verify", "deployment/web", "--wait", "--timeout=60s"]);
        assert_eq!(verified.code, 0, "{}", verified.stderr);
        assert_eq!(verified.stdout, format!("image: {wanted}\n"));
        self.comes_to("Synced", "");
    }
}

/// Who may use a registry that asks.
pub(super) const USER: &str = "robot";
/// The password.
pub(super) const PASSWORD: &str = "let me in";

/// Merges as RFC 7396 has it; nothing at the top changes nothing.
fn merged(mut base: Value, patch: &Value) -> Value {
    match (base.as_object_mut(), patch) {
        (Some(fields), Value::Object(patch)) => {
            for (name, value) in patch {
                let old = fields.remove(name).unwrap_or_default();
                if !value.is_null() {
                    fields.insert(name.clone(), merged(old, value));
                }
            }
            base
        }
        (_, Value::Null) => base,
        (_, other) => other.clone(),
    }
}
