//! What Flux's users read in conditions.

use super::fake::{Act, Fake, Seen, answer, ok};
use super::*;

const LIST: &str = "/v2/acme/web/tags/list";

/// Lists and returns what Flux would say, the address of the registry replaced by `R`.
async fn told(deadline: Instant, act: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> String {
    let fake = Fake::start(act).await;
    let repository = fake.repository("acme/web");
    let listed = client(Keychain::anonymous())
        .list_tags(&repository, deadline)
        .await;
    let text = InFluxWords(&listed.unwrap_err()).to_string();
    text.replace(repository.registry(), "R")
}

#[tokio::test]
async fn an_error_document_is_told_with_its_detail() {
    let body = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry","detail":{"name":"acme/web"}}]}"#;
    assert_eq!(
        told(soon(), move |_| answer(404, &[], body)).await,
        format!(
            "GET http://R{LIST}?n=1000: NAME_UNKNOWN: repository name not known to registry; map[name:acme/web]"
        )
    );
}

#[tokio::test]
async fn a_status_alone_is_told_without_the_wait_that_was_asked_for() {
    assert_eq!(
        told(soon(), |_| answer(429, &[("retry-after", "1")], "")).await,
        format!("GET http://R{LIST}?n=1000: unexpected status code 429 Too Many Requests")
    );
}

#[tokio::test]
async fn the_query_of_a_next_page_is_told_in_the_order_of_names() {
    let next = "</v2/acme/web/tags/list?n=2&last=1.1.0>; rel=\"next\"";
    let act = move |seen: &Seen| match seen.query.as_str() {
        "n=1000" => answer(200, &[("link", next)], r#"{"tags":["1.0.0","1.1.0"]}"#),
        _ => answer(403, &[], r#"{"errors":[{"code":"DENIED","message":"no"}]}"#),
    };
    assert_eq!(
        told(soon(), act).await,
        format!("GET http://R{LIST}?last=1.1.0&n=2: DENIED: no")
    );
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_a_deadline_exceeded() {
    assert_eq!(
        told(at_once(), |_| Act::Silence).await,
        format!("Get \"http://R{LIST}?n=1000\": context deadline exceeded")
    );
}

#[tokio::test]
async fn a_ping_that_fails_tells_of_both_schemes() {
    for (status, words) in [
        (403, "Forbidden"),
        (404, "Not Found"),
        (500, "Internal Server Error"),
    ] {
        let fake = Fake::start_raw(move |_| answer(status, &[], "")).await;
        let repository = fake.repository("acme/web");
        let listed = client(Keychain::anonymous())
            .list_tags(&repository, soon())
            .await;
        let text = InFluxWords(&listed.unwrap_err()).to_string();
        assert_eq!(
            text.replace(repository.registry(), "R"),
            format!(
                "Get \"https://R/v2/\": http: server gave HTTP response to HTTPS client; \
                 GET http://R/v2/: unexpected status code {status} {words}"
            )
        );
    }
}

#[tokio::test]
async fn a_host_without_address_is_told_as_a_lookup() {
    let listed = client(Keychain::anonymous())
        .list_tags(&repository("registry.invalid/acme/web"), soon())
        .await;
    assert_eq!(
        InFluxWords(&listed.unwrap_err()).to_string(),
        "Get \"https://registry.invalid/v2/\": dial tcp: lookup registry.invalid: no such host"
    );
}

#[tokio::test]
async fn a_missing_manifest_is_told_without_a_body() {
    let fake = Fake::start(|seen| match seen.path.as_str() {
        LIST => ok(r#"{"tags":["1"]}"#),
        _ => answer(404, &[], ""),
    })
    .await;
    let repository = fake.repository("acme/web");
    let digest = client(Keychain::anonymous())
        .digest(&repository, "1", soon())
        .await;
    let text = InFluxWords(&digest.unwrap_err()).to_string();
    assert_eq!(
        text.replace(repository.registry(), "R"),
        "HEAD http://R/v2/acme/web/manifests/1: unexpected status code 404 Not Found \
         (HEAD responses have no body, use GET for details)"
    );
}
