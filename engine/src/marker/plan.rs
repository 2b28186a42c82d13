//! From the markers of a file and the images policies chose to edits, as data.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use thiserror::Error;

use super::identity::set_field;
use super::{BeyondFlux, BlockScalar, Context, Field, FileScan, Site, Style, file_name, quote};
use crate::change::{Change, LatestRef, ObjectId};

/// What one automation wants written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The automation's namespace, the only one whose policies count.
    pub namespace: String,
    /// All policies of the namespace by name, also those that cannot be used.
    pub policies: BTreeMap<String, Policy>,
    /// What happens where Flux does harm or nothing.
    pub manner: Manner,
}

/// What happens to markers that Flux does not serve well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// A digest that is not known is left alone, and files are edited also if Flux cannot read them.
    #[default]
    Better,
    /// A digest that is not known is emptied, and files that Flux cannot read are left alone: for
    /// clusters, where what Flux's users have must go on as it was.
    Flux,
}

/// A policy as an automation sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Policy {
    /// It has chosen this image.
    Latest(LatestRef),
    /// It has not chosen an image yet.
    Pending,
    /// The automation's `policySelector` leaves it out.
    NotSelected,
    /// The image it chose is no valid reference, for this reason.
    Invalid(String),
}

/// What is to happen to one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilePlan {
    /// The edits, in the order of the file; empty if every value is as it should be.
    pub edits: Vec<Edit>,
    /// The edits as reports and commit messages show them, in the same order.
    pub changes: Vec<Change>,
    /// Markers that lead nowhere.
    pub unresolved: Vec<Unresolved>,
    /// All other markers, with the value that stands there once the edits are made.
    pub resolved: Vec<Resolved>,
}

/// One scalar to be rewritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The bytes of the scalar, as [`Site::span`].
    pub scalar: Range<usize>,
    /// What YAML must read there afterwards.
    pub value: String,
    /// What to write instead of which bytes, in the order of the file.
    pub splices: Vec<Splice>,
}

/// A replacement of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splice {
    /// The bytes that go.
    pub span: Range<usize>,
    /// The text that comes.
    pub text: String,
}

/// A marker that names a policy and a value that now agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Index into [`FileScan::sites`].
    pub site: usize,
    /// The part of the image that stands there.
    pub field: Field,
    /// The value that stands there once the edits are made.
    pub value: String,
}

/// A marker that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// 1-based line of the scalar.
    pub line: usize,
    /// The marker's value.
    pub setter: String,
    /// Why.
    pub reason: Reason,
}

/// Why a marker cannot be followed; displays as the reason and the next step.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// The marker names another namespace.
    #[error(
        "policy of namespace {marker}, but the automation is in {automation}: only policies of its own namespace are used"
    )]
    OtherNamespace {
        /// The namespace in the marker.
        marker: String,
        /// The automation's namespace.
        automation: String,
    },
    /// There is no such policy.
    #[error("no policy {policy} in namespace {namespace}{}", did_you_mean(.similar.as_deref()))]
    UnknownPolicy {
        /// The name in the marker.
        policy: String,
        /// The automation's namespace.
        namespace: String,
        /// A policy of similar name.
        similar: Option<String>,
    },
    /// The policy has not chosen an image.
    #[error("policy {0} has no latest image yet: see its status")]
    Pending(String),
    /// The automation does not use the policy.
    #[error("policy {0} is not selected by the automation's policySelector")]
    NotSelected(String),
    /// The image the policy chose is no reference.
    #[error("policy {policy} has an invalid latest image: {reason}")]
    InvalidImage {
        /// The policy.
        policy: String,
        /// What is wrong with the image.
        reason: String,
    },
    /// The policy reflects no digests.
    #[error("policy {0} has no digest: set its digestReflectionPolicy")]
    NoDigest(String),
    /// Flux does not read the file, so its markers were never followed.
    #[error("Flux does not read a file with {0}, so its markers are left alone")]
    BeyondFlux(BeyondFlux),
    /// An explicit tag says that the value is no string.
    #[error("value carries the tag {0}, which the new value would belie: remove the tag")]
    ForeignTag(String),
}

fn did_you_mean(similar: Option<&str>) -> String {
    similar.map_or_else(String::new, |name| format!(": did you mean {name}?"))
}

/// Whether a file has anything to say to an automation: a marker of its namespace whose policy it uses or lacks, or a fault.
///
/// What it says no to gives [`plan`] nothing but markers that are somebody else's.
#[must_use]
pub fn concerns(scan: &FileScan, wanted: &Wanted) -> bool {
    let is_own = |site: &Site| {
        site.namespace() == wanted.namespace
            && wanted.policies.get(site.policy()) != Some(&Policy::NotSelected)
    };
    !scan.faults.is_empty() || scan.sites.iter().any(is_own)
}

/// Plans the edits of the file at `path`, which is relative to the automation's update path.
///
/// Needs no bytes of the file. A value that is already right is left as it is written.
pub fn plan(path: &str, scan: &FileScan, wanted: &Wanted) -> FilePlan {
    let mut plan = FilePlan::default();
    let mut objects: Vec<Cow<'_, ObjectId>> = scan.objects.iter().map(Cow::Borrowed).collect();
    let mut owners = Vec::new();
    let mut suggestions = Suggestions::default();
    for (index, site) in scan.sites.iter().enumerate() {
        let field = effective_field(path, scan, site);
        let value = target(site, field, wanted, &mut suggestions);
        let value = value.and_then(|value| match scan.beyond_flux {
            Some(what) if wanted.manner == Manner::Flux => Err(Reason::BeyondFlux(what)),
            _ => Ok(value),
        });
        match value {
            Err(reason) => plan.unresolved.push(Unresolved {
                line: site.line,
                setter: site.setter.to_string(),
                reason,
            }),
            Ok(value) => {
                if *value != *site.value {
                    if let (Some(identity), Some(object)) =
                        (site.identity, objects.get_mut(site.object))
                    {
                        set_field(object.to_mut(), identity, &value);
                    }
                    plan.edits.push(edit(site, &value));
                    owners.push(site);
                }
                plan.resolved.push(Resolved {
                    site: index,
                    field,
                    value: value.into_owned(),
                });
            }
        }
    }
    // The identity of an object can itself be marked, so objects are read after all edits are known.
    plan.changes = owners
        .iter()
        .zip(&plan.edits)
        .map(|(site, edit)| change(path, site, edit, &objects))
        .collect();
    plan
}

fn change(path: &str, site: &Site, edit: &Edit, objects: &[Cow<'_, ObjectId>]) -> Change {
    Change {
        file: path.to_owned(),
        line: site.line,
        object: objects
            .get(site.object)
            .map(|id| id.as_ref().clone())
            .unwrap_or_default(),
        old: site.value.to_string(),
        new: edit.value.clone(),
        setter: site.setter.to_string(),
    }
}

/// A marker without suffix in a kustomization's `images:` writes the part its key names: a whole
/// reference there never works. `newTag` gets the tag alone even if the policy has a digest, for
/// kustomize has a field of its own for that.
fn effective_field(path: &str, scan: &FileScan, site: &Site) -> Field {
    match (site.field, site.kustomize) {
        (Field::Image, Some(field)) if is_kustomization(path, scan.objects.get(site.object)) => {
            field
        }
        (field, _) => field,
    }
}

fn is_kustomization(path: &str, object: Option<&ObjectId>) -> bool {
    let Some(object) = object else { return false };
    let kind = matches!(object.kind.as_str(), "Kustomization" | "Component");
    let named = matches!(
        file_name(path),
        "kustomization.yaml" | "kustomization.yml" | "Kustomization"
    );
    // Kustomize takes a file of the right name that says neither; other tools' kinds are not meant.
    let typed = kind && object.api_version.starts_with("kustomize.config.k8s.io/");
    typed || (named && object.api_version.is_empty() && (kind || object.kind.is_empty()))
}

/// The value a site should have.
fn target<'w>(
    site: &Site,
    field: Field,
    wanted: &'w Wanted,
    suggestions: &mut Suggestions<'w>,
) -> Result<Cow<'w, str>, Reason> {
    let policy = site.policy();
    if site.namespace() != wanted.namespace {
        return Err(Reason::OtherNamespace {
            marker: site.namespace().to_owned(),
            automation: wanted.namespace.clone(),
        });
    }
    let latest = match wanted.policies.get(policy) {
        None => {
            return Err(Reason::UnknownPolicy {
                policy: policy.to_owned(),
                namespace: wanted.namespace.clone(),
                similar: suggestions.find(policy, wanted).map(str::to_owned),
            });
        }
        Some(Policy::Pending) => return Err(Reason::Pending(policy.to_owned())),
        Some(Policy::NotSelected) => return Err(Reason::NotSelected(policy.to_owned())),
        Some(Policy::Invalid(reason)) => {
            return Err(Reason::InvalidImage {
                policy: policy.to_owned(),
                reason: reason.clone(),
            });
        }
        Some(Policy::Latest(latest)) => latest,
    };
    let value = match field {
        Field::Image => Cow::Owned(latest.to_string()),
        Field::Name => Cow::Borrowed(latest.name.as_str()),
        Field::Tag => Cow::Borrowed(latest.tag.as_str()),
        Field::Digest => match latest.digest.as_deref() {
            Some(digest) if !digest.is_empty() => Cow::Borrowed(digest),
            _ if wanted.manner == Manner::Flux => Cow::Borrowed(""),
            _ => return Err(Reason::NoDigest(policy.to_owned())),
        },
    };
    match &site.foreign_tag {
        Some(tag) if *value != *site.value => Err(Reason::ForeignTag(tag.to_string())),
        _ => Ok(value),
    }
}

/// Policies of similar names, found once for each unknown name.
#[derive(Default)]
struct Suggestions<'w>(BTreeMap<String, Option<&'w str>>);

impl<'w> Suggestions<'w> {
    /// A file with more unknown names than this has another problem than misspelling.
    const LIMIT: usize = 50;

    fn find(&mut self, name: &str, wanted: &'w Wanted) -> Option<&'w str> {
        if let Some(found) = self.0.get(name) {
            return *found;
        }
        if self.0.len() == Self::LIMIT {
            return None;
        }
        let found = similar(name, wanted);
        self.0.insert(name.to_owned(), found);
        found
    }
}

/// The policy whose name is nearest, if it is near.
fn similar<'w>(name: &str, wanted: &'w Wanted) -> Option<&'w str> {
    let limit = (name.len() / 3).clamp(1, 3);
    let near = wanted
        .policies
        .keys()
        .map(|other| (distance(name, other, limit), other.as_str()));
    near.filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, other)| other)
}

/// The number of single-character edits between two names; more than `limit` if there are many.
fn distance(a: &str, b: &str, limit: usize) -> usize {
    if a.len().abs_diff(b.len()) > limit {
        return limit + 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

fn edit(site: &Site, value: &str) -> Edit {
    let splice = |span: &Range<usize>, text: String| Splice {
        span: span.clone(),
        text,
    };
    let splices = match &site.style {
        Style::Plain => vec![splice(&site.span, quote::plain(value, site.context))],
        Style::Single => vec![splice(&site.span, quote::single(value))],
        Style::Double => vec![splice(&site.span, quote::double(value))],
        Style::Block(block) => block_splices(block, value),
    };
    Edit {
        scalar: site.span.clone(),
        value: value.to_owned(),
        splices,
    }
}

/// Keeps the block if the value can be its only line; else the value goes where the header is.
fn block_splices(block: &BlockScalar, value: &str) -> Vec<Splice> {
    let splice = |span: &Range<usize>, text: String| Splice {
        span: span.clone(),
        text,
    };
    if block.body.is_empty() {
        return vec![splice(&block.header, quote::plain(value, Context::Block))];
    }
    if quote::fits_block(value) {
        let line = format!("{}{value}", " ".repeat(block.indent));
        return vec![
            splice(&block.header, format!("{}-", block.indicator)),
            splice(&block.body, line),
        ];
    }
    vec![
        splice(&block.header, quote::plain(value, Context::Block)),
        splice(&(block.header_end..block.body.end), String::new()),
    ]
}
