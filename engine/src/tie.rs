//! Which policy looks after a container.
//!
//! What somebody wrote down comes first, then what follows from names. An [`Index`] is built once from all
//! policies and then asked without locks or copies: the webhook asks it for every container it admits.

use std::collections::{BTreeMap, HashMap};

use crate::image::{Reference, Repository};

#[cfg(test)]
mod tests;

/// The annotation value by which a workload says that no policy looks after a container.
pub const OPTED_OUT: &str = "none";

/// A policy, as far as ties go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The repository it chooses from; `None` if that is not known or cannot be read.
    pub repository: Option<Repository>,
    /// Which other namespaces may use it: `accessFrom` of its ImageRepository.
    pub grants: Vec<Grant>,
}

/// A selector of namespaces: they must carry all of these labels; none matches every namespace.
pub type Grant = BTreeMap<String, String>;

/// What is known of a container before it is tied.
#[derive(Clone, Copy, Debug)]
pub struct Container<'a> {
    /// The namespace of the workload.
    pub namespace: &'a str,
    /// The labels of the namespace; none if they are not known.
    pub namespace_labels: &'a BTreeMap<String, String>,
    /// The policy, by namespace and name, that a marker in Git names for it; `None` if no inventory tells of one.
    pub marker: Option<(&'a str, &'a str)>,
    /// The annotation `policy.imgauto.dev/<container>`, or that of a volume: `[namespace/]name` or `none`.
    pub stated: Option<&'a str>,
    /// The annotation `imgauto.dev/policy`: `[namespace/]name` or `none`, for all containers it fits.
    pub default: Option<&'a str>,
    /// Its image; `None` if that cannot be read.
    pub image: Option<&'a Reference>,
    /// What happens when nothing else tells.
    pub last_resort: LastResort,
}

/// Something of which the tie of a container depends: another tie may come of it when a policy has it, or no longer has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dependency {
    /// A policy's name.
    Policy {
        /// The namespace.
        namespace: String,
        /// The name in it.
        name: String,
    },
    /// A policy's repository.
    Repository {
        /// The host, normalised.
        host: String,
        /// The path on it, normalised.
        path: String,
    },
}

impl Dependency {
    fn policy(namespace: &str, name: &str) -> Self {
        Self::Policy {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    fn repository(host: String, path: &str) -> Self {
        Self::Repository {
            host,
            path: path.to_owned(),
        }
    }
}

impl Container<'_> {
    /// What its tie depends on, besides the labels of its namespace.
    pub fn dependencies(&self) -> impl Iterator<Item = Dependency> {
        let said = [self.stated, self.default].into_iter().flatten();
        let said = said.map(str::trim).filter(|text| *text != OPTED_OUT);
        let said = said.map(|text| split(text, self.namespace));
        let named = self.marker.into_iter().chain(said);
        let named = named.map(|(namespace, name)| Dependency::policy(namespace, name));
        let repository = self
            .image
            .map(|image| Dependency::repository(image.host().into_owned(), image.repository()));
        named.chain(repository)
    }
}

/// What happens when neither a word nor a permission ties a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastResort {
    /// It is unmanaged. For whoever acts on it.
    Unmanaged,
    /// A policy of any namespace is taken for its own. For whoever shows it.
    Guess,
}

/// Who looks after a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie<'a> {
    /// This policy.
    To(&'a Candidate, Origin),
    /// Somebody names a policy that is not there, by namespace and name.
    Missing(&'a str, &'a str, Origin),
    /// One of several; which one is not said.
    Ambiguous(Several<'a>),
    /// Nobody, because the workload says so.
    OptedOut,
    /// Nobody.
    Unmanaged,
}

/// How a tie is known, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A marker in Git.
    Marker,
    /// An annotation for this container.
    Annotation,
    /// An annotation for the containers of the workload.
    Default,
    /// It is the one policy of the namespace for this repository.
    Inference,
    /// It is the one policy for this repository that lets the namespace use it.
    Grant,
    /// It is the one policy for this repository in any namespace.
    Guess,
}

impl Origin {
    /// Whether somebody wrote it down; if not, it follows from names alone.
    pub fn is_stated(self) -> bool {
        self <= Self::Default
    }
}

/// Policies that fit equally well, in the order of their names.
#[derive(Clone, Copy, Debug)]
pub struct Several<'a> {
    index: &'a Index,
    places: &'a [u32],
    by: Fits<'a>,
}

/// Which of the policies of a repository are meant.
#[derive(Clone, Copy, Debug)]
enum Fits<'a> {
    All,
    Granted(&'a BTreeMap<String, String>),
}

impl<'a> Several<'a> {
    /// The policies.
    pub fn iter(&self) -> impl Iterator<Item = &'a Candidate> + use<'a> {
        let Self { index, places, by } = *self;
        let policies = places.iter().map(|place| index.at(*place));
        policies.filter(move |policy| match by {
            Fits::All => true,
            Fits::Granted(labels) => policy.grants_to(labels),
        })
    }
}

impl PartialEq for Several<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Several<'_> {}

impl Candidate {
    /// What the ties that lead to it depend on: its name and its repository.
    pub fn dependencies(&self) -> impl Iterator<Item = Dependency> {
        let policy = Dependency::policy(&self.namespace, &self.name);
        let repository = self.repository.as_ref();
        let repository = repository.map(|repository| {
            Dependency::repository(repository.host().into_owned(), repository.repository())
        });
        std::iter::once(policy).chain(repository)
    }

    /// Whether a namespace with these labels may use it although it belongs to another one.
    pub fn grants_to(&self, labels: &BTreeMap<String, String>) -> bool {
        is_granted(&self.grants, labels)
    }
}

/// Whether one of the grants lets in a namespace with these labels.
pub fn is_granted<'a>(
    grants: impl IntoIterator<Item = &'a Grant>,
    labels: &BTreeMap<String, String>,
) -> bool {
    let mut grants = grants.into_iter();
    grants.any(|grant| {
        let mut wanted = grant.iter();
        wanted.all(|(key, value)| labels.get(key) == Some(value))
    })
}

/// All policies, by name and by repository.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// In the order of namespaces and names.
    policies: Vec<Candidate>,
    /// Places in `policies`, by path and then by host; each list in ascending order.
    repositories: HashMap<String, Vec<(String, Vec<u32>)>>,
}

impl Index {
    /// Builds the index. The order of policies does not matter; of several with one name the last counts.
    pub fn new(policies: impl IntoIterator<Item = Candidate>) -> Self {
        let named: BTreeMap<(String, String), Candidate> = policies
            .into_iter()
            .map(|policy| ((policy.namespace.clone(), policy.name.clone()), policy))
            .collect();
        let policies: Vec<Candidate> = named.into_values().collect();
        let mut repositories: HashMap<String, Vec<(String, Vec<u32>)>> = HashMap::new();
        for (place, policy) in (0..).zip(&policies) {
            let Some(repository) = &policy.repository else {
                continue;
            };
            let hosts = repositories
                .entry(repository.repository().to_owned())
                .or_default();
            let host = repository.host();
            match hosts.iter_mut().find(|(known, _)| *known == host) {
                Some((_, places)) => places.push(place),
                None => hosts.push((host.into_owned(), vec![place])),
            }
        }
        Self {
            policies,
            repositories,
        }
    }

    /// The policy of that name.
    pub fn policy(&self, namespace: &str, name: &str) -> Option<&Candidate> {
        let key = (namespace, name);
        let place = self
            .policies
            .binary_search_by(|policy| (policy.namespace.as_str(), policy.name.as_str()).cmp(&key));
        self.policies.get(place.ok()?)
    }

    /// The policies of a repository, in the order of their names.
    pub fn of_repository(&self, image: &Reference) -> impl Iterator<Item = &Candidate> {
        self.places(image).iter().map(|place| self.at(*place))
    }

    /// Tells which policy looks after a container.
    pub fn tie<'a>(&'a self, container: &Container<'a>) -> Tie<'a> {
        if let Some((namespace, name)) = container.marker {
            return self.named(namespace, name, Origin::Marker);
        }
        if let Some(stated) = container.stated {
            return match stated.trim() {
                OPTED_OUT => Tie::OptedOut,
                text => {
                    let (namespace, name) = split(text, container.namespace);
                    self.named(namespace, name, Origin::Annotation)
                }
            };
        }
        let mut otherwise = Tie::Unmanaged;
        if let Some(default) = container.default.map(str::trim) {
            if default == OPTED_OUT {
                return Tie::OptedOut;
            }
            let (namespace, name) = split(default, container.namespace);
            match (
                self.named(namespace, name, Origin::Default),
                container.image,
            ) {
                (Tie::To(policy, origin), Some(image)) if covers(policy, image) => {
                    return Tie::To(policy, origin);
                }
                (Tie::To(..), _) => {}
                // It may be meant for this container; what follows from names is better than that.
                (missing, _) => otherwise = missing,
            }
        }
        container
            .image
            .and_then(|image| self.infer(container, self.places(image)))
            .unwrap_or(otherwise)
    }

    /// Ties by the repository alone.
    fn infer<'a>(&'a self, container: &Container<'a>, places: &'a [u32]) -> Option<Tie<'a>> {
        let start = places
            .partition_point(|place| self.at(*place).namespace.as_str() < container.namespace);
        let end = places
            .partition_point(|place| self.at(*place).namespace.as_str() <= container.namespace);
        let one_of = |places: &'a [u32], by, origin| {
            let several = Several {
                index: self,
                places,
                by,
            };
            let mut fitting = several.iter();
            match (fitting.next(), fitting.next()) {
                (None, _) => None,
                (Some(policy), None) => Some(Tie::To(policy, origin)),
                (Some(_), Some(_)) => Some(Tie::Ambiguous(several)),
            }
        };
        let granted = Fits::Granted(container.namespace_labels);
        one_of(&places[start..end], Fits::All, Origin::Inference)
            .or_else(|| one_of(places, granted, Origin::Grant))
            .or_else(|| match container.last_resort {
                LastResort::Unmanaged => None,
                LastResort::Guess => one_of(places, Fits::All, Origin::Guess),
            })
    }

    fn named<'a>(&'a self, namespace: &'a str, name: &'a str, origin: Origin) -> Tie<'a> {
        match self.policy(namespace, name) {
            Some(policy) => Tie::To(policy, origin),
            None => Tie::Missing(namespace, name, origin),
        }
    }

    fn places(&self, image: &Reference) -> &[u32] {
        let hosts = self.repositories.get(image.repository());
        let hosts = hosts.map(Vec::as_slice).unwrap_or_default();
        let host = image.host();
        let found = hosts.iter().find(|(known, _)| *known == host);
        found
            .map(|(_, places)| places.as_slice())
            .unwrap_or_default()
    }

    fn at(&self, place: u32) -> &Candidate {
        &self.policies[place as usize]
    }
}

fn covers(policy: &Candidate, image: &Reference) -> bool {
    let repository = policy.repository.as_ref();
    repository.is_some_and(|repository| image.same_repository(repository))
}

/// Splits `[namespace/]name`.
fn split<'a>(text: &'a str, own: &'a str) -> (&'a str, &'a str) {
    text.split_once('/').unwrap_or((own, text))
}
