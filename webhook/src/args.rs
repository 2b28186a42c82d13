//! The command line.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use api::pod_spec::PodPaths;
use clap::{Parser, ValueEnum};
use engine::admission::{Controller, Marked, Owned, Response, Rules};
use engine::duration::GoDuration;
use tracing::level_filters::LevelFilter;
use webhook::certificates::{Configuration, Hooks, Issuer, Lifetimes};
use webhook::process::{Settings, Source};
use webhook::review::Setup;

#[cfg(test)]
mod tests;

/// Marks how workloads stand to their image policies, and guards them where a namespace asks for it
#[derive(Debug, Parser)]
#[command(name = "imgauto-webhook", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    addresses: Addresses,
    #[command(flatten)]
    certificate: Certificate,
    #[command(flatten)]
    decisions: Decisions,
    #[command(flatten)]
    end: End,
    /// Least important message that is logged
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: LevelFilter,
    /// Form of the log
    #[arg(long, value_name = "FORM", default_value = "json")]
    log_encoding: LogEncoding,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Addresses")]
struct Addresses {
    /// Address that answers reviews
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:9443")]
    listen_addr: SocketAddr,
    /// Address that serves /livez and /readyz
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:9440")]
    health_addr: SocketAddr,
    /// Address that serves /metrics
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:8080")]
    metrics_addr: SocketAddr,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Certificate")]
struct Certificate {
    /// Directory with tls.crt and tls.key; without it, replicas sign their own by an authority they share
    #[arg(long, value_name = "DIRECTORY")]
    tls_dir: Option<PathBuf>,
    /// Secret of the authority
    #[arg(long, value_name = "NAME", default_value = "imgauto-webhook-ca")]
    tls_secret: String,
    /// Service that the API server calls
    #[arg(long, value_name = "NAME", default_value = "imgauto-webhook")]
    service: String,
    /// Domain of the cluster
    #[arg(long, value_name = "DOMAIN", default_value = "cluster.local")]
    cluster_domain: String,
    /// Another name or address that the API server calls, for example by URL; may be repeated
    #[arg(long = "tls-name", value_name = "NAME")]
    tls_names: Vec<String>,
    /// Mutating webhook configuration that is to trust the authority; may be repeated
    #[arg(
        long = "mutating-configuration",
        value_name = "NAME",
        default_value = "imgauto-mark"
    )]
    mutating: Vec<String>,
    /// Validating webhook configuration that is to trust the authority; may be repeated
    #[arg(
        long = "validating-configuration",
        value_name = "NAME",
        default_value = "imgauto-guard"
    )]
    validating: Vec<String>,
    /// How long an authority lives; it is replaced after two thirds of that
    #[arg(long, value_name = "DURATION", default_value = "8760h", value_parser = life)]
    ca_lifetime: Duration,
    /// How long a new authority is trusted before it signs
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = life)]
    ca_announcement: Duration,
    /// How long a certificate lives that the authority signs; it is replaced after two thirds of that
    #[arg(long, value_name = "DURATION", default_value = "168h", value_parser = life)]
    leaf_lifetime: Duration,
    /// Namespace this program runs in
    #[arg(
        long,
        env = "RUNTIME_NAMESPACE",
        value_name = "NAMESPACE",
        default_value = "imgauto-system"
    )]
    namespace: String,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Decisions")]
struct Decisions {
    /// Whether workloads are marked
    #[arg(long, value_name = "SWITCH", default_value = "on")]
    marks: Switch,
    /// User that keeps marks fresh; imgauto-reconciler of this namespace if it is not given
    #[arg(long, value_name = "USER")]
    marker: Option<String>,
    /// Namespace that is left alone, beside the system's and this one; may be repeated
    #[arg(long = "exempt-namespace", value_name = "NAMESPACE")]
    exempt_namespaces: Vec<String>,
    /// Kind of others that runs containers, and where its pod specs are, such as
    /// rollouts.argoproj.io=spec.template.spec; several paths with commas between; may be repeated
    #[arg(long = "kind", value_name = "RESOURCE.GROUP=PATHS")]
    kinds: Vec<Kind>,
    /// User that writes what a kind owns, such as system:serviceaccount:kruise-system:manager=CloneSet.apps.kruise.io;
    /// may be repeated
    #[arg(long = "controller", value_name = "USER=KIND.GROUP")]
    controllers: Vec<Writer>,
    /// What becomes of pods that a controller makes from a template
    #[arg(long, value_name = "RULE", default_value = "trusted")]
    owned_pods: OwnedPods,
    /// Group whose annotation imgauto.dev/override counts; may be repeated
    #[arg(long = "override-group", value_name = "GROUP")]
    override_groups: Vec<String>,
    /// What becomes of an image whose policy is named and is not there, where rules are enforced
    #[arg(long, value_name = "RULE", default_value = "tolerate")]
    missing_policy: Tolerance,
    /// What becomes of an image that wants no policy, where policies are required
    #[arg(long, value_name = "RULE", default_value = "tolerate")]
    opted_out: Tolerance,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "End")]
struct End {
    /// How long requests are still taken after SIGTERM
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    drain_delay: Duration,
    /// How long requests under way may take after that
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    grace: Duration,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogEncoding {
    /// One JSON object per line
    Json,
    /// Text for people
    Console,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OwnedPods {
    /// They are let in: a lost pod can always come back
    Trusted,
    /// They are checked like any other, and may be missing then
    Checked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Tolerance {
    Tolerate,
    Refuse,
}

impl From<Tolerance> for Response {
    fn from(tolerance: Tolerance) -> Self {
        match tolerance {
            Tolerance::Tolerate => Self::Tolerate,
            Tolerance::Refuse => Self::Refuse,
        }
    }
}

/// `resource.group=path[,path]`
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kind {
    group: String,
    resource: String,
    paths: PodPaths,
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, paths) = text
            .split_once('=')
            .ok_or("there is no = before the paths")?;
        let (resource, group) = kind
            .split_once('.')
            .ok_or("there is no . before the group")?;
        let paths = PodPaths::parse(paths.split(',')).map_err(|error| error.to_string())?;
        Ok(Self {
            group: group.to_owned(),
            resource: resource.to_owned(),
            paths,
        })
    }
}

/// `user=Kind.group`
#[derive(Clone, Debug, PartialEq, Eq)]
struct Writer(Controller);

impl FromStr for Writer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (user, kind) = text
            .rsplit_once('=')
            .ok_or("there is no = before the kind")?;
        let (kind, group) = kind.split_once('.').unwrap_or((kind, ""));
        if user.is_empty() || kind.is_empty() {
            return Err("user and kind must be given".to_owned());
        }
        Ok(Self(Controller {
            user: user.to_owned(),
            group: group.to_owned(),
            kind: kind.to_owned(),
        }))
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration: GoDuration = text.parse().map_err(|error| format!("{error}"))?;
    Duration::try_from(duration).map_err(|error| error.to_string())
}

/// A duration that certificates can have, which are dated to the second.
fn life(text: &str) -> Result<Duration, String> {
    let life = duration(text)?;
    match life.as_secs() {
        0 => Err("a second is the least".to_owned()),
        _ => Ok(life),
    }
}

impl Args {
    /// The least important message that is logged.
    pub(crate) fn log_level(&self) -> LevelFilter {
        self.log_level
    }

    /// The form of the log.
    pub(crate) fn log_encoding(&self) -> LogEncoding {
        self.log_encoding
    }

    /// What the program is told.
    pub(crate) fn settings(self) -> Settings {
        let namespace = self.certificate.namespace.clone();
        Settings {
            listen: self.addresses.listen_addr,
            health: self.addresses.health_addr,
            metrics: self.addresses.metrics_addr,
            certificate: self.certificate.source(),
            setup: self.decisions.setup(namespace),
            drain: self.end.drain_delay,
            grace: self.end.grace,
        }
    }
}

impl Certificate {
    fn source(self) -> Source {
        if let Some(directory) = self.tls_dir {
            return Source::Directory(directory);
        }
        let (service, namespace) = (&self.service, &self.namespace);
        let mut names = vec![
            format!("{service}.{namespace}.svc"),
            service.clone(),
            format!("{service}.{namespace}"),
            format!("{service}.{namespace}.svc.{}", self.cluster_domain),
        ];
        names.extend(self.tls_names);
        let of = |hooks: Hooks| move |name: String| Configuration { hooks, name };
        let mutating = self.mutating.into_iter().map(of(Hooks::Mutating));
        let validating = self.validating.into_iter().map(of(Hooks::Validating));
        Source::Authority(Issuer {
            secret: self.tls_secret,
            names,
            configurations: mutating.chain(validating).collect(),
            lives: Lifetimes {
                authority: self.ca_lifetime,
                leaf: self.leaf_lifetime,
                announcement: self.ca_announcement,
            },
            namespace: self.namespace,
        })
    }
}

impl Decisions {
    fn setup(self, namespace: String) -> Setup {
        let marker = format!("system:serviceaccount:{namespace}:imgauto-reconciler");
        let mut rules = Rules {
            marker: Some(self.marker.unwrap_or(marker)),
            marked: match self.marks {
                Switch::On => Marked::Yes,
                Switch::Off => Marked::No,
            },
            owned: match self.owned_pods {
                OwnedPods::Trusted => Owned::Trusted,
                OwnedPods::Checked => Owned::Checked,
            },
            overriders: self.override_groups.into_iter().collect(),
            missing_policy: self.missing_policy.into(),
            opted_out: self.opted_out.into(),
            ..Rules::default()
        };
        rules.exempt_namespaces.insert(namespace);
        rules.exempt_namespaces.extend(self.exempt_namespaces);
        let controllers = self.controllers.into_iter();
        rules.controllers.extend(controllers.map(|writer| writer.0));
        let kinds: BTreeMap<_, _> = self
            .kinds
            .into_iter()
            .map(|kind| ((kind.group, kind.resource), kind.paths))
            .collect();
        Setup { rules, kinds }
    }
}
