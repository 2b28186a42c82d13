//! Which credential is shown to whom.

use super::fake::{Act, Fake, Seen, answer, basic, ok};
use super::*;

pub(super) const LIST: &str = "/v2/acme/web/tags/list";
pub(super) const TAGS: &str = r#"{"tags":["1"]}"#;

/// A keychain with one credential for every registry on loopback.
fn keychain(credential: Credential) -> Keychain {
    keychain_of([("127.0.0.1", credential)])
}

pub(super) fn keychain_of<const N: usize>(entries: [(&str, Credential); N]) -> Keychain {
    let mut keychain = Keychain::default();
    for (path, credential) in entries {
        keychain.add(path, credential);
    }
    keychain
}

/// A registry with tokens on the same host: `act` answers requests for tokens, and
/// everything else needs the bearer token `good`.
pub(super) async fn bearer_registry(act: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> Fake {
    Fake::start_raw(move |seen| match seen.path.as_str() {
        "/token" => act(seen),
        _ if seen.header("authorization") == "Bearer good" => ok(TAGS),
        _ => challenge(seen),
    })
    .await
}

pub(super) fn challenge(seen: &Seen) -> Act {
    let realm = format!("http://{}/token", seen.header("host"));
    let header = format!("Bearer realm=\"{realm}\",service=\"the registry\"");
    answer(
        401,
        &[("www-authenticate", &header)],
        r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#,
    )
}

/// Loopback keys carry the port of the registry, which only the started one knows.
pub(super) fn key(fake: &Fake, path: &str) -> String {
    format!("{}{path}", fake.address)
}

pub(super) fn login_for(fake: &Fake, username: &str, password: &str) -> Keychain {
    keychain_of([(
        key(fake, "").as_str(),
        Credential::login(username, password),
    )])
}

#[tokio::test]
async fn a_token_server_sees_the_login_and_the_registry_never_does() {
    let fake = bearer_registry(|seen| match seen.shows("bob", "hunter2") {
        true => ok(r#"{"access_token":"good"}"#),
        false => answer(401, &[], ""),
    })
    .await;
    let client = client(login_for(&fake, "bob", "hunter2"));
    assert_eq!(
        client
            .list_tags(&fake.repository("acme/web"), soon())
            .await
            .unwrap()
            .tags,
        ["1"]
    );
    for seen in fake.seen().iter().filter(|seen| seen.path != "/token") {
        assert_ne!(
            seen.header("authorization"),
            basic("bob", "hunter2"),
            "{}",
            seen.path
        );
    }
}

#[tokio::test]
async fn basic_credentials_answer_a_basic_challenge() {
    let fake = Fake::start_raw(|seen| match seen.shows("bob", "hunter2") {
        true => ok(TAGS),
        false => answer(
            401,
            &[("www-authenticate", "Basic realm=\"Registry\"")],
            "no",
        ),
    })
    .await;
    let repository = fake.repository("acme/web");
    let listed = client(login_for(&fake, "bob", "hunter2"))
        .list_tags(&repository, soon())
        .await;
    assert_eq!(listed.unwrap().tags, ["1"]);
    assert_eq!(fake.lines().len(), 2);
    for keychain in [login_for(&fake, "bob", "wrong"), Keychain::anonymous()] {
        let fault = client(keychain)
            .list_tags(&repository, soon())
            .await
            .unwrap_err();
        assert!(matches!(fault, RegistryError::Unauthorized(_)), "{fault:?}");
        let wanted = format!(
            "GET {}?n=1000: unexpected status code 401 Unauthorized: no",
            fake.url(LIST)
        );
        assert_eq!(fault.to_string(), wanted);
        assert!(!fault.is_transient());
    }
}

#[tokio::test]
async fn a_registry_token_is_sent_as_it_is() {
    let fake = bearer_registry(|_| answer(500, &[], "")).await;
    let keychain = keychain_of([(key(&fake, "").as_str(), Credential::registry_token("good"))]);
    let listed = client(keychain)
        .list_tags(&fake.repository("acme/web"), soon())
        .await;
    assert_eq!(listed.unwrap().tags, ["1"]);
    let keychain = keychain_of([(key(&fake, "").as_str(), Credential::registry_token("bad"))]);
    let fault = client(keychain)
        .list_tags(&fake.repository("acme/web"), soon())
        .await
        .unwrap_err();
    assert!(matches!(fault, RegistryError::Unauthorized(_)), "{fault:?}");
    assert_eq!(fake.count("/token"), 0);
}

#[tokio::test]
async fn every_matching_credential_is_tried_in_order_and_the_working_one_first_next_time() {
    for status in [401, 403] {
        let fake = Fake::start_raw(move |seen| match seen.path.as_str() {
            "/v2/" => answer(401, &[("www-authenticate", "Basic realm=x")], ""),
            _ if seen.shows("carol", "right") => ok(TAGS),
            _ => answer(status, &[("www-authenticate", "Basic realm=x")], ""),
        })
        .await;
        let keychain = keychain_of([
            (key(&fake, "").as_str(), Credential::login("alice", "stale")),
            (key(&fake, "").as_str(), Credential::login("carol", "right")),
            (
                key(&fake, "/acme").as_str(),
                Credential::login("bob", "narrow"),
            ),
        ]);
        let client = client(keychain);
        client
            .list_tags(&fake.repository("acme/web"), soon())
            .await
            .unwrap();
        let shown: Vec<String> = fake.seen()[1..]
            .iter()
            .map(|seen| seen.header("authorization").to_owned())
            .collect();
        assert_eq!(
            shown,
            [
                basic("bob", "narrow"),
                basic("alice", "stale"),
                basic("carol", "right")
            ]
        );
        client
            .list_tags(&fake.repository("acme/web"), soon())
            .await
            .unwrap();
        assert_eq!(fake.count(LIST), 4);
    }
}

#[tokio::test]
async fn when_all_credentials_are_refused_the_most_specific_one_is_told_of() {
    let fake = Fake::start_raw(|seen| {
        let body = if seen.shows("bob", "narrow") {
            "bob is locked"
        } else {
            "who?"
        };
        answer(401, &[("www-authenticate", "Basic realm=x")], body)
    })
    .await;
    let keychain = keychain_of([
        (key(&fake, "").as_str(), Credential::login("alice", "stale")),
        (
            key(&fake, "/acme").as_str(),
            Credential::login("bob", "narrow"),
        ),
    ]);
    let fault = client(keychain)
        .list_tags(&fake.repository("acme/web"), soon())
        .await
        .unwrap_err();
    assert!(
        fault
            .to_string()
            .ends_with("401 Unauthorized: bob is locked"),
        "{fault}"
    );
    assert_eq!(fake.count(LIST), 2);
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect_to_another_host() {
    let other = Fake::start_raw(|seen| match seen.query.as_str() {
        "n=1000" => answer(200, &[("link", "<?last=1>; rel=next")], r#"{"tags":["1"]}"#),
        _ => ok(r#"{"tags":["2"]}"#),
    })
    .await;
    let target = other.url("/v2/moved/tags/list?n=1000");
    let fake =
        Fake::start_raw(
            move |seen| match (seen.path.as_str(), seen.shows("bob", "hunter2")) {
                (LIST, true) => answer(307, &[("location", &target)], ""),
                _ => answer(401, &[("www-authenticate", "Basic realm=x")], ""),
            },
        )
        .await;
    let client = client(login_for(&fake, "bob", "hunter2"));
    let listed = client
        .list_tags(&fake.repository("acme/web"), soon())
        .await
        .unwrap();
    assert_eq!(listed.tags, ["1", "2"]);
    assert_eq!(
        other.lines(),
        [
            "GET /v2/moved/tags/list?n=1000",
            "GET /v2/moved/tags/list?last=1"
        ]
    );
    assert!(
        other
            .seen()
            .iter()
            .all(|seen| seen.header("authorization").is_empty())
    );
}

#[tokio::test]
async fn a_challenge_behind_a_redirect_is_not_answered() {
    let other =
        Fake::start_raw(|_| answer(401, &[("www-authenticate", "Basic realm=phish")], "")).await;
    let target = other.url("/");
    let fake = Fake::start(move |_| answer(302, &[("location", &target)], "")).await;
    let client = client(login_for(&fake, "bob", "hunter2"));
    let fault = client
        .list_tags(&fake.repository("acme/web"), soon())
        .await
        .unwrap_err();
    assert!(matches!(fault, RegistryError::Unauthorized(_)), "{fault:?}");
    assert!(
        other
            .seen()
            .iter()
            .all(|seen| seen.header("authorization").is_empty())
    );
}

#[tokio::test]
async fn a_credential_that_no_header_can_carry_is_told_of() {
    let fake = bearer_registry(|_| ok(r#"{"token":"a\nb"}"#)).await;
    let fault = client(Keychain::anonymous())
        .list_tags(&fake.repository("acme/web"), soon())
        .await
        .unwrap_err();
    assert!(
        matches!(fault, RegistryError::UnsendableCredential { .. }),
        "{fault:?}"
    );
}

#[test]
fn nothing_prints_a_secret() {
    let keychain = keychain(Credential::login("bob", "hunter2"));
    let client = client(keychain.clone());
    let token = Credential::identity_token("hunter2");
    let options = ClientOptions {
        keychain,
        ..ClientOptions::default()
    };
    assert!(!format!("{client:?} {options:?} {token:?}").contains("hunter2"));
}
