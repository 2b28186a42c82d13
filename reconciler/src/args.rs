//! The command line: the flags of Flux's two image controllers by name and default, and a few of our own.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use reconciler::process::listen::ListenAddress;
use reconciler::process::logs::Encoding;
use tracing::level_filters::LevelFilter;
use url::Url;

mod gates;
mod settings;
#[cfg(test)]
mod tests;
mod values;

use gates::GateList;
pub(crate) use settings::Environment;
use values::{duration, events_address, switch};

/// Keeps container images current through Git
///
/// Scans registries, chooses tags by policy, and commits them to the marked manifests of Git repositories. Takes the
/// place of Flux's image-reflector-controller and image-automation-controller and understands the flags of both.
#[derive(Debug, Parser)]
#[command(
    name = "imgauto-reconciler",
    version,
    args_override_self = true,
    max_term_width = 100
)]
pub(crate) struct Args {
    #[command(flatten)]
    addresses: Addresses,
    #[command(flatten)]
    logs: Logs,
    #[command(flatten)]
    cluster: Cluster,
    #[command(flatten)]
    election: Election,
    #[command(flatten)]
    work: Work,
    #[command(flatten)]
    tolerated: Tolerated,
}

/// Where the program listens, and whom it tells.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Addresses")]
struct Addresses {
    /// Address that serves /metrics; 0 serves none
    #[arg(long, value_name = "ADDRESS", default_value = ":8080")]
    metrics_addr: ListenAddress,
    /// Address that serves /healthz and /readyz; 0 serves none
    #[arg(long, value_name = "ADDRESS", default_value = ":9440")]
    health_addr: ListenAddress,
    /// URL that events are posted to, that of notification-controller; empty posts none
    #[arg(long, value_name = "URL", default_value = "", value_parser = events_address)]
    events_addr: OptionalUrl,
}

/// A URL, or nothing: the empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct OptionalUrl(Option<Url>);

/// What is logged, and how.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Logs")]
struct Logs {
    /// Least important message that is logged
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: LogLevel,
    /// Form of the log
    #[arg(long, value_name = "FORM", default_value = "json")]
    log_encoding: LogEncoding,
}

/// The least important message that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogLevel {
    /// Everything
    Trace,
    /// Also what was looked at and left alone
    Debug,
    /// What changed, and what went wrong
    Info,
    /// What went wrong
    Error,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogEncoding {
    /// One JSON object per line
    Json,
    /// Text for people
    Console,
}

impl Args {
    /// The least important message that is logged.
    pub(crate) fn log_level(&self) -> LevelFilter {
        match self.logs.log_level {
            LogLevel::Trace => LevelFilter::TRACE,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Error => LevelFilter::ERROR,
        }
    }

    /// The form of the log.
    pub(crate) fn log_encoding(&self) -> Encoding {
        match self.logs.log_encoding {
            LogEncoding::Json => Encoding::Json,
            LogEncoding::Console => Encoding::Console,
        }
    }
}

/// Which cluster, and what of it.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Cluster")]
struct Cluster {
    /// Kubeconfig of the cluster; else $KUBECONFIG, else the cluster the program runs in
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Watch all namespaces; if false, only the one of $RUNTIME_NAMESPACE
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", action = clap::ArgAction::Set, value_parser = switch)]
    watch_all_namespaces: bool,
    /// Work on objects with these labels only, so that several instances share the work
    #[arg(long, value_name = "SELECTOR", default_value = "")]
    watch_label_selector: String,
    /// Let objects refer to objects of their own namespace only
    #[arg(long, value_name = "BOOL", default_value = "false", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", action = clap::ArgAction::Set, value_parser = switch)]
    no_cross_namespace_refs: bool,
    /// ServiceAccount whose identity objects without one of their own use towards clouds
    #[arg(long, value_name = "NAME", default_value = "")]
    default_service_account: String,
    /// Switch features, as Feature=true,Other=false
    #[arg(long, value_name = "GATES", action = clap::ArgAction::Append)]
    feature_gates: Vec<GateList>,
}

/// Which of several instances works.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Leader election")]
struct Election {
    /// Let one of several instances work at a time
    #[arg(long, value_name = "BOOL", default_value = "false", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", action = clap::ArgAction::Set, value_parser = switch)]
    enable_leader_election: bool,
    /// Give the lease away when the program ends, so that the next instance need not wait
    #[arg(long, value_name = "BOOL", default_value = "true", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", action = clap::ArgAction::Set, value_parser = switch)]
    leader_election_release_on_cancel: bool,
    /// Time after which a lease that nobody renews is free
    #[arg(long, value_name = "DURATION", default_value = "35s", value_parser = duration)]
    leader_election_lease_duration: Duration,
    /// Time after which a leader that cannot renew its lease gives up
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    leader_election_renew_deadline: Duration,
    /// Time between two tries to take or renew the lease
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    leader_election_retry_period: Duration,
}

/// How the work is done.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Work")]
struct Work {
    /// Objects of each kind that are worked on at a time
    #[arg(long, value_name = "NUMBER", default_value = "4", value_parser = clap::value_parser!(u16).range(1..))]
    concurrent: u16,
    /// Time after which an object that waits for another one is looked at again
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    requeue_dependency: Duration,
    /// Time before the first retry of what failed
    #[arg(long, value_name = "DURATION", default_value = "750ms", value_parser = duration)]
    min_retry_delay: Duration,
    /// Longest time between two retries of what fails
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration)]
    max_retry_delay: Duration,
    /// Directory for tags and Git mirrors; what is in it can be lost
    #[arg(long, value_name = "DIRECTORY", default_value = "/data")]
    storage_path: PathBuf,
    /// Cloud tokens that are kept; 0 keeps none
    #[arg(long, value_name = "NUMBER", default_value = "100")]
    token_cache_max_size: usize,
    /// Longest time a cloud token is kept, an hour at most
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    token_cache_max_duration: Duration,
    /// Time without news after which the automations of one Git repository go out together
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    quiet_period: Duration,
    /// Longest time an automation waits for others to go out with
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = duration)]
    quiet_period_max: Duration,
    /// Time that work under way is given to finish when the program ends
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = duration)]
    graceful_shutdown_timeout: Duration,
}

/// Flags that have no effect here. They are taken so that arguments written for Flux start this program.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Flags of Flux without effect here")]
struct Tolerated {
    /// Size of a file of a store that is not used here
    #[arg(long, value_name = "BYTES")]
    storage_value_log_file_size: Option<i64>,
    /// Size from which tags are compressed; here they always are
    #[arg(long, value_name = "KIBIBYTES")]
    storage_compression_threshold: Option<i64>,
    /// Minutes between clean-ups of a store that needs none here
    #[arg(long, value_name = "MINUTES")]
    gc_interval: Option<u16>,
    /// Labels of Secrets and ConfigMaps to watch; none are watched
    #[arg(long, value_name = "SELECTOR")]
    watch_configs_label_selector: Option<String>,
    /// Requests per second; the API server shares itself out
    #[arg(long, value_name = "NUMBER")]
    kube_api_qps: Option<f32>,
    /// Requests at once; the API server shares itself out
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    kube_api_burst: Option<i64>,
    /// Key exchanges for SSH; only safe ones are offered
    #[arg(long, value_name = "NAMES")]
    ssh_kex_algos: Option<String>,
    /// Host keys for SSH; those of known_hosts are asked for
    #[arg(long, value_name = "NAMES")]
    ssh_hostkey_algos: Option<String>,
}

/// A flag or gate that was given and has no effect here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Idle {
    /// Its name.
    pub(crate) name: &'static str,
    /// Why it has no effect.
    pub(crate) reason: &'static str,
}

impl Tolerated {
    /// The flags that were given.
    fn given(&self) -> Vec<Idle> {
        let limits =
            "requests are few, and the API server shares itself out by priority and fairness";
        let rows = [
            (
                self.storage_value_log_file_size.is_some(),
                "--storage-value-log-file-size",
                "the store has no value log",
            ),
            (
                self.storage_compression_threshold.is_some(),
                "--storage-compression-threshold",
                "tags are always compressed",
            ),
            (
                self.gc_interval.is_some(),
                "--gc-interval",
                "the store cleans up after itself",
            ),
            (
                self.watch_configs_label_selector.is_some(),
                "--watch-configs-label-selector",
                "no ConfigMap or Secret is watched",
            ),
            (self.kube_api_qps.is_some(), "--kube-api-qps", limits),
            (self.kube_api_burst.is_some(), "--kube-api-burst", limits),
            (
                self.ssh_kex_algos.is_some(),
                "--ssh-kex-algos",
                "only key exchanges without known weakness are offered",
            ),
            (
                self.ssh_hostkey_algos.is_some(),
                "--ssh-hostkey-algos",
                "the algorithms of the keys in known_hosts are asked for",
            ),
        ];
        let given = rows.into_iter().filter(|(given, ..)| *given);
        given
            .map(|(_, name, reason)| Idle { name, reason })
            .collect()
    }
}
