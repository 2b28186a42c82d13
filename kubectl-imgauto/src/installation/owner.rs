//! Who looks after an object, as its managed fields and labels tell.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};

use crate::cluster::FIELD_MANAGER;
use crate::manifests::{IMGAUTO, PART_OF};

/// Programs that apply what lies elsewhere, and would undo what is changed here.
const APPLIERS: [&str; 9] = [
    "kustomize-controller",
    "helm-controller",
    "helm",
    "Helm",
    "flux",
    "flux-operator",
    "argocd-controller",
    "argocd-application-controller",
    "fleetagent",
];

/// Who looks after an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// This program, or somebody who applied the manifests of imgauto by hand.
    Imgauto,
    /// Somebody else, by name.
    Other(String),
}

/// Returns who looks after an object.
///
/// What nobody marked as imgauto's belongs to whoever wrote it: a kind that Flux needs is not taken from it.
pub(crate) fn owner(metadata: &ObjectMeta) -> Owner {
    let managers = managers(metadata);
    let part_of = metadata
        .labels
        .as_ref()
        .and_then(|labels| labels.get(PART_OF));
    if let Some(applier) = applier(metadata) {
        return Owner::Other(applier);
    }
    match part_of.map(String::as_str) {
        Some(IMGAUTO) => Owner::Imgauto,
        Some(other) => Owner::Other(other.to_owned()),
        None if managers.iter().all(|manager| *manager == FIELD_MANAGER) => Owner::Imgauto,
        None => {
            let others = managers.iter().filter(|manager| **manager != FIELD_MANAGER);
            Owner::Other(others.copied().collect::<Vec<_>>().join(", "))
        }
    }
}

/// The program that applies the object from elsewhere, if one does.
pub(crate) fn applier(metadata: &ObjectMeta) -> Option<String> {
    let managers = managers(metadata);
    let found = managers.iter().find(|manager| APPLIERS.contains(manager));
    found.map(|manager| (*manager).to_owned())
}

/// Who wrote the object itself, without those who write its status.
fn managers(metadata: &ObjectMeta) -> Vec<&str> {
    let entries = metadata.managed_fields.iter().flatten();
    let writers = entries.filter(|entry| !is_of_status(entry));
    let mut names: Vec<_> = writers
        .filter_map(|entry| entry.manager.as_deref())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether an entry is about fields that controllers write and users do not.
fn is_of_status(entry: &ManagedFieldsEntry) -> bool {
    let status = entry
        .subresource
        .as_deref()
        .is_some_and(|name| !name.is_empty());
    status || entry.manager.as_deref() == Some("kube-apiserver")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metadata(labels: &[(&str, &str)], managers: &[&str]) -> ObjectMeta {
        let entries = managers.iter().map(|name| json!({"manager": name}));
        let status = json!({"manager": "kube-controller-manager", "subresource": "status"});
        let labels: serde_json::Map<_, _> = labels
            .iter()
            .map(|(key, value)| ((*key).to_owned(), json!(value)))
            .collect();
        let fields: Vec<_> = entries.chain([status]).collect();
        serde_json::from_value(json!({"labels": labels, "managedFields": fields})).unwrap()
    }

    #[test]
    fn what_is_ours_is_known_by_its_writer_or_its_label() {
        let ours = [(PART_OF, IMGAUTO)];
        assert_eq!(owner(&metadata(&[], &[FIELD_MANAGER])), Owner::Imgauto);
        assert_eq!(owner(&metadata(&ours, &["kubectl"])), Owner::Imgauto);
        assert_eq!(
            owner(&metadata(&ours, &[FIELD_MANAGER, "kubectl-edit"])),
            Owner::Imgauto
        );
    }

    #[test]
    fn what_is_applied_from_elsewhere_belongs_there() {
        let other = |name: &str| Owner::Other(name.to_owned());
        let ours = [(PART_OF, IMGAUTO)];
        assert_eq!(
            owner(&metadata(&ours, &[FIELD_MANAGER, "kustomize-controller"])),
            other("kustomize-controller")
        );
        assert_eq!(
            owner(&metadata(
                &[(PART_OF, "flux")],
                &["kubectl-client-side-apply"]
            )),
            other("flux")
        );
        assert_eq!(owner(&metadata(&[], &["helm"])), other("helm"));
        assert_eq!(owner(&metadata(&[], &["kubectl"])), other("kubectl"));
    }
}
