//! The keys that commits of a run are signed with.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::automation::Automation;
use super::commits::CommitError;
use super::run::{Run, Signatures};
use crate::git::{SigningError, SigningKey};
use crate::resources::{ObjectKey, Resources};
use crate::secret::data_of;

/// Keys by automation, for those whose commits are signed.
pub(super) type Signers = BTreeMap<ObjectKey, Arc<SigningKey>>;

/// The Secret of a signing key is not among the objects of a run.
#[derive(Debug, thiserror::Error)]
#[error("no Secret {0} is in the files")]
struct NotInFiles(ObjectKey);

impl Run<'_> {
    /// Takes the signing keys out of the Secrets in the files, all of them before the first commit is made.
    ///
    /// Nobody gets unsigned commits where signed ones are asked for, unless the user says so.
    pub(super) fn signers(&self) -> Result<Signers, CommitError> {
        let mut signers = Signers::new();
        if self.signatures == Signatures::LeftOut {
            return Ok(signers);
        }
        for automation in self.automations {
            let key = signing_key(automation, self.resources);
            let key = key.map_err(|source| CommitError::Signing {
                automation: automation.key.clone(),
                source,
            })?;
            signers.extend(key.map(|key| (automation.key.clone(), Arc::new(key))));
        }
        Ok(signers)
    }
}

fn signing_key(
    automation: &Automation,
    resources: &Resources,
) -> Result<Option<SigningKey>, SigningError> {
    let git = automation.git.as_ref();
    let Some(wanted) = git.and_then(|git| git.commit.signing_key.as_ref()) else {
        return Ok(None);
    };
    let name = &wanted.secret_ref.name;
    let key = ObjectKey::new(&automation.key.namespace, name);
    let secret = resources.secrets.get(&key);
    let secret = secret.ok_or_else(|| SigningError::NoSecret {
        secret: name.clone(),
        source: NotInFiles(key).into(),
    })?;
    let kind = wanted.key_type.unwrap_or_default();
    SigningKey::from_secret(kind, name, &data_of(&secret.object)).map(Some)
}
