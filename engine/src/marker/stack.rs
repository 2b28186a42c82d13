//! Where in its document a node stands.

use std::borrow::Cow;

use super::identity::Drafts;
use super::{Context, Field, IdentityField};

/// The open collections of a document.
#[derive(Default)]
pub(super) struct Stack<'a> {
    frames: Vec<Frame<'a>>,
    serial: usize,
}

struct Frame<'a> {
    kind: Kind<'a>,
    context: Context,
    column: usize,
    /// Whether the collection is, or is inside, a mapping key.
    within_key: bool,
    /// Index of the object the collection belongs to.
    object: usize,
    /// Whether the collection is the root of that object.
    is_object: bool,
}

enum Kind<'a> {
    Mapping(Mapping<'a>),
    Sequence,
}

struct Mapping<'a> {
    serial: usize,
    expects: Turn,
    key: Option<Cow<'a, str>>,
    name: Option<Cow<'a, str>>,
    /// Indexes of the sites whose scalars are values of this mapping.
    sites: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq)]
enum Turn {
    Key,
    Value,
}

/// What a node is to the collection around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A key, or part of one.
    Key,
    /// A value of a mapping or a sequence.
    Value,
    /// A whole document.
    Root,
}

/// The place of a scalar that is a value.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) context: Context,
    pub(super) object: usize,
    pub(super) identity: Option<IdentityField>,
    pub(super) kustomize: Option<Field>,
    /// The serial number of the mapping whose value the scalar is, if it can name a container.
    pub(super) mapping: Option<usize>,
    /// The column of the block sequence whose item the scalar is.
    pub(super) sequence_column: Option<usize>,
}

/// A mapping that has ended.
pub(super) struct Closed<'a> {
    /// Whether it, or the sequence, was written with indentation.
    pub(super) context: Context,
    /// Its serial number, its `name`, and the sites in it; `None` for a sequence.
    pub(super) mapping: Option<(usize, Option<Cow<'a, str>>, Vec<usize>)>,
}

impl<'a> Stack<'a> {
    pub(super) fn clear(&mut self) {
        self.frames.clear();
    }

    /// Takes note that a node begins, and says what it is; `text` is its value if it is a scalar.
    pub(super) fn enter(&mut self, text: Option<&Cow<'a, str>>) -> Role {
        let Some(frame) = self.frames.last_mut() else {
            return Role::Root;
        };
        let Kind::Mapping(mapping) = &mut frame.kind else {
            return if frame.within_key {
                Role::Key
            } else {
                Role::Value
            };
        };
        if mapping.expects == Turn::Key {
            mapping.expects = Turn::Value;
            mapping.key = text.cloned();
            return Role::Key;
        }
        mapping.expects = Turn::Key;
        if mapping.key.as_deref() == Some("name") {
            mapping.name = text.cloned();
        }
        if frame.within_key {
            Role::Key
        } else {
            Role::Value
        }
    }

    /// Opens a collection, after [`Stack::enter`] gave its role.
    pub(super) fn open_mapping(
        &mut self,
        role: Role,
        context: Context,
        column: usize,
        drafts: &mut Drafts,
    ) {
        self.serial += 1;
        let mapping = Mapping {
            serial: self.serial,
            expects: Turn::Key,
            key: None,
            name: None,
            sites: Vec::new(),
        };
        let is_object = role != Role::Key && self.begins_object();
        let object = if is_object {
            drafts.begin((self.frames.len() == 2).then(|| self.object()))
        } else {
            self.object()
        };
        self.push(Kind::Mapping(mapping), role, context, column, object);
        if let Some(frame) = self.frames.last_mut() {
            frame.is_object = is_object;
        }
    }

    pub(super) fn open_sequence(
        &mut self,
        role: Role,
        context: Context,
        column: usize,
        drafts: &mut Drafts,
    ) {
        let object = if self.frames.is_empty() {
            drafts.begin(None)
        } else {
            self.object()
        };
        self.push(Kind::Sequence, role, context, column, object);
    }

    fn push(&mut self, kind: Kind<'a>, role: Role, context: Context, column: usize, object: usize) {
        let within_key =
            role == Role::Key || self.frames.last().is_some_and(|frame| frame.within_key);
        self.frames.push(Frame {
            kind,
            context,
            column,
            within_key,
            object,
            is_object: false,
        });
    }

    fn object(&self) -> usize {
        self.frames.last().map_or(0, |frame| frame.object)
    }

    /// A root mapping, an item of a root sequence, or an item of a root mapping's `items`.
    fn begins_object(&self) -> bool {
        match self.frames.as_slice() {
            [] => true,
            [root] => matches!(root.kind, Kind::Sequence),
            [root, items] => root.key() == Some("items") && matches!(items.kind, Kind::Sequence),
            _ => false,
        }
    }

    pub(super) fn close(&mut self) -> Option<Closed<'a>> {
        let frame = self.frames.pop()?;
        let mapping = match frame.kind {
            Kind::Mapping(mapping) => Some((mapping.serial, mapping.name, mapping.sites)),
            Kind::Sequence => None,
        };
        Some(Closed {
            context: frame.context,
            mapping,
        })
    }

    /// Whether the node for which [`Stack::enter`] was called last is `metadata` of a document.
    pub(super) fn is_metadata(&self) -> bool {
        matches!(self.frames.as_slice(), [root] if root.key() == Some("metadata"))
    }

    /// The place of the scalar for which [`Stack::enter`] was called last.
    pub(super) fn place(&self) -> Place {
        let Some(frame) = self.frames.last() else {
            return Place {
                context: Context::Block,
                object: 0,
                identity: None,
                kustomize: None,
                mapping: None,
                sequence_column: None,
            };
        };
        let in_metadata = self.in_metadata();
        Place {
            context: frame.context,
            object: frame.object,
            identity: self.identity(),
            kustomize: self.kustomize(),
            mapping: match &frame.kind {
                Kind::Mapping(mapping) if !in_metadata => Some(mapping.serial),
                _ => None,
            },
            sequence_column: match frame.kind {
                Kind::Sequence if frame.context == Context::Block => Some(frame.column),
                _ => None,
            },
        }
    }

    /// Adds a site to the mapping with the serial number; `false` if that has ended.
    pub(super) fn attach(&mut self, serial: usize, site: usize) -> bool {
        // Only the innermost mappings can own the scalar beside a gap, so the search ends early.
        for frame in self.frames.iter_mut().rev() {
            if let Kind::Mapping(mapping) = &mut frame.kind {
                if mapping.serial == serial {
                    mapping.sites.push(site);
                    return true;
                }
                if mapping.serial < serial {
                    return false;
                }
            }
        }
        false
    }

    fn in_metadata(&self) -> bool {
        match self.frames.as_slice() {
            [.., object, _] => object.is_object && object.key() == Some("metadata"),
            _ => false,
        }
    }

    fn identity(&self) -> Option<IdentityField> {
        let frame = self.frames.last()?;
        let key = frame.key()?;
        if frame.is_object {
            return match key {
                "apiVersion" => Some(IdentityField::ApiVersion),
                "kind" => Some(IdentityField::Kind),
                _ => None,
            };
        }
        match key {
            "name" if self.in_metadata() => Some(IdentityField::Name),
            "namespace" if self.in_metadata() => Some(IdentityField::Namespace),
            _ => None,
        }
    }

    fn kustomize(&self) -> Option<Field> {
        let [root, list, entry] = self.frames.as_slice() else {
            return None;
        };
        if root.key() != Some("images") || !matches!(list.kind, Kind::Sequence) {
            return None;
        }
        match entry.key()? {
            "newName" => Some(Field::Name),
            "newTag" => Some(Field::Tag),
            "digest" => Some(Field::Digest),
            _ => None,
        }
    }
}

impl Frame<'_> {
    fn key(&self) -> Option<&str> {
        match &self.kind {
            Kind::Mapping(mapping) => mapping.key.as_deref(),
            Kind::Sequence => None,
        }
    }
}
