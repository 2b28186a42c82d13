use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Instant;

use super::*;
use crate::certificates::{Authority, Issued, Lifetimes};
use crate::policies::Policies;

/// Exchanges a mounted Secret as a kubelet does: the whole directory at once, and the old one goes.
fn exchange(root: &Path, version: &str, chain: &str, key: &str) {
    let before = std::fs::read_link(root.join("..data")).ok();
    let folder = root.join(version);
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("tls.crt"), chain).unwrap();
    std::fs::write(folder.join("tls.key"), key).unwrap();
    symlink(version, root.join("..tmp")).unwrap();
    std::fs::rename(root.join("..tmp"), root.join("..data")).unwrap();
    if let Some(before) = before {
        std::fs::remove_dir_all(root.join(before)).unwrap();
    }
}

fn mount() -> tempfile::TempDir {
    let mount = tempfile::tempdir().unwrap();
    for name in ["tls.crt", "tls.key"] {
        symlink(format!("..data/{name}"), mount.path().join(name)).unwrap();
    }
    mount
}

fn issue(authority: &Authority) -> Issued {
    let names = ["a.b.svc".to_owned()];
    authority
        .issue(&names, Timestamp::now(), &Lifetimes::DEFAULT)
        .unwrap()
}

fn authority() -> Authority {
    Authority::new(Timestamp::now(), &Lifetimes::DEFAULT).unwrap()
}

fn files(root: &Path) -> (Files, Leaf, Metrics) {
    let (leaf, metrics) = (Leaf::default(), Metrics::new());
    let files = Files::new(
        root.to_owned(),
        leaf.clone(),
        metrics.clone(),
        Reach::default(),
    );
    (files, leaf, metrics)
}

#[tokio::test]
async fn every_exchange_of_a_mounted_secret_is_seen() {
    let mount = mount();
    let (mut files, leaf, metrics) = files(mount.path());
    assert!(files.read().await.is_err() && !leaf.is_there());
    let authority = authority();
    for version in ["..1", "..2", "..3", "..4"] {
        let issued = issue(&authority);
        exchange(mount.path(), version, &issued.certificate, &issued.key);
        assert_eq!(files.read().await.unwrap(), Some(issued.not_after));
        assert_eq!(files.read().await.unwrap(), None, "nothing is new");
        assert_eq!(leaf.chain()[0], first(&issued.certificate), "{version}");
        let text = metrics.text(&Policies::default(), Instant::now()).unwrap();
        let told = format!(
            "imgauto_tls_leaf_not_after_seconds {}",
            issued.not_after.as_second()
        );
        assert!(text.contains(&told), "{text}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_until_it_does() {
    let mount = mount();
    let (mut files, leaf, _) = files(mount.path());
    let authority = authority();
    let (good, other) = (issue(&authority), issue(&authority));
    exchange(mount.path(), "..1", &good.certificate, &good.key);
    files.read().await.unwrap();
    let broken = [
        (&*other.certificate, &*good.key),
        (&*good.certificate, "half"),
        ("", &*good.key),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            &*good.key,
        ),
    ];
    for (round, (chain, key)) in broken.into_iter().enumerate() {
        exchange(mount.path(), &format!("..b{round}"), chain, key);
        assert!(files.read().await.is_err(), "{round}");
        assert_eq!(leaf.chain()[0], first(&good.certificate));
    }
    exchange(mount.path(), "..2", &other.certificate, &other.key);
    assert!(files.read().await.unwrap().is_some());
    assert_eq!(leaf.chain()[0], first(&other.certificate));
}

#[tokio::test]
async fn a_chain_of_several_certificates_is_served_whole() {
    let mount = mount();
    let (mut files, leaf, _) = files(mount.path());
    let authority = authority();
    let issued = issue(&authority);
    let chain = format!("{}{}", issued.certificate, authority.certificate);
    exchange(mount.path(), "..1", &chain, &issued.key);
    assert_eq!(files.read().await.unwrap(), Some(issued.not_after));
    assert_eq!(leaf.chain()[0], first(&issued.certificate));
    assert_eq!(leaf.chain().len(), 2);
}

fn first(pem: &str) -> rustls::pki_types::CertificateDer<'static> {
    use rustls::pki_types::pem::PemObject as _;
    rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}
