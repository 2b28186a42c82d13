//! Plays a scenario step by step and records what comes of it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use harness::registry::INDEX;
use harness::scripted_server::Answer;
use harness::tls::{ClientCertificates, Tls};
use harness::{Authority, Registry, ScriptedServer};
use serde_json::{Map, Value, json};
use tokio::net::TcpSocket;
use tokio::runtime::Handle;

use super::cluster::Cluster;
use super::format::{Action, Push, Responses, Scenario, Step};
use super::objects::{ObjectName, RECORDED};
use super::observer::{Late, Observer};
use super::placeholders::Placeholders;
use super::record::{self, Events};
use super::replaced::Replacements;
use super::repositories::Repositories;
use super::settled;

/// How long nothing may change before a step is over.
const QUIET: Duration = Duration::from_millis(1500);

/// How long a step may take to be over.
const LIMIT: Duration = Duration::from_secs(60);

/// What plays share.
pub(crate) struct Stage {
    pub cluster: Cluster,
    pub observer: Observer,
    /// A registry that lets everybody in.
    pub open: Registry,
    /// A registry that lets `reader` in, whose password is `secret`.
    pub guarded: Registry,
}

/// One play: servers and namespaces of its own.
struct Play<'a> {
    stage: &'a Stage,
    namespaces: Vec<String>,
    repositories: Repositories,
    scripted: ScriptedServer,
    /// A port where nobody listens, as long as this is held.
    _closed: TcpSocket,
    replacements: Replacements,
    events: Events,
    /// How many events were recorded, of all there are.
    counted: usize,
    /// The versions of the objects that the actions of a step left behind.
    left: BTreeMap<ObjectName, u64>,
}

/// Plays a scenario in its namespaces, the first of which is its own and the second the other one, and returns the record.
///
/// The steps that were not over in time are named beside it.
pub(crate) fn play(
    stage: &Stage,
    scenario: &Value,
    namespaces: Vec<String>,
) -> (Value, Vec<String>) {
    let header = Scenario::parse(scenario.clone()).expect("the scenario was read before");
    let (mut play, placeholders) = Play::prepare(stage, &header, namespaces);
    let filled =
        Scenario::parse(placeholders.fill(scenario)).expect("the scenario was read before");
    let mut late = Vec::new();
    let mut steps = Vec::new();
    for step in &filled.steps {
        let answers = play.act(&step.actions);
        if step.wait && play.settle(step).is_err() {
            late.push(step.title.clone());
        }
        steps.push(play.record(step, answers, header.events));
    }
    play.tidy_up();
    (json!({"steps": steps}), late)
}

impl<'a> Play<'a> {
    fn prepare(
        stage: &'a Stage,
        scenario: &Scenario,
        namespaces: Vec<String>,
    ) -> (Self, Placeholders) {
        let authority = Authority::new();
        let tls = scenario.tls.then_some(Tls {
            authority: &authority,
            clients: ClientCertificates::Ignored,
        });
        let scripted = ScriptedServer::start(tls.as_ref());
        let repositories = Repositories::start(&namespaces[0]);
        let (closed_socket, closed) = closed_port(&stage.cluster.runtime);
        let git = repositories.url();
        let pair = authority.client("scenario");
        let mut placeholders = Placeholders::default();
        for (name, value) in [
            ("REGISTRY", stage.open.host()),
            ("AUTH_REGISTRY", stage.guarded.host()),
            ("FAKE", scripted.host()),
            ("CLOSED", closed.to_string()),
            ("GIT_HOST", git.trim_start_matches("http://").to_owned()),
            ("GIT", git),
            ("CA_CERT", authority.pem().to_owned()),
            ("TLS_CERT", pair.certificate),
            ("TLS_KEY", pair.key),
            ("GPG_KEY", key("gpg.asc")),
            ("GPG_KEY_LOCKED", key("gpg-locked.asc")),
            ("SSH_KEY", key("ssh")),
            ("SSH_KEY_LOCKED", key("ssh-locked")),
        ] {
            placeholders.insert(name, value);
        }
        for (name, value) in ["NS", "NS2"].into_iter().zip(&namespaces) {
            placeholders.insert(name, value);
        }
        let counted = stage.observer.look(|seen| seen.events(&[], 0).1);
        let play = Self {
            stage,
            namespaces,
            repositories,
            scripted,
            _closed: closed_socket,
            replacements: Replacements::new(placeholders.clone()),
            events: Events::default(),
            counted,
            left: BTreeMap::new(),
        };
        (play, placeholders)
    }

    fn home(&self) -> &str {
        &self.namespaces[0]
    }

    fn name(&self, text: &str) -> ObjectName {
        ObjectName::parse(text, self.home())
    }

    /// Does what a step begins with; returns the answers to dry runs.
    fn act(&mut self, actions: &[Action]) -> Vec<Value> {
        self.left.clear();
        let mut answers = Vec::new();
        let cluster = &self.stage.cluster;
        for action in actions {
            match action {
                Action::Apply(documents) => {
                    for document in documents {
                        let name = ObjectName::of(document, self.home());
                        let object = cluster.apply(&name, document);
                        self.leave(name, &object);
                    }
                }
                Action::Patch(patches) => self.each(patches, Cluster::patch),
                Action::Status(patches) => self.each(patches, Cluster::patch_status),
                Action::Request(tokens) => {
                    let patches = tokens.iter().map(|(name, token)| {
                        let annotations = json!({"reconcile.fluxcd.io/requestedAt": token});
                        (
                            name.clone(),
                            json!({"metadata": {"annotations": annotations}}),
                        )
                    });
                    self.each(&patches.collect(), Cluster::patch);
                }
                Action::Delete(names) => {
                    for name in names {
                        let name = self.name(name);
                        self.left.remove(&name);
                        cluster.delete(&name);
                    }
                }
                Action::Push(push) => self.push(push),
                Action::Script(script) => self.script(script),
                Action::Git(settings) => self.repositories.set(settings),
                Action::Commit(commit) => {
                    if let Some(id) = self.repositories.commit(commit) {
                        self.replacements.commit(&id);
                    }
                }
                Action::DryRun(documents) => {
                    for document in documents {
                        let name = ObjectName::of(document, self.home());
                        let answer = cluster.dry_run(&name, document);
                        let mut answer = self.replacements.value(&answer);
                        answer["object"] = self.replacements.text(&name.from(self.home())).into();
                        answers.push(answer);
                    }
                }
                Action::Sleep(seconds) => std::thread::sleep(Duration::from_secs_f64(*seconds)),
            }
        }
        answers
    }

    fn each(
        &mut self,
        patches: &Map<String, Value>,
        change: impl Fn(&Cluster, &ObjectName, &Value) -> Value,
    ) {
        for (name, patch) in patches {
            let name = self.name(name);
            let object = change(&self.stage.cluster, &name, patch);
            self.leave(name, &object);
        }
    }

    fn leave(&mut self, name: ObjectName, object: &Value) {
        if RECORDED.contains(&name.kind.as_str()) {
            self.left.insert(name, version(object));
        }
    }

    fn push(&self, push: &Push) {
        let registries = [&self.stage.open, &self.stage.guarded];
        let (host, repository) = push.image.split_once('/').expect("an image has a registry");
        let registry = registries
            .into_iter()
            .find(|registry| registry.host() == host)
            .expect("a scenario pushes to one of our registries");
        for tag in &push.tags {
            let annotations = json!({"tag": tag, "content": push.content});
            let manifest = json!({
                "schemaVersion": 2, "mediaType": INDEX, "manifests": [], "annotations": annotations,
            });
            registry.push(repository, tag, INDEX, &manifest.to_string());
        }
        for tag in &push.remove {
            registry.delete(repository, tag);
        }
    }

    fn script(&self, script: &BTreeMap<String, Responses>) {
        let answers = script.iter().map(|(request, responses)| {
            let responses = responses.clone().into_vec().into_iter();
            let answers = responses.map(|response| Answer {
                status: response.status,
                body: response.text(),
                headers: response.headers,
                delay: Duration::from_secs_f64(response.delay),
            });
            (request.clone(), answers.collect())
        });
        self.scripted.script(answers);
    }

    /// Waits until a step is over.
    fn settle(&self, step: &Step) -> Result<(), Late> {
        let until: Vec<_> = step
            .until
            .iter()
            .map(|(name, until)| (self.name(name), until))
            .collect();
        self.stage
            .observer
            .wait(&self.namespaces, QUIET, LIMIT, |seen| {
                let known = |(name, left): (&ObjectName, &u64)| {
                    seen.object(name)
                        .is_none_or(|object| version(object) >= *left)
                };
                self.left.iter().all(known)
                    && seen
                        .objects(&self.namespaces)
                        .all(|(_, object)| settled::settled(object))
                    && until
                        .iter()
                        .all(|(name, until)| settled::holds(until, seen.object(name)))
            })
    }

    fn record(&mut self, step: &Step, answers: Vec<Value>, with_events: bool) -> Value {
        let home = self.home().to_owned();
        let replacements = &mut self.replacements;
        let (objects, events, counted) = self.stage.observer.look(|seen| {
            let objects = seen.objects(&self.namespaces);
            let objects = record::objects(objects, &home, replacements);
            let (events, counted) = seen.events(&self.namespaces, self.counted);
            (objects, events, counted)
        });
        self.counted = counted;
        let events = self.events.record(&events, &home, replacements);
        let git = self.repositories.record(replacements);
        let mut record = json!({"do": step.title});
        if !objects.is_empty() {
            record["objects"] = objects.into();
        }
        if with_events && !events.is_empty() {
            record["events"] = events.into();
        }
        if !git.is_empty() {
            record["git"] = git.into();
        }
        if !answers.is_empty() {
            record["answers"] = answers.into();
        }
        record
    }

    /// Deletes the objects, so that nobody works on what has lost its servers.
    fn tidy_up(&self) {
        // Automations first: they work once more when a policy changes.
        for kind in RECORDED.into_iter().rev() {
            for namespace in &self.namespaces {
                self.stage.cluster.clear(kind, namespace);
            }
        }
    }
}

/// The version of an object: of two, the later has the greater one.
fn version(object: &Value) -> u64 {
    let version = object["metadata"]["resourceVersion"].as_str();
    version
        .and_then(|version| version.parse().ok())
        .expect("the versions of our API server are numbers")
}

/// A port where nobody listens and nobody will, as long as the socket is held.
fn closed_port(runtime: &Handle) -> (TcpSocket, SocketAddr) {
    let _inside = runtime.enter();
    let socket = TcpSocket::new_v4().expect("the system gives sockets");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(any).expect("loopback has a free port");
    let address = socket.local_addr().expect("a bound socket has an address");
    (socket, address)
}

/// A private key of the scenarios, of which locked ones have the passphrase `secret`.
fn key(name: &str) -> String {
    let path = super::folder().join("keys").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
