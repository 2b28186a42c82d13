//! Complete listings, or none.

use super::fake::{Act, Fake, answer, ok};
use super::*;

const LIST: &str = "/v2/acme/web/tags/list";

async fn list(fake: &Fake) -> Result<TagList, RegistryError> {
    client(Keychain::anonymous())
        .list_tags(&fake.repository("acme/web"), soon())
        .await
}

fn page(tags: &[&str], link: &str) -> Act {
    let body = serde_json::json!({ "name": "acme/web", "tags": tags }).to_string();
    let headers: &[(&str, &str)] = if link.is_empty() {
        &[]
    } else {
        &[("link", link)]
    };
    answer(200, headers, &body)
}

#[tokio::test]
async fn pages_are_followed_in_every_spelling_of_the_link() {
    let fake = Fake::start(|seen| match seen.query.as_str() {
        "n=1000" => page(&["1"], "</v2/acme/web/tags/list?last=1>; rel=\"next\""),
        "last=1" => page(&["2"], "<?last=2>; rel=next"),
        "last=2" => page(&["3"], "<list?last=3,4>;title=\"a, b\";rel=\"prev next\""),
        "last=3,4" => page(&["5", "5"], ""),
        other => panic!("{other}"),
    })
    .await;
    let listed = list(&fake).await.unwrap();
    assert_eq!(listed.tags, ["1", "2", "3", "5", "5"]);
    assert_eq!(listed.validator, None);
    let absolute = Fake::start(|seen| match seen.query.as_str() {
        "n=1000" => page(
            &["1"],
            &format!("<http://{}{LIST}?last=1>; rel=next", seen.header("host")),
        ),
        _ => page(&["2"], ""),
    })
    .await;
    assert_eq!(list(&absolute).await.unwrap().tags, ["1", "2"]);
}

#[tokio::test]
async fn row_108_no_tags_are_an_empty_list() {
    for body in [
        r#"{"name":"acme/web","tags":null}"#,
        r#"{"tags":[]}"#,
        r#"{"name":"acme/web"}"#,
    ] {
        let fake = Fake::start(move |_| ok(body)).await;
        assert_eq!(list(&fake).await.unwrap().tags, [""; 0], "{body}");
    }
}

#[tokio::test]
async fn what_is_no_tag_list_is_garbage() {
    for body in [
        "<html>",
        "[]",
        "{}",
        r#"{"errors":[]}"#,
        r#"{"tags":"1.0"}"#,
        r#"{"tags":[1]}"#,
        r#"{"tags":[]} x"#,
    ] {
        let fake = Fake::start(move |_| ok(body)).await;
        let fault = list(&fake).await.unwrap_err();
        assert!(
            matches!(fault, RegistryError::Garbage { .. }),
            "{body}: {fault:?}"
        );
        assert!(
            fault
                .to_string()
                .starts_with(&format!("GET {}", fake.url(LIST))),
            "{fault}"
        );
    }
}

#[tokio::test]
async fn row_141_a_page_that_links_to_itself_is_endless() {
    let fake = Fake::start(|_| page(&["1"], "</v2/acme/web/tags/list?n=1000>; rel=next")).await;
    let fault = list(&fake).await.unwrap_err();
    assert!(
        matches!(fault, RegistryError::EndlessPages { .. }),
        "{fault:?}"
    );
    assert!(!fault.is_transient());
    assert_eq!(fake.count(LIST), 1);
}

#[tokio::test]
async fn a_circle_of_pages_is_endless() {
    let fake = Fake::start(|seen| match seen.query.as_str() {
        "last=a" => page(&["2"], "<?last=b>; rel=next"),
        _ => page(&["1"], "<?last=a>; rel=next"),
    })
    .await;
    let fault = list(&fake).await.unwrap_err();
    assert!(
        matches!(fault, RegistryError::EndlessPages { .. }),
        "{fault:?}"
    );
    assert_eq!(fake.count(LIST), 3);
}

#[tokio::test]
async fn an_endless_chain_of_pages_ends_at_the_caps() {
    let next = |seen: &fake::Seen| {
        let number: usize = seen
            .query
            .strip_prefix("last=")
            .map_or(0, |last| last.parse().unwrap());
        page(&["tag"], &format!("<?last={}>; rel=next", number + 1))
    };
    let fake = Fake::start(next).await;
    for (limits, wanted) in [
        (
            Limits {
                pages: 5,
                ..Limits::default()
            },
            "endless listing: more than 5 pages",
        ),
        (
            Limits {
                tags: 7,
                ..Limits::default()
            },
            "answer exceeds 7 tags",
        ),
        (
            Limits {
                total_bytes: 100,
                ..Limits::default()
            },
            "answer exceeds 100 bytes in all pages",
        ),
        (
            Limits {
                page_bytes: 10,
                ..Limits::default()
            },
            "answer exceeds 10 bytes",
        ),
    ] {
        let client = client_with(ClientOptions {
            limits,
            ..ClientOptions::default()
        });
        let fault = client
            .list_tags(&fake.repository("acme/web"), soon())
            .await
            .unwrap_err();
        assert!(fault.to_string().ends_with(wanted), "{fault}");
        assert!(!fault.is_transient());
    }
}

#[tokio::test]
async fn a_link_that_leaves_the_registry_is_refused() {
    let other = Fake::start(|_| page(&["stolen"], "")).await;
    let target = other.url(LIST);
    let fake =
        Fake::start(move |_| page(&["1"], &format!("<{target}?token=secret>; rel=next"))).await;
    let fault = list(&fake).await.unwrap_err();
    assert!(
        matches!(fault, RegistryError::ForeignLink { .. }),
        "{fault:?}"
    );
    assert!(!fault.to_string().contains("secret"), "{fault}");
    assert_eq!(other.seen().len(), 0);
}

#[tokio::test]
async fn a_second_page_that_fails_fails_the_listing() {
    for status in [401, 404, 500] {
        let fake = Fake::start(move |seen| match seen.query.as_str() {
            "n=1000" => page(&["1"], "<?last=1>; rel=next"),
            _ => answer(status, &[], "no"),
        })
        .await;
        assert!(list(&fake).await.is_err(), "{status}");
    }
}

#[tokio::test]
async fn a_page_that_is_cut_off_is_asked_for_again_and_then_an_error() {
    let fake = Fake::start(|_| Act::CutOff(r#"{"tags":["1","#)).await;
    let fault = list(&fake).await.unwrap_err();
    assert!(matches!(fault, RegistryError::CutOff { .. }), "{fault:?}");
    assert!(fault.is_transient());
    assert_eq!(fake.count(LIST), 3);
    let complete = Fake::start(|_| ok(r#"{"tags":["1","#)).await;
    let fault = list(&complete).await.unwrap_err();
    assert!(matches!(fault, RegistryError::CutOff { .. }), "{fault:?}");
}

#[tokio::test]
async fn the_page_size_falls_back_and_is_remembered() {
    let fake = Fake::start(|seen| match seen.query.as_str() {
        "n=1000" => answer(
            400,
            &[],
            r#"{"errors":[{"code":"TOO_MANY_TAGS_REQUESTED","message":"at most 100"}]}"#,
        ),
        "n=100" => answer(400, &[], "still too many"),
        _ => page(&["1"], ""),
    })
    .await;
    let client = client(Keychain::anonymous());
    let repository = fake.repository("acme/web");
    assert_eq!(
        client.list_tags(&repository, soon()).await.unwrap().tags,
        ["1"]
    );
    assert_eq!(fake.count(LIST), 3);
    client.list_tags(&repository, soon()).await.unwrap();
    assert_eq!(fake.count(LIST), 4);
}

#[tokio::test]
async fn when_no_page_size_helps_the_first_refusal_is_told() {
    let body = r#"{"errors":[{"code":"TOO_MANY_TAGS_REQUESTED","message":"n"}]}"#;
    let fake = Fake::start(move |_| answer(400, &[], body)).await;
    let fault = list(&fake).await.unwrap_err();
    let wanted = format!("GET {}?n=1000: TOO_MANY_TAGS_REQUESTED: n", fake.url(LIST));
    assert_eq!(fault.to_string(), wanted);
    assert_eq!(fake.count(LIST), 3);
    let bad_name = r#"{"errors":[{"code":"NAME_INVALID","message":"no"}]}"#;
    let fake = Fake::start(move |_| answer(400, &[], bad_name)).await;
    assert!(matches!(list(&fake).await, Err(RegistryError::Refused(_))));
    assert_eq!(fake.count(LIST), 1);
}

#[tokio::test]
async fn an_unchanged_list_costs_no_more_than_saying_so() {
    let fake = Fake::start(|seen| match seen.header("if-none-match") {
        "\"v1\"" => answer(304, &[("etag", "\"v1\"")], ""),
        _ => answer(200, &[("etag", "\"v1\"")], r#"{"tags":["1"]}"#),
    })
    .await;
    let client = client(Keychain::anonymous());
    let repository = fake.repository("acme/web");
    let validator = client
        .list_tags(&repository, soon())
        .await
        .unwrap()
        .validator
        .unwrap();
    let again = client
        .list_tags_since(&repository, &validator, soon())
        .await
        .unwrap();
    assert_eq!(again, Listing::Unchanged);
    let listed = client.list_tags(&repository, soon()).await.unwrap();
    assert_eq!(listed.tags, ["1"]);
}

#[tokio::test]
async fn a_changed_list_is_returned_whole() {
    let fake = Fake::start(|seen| match seen.header("if-none-match") {
        "" => answer(200, &[("etag", "\"v1\"")], r#"{"tags":["1"]}"#),
        _ => answer(200, &[("etag", "\"v2\"")], r#"{"tags":["1","2"]}"#),
    })
    .await;
    let client = client(Keychain::anonymous());
    let repository = fake.repository("acme/web");
    let validator = client
        .list_tags(&repository, soon())
        .await
        .unwrap()
        .validator
        .unwrap();
    let Listing::Changed(list) = client
        .list_tags_since(&repository, &validator, soon())
        .await
        .unwrap()
    else {
        panic!("the list changed");
    };
    assert_eq!(list.tags, ["1", "2"]);
    assert_ne!(list.validator, Some(validator));
}

#[tokio::test]
async fn unchanged_is_garbage_where_nothing_was_known() {
    let fake = Fake::start(|_| answer(304, &[], "")).await;
    assert!(matches!(
        list(&fake).await,
        Err(RegistryError::Garbage { .. })
    ));
}

#[tokio::test]
async fn a_listing_of_several_pages_has_no_validator() {
    let fake = Fake::start(|seen| match seen.query.as_str() {
        "n=1000" => answer(
            200,
            &[("etag", "\"v1\""), ("link", "<?last=1>; rel=next")],
            r#"{"tags":["1"]}"#,
        ),
        _ => answer(200, &[("etag", "\"v2\"")], r#"{"tags":["2"]}"#),
    })
    .await;
    let listed = list(&fake).await.unwrap();
    assert_eq!((listed.tags.len(), listed.validator), (2, None));
}

#[tokio::test]
async fn who_lists_the_same_repository_at_the_same_time_shares_the_requests() {
    let fake = Fake::start(|_| page(&["1"], "")).await;
    let client = client(Keychain::anonymous());
    let repository = fake.repository("acme/web");
    let calls = (0..20).map(|_| client.list_tags(&repository, soon()));
    for listed in futures::future::join_all(calls).await {
        assert_eq!(listed.unwrap().tags, ["1"]);
    }
    assert_eq!(
        fake.lines(),
        ["GET /v2/".to_owned(), format!("GET {LIST}?n=1000")]
    );
}

#[tokio::test]
async fn the_quota_is_told() {
    let fake = Fake::start(|_| {
        answer(
            200,
            &[
                ("ratelimit-limit", "100;w=21600"),
                ("ratelimit-remaining", "76;w=21600"),
            ],
            r#"{"tags":[]}"#,
        )
    })
    .await;
    let client = client(Keychain::anonymous());
    let listed = client
        .list_tags(&fake.repository("acme/web"), soon())
        .await
        .unwrap();
    let quota = Quota {
        limit: Some(100),
        remaining: Some(76),
        window: Some(Duration::from_secs(21_600)),
    };
    assert_eq!(listed.quota, Some(quota));
    assert_eq!(client.quota(&fake.repository("acme/web")), Some(quota));
}

#[tokio::test]
async fn names_that_make_another_url_are_not_asked_for() {
    let fake = Fake::start(|_| page(&["1"], "")).await;
    for path in ["acme/../secret", "acme//web", "acme/web/", "acme/./web"] {
        let fault = client(Keychain::anonymous())
            .list_tags(&fake.repository(path), soon())
            .await
            .unwrap_err();
        assert!(
            matches!(fault, RegistryError::Address { .. }),
            "{path}: {fault:?}"
        );
    }
    assert_eq!(fake.seen().len(), 0);
}
