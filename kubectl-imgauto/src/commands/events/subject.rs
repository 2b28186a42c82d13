//! Whose events are meant: kinds of Flux, nouns of ours, workloads, and what an object refers to.

use api::WorkloadKind;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use serde_json::Value;

use crate::cluster::{Attempt, refused};
use crate::commands::get::{feed::value, text};
use crate::error::CliError;
use crate::noun::{Noun, nearest};

/// Whose events are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    /// The kinds, as events name them.
    pub(super) kinds: Vec<String>,
    /// The name; `None` stands for all.
    pub(super) name: Option<String>,
}

/// A kind of Flux, with what its objects refer to.
struct FluxKind {
    kind: &'static str,
    api_version: &'static str,
    plural: &'static str,
    reference: Option<Reference>,
}

/// Where an object says what it gets something from.
struct Reference {
    /// A JSON pointer to kind, name and namespace.
    field: &'static str,
    /// The kind; `None` where the object says it.
    kind: Option<&'static str>,
    reach: Reach,
}

/// How far a reference leads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// To the same namespace.
    Namespace,
    /// To the namespace that it names.
    Cluster,
}

const fn plain(kind: &'static str, api_version: &'static str, plural: &'static str) -> FluxKind {
    FluxKind {
        kind,
        api_version,
        plural,
        reference: None,
    }
}

const fn referring(
    kind: &'static str,
    api_version: &'static str,
    plural: &'static str,
    field: &'static str,
) -> FluxKind {
    FluxKind {
        kind,
        api_version,
        plural,
        reference: Some(Reference {
            field,
            kind: None,
            reach: Reach::Cluster,
        }),
    }
}

const SOURCE: &str = api::keys::SOURCE_API_VERSION;
const IMAGE: &str = api::keys::IMAGE_API_VERSION;

/// The kinds whose events `flux events` shows.
const FLUX_KINDS: &[FluxKind] = &[
    FluxKind {
        kind: "ImagePolicy",
        api_version: IMAGE,
        plural: "imagepolicies",
        reference: Some(Reference {
            field: "/spec/imageRepositoryRef",
            kind: Some("ImageRepository"),
            reach: Reach::Cluster,
        }),
    },
    plain("ImageRepository", IMAGE, "imagerepositories"),
    plain("ImageUpdateAutomation", IMAGE, "imageupdateautomations"),
    referring(
        "Kustomization",
        "kustomize.toolkit.fluxcd.io/v1",
        "kustomizations",
        "/spec/sourceRef",
    ),
    referring(
        HELM_RELEASE,
        "helm.toolkit.fluxcd.io/v2",
        "helmreleases",
        "/spec/chart/spec/sourceRef",
    ),
    referring("HelmChart", SOURCE, "helmcharts", "/spec/sourceRef"),
    plain("GitRepository", SOURCE, "gitrepositories"),
    plain("OCIRepository", SOURCE, "ocirepositories"),
    plain("Bucket", SOURCE, "buckets"),
    plain("HelmRepository", SOURCE, "helmrepositories"),
    plain(
        "ArtifactGenerator",
        "source.extensions.fluxcd.io/v1beta1",
        "artifactgenerators",
    ),
    FluxKind {
        kind: "Alert",
        api_version: "notification.toolkit.fluxcd.io/v1beta3",
        plural: "alerts",
        reference: Some(Reference {
            field: "/spec/providerRef",
            kind: Some("Provider"),
            reach: Reach::Namespace,
        }),
    },
    plain(
        "Provider",
        "notification.toolkit.fluxcd.io/v1beta3",
        "providers",
    ),
    plain("Receiver", "notification.toolkit.fluxcd.io/v1", "receivers"),
];

/// Has a chart of its own besides what it refers to.
const HELM_RELEASE: &str = "HelmRelease";

/// Whether a kind is one of Flux's.
pub(super) fn is_of_flux(kind: &str) -> bool {
    flux_kind(kind).is_some()
}

fn flux_kind(kind: &str) -> Option<&'static FluxKind> {
    let mut known = FLUX_KINDS.iter();
    known.find(|known| known.kind.eq_ignore_ascii_case(kind))
}

/// The kind a word means, as events name it; of those of Flux as flux reads it.
pub(in crate::commands) fn kinds(word: &str) -> Vec<String> {
    if let Some(known) = flux_kind(word) {
        return vec![known.kind.to_owned()];
    }
    let kinds = match Noun::parse(word) {
        Some(Noun::Repository) => vec!["ImageRepository"],
        Some(Noun::Policy) => vec!["ImagePolicy"],
        Some(Noun::Update) => vec!["ImageUpdateAutomation"],
        Some(Noun::Workload(Some(kind))) => vec![kind.kind()],
        Some(Noun::Workload(None)) => WorkloadKind::ALL.map(WorkloadKind::kind).to_vec(),
        Some(Noun::All) => vec!["ImageRepository", "ImagePolicy", "ImageUpdateAutomation"],
        None => Vec::new(),
    };
    kinds.into_iter().map(str::to_owned).collect()
}

/// Says that a word means no kind, and which it may have been meant to be.
pub(in crate::commands) fn no_kind(word: &str) -> CliError {
    let error = CliError::usage(format!("'{word}' is not a recognized Flux kind"));
    let words = ["policy", "repository", "update", "workload", "deployment"];
    let known = FLUX_KINDS.iter().map(|known| known.kind);
    // Kinds are compared as they are typed here: in small letters.
    let lower: Vec<_> = known.clone().map(str::to_ascii_lowercase).collect();
    let near = nearest(
        word,
        words.into_iter().chain(lower.iter().map(String::as_str)),
    );
    match near {
        Some(near) => {
            let written = flux_kind(near).map_or(near, |kind| kind.kind);
            error.at([format!("did you mean {written}?")])
        }
        None => error,
    }
}

impl Subject {
    /// Reads `KIND` or `KIND/NAME`.
    pub(super) fn parse(text: &str) -> Result<Self, CliError> {
        let (kind, name) = match text.split_once('/') {
            Some((kind, name)) => (kind, Some(name).filter(|name| !name.is_empty())),
            None => (text, None),
        };
        if kind.is_empty() {
            let error = CliError::usage("--for selector must be of format <kind>[/<name>]");
            return Err(error.next("kubectl imgauto events --for policy/NAME"));
        }
        let kinds = kinds(kind);
        if kinds.is_empty() {
            return Err(no_kind(kind).next("kubectl imgauto events --for policy/NAME"));
        }
        Ok(Self {
            kinds,
            name: name.map(str::to_owned),
        })
    }

    /// What the object refers to: events of a repository explain a policy. A kind as a whole refers to nothing.
    pub(super) async fn references(
        &self,
        client: &Client,
        namespace: &str,
    ) -> Result<Vec<Referred>, CliError> {
        let kind = match self.kinds.as_slice() {
            [kind] => flux_kind(kind),
            _ => None,
        };
        let Some((kind, reference, name)) =
            kind.and_then(|kind| Some((kind, kind.reference.as_ref()?, self.name.as_ref()?)))
        else {
            return Ok(Vec::new());
        };
        let object = kind.get(client, namespace, name).await?;
        Ok(kind.referred(reference, &object, namespace, name))
    }
}

/// An object that another refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Referred {
    /// Its kind.
    pub(super) kind: String,
    /// Its namespace.
    pub(super) namespace: String,
    /// Its name.
    pub(super) name: String,
}

impl FluxKind {
    async fn get(&self, client: &Client, namespace: &str, name: &str) -> Result<Value, CliError> {
        let (group, version) = self
            .api_version
            .split_once('/')
            .unwrap_or(("", self.api_version));
        let kind = GroupVersionKind::gvk(group, version, self.kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, self.plural);
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
        let object = api.get(name).await.map_err(|error| {
            let attempt = Attempt {
                verb: "get",
                what: &format!("{} {name}", self.kind),
                api_version: self.api_version,
            };
            refused(&error, attempt)
        })?;
        Ok(value(object))
    }

    fn referred(
        &self,
        reference: &Reference,
        object: &Value,
        namespace: &str,
        name: &str,
    ) -> Vec<Referred> {
        let field = |field: &str| text(object, &format!("{}/{field}", reference.field));
        let kind = reference.kind.unwrap_or_else(|| field("kind"));
        let there = match (reference.reach, field("namespace")) {
            (Reach::Cluster, named) if !named.is_empty() => named,
            _ => namespace,
        };
        let referred = |kind: &str, name: &str| Referred {
            kind: kind.to_owned(),
            namespace: there.to_owned(),
            name: name.to_owned(),
        };
        let mut found = Vec::new();
        if !kind.is_empty() && !field("name").is_empty() {
            found.push(referred(kind, field("name")));
            if self.kind == HELM_RELEASE {
                found.push(referred("HelmChart", &format!("{namespace}-{name}")));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ExitStatus;
    use crate::session::Markers;
    use serde_json::json;

    #[test]
    fn kinds_come_in_the_words_of_flux_and_of_ours() {
        let rows: &[(&str, &str, Option<&str>)] = &[
            ("imagepolicy", "ImagePolicy", None),
            ("ImagePolicy/x", "ImagePolicy", Some("x")),
            ("policy/x", "ImagePolicy", Some("x")),
            ("kustomization/apps", "Kustomization", Some("apps")),
            ("deploy/web", "Deployment", Some("web")),
            ("update/", "ImageUpdateAutomation", None),
        ];
        for (text, kind, name) in rows {
            let subject = Subject::parse(text).unwrap();
            assert_eq!(subject.kinds, [*kind], "{text}");
            assert_eq!(subject.name.as_deref(), *name, "{text}");
        }
        assert_eq!(Subject::parse("workloads").unwrap().kinds.len(), 7);
    }

    #[test]
    fn other_words_get_a_suggestion() {
        let said = |text: &str| {
            let error = Subject::parse(text).unwrap_err();
            assert_eq!(error.status(), ExitStatus::Usage);
            error.render(Markers::Flux)
        };
        assert_eq!(
            said("Kustomisation/x"),
            "✗ 'Kustomisation' is not a recognized Flux kind
    did you mean Kustomization?
  next: kubectl imgauto events --for policy/NAME
"
        );
        assert!(said("polcy").contains("did you mean policy?"));
        assert!(said("/x").contains("must be of format <kind>[/<name>]"));
    }

    #[test]
    fn what_an_object_refers_to_is_found_where_its_kind_says_it() {
        let referred = |kind: &str, object: &Value| {
            let kind = flux_kind(kind).unwrap();
            let found = kind.referred(kind.reference.as_ref().unwrap(), object, "ns", "x");
            let found = found.into_iter();
            found
                .map(|found| format!("{}/{}.{}", found.kind, found.name, found.namespace))
                .collect::<Vec<_>>()
        };
        let policy = json!({"spec": {"imageRepositoryRef": {"name": "r", "namespace": "other"}}});
        assert_eq!(
            referred("ImagePolicy", &policy),
            ["ImageRepository/r.other"]
        );
        let policy = json!({"spec": {"imageRepositoryRef": {"name": "r"}}});
        assert_eq!(referred("ImagePolicy", &policy), ["ImageRepository/r.ns"]);
        let alert = json!({"spec": {"providerRef": {"name": "p", "namespace": "other"}}});
        assert_eq!(referred("Alert", &alert), ["Provider/p.ns"]);
        let source = json!({"kind": "HelmRepository", "name": "h"});
        let release = json!({"spec": {"chart": {"spec": {"sourceRef": source}}}});
        assert_eq!(
            referred("HelmRelease", &release),
            ["HelmRepository/h.ns", "HelmChart/ns-x.ns"]
        );
        assert_eq!(referred("Kustomization", &json!({})), Vec::<String>::new());
    }
}
