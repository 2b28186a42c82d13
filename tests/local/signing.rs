//! Signed commits: the key is that of a Secret in the files.

use harness::ssh_server::{SshKey, SshKeyKind};
use harness::{Repository, git};
use serde_json::json;

use crate::branches::{COMMIT, PUSH, fails, fleet_with, head};
use crate::fleet::{Checkout, Fleet};

/// A fleet whose automation has its commits signed with an SSH key.
fn fleet() -> Fleet {
    fleet_with(
        "    commit:\n",
        "    commit:\n      signingKey: {type: ssh, secretRef: {name: key}}\n",
    )
}

/// Puts the Secret of the key into the checkout, uncommitted.
fn write_secret(checkout: &Checkout<'_>, namespace: &str, key: &str, value: &str) {
    let secret = json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "key", "namespace": namespace}, "stringData": {key: value}});
    checkout.write("secret.yaml", &secret.to_string());
}

/// Verifies a commit with Git; `public` is the key that must have signed it.
fn verify(fleet: &Fleet, repository: &Repository, commit: &str, public: &str) {
    let signers = fleet.home.path().join("signers");
    std::fs::write(&signers, format!("* {public}")).unwrap();
    let setting = format!("gpg.ssh.allowedSignersFile={}", signers.display());
    git(
        repository.path(),
        &["-c", &setting, "verify-commit", commit],
    );
}

#[test]
fn commits_are_signed_with_the_key_of_a_secret_in_the_files() {
    let key = SshKey::generate(SshKeyKind::Ed25519, None);
    let fleet = fleet();
    let checkout = fleet.checkout();
    let before = head(&checkout);
    write_secret(&checkout, "flux-system", "identity", &key.private);
    checkout.ends_with(0, &COMMIT);
    assert_eq!(git(checkout.path(), &["rev-parse", "HEAD^"]), before);
    git(
        checkout.path(),
        &["push", "--quiet", "origin", "HEAD:signed"],
    );
    verify(&fleet, &fleet.repository, "signed", &key.public);

    git(checkout.path(), &["reset", "--quiet", "--hard", &before]);
    checkout.ends_with(0, &PUSH);
    assert_eq!(head(&checkout), fleet.repository.tip("main").unwrap());
    verify(&fleet, &fleet.repository, "main", &key.public);
}

#[test]
fn without_their_key_commits_are_not_made_unless_the_user_says_so() {
    let fleet = fleet();
    let checkout = fleet.checkout();
    let before = head(&checkout);
    let refused = |words: &str| {
        let automation =
            "ImageUpdateAutomation flux-system/flux-system: spec.git.commit.signingKey: ";
        for args in [COMMIT, PUSH] {
            fails(&checkout, &args, &[automation, words, "--no-sign"]);
            assert_eq!(head(&checkout), before);
            assert_eq!(fleet.repository.tip("main").unwrap(), before);
        }
    };
    let missing =
        "could not find signing key secret 'key': no Secret flux-system/key is in the files";
    refused(missing);
    write_secret(&checkout, "elsewhere", "identity", "x");
    refused(missing);
    write_secret(&checkout, "flux-system", "git.asc", "x");
    refused("signing key secret 'key' does not contain an 'identity' key");
    write_secret(&checkout, "flux-system", "identity", "x");
    refused("could not parse SSH signing key from secret 'key': ");
    checkout.ends_with(0, &[&COMMIT[..], &["--no-sign"]].concat());
    assert_eq!(git(checkout.path(), &["rev-parse", "HEAD^"]), before);
    let commit = git(checkout.path(), &["cat-file", "commit", "HEAD"]);
    assert!(!commit.contains("gpgsig"), "{commit}");
}
