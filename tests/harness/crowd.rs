//! Many automations on one branch, which all become due at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use api::automation::ImageUpdateAutomation;
use api::git_repository::GitRepository;
use api::policy::ImagePolicy;
use api::repository::ImageRepository;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::control_plane::ControlPlane;
use crate::git::{Forge, Repository, git};
use crate::git_server::{GitServer, GitServerOptions, PushMoment};
use crate::namespace::Namespace;
use crate::population::{populate, wait_until};
use crate::reconciler::{Reconciler, ReconcilerOptions};
use crate::registry::{Registry, RegistryOptions};
use crate::serve::wait;

/// How long one step may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Files that each automation has to edit.
const MARKED: usize = 2;

/// How large everything is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Manifests in the repository.
    pub files: usize,
    /// Automations, each of which looks after a directory of its own.
    pub automations: usize,
}

/// Automations of one branch at rest, and a reconciler that looks after them.
pub struct Crowd<'a> {
    size: Size,
    namespace: Namespace<'a>,
    registry: Registry,
    repository: Repository,
    server: GitServer,
    pushes: Arc<AtomicUsize>,
    _reconciler: Reconciler,
    _forge: Forge,
}

/// What followed on a new tag.
#[derive(Debug)]
pub struct Round {
    /// The time from the request for a scan until the branch had moved.
    pub time: Duration,
    /// How often the Git server was asked for its refs in order to fetch.
    pub fetches: usize,
    /// How many packs the Git server got.
    pub pushes: usize,
    /// What each new commit on the branch changed, sorted, as [`Crowd::edits`] has it.
    pub commits: Vec<Vec<String>>,
}

impl<'a> Crowd<'a> {
    /// Sets everything up and waits until all automations are ready.
    pub fn start(plane: &'a ControlPlane, size: Size) -> Self {
        plane.install_manifests();
        let namespace = plane.namespace("crowd");
        let registry = Registry::start(RegistryOptions::default());
        registry.push_tag("app", "1.0.0");
        let forge = Forge::new();
        let repository = forge.create("fleet");
        let files: Vec<_> = (0..size.files)
            .map(|index| manifest(index, size, namespace.name(), &registry.image("app")))
            .collect();
        repository.commit("main", "the fleet", &files);
        let server = GitServer::start(&forge, GitServerOptions::default());
        let pushes = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&pushes);
        server.on_push(move |moment, _| {
            if moment == PushMoment::Receiving {
                seen.fetch_add(1, Ordering::Relaxed);
            }
        });
        create(&namespace, &registry, &server, size);
        let options = ReconcilerOptions {
            namespace: Some(namespace.name()),
            ..ReconcilerOptions::default()
        };
        let reconciler = Reconciler::start(plane, options);
        let crowd = Self {
            size,
            namespace,
            registry,
            repository,
            server,
            pushes,
            _reconciler: reconciler,
            _forge: forge,
        };
        crowd.wait_for_all("an observed revision", |status| {
            status["observedSourceRevision"].is_string()
        });
        crowd
    }

    /// Pushes a tag, after somebody else's commit, and waits until all automations have told of theirs.
    pub fn round(&self, tag: &str) -> Round {
        let note = [("README.md", format!("soon {tag}\n"))];
        let start = self.repository.commit("main", "a note", &note);
        self.registry.push_tag("app", tag);
        let (asked, pushed) = (
            self.server.requests().len(),
            self.pushes.load(Ordering::Relaxed),
        );
        let began = Instant::now();
        self.request_scan(tag);
        let arriving = || self.pushes.load(Ordering::Relaxed) > pushed;
        wait_until(PATIENCE, arriving, || "nothing is pushed".to_owned());
        let moved = || self.repository.tip("main").is_some_and(|tip| tip != start);
        wait_until(PATIENCE, moved, || "the branch does not move".to_owned());
        let time = began.elapsed();
        let commits = self.commits_since(&start);
        self.wait_for_all("a commit of the round", |status| {
            let commit = status["lastPushCommit"].as_str().unwrap_or_default();
            commits.contains_key(commit)
        });
        let requests = self.server.requests().split_off(asked);
        let count = |method: &str, end: &str| {
            let such = requests
                .iter()
                .filter(|request| request.method == method && request.path.ends_with(end));
            such.count()
        };
        Round {
            time,
            // A shallow fetch asks for its pack in two steps, but for the refs once.
            fetches: count("GET", "/info/refs?service=git-upload-pack"),
            pushes: count("POST", "/git-receive-pack"),
            commits: sorted(commits.into_values().collect()),
        }
    }

    /// What each automation has to change, sorted: one line in each of its files, as `git log --numstat` says it.
    pub fn edits(&self) -> Vec<Vec<String>> {
        let edits = (0..self.size.automations).map(|automation| {
            let numbers = (0..MARKED).map(|file| automation + file * self.size.automations);
            numbers
                .map(|number| format!("1\t1\t{}", path(number, self.size)))
                .collect()
        });
        sorted(edits.collect())
    }

    /// How many marked lines on the branch have the image at a tag, and how many have another.
    pub fn marked_lines(&self, tag: &str) -> (usize, usize) {
        let found = git(
            self.repository.path(),
            &["grep", "-h", "imagepolicy", "main"],
        );
        let at = format!("{}:{tag} ", self.registry.image("app"));
        let (current, stale): (Vec<_>, Vec<_>) = found.lines().partition(|line| line.contains(&at));
        (current.len(), stale.len())
    }

    fn request_scan(&self, request: &str) {
        let api = self.namespace.api::<ImageRepository>();
        let annotations = json!({ "reconcile.fluxcd.io/requestedAt": request });
        let patch = json!({ "metadata": { "annotations": annotations } });
        let parameters = PatchParams::default();
        wait(async move { api.patch("app", &parameters, &Patch::Merge(&patch)).await })
            .expect("an administrator may annotate");
    }

    fn wait_for_all(&self, what: &str, holds: impl Fn(&Value) -> bool) {
        let api = self.namespace.api::<ImageUpdateAutomation>();
        let statuses = || -> Vec<Value> {
            let api = api.clone();
            let all = wait(async move { api.list(&ListParams::default()).await });
            let all = all.expect("an administrator may list").items;
            let statuses = all.into_iter().map(|object| object.status);
            let json = |status| serde_json::to_value(status).expect("a status is JSON");
            statuses.map(json).collect()
        };
        let done = || statuses().iter().filter(|status| holds(status)).count();
        let all = || done() == self.size.automations;
        wait_until(PATIENCE, all, || {
            let lacking = statuses().into_iter().find(|status| !holds(status));
            format!("not all automations have {what}, such as one of {lacking:?}")
        });
    }

    /// New commits by id, with what each changed.
    fn commits_since(&self, start: &str) -> BTreeMap<String, Vec<String>> {
        let range = format!("{start}..main");
        let log = [
            "log",
            "--first-parent",
            "--numstat",
            "--format=commit %H",
            &range,
        ];
        let text = git(self.repository.path(), &log);
        let commits = text.split("commit ").filter(|commit| !commit.is_empty());
        let commits = commits.filter_map(|commit| {
            let (id, edits) = commit.split_once('\n')?;
            let edits = edits.lines().filter(|edit| !edit.is_empty());
            Some((id.to_owned(), edits.map(str::to_owned).collect()))
        });
        commits.collect()
    }
}

/// A Deployment of about 1.4 KB. `image` is the rest of a line: a comment may follow it.
pub fn deployment(number: usize, image: &str) -> String {
    let mut text = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app{number}\n  labels:\n    app: app{number}\nspec:\n  replicas: 2\n  template:\n    spec:\n      containers:\n      - name: app\n        image: {image}\n        env:\n"
    );
    for variable in 0..20 {
        text +=
            &format!("        - {{name: SETTING_{variable}, value: of-application-{number}}}\n");
    }
    text
}

fn path(number: usize, size: Size) -> String {
    format!("{}/app{number}.yaml", directory(number % size.automations))
}

fn directory(automation: usize) -> String {
    format!("teams/team{automation}")
}

/// Path and text of a file; the first of each directory are marked.
fn manifest(number: usize, size: Size, namespace: &str, image: &str) -> (String, String) {
    let marker = format!(" # {{\"$imagepolicy\": \"{namespace}:app\"}}");
    let marker = if number < MARKED * size.automations {
        &*marker
    } else {
        ""
    };
    let text = deployment(number, &format!("{image}:1.0.0{marker}"));
    (path(number, size), text)
}

/// Makes the objects: one policy, which all automations follow.
fn create(namespace: &Namespace<'_>, registry: &Registry, server: &GitServer, size: Size) {
    let plane = namespace.plane();
    let metadata = |name: &str| json!({ "name": name, "namespace": namespace.name() });
    populate::<GitRepository>(
        plane,
        vec![json!({
            "metadata": metadata("source"),
            "spec": { "url": server.url("fleet"), "interval": "1h", "ref": { "branch": "main" } },
        })],
    );
    populate::<ImageRepository>(
        plane,
        vec![json!({
            "metadata": metadata("app"),
            "spec": { "image": registry.image("app"), "interval": "1h" },
        })],
    );
    populate::<ImagePolicy>(
        plane,
        vec![json!({
            "metadata": metadata("app"),
            "spec": { "imageRepositoryRef": { "name": "app" }, "policy": { "semver": { "range": ">=1.0.0" } } },
        })],
    );
    let automations = (0..size.automations).map(|automation| {
        json!({
            "metadata": metadata(&format!("automation{automation}")),
            "spec": {
                "sourceRef": { "kind": "GitRepository", "name": "source" },
                "interval": "1h",
                "git": { "commit": { "author": { "name": "bot", "email": "bot@example.com" } } },
                "update": { "strategy": "Setters", "path": format!("./{}", directory(automation)) },
            },
        })
    });
    populate::<ImageUpdateAutomation>(plane, automations.collect());
}

/// Sorts the lines of each, and all.
fn sorted(mut all: Vec<Vec<String>>) -> Vec<Vec<String>> {
    for lines in &mut all {
        lines.sort_unstable();
    }
    all.sort_unstable();
    all
}
