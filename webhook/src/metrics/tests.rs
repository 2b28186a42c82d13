use super::*;

#[test]
fn what_is_counted_is_told() {
    let (metrics, policies) = (Metrics::new(), Policies::default());
    let answer = |decision| Answer {
        hook: Word("validate"),
        kind: Word("deployments"),
        operation: Word("create"),
        dry_run: Word("false"),
        decision: Word(decision),
    };
    metrics.answered(answer("denied"), Duration::from_micros(70));
    metrics.answered(answer("overridden"), Duration::from_micros(70));
    metrics.answered(answer("unchanged"), Duration::from_micros(40));
    metrics.answered(answer("allowed"), Duration::from_secs(3));
    metrics.rejected("busy");
    metrics.received(2000);
    metrics.handshake(Handshake::Late);
    metrics.leaf(7);
    let under_way = metrics.begin();
    policies.lost(Watched::Policies, Instant::now());
    let text = metrics.text(&policies, Instant::now()).unwrap();
    for line in [
        r#"imgauto_admission_requests_total{hook="validate",kind="deployments",operation="create",dry_run="false",decision="denied"} 1"#,
        r#"imgauto_admission_duration_seconds_bucket{le="0.0001",hook="validate"} 3"#,
        r#"imgauto_admission_duration_seconds_bucket{le="0.00005",hook="validate"} 1"#,
        r#"imgauto_admission_duration_seconds_bucket{le="+Inf",hook="validate"} 4"#,
        "imgauto_admission_noop_ratio 0.5",
        "imgauto_admission_inflight 1",
        r#"imgauto_admission_body_bytes_bucket{le="4096.0"} 1"#,
        r#"imgauto_admission_rejected_total{reason="busy"} 1"#,
        "imgauto_overrides_total 1",
        r#"imgauto_tls_handshakes_total{result="timeout"} 1"#,
        "imgauto_tls_leaf_not_after_seconds 7",
        r#"imgauto_watch_connected{kind="ImagePolicy"} 0"#,
        r#"imgauto_watch_connected{kind="Namespace"} 1"#,
        r#"imgauto_policy_snapshot_objects{kind="ImagePolicy"} 0"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    drop(under_way);
    let text = metrics.text(&policies, Instant::now()).unwrap();
    assert!(text.contains("imgauto_admission_inflight 0"));
}
