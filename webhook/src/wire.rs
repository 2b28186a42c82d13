//! AdmissionReviews as they come and go.
//!
//! Read in stages where something is wrong, so that the answer carries the UID of its request all the same: an answer
//! with another UID counts as a broken webhook. Nothing that is not looked at is copied.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;

mod object;
mod response;
#[cfg(test)]
mod tests;

pub use object::{Object, read_object};
pub use response::{Denial, Reply, write};

/// The only version of reviews there is.
pub const API_VERSION: &str = "admission.k8s.io/v1";
/// The kind of what comes and goes.
pub const KIND: &str = "AdmissionReview";

/// A review, as far as it could be read.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// Identifies the round trip; the answer repeats it.
    pub uid: Text<'a>,
    /// What is asked, or why that cannot be read.
    pub request: Result<Request<'a>, serde_json::Error>,
}

/// Why there is no answer that the API server could use.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// The body is no JSON object with a request that has a UID.
    #[error("the body is no AdmissionReview with a request")]
    Body(#[source] serde_json::Error),
    /// The body is something else than a review that is known here.
    #[error(
        "cannot answer {kind:?} of {api_version:?}, only AdmissionReview of admission.k8s.io/v1"
    )]
    Version {
        /// `apiVersion`, cut short.
        api_version: String,
        /// `kind`, cut short.
        kind: String,
    },
}

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request<'a> {
    #[serde(borrow)]
    uid: Text<'a>,
    /// What is written, as the webhook is registered for it.
    #[serde(borrow)]
    pub resource: Resource<'a>,
    /// The part of it that is written; empty for all of it.
    #[serde(borrow, default)]
    sub_resource: Option<Text<'a>>,
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    namespace: Option<Text<'a>>,
    /// What is done.
    pub operation: Operation,
    /// Who does it.
    #[serde(borrow, default)]
    pub user_info: UserInfo<'a>,
    /// What is to be written; absent when something is deleted.
    #[serde(borrow, default)]
    pub object: Option<&'a RawValue>,
    /// What is there; absent when something is created.
    #[serde(borrow, default)]
    pub old_object: Option<&'a RawValue>,
    #[serde(default)]
    dry_run: Option<bool>,
}

impl Request<'_> {
    /// The part of the object that is written; empty for all of it.
    pub fn sub_resource(&self) -> &str {
        text(self.sub_resource.as_ref())
    }

    /// The name of the object; empty if it is not known yet.
    pub fn name(&self) -> &str {
        text(self.name.as_ref())
    }

    /// The namespace, whatever the object says; empty outside of namespaces.
    pub fn namespace(&self) -> &str {
        text(self.namespace.as_ref())
    }

    /// Whether nothing will be stored.
    pub fn is_dry_run(&self) -> bool {
        self.dry_run == Some(true)
    }
}

/// Group and resource.
#[derive(Debug, Default, Deserialize)]
pub struct Resource<'a> {
    #[serde(borrow, default)]
    group: Option<Text<'a>>,
    #[serde(borrow, default)]
    resource: Option<Text<'a>>,
}

impl Resource<'_> {
    /// The API group; empty for the core group.
    pub fn group(&self) -> &str {
        text(self.group.as_ref())
    }

    /// The plural.
    pub fn resource(&self) -> &str {
        text(self.resource.as_ref())
    }
}

/// Who sends a request. What else the API server tells of them may be secret, and is not read.
#[derive(Debug, Default, Deserialize)]
pub struct UserInfo<'a> {
    #[serde(borrow, default)]
    username: Option<Text<'a>>,
    #[serde(borrow, default)]
    groups: Option<Vec<Text<'a>>>,
}

impl UserInfo<'_> {
    /// The name.
    pub fn username(&self) -> &str {
        text(self.username.as_ref())
    }

    /// The groups.
    pub fn groups(&self) -> Vec<Cow<'_, str>> {
        let groups = self.groups.iter().flatten();
        groups.map(|group| Cow::Borrowed(group.as_ref())).collect()
    }
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// Something is created.
    Create,
    /// Something is changed.
    Update,
    /// Something is deleted.
    Delete,
    /// Something is connected to.
    Connect,
}

impl Operation {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Connect => "connect",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "R: Deserialize<'de>")]
struct Envelope<'a, R> {
    #[serde(borrow, default)]
    api_version: Option<Text<'a>>,
    #[serde(borrow, default)]
    kind: Option<Text<'a>>,
    request: Option<R>,
}

impl<R> Envelope<'_, R> {
    /// What it says it is: `apiVersion` and `kind`.
    fn says(&self) -> (&str, &str) {
        (text(self.api_version.as_ref()), text(self.kind.as_ref()))
    }
}

#[derive(Deserialize)]
struct Identified<'a> {
    #[serde(borrow)]
    uid: Text<'a>,
}

/// Reads a review.
///
/// # Errors
///
/// When it has no UID, so that no answer is better than none.
pub fn read(body: &[u8]) -> Result<Incoming<'_>, Malformed> {
    match read_at_once(body) {
        Some(incoming) => Ok(incoming),
        None => read_in_stages(body),
    }
}

/// Reads a review in which nothing is wrong, which nearly all are, in one pass.
fn read_at_once(body: &[u8]) -> Option<Incoming<'_>> {
    let text = str::from_utf8(body).ok()?;
    let envelope: Envelope<'_, Request<'_>> = serde_json::from_str(text).ok()?;
    if envelope.says() != (API_VERSION, KIND) {
        return None;
    }
    let request = envelope.request?;
    Some(Incoming {
        uid: request.uid.clone(),
        request: Ok(request),
    })
}

/// Reads as much of a review as can be read.
fn read_in_stages(body: &[u8]) -> Result<Incoming<'_>, Malformed> {
    let envelope: Envelope<'_, &RawValue> =
        serde_json::from_slice(body).map_err(Malformed::Body)?;
    if envelope.says() != (API_VERSION, KIND) {
        let cut = |text: &str| text.chars().take(64).collect();
        let (api_version, kind) = envelope.says();
        return Err(Malformed::Version {
            api_version: cut(api_version),
            kind: cut(kind),
        });
    }
    let raw = envelope.request.map_or("null", RawValue::get);
    let Identified { uid } = serde_json::from_str(raw).map_err(Malformed::Body)?;
    Ok(Incoming {
        uid,
        request: serde_json::from_str(raw),
    })
}

fn text<'a>(text: Option<&'a Text<'_>>) -> &'a str {
    text.map_or("", AsRef::as_ref)
}

/// A text that is not copied where it stands as it is meant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'a> From<Text<'a>> for Cow<'a, str> {
    fn from(text: Text<'a>) -> Self {
        text.0
    }
}
