use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use pgp::composed::{Deserializable as _, DetachedSignature, SignedSecretKey};
use tempfile::TempDir;

use super::*;

const GPG: SigningKeyType = SigningKeyType::Gpg;

const PASSPHRASE: &str = "schlüssel 🔑";

/// When all keys are made: long ago, so that some have expired.
const MADE: &str = "20200101T000000!";

/// A key ring of GnuPG.
struct Ring(TempDir);

impl Ring {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // By default a passphrase is hashed so often that a debug build takes ten seconds.
        std::fs::write(folder.path().join("gpg-agent.conf"), "s2k-count 65536\n").unwrap();
        Self(folder)
    }

    /// A ring with one key; returns its fingerprint too.
    fn with_key(passphrase: &str, algorithm: &str, usage: &str, expires: &str) -> (Self, String) {
        let ring = Self::new();
        ring.add_key(
            "Bot <bot@example.org>",
            passphrase,
            algorithm,
            usage,
            expires,
        );
        let fingerprint = ring.fingerprints().remove(0);
        (ring, fingerprint)
    }

    fn add_key(&self, user: &str, passphrase: &str, algorithm: &str, usage: &str, expires: &str) {
        let arguments = ["--quick-generate-key", user, algorithm, usage, expires];
        self.gpg(
            passphrase,
            &[&["--faked-system-time", MADE], &arguments[..]].concat(),
            "",
        );
    }

    /// Adds a signing subkey; returns its fingerprint.
    fn add_subkey(
        &self,
        key: &str,
        passphrase: &str,
        algorithm: &str,
        made: &str,
        expires: &str,
    ) -> String {
        let time = ["--faked-system-time", made];
        let arguments = ["--quick-add-key", key, algorithm, "sign", expires];
        self.gpg(passphrase, &[&time[..], &arguments].concat(), "");
        self.fingerprints().pop().unwrap()
    }

    /// The fingerprints of all keys and subkeys, in their order.
    fn fingerprints(&self) -> Vec<String> {
        let listing = self.gpg("", &["--with-colons", "--list-secret-keys"], "");
        let lines = listing.lines().filter_map(|line| line.strip_prefix("fpr:"));
        lines
            .map(|line| line.trim_matches(':').to_owned())
            .collect()
    }

    fn export(&self, passphrase: &str, arguments: &[&str]) -> String {
        self.gpg(passphrase, &[&["--armor"], arguments].concat(), "")
    }

    fn gpg(&self, passphrase: &str, arguments: &[&str], input: &str) -> String {
        let mut child = Command::new("gpg")
            .args(["--homedir", self.home(), "--batch", "--yes", "--quiet"])
            .args(["--pinentry-mode", "loopback", "--passphrase", passphrase])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "gpg {arguments:?}: {told}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn home(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    /// Verifies a commit with Git; returns the fingerprint of the key or subkey that signed it.
    fn verify(&self, bench: &Bench, commit: &str) -> String {
        let told = bench.git(
            &["verify-commit", "--raw", commit],
            &[("GNUPGHOME", self.home())],
        );
        bench.git(&["fsck", "--strict", commit], &[]);
        let valid = told
            .lines()
            .find_map(|line| line.strip_prefix("[GNUPG:] VALIDSIG "));
        let valid = valid.unwrap_or_else(|| panic!("{told}"));
        valid.split(' ').next().unwrap().to_owned()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let kill = ["--homedir", self.home(), "--kill", "gpg-agent"];
        let _ = Command::new("gpgconf").args(kill).status();
    }
}

#[test]
fn commits_signed_by_keys_of_every_kind_verify() {
    let bench = Bench::new();
    for algorithm in ["rsa2048", "ed25519", "nistp256", "nistp521"] {
        let (ring, fingerprint) = Ring::with_key("", algorithm, "sign,cert", "never");
        let armored = ring.export("", &["--export-secret-keys"]);
        let key = key(GPG, &[("git.asc", &armored)]);
        let commit = bench.commit(&key).unwrap();
        assert_eq!(ring.verify(&bench, &commit), fingerprint, "{algorithm}");
    }
}

#[test]
fn locked_keys_sign_with_their_passphrase() {
    let bench = Bench::new();
    for algorithm in ["rsa2048", "ed25519"] {
        let (ring, fingerprint) = Ring::with_key(PASSPHRASE, algorithm, "sign,cert", "never");
        let armored = ring.export(PASSPHRASE, &["--export-secret-keys"]);
        let armored = ("git.asc", armored.as_str());
        let unlocked = key(GPG, &[armored, ("passphrase", PASSPHRASE)]);
        let commit = bench.commit(&unlocked).unwrap();
        assert_eq!(ring.verify(&bench, &commit), fingerprint, "{algorithm}");
        assert_eq!(
            refusal(GPG, &[armored]),
            "can not use passphrase protected signing key without 'passphrase' field present in secret sign"
        );
        for wrong in ["wrong", ""] {
            assert_eq!(
                refusal(GPG, &[armored, ("passphrase", wrong)]),
                "could not decrypt private key of the signing key present in secret sign: openpgp: invalid data: private key checksum failure"
            );
        }
    }
}

#[test]
fn what_is_no_single_private_key_is_refused_in_fluxs_words() {
    assert_eq!(
        refusal(GPG, &[("identity", "x")]),
        "signing key secret 'sign' does not contain a 'git.asc' key"
    );
    let unreadable = "could not read signing key from secret 'sign': openpgp: invalid ";
    assert_eq!(
        refusal(GPG, &[("git.asc", "nonsense")]),
        format!("{unreadable}argument: no armored data found")
    );
    let (ring, _) = Ring::with_key("", "ed25519", "sign,cert", "never");
    let public = ring.export("", &["--export"]);
    assert_eq!(
        refusal(GPG, &[("git.asc", &public)]),
        format!("{unreadable}argument: the key has no private part")
    );
    let private = ring.export("", &["--export-secret-keys"]);
    let damaged = private.replacen('\n', "\n\nAAAA", 1);
    let cut = &private[..private.len() / 2];
    let signature = private.replace("PRIVATE KEY BLOCK", "SIGNATURE");
    for text in [
        &damaged,
        cut,
        &signature,
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n",
    ] {
        assert_eq!(
            refusal(GPG, &[("git.asc", text)]),
            format!("{unreadable}data: no key that can be read"),
            "{text}"
        );
    }
    ring.add_key(
        "Other <other@example.org>",
        "",
        "ed25519",
        "sign,cert",
        "never",
    );
    let both = ring.export("", &["--export-secret-keys"]);
    assert_eq!(
        refusal(GPG, &[("git.asc", &both)]),
        "multiple entities read from secret 'sign', could not determine which signing key to use"
    );
    let commented = format!("A key:\r\n{}", private.replace('\n', "\r\n"));
    key(GPG, &[("git.asc", &commented)]);
}

#[test]
fn the_newest_signing_subkey_in_force_signs() {
    let bench = Bench::new();
    let (ring, primary) = Ring::with_key(PASSPHRASE, "ed25519", "sign,cert", "never");
    let signer = || {
        let armored = ring.export(PASSPHRASE, &["--export-secret-keys"]);
        let key = key(GPG, &[("git.asc", &armored), ("passphrase", PASSPHRASE)]);
        ring.verify(&bench, &bench.commit(&key).unwrap())
    };
    assert_eq!(signer(), primary);
    let first = ring.add_subkey(&primary, PASSPHRASE, "ed25519", "20200102T000000!", "never");
    assert_eq!(signer(), first);
    let second = ring.add_subkey(&primary, PASSPHRASE, "rsa2048", "20200103T000000!", "never");
    assert_eq!(signer(), second);
    ring.add_subkey(&primary, PASSPHRASE, "ed25519", "20200104T000000!", "7d");
    assert_eq!(signer(), second);
    let revoke = [
        "--command-fd=0",
        "--edit-key",
        &primary,
        "key 2",
        "revkey",
        "save",
    ];
    ring.gpg(PASSPHRASE, &revoke, "y\n0\n\ny\n");
    assert_eq!(signer(), first);
}

#[test]
fn a_subkey_signs_although_its_primary_key_is_kept_elsewhere() {
    let bench = Bench::new();
    for passphrase in ["", PASSPHRASE] {
        let (ring, primary) = Ring::with_key(passphrase, "ed25519", "cert", "never");
        let subkey = ring.add_subkey(&primary, passphrase, "ed25519", MADE, "never");
        let armored = ring.export(passphrase, &["--export-secret-subkeys"]);
        let key = key(GPG, &[("git.asc", &armored), ("passphrase", passphrase)]);
        let commit = bench.commit(&key).unwrap();
        assert_eq!(ring.verify(&bench, &commit), subkey);
    }
}

#[test]
fn a_key_that_must_not_sign_does_not() {
    let bench = Bench::new();
    let why = |ring: &Ring, arguments: &[&str]| {
        let armored = ring.export("", arguments);
        let key = key(GPG, &[("git.asc", &armored)]);
        Chain(&bench.commit(&key).unwrap_err()).to_string()
    };
    let all = ["--export-secret-keys"];
    let prefix = "cannot sign the commit: openpgp: invalid argument: no valid signing keys: ";
    let (expired, _) = Ring::with_key("", "ed25519", "sign,cert", "7d");
    assert_eq!(
        why(&expired, &all),
        format!("{prefix}the key has expired, or its time has not come")
    );
    let (certifier, primary) = Ring::with_key("", "ed25519", "cert", "never");
    assert_eq!(
        why(&certifier, &all),
        format!("{prefix}neither the key nor any subkey in force is for signing")
    );
    let (offline, fingerprint) = Ring::with_key("", "ed25519", "sign,cert", "never");
    offline.gpg(
        "",
        &["--quick-add-key", &fingerprint, "cv25519", "encr", "never"],
        "",
    );
    assert_eq!(
        why(&offline, &["--export-secret-subkeys"]),
        format!("{prefix}there is no signing subkey, and the primary key is kept elsewhere")
    );
    certifier.add_subkey(&primary, "", "ed25519", MADE, "never");
    revoke(&certifier, &primary);
    assert_eq!(why(&certifier, &all), format!("{prefix}the key is revoked"));
}

/// Imports the revocation that GnuPG made with the key, for which its first colon must go.
fn revoke(ring: &Ring, fingerprint: &str) {
    let file = Path::new(ring.home()).join(format!("openpgp-revocs.d/{fingerprint}.rev"));
    let text = std::fs::read_to_string(file).unwrap();
    ring.gpg(
        "",
        &["--import"],
        &text.replace(":-----BEGIN", "-----BEGIN"),
    );
}

#[test]
fn only_the_fingerprint_is_shown() {
    let (ring, fingerprint) = Ring::with_key("", "ed25519", "sign,cert", "never");
    let armored = ring.export("", &["--export-secret-keys"]);
    let shown = format!("{:?}", key(GPG, &[("git.asc", &armored)]));
    assert_eq!(shown, format!("OpenPgp({})", fingerprint.to_lowercase()));
}

/// The sample of RFC 9580, appendix A.4.
const VERSION_6: &str = "-----BEGIN PGP PRIVATE KEY BLOCK-----

xUsGY4d/4xsAAAAg+U2nu0jWCmHlZ3BqZYfQMxmZu52JGggkLq2EVD34laMAGXKB
exK+cH6NX1hs5hNhIB00TrJmosgv3mg1ditlsLfCsQYfGwoAAABCBYJjh3/jAwsJ
BwUVCg4IDAIWAAKbAwIeCSIhBssYbE8GCaaX5NUt+mxyKwwfHifBilZwj2Ul7Ce6
2azJBScJAgcCAAAAAK0oIBA+LX0ifsDm185Ecds2v8lwgyU2kCcUmKfvBXbAf6rh
RYWzuQOwEn7E/aLwIwRaLsdry0+VcallHhSu4RN6HWaEQsiPlR4zxP/TP7mhfVEe
7XWPxtnMUMtf15OyA51YBMdLBmOHf+MZAAAAIIaTJINn+eUBXbki+PSAld2nhJh/
LVmFsS+60WyvXkQ1AE1gCk95TUR3XFeibg/u/tVY6a//1q0NWC1X+yui3O24wpsG
GBsKAAAALAWCY4d/4wKbDCIhBssYbE8GCaaX5NUt+mxyKwwfHifBilZwj2Ul7Ce6
2azJAAAAAAQBIKbpGG2dWTX8j+VjFM21J0hqWlEg+bdiojWnKfA5AQpWUWtnNwDE
M0g12vYxoWM8Y81W+bHBw805I8kWVkXU6vFOi+HWvv/ira7ofJu16NnoUkhclkUr
k0mXubZvyl4GBg==
-----END PGP PRIVATE KEY BLOCK-----";

#[test]
fn keys_of_version_6_sign_although_this_gpg_does_not_know_them() {
    let signature = key(GPG, &[("git.asc", VERSION_6)]).sign(b"a commit", Timestamp::now());
    let (signature, _) = DetachedSignature::from_string(&signature.unwrap()).unwrap();
    let (own, _) = SignedSecretKey::from_string(VERSION_6).unwrap();
    let public = own.primary_key.public_key();
    signature.verify(public, b"a commit").unwrap();
    signature.verify(public, b"another").unwrap_err();
}
