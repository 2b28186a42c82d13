//! Markers that nobody looks after, although an automation could be meant to.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use api::automation::ImageUpdateAutomation;
use api::image_inventory::{InventoryCause, InventoryProblem};
use engine::marker::{Policy, Reason, Site, Wanted};
use engine::path::clamp;
use kube::ResourceExt as _;

use super::super::Context;
use super::super::policies::parse_selector;
use super::super::world::source_of;
use super::place;
use crate::nudge::same_repository;
use crate::update::MarkedFile;

/// An automation that looks after markers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Claim {
    /// The namespace of its policies.
    pub(super) namespace: String,
    /// What it updates, in the form of [`clamp`].
    pub(super) path: String,
    /// Policies of its namespace that its selector leaves out.
    pub(super) left_out: BTreeSet<String>,
}

impl Claim {
    fn covers(&self, file: &str) -> bool {
        self.path.is_empty()
            || file
                .strip_prefix(&self.path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn takes(&self, file: &str, site: &Site) -> bool {
        self.namespace == site.namespace()
            && self.covers(file)
            && !self.left_out.contains(site.policy())
    }
}

/// What all other automations of the repository at `url` look after.
pub(super) fn others(context: &Context, own: &ImageUpdateAutomation, url: &str) -> Vec<Claim> {
    let uid = own.uid();
    let all = context.automations.state();
    let others = all.iter().filter_map(|object| object.0.as_ref().ok());
    let others = others
        .filter(|object| object.uid() != uid)
        .filter_map(|object| {
            let repository = context.world.known_repository(&source_of(object))?;
            same_repository(&repository.spec.url, url).then(|| claim(context, object))
        });
    others.collect()
}

fn claim(context: &Context, object: &ImageUpdateAutomation) -> Claim {
    let namespace = object.namespace().unwrap_or_default();
    let update = object.spec.update.as_ref();
    let path = update.and_then(|update| update.path.as_deref());
    let selector = object.spec.policy_selector.as_ref();
    let left_out = match parse_selector(selector) {
        // One that cannot be read takes nothing in, and says so itself.
        Ok(parsed) if selector.is_some() => {
            let policies = context.world.followed(&namespace, &parsed).wanted.policies;
            let left_out = policies
                .into_iter()
                .filter(|(_, seen)| *seen == Policy::NotSelected);
            left_out.map(|(name, _)| name).collect()
        }
        _ => BTreeSet::new(),
    };
    Claim {
        path: clamp(path.unwrap_or_default()),
        namespace,
        left_out,
    }
}

/// Finds the markers that nobody looks after: in the automation's path those of other namespaces' policies and of policies
/// its selector leaves out, and outside of it those of its policies that have no marker in it.
///
/// `path` is what the automation updates. `others` is asked only if there may be such markers.
pub(super) fn unclaimed(
    files: &[MarkedFile],
    path: &str,
    wanted: &Wanted,
    others: impl Fn() -> Vec<Claim>,
) -> Vec<InventoryProblem> {
    let own = Claim {
        namespace: wanted.namespace.clone(),
        path: clamp(path),
        left_out: BTreeSet::new(),
    };
    let sites = || {
        files
            .iter()
            .flat_map(|file| file.scan.sites.iter().map(move |site| (file, site)))
    };
    let is_own = |site: &Site| site.namespace() == own.namespace;
    let within = sites().filter(|(file, site)| is_own(site) && own.covers(&file.path));
    let served: BTreeSet<&str> = within.map(|(_, site)| site.policy()).collect();
    let known = OnceCell::new();
    let mut found = Vec::new();
    for (file, site) in sites() {
        let covered = own.covers(&file.path);
        let policy = wanted.policies.get(site.policy());
        let (cause, reason) = match policy {
            _ if !is_own(site) && covered => {
                let reason = Reason::OtherNamespace {
                    marker: site.namespace().to_owned(),
                    automation: own.namespace.clone(),
                };
                (InventoryCause::OtherNamespace, reason.to_string())
            }
            Some(Policy::NotSelected) if is_own(site) && covered => {
                let reason = Reason::NotSelected(site.policy().to_owned());
                (InventoryCause::NotSelected, reason.to_string())
            }
            Some(Policy::NotSelected) | None => continue,
            Some(_) if is_own(site) && !covered && !served.contains(site.policy()) => {
                let path = &own.path;
                let reason =
                    format!("lies outside of {path}, which is all that the automation updates");
                (InventoryCause::OutsidePath, reason)
            }
            Some(_) => continue,
        };
        let others: &Vec<Claim> = known.get_or_init(&others);
        if !others.iter().any(|other| other.takes(&file.path, site)) {
            found.push(InventoryProblem {
                cause: Some(cause),
                reason,
                ..place(file, site)
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engine::change::LatestRef;
    use engine::marker;

    use super::*;

    fn file(path: &str, setters: &[&str]) -> MarkedFile {
        let mut text =
            String::from("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n");
        for setter in setters {
            text += &format!("- name: c\n  image: a:1 # {{\"$imagepolicy\": \"{setter}\"}}\n");
        }
        let text = text
            .replace("spec:\n", "spec:\n  containers:\n")
            .replace("- name", "  - name")
            .replace("  image", "    image");
        MarkedFile {
            path: path.into(),
            scan: Arc::new(marker::scan(text.as_bytes())),
        }
    }

    fn wanted() -> Wanted {
        let latest = LatestRef {
            name: "a".into(),
            tag: "1".into(),
            digest: None,
        };
        Wanted {
            namespace: "own".into(),
            policies: [
                ("here".into(), Policy::Latest(latest.clone())),
                ("there".into(), Policy::Latest(latest)),
                ("left".into(), Policy::NotSelected),
            ]
            .into(),
            ..Wanted::default()
        }
    }

    fn found(files: &[MarkedFile], others: &[Claim]) -> Vec<(String, InventoryCause)> {
        let found = unclaimed(files, "./apps", &wanted(), || others.to_vec());
        let setter = |problem: InventoryProblem| problem.setter.unwrap();
        found
            .into_iter()
            .map(|problem| {
                let cause = problem.cause.unwrap();
                assert_eq!(problem.kind.as_deref(), Some("Deployment"));
                assert_eq!(problem.container.as_deref(), Some("c"));
                (
                    format!("{}:{}", problem.file.clone(), setter(problem)),
                    cause,
                )
            })
            .collect()
    }

    #[test]
    fn what_nobody_looks_after_is_told_with_its_cause() {
        let files = [
            file(
                "apps/a.yaml",
                &["own:here", "other:x", "own:left", "own:nobody"],
            ),
            file(
                "apps2/b.yaml",
                &[
                    "own:here",
                    "own:there:tag",
                    "other:x",
                    "own:left",
                    "own:nobody",
                ],
            ),
        ];
        let told = |place: &str, cause| (place.to_owned(), cause);
        assert_eq!(
            found(&files, &[]),
            [
                told("apps/a.yaml:other:x", InventoryCause::OtherNamespace),
                told("apps/a.yaml:own:left", InventoryCause::NotSelected),
                told("apps2/b.yaml:own:there:tag", InventoryCause::OutsidePath),
            ],
            "a policy that has a line here needs none elsewhere, and one that is not there is told elsewhere"
        );
    }

    #[test]
    fn what_another_automation_looks_after_is_its_business() {
        let files = [
            file("apps/a.yaml", &["other:x", "own:left"]),
            file("clusters/b.yaml", &["own:there"]),
        ];
        let claim = |namespace: &str, path: &str, left_out: &[&str]| Claim {
            namespace: namespace.into(),
            path: path.into(),
            left_out: left_out.iter().map(|&name| name.to_owned()).collect(),
        };
        let all = [
            claim("other", "", &[]),
            claim("own", "clusters", &[]),
            claim("own", "apps", &[]),
        ];
        assert_eq!(found(&files, &all), []);
        let none = [
            claim("other", "b", &[]),
            claim("own", "cluster", &[]),
            claim("own", "apps", &["left"]),
        ];
        assert_eq!(found(&files, &none).len(), 3);
    }
}
