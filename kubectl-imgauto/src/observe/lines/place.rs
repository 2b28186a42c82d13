//! What marked lines stand on.

use api::WorkloadKind;
use engine::image::Reference;

use crate::observe::Role;
use crate::observe::workload::{SeenImage, SeenWorkload};

/// What a line belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::observe) enum Place {
    /// The image of a container, or of a volume if no container is named.
    Workload {
        kind: WorkloadKind,
        namespace: Option<String>,
        name: String,
        container: Option<String>,
    },
    /// A value that images are made of.
    Values,
}

impl Place {
    /// Reads what an object in a file is.
    pub(super) fn of(
        api_version: Option<&str>,
        kind: Option<&str>,
        namespace: Option<String>,
        name: Option<String>,
        container: Option<String>,
    ) -> Self {
        let kind = WorkloadKind::of(api_version.unwrap_or_default(), kind.unwrap_or_default());
        match kind.zip(name) {
            Some((kind, name)) => Self::Workload {
                kind,
                namespace,
                name,
                container,
            },
            None => Self::Values,
        }
    }

    /// Whether this is the image of a container. That of a volume stands beside no name, so that its value has to tell.
    pub(super) fn is(&self, seen: &SeenWorkload, image: &SeenImage, value: &str) -> bool {
        let Self::Workload {
            kind,
            namespace,
            name,
            container,
        } = self
        else {
            return false;
        };
        let workload = &seen.workload;
        *kind == workload.kind
            && *name == workload.name
            && namespace
                .as_ref()
                .is_none_or(|namespace| *namespace == workload.namespace)
            && match container {
                Some(container) => *container == image.name && image.role != Role::Volume,
                None => image.role == Role::Volume && is_same_repository(value, &image.image),
            }
    }

    /// Whether it says the namespace of its workload.
    pub(super) fn names_namespace(&self) -> bool {
        matches!(
            self,
            Self::Workload {
                namespace: Some(_),
                ..
            }
        )
    }

    /// The workload and container in words; `None` for values.
    pub(super) fn label(&self) -> Option<String> {
        let Self::Workload {
            kind,
            name,
            container,
            ..
        } = self
        else {
            return None;
        };
        Some(match container {
            Some(container) => format!("{}/{name}, container {container}", kind.singular()),
            None => format!("{}/{name}", kind.singular()),
        })
    }
}

/// Whether two references are of one repository.
pub(super) fn is_same_repository(left: &str, right: &str) -> bool {
    let read = |text| Reference::parse(text).ok();
    let pair = read(left).zip(read(right));
    pair.is_some_and(|(left, right)| {
        left.registry() == right.registry() && left.repository() == right.repository()
    })
}
