//! The guide's parts in a cluster: a registry, a Git remote, a namespace, and the reconciler that watches it.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use harness::git_server::GitServerOptions;
use harness::program::{output, run};
use harness::reconciler::ReconcilerOptions;
use harness::registry::RegistryOptions;
use harness::{ControlPlane, Forge, GitServer, Namespace, Reconciler, Registry, Repository, git};

use crate::workloads::{containers, deployment, rolls_out};

/// The folder of the guide.
pub(crate) const FOLDER: &str = "clusters/my-cluster";

/// The commit message of the guide.
const TEMPLATE: &str =
    "{{range .Changed.Changes}}{{print .OldValue}} -> {{println .NewValue}}{{end}}";

/// What the registry offers at first; `latest` and the release candidate are there to be passed over.
const TAGS: [&str; 4] = ["4.9.0", "5.0.0", "5.1.0-rc.1", "latest"];

/// Everything the guide talks of. It all lies on the branch `main`, and nothing of it in the namespace yet.
pub(crate) struct Stage<'a> {
    pub(crate) registry: Registry,
    pub(crate) repository: Repository,
    pub(crate) namespace: Namespace<'a>,
    pub(crate) reconciler: Reconciler,
    pub(crate) server: GitServer,
    _forge: Forge,
}

/// What a command did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    /// That of a command, which is run to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = output(command);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code().unwrap(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// That of a command that ended well and wrote this to its standard output.
    pub(crate) fn printed(stdout: &str) -> Self {
        Self {
            code: 0,
            stdout: stdout.to_owned(),
            stderr: String::new(),
        }
    }

    /// That of a command that ended well and wrote this to its standard error.
    pub(crate) fn said(stderr: &str) -> Self {
        Self {
            code: 0,
            stdout: String::new(),
            stderr: stderr.to_owned(),
        }
    }
}

impl<'a> Stage<'a> {
    pub(crate) fn new(plane: &'a ControlPlane, prefix: &str) -> Self {
        Self::with_flags(plane, prefix, &[])
    }

    /// The same, with a reconciler that is started with these flags.
    pub(crate) fn with_flags(plane: &'a ControlPlane, prefix: &str, flags: &[&str]) -> Self {
        let registry = Registry::start(RegistryOptions::default());
        registry.push_tags("podinfo", &TAGS);
        let forge = Forge::new();
        let repository = forge.create("fleet");
        let server = GitServer::start(&forge, GitServerOptions::default());
        let namespace = plane.namespace(prefix);
        let options = ReconcilerOptions {
            namespace: Some(namespace.name()),
            flags,
            ..ReconcilerOptions::default()
        };
        let reconciler = Reconciler::start(plane, options);
        let stage = Self {
            registry,
            repository,
            namespace,
            reconciler,
            server,
            _forge: forge,
        };
        let files = [stage.workloads().as_slice(), &stage.manifests()].concat();
        stage
            .repository
            .commit("main", "The workloads and their automation", &files);
        stage
    }

    /// The image that is kept current.
    pub(crate) fn image(&self) -> String {
        self.registry.image("podinfo")
    }

    /// The marker of the policy `podinfo`.
    fn marker(&self) -> String {
        format!(
            r#"# {{"$imagepolicy": "{}:podinfo"}}"#,
            self.namespace.name()
        )
    }

    /// One workload gets its image from the kustomization, as in the guide, the other has its own marker.
    fn workloads(&self) -> [(String, String); 3] {
        let (image, marker) = (self.image(), self.marker());
        [
            (
                format!("{FOLDER}/podinfo.yaml"),
                deployment("podinfo", "podinfod"),
            ),
            (
                format!("{FOLDER}/frontend.yaml"),
                deployment("frontend", &format!("{image}:5.0.0 {marker}")),
            ),
            (
                format!("{FOLDER}/kustomization.yaml"),
                format!(
                    "apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
- podinfo.yaml
- frontend.yaml
- flux-system-source.yaml
- podinfo-registry.yaml
- podinfo-image-policy.yaml
- flux-system-automation.yaml
images:
- name: podinfod
  newName: {image}  {marker}
  newTag: 5.0.0  {marker}
"
                ),
            ),
        ]
    }

    /// What follows `flux create` in the guide, in its order.
    pub(crate) fn creations(&self) -> [Vec<String>; 4] {
        let image = format!("--image={}", self.image());
        let url = format!("--url={}", self.server.url("fleet"));
        let path = format!("--git-repo-path=./{FOLDER}");
        let template = format!("--commit-template={TEMPLATE}");
        let source: &[&str] = &["source", "git", "flux-system", &url, "--branch=main"];
        let repository: &[&str] = &["image", "repository", "podinfo", &image, "--interval=5m"];
        let policy: &[&str] = &[
            "image",
            "policy",
            "podinfo",
            "--image-ref=podinfo",
            "--select-semver=>=5.0.0",
        ];
        let update: &[&str] = &[
            "image",
            "update",
            "flux-system",
            "--interval=30m",
            "--git-repo-ref=flux-system",
            &path,
            "--checkout-branch=main",
            "--push-branch=main",
            "--author-name=fluxcdbot",
            "--author-email=fluxcdbot@users.noreply.github.com",
            &template,
        ];
        [source, repository, policy, update]
            .map(|words| words.iter().map(|&word| word.to_owned()).collect())
    }

    /// Creates the source with kubectl and the rest with flux, which waits for each.
    pub(crate) fn create_all(&self) {
        let source = format!("{FOLDER}/flux-system-source.yaml");
        self.namespace.apply(&self.repository.read("main", &source));
        let kinds = ["ImageRepository", "ImagePolicy", "ImageUpdateAutomation"];
        for (words, kind) in self.creations()[1..].iter().zip(kinds) {
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            let answer = self.flux(&[&["create"], words.as_slice()].concat());
            let expected = format!(
                "✚ generating {kind}
► applying {kind}
✔ {kind} created
◎ waiting for {kind} reconciliation
✔ {kind} reconciliation completed
"
            );
            assert_eq!(answer, Answer::said(&expected));
        }
    }

    /// The files for which the guide takes what these commands print with `--export`.
    fn manifests(&self) -> [(String, String); 4] {
        let files = [
            "flux-system-source",
            "podinfo-registry",
            "podinfo-image-policy",
            "flux-system-automation",
        ];
        let mut files = files.into_iter();
        self.creations().map(|words| {
            let file = files.next().expect("there is a file for each");
            let yaml = run(self
                .namespace
                .flux()
                .arg("create")
                .args(words)
                .arg("--export"));
            (format!("{FOLDER}/{file}.yaml"), yaml)
        })
    }

    /// Waits until the branch `main` has another commit than this, and returns it.
    pub(crate) fn commit_after(&self, before: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let tip = self.repository.tip("main").unwrap();
            if tip != before {
                return tip;
            }
            let log = || self.reconciler.logs().join("\n");
            assert!(Instant::now() < deadline, "no commit:\n{}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Plays what applies manifests: clones the branch and applies the folder.
    pub(crate) fn apply_from_git(&self) {
        let clone = self.clone_branch();
        let folder = clone.join(FOLDER);
        let mut apply = self.namespace.kubectl();
        run(apply
            .args(["apply", "--server-side", "--kustomize"])
            .arg(folder));
    }

    /// A fresh clone of the branch, with nothing of an earlier one.
    pub(crate) fn clone_branch(&self) -> PathBuf {
        let path = self.namespace.home().join("clone");
        if path.exists() {
            std::fs::remove_dir_all(&path).unwrap();
        }
        let url = self.server.url("fleet");
        git(self.namespace.home(), &["clone", "--quiet", &url, "clone"]);
        path
    }

    /// Waits until a Deployment is rolled out, and expects that it runs an image and nothing else.
    pub(crate) fn runs(&self, deployment: &str, image: &str) {
        rolls_out(&self.namespace, deployment);
        let running = containers(&self.namespace, deployment);
        let images: Vec<_> = running.iter().map(|status| status.image.as_str()).collect();
        assert_eq!(images, [image, image]);
    }

    /// Runs a command of the real flux CLI.
    pub(crate) fn flux(&self, arguments: &[&str]) -> Answer {
        Answer::of(self.namespace.flux().args(arguments))
    }

    /// Runs a command of the plugin, through the real kubectl.
    pub(crate) fn imgauto(&self, arguments: &[&str]) -> Answer {
        Answer::of(self.namespace.imgauto().args(arguments))
    }
}
