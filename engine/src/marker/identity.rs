//! The objects of a file, gathered while it is read.

use crate::change::ObjectId;

use super::{IdentityField, Site};

/// Objects whose fields are still being read.
#[derive(Default)]
pub(super) struct Drafts(Vec<Draft>);

#[derive(Default)]
struct Draft {
    id: ObjectId,
    /// The document that lists the object.
    list: Option<usize>,
}

impl Drafts {
    /// Begins an object; `list` is the document whose `items` hold it.
    pub(super) fn begin(&mut self, list: Option<usize>) -> usize {
        self.0.push(Draft {
            id: ObjectId::default(),
            list,
        });
        self.0.len() - 1
    }

    /// Takes note of a field. An empty one does not replace an earlier one, as in Flux.
    pub(super) fn set(&mut self, object: usize, field: IdentityField, value: &str) {
        if let Some(draft) = self.0.get_mut(object)
            && !value.is_empty()
        {
            set_field(&mut draft.id, field, value);
        }
    }

    /// Returns the objects that sites belong to, and makes the sites point to them.
    pub(super) fn finish(self, sites: &mut [Site]) -> Vec<ObjectId> {
        let mut objects = Vec::new();
        let mut indexes = vec![None; self.0.len()];
        for site in sites {
            let draft = self.owner(site.object);
            let Some(index) = indexes.get_mut(draft) else {
                continue;
            };
            site.object = *index.get_or_insert_with(|| {
                objects.push(
                    self.0
                        .get(draft)
                        .map(|draft| draft.id.clone())
                        .unwrap_or_default(),
                );
                objects.len() - 1
            });
        }
        objects
    }

    /// An item of a list is an object of its own if it says what it is; else the list is.
    fn owner(&self, object: usize) -> usize {
        let Some(draft) = self.0.get(object) else {
            return object;
        };
        let Some(list) = draft.list else {
            return object;
        };
        let typed = !draft.id.api_version.is_empty() && !draft.id.kind.is_empty();
        let listed = self
            .0
            .get(list)
            .is_some_and(|list| list.id.kind.ends_with("List"));
        if typed && listed { object } else { list }
    }
}

/// Sets one field of an identity.
pub(super) fn set_field(id: &mut ObjectId, field: IdentityField, value: &str) {
    let target = match field {
        IdentityField::ApiVersion => &mut id.api_version,
        IdentityField::Kind => &mut id.kind,
        IdentityField::Name => &mut id.name,
        IdentityField::Namespace => &mut id.namespace,
    };
    value.clone_into(target);
}
