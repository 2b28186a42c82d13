//! Which marked lines of Git stand behind which image of a workload.

use engine::admission::{List, Slot};
use engine::image::Reference;

use crate::WorkloadKind;

/// What a line belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The image of a container, or of a volume if no container is named.
    Workload {
        /// The kind of the workload.
        kind: WorkloadKind,
        /// Its namespace, if the file says it.
        namespace: Option<String>,
        /// Its name.
        name: String,
        /// The container.
        container: Option<String>,
    },
    /// A value that images are made of.
    Values,
}

/// An image of a workload in a cluster.
#[derive(Clone, Copy, Debug)]
pub struct Spot<'a> {
    /// The kind of the workload.
    pub kind: WorkloadKind,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The image, and where it is written.
    pub slot: Slot<'a>,
}

/// A line whose marker works.
pub trait MarkedLine {
    /// What it belongs to.
    fn place(&self) -> &Place;
    /// The file, from the root of the repository.
    fn file(&self) -> &str;
    /// What stands there.
    fn value(&self) -> &str;
    /// The policy, by namespace and name, that the marker names.
    fn policy(&self) -> (&str, &str);
    /// The namespace of the automation that looks after it, if one says so.
    fn kept_in(&self) -> Option<&str>;
}

impl Place {
    /// Reads what an object in a file is.
    pub fn of(
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

    /// Whether this is the image at a spot. That of a volume stands beside no name, so that its value has to tell.
    pub fn is(&self, spot: &Spot<'_>, value: &str) -> bool {
        let Self::Workload {
            kind,
            namespace,
            name,
            container,
        } = self
        else {
            return false;
        };
        let is_volume = spot.slot.list == List::Volumes;
        *kind == spot.kind
            && name == spot.name
            && namespace
                .as_ref()
                .is_none_or(|namespace| namespace == spot.namespace)
            && match container {
                Some(container) => container == spot.slot.name && !is_volume,
                None => is_volume && is_same_repository(value, spot.slot.image),
            }
    }

    /// Whether it says the namespace of its workload.
    pub fn names_namespace(&self) -> bool {
        matches!(
            self,
            Self::Workload {
                namespace: Some(_),
                ..
            }
        )
    }

    /// The workload and container in words; `None` for values.
    pub fn label(&self) -> Option<String> {
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

/// The lines that stand behind an image, of those that may. `path` is the directory that the workload's manifests are
/// read from, from the root of the repository; `None` if it is not known.
pub fn behind<'a, L: MarkedLine>(
    lines: impl IntoIterator<Item = &'a L>,
    spot: &Spot<'_>,
    path: Option<&str>,
) -> Vec<&'a L> {
    let fitting = lines
        .into_iter()
        .filter(|line| line.place().is(spot, line.value()));
    // The same names may stand in the manifests of several clusters and teams, and mostly without a namespace. What
    // then ties a line to this workload is where it lies, whose it is, or that it holds the same image.
    let lies_near = |line: &&L| lies_below(line.file(), path);
    let is_beside = |line: &&L| line.kept_in() == Some(spot.namespace);
    let is_alike = |line: &&L| is_same_repository(line.value(), spot.slot.image);
    let related = fitting.filter(|line| {
        let named = line.place().names_namespace() || line.kept_in().is_none();
        named || lies_near(line) || is_beside(line) || is_alike(line)
    });
    let named = nearest(related.collect(), |line| line.place().names_namespace());
    nearest(nearest(nearest(named, lies_near), is_beside), is_alike)
}

/// The policy, by namespace and name, that all lines behind an image name; `None` if they do not agree, or there are none.
pub fn policy_of<'a, L: MarkedLine>(lines: &[&'a L]) -> Option<(&'a str, &'a str)> {
    let (first, others) = lines.split_first()?;
    let policy = first.policy();
    let agreed = others.iter().all(|line| line.policy() == policy);
    agreed.then_some(policy)
}

/// Those for which something holds; all if it holds for none.
pub fn nearest<'a, L>(lines: Vec<&'a L>, holds: impl Fn(&&'a L) -> bool) -> Vec<&'a L> {
    let near: Vec<_> = lines.iter().copied().filter(&holds).collect();
    if near.is_empty() { lines } else { near }
}

/// Whether a file lies in a directory, from the root of the repository; everything lies in the root.
pub fn lies_below(file: &str, directory: Option<&str>) -> bool {
    directory.is_some_and(|directory| {
        directory.is_empty()
            || file
                .strip_prefix(directory)
                .is_some_and(|rest| rest.starts_with('/'))
    })
}

/// Whether two references are of one repository.
fn is_same_repository(left: &str, right: &str) -> bool {
    let read = |text| Reference::parse(text).ok();
    let pair = read(left).zip(read(right));
    pair.is_some_and(|(left, right)| {
        left.registry() == right.registry() && left.repository() == right.repository()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Line {
        place: Place,
        policy: &'static str,
        value: &'static str,
        kept_in: Option<&'static str>,
    }

    impl MarkedLine for Line {
        fn place(&self) -> &Place {
            &self.place
        }

        fn file(&self) -> &str {
            "apps/web.yaml"
        }

        fn value(&self) -> &str {
            self.value
        }

        fn policy(&self) -> (&str, &str) {
            ("flux-system", self.policy)
        }

        fn kept_in(&self) -> Option<&str> {
            self.kept_in
        }
    }

    fn line(namespace: Option<&str>, policy: &'static str) -> Line {
        Line {
            place: Place::of(
                Some("apps/v1"),
                Some("Deployment"),
                namespace.map(str::to_owned),
                Some("web".to_owned()),
                Some("web".to_owned()),
            ),
            policy,
            value: "ghcr.io/acme/web:1.0.0",
            kept_in: Some("flux-system"),
        }
    }

    fn found<'a>(lines: &'a [Line], namespace: &str, image: &str) -> Option<&'a str> {
        let spot = Spot {
            kind: WorkloadKind::Deployment,
            namespace,
            name: "web",
            slot: Slot {
                list: List::Containers,
                name: "web",
                image,
            },
        };
        policy_of(&behind(lines, &spot, None)).map(|(_, name)| name)
    }

    #[test]
    fn a_line_that_names_the_namespace_comes_first() {
        let lines = [line(None, "any"), line(Some("apps"), "own")];
        assert_eq!(found(&lines, "apps", "ghcr.io/acme/web:2"), Some("own"));
        assert_eq!(found(&lines, "team", "ghcr.io/acme/web:2"), Some("any"));
        assert_eq!(found(&lines, "team", "busybox"), None, "a namesake");
    }

    #[test]
    fn lines_that_do_not_agree_tie_nothing() {
        let lines = [line(None, "one"), line(None, "other")];
        assert_eq!(found(&lines, "apps", "ghcr.io/acme/web:2"), None);
        assert_eq!(found(&[], "apps", "ghcr.io/acme/web:2"), None);
    }
}
