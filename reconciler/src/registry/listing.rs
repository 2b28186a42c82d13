//! Complete listings of a repository's tags.

use std::collections::HashSet;

use engine::image::Repository;
use reqwest::header::{ETAG, HeaderValue, IF_NONE_MATCH, LINK};
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;
use serde_json::error::Category;

use super::error::RegistryError;
use super::hosts::Quota;
use super::link;
use super::redact;
use super::session::Session;
use super::wire::{Deadline, Reply, Request};

/// What a listing may grow to before it is given up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Pages of one listing.
    pub pages: usize,
    /// Bytes of one page, decompressed.
    pub page_bytes: usize,
    /// Bytes of all pages together.
    pub total_bytes: usize,
    /// Tags of one listing.
    pub tags: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pages: 10_000,
            page_bytes: 32 << 20,
            total_bytes: 128 << 20,
            tags: 1_000_000,
        }
    }
}

/// All tags of a repository, as the registry lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagList {
    /// The tags in the registry's order, with duplicates if it sends any, as Flux counts them.
    pub tags: Vec<String>,
    /// Lets the next listing cost no more than "unchanged", where the registry can say so.
    pub validator: Option<Validator>,
    /// What the registry said of the requests it still grants.
    pub quota: Option<Quota>,
}

/// The mark of a listing that a registry recognises. Only listings of a single page have one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Validator {
    url: Url,
    etag: HeaderValue,
}

/// A listing asked for with a [`Validator`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    /// The tags are those of the listing the validator came with.
    Unchanged,
    /// The tags may have changed.
    Changed(TagList),
}

/// How many tags are asked for per page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum PageSize {
    #[default]
    Thousand,
    Hundred,
    RegistryDecides,
}

impl PageSize {
    fn query(self) -> Option<&'static str> {
        match self {
            Self::Thousand => Some("n=1000"),
            Self::Hundred => Some("n=100"),
            Self::RegistryDecides => None,
        }
    }

    fn smaller(self) -> Option<Self> {
        match self {
            Self::Thousand => Some(Self::Hundred),
            Self::Hundred => Some(Self::RegistryDecides),
            Self::RegistryDecides => None,
        }
    }
}

/// One page.
#[derive(Deserialize)]
struct Page {
    name: Option<serde::de::IgnoredAny>,
    /// Absent and `null` are told apart: some registries leave an empty list out.
    #[serde(default, deserialize_with = "present")]
    tags: Option<Option<Vec<String>>>,
}

fn present<'de, D: serde::Deserializer<'de>>(
    value: D,
) -> Result<Option<Option<Vec<String>>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// Lists all tags, or nothing: a listing that breaks off is an error.
pub(super) async fn list(
    session: &Session,
    limits: &Limits,
    repository: &Repository,
    deadline: Deadline,
) -> Result<TagList, RegistryError> {
    let (url, first) = first_page(session, limits, repository, None, deadline).await?;
    follow(session, limits, repository, url, first, deadline).await
}

/// Lists all tags unless the registry says that they are those of an earlier listing.
pub(super) async fn list_since(
    session: &Session,
    limits: &Limits,
    repository: &Repository,
    previous: &Validator,
    deadline: Deadline,
) -> Result<Listing, RegistryError> {
    let (url, first) = first_page(session, limits, repository, Some(previous), deadline).await?;
    if first.status == StatusCode::NOT_MODIFIED && previous.url == url {
        return Ok(Listing::Unchanged);
    }
    follow(session, limits, repository, url, first, deadline)
        .await
        .map(Listing::Changed)
}

/// Reads the first page, which `url` was answered with, and all that come behind it.
async fn follow(
    session: &Session,
    limits: &Limits,
    repository: &Repository,
    url: Url,
    first: Reply,
    deadline: Deadline,
) -> Result<TagList, RegistryError> {
    let validator = first.headers.get(ETAG).map(|etag| Validator {
        url,
        etag: etag.clone(),
    });
    let mut collected = Collected::new(limits, &first);
    let mut page = first;
    while let Some(url) = collected.add(&page)? {
        let mut request = Request::new(Method::GET, url, limits.page_bytes);
        page = session.send(repository, &mut request, deadline).await?;
    }
    Ok(TagList {
        validator: validator.filter(|_| collected.seen.len() == 1),
        tags: collected.tags,
        quota: session.learn(repository, |learnt| learnt.quota),
    })
}

/// Asks for the first page, with a smaller page size or none where the registry refuses ours.
async fn first_page(
    session: &Session,
    limits: &Limits,
    repository: &Repository,
    previous: Option<&Validator>,
    deadline: Deadline,
) -> Result<(Url, Reply), RegistryError> {
    let base = session.url(repository, "tags/list", deadline).await?;
    let mut size = session
        .learn(repository, |learnt| learnt.page_size)
        .unwrap_or_default();
    let mut first_refusal = None;
    loop {
        let mut url = base.clone();
        url.set_query(size.query());
        let mut request = Request::new(Method::GET, url, limits.page_bytes);
        if let Some(previous) = previous.filter(|previous| previous.url == request.url) {
            request.headers.insert(IF_NONE_MATCH, previous.etag.clone());
        }
        let fault = match session.send(repository, &mut request, deadline).await {
            Ok(reply) => {
                session.learn(repository, |learnt| learnt.page_size = Some(size));
                return Ok((request.url, reply));
            }
            Err(fault) => fault,
        };
        let about_size = match &fault {
            RegistryError::Refused(answer) => {
                matches!(answer.status(), 400 | 413 | 416 | 422) && !answer.has_code("NAME_INVALID")
            }
            _ => false,
        };
        let smaller = size.smaller().filter(|_| about_size);
        let first = first_refusal.get_or_insert(fault);
        let Some(smaller) = smaller else {
            return Err(first.clone());
        };
        size = smaller;
    }
}

/// The pages read so far.
struct Collected<'a> {
    limits: &'a Limits,
    tags: Vec<String>,
    bytes: usize,
    seen: HashSet<Url>,
    /// Where the listing is read, behind redirects; no page may leave it.
    home: Url,
}

impl<'a> Collected<'a> {
    fn new(limits: &'a Limits, first: &Reply) -> Self {
        let home = first.url.clone();
        Self {
            limits,
            tags: Vec::new(),
            bytes: 0,
            seen: HashSet::from([home.clone()]),
            home,
        }
    }

    /// Takes a page and returns where the next one is.
    fn add(&mut self, reply: &Reply) -> Result<Option<Url>, RegistryError> {
        let sent = reply.request.clone();
        let too_large = |limit, unit| RegistryError::TooLarge {
            request: sent.clone(),
            limit,
            unit,
        };
        self.bytes += reply.body.len();
        if self.bytes > self.limits.total_bytes {
            return Err(too_large(self.limits.total_bytes, "bytes in all pages"));
        }
        self.tags.extend(read_page(reply)?);
        if self.tags.len() > self.limits.tags {
            return Err(too_large(self.limits.tags, "tags"));
        }
        let Some(next) = self.next_url(reply)? else {
            return Ok(None);
        };
        let endless = |what: String| RegistryError::EndlessPages {
            request: sent.clone(),
            what,
        };
        if !self.seen.insert(next.clone()) {
            return Err(endless(format!("{} comes again", redact::url(&next))));
        }
        if self.seen.len() > self.limits.pages {
            return Err(endless(format!("more than {} pages", self.limits.pages)));
        }
        Ok(Some(next))
    }

    /// Resolves the link to the next page against the page it stands on.
    fn next_url(&self, reply: &Reply) -> Result<Option<Url>, RegistryError> {
        let lines = reply.headers.get_all(LINK).iter();
        let mut targets = lines.filter_map(|line| link::next_target(line.to_str().ok()?));
        let Some(target) = targets.next() else {
            return Ok(None);
        };
        let request = || reply.request.clone();
        let mut url = reply.url.join(target).map_err(|_| RegistryError::Garbage {
            request: request(),
            what: format!(
                "the link to the next page is no URL: {}",
                redact::excerpt(target, &[])
            ),
        })?;
        if url.origin() != reply.url.origin() || url.origin() != self.home.origin() {
            return Err(RegistryError::ForeignLink {
                request: request(),
                target: redact::url(&url),
            });
        }
        url.set_fragment(None);
        Ok(Some(url))
    }
}

fn read_page(reply: &Reply) -> Result<Vec<String>, RegistryError> {
    let garbage = |what: String| RegistryError::Garbage {
        request: reply.request.clone(),
        what,
    };
    if reply.status != StatusCode::OK {
        return Err(garbage(format!("status code {}", reply.status.as_u16())));
    }
    let page: Page = serde_json::from_slice(&reply.body).map_err(|fault| {
        let at = format!("at line {} column {}", fault.line(), fault.column());
        match fault.classify() {
            Category::Eof => RegistryError::CutOff {
                request: reply.request.clone(),
                cause: format!("JSON ends {at}"),
            },
            Category::Data => garbage(format!("no tag list {at}")),
            Category::Syntax | Category::Io => garbage(format!("no JSON {at}")),
        }
    })?;
    match page {
        Page {
            tags: Some(tags), ..
        } => Ok(tags.unwrap_or_default()),
        Page { name: Some(_), .. } => Ok(Vec::new()),
        Page { .. } => Err(garbage("no tag list: neither name nor tags".to_owned())),
    }
}
