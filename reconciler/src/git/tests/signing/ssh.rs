use std::process::Command;

use super::*;

const SSH: SigningKeyType = SigningKeyType::Ssh;

/// Makes a key by `ssh-keygen`; returns it and its public key.
fn generate(arguments: &[&str]) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let mut program = Command::new("ssh-keygen");
    let status = program
        .args(arguments)
        .args(["-q", "-a", "1", "-f"])
        .arg(&file)
        .status();
    assert!(status.unwrap().success(), "{arguments:?}");
    let public = std::fs::read_to_string(file.with_extension("pub")).unwrap();
    (std::fs::read_to_string(&file).unwrap(), public)
}

/// Verifies a commit with Git and the public key of who may sign.
fn verify(bench: &Bench, commit: &str, public: &str) {
    let signers = bench.fixture.path("signers");
    std::fs::write(&signers, format!("bot@example.org {public}")).unwrap();
    let setting = format!("gpg.ssh.allowedSignersFile={}", signers.display());
    let told = bench.git(&["-c", &setting, "verify-commit", commit], &[]);
    assert!(
        told.contains("Good \"git\" signature for bot@example.org"),
        "{told}"
    );
    bench.git(&["fsck", "--strict", commit], &[]);
}

#[test]
fn commits_signed_by_keys_of_every_kind_verify() {
    let bench = Bench::new();
    for kind in [
        &["-t", "ed25519", "-N", ""][..],
        &["-t", "rsa", "-b", "2048", "-N", ""],
        &["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", ""],
        &["-t", "ecdsa", "-b", "256", "-N", ""],
        &["-t", "ecdsa", "-b", "384", "-m", "PKCS8", "-N", ""],
        &["-t", "ecdsa", "-b", "521", "-m", "PEM", "-N", ""],
    ] {
        let (private, public) = generate(kind);
        let key = key(SSH, &[("identity", &private)]);
        verify(&bench, &bench.commit(&key).unwrap(), &public);
    }
}

#[test]
fn locked_keys_sign_with_their_password() {
    let bench = Bench::new();
    for kind in [
        &["-t", "ed25519", "-N", "secret"][..],
        &["-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "secret"],
        &["-t", "ecdsa", "-m", "PEM", "-N", "secret"],
        &["-t", "ecdsa", "-m", "PKCS8", "-N", "secret"],
    ] {
        let (private, public) = generate(kind);
        let identity = ("identity", private.as_str());
        let unlocked = key(SSH, &[identity, ("password", "secret")]);
        verify(&bench, &bench.commit(&unlocked).unwrap(), &public);
        let locked = "can not use passphrase protected signing key without 'password' field present in secret sign";
        assert_eq!(refusal(SSH, &[identity]), locked);
        assert_eq!(refusal(SSH, &[identity, ("password", "")]), locked);
        assert_eq!(
            refusal(SSH, &[identity, ("password", "wrong")]),
            "could not parse SSH signing key from secret 'sign': could not parse SSH signing key: x509: decryption password incorrect"
        );
    }
}

#[test]
fn keys_that_cannot_sign_are_refused_in_fluxs_words() {
    assert_eq!(
        refusal(SSH, &[("git.asc", "x")]),
        "signing key secret 'sign' does not contain an 'identity' key"
    );
    assert_eq!(
        refusal(SSH, &[("identity", "nonsense")]),
        "could not parse SSH signing key from secret 'sign': could not parse SSH signing key: ssh: no key found"
    );
    let (short, _) = generate(&["-t", "rsa", "-b", "1024", "-N", ""]);
    assert_eq!(
        refusal(SSH, &[("identity", &short)]),
        "could not parse SSH signing key from secret 'sign': RSA key size 1024 bits is below the minimum supported by NewSSHSigner; must be at least 2048"
    );
}

#[test]
fn the_password_of_a_key_that_needs_none_is_not_looked_at() {
    let (private, _) = generate(&["-t", "ecdsa", "-m", "PKCS8", "-N", ""]);
    key(SSH, &[("identity", &private), ("password", "other")]);
}

#[test]
fn only_the_fingerprint_is_shown() {
    let (private, _) = generate(&["-t", "ed25519", "-N", ""]);
    let shown = format!("{:?}", key(SSH, &[("identity", &private)]));
    assert!(
        shown.starts_with("Ssh(SHA256:") && shown.len() < 60,
        "{shown}"
    );
}
