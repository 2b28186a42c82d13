//! The Kubernetes objects that a run without a cluster finds in files.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::fmt;

use api::{GitRepository, ImagePolicy, ImageRepository, ImageUpdateAutomation};
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use kube::Resource;
use memchr::memmem;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_saphyr::Spanned;

use crate::update::{Problem, Severity};

/// Namespace and name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// The namespace, the default one where the file names none.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl ObjectKey {
    /// Names `namespace/name`.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Where something stands: a file and a line in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as the caller named it.
    pub file: String,
    /// 1-based line.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// An object and where its document begins.
#[derive(Clone, Debug)]
pub struct Found<T> {
    /// Where it stands.
    pub place: Place,
    /// The object, its namespace filled in.
    pub object: T,
}

/// All objects of one kind, by namespace and name.
pub type Objects<T> = BTreeMap<ObjectKey, Found<T>>;

/// The objects of a set of files.
#[derive(Debug, Default)]
pub struct Resources {
    /// `ImageRepository` objects.
    pub repositories: Objects<ImageRepository>,
    /// `ImagePolicy` objects.
    pub policies: Objects<ImagePolicy>,
    /// `ImageUpdateAutomation` objects.
    pub automations: Objects<ImageUpdateAutomation>,
    /// `GitRepository` objects.
    pub git_repositories: Objects<GitRepository>,
    /// Secrets that the objects above may name.
    pub secrets: Objects<Secret>,
    /// Service accounts whose pull secrets an `ImageRepository` may use.
    pub service_accounts: Objects<ServiceAccount>,
    /// Namespaces by name, for `accessFrom` of an `ImageRepository`.
    pub namespaces: BTreeMap<String, Found<Namespace>>,
    /// What could not be used, and why.
    pub faults: Vec<Fault>,
}

/// A document that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whether an object is missing because of it.
    pub severity: Severity,
    /// Where it stands.
    pub place: Place,
    /// What is wrong with it.
    pub reason: String,
}

impl Fault {
    /// As a problem of a run.
    #[must_use]
    pub fn as_problem(&self) -> Problem {
        let report = match self.severity {
            Severity::Error => Problem::error,
            Severity::Warning => Problem::warning,
        };
        report(&self.place.file, self.place.line, self.reason.clone())
    }
}

impl Resources {
    /// Tells whether a file is worth reading: it mentions one of the API groups or kinds that matter here.
    #[must_use]
    pub fn mentioned_in(source: &[u8]) -> bool {
        memmem::find(source, b"toolkit.fluxcd.io/").is_some()
            || ["Secret", "ServiceAccount", "Namespace"]
                .iter()
                .any(|kind| says_kind(source, kind))
    }

    /// Adds the objects of one file; objects without a namespace get `default_namespace`.
    ///
    /// Documents of other kinds are passed over. What is wrong goes to [`Resources::faults`].
    pub fn add(&mut self, file: &str, source: &[u8], default_namespace: &str) {
        let reader = FileReader {
            file,
            default_namespace,
        };
        let Ok(text) = std::str::from_utf8(source) else {
            self.faults.push(reader.fault(1, "is not UTF-8".into()));
            return;
        };
        let documents: Vec<Spanned<Value>> = match serde_saphyr::from_multiple(text) {
            Ok(documents) => documents,
            // Templates of charts mention kinds of the core API too; they are nobody's policies.
            Err(_) if memmem::find(source, b"image.toolkit.fluxcd.io/").is_none() => return,
            Err(error) => {
                let line = error.location().map_or(1, |location| location.line());
                let reason = format!("is not YAML: {}", first_line(&error.to_string()));
                self.faults.push(reader.fault(line, reason));
                return;
            }
        };
        for document in documents {
            self.add_value(&reader, document.referenced.line(), document.value);
        }
    }

    fn add_value(&mut self, reader: &FileReader<'_>, line: u64, value: Value) {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
        let (api_version, kind) = (text("apiVersion").to_owned(), text("kind").to_owned());
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let known = self.faults.len();
        let faults = &mut self.faults;
        match (group, kind.as_str()) {
            ("image.toolkit.fluxcd.io", "ImageRepository") => {
                reader.put(line, value, &mut self.repositories, faults);
            }
            ("image.toolkit.fluxcd.io", "ImagePolicy") => {
                reader.put(line, value, &mut self.policies, faults);
            }
            ("image.toolkit.fluxcd.io", "ImageUpdateAutomation") => {
                reader.put(line, value, &mut self.automations, faults);
            }
            ("source.toolkit.fluxcd.io", "GitRepository") => {
                reader.put(line, value, &mut self.git_repositories, faults);
            }
            // What SOPS encrypted is of no use without its keys, which only the cluster has.
            ("", "Secret") if value.get("sops").is_some() => {}
            ("", "Secret") => reader.put(line, value, &mut self.secrets, faults),
            ("", "Namespace") => {
                let mut found = Objects::default();
                reader.put(line, value, &mut found, faults);
                let named = found.into_iter().map(|(key, found)| (key.name, found));
                self.namespaces.extend(named);
            }
            ("", "ServiceAccount") => reader.put(line, value, &mut self.service_accounts, faults),
            ("" | "image.toolkit.fluxcd.io" | "source.toolkit.fluxcd.io", _)
                if kind.ends_with("List") =>
            {
                if let Some(Value::Array(items)) = value.get("items").cloned() {
                    for item in items {
                        self.add_value(reader, line, item);
                    }
                }
            }
            _ => {}
        }
        if group.is_empty() {
            // A Secret in need of templating is not what a run is about; who needs it says that it is missing.
            for fault in &mut self.faults[known..] {
                fault.severity = Severity::Warning;
            }
        }
    }
}

struct FileReader<'a> {
    file: &'a str,
    default_namespace: &'a str,
}

impl FileReader<'_> {
    fn place(&self, line: u64) -> Place {
        let line = usize::try_from(line).unwrap_or(1).max(1);
        let file = self.file.to_owned();
        Place { file, line }
    }

    fn fault(&self, line: u64, reason: String) -> Fault {
        Fault {
            severity: Severity::Error,
            place: self.place(line),
            reason,
        }
    }

    fn put<T>(&self, line: u64, value: Value, objects: &mut Objects<T>, faults: &mut Vec<Fault>)
    where
        T: DeserializeOwned + Resource<DynamicType = ()>,
    {
        let kind = T::kind(&());
        let mut object: T = match serde_path_to_error::deserialize(value) {
            Ok(object) => object,
            Err(error) => {
                let (path, cause) = (error.path().to_string(), error.inner());
                faults.push(self.fault(line, format!("{kind} cannot be read: {path}: {cause}")));
                return;
            }
        };
        let metadata = object.meta_mut();
        let namespace = metadata
            .namespace
            .take()
            .filter(|namespace| !namespace.is_empty())
            .unwrap_or_else(|| self.default_namespace.to_owned());
        metadata.namespace = Some(namespace.clone());
        let Some(name) = metadata.name.clone() else {
            faults.push(self.fault(line, format!("{kind} has no metadata.name")));
            return;
        };
        let place = self.place(line);
        match objects.entry(ObjectKey { namespace, name }) {
            Slot::Vacant(slot) => {
                slot.insert(Found { place, object });
            }
            // The same document, read twice because two arguments lead to its file.
            Slot::Occupied(first) if first.get().place == place => {}
            Slot::Occupied(first) => {
                let reason = format!(
                    "{kind} {} is defined at {} already; this one is not used",
                    first.key(),
                    first.get().place
                );
                faults.push(Fault {
                    severity: Severity::Warning,
                    ..self.fault(line, reason)
                });
            }
        }
    }
}

/// Whether some document, YAML or JSON, says that it is of this kind; may say so of text that only looks like it.
fn says_kind(source: &[u8], kind: &str) -> bool {
    let between = |byte: &u8| matches!(byte, b' ' | b'\t' | b':' | b'"' | b'\'');
    memmem::find_iter(source, kind.as_bytes()).any(|at| {
        let before = &source[..at];
        let gap = before.iter().rev().take_while(|byte| between(byte)).count();
        before[..at - gap].ends_with(b"kind")
    })
}

/// The first line of what the YAML reader says.
fn first_line(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_worth_reading_are_told_by_a_glance() {
        for source in [
            "apiVersion: image.toolkit.fluxcd.io/v1",
            "kind: Secret",
            "kind:   \"Secret\"",
            "{\"kind\":\"Secret\"}",
            "'kind' : 'ServiceAccount'",
            "kind: Namespace # ours",
        ] {
            assert!(Resources::mentioned_in(source.as_bytes()), "{source}");
        }
        for source in [
            "",
            "Secret",
            "kind: ExternalSecret",
            "secretRef: {kind: X, name: Secret}",
        ] {
            assert!(!Resources::mentioned_in(source.as_bytes()), "{source}");
        }
    }

    #[test]
    fn the_line_of_an_object_is_that_of_its_document() {
        let mut resources = Resources::default();
        let text = "# a\n---\nkind: X\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: ''}\n";
        resources.add("f.yaml", text.as_bytes(), "team");
        let found = &resources.secrets[&ObjectKey::new("team", "s")];
        assert_eq!(found.place.to_string(), "f.yaml:5");
        assert_eq!(found.object.metadata.namespace.as_deref(), Some("team"));
    }

    #[test]
    fn what_cannot_be_read_is_an_error_only_of_the_kinds_a_run_is_about() {
        let mut resources = Resources::default();
        let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: '$x'}\n---
apiVersion: v1\nkind: Secret\nmetadata: {name: t}\ndata: {a: 'ENC[x]'}\nsops: {}\n---
apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: p}\nspec: {}\n";
        resources.add("f.yaml", text.as_bytes(), "team");
        let faults: Vec<_> = resources
            .faults
            .iter()
            .map(|fault| (fault.severity, fault.place.line))
            .collect();
        assert_eq!(faults, [(Severity::Warning, 1), (Severity::Error, 12)]);
        assert!(resources.secrets.is_empty());
    }
}
