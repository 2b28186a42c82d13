//! One clear error within the deadline, whatever the registry does.

use super::fake::{Act, Fake, Seen, answer, ok};
use super::*;

const LIST: &str = "/v2/acme/web/tags/list";

async fn list(fake: &Fake) -> Result<TagList, RegistryError> {
    client(Keychain::anonymous())
        .list_tags(&fake.repository("acme/web"), soon())
        .await
}

/// Status, body, what is said of it, how often it is asked, and whether it may pass.
type Case = (u16, &'static str, &'static str, usize, bool);

const SEVERAL: &str = r#"{"errors":[{"code":"A","message":"a","detail":{"y":[1,"b",null],"x":true}},{"message":"b"}]}"#;
const UNKNOWN: &str =
    r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known","detail":null}]}"#;
const TOO_MANY: &str =
    r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down","detail":"later"}]}"#;

const FINAL: [Case; 6] = [
    // Twice with smaller pages.
    (400, "", "unexpected status code 400 Bad Request", 3, false),
    (401, "", "unexpected status code 401 Unauthorized", 1, false),
    (
        403,
        "no\n",
        "unexpected status code 403 Forbidden: no",
        1,
        false,
    ),
    (
        404,
        UNKNOWN,
        "NAME_UNKNOWN: repository name not known",
        1,
        false,
    ),
    (
        404,
        r#"{"errors":[]}"#,
        r#"unexpected status code 404 Not Found: {"errors":[]}"#,
        1,
        false,
    ),
    (
        410,
        SEVERAL,
        r#"multiple errors returned: A: a; map[x:true y:[1 b <nil>]]; b"#,
        1,
        false,
    ),
];

const PASSING: [Case; 9] = [
    (
        408,
        "",
        "unexpected status code 408 Request Timeout",
        3,
        true,
    ),
    (429, TOO_MANY, "TOOMANYREQUESTS: slow down; later", 3, true),
    (499, "", "unexpected status code 499", 3, true),
    (
        500,
        "",
        "unexpected status code 500 Internal Server Error",
        3,
        true,
    ),
    (
        501,
        "",
        "unexpected status code 501 Not Implemented",
        1,
        true,
    ),
    (
        502,
        "<html>",
        "unexpected status code 502 Bad Gateway: <html>",
        3,
        true,
    ),
    (
        503,
        "",
        "unexpected status code 503 Service Unavailable",
        3,
        true,
    ),
    (
        504,
        "",
        "unexpected status code 504 Gateway Timeout",
        3,
        true,
    ),
    (522, "", "unexpected status code 522", 3, true),
];

#[tokio::test]
async fn statuses_are_told_as_go_containerregistry_tells_them() {
    for (status, body, wanted, tries, transient) in FINAL.into_iter().chain(PASSING) {
        let fake = Fake::start(move |_| answer(status, &[], body)).await;
        let fault = list(&fake).await.unwrap_err();
        assert_eq!(
            fault.to_string(),
            format!("GET {}?n=1000: {wanted}", fake.url(LIST))
        );
        assert_eq!(
            (fake.count(LIST), fault.is_transient()),
            (tries, transient),
            "{fault}"
        );
    }
}

#[tokio::test]
async fn each_status_somebody_can_act_on_has_its_variant() {
    let fault = |status| async move {
        list(&Fake::start(move |_| answer(status, &[], "")).await)
            .await
            .unwrap_err()
    };
    assert!(matches!(fault(401).await, RegistryError::Unauthorized(_)));
    assert!(matches!(fault(403).await, RegistryError::Forbidden(_)));
    assert!(matches!(fault(404).await, RegistryError::NotFound(_)));
    assert!(matches!(
        fault(429).await,
        RegistryError::RateLimited {
            retry_after: None,
            ..
        }
    ));
    assert!(matches!(fault(500).await, RegistryError::Server { .. }));
    assert!(matches!(fault(204).await, RegistryError::Garbage { .. }));
}

#[tokio::test]
async fn a_passing_failure_goes_unnoticed() {
    for status in [408, 429, 499, 500, 502, 503, 504, 522] {
        let tries = std::sync::atomic::AtomicUsize::new(0);
        let fake =
            Fake::start(
                move |_| match tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                    0 => answer(status, &[("retry-after", "1")], ""),
                    1 => Act::CutOff("{"),
                    _ => ok(r#"{"tags":["1"]}"#),
                },
            )
            .await;
        assert_eq!(list(&fake).await.unwrap().tags, ["1"], "{status}");
    }
}

#[tokio::test]
async fn retry_after_beyond_the_deadline_ends_the_call_and_holds_back_others() {
    let fake = Fake::start(|_| answer(429, &[("retry-after", "3600")], "")).await;
    let hosts = Hosts::default();
    let real = Pace::default();
    let impatient = || {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let options = ClientOptions {
            pace: real.clone(),
            hosts: hosts.clone(),
            proxy: ProxyChoice::Direct,
            ..ClientOptions::default()
        };
        Client::new(options).unwrap()
    };
    let first = impatient();
    let fault = first
        .list_tags(&fake.repository("acme/web"), soon())
        .await
        .unwrap_err();
    assert_eq!(fault.retry_after(), Some(Duration::from_secs(3600)));
    let wanted = "unexpected status code 429 Too Many Requests (retry after 3600s)";
    assert!(fault.to_string().ends_with(wanted), "{fault}");
    let asked = fake.seen().len();
    for client in [first, impatient()] {
        let fault = client
            .list_tags(&fake.repository("acme/other"), soon())
            .await
            .unwrap_err();
        assert!(matches!(fault, RegistryError::Paused { .. }), "{fault:?}");
        assert!(fault.retry_after().unwrap() > Duration::from_secs(3500));
        assert!(fault.is_transient());
    }
    assert_eq!(fake.seen().len(), asked);
}

/// Answers for `acme/known` and is silent otherwise.
fn silent_but_for_one(seen: &Seen) -> Act {
    if seen.path.contains("known") {
        ok(r#"{"tags":[]}"#)
    } else {
        Act::Silence
    }
}

#[tokio::test]
async fn silence_ends_at_the_deadline() {
    let fake = Fake::start(silent_but_for_one).await;
    let client = client(Keychain::anonymous());
    meet(&client, &fake).await;
    let started = std::time::Instant::now();
    let fault = client
        .list_tags(&fake.repository("acme/web"), at_once())
        .await
        .unwrap_err();
    assert!(matches!(fault, RegistryError::Timeout { .. }), "{fault:?}");
    let wanted = format!("Get \"{}?n=1000\": no answer within 0.4s", fake.url(LIST));
    assert_eq!(fault.to_string(), wanted);
    assert!(fault.is_transient());
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn silence_of_the_ping_and_of_the_token_server_end_at_the_deadline() {
    let ping = Fake::start_raw(|_| Act::Silence).await;
    let token = Fake::start_raw(|seen| match seen.path.as_str() {
        "/token" => Act::Silence,
        _ => {
            let header = format!("Bearer realm=\"http://{}/token\"", seen.header("host"));
            answer(401, &[("www-authenticate", &header)], "")
        }
    })
    .await;
    for fake in [ping, token] {
        let fault = client(Keychain::anonymous())
            .list_tags(&fake.repository("acme/web"), at_once())
            .await
            .unwrap_err();
        assert!(matches!(fault, RegistryError::Timeout { .. }), "{fault:?}");
    }
}

#[tokio::test]
async fn who_has_more_time_is_not_cut_short_by_who_has_less() {
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let fake = Fake::start(move |seen| match seen.path.as_str() {
        LIST if tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 => Act::Silence,
        _ => ok(r#"{"tags":["1"]}"#),
    })
    .await;
    let client = client(Keychain::anonymous());
    meet(&client, &fake).await;
    let repository = fake.repository("acme/web");
    let (short, long) = futures::join!(
        client.list_tags(&repository, at_once()),
        client.list_tags(&repository, soon())
    );
    assert!(
        matches!(short, Err(RegistryError::Timeout { .. })),
        "{short:?}"
    );
    assert_eq!(long.unwrap().tags, ["1"]);
}

#[tokio::test]
async fn nobody_listening_is_told_at_once() {
    let fake = Fake::start(|_| ok("{}")).await;
    let repository = fake.repository("acme/web");
    drop(fake);
    tokio::task::yield_now().await;
    let fault = client(Keychain::anonymous())
        .list_tags(&repository, soon())
        .await
        .unwrap_err();
    assert!(
        matches!(fault, RegistryError::Unreachable { .. }),
        "{fault:?}"
    );
    assert_eq!(
        fault.to_string(),
        format!(
            "Get \"https://{}/v2/\": connection refused",
            repository.registry()
        )
    );
    let (address, refused) = (repository.registry(), "connect: connection refused");
    assert_eq!(
        InFluxWords(&fault).to_string(),
        format!(
            "Get \"https://{address}/v2/\": dial tcp {address}: {refused}; Get \"http://{address}/v2/\": dial tcp {address}: {refused}"
        )
    );
    assert!(fault.is_transient());
}

#[tokio::test]
async fn a_host_without_address_is_told() {
    let fault = client(Keychain::anonymous())
        .list_tags(&repository("registry.invalid/acme/web"), soon())
        .await
        .unwrap_err();
    assert!(
        matches!(fault, RegistryError::Unresolved { .. }),
        "{fault:?}"
    );
    assert!(
        fault
            .to_string()
            .starts_with("Get \"https://registry.invalid/v2/\": cannot resolve host: "),
        "{fault}"
    );
}

#[tokio::test]
async fn redirects_in_a_circle_are_not_followed_for_ever() {
    let fake = Fake::start(|_| answer(302, &[("location", LIST)], "")).await;
    let fault = list(&fake).await.unwrap_err();
    assert!(
        matches!(fault, RegistryError::UntrustedRedirect { .. }),
        "{fault:?}"
    );
    assert_eq!(fake.count(LIST), 11);
}

#[tokio::test]
async fn a_registry_that_hangs_up_is_asked_three_times_and_pinged_again_next_time() {
    let tries = std::sync::atomic::AtomicUsize::new(0);
    let fake =
        Fake::start(
            move |_| match tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                1..4 => Act::HangUp,
                _ => ok(r#"{"tags":["1"]}"#),
            },
        )
        .await;
    let client = client(Keychain::anonymous());
    let repository = fake.repository("acme/web");
    client.list_tags(&repository, soon()).await.unwrap();
    let fault = client.list_tags(&repository, soon()).await.unwrap_err();
    assert!(matches!(fault, RegistryError::Network { .. }), "{fault:?}");
    assert!(
        fault
            .to_string()
            .starts_with(&format!("Get \"{}?n=1000\": ", fake.url(LIST))),
        "{fault}"
    );
    assert!(fault.is_transient());
    assert_eq!((fake.count("/v2/"), fake.count(LIST)), (1, 4));
    client.list_tags(&repository, soon()).await.unwrap();
    assert_eq!((fake.count("/v2/"), fake.count(LIST)), (2, 5));
}

#[tokio::test]
async fn a_host_sees_no_more_requests_at_a_time_than_allowed() {
    let fake = Fake::start(silent_but_for_one).await;
    let hosts = Hosts::new(2);
    let client = client_with(ClientOptions {
        hosts,
        ..ClientOptions::default()
    });
    meet(&client, &fake).await;
    let repositories: Vec<Repository> = (0..6)
        .map(|number| fake.repository(&format!("acme/web{number}")))
        .collect();
    let calls = repositories
        .iter()
        .map(|repository| client.list_tags(repository, at_once()));
    for listed in futures::future::join_all(calls).await {
        assert!(
            matches!(listed, Err(RegistryError::Timeout { .. })),
            "{listed:?}"
        );
    }
    let lists = fake
        .seen()
        .iter()
        .filter(|seen| seen.path.starts_with("/v2/acme/web"))
        .count();
    assert_eq!(lists, 2);
}

#[tokio::test]
async fn the_body_of_a_failure_is_cut_short() {
    let fake = Fake::start(|_| answer(404, &[], &"x".repeat(1 << 20))).await;
    let fault = list(&fake).await.unwrap_err();
    assert!(fault.to_string().len() < 700, "{}", fault.to_string().len());
}
