//! Lists, of whose objects only what is needed outlives their coming.

use std::io::ErrorKind;
use std::panic::resume_unwind;
use std::pin::pin;

use futures::AsyncBufReadExt as _;
use kube::Client;
use kube::api::{DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind, Request};
use kube::{Error, Resource as _};
use serde::de::DeserializeOwned;
use tokio::task::spawn_blocking;

use super::items::{Items, PIECE};
use crate::cluster::{Attempt, is_unknown_kind, refused};
use crate::error::CliError;

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

/// Lists objects and keeps of each what `keep` makes of it.
pub(super) async fn list<W: DeserializeOwned + Send + 'static, T>(
    client: &Client,
    kind: &Kind,
    query: &Query,
    mut keep: impl FnMut(W) -> Option<T>,
) -> Result<Listed<T>, CliError> {
    match objects(client, kind, query, &mut keep).await {
        Ok(found) => Ok(Listed::Found(found)),
        Err(Error::Api(status)) if is_unknown_kind(&status) => Ok(Listed::Absent),
        Err(Error::Api(status)) if status.code == 403 => {
            let place = match &query.namespace {
                Some(namespace) => format!("namespace {namespace}"),
                None => "all namespaces".to_owned(),
            };
            let what = &kind.resource.plural;
            let why = &status.message;
            let sentence = format!("cannot list {what} in {place}: {why}");
            Ok(Listed::Forbidden(sentence))
        }
        Err(error) => {
            let attempt = Attempt {
                verb: "list",
                what: kind.name(),
                api_version: &kind.resource.api_version,
            };
            Err(refused(&error, attempt))
        }
    }
}

/// A list comes as a whole and is read as it comes. Asked for in pages, it would be the same moment's list only for as
/// long as the server keeps that, and those that it no longer has in memory cost it much more.
async fn objects<W: DeserializeOwned + Send + 'static, T>(
    client: &Client,
    kind: &Kind,
    query: &Query,
    keep: &mut impl FnMut(W) -> Option<T>,
) -> Result<Vec<T>, Error> {
    let namespace = query.namespace.as_deref();
    let request = Request::new(DynamicObject::url_path(&kind.resource, namespace));
    let params = ListParams {
        label_selector: query.labels.clone(),
        field_selector: query
            .name
            .as_ref()
            .map(|name| format!("metadata.name={name}")),
        ..ListParams::default()
    };
    let request = match kind.shape {
        Shape::Whole => request.list(&params),
        Shape::Metadata => request.list_metadata(&params),
    };
    let request = request.map_err(Error::BuildRequest)?;
    let mut body = pin!(client.request_stream(request).await?);
    let mut items = Items::default();
    let mut found = Vec::new();
    loop {
        let piece = body.fill_buf().await.map_err(Error::ReadEvents)?;
        let length = piece.len();
        items.extend(piece);
        body.consume_unpin(length);
        if length == 0 || items.waiting() >= PIECE {
            let (read, objects) = read(items).await?;
            items = read;
            found.extend(objects.into_iter().filter_map(&mut *keep));
        }
        if length == 0 {
            return match items.is_whole() {
                true => Ok(found),
                false => Err(Error::ReadEvents(ErrorKind::UnexpectedEof.into())),
            };
        }
    }
}

/// Reads what has come, beside everything else that goes on.
async fn read<W: DeserializeOwned + Send + 'static>(
    mut items: Items<W>,
) -> Result<(Items<W>, Vec<W>), Error> {
    let reading = spawn_blocking(move || items.read().map(|objects| (items, objects)));
    match reading.await {
        Ok(read) => read.map_err(Error::SerdeError),
        Err(failed) => resume_unwind(failed.into_panic()),
    }
}
