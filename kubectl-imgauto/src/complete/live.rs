//! Candidates that only the kubeconfigs or the cluster know.

use std::sync::mpsc;
use std::time::Duration;

use api::{GitRepository, ImagePolicy, ImageRepository, ImageUpdateAutomation, WorkloadKind};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::core::GroupVersionKind;
use kube::{Api, ResourceExt as _};

use super::Candidate;
use super::offer::{Entry, Source};
use super::place::Place;
use crate::cli::{self, Globals};
use crate::cluster::Cluster;
use crate::environment::Environment;
use crate::error::CliError;
use crate::kubeconfig;
use crate::namespace;
use crate::noun::Noun;
use crate::session::Session;

/// How long somebody who pressed a key waits for the cluster.
const BUDGET: Duration = Duration::from_secs(1);

/// How many names are asked for: more help nobody.
const LIMIT: u32 = 500;

/// The kinds whose names stand for `workload`: what people write manifests of.
const WRITTEN: [WorkloadKind; 4] = [
    WorkloadKind::Deployment,
    WorkloadKind::StatefulSet,
    WorkloadKind::DaemonSet,
    WorkloadKind::CronJob,
];

/// Asks for the candidates; there are none if nobody answers in time.
pub(super) fn ask(source: Source, place: &Place<'_>, environment: &Environment) -> Vec<Candidate> {
    let given = place.flags.iter().filter(|(flag, _)| flag.is_global_set());
    let flags = given.filter_map(|(flag, value)| Some(format!("--{}={value}", flag.get_long()?)));
    let Some(globals) = cli::globals(flags) else {
        return Vec::new();
    };
    let names = match source {
        Source::Kubeconfig(entry) => configured(entry, &globals, environment),
        source => in_cluster(source, globals, environment.clone()),
    };
    let new = names
        .into_iter()
        .filter(|name| !place.words.contains(&name.as_str()));
    new.map(|name| Candidate::new(name, "")).collect()
}

fn configured(entry: Entry, globals: &Globals, environment: &Environment) -> Vec<String> {
    let flag = globals.connection.kubeconfig.as_deref();
    let names = kubeconfig::names(&kubeconfig::files(flag, environment));
    match entry {
        Entry::Contexts => names.contexts,
        Entry::Clusters => names.clusters,
        Entry::Users => names.users,
    }
}

/// Asks the cluster from a thread of its own, which may be stuck in a login program for longer than there is time.
fn in_cluster(source: Source, globals: Globals, environment: Environment) -> Vec<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let session = Session {
            globals: &globals,
            environment: &environment,
            stdout: &mut std::io::sink(),
            stderr: &mut std::io::sink(),
        };
        let names = list(&source, &session);
        // Whoever asked has perhaps gone on without.
        let _ = sender.send(names);
    });
    let answer = receiver.recv_timeout(BUDGET);
    answer.ok().and_then(Result::ok).unwrap_or_default()
}

fn list(source: &Source, session: &Session<'_>) -> Result<Vec<String>, CliError> {
    let cluster = Cluster::open(session)?;
    let kinds = match source {
        Source::Namespaces => plain(ApiResource::erase::<Namespace>(&())),
        Source::GitRepositories => plain(ApiResource::erase::<GitRepository>(&())),
        Source::Names { noun, before } => {
            let kinds = resources(*noun).into_iter();
            kinds
                .map(|(resource, kind)| (resource, format!("{before}{kind}")))
                .collect()
        }
        Source::Kubeconfig(_) => Vec::new(),
    };
    let namespace = namespace::choose(session.globals, session.environment)?.name;
    cluster.run(async {
        let mut found = Vec::new();
        for (resource, before) in kinds {
            let client = cluster.client.clone();
            let objects = match source {
                Source::Namespaces => Api::<DynamicObject>::all_with(client, &resource),
                _ => Api::namespaced_with(client, &namespace, &resource),
            };
            let limited = ListParams::default().limit(LIMIT);
            // A kind that may not be listed leaves the others.
            let Ok(objects) = objects.list_metadata(&limited).await else {
                continue;
            };
            found.extend(
                objects
                    .iter()
                    .map(|object| format!("{before}{}", object.name_any())),
            );
        }
        Ok(found)
    })
}

/// One resource whose names stand for themselves.
fn plain(resource: ApiResource) -> Vec<(ApiResource, String)> {
    vec![(resource, String::new())]
}

/// The resources of a noun, and what stands in front of each name.
fn resources(noun: Noun) -> Vec<(ApiResource, String)> {
    match noun {
        Noun::Repository => plain(ApiResource::erase::<ImageRepository>(&())),
        Noun::Policy => plain(ApiResource::erase::<ImagePolicy>(&())),
        Noun::Update => plain(ApiResource::erase::<ImageUpdateAutomation>(&())),
        Noun::Workload(Some(kind)) => plain(resource(kind)),
        Noun::Workload(None) => {
            let kinds = WRITTEN.map(|kind| (resource(kind), format!("{}/", kind.singular())));
            kinds.to_vec()
        }
        Noun::All => Vec::new(),
    }
}

fn resource(kind: WorkloadKind) -> ApiResource {
    let version = kind.api_version().rsplit('/').next().unwrap_or_default();
    let kind_of = GroupVersionKind::gvk(kind.group(), version, kind.kind());
    ApiResource::from_gvk_with_plural(&kind_of, kind.plural())
}
