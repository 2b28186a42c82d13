//! One reconcile of one `ImageRepository`: what is known, what is decided, what is done.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use api::ImageRepository;
use api::condition::{CommonStatus as _, Outcome};
use api::reason::Reason;
use api::repository::ImageRepositoryStatus;
use engine::image::Repository;
use engine::policy::Exclusions;
use engine::schedule::{
    self, LastReconcile, ScanPlan, ScanReason, ScanState, StoredTags, plan_scan,
};
use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::listings::{Ask, Listed, Seen};
use super::outcome::{self, Scanned};
use super::registries::{ConnectError, Purpose, Warnings};
use super::{CONTROLLER, Connection, Scanner, lock};
use crate::chain::Chain;
use crate::cluster::{Report, Reporter, release};
use crate::feed;
use crate::metrics;
use crate::registry::TagList;
use crate::store::{Put, StoreError, Tags};

/// What a reconcile is about.
struct Subject<'a> {
    object: &'a ImageRepository,
    uid: String,
    image: Repository,
    canonical: String,
    exclusions: Vec<&'a str>,
    interval: Duration,
}

impl<'a> Subject<'a> {
    fn new(object: &'a ImageRepository, image: Repository) -> Self {
        Self {
            object,
            uid: object.uid().unwrap_or_default(),
            canonical: image.canonical(),
            image,
            exclusions: outcome::exclusions(&object.spec),
            interval: Duration::try_from(object.spec.interval.value()).unwrap_or_default(),
        }
    }

    fn timeout(&self) -> Duration {
        let timeout = self.object.spec.timeout.as_ref();
        let timeout = timeout.and_then(|timeout| Duration::try_from(timeout.value()).ok());
        schedule::scan_timeout(timeout, self.interval)
    }
}

type RepositoryReport = Report<ImageRepositoryStatus>;

impl Scanner {
    /// Scans if that is due, and tells.
    pub(super) async fn scan_when_due(
        &self,
        object: &ImageRepository,
    ) -> Result<Action, kube::Error> {
        if object.metadata.deletion_timestamp.is_some() {
            self.forget(object);
            release(&self.shared.client, object).await?;
            return Ok(Action::await_change());
        }
        let mut reporter = Reporter::new(&self.shared, &self.memory, CONTROLLER, object);
        if object.spec.suspend {
            let mut status = reporter.status().clone();
            if let Some(request) = reporter.request() {
                status.set_last_handled_reconcile_at(request.to_owned());
            }
            return reporter.record(status).await;
        }
        let status = reporter.status().clone();
        if outcome::is_gated(&object.spec, self.shared.options.gates) {
            let report = outcome::stalled(status, outcome::gated());
            return reporter.conclude(report).await;
        }
        let image = match Repository::parse(&object.spec.image) {
            Ok(image) => image,
            Err(error) => {
                let invalid = Outcome::Stalled {
                    reason: Reason::ImageUrlInvalid,
                    message: error.to_string(),
                };
                return reporter.conclude(outcome::stalled(status, invalid)).await;
            }
        };
        let subject = Subject::new(object, image);
        match self.report(&subject, &mut reporter).await? {
            Ok(report) => reporter.conclude(report).await,
            Err(PutOff(wait)) => Ok(Action::requeue(wait)),
        }
    }

    async fn report(
        &self,
        subject: &Subject<'_>,
        reporter: &mut Reporter<'_, ImageRepository>,
    ) -> Result<Result<RepositoryReport, PutOff>, kube::Error> {
        let status = reporter.status().clone();
        let triggered = lock(&self.triggered).remove(&subject.uid);
        let now = SystemTime::now();
        let plan = match self.plan(subject, reporter, now) {
            Ok(plan) => plan,
            Err(error) => {
                let message = format!("failed to determine if it's scan time: {}", Chain(&error));
                let progress = reporter.progress();
                return Ok(Ok(outcome::failed(
                    status,
                    Reason::Failure,
                    message,
                    progress,
                )));
            }
        };
        let not_due = |next| {
            let status = reporter.status().clone();
            outcome::not_due(status, &subject.canonical, &subject.exclusions, next)
        };
        // A configuration that was seen to work is not read again before it is needed.
        let unproven = reporter.is_new_generation()
            || outcome::last_reconcile(&status) == LastReconcile::Failed;
        if let ScanPlan::Wait(next) = plan
            && !unproven
        {
            return Ok(Ok(not_due(next)));
        }
        let deadline = Instant::now() + subject.timeout();
        let connection = match self.connect(subject, reporter, plan, deadline).await? {
            Ok(connection) => connection,
            Err(report) => return Ok(Ok(report)),
        };
        match plan {
            ScanPlan::Wait(next) => Ok(Ok(outcome::not_due(
                status,
                &subject.canonical,
                &subject.exclusions,
                next,
            ))),
            ScanPlan::Scan(reason) => {
                let scan = Scan {
                    subject,
                    connection: &connection,
                    reason,
                    due: due_since(reason, &status, subject.interval, triggered, now),
                    deadline,
                };
                self.scan(&scan, reporter).await
            }
        }
    }

    fn plan(
        &self,
        subject: &Subject<'_>,
        reporter: &Reporter<'_, ImageRepository>,
        now: SystemTime,
    ) -> Result<ScanPlan, StoreError> {
        let status = reporter.status();
        let held = self
            .repositories
            .tags
            .holds(&subject.uid, &subject.canonical)?;
        let missed = lock(&self.missed).remove(&feed::key_of(subject.object));
        let spread = schedule::spread(subject.interval, share(&subject.uid));
        let state = ScanState {
            scanned_at: outcome::scanned_at(status),
            request: reporter.request(),
            image: (&subject.canonical, status.canonical_image_name.as_deref()),
            exclusions: (&subject.exclusions, &status.observed_exclusion_list),
            last: outcome::last_reconcile(status),
            tags: match (held, missed) {
                (true, _) => StoredTags::Held,
                (false, true) => StoredTags::Missed,
                (false, false) => StoredTags::Lost,
            },
            interval: subject.interval,
            not_before: self.started.checked_add(spread),
        };
        Ok(plan_scan(&state, now))
    }

    async fn connect(
        &self,
        subject: &Subject<'_>,
        reporter: &mut Reporter<'_, ImageRepository>,
        plan: ScanPlan,
        deadline: Instant,
    ) -> Result<Result<Connection, RepositoryReport>, kube::Error> {
        let warnings = if reporter.is_new_generation() {
            Warnings::Logged
        } else {
            Warnings::Known
        };
        let purpose = match plan {
            ScanPlan::Scan(_) => Purpose::Use,
            ScanPlan::Wait(_) => Purpose::Check,
        };
        let progress = reporter.progress();
        let registries = &self.repositories.registries;
        let connect = registries.connect(subject.object, &subject.image, purpose, warnings);
        let connected = reporter
            .watch(&progress, tokio::time::timeout_at(deadline, connect))
            .await?;
        let status = reporter.status().clone();
        let unauthenticated = |why: &dyn std::fmt::Display| {
            let message = format!("failed to configure authentication options: {why}");
            let reason = Reason::AuthenticationFailed;
            outcome::failed(status.clone(), reason, message, progress)
        };
        Ok(match (connected, plan) {
            (Ok(Ok(connection)), _) => Ok(connection),
            // Flux logs in to clouds while it talks to the registry.
            (Ok(Err(ConnectError::Cloud(error))), ScanPlan::Scan(reason)) => {
                let message = format!("scan failed: {}", Chain(&error));
                let progress = outcome::progress(reason);
                let failure = Reason::ReadOperationFailed;
                Err(outcome::failed(status, failure, message, progress))
            }
            (Ok(Err(error)), _) => Err(unauthenticated(&Chain(&error))),
            (Err(_), _) => Err(unauthenticated(&"context deadline exceeded")),
        })
    }

    async fn scan(
        &self,
        scan: &Scan<'_>,
        reporter: &mut Reporter<'_, ImageRepository>,
    ) -> Result<Result<RepositoryReport, PutOff>, kube::Error> {
        let subject = scan.subject;
        let status = reporter.status().clone();
        let progress = outcome::progress(scan.reason);
        let failed = |status, why: String| {
            let message = format!("scan failed: {why}");
            outcome::failed(
                status,
                Reason::ReadOperationFailed,
                message,
                progress.clone(),
            )
        };
        // A registry is not asked for what could not be sifted.
        let exclusions = match Exclusions::new(&subject.exclusions) {
            Ok(exclusions) => exclusions,
            Err(error) => return Ok(Ok(failed(status, Chain(&error).to_string()))),
        };
        let seen = self.seen(subject, &status);
        let listing = self.listings.list(Ask {
            connection: scan.connection,
            repository: &subject.image,
            due: scan.due,
            seen: seen.as_ref(),
            deadline: scan.deadline,
            metrics: &self.shared.metrics,
        });
        let listed = match reporter.watch(&progress, listing).await? {
            Ok(listed) => listed,
            Err(error) => {
                self.count(scan, metrics::ScanResult::Failed);
                return Ok(match outcome::put_off(&status, &error) {
                    Some(wait) => Err(PutOff(wait)),
                    None => Ok(outcome::unlisted(status, &error, scan.reason)),
                });
            }
        };
        let (fingerprint, list) = match listed {
            Listed::Other { fingerprint, list } => (fingerprint, list),
            Listed::Same => {
                self.count(scan, metrics::ScanResult::Unchanged);
                let scanned = Scanned::again(&status);
                return Ok(Ok(done(scan, status, scanned)));
            }
        };
        let kept = self.keep(subject, fingerprint, list, exclusions).await;
        let (put, scanned) = match kept {
            Ok(kept) => kept,
            Err(error) => {
                let canonical = &subject.canonical;
                let why = Chain(&error);
                let why = format!("failed to set tags for \"{canonical}\": {why}");
                return Ok(Ok(failed(status, why)));
            }
        };
        let result = match put {
            Put::Same => metrics::ScanResult::Unchanged,
            Put::New | Put::Changed => metrics::ScanResult::Changed,
        };
        self.count(scan, result);
        if put != Put::Same && status.last_scan_result.is_some() {
            // The status may say the same as before, so policies would not hear of it.
            let key = feed::key_of(subject.object);
            self.repositories.changed.put(key);
        }
        Ok(Ok(done(scan, status, scanned)))
    }

    fn count(&self, scan: &Scan<'_>, result: metrics::ScanResult) {
        let subject = scan.subject;
        let quota = scan.connection.client.quota(&subject.image);
        let host = subject.image.registry();
        self.shared.metrics.scanned(host, result);
        if let Some(remaining) = quota.and_then(|quota| quota.remaining) {
            self.shared.metrics.registry_quota(host, remaining);
        }
    }

    /// What the last scan was made of, if that is what status and store tell of still.
    fn seen(&self, subject: &Subject<'_>, status: &ImageRepositoryStatus) -> Option<Seen> {
        let seen = lock(&self.seen).get(&subject.uid).cloned()?;
        let result = status.last_scan_result.as_ref()?;
        let tags = &self.repositories.tags;
        let same = result.revision.as_ref() == Some(&seen.revision)
            && seen.exclusions == subject.exclusions
            && tags
                .holds(&subject.uid, &subject.canonical)
                .unwrap_or(false);
        same.then_some(seen)
    }

    /// Sifts a listing and stores what is left.
    async fn keep(
        &self,
        subject: &Subject<'_>,
        fingerprint: [u8; 32],
        list: Arc<TagList>,
        exclusions: Exclusions,
    ) -> Result<(Put, Scanned), StoreError> {
        let (repositories, uid) = (Arc::clone(&self.repositories), subject.uid.clone());
        let canonical = subject.canonical.clone();
        let stored = tokio::task::spawn_blocking(move || {
            let tags = sift(&list, &exclusions);
            let put = repositories.tags.put(&uid, &canonical, &tags)?;
            Ok((put, Scanned::new(tags.revision(), tags.iter())))
        });
        let (put, scanned): (Put, Scanned) = stored
            .await
            .unwrap_or_else(|fault| std::panic::resume_unwind(fault.into_panic()))?;
        let exclusions = subject.exclusions.iter();
        let seen = Seen {
            listing: fingerprint,
            exclusions: exclusions.map(|one| (*one).to_owned()).collect(),
            revision: scanned.revision.clone(),
        };
        lock(&self.seen).insert(subject.uid.clone(), seen);
        Ok((put, scanned))
    }
}

/// A scan that is due.
struct Scan<'a> {
    subject: &'a Subject<'a>,
    connection: &'a Connection,
    reason: ScanReason,
    /// Since when it is due.
    due: SystemTime,
    deadline: Instant,
}

/// Tells of a scan that reached its end.
fn done(scan: &Scan<'_>, status: ImageRepositoryStatus, scanned: Scanned) -> RepositoryReport {
    let Subject {
        canonical,
        exclusions,
        interval,
        ..
    } = scan.subject;
    let next = schedule::next_scan(*interval);
    outcome::scanned(
        status,
        canonical,
        exclusions,
        scanned,
        Timestamp::now(),
        next,
    )
}

/// The host asked to be left alone for so long.
struct PutOff(Duration);

/// Since when a scan is due: a listing that was begun later, for whomever, shows what this one is to show.
pub(super) fn due_since(
    reason: ScanReason,
    status: &ImageRepositoryStatus,
    interval: Duration,
    triggered: Option<SystemTime>,
    now: SystemTime,
) -> SystemTime {
    let over = outcome::scanned_at(status).and_then(|time| time.checked_add(interval));
    let since = match reason {
        ScanReason::Interval if !interval.is_zero() => over,
        _ => triggered,
    };
    since.unwrap_or(now).min(now)
}

/// The tags that are kept, bytewise descending.
fn sift(list: &TagList, exclusions: &Exclusions) -> Tags {
    let kept = list.tags.iter().map(String::as_str);
    let mut kept: Vec<&str> = kept.filter(|tag| !exclusions.excludes(tag)).collect();
    kept.sort_unstable_by(|left, right| right.cmp(left));
    Tags::new(kept)
}

/// Where an object stands among all, evenly spread and the same after every start.
fn share(uid: &str) -> u32 {
    let hash: [u8; 32] = Sha256::digest(uid).into();
    u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]])
}
