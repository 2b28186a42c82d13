//! What logins are for, what they cost when nobody answers, and what they never show.

use std::time::Duration;

use base64::engine::general_purpose::STANDARD;
use engine::image::Repository;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::*;
use crate::registry::{Client, ClientOptions, Keychain};

const HOST: &str = "acme.azurecr.io";

const CLIENT: [(&str, &str); 3] = [
    ("AZURE_CLIENT_ID", "client-1"),
    ("AZURE_TENANT_ID", "tenant-1"),
    ("AZURE_CLIENT_SECRET", "+hunter2/="),
];

#[tokio::test]
async fn a_registry_takes_the_credential() {
    let token = web_token();
    let user = format!("00000000-0000-0000-0000-000000000000:{token}");
    let known = format!("Basic {}", STANDARD.encode(user));
    let world = World::start(move |seen| match seen.path.as_str() {
        "/oauth2/exchange" => ok(json!({ "refresh_token": token })),
        "/tenant-1/oauth2/v2.0/token" => {
            ok(json!({"access_token": "entra.token", "expires_in": 3599}))
        }
        _ if seen.header("authorization") != known => (401, "{}".to_owned()),
        "/v2/app/tags/list" => ok(json!({"name": "app", "tags": ["1.0.0"]})),
        _ => ok("{}"),
    })
    .await;
    let login = RegistryLogin {
        cloud: Cloud::Azure,
        host: HOST,
        whose: WEB,
        identity: Identity::Controller,
        tls: &world.tls(),
        proxy: &world.proxy(),
    };
    let mut keychain = Keychain::anonymous();
    keychain.add(HOST, world.logins(&CLIENT).registry(login).await.unwrap());
    let client = Client::new(ClientOptions {
        keychain,
        tls: world.tls(),
        proxy: world.proxy(),
        ..ClientOptions::default()
    });
    let image = Repository::parse("acme.azurecr.io/app").unwrap();
    let soon = Instant::now() + Duration::from_secs(20);
    let listed = client.unwrap().list_tags(&image, soon).await.unwrap();
    assert_eq!(listed.tags, ["1.0.0"]);
}

/// The clock stands still and jumps to whatever is waited for.
#[tokio::test(start_paused = true)]
async fn a_cloud_that_does_not_answer_is_given_up_after_ten_seconds() {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let environment: Environment = [
        ("AWS_ACCESS_KEY_ID", "AKIDSTATIC"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ("AWS_ENDPOINT_URL_ECR_PUBLIC", address.as_str()),
    ]
    .into_iter()
    .collect();
    let logins =
        CloudLogins::new(environment, None, CacheLimits::default(), Metrics::new("0")).unwrap();
    let login = RegistryLogin {
        cloud: Cloud::Aws,
        host: "public.ecr.aws",
        whose: WEB,
        identity: Identity::Controller,
        tls: &TlsOptions::default(),
        proxy: &ProxyChoice::Direct,
    };
    let began = Instant::now();
    let fault = logins.registry(login).await.unwrap_err();
    assert_eq!(began.elapsed().as_secs(), 10);
    let told = Chain(&fault).to_string();
    assert!(
        told.contains("no answer: ") && told.contains("timed out"),
        "{told}"
    );
}

#[tokio::test]
async fn nothing_shows_a_secret() {
    let world = World::start(|seen| (400, seen.body.clone())).await;
    let logins = world.logins(&CLIENT);
    let login = RegistryLogin {
        cloud: Cloud::Azure,
        host: HOST,
        whose: WEB,
        identity: Identity::Controller,
        tls: &world.tls(),
        proxy: &world.proxy(),
    };
    let fault = logins.registry(login).await.unwrap_err();
    let shown = format!("{login:?} {fault:?} {}", Chain(&fault));
    assert!(shown.contains("client_secret=REDACTED"), "{shown}");
    assert!(!shown.contains("hunter2"));
    let grant = Grant::login("bob", "hunter2", Timestamp::MAX);
    assert!(!format!("{grant:?}").contains("hunter2"));
    assert!(!format!("{:?}", jwt::RsaKey::parse(APP_KEY.as_bytes())).contains("MII"));
}

#[test]
fn providers_are_known_by_their_names() {
    for (name, cloud, git) in [
        ("aws", Some(Cloud::Aws), Some(GitProvider::Aws)),
        ("azure", Some(Cloud::Azure), Some(GitProvider::Azure)),
        ("gcp", Some(Cloud::Gcp), None),
        ("github", None, Some(GitProvider::Github)),
        ("generic", None, None),
        ("", None, None),
    ] {
        assert_eq!(Cloud::named(name), cloud);
        assert_eq!(GitProvider::named(name), git);
    }
}
