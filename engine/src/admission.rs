//! What becomes of a request to write a workload: which marks it gets, and whether it is let in.
//!
//! Pure functions of the request and of what is known of policies and the namespace. Workloads are seen as a list of
//! images and as texts by key, whatever their kind. [`mark`] and [`judge`] never change an image, and never hold it
//! against an image that it is not the newest: what a policy could choose may run, so that a rollback and the
//! replacement of a node always work.

use std::borrow::Cow;
use std::collections::BTreeMap;

pub mod keys;

mod assess;
mod line;
mod marks;
mod namespace;
mod rules;
mod slot;
#[cfg(test)]
mod tests;
mod verdict;
mod wording;

pub use marks::{ANNOTATION_LIMIT, Edit, Edits, Marking, Marks, mark, marks};
pub use namespace::{Mode, Requirement, UnknownMode, Wishes};
pub use rules::{Controller, Marked, Owned, Response, Rules};
pub use slot::{List, Slot};
pub use verdict::{Answer, Basis, Readable, Verdict, judge, unreadable};
pub use wording::{MAX_WARNING, MAX_WARNINGS};

/// A request to write a workload.
#[derive(Clone, Copy, Debug)]
pub struct Review<'a> {
    /// Where.
    pub namespace: Namespace<'a>,
    /// Who.
    pub requester: Requester<'a>,
    /// What is to be written.
    pub object: Workload<'a>,
    /// What is there; `None` if it is to be created.
    pub before: Option<Workload<'a>>,
    /// Which part of it is written.
    pub part: Part,
}

/// Which part of a workload a request writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// The ephemeral containers of a pod; whatever else differs is dropped by the API server.
    EphemeralContainers,
}

/// The namespace of a workload.
#[derive(Clone, Copy, Debug)]
pub struct Namespace<'a> {
    /// Its name, as the API server tells it, whatever the object says.
    pub name: &'a str,
    /// What its labels and annotations ask for; `None` if nothing has been heard of it yet.
    pub wishes: Option<&'a Wishes>,
    /// How strict it is: what its label says, unless the API server knows better.
    pub mode: Mode,
}

/// Who sends a request, as the API server has authenticated it.
#[derive(Clone, Copy, Debug)]
pub struct Requester<'a> {
    /// The name.
    pub user: &'a str,
    /// The groups.
    pub groups: &'a [Cow<'a, str>],
}

/// A workload of any kind.
#[derive(Clone, Copy, Debug)]
pub struct Workload<'a> {
    /// Its labels.
    pub labels: &'a Texts<'a>,
    /// Its annotations.
    pub annotations: &'a Texts<'a>,
    /// Its images.
    pub slots: &'a [Slot<'a>],
    /// What controls it, if it says so. Whoever writes the workload writes this too.
    pub owner: Option<Owner<'a>>,
    /// Whether it says that it mirrors a static pod. Whoever writes the workload writes this too.
    pub is_mirror: bool,
}

/// What controls a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The API group; empty for the core group.
    pub group: &'a str,
    /// The kind.
    pub kind: &'a str,
    /// The name.
    pub name: &'a str,
}

/// Labels or annotations: those that are ours, and the size of all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts<'a> {
    ours: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    size: usize,
}

impl<'a> Texts<'a> {
    /// No texts.
    pub const fn new() -> Self {
        Self {
            ours: BTreeMap::new(),
            size: 0,
        }
    }

    /// Takes up a text. One that is not ours is only counted; of several with one key the last counts.
    pub fn insert(&mut self, key: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        let (key, value) = (key.into(), value.into());
        self.size += key.len() + value.len();
        if !keys::is_ours(&key) {
            return;
        }
        let length = key.len();
        if let Some(replaced) = self.ours.insert(key, value) {
            self.size -= length + replaced.len();
        }
    }

    /// The text of a key of ours.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.ours.get(key).map(AsRef::as_ref)
    }

    /// The texts that are ours, in the order of their keys.
    pub fn ours(&self) -> impl Iterator<Item = (&str, &str)> {
        self.ours
            .iter()
            .map(|(key, value)| (key.as_ref(), value.as_ref()))
    }

    /// The size of all texts with their keys, in bytes, as the API server counts it.
    pub fn size(&self) -> usize {
        self.size
    }
}

impl<'a, K, V> FromIterator<(K, V)> for Texts<'a>
where
    K: Into<Cow<'a, str>>,
    V: Into<Cow<'a, str>>,
{
    fn from_iter<T: IntoIterator<Item = (K, V)>>(pairs: T) -> Self {
        let mut texts = Self::default();
        for (key, value) in pairs {
            texts.insert(key, value);
        }
        texts
    }
}

/// How far the absence of a policy can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// All policies are known, as they are now.
    Fresh,
    /// Nothing has been heard for too long: there may be policies that are not known.
    Stale,
}
