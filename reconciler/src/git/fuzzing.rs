//! The readers of what Git servers say, within reach of the fuzz targets; only builds for fuzzing have this.

use git2::Oid;
use russh::keys::PublicKey;

use super::advertisement::Advertisement;
use super::known_hosts::{KnownHosts, Verdict};

/// Reads what a server begins with, cut as given; returns the refs, and whether it takes push options.
#[must_use]
pub fn advertised(cut: &[&[u8]]) -> (Vec<(String, Oid)>, bool) {
    let mut advertisement = Advertisement::default();
    for bytes in cut {
        advertisement.feed(bytes);
    }
    let options = advertisement.offers("push-options");
    (advertisement.refs().to_vec(), options)
}

/// Whether a host may show a key, which is given as OpenSSH writes public keys.
///
/// # Panics
/// When that is no key.
#[must_use]
pub fn knows(hosts: &KnownHosts, host: &str, port: u16, key: &str) -> bool {
    let key: PublicKey = key.parse().expect("the target has a key");
    // What a server is offered must be computed for any text, too.
    let _ = hosts.algorithms(host, port);
    hosts.check(host, port, &key) == Verdict::Known
}
