//! The names and labels that dashboards look for.

use super::*;

const KIND: &str = "ImageUpdateAutomation";

fn text(metrics: &Metrics) -> String {
    metrics.text().unwrap()
}

#[track_caller]
fn assert_lines(metrics: &Metrics, lines: &[&str]) {
    let text = text(metrics);
    for line in lines {
        assert!(text.lines().any(|have| have == *line), "{line} in\n{text}");
    }
}

#[test]
fn reconciles_are_timed_as_flux_times_them() {
    let metrics = Metrics::new("1.2.3");
    metrics.reconciled(KIND, "apps", "web", Duration::from_millis(200));
    assert_lines(
        &metrics,
        &[
            "# TYPE gotk_reconcile_duration_seconds histogram",
            r#"gotk_reconcile_duration_seconds_count{kind="ImageUpdateAutomation",name="web",namespace="apps"} 1"#,
            r#"gotk_reconcile_duration_seconds_sum{kind="ImageUpdateAutomation",name="web",namespace="apps"} 0.2"#,
            "# EOF",
        ],
    );
    let text = text(&metrics);
    let bounds = text.lines().filter_map(|line| {
        let (_, bound) = line.split_once("_bucket{le=\"")?;
        Some(bound.split_once('"')?.0.to_owned())
    });
    let bounds: Vec<f64> = bounds.map(|bound| bound.parse().unwrap()).collect();
    let expected = [
        0.01, 0.0384, 0.1472, 0.5646, 2.166, 8.31, 31.88, 122.3, 469.2, 1800.0,
    ];
    assert_eq!(bounds.len(), expected.len() + 1);
    for (bound, expected) in bounds.iter().zip(expected) {
        assert!((bound / expected - 1.0).abs() < 0.001, "{bound}");
    }
    assert_eq!(bounds.last(), Some(&f64::INFINITY));
}

#[test]
fn nothing_names_an_object_that_is_gone() {
    let metrics = Metrics::new("1.2.3");
    for name in ["web", "api"] {
        metrics.reconciled(KIND, "apps", name, Duration::from_secs(1));
        metrics.markers("apps", name, 3, 1);
        metrics.token_lookup(TokenLookup::Hit, KIND, "apps", name);
        metrics.token_lookup(TokenLookup::Miss, KIND, "apps", name);
    }
    assert_lines(
        &metrics,
        &[
            r#"imgauto_markers_found{name="web",namespace="apps"} 3"#,
            r#"imgauto_markers_unresolved{name="web",namespace="apps"} 1"#,
        ],
    );
    metrics.forget(KIND, "apps", "web");
    let text = text(&metrics);
    assert!(!text.contains(r#"name="web""#), "{text}");
    assert_eq!(text.matches(r#"name="api""#).count(), 17, "{text}");
}

#[test]
fn a_policy_of_the_same_name_leaves_the_markers_of_an_automation() {
    let metrics = Metrics::new("1.2.3");
    metrics.markers("apps", "web", 3, 0);
    metrics.forget("ImagePolicy", "apps", "web");
    assert!(text(&metrics).contains("imgauto_markers_found{"));
}

#[test]
fn the_token_cache_counts_under_the_names_of_flux() {
    let metrics = Metrics::new("1.2.3");
    metrics.token_lookup(TokenLookup::Miss, "ImageRepository", "apps", "web");
    metrics.token_request(TokenRequest::Success);
    metrics.token_request(TokenRequest::Failure);
    metrics.token_evicted();
    metrics.tokens_cached(5);
    assert_lines(
        &metrics,
        &[
            r#"gotk_token_cache_events_total{event_type="cache_miss",kind="ImageRepository",name="web",namespace="apps",operation="reconcile"} 1"#,
            r#"gotk_token_cache_requests_total{status="success"} 1"#,
            r#"gotk_token_cache_requests_total{status="failure"} 1"#,
            "gotk_token_cache_evictions_total 1",
            "gotk_token_cached_items 5",
        ],
    );
}

#[test]
fn scans_and_git_are_counted_by_host() {
    let metrics = Metrics::new("1.2.3");
    metrics.scanned("ghcr.io", ScanResult::Changed);
    metrics.scanned("ghcr.io", ScanResult::Unchanged);
    metrics.scanned("ghcr.io", ScanResult::Unchanged);
    metrics.scanned("ghcr.io", ScanResult::Failed);
    metrics.tags_stored(2_000_000);
    metrics.registry_request("ghcr.io", Duration::from_millis(3));
    metrics.registry_quota("docker.io", 76);
    metrics.git_fetch("github.com", Duration::from_secs(2));
    metrics.git_push("github.com", Duration::from_secs(1));
    metrics.push_conflict("github.com");
    assert_lines(
        &metrics,
        &[
            r#"imgauto_scans_total{host="ghcr.io",result="changed"} 1"#,
            r#"imgauto_scans_total{host="ghcr.io",result="unchanged"} 2"#,
            r#"imgauto_scans_total{host="ghcr.io",result="failed"} 1"#,
            "imgauto_tags_stored 2000000",
            r#"imgauto_registry_request_seconds_bucket{le="0.005",host="ghcr.io"} 1"#,
            r#"imgauto_registry_quota_remaining{host="docker.io"} 76"#,
            r#"imgauto_git_fetch_seconds_sum{host="github.com"} 2.0"#,
            r#"imgauto_git_push_seconds_sum{host="github.com"} 1.0"#,
            r#"imgauto_git_push_conflicts_total{host="github.com"} 1"#,
        ],
    );
}

#[test]
fn the_program_tells_of_itself() {
    let metrics = Metrics::new("1.2.3");
    metrics.event_dropped(EventSink::Kubernetes);
    metrics.event_dropped(EventSink::Notification);
    metrics.lease_won("lease");
    assert_lines(
        &metrics,
        &[
            r#"imgauto_build_info{version="1.2.3"} 1"#,
            r#"imgauto_events_dropped_total{sink="kubernetes"} 1"#,
            r#"imgauto_events_dropped_total{sink="notification"} 1"#,
            r#"leader_election_master_status{name="lease"} 1"#,
        ],
    );
    metrics.lease_free("lease");
    assert_lines(
        &metrics,
        &[r#"leader_election_master_status{name="lease"} 0"#],
    );
    let memory = text(&metrics);
    let memory = memory
        .lines()
        .find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    assert!(memory.unwrap().parse::<u64>().unwrap() > 1 << 20);
}

#[test]
fn every_metric_is_explained() {
    let page = include_str!("../../../docs/reconciler.md");
    let metrics = Metrics::new("1.2.3");
    // What has never been counted is not shown.
    let second = Duration::from_secs(1);
    metrics.reconciled(KIND, "apps", "web", second);
    metrics.token_lookup(TokenLookup::Hit, KIND, "apps", "web");
    metrics.token_request(TokenRequest::Success);
    metrics.scanned("ghcr.io", ScanResult::Changed);
    metrics.registry_request("ghcr.io", second);
    metrics.registry_quota("ghcr.io", 1);
    metrics.git_fetch("github.com", second);
    metrics.git_push("github.com", second);
    metrics.push_conflict("github.com");
    metrics.markers("apps", "web", 1, 1);
    metrics.event_dropped(EventSink::Kubernetes);
    metrics.lease_won("lease");
    let text = text(&metrics);
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    for described in types {
        let (name, kind) = described.split_once(' ').unwrap();
        let suffix = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        assert!(page.contains(&format!("`{name}{suffix}`")), "{described}");
    }
}
