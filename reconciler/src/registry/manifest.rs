//! The digest a tag points at.

use std::fmt;

use engine::image::Repository;
use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE,
};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use sha2::{Digest as _, Sha256};

use super::error::RegistryError;
use super::session::Session;
use super::wire::{Deadline, Reply, Request};

/// Manifests of Docker's first schema, of which old registries are full.
const SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+json";
const SIGNED_SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// The longest manifest registries have to store, in bytes.
const MANIFEST_LIMIT: usize = 4 << 20;

const DIGEST_HEADER: &str = "docker-content-digest";

/// The digest of a manifest: `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(String);

impl Digest {
    /// Reads a digest; `None` if the text is of another form.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?;
        let good = hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        good.then(|| Self(text.to_owned()))
    }

    /// The digest as it stands behind the `@` of a reference.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(bytes: &[u8]) -> Self {
        let hex: String = Sha256::digest(bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self(format!("sha256:{hex}"))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the digest of what `tag` points at: of the index where there is one.
///
/// A `HEAD` says it in a header. Where it does not, or `HEAD` is not served, the manifest
/// is fetched and hashed.
pub(super) async fn digest(
    session: &Session,
    repository: &Repository,
    tag: &str,
    deadline: Deadline,
) -> Result<Digest, RegistryError> {
    if !is_tag(tag) {
        return Err(RegistryError::Address {
            name: format!("{repository}:{tag}"),
        });
    }
    let url = session
        .url(repository, &format!("manifests/{tag}"), deadline)
        .await?;
    let mut request = Request::new(Method::HEAD, url, MANIFEST_LIMIT);
    request.headers.insert(ACCEPT, accepted());
    match session.send(repository, &mut request, deadline).await {
        Ok(reply) if reply.status != StatusCode::OK => return Err(unexpected(reply)),
        Ok(reply) => {
            if let Some(digest) = header_digest(&reply.headers) {
                return Ok(digest);
            }
        }
        Err(fault) if is_head_unserved(&fault) => {}
        Err(fault) => return Err(fault),
    }
    fetched(session, repository, request, deadline).await
}

fn is_head_unserved(fault: &RegistryError) -> bool {
    match fault {
        RegistryError::Refused(answer) | RegistryError::Server { answer, .. } => {
            matches!(answer.status(), 405 | 501)
        }
        _ => false,
    }
}

/// Fetches the manifest and hashes it.
async fn fetched(
    session: &Session,
    repository: &Repository,
    mut request: Request,
    deadline: Deadline,
) -> Result<Digest, RegistryError> {
    request.method = Method::GET;
    let reply = session.send(repository, &mut request, deadline).await?;
    if reply.status != StatusCode::OK {
        return Err(unexpected(reply));
    }
    let told = header_digest(&reply.headers);
    let kind = reply
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let garbage = |what: String| RegistryError::Garbage {
        request: reply.request.clone(),
        what,
    };
    // The digest of a signed manifest leaves its signatures out.
    if kind.starts_with(SIGNED_SCHEMA_1) {
        return told.ok_or_else(|| garbage("a signed manifest without a digest".to_owned()));
    }
    let is_object =
        serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&reply.body).is_ok();
    if !is_object {
        return Err(garbage("no manifest".to_owned()));
    }
    let counted = Digest::of(&reply.body);
    match told {
        Some(told) if told != counted => Err(garbage(format!(
            "manifest has digest {counted}, not {told}"
        ))),
        _ => Ok(counted),
    }
}

fn unexpected(reply: Reply) -> RegistryError {
    let what = format!("status code {}", reply.status.as_u16());
    RegistryError::Garbage {
        request: reply.request,
        what,
    }
}

fn header_digest(headers: &HeaderMap) -> Option<Digest> {
    Digest::parse(headers.get(DIGEST_HEADER)?.to_str().ok()?)
}

/// Every type of manifest and index, so that no registry converts what it has.
fn accepted() -> HeaderValue {
    let types = [
        SCHEMA_1,
        SIGNED_SCHEMA_1,
        IMAGE_MANIFEST_MEDIA_TYPE,
        IMAGE_MANIFEST_LIST_MEDIA_TYPE,
        OCI_IMAGE_MEDIA_TYPE,
        OCI_IMAGE_INDEX_MEDIA_TYPE,
    ];
    HeaderValue::from_str(&types.join(",")).expect("media types are plain ASCII")
}

/// Whether a text is a tag by the grammar of the distribution protocol.
fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut bytes = tag.bytes();
    tag.len() <= 128
        && bytes.next().is_some_and(word)
        && bytes.all(|b| word(b) || matches!(b, b'.' | b'-'))
}
