//! What an automation decided to change, as data: the input of commit messages and reports.

use std::fmt;

use serde::Serialize;

/// The image a policy chose, as `ImagePolicy.status.latestRef` holds it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct LatestRef {
    /// The repository as the user wrote it in `ImageRepository.spec.image`, not normalised.
    pub name: String,
    /// The original tag.
    pub tag: String,
    /// `sha256:<hex>` when the policy reflects digests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl fmt::Display for LatestRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.tag)?;
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// The identity of a Kubernetes object in a manifest; all fields empty when the document is none.
///
/// The field order is the sort order Flux's templates iterate in.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectId {
    /// `group/version` or `version`.
    pub api_version: String,
    /// The kind, as written.
    pub kind: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`; empty when the manifest names none.
    pub namespace: String,
}

/// One edited scalar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Path of the file, relative to the automation's update path, with `/`.
    pub file: String,
    /// 1-based line of the scalar in the file before the edit.
    pub line: usize,
    /// The object the scalar belongs to, as it reads after the edit.
    pub object: ObjectId,
    /// The value before, without YAML quoting.
    pub old: String,
    /// The value after, without YAML quoting.
    pub new: String,
    /// The marker's value, such as `flux-system:podinfo:tag`.
    pub setter: String,
}
