//! The real registry and the one that breaks.

use std::time::{Duration, Instant};

use harness::fault_registry::Fault;
use harness::registry::{RegistryAuth, RegistryOptions, Storage};
use harness::tls::{ClientCertificates, Tls};
use harness::{Authority, FaultRegistry, Registry};
use serde_json::Value;

use super::{get, header};

fn tags(url: &str) -> Vec<String> {
    let (status, body) = get(url, None).unwrap();
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    let tags = body["tags"].as_array().unwrap().iter();
    tags.map(|tag| tag.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_registry_keeps_and_forgets_tags() {
    for storage in [Storage::Memory, Storage::Filesystem] {
        let registry = Registry::start(RegistryOptions {
            storage,
            ..Default::default()
        });
        let first = registry.push_tag("stefanprodan/podinfo", "5.0.0");
        let second = registry.push_tag("stefanprodan/podinfo", "5.0.1");
        assert_ne!(first, second);
        assert_eq!(first, registry.push_tag("stefanprodan/podinfo", "5.0.0"));
        let url = format!(
            "http://{}/v2/stefanprodan/podinfo/tags/list",
            registry.host()
        );
        assert_eq!(tags(&url), ["5.0.0", "5.0.1"]);
        registry.delete("stefanprodan/podinfo", "5.0.0");
        assert_eq!(tags(&url), ["5.0.1"]);
    }
}

#[test]
fn a_thousand_tags_come_in_pages() {
    let registry = Registry::start(RegistryOptions::default());
    let all: Vec<_> = (0..1000).map(|number| format!("{number:04}")).collect();
    registry.push_tags("app", &all);
    let url = format!("http://{}/v2/app/tags/list?n=400", registry.host());
    assert_eq!(tags(&url), all[..400]);
    assert_eq!(tags(&format!("{url}&last=0799")), all[800..]);
}

#[test]
fn the_registry_refuses_wrong_passwords() {
    let account = ("ada".to_owned(), "p:w".to_owned());
    let auth = RegistryAuth::Htpasswd(vec![account]);
    let registry = Registry::start(RegistryOptions {
        auth,
        ..Default::default()
    });
    registry.push_tag("app", "1.0.0");
    let status = |account: &str| {
        get(&format!("http://{account}{}/v2/", registry.host()), None)
            .unwrap()
            .0
    };
    assert_eq!(status(""), 401);
    assert_eq!(status("ada:wrong@"), 401);
    assert_eq!(status("ada:p%3Aw@"), 200);
}

#[test]
fn the_registry_speaks_tls_and_wants_client_certificates() {
    let authority = Authority::new();
    for clients in [ClientCertificates::Ignored, ClientCertificates::Required] {
        let tls = Some(Tls {
            authority: &authority,
            clients,
        });
        let registry = Registry::start(RegistryOptions {
            tls,
            ..Default::default()
        });
        registry.push_tag("app", "1.0.0");
        let error = get(&format!("https://{}/v2/", registry.host()), None);
        assert!(error.is_err(), "nobody else trusts the authority");
    }
}

#[test]
fn a_registry_ends_with_its_value() {
    let registry = Registry::start(RegistryOptions::default());
    let host = registry.host();
    drop(registry);
    assert!(std::net::TcpStream::connect(host).is_err());
}

#[test]
fn the_fault_registry_works_until_told_otherwise() {
    let registry = FaultRegistry::start(&["c", "a", "b"]);
    let url = format!("http://{}/v2/app/tags/list", registry.host());
    assert_eq!(tags(&url), ["a", "b", "c"]);
    assert_eq!(tags(&format!("{url}?n=2")), ["a", "b"]);
    assert_eq!(tags(&format!("{url}?n=2&last=b")), ["c"]);
    registry.fail_times(1, Fault::status(500));
    assert_eq!(get(&url, None).unwrap().0, 500);
    assert_eq!(tags(&url), ["a", "b", "c"]);
    registry.fail_after(1, Fault::status(503));
    assert_eq!(get(&url, None).unwrap().0, 200);
    assert_eq!(get(&url, None).unwrap().0, 503);
    assert_eq!(registry.requests().len(), 7);
    assert_eq!(registry.requests()[1].path, "/v2/app/tags/list?n=2");
}

#[test]
fn the_fault_registry_breaks_as_told() {
    let registry = FaultRegistry::start(&["a", "b"]);
    let url = format!("http://{}/v2/app/tags/list", registry.host());
    for status in [401, 403, 404, 429, 500, 503] {
        registry.fail(Fault::status(status));
        assert_eq!(get(&url, None).unwrap().0, status);
    }
    registry.fail(Fault::garbage());
    assert!(serde_json::from_str::<Value>(&get(&url, None).unwrap().1).is_err());
    registry.fail(Fault::CutOff);
    assert!(get(&url, None).is_err());
    registry.fail(Fault::EndlessPages);
    assert_ne!(tags(&url), tags(&url));
    for (fault, link) in [
        (Fault::LoopingPage, "/v2/app/tags/list"),
        (
            Fault::LinkTo("http://127.0.0.2/page".to_owned()),
            "http://127.0.0.2/page",
        ),
    ] {
        registry.fail(fault);
        assert_eq!(header(&url, "link"), format!("<{link}>; rel=\"next\""));
    }
    registry.fail(Fault::too_many_requests("7"));
    assert_eq!(header(&url, "retry-after"), "7");
    registry.fail(Fault::Silence);
    let start = Instant::now();
    assert!(get(&url, None).unwrap_err().is_timeout());
    assert!(start.elapsed() >= Duration::from_secs(2));
}
