//! Signed commits, verified with the real `git verify-commit`, `gpg` and `ssh-keygen`.

mod openpgp;
mod ssh;

use std::process::Command;

use api::automation::SigningKeyType;
use jiff::Timestamp;

use super::super::*;
use super::fixture::{Fixture, author, last_tag, on_main};
use crate::chain::Chain;
use crate::secret::SecretData;

/// The name of the Secret in all tests.
const SECRET: &str = "sign";

/// A message and an author that are more than ASCII.
const MESSAGE: &str = "Aktualisiert: größer → 2.0 🚀\n\n日本語";

fn data(pairs: &[(&str, &str)]) -> SecretData {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
        .collect()
}

fn key(kind: SigningKeyType, pairs: &[(&str, &str)]) -> SigningKey {
    SigningKey::from_secret(kind, SECRET, &data(pairs))
        .unwrap_or_else(|error| panic!("{}", Chain(&error)))
}

fn refusal(kind: SigningKeyType, pairs: &[(&str, &str)]) -> String {
    let error = SigningKey::from_secret(kind, SECRET, &data(pairs)).unwrap_err();
    Chain(&error).to_string()
}

/// A mirror to make commits in.
struct Bench {
    fixture: Fixture,
    mirror: Mirror,
    parent: Oid,
}

impl Bench {
    fn new() -> Self {
        let fixture = Fixture::with_repository();
        let mut mirror = fixture.mirror();
        let fetched = mirror.fetch(&fixture.remote(), &on_main(), &last_tag);
        let parent = fetched.unwrap().start;
        Self {
            fixture,
            mirror,
            parent,
        }
    }

    /// Makes a commit signed now.
    fn commit(&self, key: &SigningKey) -> Result<String, GitError> {
        let edits = [Edit {
            path: "README".to_owned(),
            content: b"signed\n".to_vec(),
        }];
        let author = Author {
            name: "Zoë Ünïcode".to_owned(),
            time: Timestamp::now(),
            ..author()
        };
        let id = self.mirror.commit(&NewCommit {
            parent: self.parent,
            edits: &edits,
            author: &author,
            message: MESSAGE,
            signer: Some(&key.signer(author.time)),
        })?;
        Ok(id.to_string())
    }

    /// Runs Git in the mirror; returns what it wrote to standard error.
    fn git(&self, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let mut program = Command::new("git");
        let program = program
            .args(arguments)
            .current_dir(self.fixture.path("mirror"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs(variables.iter().copied());
        let output = program.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "git {arguments:?}: {told}");
        told
    }
}
