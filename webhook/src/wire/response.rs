//! The answer to a review.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use json_patch::Patch;
use serde::Serialize;

use super::{API_VERSION, KIND};

/// What is answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// Why the request is refused, if it is.
    pub denial: Option<Denial>,
    /// What is changed of the object; of a request that is refused, nothing is.
    pub patch: Option<Patch>,
    /// What whoever sent the request is told.
    pub warnings: Vec<String>,
    /// What is written to the audit log.
    pub audit: Vec<(&'static str, String)>,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The HTTP status that whoever sent the request gets.
    pub code: u16,
    /// The reason in a word of Kubernetes, such as `Forbidden`.
    pub reason: &'static str,
    /// The reason in a line.
    pub message: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    audit_annotations: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct Status<'a> {
    code: u16,
    reason: &'a str,
    message: &'a str,
}

/// Writes the answer to the review with this UID.
pub fn write(uid: &str, reply: &Reply) -> Vec<u8> {
    let allowed = reply.denial.is_none();
    let patch = reply.patch.as_ref();
    let patch = patch.filter(|patch| allowed && !patch.0.is_empty());
    let patch = patch.map(|patch| STANDARD.encode(json(patch)));
    let audit = reply.audit.iter();
    json(&Review {
        api_version: API_VERSION,
        kind: KIND,
        response: Response {
            uid,
            allowed,
            status: reply.denial.as_ref().map(|denial| Status {
                code: denial.code,
                reason: denial.reason,
                message: &denial.message,
            }),
            patch_type: patch.is_some().then_some("JSONPatch"),
            patch,
            warnings: &reply.warnings,
            audit_annotations: audit.map(|(key, text)| (*key, text.as_str())).collect(),
        },
    })
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("texts and numbers by names that are texts are JSON")
}
