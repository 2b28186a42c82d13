//! The digest a tag points at.

use sha2::{Digest as _, Sha256};

use super::fake::{Fake, answer};
use super::*;

const MANIFEST: &str = "/v2/acme/web/manifests/1.0";
const HEADER: &str = "docker-content-digest";

fn told() -> String {
    format!("sha256:{}", "ab".repeat(32))
}

fn counted(body: &str) -> String {
    let hex: String = Sha256::digest(body)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}

async fn digest(fake: &Fake) -> Result<String, RegistryError> {
    let client = client(Keychain::anonymous());
    let digest = client
        .digest(&fake.repository("acme/web"), "1.0", soon())
        .await;
    digest.map(|digest| digest.as_str().to_owned())
}

#[tokio::test]
async fn a_head_tells_the_digest_and_accepts_every_kind_of_manifest() {
    let fake = Fake::start(|_| answer(200, &[(HEADER, &told())], "")).await;
    assert_eq!(digest(&fake).await.unwrap(), told());
    let seen = fake.seen().pop().unwrap();
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("HEAD", MANIFEST)
    );
    for kind in [
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
    ] {
        assert!(
            seen.header("accept")
                .split(',')
                .any(|accepted| accepted == kind),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn row_129_without_a_digest_the_manifest_is_fetched_and_hashed() {
    let body = r#"{"schemaVersion":2}"#;
    for (head, headers) in [
        (200, vec![]),
        (200, vec![(HEADER, "md5:nonsense")]),
        (405, vec![]),
        (501, vec![]),
    ] {
        let fake = Fake::start(move |seen| match seen.method.as_str() {
            "HEAD" => answer(head, &headers, ""),
            _ => answer(200, &[], body),
        })
        .await;
        assert_eq!(digest(&fake).await.unwrap(), counted(body));
    }
}

#[tokio::test]
async fn row_128_a_tag_that_is_gone_is_told_by_one_request() {
    let fake = Fake::start(|_| answer(404, &[], "")).await;
    let fault = digest(&fake).await.unwrap_err();
    assert!(matches!(fault, RegistryError::NotFound(_)), "{fault:?}");
    let wanted =
        "unexpected status code 404 Not Found (HEAD responses have no body, use GET for details)";
    assert_eq!(
        fault.to_string(),
        format!("HEAD {}: {wanted}", fake.url(MANIFEST))
    );
    assert_eq!(fake.count(MANIFEST), 1);
}

#[tokio::test]
async fn a_manifest_that_is_not_what_its_digest_says_is_garbage() {
    let fake = Fake::start(|seen| match seen.method.as_str() {
        "HEAD" => answer(200, &[], ""),
        _ => answer(200, &[(HEADER, &told())], "{}"),
    })
    .await;
    let fault = digest(&fake).await.unwrap_err();
    assert!(
        fault
            .to_string()
            .ends_with(&format!("{}, not {}", counted("{}"), told())),
        "{fault}"
    );
    let page = Fake::start(|_| answer(200, &[], "<html>")).await;
    assert!(matches!(
        digest(&page).await,
        Err(RegistryError::Garbage { .. })
    ));
}

#[tokio::test]
async fn a_signed_manifest_is_never_hashed() {
    let kind = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    let bare = Fake::start(move |_| answer(200, &[("content-type", kind)], "{}")).await;
    assert!(matches!(
        digest(&bare).await,
        Err(RegistryError::Garbage { .. })
    ));
    let told_by_get = Fake::start(move |seen| match seen.method.as_str() {
        "HEAD" => answer(405, &[], ""),
        _ => answer(200, &[("content-type", kind), (HEADER, &told())], "{}"),
    })
    .await;
    assert_eq!(digest(&told_by_get).await.unwrap(), told());
}

#[tokio::test]
async fn who_asks_for_the_same_tag_at_the_same_time_shares_the_request() {
    let fake = Fake::start(|_| answer(200, &[(HEADER, &told())], "")).await;
    let client = client(Keychain::anonymous());
    let repository = fake.repository("acme/web");
    let calls = (0..10).map(|_| client.digest(&repository, "1.0", soon()));
    let digests = futures::future::join_all(calls).await;
    assert!(
        digests
            .into_iter()
            .all(|digest| digest.unwrap().as_str() == told())
    );
    assert_eq!(fake.count(MANIFEST), 1);
    client.digest(&repository, "1.0", soon()).await.unwrap();
    assert_eq!(fake.count(MANIFEST), 2);
}

#[tokio::test]
async fn row_130_plain_http_is_spoken_where_the_object_allows_it() {
    let fake = Fake::start_far(|_| answer(200, &[(HEADER, &told())], "")).await;
    let repository = fake.repository("acme/web");
    let allowed = ClientOptions {
        plain_http: PlainHttp::Allowed,
        ..ClientOptions::default()
    };
    let digest = client_with(allowed)
        .digest(&repository, "1.0", soon())
        .await
        .unwrap();
    assert_eq!(digest.as_str(), told());
    let asked = fake.seen().len();
    let fault = client(Keychain::anonymous())
        .digest(&repository, "1.0", soon())
        .await
        .unwrap_err();
    assert!(matches!(fault, RegistryError::Tls { .. }), "{fault:?}");
    assert_eq!(fake.seen().len(), asked);
}

#[tokio::test]
async fn what_is_no_tag_is_not_asked_for() {
    let fake = Fake::start(|_| answer(200, &[(HEADER, &told())], "")).await;
    let client = client(Keychain::anonymous());
    let long = "x".repeat(129);
    for tag in ["", "..", "a/b", "a?b", "-a", ".a", "ä", &long] {
        let fault = client
            .digest(&fake.repository("acme/web"), tag, soon())
            .await
            .unwrap_err();
        assert!(
            matches!(fault, RegistryError::Address { .. }),
            "{tag}: {fault:?}"
        );
    }
    assert_eq!(fake.seen().len(), 0);
}

#[test]
fn only_sha256_in_lower_case_is_a_digest() {
    assert_eq!(
        manifest::Digest::parse(&told()).map(|digest| digest.to_string()),
        Some(told())
    );
    for text in [
        "",
        "sha256:",
        &told()[..70],
        &told().to_uppercase(),
        &format!("{}0", told()),
        "sha512:ab",
    ] {
        assert_eq!(manifest::Digest::parse(text), None, "{text}");
    }
}
