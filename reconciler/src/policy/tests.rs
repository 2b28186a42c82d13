//! What policies decide, and what of it is told.

use std::time::{Duration, Instant};

use api::ImagePolicy;
use api::condition::{self, Outcome};
use api::policy::{ImagePolicySpec, ImagePolicyStatus};
use api::reason::Reason;
use engine::change::LatestRef;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use super::decision::{self, Lack, News, Refusal, Without};
use super::{refers_to, repository_of};
use crate::cluster::{Report, Requeue};
use crate::resources::ObjectKey;

fn spec(more: serde_json::Value) -> ImagePolicySpec {
    let mut spec = json!({
        "imageRepositoryRef": { "name": "app" },
        "policy": { "semver": { "range": ">=1.0.0" } },
    });
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

fn chosen(tag: &str, digest: Option<&str>) -> LatestRef {
    LatestRef {
        name: "r.io/app".to_owned(),
        tag: tag.to_owned(),
        digest: digest.map(str::to_owned),
    }
}

fn resolve(
    status: ImagePolicyStatus,
    tag: &str,
    digest: Option<&str>,
) -> Report<ImagePolicyStatus> {
    decision::resolved(&spec(json!({})), status, chosen(tag, digest))
}

fn refuse(status: ImagePolicyStatus, refusal: Refusal) -> Report<ImagePolicyStatus> {
    let again = Duration::from_millis(29_700);
    decision::refused(status, refusal, "progress".to_owned(), again)
}

/// A status whose conditions are those after `outcome`.
fn after(outcome: &Outcome, status: ImagePolicyStatus) -> ImagePolicyStatus {
    let time = Time(Timestamp::UNIX_EPOCH);
    ImagePolicyStatus {
        conditions: condition::concluded(&status.conditions, outcome, 1, &time),
        ..status
    }
}

fn ready() -> ImagePolicyStatus {
    let report = resolve(ImagePolicyStatus::default(), "1.0.0", None);
    after(&report.outcome, report.status)
}

#[test]
fn a_choice_is_told_with_digest_and_what_was_before() {
    let first = resolve(ImagePolicyStatus::default(), "1.0.0", None);
    assert_eq!(
        first.outcome.message(),
        "Latest image tag for r.io/app resolved to 1.0.0"
    );
    assert_eq!(first.status.observed_previous_ref, None);
    let second = resolve(first.status, "1.1.0", Some("sha256:b"));
    assert_eq!(
        second.outcome.message(),
        "Latest image tag for r.io/app resolved to 1.1.0 with digest sha256:b (previously r.io/app:1.0.0)"
    );
    let same = resolve(second.status.clone(), "1.1.0", Some("sha256:b"));
    assert_eq!(same.outcome, second.outcome);
    assert_eq!(same.status, second.status);
    let back = resolve(second.status, "1.0.0", None);
    assert_eq!(
        back.outcome.message(),
        "Latest image tag for r.io/app resolved to 1.0.0 (previously r.io/app:1.1.0@sha256:b)"
    );
}

#[test]
fn row_113_no_failure_takes_a_result_away() {
    let before = ready();
    for refusal in [
        Refusal::NoTags,
        Refusal::missing("app"),
        Refusal::denied("no"),
        Refusal::gated(),
        Refusal::Failed(Reason::Failure, "m".to_owned()),
    ] {
        let report = refuse(before.clone(), refusal);
        assert_eq!(report.status.latest_ref, before.latest_ref);
    }
}

#[test]
fn row_114_a_missing_repository_is_told_as_flux_does() {
    let report = refuse(ImagePolicyStatus::default(), Refusal::missing("app"));
    assert_eq!(report.outcome.reason(), Reason::DependencyNotReady);
    assert_eq!(
        report.outcome.message(),
        "failed to get the referred ImageRepository: referenced ImageRepository does not exist: \
         ImageRepository.image.toolkit.fluxcd.io \"app\" not found"
    );
    assert_eq!(report.requeue, Requeue::BACKOFF);
}

#[test]
fn row_108_without_tags_a_policy_comes_back_after_the_time_set_for_it() {
    let report = refuse(ImagePolicyStatus::default(), Refusal::NoTags);
    assert_eq!(
        report.outcome.message(),
        "retrying in 30s error: no tags in database"
    );
    assert_eq!(
        report.requeue,
        Requeue::After(Duration::from_millis(29_700))
    );
}

#[test]
fn row_107_a_lost_store_makes_no_policy_unready() {
    let now = Instant::now();
    let without = |status: &ImagePolicyStatus, news| {
        decision::without(Lack::Lost, status, news, now, now + Duration::from_secs(60))
    };
    assert_eq!(without(&ready(), News::None), Without::Stay);
    assert_eq!(without(&ready(), News::Some), Without::Tell);
    assert_eq!(
        without(&ImagePolicyStatus::default(), News::None),
        Without::Tell
    );
}

#[test]
fn tags_about_to_come_are_waited_for_before_their_lack_is_told() {
    let now = Instant::now();
    let new = ImagePolicyStatus::default();
    let waited = |lack, status: &ImagePolicyStatus, time: u64| {
        let later = now + Duration::from_millis(time);
        decision::without(lack, status, News::Some, now, later)
    };
    let wait = |time| Without::Wait(Duration::from_millis(time));
    assert_eq!(waited(Lack::NotScanned, &new, 0), wait(4750));
    assert_eq!(waited(Lack::NotScanned, &new, 4000), wait(750));
    assert_eq!(waited(Lack::NotScanned, &new, 4750), Without::Tell);
    let missing = refuse(new.clone(), Refusal::missing("app"));
    let failing = after(&missing.outcome, new);
    assert_eq!(waited(Lack::NotScanned, &failing, 0), Without::Tell);
    assert_eq!(waited(Lack::Lost, &failing, 0), wait(4750));
}

#[test]
fn a_rule_that_cannot_work_stalls_and_a_filter_only_where_there_are_tags() {
    let none = decision::rule(&spec(json!({ "policy": {} }))).unwrap_err();
    let message = "invalid policy: given ImagePolicyChoice object is invalid";
    assert_eq!(
        none,
        Refusal::Stalled(Reason::InvalidPolicy, message.to_owned())
    );
    let range = json!({ "policy": { "semver": { "range": "1 || newest" } } });
    let range = decision::rule(&spec(range)).unwrap_err();
    let message = "invalid policy: improper constraint: \" newest\"";
    assert_eq!(
        range,
        Refusal::Stalled(Reason::InvalidPolicy, message.to_owned())
    );
    let filter = spec(json!({ "filterTags": { "pattern": "(a" } }));
    let later = decision::rule(&filter).unwrap().unwrap_err();
    let message = "failed to filter tags: invalid regular expression pattern '(a': error parsing regexp: missing closing ): `(a`";
    assert_eq!(
        later,
        Refusal::Stalled(Reason::InvalidPolicy, message.to_owned())
    );
}

#[test]
fn nothing_that_matches_is_a_failure_in_the_rule_s_words() {
    let policy = decision::rule(&spec(json!({}))).unwrap().unwrap();
    let status = ImagePolicyStatus::default();
    let failed = decision::choose(&policy, &["0.1.0"], &status).unwrap_err();
    let message = "unable to determine latest version from provided list";
    assert_eq!(failed, Refusal::Failed(Reason::Failure, message.to_owned()));
}

#[test]
fn the_current_choice_stays_when_nothing_is_better() {
    let policy = decision::rule(&spec(json!({}))).unwrap().unwrap();
    let tags = ["v1.0.0", "1.0.0"];
    let fresh = decision::choose(&policy, &tags, &ImagePolicyStatus::default());
    assert_eq!(fresh.unwrap().tag, "v1.0.0");
    assert_eq!(
        decision::choose(&policy, &tags, &ready()).unwrap().tag,
        "1.0.0"
    );
}

#[test]
fn row_095_a_refresh_without_an_interval_stalls() {
    let always = json!({ "digestReflectionPolicy": "Always" });
    let message = "spec.interval must be set when spec.digestReflectionPolicy is set to 'Always'";
    assert_eq!(
        decision::check_interval(&spec(always)),
        Err(Refusal::Stalled(
            Reason::IntervalNotConfigured,
            message.to_owned()
        ))
    );
    let refresh = |interval: &str| {
        let always = json!({ "digestReflectionPolicy": "Always", "interval": interval });
        decision::refresh(&spec(always))
    };
    assert_eq!(refresh("1h"), Some(Duration::from_secs(3600)));
    assert_eq!(refresh("0s"), Some(Duration::from_secs(600)));
    assert_eq!(decision::refresh(&spec(json!({}))), None);
}

#[test]
fn row_128_a_digest_that_cannot_be_had_withholds_the_tag() {
    let report = refuse(ready(), decision::undigested("r.io/app", "1.1.0", "why"));
    assert_eq!(report.outcome.reason(), Reason::Failed);
    assert_eq!(
        report.outcome.message(),
        "failed fetching digest of r.io/app:1.1.0: why"
    );
    assert_eq!(report.status.latest_ref.unwrap().tag, "1.0.0");
}

#[test]
fn a_policy_refers_to_its_own_namespace_unless_it_says_otherwise() {
    let policy = |reference: serde_json::Value| -> ImagePolicy {
        let spec = spec(json!({ "imageRepositoryRef": reference }));
        let mut policy = ImagePolicy::new("p", spec);
        policy.metadata.namespace = Some("team".to_owned());
        policy
    };
    let own = policy(json!({ "name": "app" }));
    assert_eq!(repository_of(&own), ObjectKey::new("team", "app"));
    let other = policy(json!({ "name": "app", "namespace": "images" }));
    assert!(refers_to(&other, &ObjectKey::new("images", "app")));
    assert!(!refers_to(&other, &ObjectKey::new("team", "app")));
    assert!(!refers_to(&own, &ObjectKey::new("team", "another")));
}
