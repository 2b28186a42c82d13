//! What scans come to, and what of it is told.

use std::time::{Duration, SystemTime};

use api::ImageRepository;
use api::condition::{Outcome, concluded};
use api::reason::Reason;
use api::repository::ImageRepositoryStatus;
use engine::schedule::{LastReconcile, ScanReason};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use super::outcome::{self, Scanned};
use super::reconcile::due_since;
use crate::cluster::{Announce, Gates, Report, Requeue};

const HOUR: Duration = Duration::from_secs(3600);

fn repository(spec: serde_json::Value, status: serde_json::Value) -> ImageRepository {
    let object = json!({
        "apiVersion": "image.toolkit.fluxcd.io/v1",
        "kind": "ImageRepository",
        "metadata": { "name": "app", "namespace": "team", "uid": "u", "generation": 1 },
        "spec": spec,
        "status": status,
    });
    serde_json::from_value(object).unwrap()
}

fn spec() -> serde_json::Value {
    json!({ "image": "r.io/app", "interval": "1h" })
}

fn now() -> Timestamp {
    "2026-11-25T12:00:00.75Z".parse().unwrap()
}

fn scan(status: ImageRepositoryStatus, tags: &[&str]) -> Report<ImageRepositoryStatus> {
    let scanned = Scanned::new("sha256:ab".to_owned(), tags.iter().copied());
    outcome::scanned(status, "r.io/app", &["x"], scanned, now(), Some(HOUR))
}

fn trace(report: &Report<ImageRepositoryStatus>) -> &str {
    match &report.announce {
        Announce::OrTrace(text) => text.as_str(),
        _ => "",
    }
}

#[test]
fn a_scan_is_told_with_its_numbers_and_whole_seconds() {
    let report = scan(ImageRepositoryStatus::default(), &["b", "a"]);
    let result = report.status.last_scan_result.as_ref().unwrap();
    assert_eq!(result.tag_count, 2);
    assert_eq!(result.latest_tags, ["b", "a"]);
    let time = result.scan_time.as_ref().unwrap().0;
    assert_eq!(time.to_string(), "2026-11-25T12:00:00Z");
    assert_eq!(
        report.status.canonical_image_name.as_deref(),
        Some("r.io/app")
    );
    assert_eq!(report.status.observed_exclusion_list, ["x"]);
    assert_eq!(
        report.outcome.message(),
        "successful scan: found 2 tags with checksum sha256:ab"
    );
    assert_eq!(trace(&report), "successful scan, next scan in 1h0m0s");
    assert_eq!(report.requeue, Requeue::After(HOUR));
}

#[test]
fn row_110_the_same_tags_change_the_time_of_the_scan_and_nothing_else() {
    let first = scan(ImageRepositoryStatus::default(), &["b", "a"]).status;
    let mut again = scan(first.clone(), &["b", "a"]);
    assert_eq!(trace(&again), "tags did not change, next scan in 1h0m0s");
    let result = again.status.last_scan_result.as_mut().unwrap();
    result
        .scan_time
        .clone_from(&first.last_scan_result.as_ref().unwrap().scan_time);
    assert_eq!(again.status, first);
}

#[test]
fn row_109_ten_tags_are_shown() {
    let tags: Vec<String> = (10..22).rev().map(|n| n.to_string()).collect();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    let report = scan(ImageRepositoryStatus::default(), &tags);
    let result = report.status.last_scan_result.unwrap();
    assert_eq!(result.latest_tags, tags[..10]);
    assert_eq!(result.tag_count, 12);
}

#[test]
fn row_103_without_a_scan_the_stored_numbers_are_told_again() {
    let status = scan(ImageRepositoryStatus::default(), &["a"]).status;
    let next = Some(Duration::from_millis(3_598_500));
    let report = outcome::not_due(status, "r.io/app", &["x"], next);
    assert_eq!(
        report.outcome.message(),
        "successful scan: found 1 tags with checksum sha256:ab"
    );
    assert_eq!(
        trace(&report),
        "no change in repository configuration since last scan, next scan in 59m58.5s"
    );
}

#[test]
fn an_interval_of_zero_plans_nothing() {
    let scanned = Scanned::new(String::new(), ["a"].into_iter());
    let status = ImageRepositoryStatus::default();
    let report = outcome::scanned(status, "r.io/app", &[], scanned, now(), None);
    assert_eq!(report.requeue, Requeue::OnChange);
    assert_eq!(trace(&report), "successful scan, next scan in 0s");
}

#[test]
fn row_098_the_default_list_is_in_force_where_none_is_given() {
    for spec in [
        spec(),
        json!({ "image": "a", "interval": "1h", "exclusionList": [] }),
    ] {
        let object = repository(spec, json!({}));
        assert_eq!(outcome::exclusions(&object.spec), [r"^.*\.sig$"]);
    }
}

#[test]
fn row_140_a_cloud_s_service_account_needs_its_gate() {
    let gated = |spec: serde_json::Value, gates| {
        outcome::is_gated(&repository(spec, json!({})).spec, gates)
    };
    let cloud =
        || json!({ "image": "a", "interval": "1h", "provider": "aws", "serviceAccountName": "x" });
    assert!(gated(cloud(), Gates::default()));
    let open = Gates {
        object_level_workload_identity: true,
        ..Gates::default()
    };
    assert!(!gated(cloud(), open));
    let generic = json!({ "image": "a", "interval": "1h", "serviceAccountName": "x" });
    assert!(!gated(generic, Gates::default()));
    assert_eq!(outcome::gated().reason(), Reason::FeatureGateDisabled);
}

#[test]
fn only_a_failure_to_scan_leaves_something_to_do() {
    let after = |outcome: Outcome| {
        let time = Time(now());
        let status = ImageRepositoryStatus {
            conditions: concluded(&[], &outcome, 1, &time),
            ..ImageRepositoryStatus::default()
        };
        outcome::last_reconcile(&status)
    };
    let failed = |reason| {
        let status = ImageRepositoryStatus::default();
        outcome::failed(status, reason, "m".to_owned(), "p".to_owned()).outcome
    };
    assert_eq!(
        after(failed(Reason::ReadOperationFailed)),
        LastReconcile::Failed
    );
    assert_eq!(
        after(failed(Reason::AuthenticationFailed)),
        LastReconcile::Failed
    );
    assert_eq!(after(failed(Reason::Failure)), LastReconcile::Done);
    assert_eq!(after(outcome::gated()), LastReconcile::Done);
    let ready = scan(ImageRepositoryStatus::default(), &["a"]).outcome;
    assert_eq!(after(ready), LastReconcile::Done);
}

#[test]
fn policies_look_again_when_image_or_tags_are_others() {
    let status = |revision: &str| json!({ "canonicalImageName": "r.io/app", "lastScanResult": { "tagCount": 1, "revision": revision } });
    let before = repository(spec(), status("a"));
    let matters = |now: &ImageRepository| outcome::matters(Some(&before), now);
    assert!(outcome::matters(None, &before));
    assert!(!matters(&before));
    assert!(matters(&repository(spec(), status("b"))));
    // Row 112: a mirror with the same tags.
    let mut moved = before.clone();
    moved.spec.image = "mirror.io/app".to_owned();
    assert!(matters(&moved));
    let mut recreated = before.clone();
    recreated.metadata.uid = Some("another".to_owned());
    assert!(matters(&recreated));
    let mut unready = before.clone();
    unready.spec.access_from = Some(api::repository::AccessFrom::default());
    assert!(!matters(&unready));
}

#[test]
fn a_listing_begun_since_a_scan_is_due_will_do() {
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let status = json!({ "lastScanResult": { "tagCount": 1, "scanTime": "1970-01-01T01:00:00Z" } });
    let status = repository(spec(), status).status.unwrap();
    let since = |reason, triggered| due_since(reason, &status, HOUR, triggered, at(9000));
    assert_eq!(since(ScanReason::Interval, Some(at(8000))), at(7200));
    assert_eq!(since(ScanReason::Requested, Some(at(8000))), at(8000));
    assert_eq!(since(ScanReason::Requested, None), at(9000));
    let eventful = due_since(
        ScanReason::Interval,
        &status,
        Duration::ZERO,
        None,
        at(9000),
    );
    assert_eq!(eventful, at(9000));
}

#[test]
fn a_result_without_a_time_is_one_of_long_ago() {
    let status = |value| repository(spec(), value).status.unwrap();
    let timeless = status(json!({ "lastScanResult": { "tagCount": 0 } }));
    assert_eq!(outcome::scanned_at(&timeless), Some(SystemTime::UNIX_EPOCH));
    assert_eq!(outcome::scanned_at(&status(json!({}))), None);
}
