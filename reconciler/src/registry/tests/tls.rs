//! Authorities, client certificates, and what becomes of HTTPS that is not trusted.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;

use super::fake::{Fake, answer, ok};
use super::*;
use crate::secret::SecretData;

struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, in PEM and as rustls takes them.
struct Pair {
    certificate: String,
    key: String,
    chain: Vec<CertificateDer<'static>>,
    private: PrivateKeyDer<'static>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn issue(&self, name: &str) -> Pair {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Pair {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            chain: vec![certificate.der().clone()],
            private: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }
}

fn acceptor(pair: Pair, clients: Option<&Authority>) -> TlsAcceptor {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let builder = rustls::ServerConfig::builder();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority.0.der().clone()).unwrap();
            builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder(Arc::new(roots))
                    .build()
                    .unwrap(),
            )
        }
    };
    TlsAcceptor::from(Arc::new(
        builder.with_single_cert(pair.chain, pair.private).unwrap(),
    ))
}

fn data(pairs: &[(&str, &str)]) -> SecretData {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
        .collect()
}

fn options(pairs: &[(&str, &str)]) -> Result<TlsOptions, TlsError> {
    TlsOptions::from_secret_data("apps/certs", &data(pairs))
}

async fn list(fake: &Fake, tls: TlsOptions) -> Result<TagList, RegistryError> {
    let client = client_with(ClientOptions {
        tls,
        ..ClientOptions::default()
    });
    client.list_tags(&fake.repository("acme/web"), soon()).await
}

#[tokio::test]
async fn an_authority_is_trusted_when_it_is_given() {
    let authority = Authority::new();
    let fake = Fake::start_tls(acceptor(authority.issue("127.0.0.1"), None), |_| {
        ok(r#"{"tags":["1"]}"#)
    })
    .await;
    for key in ["ca.crt", "caFile"] {
        let tls = options(&[(key, &authority.pem())]).unwrap();
        assert_eq!(list(&fake, tls).await.unwrap().tags, ["1"]);
    }
}

#[tokio::test]
async fn a_registry_nobody_vouches_for_is_told_and_never_trusted() {
    let authority = Authority::new();
    let fake = Fake::start_tls(acceptor(authority.issue("127.0.0.1"), None), |_| ok("{}")).await;
    let other = options(&[("ca.crt", &Authority::new().pem())]).unwrap();
    for tls in [TlsOptions::default(), other] {
        let options = ClientOptions {
            tls,
            plain_http: PlainHttp::Allowed,
            ..ClientOptions::default()
        };
        let fault = client_with(options)
            .list_tags(&fake.repository("acme/web"), soon())
            .await
            .unwrap_err();
        assert!(
            matches!(fault.telling(), RegistryError::Tls { .. }),
            "{fault:?}"
        );
        let start = format!(
            "Get \"https://{}/v2/\": tls: invalid peer certificate: ",
            fake.address
        );
        assert!(fault.to_string().starts_with(&start), "{fault}");
        assert!(!fault.is_transient());
    }
    assert_eq!(fake.seen().len(), 0);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_told() {
    let authority = Authority::new();
    let fake = Fake::start_tls(acceptor(authority.issue("registry.example"), None), |_| {
        ok("{}")
    })
    .await;
    let fault = list(&fake, options(&[("ca.crt", &authority.pem())]).unwrap())
        .await
        .unwrap_err();
    assert!(
        matches!(fault.telling(), RegistryError::Tls { .. }),
        "{fault:?}"
    );
    assert!(fault.to_string().contains("not valid for"), "{fault}");
}

#[tokio::test]
async fn a_client_certificate_is_shown() {
    let authority = Authority::new();
    let acceptor = acceptor(authority.issue("127.0.0.1"), Some(&authority));
    let fake = Fake::start_tls(acceptor, |_| ok(r#"{"tags":["1"]}"#)).await;
    let pair = authority.issue("client");
    let ca = authority.pem();
    for (certificate, key) in [("tls.crt", "tls.key"), ("certFile", "keyFile")] {
        let tls = options(&[
            ("ca.crt", &ca),
            (certificate, &pair.certificate),
            (key, &pair.key),
        ])
        .unwrap();
        assert_eq!(list(&fake, tls).await.unwrap().tags, ["1"]);
    }
    let fault = list(&fake, options(&[("ca.crt", &ca)]).unwrap())
        .await
        .unwrap_err();
    assert!(
        matches!(fault.telling(), RegistryError::Tls { .. }),
        "{fault:?}"
    );
}

#[tokio::test]
async fn credentials_go_to_no_plain_http_token_server() {
    let authority = Authority::new();
    let realm = Fake::start_raw(|_| ok(r#"{"token":"good"}"#)).await;
    let header = format!("Bearer realm=\"{}\"", realm.url("/token"));
    let acceptor = acceptor(authority.issue("127.0.0.2"), None);
    let fake = Fake::start_far_tls(acceptor, move |seen| match seen.header("authorization") {
        "Bearer good" => ok(r#"{"tags":["1"]}"#),
        _ => answer(401, &[("www-authenticate", &header)], ""),
    })
    .await;
    let ask = async |credential: Credential, plain_http: PlainHttp| {
        let mut keychain = Keychain::default();
        keychain.add(&fake.address.to_string(), credential);
        let tls = options(&[("ca.crt", &authority.pem())]).unwrap();
        let client = client_with(ClientOptions {
            keychain,
            tls,
            plain_http,
            ..ClientOptions::default()
        });
        client.list_tags(&fake.repository("acme/web"), soon()).await
    };
    for credential in [
        Credential::login("bob", "pw"),
        Credential::identity_token("id"),
    ] {
        let fault = ask(credential, PlainHttp::LocalOnly).await.unwrap_err();
        assert!(
            matches!(fault, RegistryError::PlainTextRealm { .. }),
            "{fault:?}"
        );
        assert_eq!(realm.seen().len(), 0);
    }
    let listed = ask(Credential::login("bob", "pw"), PlainHttp::Allowed).await;
    assert_eq!(listed.unwrap().tags, ["1"]);
    assert!(realm.seen()[0].shows("bob", "pw"));
}

#[tokio::test]
async fn a_redirect_to_plain_http_is_not_followed() {
    let authority = Authority::new();
    let plain = Fake::start_raw(|_| ok(r#"{"tags":["stolen"]}"#)).await;
    let target = plain.url("/?sig=secret");
    let acceptor = acceptor(authority.issue("127.0.0.1"), None);
    let fake = Fake::start_tls(acceptor, move |_| answer(307, &[("location", &target)], "")).await;
    let fault = list(&fake, options(&[("ca.crt", &authority.pem())]).unwrap())
        .await
        .unwrap_err();
    assert!(
        matches!(fault.telling(), RegistryError::UntrustedRedirect { .. }),
        "{fault:?}"
    );
    assert!(!format!("{fault} {fault:?}").contains("secret"), "{fault}");
    assert_eq!(plain.seen().len(), 0);
}

#[test]
fn wrong_secrets_are_told_as_flux_tells_them() {
    let authority = Authority::new();
    let (pair, other) = (authority.issue("a"), authority.issue("b"));
    let (certificate, key) = (pair.certificate.as_str(), pair.key.as_str());
    for (pairs, wanted) in [
        (
            vec![("tls.crt", certificate)],
            "secret 'apps/certs' contains 'tls.crt' but missing 'tls.key'",
        ),
        (
            vec![("keyFile", key), ("tls.crt", "")],
            "secret 'apps/certs' contains 'tls.key' but missing 'tls.crt'",
        ),
        (
            vec![("other", "x")],
            "secret 'apps/certs' must contain either 'ca.crt' or both 'tls.crt' and 'tls.key'",
        ),
        (
            vec![("ca.crt", "garbage")],
            "failed to parse CA certificate",
        ),
        (vec![("ca.crt", key)], "failed to parse CA certificate"),
        (
            vec![("tls.crt", "garbage"), ("tls.key", key)],
            "failed to parse TLS certificate and key: tls: failed to find any PEM data in certificate input",
        ),
        (
            vec![("tls.crt", certificate), ("tls.key", "hunter2")],
            "failed to parse TLS certificate and key: tls: failed to find any PEM data in key input",
        ),
        (
            vec![("tls.crt", certificate), ("tls.key", &other.key)],
            "failed to parse TLS certificate and key: keys may not be consistent: KeyMismatch",
        ),
    ] {
        assert_eq!(options(&pairs).unwrap_err().to_string(), wanted);
    }
}

#[test]
fn legacy_keys_are_warned_of_and_standard_ones_win() {
    let (authority, other) = (Authority::new(), Authority::new());
    let legacy = options(&[("caFile", &authority.pem())]).unwrap();
    assert_eq!(
        legacy.warnings(),
        ["secret 'apps/certs': 'caFile' is a legacy key, use 'ca.crt'"]
    );
    let both = options(&[("caFile", &other.pem()), ("ca.crt", &authority.pem())]).unwrap();
    assert_eq!(both.fingerprint(), legacy.fingerprint());
    assert_eq!(both.warnings(), [""; 0]);
}

#[test]
fn nothing_prints_the_key() {
    let pair = Authority::new().issue("a");
    let tls = options(&[("tls.crt", &pair.certificate), ("tls.key", &pair.key)]).unwrap();
    assert_eq!(
        format!("{tls:?}"),
        "TlsOptions { authorities: 0, identity: Some(\"(..)\"), .. }"
    );
}
