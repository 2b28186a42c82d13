//! Tokens: where they come from, how long they are kept, what is told when there are none.

use super::auth::{LIST, TAGS, bearer_registry, challenge, key, keychain_of, login_for};
use super::fake::{Fake, answer, ok};
use super::*;

#[tokio::test]
async fn anonymous_tokens_are_fetched_once_and_kept() {
    let fake = bearer_registry(|_| ok(r#"{"token":"good","expires_in":300}"#)).await;
    let client = client(Keychain::anonymous());
    for _ in 0..3 {
        client
            .list_tags(&fake.repository("acme/web"), soon())
            .await
            .unwrap();
    }
    let list = format!("GET {LIST}?n=1000");
    let token = "GET /token?scope=repository%3Aacme%2Fweb%3Apull&service=the+registry";
    assert_eq!(fake.lines(), ["GET /v2/", token, &list, &list, &list]);
    client
        .list_tags(&fake.repository("acme/other"), soon())
        .await
        .unwrap();
    assert_eq!(fake.count("/token"), 2);
}

#[tokio::test]
async fn many_callers_share_one_token_request() {
    let fake = bearer_registry(|_| ok(r#"{"token":"good"}"#)).await;
    let client = client(Keychain::anonymous());
    let repository = fake.repository("acme/web");
    let tags: Vec<String> = (0..20).map(|number| format!("t{number}")).collect();
    let calls = tags
        .iter()
        .map(|tag| client.digest(&repository, tag, soon()));
    // The answers are no manifests; what counts is what was asked.
    futures::future::join_all(calls).await;
    assert_eq!((fake.count("/v2/"), fake.count("/token")), (1, 1));
}

#[tokio::test]
async fn a_stale_token_is_replaced_once() {
    let fake = Fake::start_raw({
        let issued = std::sync::atomic::AtomicUsize::new(0);
        let accepted = std::sync::atomic::AtomicUsize::new(1);
        move |seen| {
            use std::sync::atomic::Ordering::SeqCst;
            match seen.path.as_str() {
                "/token" => ok(&format!(
                    r#"{{"token":"t{}"}}"#,
                    issued.fetch_add(1, SeqCst) + 1
                )),
                _ if seen.header("authorization")
                    == format!("Bearer t{}", accepted.load(SeqCst)) =>
                {
                    accepted.fetch_add(1, SeqCst);
                    ok(TAGS)
                }
                _ => challenge(seen),
            }
        }
    })
    .await;
    let client = client(Keychain::anonymous());
    for _ in 0..2 {
        client
            .list_tags(&fake.repository("acme/web"), soon())
            .await
            .unwrap();
    }
    assert_eq!((fake.count("/token"), fake.count(LIST)), (2, 3));
}

#[tokio::test]
async fn a_registry_that_refuses_its_own_tokens_is_asked_no_third_time() {
    let fake = bearer_registry(|_| ok(r#"{"token":"bad","expires_in":3600}"#)).await;
    let client = client(Keychain::anonymous());
    for _ in 0..2 {
        let fault = client
            .list_tags(&fake.repository("acme/web"), soon())
            .await
            .unwrap_err();
        let wanted = format!(
            "GET {}?n=1000: UNAUTHORIZED: authentication required",
            fake.url(LIST)
        );
        assert_eq!(fault.to_string(), wanted);
    }
    assert_eq!((fake.count("/token"), fake.count(LIST)), (2, 3));
}

#[tokio::test]
async fn a_short_lived_token_is_used_and_not_kept() {
    let fake = bearer_registry(|_| ok(r#"{"token":"good","expires_in":"0"}"#)).await;
    let client = client(Keychain::anonymous());
    for _ in 0..2 {
        client
            .list_tags(&fake.repository("acme/web"), soon())
            .await
            .unwrap();
    }
    assert_eq!(fake.count("/token"), 2);
}

#[tokio::test]
async fn a_scope_beyond_the_usual_is_asked_for_once() {
    let fake = Fake::start_raw(|seen| match seen.path.as_str() {
        "/token" if seen.query.contains("scope=registry%3Acatalog") => ok(r#"{"token":"wide"}"#),
        "/token" => ok(r#"{"token":"usual"}"#),
        LIST if seen.header("authorization") == "Bearer wide" => ok(TAGS),
        _ => {
            let header = format!(
                "Bearer realm=\"http://{}/token\",scope=\"registry:catalog:*\"",
                seen.header("host")
            );
            answer(401, &[("www-authenticate", &header)], "")
        }
    })
    .await;
    let listed = client(Keychain::anonymous())
        .list_tags(&fake.repository("acme/web"), soon())
        .await;
    assert_eq!(listed.unwrap().tags, ["1"]);
    assert_eq!(fake.count("/token"), 2);
}

#[tokio::test]
async fn a_wrong_password_is_told_with_the_words_of_the_token_server_but_without_the_password() {
    let fake = bearer_registry(|seen| {
        let echo = format!(
            r#"{{"details":"no account with {} hunter2"}}"#,
            seen.header("authorization")
        );
        answer(401, &[], &echo)
    })
    .await;
    let client = client(login_for(&fake, "bob", "hunter2"));
    let fault = client
        .list_tags(&fake.repository("acme/web"), soon())
        .await
        .unwrap_err();
    let wanted = format!(
        "GET {}?scope=repository%3Aacme%2Fweb%3Apull&service=the+registry: unexpected status code 401 Unauthorized: \
         {{\"details\":\"no account with Basic REDACTED REDACTED\"}}",
        fake.url("/token")
    );
    assert_eq!(fault.to_string(), wanted);
    assert!(matches!(fault, RegistryError::Unauthorized(_)));
    assert_eq!(fake.count(LIST), 0);
}

#[tokio::test]
async fn failures_of_the_token_server_are_told() {
    for (status, body, wanted) in [
        (
            403,
            r#"{"errors":[{"code":"DENIED","message":"denied"}]}"#,
            "DENIED: denied",
        ),
        (404, "", "unexpected status code 404 Not Found"),
        (
            500,
            "oops",
            "unexpected status code 500 Internal Server Error: oops",
        ),
        (
            200,
            "<html>",
            "unexpected answer: the token server gave no JSON",
        ),
        (
            200,
            r#"{"refresh_token":"s3cret"}"#,
            "unexpected answer: no token in the token server's answer",
        ),
    ] {
        let fake = bearer_registry(move |_| answer(status, &[], body)).await;
        let fault = client(Keychain::anonymous())
            .list_tags(&fake.repository("acme/web"), soon())
            .await
            .unwrap_err();
        let text = fault.to_string();
        assert!(
            text.starts_with(&format!("GET {}?", fake.url("/token"))),
            "{text}"
        );
        assert!(text.ends_with(wanted), "{text}");
        assert!(
            !matches!(fault, RegistryError::NotFound(_)),
            "the repository may well exist"
        );
        assert_eq!(fake.count(LIST), 0);
        assert!(!format!("{fault:?}").contains("s3cret"));
    }
}

#[tokio::test]
async fn an_identity_token_is_traded_for_an_access_token() {
    let fake = bearer_registry(|seen| match (seen.method.as_str(), seen.body.as_str()) {
        ("POST", body) if body.contains("refresh_token=id%2Btoken") => {
            ok(r#"{"access_token":"good"}"#)
        }
        _ => answer(400, &[], ""),
    })
    .await;
    let keychain = keychain_of([(
        key(&fake, "").as_str(),
        Credential::identity_token("id+token"),
    )]);
    let listed = client(keychain)
        .list_tags(&fake.repository("acme/web"), soon())
        .await;
    assert_eq!(listed.unwrap().tags, ["1"]);
    let post = fake
        .seen()
        .into_iter()
        .find(|seen| seen.path == "/token")
        .unwrap();
    assert_eq!(
        post.body,
        "grant_type=refresh_token&client_id=imgauto&service=the+registry\
         &scope=repository%3Aacme%2Fweb%3Apull&refresh_token=id%2Btoken"
    );
    assert_eq!(
        post.header("content-type"),
        "application/x-www-form-urlencoded"
    );
    assert_eq!(post.header("authorization"), "");
}

#[tokio::test]
async fn an_identity_token_falls_back_to_get_where_the_flow_is_absent() {
    let fake = bearer_registry(|seen| match seen.method.as_str() {
        "POST" => answer(404, &[], ""),
        _ if seen.shows("<token>", "id") => ok(r#"{"token":"good"}"#),
        _ => answer(401, &[], ""),
    })
    .await;
    let keychain = keychain_of([(key(&fake, "").as_str(), Credential::identity_token("id"))]);
    let listed = client(keychain)
        .list_tags(&fake.repository("acme/web"), soon())
        .await;
    assert_eq!(listed.unwrap().tags, ["1"]);
}

#[tokio::test]
async fn an_identity_token_that_is_refused_is_told_and_not_repeated() {
    let fake = bearer_registry(|seen| answer(401, &[], &seen.body)).await;
    let keychain = keychain_of([(
        key(&fake, "").as_str(),
        Credential::identity_token("idtoken"),
    )]);
    let fault = client(keychain)
        .list_tags(&fake.repository("acme/web"), soon())
        .await
        .unwrap_err();
    assert!(fault.to_string().contains("401 Unauthorized"), "{fault}");
    assert!(!format!("{fault} {fault:?}").contains("idtoken"), "{fault}");
    assert_eq!(fake.count("/token"), 1);
}

#[tokio::test]
async fn tokens_of_two_credentials_are_never_mixed_up() {
    let fake = Fake::start_raw(|seen| match seen.path.as_str() {
        "/token" if seen.shows("alice", "a") => ok(r#"{"token":"for-alice"}"#),
        "/token" if seen.shows("bob", "b") => ok(r#"{"token":"for-bob"}"#),
        LIST if seen.header("authorization") == "Bearer for-alice" => answer(403, &[], ""),
        LIST if seen.header("authorization") == "Bearer for-bob" => ok(TAGS),
        _ => challenge(seen),
    })
    .await;
    let keychain = keychain_of([
        (key(&fake, "").as_str(), Credential::login("alice", "a")),
        (key(&fake, "").as_str(), Credential::login("bob", "b")),
    ]);
    let listed = client(keychain)
        .list_tags(&fake.repository("acme/web"), soon())
        .await;
    assert_eq!(listed.unwrap().tags, ["1"]);
    assert_eq!(fake.count("/token"), 2);
}

#[tokio::test]
async fn each_repository_may_have_a_token_server_of_its_own() {
    let fake = Fake::start_raw(|seen| {
        let place = if seen.path.contains("other") {
            "other"
        } else {
            "web"
        };
        if let Some(place) = seen.path.strip_prefix("/token/") {
            return ok(&format!(r#"{{"token":"for-{place}"}}"#));
        }
        if seen.path != "/v2/" && seen.header("authorization") == format!("Bearer for-{place}") {
            return ok(TAGS);
        }
        let header = format!(
            "Bearer realm=\"http://{}/token/{place}\"",
            seen.header("host")
        );
        answer(401, &[("www-authenticate", &header)], "")
    })
    .await;
    let client = client(Keychain::anonymous());
    for path in ["acme/other", "acme/web", "acme/other"] {
        let listed = client.list_tags(&fake.repository(path), soon()).await;
        assert_eq!(listed.unwrap().tags, ["1"], "{path}");
    }
}

#[tokio::test]
async fn a_registry_that_asks_for_ever_more_comes_to_an_end() {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let fake = Fake::start_raw(move |seen| match seen.path.as_str() {
        "/token" => ok(r#"{"token":"some"}"#),
        _ => {
            let number = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let header = format!(
                "Bearer realm=\"http://{}/token\",scope=\"more:{number}\"",
                seen.header("host")
            );
            answer(401, &[("www-authenticate", &header)], "")
        }
    })
    .await;
    let fault = client(Keychain::anonymous())
        .list_tags(&fake.repository("acme/web"), soon())
        .await
        .unwrap_err();
    assert!(matches!(fault, RegistryError::Unauthorized(_)), "{fault:?}");
    assert_eq!((fake.count(LIST), fake.count("/token")), (4, 4));
}
