//! What is said of reviews: in the log, in the audit log of the API server, in metrics; and what large ones cost.

use std::time::{Duration, Instant};

use harness::program::output;
use harness::replicas::{Replica, ReplicasOptions};
use harness::{ControlPlane, Namespace, Replicas, wait};
use serde_json::{Value, json};

use crate::webhook_endure::{PATIENCE, deployment, enforced, settles};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// What must not be said anywhere.
const SECRET: &str = "s3cr3t-of-somebody";

fn start<'a>(plane: &'a ControlPlane, suffix: &str) -> Replicas<'a> {
    let options = ReplicasOptions {
        suffix,
        count: 1,
        flags: &["--log-level=trace", "--drain-delay=1s"],
        kubeconfig: None,
    };
    Replicas::start(plane, options)
}

/// Sends bytes as the API server does, without looking at the certificate; returns the status and the answer.
fn post(replica: &Replica, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, Value) {
    let url = format!("https://{}{path}?timeout=10s", replica.address());
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    wait(async move {
        let client = reqwest::Client::builder().danger_accept_invalid_certs(true);
        let client = client.build().expect("a client can be made");
        let request = client.post(url).header("content-type", "application/json");
        let request = headers.into_iter().fold(request, |request, (name, value)| {
            request.header(name, value)
        });
        let answer = request.body(body).send().await.expect("it answers");
        let status = answer.status().as_u16();
        let body = answer.bytes().await.expect("it answers");
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    })
}

fn review(namespace: &Namespace<'_>, object: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "7", "operation": "CREATE", "namespace": namespace.name(), "name": "web",
            "object": object,
            "resource": { "group": "apps", "version": "v1", "resource": "deployments" },
            "userInfo": {
                "username": "jane", "uid": "u", "groups": ["system:authenticated"],
                "extra": { "token": [SECRET] },
            },
        },
    })
}

fn denials(replica: &Replica) -> Vec<Value> {
    let lines = replica.logs().into_iter();
    let lines = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    lines.filter(|line| line["message"] == "decided").collect()
}

/// Waits until as many denials of the trace are logged.
fn traced_denials(replica: &Replica, count: usize) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let mut traced = denials(replica);
        traced.retain(|line| line["trace_id"] == TRACE);
        if traced.len() >= count {
            return traced;
        }
        let log = || replica.logs().join("\n");
        assert!(begun.elapsed() < PATIENCE, "{traced:?}\n{}", log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_log_has_a_line_for_each_denial_and_no_secret() {
    let plane = ControlPlane::shared();
    let namespace = enforced(plane, "logged");
    let replicas = start(plane, "logged");
    settles(&namespace);
    let replica = &replicas.running()[0];
    let mut object = deployment("2.0.0");
    object["metadata"]["annotations"] = json!({ "note": SECRET });
    let template = &mut object["spec"]["template"]["spec"];
    template["containers"][0]["env"] = json!([{ "name": "TOKEN", "value": SECRET }]);
    template["imagePullSecrets"] = json!([{ "name": SECRET }]);
    let traced = [("traceparent", &*format!("00-{TRACE}-00f067aa0ba902b7-01"))];
    let body = |review: &Value| serde_json::to_vec(review).unwrap();
    let asked = review(&namespace, &object);
    for (path, allowed) in [
        ("/mutate", true),
        ("/validate", false),
        ("/validate/enforce", false),
    ] {
        let (status, answer) = post(replica, path, &traced, body(&asked));
        assert_eq!((status, &answer["response"]["uid"]), (200, &json!("7")));
        assert_eq!(answer["response"]["allowed"], allowed, "{path}: {answer}");
    }

    // Whatever is wrong with what is sent, it is not repeated.
    let mut odd = asked.clone();
    odd["request"]["object"]["spec"]["template"]["spec"]["containers"] = json!(SECRET);
    let mut unread = asked.clone();
    unread["request"]["operation"] = json!(SECRET);
    let mut other = asked.clone();
    other["request"]["object"]["metadata"] = json!(SECRET);
    for wrong in [&odd, &unread, &other] {
        for path in [
            "/mutate",
            "/validate",
            "/validate/enforce",
            "/validate-policies",
        ] {
            post(replica, path, &traced, body(wrong));
        }
    }
    for wrong in [
        SECRET.to_owned(),
        format!("{{\"{SECRET}\": "),
        format!("\"{SECRET}\""),
    ] {
        let (status, _) = post(replica, "/mutate", &traced, wrong.into_bytes());
        assert_eq!(status, 400);
    }

    // Two for what was asked first, and two for each of the two whose images cannot be read.
    let traced = traced_denials(replica, 6);
    assert_eq!(traced.len(), 6, "{traced:?}");
    let first = &traced[0];
    assert_eq!(first["decision"], "denied", "{first}");
    assert_eq!(
        (&first["user"], &first["namespace"], &first["resource"]),
        (
            &json!("jane"),
            &json!(namespace.name()),
            &json!("deployments")
        )
    );
    let log = replica.logs().join("\n");
    assert!(!log.contains(SECRET), "{log}");
    assert!(
        log.contains(r#""level":"DEBUG""#),
        "it tells all it has to tell"
    );
}

#[test]
fn what_was_decided_stands_in_the_audit_log() {
    let plane = ControlPlane::shared();
    let namespace = enforced(plane, "audited");
    let _replicas = start(plane, "audited");
    settles(&namespace);
    let before = plane.audit_annotations(namespace.name()).len();
    let write = |tag: &str| {
        let file = namespace.home().join("object.json");
        std::fs::write(&file, deployment(tag).to_string()).unwrap();
        let mut kubectl = namespace.kubectl();
        output(kubectl.args(["create", "--filename"]).arg(&file)).status
    };
    assert!(write("1.8.0").success());
    assert!(!write("2.0.0").success());
    assert!(!write("2.0.0").success());
    let written = plane.audit_annotations(namespace.name()).split_off(before);
    let ours: Vec<Vec<(String, String)>> = written
        .into_iter()
        .map(|annotations| {
            let ours = annotations.into_iter();
            ours.filter(|(key, _)| key.starts_with("enforce.audited.imgauto.dev/"))
                .collect()
        })
        .filter(|annotations: &Vec<_>| !annotations.is_empty())
        .collect();
    assert_eq!(ours.len(), 3, "{ours:?}");
    let decision = |index: usize| {
        let mut annotations = ours[index].iter();
        let found = annotations.find(|(key, _)| key.ends_with("/decision"));
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(decision(0), Some("allowed"));
    assert_eq!(decision(1), Some("denied"));
    assert_eq!(ours[1], ours[2], "the same is said of the same");
    let findings = ours[1].iter().find(|(key, _)| key.ends_with("/findings"));
    assert!(findings.unwrap().1.contains("2.0.0"), "{ours:?}");
}

#[test]
fn many_large_reviews_at_once_take_no_more_memory_than_there_is() {
    let plane = ControlPlane::shared();
    let namespace = enforced(plane, "large");
    let replicas = start(plane, "large");
    settles(&namespace);
    let replica = &replicas.running()[0];
    let mut large = serde_json::to_vec(&review(&namespace, &deployment("1.9.0"))).unwrap();
    large.resize(10 << 20, b' ');
    let url = format!("https://{}/validate?timeout=30s", replica.address());
    let statuses = wait(async move {
        let client = reqwest::Client::builder().danger_accept_invalid_certs(true);
        let client = client.build().expect("a client can be made");
        let asked = (0..40).map(|_| {
            let request = client.post(&url).header("content-type", "application/json");
            let asked = request.body(large.clone()).send();
            async move { asked.await.map(|answer| answer.status().as_u16()) }
        });
        futures::future::join_all(asked).await
    });
    let statuses: Vec<_> = statuses.into_iter().map(Result::unwrap).collect();
    let known = statuses.iter().all(|status| matches!(status, 200 | 503));
    assert!(known && statuses.contains(&200), "{statuses:?}");
    let (_, most) = replica.memory();
    assert!(most < 160 << 20, "{most} bytes at most");
    settles(&namespace);
}

#[test]
fn all_that_is_measured_has_its_name() {
    let plane = ControlPlane::shared();
    let namespace = enforced(plane, "measured");
    let replicas = start(plane, "measured");
    settles(&namespace);
    let replica = &replicas.running()[0];
    post(replica, "/mutate", &[], b"nonsense".to_vec());
    let text = replica.metrics();
    for begin in [
        r#"imgauto_admission_requests_total{hook="mutate",kind="deployments",operation="create",dry_run="true",decision="patched"} "#,
        r#"imgauto_admission_requests_total{hook="validate",kind="deployments",operation="create",dry_run="true",decision="denied"} "#,
        r#"imgauto_admission_duration_seconds_bucket{le="0.00005",hook="mutate"} "#,
        r#"imgauto_admission_duration_seconds_count{hook="validate"} "#,
        r#"imgauto_admission_rejected_total{reason="malformed"} 1"#,
        "imgauto_admission_inflight ",
        "imgauto_admission_body_bytes_count ",
        "imgauto_admission_noop_ratio ",
        r#"imgauto_policy_snapshot_objects{kind="ImagePolicy"} "#,
        r#"imgauto_policy_snapshot_objects{kind="Namespace"} "#,
        "imgauto_policy_snapshot_age_seconds ",
        r#"imgauto_watch_connected{kind="ImagePolicy"} 1"#,
        "imgauto_tls_leaf_not_after_seconds 1",
        r#"imgauto_tls_handshakes_total{result="ok"} "#,
        "imgauto_overrides_total 0",
    ] {
        assert!(
            text.lines().any(|line| line.starts_with(begin)),
            "{begin}\n{text}"
        );
    }
    assert!(!text.contains(namespace.name()), "no names of others");
}
