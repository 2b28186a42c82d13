//! A cluster at rest: everything is well, nothing changes, and what a reconciler still does is counted.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use api::automation::ImageUpdateAutomation;
use api::git_repository::GitRepository;
use api::policy::ImagePolicy;
use api::repository::ImageRepository;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::control_plane::{ControlPlane, Write};
use crate::fault_registry::FaultRegistry;
use crate::git::Forge;
use crate::git_server::{GitRequest, GitServer, GitServerOptions};
use crate::population::{populate, ready, wait_until, wait_until_seen};
use crate::reconciler::{Reconciler, ReconcilerOptions};

/// All tags of every repository, bytewise descending as statuses show them.
const TAGS: [&str; 2] = ["1.1.0", "1.0.0"];

/// How often everything becomes due while it is watched.
const TIMES: usize = 2;

/// How many objects there are; a policy for each repository.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Image repositories, and as many policies.
    pub repositories: usize,
    /// Automations, each of which follows its share of the policies.
    pub automations: usize,
    /// Git remotes, and as many namespaces; each has its share of the automations.
    pub remotes: usize,
    /// The interval of all objects.
    pub interval: Duration,
}

/// What a reconciler did.
#[derive(Debug)]
pub struct Observed {
    /// How long it was at work.
    pub life: Duration,
    /// What became of each image repository in that time.
    pub scans: BTreeMap<String, Scans>,
    /// What it wrote besides the status of image repositories.
    pub other_writes: Vec<Write>,
    /// How long it went on after all automations had looked at their remotes once.
    pub window: Duration,
    /// How often each remote was asked for its refs in that window.
    pub listings: BTreeMap<String, usize>,
    /// What else was asked of Git remotes, at any time.
    pub other_git_requests: Vec<GitRequest>,
}

/// What became of an image repository.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scans {
    /// How often the registry was asked for its tags.
    pub listings: usize,
    /// How often its status was written.
    pub writes: usize,
}

/// Makes a cluster of that size, all objects of which are well, and lets a reconciler work until everything was due
/// twice.
///
/// # Panics
///
/// If something is not looked after when it is due.
pub fn observe(size: Size) -> Observed {
    let plane = ControlPlane::private();
    plane.install_manifests();
    let registry = FaultRegistry::start(&TAGS);
    let forge = Forge::new();
    let git = GitServer::start(&forge, GitServerOptions::default());
    let names: Vec<String> = (0..size.remotes)
        .map(|_| plane.namespace("idle").name().to_owned())
        .collect();
    for (remote, namespace) in names.iter().enumerate() {
        settle(&Part {
            plane: &plane,
            registry: &registry,
            forge: &forge,
            git: &git,
            size,
            remote,
            namespace,
        });
    }
    let patience = Duration::from_secs(60) + 10 * size.interval;
    let began = Instant::now();
    let mut reconciler = Reconciler::start(&plane, ReconcilerOptions::default());
    let kinds = [
        ("ImageRepository", size.repositories),
        ("ImageUpdateAutomation", size.automations),
    ];
    for (kind, count) in kinds {
        wait_until_seen(&reconciler, kind, count, patience);
    }
    let opened = Instant::now();
    let (before, scanned) = (git.requests().len(), scans(&registry));
    let due_again = || {
        let scans = scans(&registry);
        let listings = listings(&git.requests()[before..]);
        let again = |name: &String, count: &usize| {
            count.saturating_sub(scanned.get(name).copied().unwrap_or_default()) >= TIMES
        };
        scans
            .iter()
            .filter(|(name, count)| again(name, count))
            .count()
            == size.repositories
            && listings.values().filter(|count| **count >= TIMES).count() == size.remotes
    };
    wait_until(patience, due_again, || {
        format!(
            "not everything is looked after: {:?} {:?}",
            scans(&registry),
            listings(&git.requests()[before..])
        )
    });
    let in_window = listings(&git.requests()[before..]);
    let window = opened.elapsed();
    // What is under way is finished, so that everything has been both asked for and written.
    assert!(reconciler.terminate().success());
    let life = began.elapsed();
    let (scans, other_writes) = writes(&plane, &Reconciler::user(), &scans(&registry));
    Observed {
        life,
        scans,
        other_writes,
        window,
        listings: in_window,
        other_git_requests: git
            .requests()
            .into_iter()
            .filter(|request| listed(request).is_none())
            .collect(),
    }
}

/// One remote and its namespace.
struct Part<'a> {
    plane: &'a ControlPlane,
    registry: &'a FaultRegistry,
    forge: &'a Forge,
    git: &'a GitServer,
    size: Size,
    remote: usize,
    namespace: &'a str,
}

/// Makes what belongs to one remote, with the statuses of objects that have long been well.
fn settle(part: &Part<'_>) {
    let name = format!("remote{}", part.remote);
    let repository = part.forge.create(&name);
    let tip = repository.commit("main", "the start", &[("README.md", "at rest\n")]);
    let source = json!({
        "metadata": part.metadata("source", None),
        "spec": { "url": part.git.url(&name), "interval": "1h", "ref": { "branch": "main" } },
    });
    populate::<GitRepository>(part.plane, vec![source]);
    let repositories = part.share(part.size.repositories);
    let automations = part.share(part.size.automations);
    let follower = |index: usize| automations[index % automations.len()];
    let policies = repositories.iter().enumerate();
    let policies = policies.map(|(index, number)| part.policy(*number, follower(index)));
    populate::<ImageRepository>(
        part.plane,
        repositories
            .iter()
            .map(|number| part.repository(*number))
            .collect(),
    );
    populate::<ImagePolicy>(part.plane, policies.collect());
    let automations = automations.iter().map(|automation| {
        let followed = repositories.iter().enumerate();
        let followed = followed.filter(|(index, _)| follower(*index) == *automation);
        part.automation(*automation, followed.map(|(_, number)| *number), &tip)
    });
    populate::<ImageUpdateAutomation>(part.plane, automations.collect());
}

impl Part<'_> {
    /// Those of `all` that belong to this remote.
    fn share(&self, all: usize) -> Vec<usize> {
        (self.remote..all).step_by(self.size.remotes).collect()
    }

    fn image(&self, number: usize) -> String {
        format!("{}/image{number}", self.registry.host())
    }

    fn interval(&self) -> String {
        format!("{}ms", self.size.interval.as_millis())
    }

    fn metadata(&self, name: &str, follower: Option<usize>) -> Value {
        let labels = follower.map(|follower| json!({ "follower": follower.to_string() }));
        json!({ "name": name, "namespace": self.namespace, "labels": labels })
    }

    fn repository(&self, number: usize) -> Value {
        let lines: String = TAGS.map(|tag| format!("{tag}\n")).concat();
        let digest = Sha256::digest(lines);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let revision = format!("sha256:{hex}");
        let message = format!(
            "successful scan: found {} tags with checksum {revision}",
            TAGS.len()
        );
        json!({
            "metadata": self.metadata(&format!("image{number}"), None),
            "spec": { "image": self.image(number), "interval": self.interval() },
            "status": {
                "observedGeneration": 1,
                "canonicalImageName": self.image(number),
                "observedExclusionList": ["^.*\\.sig$"],
                "lastScanResult": {
                    "revision": revision, "tagCount": TAGS.len(), "latestTags": TAGS, "scanTime": now(),
                },
                "conditions": ready(&message, &now()),
            },
        })
    }

    fn policy(&self, number: usize, follower: usize) -> Value {
        let (name, image) = (format!("image{number}"), self.image(number));
        let message = format!("Latest image tag for {image} resolved to {}", TAGS[0]);
        json!({
            "metadata": self.metadata(&name, Some(follower)),
            "spec": { "imageRepositoryRef": { "name": name }, "policy": { "semver": { "range": ">=1.0.0" } } },
            "status": {
                "observedGeneration": 1,
                "latestRef": { "name": image, "tag": TAGS[0] },
                "conditions": ready(&message, &now()),
            },
        })
    }

    fn automation(&self, number: usize, policies: impl Iterator<Item = usize>, tip: &str) -> Value {
        let observed = policies.map(|policy| {
            let latest = json!({ "name": self.image(policy), "tag": TAGS[0] });
            (format!("image{policy}"), latest)
        });
        let observed: BTreeMap<String, Value> = observed.collect();
        json!({
            "metadata": self.metadata(&format!("automation{number}"), None),
            "spec": {
                "sourceRef": { "kind": "GitRepository", "name": "source" },
                "interval": self.interval(),
                "git": { "commit": { "author": { "name": "bot", "email": "bot@example.com" } } },
                "policySelector": { "matchLabels": { "follower": number.to_string() } },
            },
            "status": {
                "observedGeneration": 1,
                "observedPolicies": observed,
                "observedSourceRevision": format!("main@sha1:{tip}"),
                "lastAutomationRunTime": now(),
                "conditions": ready("repository up-to-date", &now()),
            },
        })
    }
}

/// How often the registry was asked for the tags of each repository.
fn scans(registry: &FaultRegistry) -> BTreeMap<String, usize> {
    let requests = registry.requests();
    let names = requests.iter().filter_map(|request| {
        let path = request.path.split('?').next()?;
        path.strip_prefix("/v2/")?.strip_suffix("/tags/list")
    });
    count(names)
}

/// How often each Git remote was asked for its refs.
fn listings(requests: &[GitRequest]) -> BTreeMap<String, usize> {
    count(requests.iter().filter_map(listed))
}

/// The remote a request asks for its refs.
fn listed(request: &GitRequest) -> Option<&str> {
    let path = request.path.strip_prefix('/')?;
    path.strip_suffix("/info/refs?service=git-upload-pack")
}

fn count<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name.to_owned()).or_default() += 1;
    }
    counts
}

/// What the reconciler wrote: the status of each image repository, and all else.
fn writes(
    plane: &ControlPlane,
    user: &str,
    listings: &BTreeMap<String, usize>,
) -> (BTreeMap<String, Scans>, Vec<Write>) {
    let mut scans: BTreeMap<String, Scans> = BTreeMap::new();
    for (name, listings) in listings {
        scans.entry(name.clone()).or_default().listings = *listings;
    }
    let mut others = Vec::new();
    for write in plane.audit_writes(|write| write.user == user) {
        match (write.resource.as_str(), write.subresource.as_str()) {
            ("imagerepositories", "status") if write.code == 200 => {
                scans.entry(write.name).or_default().writes += 1;
            }
            _ => others.push(write),
        }
    }
    (scans, others)
}

fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
