//! Proxies from Secrets.

use super::fake::{Fake, answer, basic, ok};
use super::*;
use crate::secret::SecretData;

fn data(pairs: &[(&str, &str)]) -> SecretData {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
        .collect()
}

#[test]
fn a_wrong_secret_is_told_as_flux_tells_it() {
    let long = format!("http://{}", "x".repeat(2048));
    for (pairs, wanted) in [
        (vec![], "key 'address' not found"),
        (vec![("address", "")], "proxy address is empty"),
        (
            vec![("address", "ftp://p:1")],
            "proxy URL must use one of the supported schemes (http, https, socks5), got 'ftp'",
        ),
        (
            vec![("address", "p.example")],
            "proxy URL must use one of the supported schemes (http, https, socks5), got ''",
        ),
        (
            vec![("address", long.as_str())],
            "proxy URL exceeds maximum length of 2048 characters",
        ),
        (
            vec![("address", "http://")],
            "proxy address is not a URL with a host",
        ),
    ] {
        let fault = ProxyOptions::from_secret_data("apps/proxy", &data(&pairs)).unwrap_err();
        assert_eq!(fault.to_string(), format!("secret 'apps/proxy': {wanted}"));
    }
}

#[test]
fn every_scheme_makes_a_client() {
    for address in [
        "http://p.example:3128",
        "https://p.example",
        "socks5://p.example:1080",
    ] {
        let proxy =
            ProxyOptions::from_secret_data("apps/proxy", &data(&[("address", address)])).unwrap();
        client_with(ClientOptions {
            proxy: ProxyChoice::Through(proxy),
            ..ClientOptions::default()
        });
    }
}

#[test]
fn nothing_prints_the_password() {
    let pairs = data(&[
        ("address", "http://u:hunter2@p.example"),
        ("username", "bob"),
        ("password", "hunter2"),
    ]);
    let proxy = ProxyOptions::from_secret_data("apps/proxy", &pairs).unwrap();
    assert_eq!(format!("{proxy:?}"), "ProxyOptions(\"http://p.example/\")");
    let client = client_with(ClientOptions {
        proxy: ProxyChoice::Through(proxy),
        ..ClientOptions::default()
    });
    assert!(!format!("{client:?}").contains("hunter2"));
}

async fn through(pairs: &[(&str, &str)], proxy: &Fake) -> Result<TagList, RegistryError> {
    let address = format!("http://{}", proxy.address);
    let mut data = data(pairs);
    data.insert("address".to_owned(), address.into_bytes());
    let proxy = ProxyChoice::Through(ProxyOptions::from_secret_data("apps/proxy", &data).unwrap());
    let client = client_with(ClientOptions {
        proxy,
        ..ClientOptions::default()
    });
    // Nobody listens there: the answer can come from the proxy only.
    client
        .list_tags(&repository("127.0.0.1:1/acme/web"), soon())
        .await
}

/// A proxy that answers plain HTTP itself and makes no tunnels.
async fn proxy() -> Fake {
    Fake::start_raw(|seen| match seen.method.as_str() {
        "CONNECT" => answer(405, &[], ""),
        _ => ok(r#"{"tags":["1"]}"#),
    })
    .await
}

#[tokio::test]
async fn all_traffic_goes_through_the_proxy() {
    let proxy = proxy().await;
    assert_eq!(through(&[], &proxy).await.unwrap().tags, ["1"]);
    let (tunnels, plain): (Vec<_>, Vec<_>) = proxy
        .seen()
        .into_iter()
        .partition(|seen| seen.method == "CONNECT");
    assert!(!tunnels.is_empty(), "HTTPS is tried first");
    let paths: Vec<&str> = plain.iter().map(|seen| seen.path.as_str()).collect();
    assert_eq!(paths, ["/v2/", "/v2/acme/web/tags/list"]);
}

#[tokio::test]
async fn a_user_name_may_stand_alone_and_a_password_may_not() {
    for (pairs, wanted) in [
        (
            vec![("username", "bob"), ("password", "pw")],
            basic("bob", "pw"),
        ),
        (vec![("username", "bob")], basic("bob", "")),
        (vec![("password", "pw")], String::new()),
    ] {
        let proxy = proxy().await;
        through(&pairs, &proxy).await.unwrap();
        assert!(
            proxy
                .seen()
                .iter()
                .all(|seen| seen.header("proxy-authorization") == wanted),
            "{pairs:?}"
        );
    }
}

#[tokio::test]
async fn a_proxy_of_the_environment_counts_except_for_loopback_and_no_proxy() {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let proxy = proxy().await;
    let fake = Fake::start_raw(|_| ok("direct")).await;
    let far = Fake::start_far(|_| ok("direct")).await;
    let address = format!("http://{}", proxy.address);
    let environment = |name: &str| match name {
        "http_proxy" => Some(address.clone()),
        "NO_PROXY" => Some("internal.example".to_owned()),
        _ => None,
    };
    let http = super::super::proxy::from_environment(
        reqwest::Client::builder().tls_certs_only([]),
        environment,
    )
    .unwrap()
    .build()
    .unwrap();
    let get = async |url: String| http.get(url).send().await.unwrap().text().await.unwrap();
    assert_eq!(
        get("http://registry.example/v2/".to_owned()).await,
        r#"{"tags":["1"]}"#
    );
    assert_eq!(get(fake.url("/v2/")).await, "direct");
    assert_eq!(get(far.url("/v2/")).await, "direct");
    assert!(
        http.get("http://internal.example/")
            .send()
            .await
            .unwrap_err()
            .is_connect()
    );
    assert_eq!(proxy.lines(), ["GET /v2/"]);
}
