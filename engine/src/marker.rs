//! Policy markers in YAML files: find them, plan edits, splice only the marked scalars.
//!
//! [`scan`] depends on a file's bytes alone and its result holds all that [`plan`] needs, so it can
//! be kept by blob id and a file in which nothing changes is never read again. [`apply`] splices the
//! planned edits and refuses to return a file that differs anywhere else.
//!
//! Which comments are markers, and where they work, follows Flux: a marker that Flux leaves alone
//! is a [`Fault`], never an edit. The one exception is a marker without suffix on `newTag`,
//! `newName` or `digest` of a kustomization's `images:`, which writes that part of the image.
//! A few sound files that Flux skips as a whole, and digests it empties, are a matter of [`Manner`].

mod apply;
mod comment;
mod fault;
mod gap;
mod identity;
mod plan;
mod quote;
mod scan;
mod stack;
#[cfg(test)]
mod tests;

use std::ops::Range;

use memchr::{memchr_iter, memmem};

pub use apply::{EditError, apply};
pub use fault::{Fault, FaultKind};
pub use plan::{
    Edit, FilePlan, Manner, Policy, Reason, Resolved, Splice, Unresolved, Wanted, concerns, plan,
};
pub use scan::scan;

use crate::change::ObjectId;

/// Whether an automation reads the file at `path` (slash-separated) at all.
///
/// The extension is `.yaml` or `.yml`, or the whole file name is `Kustomization`; case matters.
pub fn is_manifest(path: &str) -> bool {
    let name = file_name(path);
    name.ends_with(".yaml") || name.ends_with(".yml") || name == "Kustomization"
}

/// Whether the bytes may hold a marker or something meant as one; others need not be parsed.
///
/// Looks for `$imagepolicy` in any letter case, so that misspelt markers can be reported.
pub fn mentions_marker(source: &[u8]) -> bool {
    memchr_iter(b'$', source).any(|at| {
        let name = source.get(at + 1..at + 1 + comment::KEY_NAME.len());
        name.is_some_and(|name| name.eq_ignore_ascii_case(comment::KEY_NAME))
    })
}

/// Whether the bytes hold the token that Flux asks for before it parses a file.
fn holds_token(source: &[u8]) -> bool {
    memmem::find(source, b"\"$imagepolicy\"").is_some()
}

fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Everything a file says about markers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileScan {
    /// The marked scalars, in the order of the file.
    pub sites: Vec<Site>,
    /// What cannot work, in the order of the file.
    pub faults: Vec<Fault>,
    /// The objects the sites belong to; [`Site::object`] points here.
    pub objects: Vec<ObjectId>,
    /// Why Flux skips the file as a whole, though its markers can be followed.
    pub beyond_flux: Option<BeyondFlux>,
}

/// What Flux cannot read in a sound file; displays as what the file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BeyondFlux {
    /// `%YAML` or `%TAG` before a document.
    #[error("a directive")]
    Directive,
    /// A document that is a list.
    #[error("a document that is a list")]
    RootList,
    /// A document that is one value.
    #[error("a document that is one value")]
    RootScalar,
    /// `metadata` of a document is a value or a list.
    #[error("metadata that is no mapping")]
    Metadata,
}

/// One scalar and its marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The bytes of the scalar: with its quotes; of a block scalar the text after the first indent.
    pub span: Range<usize>,
    /// How the scalar is written.
    pub style: Style,
    /// Whether it stands inside `[]` or `{}`.
    pub context: Context,
    /// The value as YAML reads it.
    pub value: Box<str>,
    /// 1-based line; of a block scalar that of its header.
    pub line: usize,
    /// 1-based column in characters.
    pub column: usize,
    /// The marker's value, such as `flux-system:podinfo:tag`.
    pub setter: Box<str>,
    /// The part of the image the marker asks for.
    pub field: Field,
    /// Index into [`FileScan::objects`].
    pub object: usize,
    /// The `name` beside the scalar: of a container, or an entry of a kustomization's `images:`.
    pub container: Option<Box<str>>,
    /// The field of the object's identity the scalar holds, if it holds one.
    pub identity: Option<IdentityField>,
    /// What the scalar means if the document is a kustomization: set on values of `images:` entries.
    pub kustomize: Option<Field>,
    /// An explicit tag that says the value is no string, such as `!!int`.
    pub foreign_tag: Option<Box<str>>,
}

impl Site {
    /// The namespace of the marker.
    pub fn namespace(&self) -> &str {
        self.setter.split(':').next().unwrap_or_default()
    }

    /// The policy of the marker.
    pub fn policy(&self) -> &str {
        self.setter.split(':').nth(1).unwrap_or_default()
    }
}

/// The part of an image reference that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// `name:tag` or `name:tag@digest`: a marker without suffix.
    Image,
    /// The repository, as its owner wrote it.
    Name,
    /// The tag.
    Tag,
    /// The digest.
    Digest,
}

/// How a scalar is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In `'`.
    Single,
    /// In `"`.
    Double,
    /// `|` or `>` and indented lines.
    Block(Box<BlockScalar>),
}

/// Where the parts of a block scalar lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockScalar {
    /// `|` or `>` and the indicators behind it.
    pub header: Range<usize>,
    /// `|` or `>`.
    pub indicator: char,
    /// Where the header's line ends, before its line break.
    pub header_end: usize,
    /// From the line after the header to the end of the last line with text; empty if there is none.
    pub body: Range<usize>,
    /// The spaces before the first line of text.
    pub indent: usize,
}

/// Which characters a plain scalar may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// Indented lines.
    Block,
    /// Inside `[]` or `{}`.
    Flow,
}

/// A field of an object's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityField {
    /// `apiVersion`.
    ApiVersion,
    /// `kind`.
    Kind,
    /// `metadata.name`.
    Name,
    /// `metadata.namespace`.
    Namespace,
}
