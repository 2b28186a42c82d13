//! Lists, page by page: of each page only what is needed outlives the next.

use kube::Client;
use kube::api::{DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind, Request};
use kube::{Error, Resource as _};
use serde::de::DeserializeOwned;

use super::wire::Page;
use crate::cluster::{Attempt, is_unknown_kind, refused};
use crate::error::CliError;

/// How many objects come at a time, so that neither side has to hold all of them.
const PAGE: u32 = 500;

/// How often a list is begun again because the server no longer knows how it goes on.
const BEGINNINGS: u32 = 3;

/// A kind of object.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    pub(super) resource: ApiResource,
    shape: Shape,
}

/// How much of its objects is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Whole,
    Metadata,
}

impl Kind {
    /// A kind by the name of its group and version and that of its resource.
    pub(super) fn new(api_version: &str, kind: &str, plural: &str) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let kind = GroupVersionKind::gvk(group, version, kind);
        Self {
            resource: ApiResource::from_gvk_with_plural(&kind, plural),
            shape: Shape::Whole,
        }
    }

    /// The same, with nothing but the metadata of its objects.
    pub(super) fn metadata_only(self) -> Self {
        let shape = Shape::Metadata;
        Self { shape, ..self }
    }

    fn name(&self) -> &str {
        &self.resource.kind
    }
}

/// Which objects of a kind are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    /// The namespace; `None` stands for all of them, and for kinds that are in none.
    pub(super) namespace: Option<String>,
    /// The labels they have.
    pub(super) labels: Option<String>,
    /// The name of the one that is meant.
    pub(super) name: Option<String>,
}

/// What a list came to.
#[derive(Debug)]
pub(super) enum Listed<T> {
    /// All of it.
    Found(Vec<T>),
    /// The cluster has no such kind.
    Absent,
    /// The user may not, with what the server says of it.
    Forbidden(String),
}

impl<T> Listed<T> {
    /// What was found; what is not allowed is said in `missing`.
    pub(super) fn or_missing(self, missing: &mut Vec<String>) -> Vec<T> {
        match self {
            Self::Found(found) => found,
            Self::Absent => Vec::new(),
            Self::Forbidden(sentence) => {
                missing.push(sentence);
                Vec::new()
            }
        }
    }
}

/// Lists objects and keeps of each what `keep` makes of it. A list that has to be begun again calls it again: it may
/// remember nothing that counts.
pub(super) async fn list<W: DeserializeOwned, T>(
    client: &Client,
    kind: &Kind,
    query: &Query,
    mut keep: impl FnMut(W) -> Option<T>,
) -> Result<Listed<T>, CliError> {
    let mut beginnings = 1;
    loop {
        match pages(client, kind, query, &mut keep).await {
            Ok(found) => return Ok(Listed::Found(found)),
            Err(Error::Api(status)) if status.code == 410 && beginnings < BEGINNINGS => {
                beginnings += 1;
            }
            Err(Error::Api(status)) if is_unknown_kind(&status) => return Ok(Listed::Absent),
            Err(Error::Api(status)) if status.code == 403 => {
                let place = match &query.namespace {
                    Some(namespace) => format!("namespace {namespace}"),
                    None => "all namespaces".to_owned(),
                };
                let what = &kind.resource.plural;
                let why = &status.message;
                let sentence = format!("cannot list {what} in {place}: {why}");
                return Ok(Listed::Forbidden(sentence));
            }
            Err(error) => {
                let attempt = Attempt {
                    verb: "list",
                    what: kind.name(),
                    api_version: &kind.resource.api_version,
                };
                return Err(refused(&error, attempt));
            }
        }
    }
}

async fn pages<W: DeserializeOwned, T>(
    client: &Client,
    kind: &Kind,
    query: &Query,
    keep: &mut impl FnMut(W) -> Option<T>,
) -> Result<Vec<T>, Error> {
    let namespace = query.namespace.as_deref();
    let request = Request::new(DynamicObject::url_path(&kind.resource, namespace));
    let mut params = ListParams::default().limit(PAGE);
    params.label_selector.clone_from(&query.labels);
    params.field_selector = query
        .name
        .as_ref()
        .map(|name| format!("metadata.name={name}"));
    let ask = |params: &ListParams| {
        let request = match kind.shape {
            Shape::Whole => request.list(params),
            Shape::Metadata => request.list_metadata(params),
        };
        request.map_err(Error::BuildRequest)
    };
    let mut found = Vec::new();
    let mut text = client.request_text(ask(&params)?).await?;
    loop {
        let page: Page<'_> = serde_json::from_str(&text).map_err(Error::SerdeError)?;
        let read = async { page.items().map_err(Error::SerdeError) };
        match page.metadata.next.as_ref().filter(|next| !next.is_empty()) {
            Some(next) => {
                params.continue_token = Some(next.clone());
                // The server makes the next page while this one is read.
                let following = client.request_text(ask(&params)?);
                let (following, items) = futures::try_join!(following, read)?;
                found.extend(items.into_iter().filter_map(&mut *keep));
                text = following;
            }
            None => {
                found.extend(read.await?.into_iter().filter_map(&mut *keep));
                return Ok(found);
            }
        }
    }
}
