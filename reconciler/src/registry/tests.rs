//! The client against a registry that misbehaves on demand, on loopback.

use std::time::Duration;

use engine::image::{PlainHttp, Repository};
use tokio::time::Instant;

use super::*;

mod auth;
mod credential_sources;
mod digests;
mod failures;
mod fake;
mod flux;
mod listings;
mod proxies;
mod tls;
mod tokens;

/// A client whose waits last next to nothing.
fn client(keychain: Keychain) -> Client {
    client_with(ClientOptions {
        keychain,
        ..ClientOptions::default()
    })
}

fn client_with(options: ClientOptions) -> Client {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let moment = Duration::from_millis(1);
    let pace = Pace {
        waits: vec![moment; 2],
        retry_after_second: moment,
        ..options.pace
    };
    // The environment of whoever runs the tests must not matter.
    let proxy = match options.proxy {
        ProxyChoice::Environment => ProxyChoice::Direct,
        chosen => chosen,
    };
    Client::new(ClientOptions {
        pace,
        proxy,
        ..options
    })
    .unwrap()
}

fn repository(image: &str) -> Repository {
    Repository::parse(image).unwrap()
}

/// Has the registry pinged, so that what follows is about the repository alone.
async fn meet(client: &Client, fake: &fake::Fake) {
    client
        .list_tags(&fake.repository("acme/known"), soon())
        .await
        .unwrap();
}

/// Far enough away to be met by whatever works.
fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// Near enough to wait for.
fn at_once() -> Instant {
    Instant::now() + Duration::from_millis(400)
}
