//! What a run does with registries that misbehave: one clear error within its deadline, and no decision on half a listing.

use std::time::{Duration, Instant};

use harness::FaultRegistry;
use harness::fault_registry::Fault;

use crate::fleet::{DEPLOYMENT, Fleet, deployment};

/// What a fault must lead to: words of the error.
fn faults() -> Vec<(&'static str, Fault, &'static str)> {
    vec![
        ("401", Fault::status(401), "UNAUTHORIZED"),
        ("403", Fault::status(403), "DENIED"),
        ("404", Fault::status(404), "NAME_UNKNOWN"),
        ("429", Fault::too_many_requests("3600"), "TOOMANYREQUESTS"),
        ("500", Fault::status(500), "told to fail"),
        ("garbage", Fault::garbage(), "scan failed"),
        ("endless pages", Fault::EndlessPages, "page"),
        ("looping page", Fault::LoopingPage, "comes again"),
        (
            "foreign link",
            Fault::LinkTo("http://127.0.0.1:9/v2/podinfo/tags/list".into()),
            "127.0.0.1:9",
        ),
        ("cut off", Fault::CutOff, "scan failed"),
        ("silence", Fault::Silence, "scan failed"),
    ]
}

#[test]
fn every_fault_is_one_clear_error_and_nothing_is_changed() {
    for (name, fault, words) in faults() {
        let registry = FaultRegistry::start(&["5.0.0", "5.0.3"]);
        let image = format!("{}/podinfo", registry.host());
        let fleet = Fleet::new(&image, &[]);
        let checkout = fleet.checkout();
        registry.fail(fault);
        let start = Instant::now();
        let (stdout, errors) = checkout.ends_with(1, &["run", ".", "--timeout=5s"]);
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "{name} took {:?}",
            start.elapsed()
        );
        assert_eq!(stdout, "", "{name}");
        assert_eq!(errors.matches('✗').count(), 1, "{name}: {errors}");
        assert!(
            errors.contains("ImageRepository flux-system/podinfo"),
            "{name}: {errors}"
        );
        assert!(errors.contains(words), "{name}: {errors}");
        assert_eq!(
            checkout.read(DEPLOYMENT),
            deployment(&image, "5.0.0"),
            "{name}"
        );
    }
}

#[test]
fn a_listing_that_breaks_at_its_second_page_decides_nothing() {
    let tags: Vec<String> = (0..1500).map(|minor| format!("5.{minor}.0")).collect();
    let registry = FaultRegistry::start(&tags);
    let image = format!("{}/podinfo", registry.host());
    let fleet = Fleet::new(&image, &[]);
    let checkout = fleet.checkout();
    registry.fail_after(1, Fault::status(404));
    checkout.ends_with(1, &["run", "."]);
    assert_eq!(checkout.read(DEPLOYMENT), deployment(&image, "5.0.0"));
}

#[test]
fn a_registry_that_recovers_is_asked_again() {
    let registry = FaultRegistry::start(&["5.0.0", "5.0.3"]);
    let image = format!("{}/podinfo", registry.host());
    let fleet = Fleet::new(&image, &[]);
    let checkout = fleet.checkout();
    registry.fail_times(1, Fault::too_many_requests("0"));
    checkout.ends_with(0, &["run", "."]);
    assert_eq!(checkout.read(DEPLOYMENT), deployment(&image, "5.0.3"));
}

#[test]
fn one_failing_repository_does_not_stop_the_others() {
    let registry = FaultRegistry::start(&["5.0.0", "5.0.3"]);
    let image = format!("{}/podinfo", registry.host());
    let broken = "---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: broken, namespace: flux-system}
spec: {image: 127.0.0.1:9/broken, interval: 1m}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: broken, namespace: flux-system}
spec: {imageRepositoryRef: {name: broken}, policy: {alphabetical: {}}}
";
    let fleet = Fleet::new(&image, &[("broken.yaml", broken)]);
    let checkout = fleet.checkout();
    let (_, errors) = checkout.ends_with(1, &["run", ".", "--timeout=5s"]);
    assert!(
        errors.contains("broken.yaml:2: ImageRepository flux-system/broken"),
        "{errors}"
    );
    assert_eq!(checkout.read(DEPLOYMENT), deployment(&image, "5.0.3"));
}
