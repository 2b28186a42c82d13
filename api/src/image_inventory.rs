//! `ImageInventory`: which line of Git stands behind which container, and what stands in the way.
//!
//! The reconciler writes one for each automation, with the automation's name. It has no spec: it is a
//! report, replaced as a whole by one server-side apply, so neither a status nor a second write is needed.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod bounds;

pub use bounds::{BUDGET, MAX_ENTRIES, MAX_PROBLEMS, MAX_TEXT, MAX_UNCLAIMED};

/// The live markers of one automation's repository.
///
/// Made by [`Inventory::new`], which keeps the object below 1 MiB.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "imgauto.dev",
    version = "v1alpha1",
    kind = "ImageInventory",
    plural = "imageinventories",
    shortname = "imginv",
    doc = "The markers of an automation's repository: which line of Git stands behind which image, and which markers and \
           files cannot be used. Name and namespace are those of the ImageUpdateAutomation.",
    printcolumn = r#"{"name":"Entries","type":"integer","jsonPath":".entryCount"}"#,
    printcolumn = r#"{"name":"Problems","type":"integer","jsonPath":".problemCount"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    derive = "PartialEq",
    namespaced,
    no_spec
)]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    /// Where the entries were read.
    pub source: InventorySource,
    /// The markers that work, in the order of files and lines.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub entries: Vec<InventoryEntry>,
    /// The markers and files that cannot be used, in the order of files and lines.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub problems: Vec<InventoryProblem>,
    /// The markers that no automation looks after, although this one may have been meant to, in the order of files and
    /// lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub unclaimed: Vec<InventoryProblem>,
    /// How many markers work, those that are left out here included.
    pub entry_count: i64,
    /// How many problems there are, those that are left out here included.
    pub problem_count: i64,
    /// What is left out because an object must not grow without bounds; absent if nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<Truncated>,
}

/// Where the entries of an inventory were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InventorySource {
    /// Name of the ImageUpdateAutomation, in the inventory's namespace.
    pub automation: String,
    /// Address of the Git repository, without user and password.
    pub url: String,
    /// The branch commits are pushed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit the files were read at, such as `main@sha1:…`; after a push the pushed one.
    pub revision: String,
}

/// One marked scalar: a line of a file, the object it belongs to and the policy that governs it.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct InventoryEntry {
    /// Path of the file from the root of the repository.
    pub file: String,
    /// Line of the scalar, counted from one.
    pub line: i64,
    /// API version of the object the scalar belongs to; absent if the document names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Namespace of the object, if the file says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Name of the container, where the scalar is a container's image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Name of the ImagePolicy, in the inventory's namespace.
    pub policy: String,
    /// The part of the image that stands there.
    pub field: InventoryField,
    /// The value that stands there.
    pub value: String,
    /// The commit that wrote the value, in hex; absent if it was not made by this automation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// A part of an image reference.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum InventoryField {
    /// All of it.
    #[default]
    Reference,
    /// The tag.
    Tag,
    /// The name.
    Name,
    /// The digest.
    Digest,
}

/// A marker, document or file that cannot be used.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct InventoryProblem {
    /// Path of the file from the root of the repository.
    pub file: String,
    /// Line of the marker, counted from one; absent if the file as a whole is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<i64>,
    /// What is wrong and what to do about it, in one line.
    pub reason: String,
    /// What is wrong, in one word; absent if only `reason` says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<InventoryCause>,
    /// The marker, such as `flux-system:podinfo:tag`; absent if it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setter: Option<String>,
    /// API version of the object the marker stands in; absent if the document names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// Kind of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Namespace of the object, if the file says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Name of the container, where the marker stands on a container's image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}

/// Why a marker cannot be followed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum InventoryCause {
    /// It names a policy of another namespace than the automation's.
    OtherNamespace,
    /// There is no policy of that name.
    UnknownPolicy,
    /// The automation's selector leaves the policy out.
    NotSelected,
    /// The file lies outside the path the automation updates.
    OutsidePath,
}

/// What an inventory does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Truncated {
    /// Entries that are left out, the last in the order of files and lines.
    pub entries: i64,
    /// Problems that are left out, the last in the order of files and lines.
    pub problems: i64,
    /// Unclaimed markers that are left out, the last in the order of files and lines.
    #[serde(default)]
    pub unclaimed: i64,
}

#[cfg(test)]
mod tests;
