//! What the program counts and times, and the text that monitoring reads.
//!
//! Names that begin with `gotk_` are those Flux's dashboards know; ours begin with `imgauto_`. Labels hold names of
//! objects and hosts, never addresses: an address may carry a password.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{
    Histogram, exponential_buckets, exponential_buckets_range,
};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

mod marks;
mod process;
#[cfg(test)]
mod tests;

pub use marks::{MarkResult, Marks};

/// How many buckets there are for the time of a reconcile, from 10 ms to half an hour: those of Flux.
const RECONCILE_BUCKETS: u16 = 10;

/// The only caller of the token cache, in the words of Flux.
const RECONCILE: &str = "reconcile";

/// The kind whose objects have markers.
const AUTOMATION: &str = "ImageUpdateAutomation";

/// All metrics of the program. Clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    families: Arc<Families>,
    registry: Arc<Registry>,
}

/// How a scan of an image repository ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanResult {
    /// The registry lists other tags than last time.
    Changed,
    /// The registry lists the same tags as last time.
    Unchanged,
    /// There is no listing.
    Failed,
}

impl ScanResult {
    fn label(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
        }
    }
}

/// What the token cache had for an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenLookup {
    /// A token that is still good.
    Hit,
    /// Nothing: a login was made.
    Miss,
}

impl TokenLookup {
    fn label(self) -> &'static str {
        match self {
            Self::Hit => "cache_hit",
            Self::Miss => "cache_miss",
        }
    }
}

/// How a request to the token cache ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenRequest {
    /// With a token.
    Success,
    /// Without one: the login failed.
    Failure,
}

impl TokenRequest {
    fn label(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}

/// Where an event was to go when it was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventSink {
    /// The API server.
    Kubernetes,
    /// The address of `--events-addr`.
    Notification,
}

impl EventSink {
    fn label(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Notification => "notification",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ObjectLabels {
    kind: &'static str,
    name: String,
    namespace: String,
}

impl ObjectLabels {
    fn new(kind: &'static str, namespace: &str, name: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            namespace: namespace.to_owned(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenEventLabels {
    event_type: &'static str,
    kind: &'static str,
    name: String,
    namespace: String,
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TokenRequestLabels {
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ScanLabels {
    host: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HostLabels {
    host: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AutomationLabels {
    name: String,
    namespace: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SinkLabels {
    sink: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LeaseLabels {
    name: String,
}

#[derive(Debug)]
struct Families {
    reconcile_duration: Family<ObjectLabels, Histogram, fn() -> Histogram>,
    token_events: Family<TokenEventLabels, Counter>,
    tokens_cached: Gauge,
    token_requests: Family<TokenRequestLabels, Counter>,
    token_evictions: Counter,
    leading: Family<LeaseLabels, Gauge>,
    scans: Family<ScanLabels, Counter>,
    tags_stored: Gauge,
    registry_requests: Family<HostLabels, Histogram, fn() -> Histogram>,
    registry_quota: Family<HostLabels, Gauge>,
    git_fetches: Family<HostLabels, Histogram, fn() -> Histogram>,
    git_pushes: Family<HostLabels, Histogram, fn() -> Histogram>,
    push_conflicts: Family<HostLabels, Counter>,
    markers_found: Family<AutomationLabels, Gauge>,
    markers_unresolved: Family<AutomationLabels, Gauge>,
    events_dropped: Family<SinkLabels, Counter>,
    marks: Marks,
}

impl Metrics {
    /// Metrics in which nothing has happened yet, of a program of this version.
    #[must_use]
    pub fn new(version: &str) -> Self {
        let families = Families::new();
        let registry = families.register(version);
        Self {
            families: Arc::new(families),
            registry: Arc::new(registry),
        }
    }

    /// An object was reconciled, in so much time.
    pub fn reconciled(&self, kind: &'static str, namespace: &str, name: &str, took: Duration) {
        let labels = ObjectLabels::new(kind, namespace, name);
        let family = &self.families.reconcile_duration;
        family.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// An object is gone: nothing that names it is shown any more.
    pub fn forget(&self, kind: &'static str, namespace: &str, name: &str) {
        let labels = ObjectLabels::new(kind, namespace, name);
        self.families.reconcile_duration.remove(&labels);
        for lookup in [TokenLookup::Hit, TokenLookup::Miss] {
            let labels = token_event(lookup, kind, namespace, name);
            self.families.token_events.remove(&labels);
        }
        if kind == AUTOMATION {
            let labels = automation(namespace, name);
            self.families.markers_found.remove(&labels);
            self.families.markers_unresolved.remove(&labels);
        }
    }

    /// What is counted of the marks of workloads.
    pub fn marks(&self) -> &Marks {
        &self.families.marks
    }

    /// A registry was asked for all tags of a repository.
    pub fn scanned(&self, host: &str, result: ScanResult) {
        let host = host.to_owned();
        let result = result.label();
        let labels = ScanLabels { host, result };
        self.families.scans.get_or_create(&labels).inc();
    }

    /// The store holds so many tags, of all repositories together.
    pub fn tags_stored(&self, tags: u64) {
        self.families.tags_stored.set(level(tags));
    }

    /// A registry answered a request, or failed to, after so much time.
    pub fn registry_request(&self, host: &str, took: Duration) {
        let family = &self.families.registry_requests;
        observe(family, host, took);
    }

    /// A registry said how many requests it still grants.
    pub fn registry_quota(&self, host: &str, remaining: u64) {
        let gauge = self.families.registry_quota.get_or_create(&on(host));
        gauge.set(level(remaining));
    }

    /// A fetch from a Git host ended, well or badly, after so much time.
    pub fn git_fetch(&self, host: &str, took: Duration) {
        observe(&self.families.git_fetches, host, took);
    }

    /// A push to a Git host ended, well or badly, after so much time.
    pub fn git_push(&self, host: &str, took: Duration) {
        observe(&self.families.git_pushes, host, took);
    }

    /// A push was rejected because somebody else had pushed before.
    pub fn push_conflict(&self, host: &str) {
        let counter = self.families.push_conflicts.get_or_create(&on(host));
        counter.inc();
    }

    /// An automation has so many markers that work, and so many that do not.
    pub fn markers(&self, namespace: &str, name: &str, found: u64, unresolved: u64) {
        let labels = automation(namespace, name);
        let families = &self.families;
        let gauge = families.markers_found.get_or_create(&labels);
        gauge.set(level(found));
        let gauge = families.markers_unresolved.get_or_create(&labels);
        gauge.set(level(unresolved));
    }

    /// The token cache was asked on behalf of an object.
    pub fn token_lookup(
        &self,
        lookup: TokenLookup,
        kind: &'static str,
        namespace: &str,
        name: &str,
    ) {
        let labels = token_event(lookup, kind, namespace, name);
        self.families.token_events.get_or_create(&labels).inc();
    }

    /// The token cache answered.
    pub fn token_request(&self, status: TokenRequest) {
        let status = status.label();
        let labels = TokenRequestLabels { status };
        self.families.token_requests.get_or_create(&labels).inc();
    }

    /// The token cache threw out a token that was still good, to make room.
    pub fn token_evicted(&self) {
        self.families.token_evictions.inc();
    }

    /// The token cache holds so many tokens.
    pub fn tokens_cached(&self, tokens: usize) {
        let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
        self.families.tokens_cached.set(tokens);
    }

    /// An event was not told, since there was no room or no way.
    pub fn event_dropped(&self, sink: EventSink) {
        let sink = sink.label();
        let labels = SinkLabels { sink };
        self.families.events_dropped.get_or_create(&labels).inc();
    }

    /// This process has become the leader of a lease.
    pub fn lease_won(&self, lease: &str) {
        self.leading(lease).set(1);
    }

    /// This process does not lead: it waits, or it has lost or given away the lease.
    pub fn lease_free(&self, lease: &str) {
        self.leading(lease).set(0);
    }

    fn leading(&self, lease: &str) -> Gauge {
        let name = lease.to_owned();
        let family = &self.families.leading;
        family.get_or_create_owned(&LeaseLabels { name })
    }

    /// All metrics in OpenMetrics text.
    ///
    /// # Errors
    ///
    /// None in practice: writing to a string does not fail.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Families {
    fn new() -> Self {
        // Seconds: a request to a registry nearby takes milliseconds, to one that pages half a minute.
        let requests: fn() -> Histogram = || Histogram::new(exponential_buckets(0.005, 2.5, 10));
        // Seconds: a fetch of nothing takes tens of milliseconds, a first clone minutes.
        let transfers: fn() -> Histogram = || Histogram::new(exponential_buckets(0.01, 3.0, 10));
        let reconciles: fn() -> Histogram =
            || Histogram::new(exponential_buckets_range(0.01, 1800.0, RECONCILE_BUCKETS));
        Self {
            reconcile_duration: Family::new_with_constructor(reconciles),
            token_events: Family::default(),
            tokens_cached: Gauge::default(),
            token_requests: Family::default(),
            token_evictions: Counter::default(),
            leading: Family::default(),
            scans: Family::default(),
            tags_stored: Gauge::default(),
            registry_requests: Family::new_with_constructor(requests),
            registry_quota: Family::default(),
            git_fetches: Family::new_with_constructor(transfers),
            git_pushes: Family::new_with_constructor(transfers),
            push_conflicts: Family::default(),
            markers_found: Family::default(),
            markers_unresolved: Family::default(),
            events_dropped: Family::default(),
            marks: Marks::default(),
        }
    }

    /// Gives everything its name. Counters are written with `_total` behind it, info with `_info`.
    fn register(&self, version: &str) -> Registry {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(process::ThisProcess));
        self.register_known(&mut registry);
        let own = registry.sub_registry_with_prefix("imgauto");
        let version = vec![("version", version.to_owned())];
        own.register("build", "What is running", Info::new(version));
        self.register_registries(own);
        self.register_git(own);
        self.marks.register(own);
        let events = self.events_dropped.clone();
        own.register("events_dropped", "Events nobody was told", events);
        registry
    }

    /// What others have named: Flux, and the libraries its controllers are made of.
    fn register_known(&self, registry: &mut Registry) {
        let help = "The duration in seconds of a GitOps Toolkit resource reconciliation";
        let name = "gotk_reconcile_duration_seconds";
        registry.register(name, help, self.reconcile_duration.clone());
        let help =
            "Total number of cache retrieval events for a Gitops Toolkit resource reconciliation";
        registry.register("gotk_token_cache_events", help, self.token_events.clone());
        let help = "Total number of items in the cache";
        registry.register("gotk_token_cached_items", help, self.tokens_cached.clone());
        let help = "Total number of cache requests partitioned by success or failure";
        let name = "gotk_token_cache_requests";
        registry.register(name, help, self.token_requests.clone());
        let help = "Total number of cache evictions";
        let name = "gotk_token_cache_evictions";
        registry.register(name, help, self.token_evictions.clone());
        let help = "Whether this process leads, by the name of the lease";
        registry.register("leader_election_master_status", help, self.leading.clone());
    }

    fn register_registries(&self, own: &mut Registry) {
        let help = "Scans of image repositories, by the host of the registry and how they ended";
        own.register("scans", help, self.scans.clone());
        let help = "Tags in the store, of all image repositories together";
        own.register("tags_stored", help, self.tags_stored.clone());
        let help = "How long requests to a registry took";
        let family = self.registry_requests.clone();
        own.register("registry_request_seconds", help, family);
        let help = "Requests a registry still grants, as it said last";
        let family = self.registry_quota.clone();
        own.register("registry_quota_remaining", help, family);
    }

    fn register_git(&self, own: &mut Registry) {
        let help = "How long fetches from a Git host took";
        own.register("git_fetch_seconds", help, self.git_fetches.clone());
        let help = "How long pushes to a Git host took";
        own.register("git_push_seconds", help, self.git_pushes.clone());
        let help = "Pushes that were rejected since somebody else had pushed";
        own.register("git_push_conflicts", help, self.push_conflicts.clone());
        let help = "Markers of an automation that work";
        own.register("markers_found", help, self.markers_found.clone());
        let help = "Markers of an automation that cannot be used";
        let family = self.markers_unresolved.clone();
        own.register("markers_unresolved", help, family);
    }
}

fn observe(family: &Family<HostLabels, Histogram, fn() -> Histogram>, host: &str, took: Duration) {
    family.get_or_create(&on(host)).observe(took.as_secs_f64());
}

fn on(host: &str) -> HostLabels {
    let host = host.to_owned();
    HostLabels { host }
}

fn automation(namespace: &str, name: &str) -> AutomationLabels {
    AutomationLabels {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
    }
}

fn token_event(
    lookup: TokenLookup,
    kind: &'static str,
    namespace: &str,
    name: &str,
) -> TokenEventLabels {
    TokenEventLabels {
        event_type: lookup.label(),
        kind,
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        operation: RECONCILE,
    }
}

/// A number as gauges hold it.
fn level(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
