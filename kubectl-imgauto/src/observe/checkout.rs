//! The files of a checkout: which lines are marked, and which lines hold the images of workloads that no marker names.

use std::collections::HashMap;
use std::path::Path;

use api::WorkloadKind;
use engine::marker::{self, FileScan};
use reconciler::chain::Chain;
use reconciler::source::{Entry, EntryKind, Reader, Source as _, SourceError, WorkTree};
use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::error::CliError;

/// A checkout and what is marked in it.
#[derive(Debug)]
pub(super) struct Checkout {
    tree: WorkTree,
    files: Vec<Entry>,
    /// The marked files, by their paths from the root.
    pub(super) marked: Vec<(String, FileScan)>,
}

/// An image in a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) file: String,
    pub(super) line: i64,
    pub(super) namespace: Option<String>,
    pub(super) container: String,
    pub(super) image: String,
}

/// The images of workloads, by kind and name.
pub(super) type Images = HashMap<(WorkloadKind, String), Vec<Found>>;

impl Checkout {
    /// Reads the manifests below a directory, the root of the repository.
    pub(super) fn read(root: &Path) -> Result<Self, CliError> {
        Self::scan(root).map_err(|error| {
            CliError::usage(Chain(&error).to_string())
                .next("--source names the root of a checkout of the Git repository")
        })
    }

    fn scan(root: &Path) -> Result<Self, SourceError> {
        let tree = WorkTree::new(root);
        let files = tree.entries("")?.into_iter().filter(|entry| {
            matches!(entry.kind, EntryKind::File { .. }) && marker::is_manifest(&entry.path)
        });
        let files: Vec<Entry> = files.collect();
        let mut marked = Vec::new();
        {
            let mut reader = tree.reader()?;
            for entry in &files {
                let bytes = reader.read(entry)?;
                if marker::mentions_marker(&bytes) {
                    marked.push((entry.path.clone(), marker::scan(&bytes)));
                }
            }
        }
        Ok(Self {
            tree,
            files,
            marked,
        })
    }

    /// Finds the images of workloads of these names. A file that cannot be read as YAML holds none.
    pub(super) fn images_of(&self, names: &[&str]) -> Images {
        let mut images = Images::new();
        let Ok(mut reader) = self.tree.reader() else {
            return images;
        };
        for entry in &self.files {
            let Some(text) = text_of(reader.as_mut(), entry) else {
                continue;
            };
            if names.iter().any(|name| text.contains(name)) {
                add_images(&mut images, &entry.path, &text);
            }
        }
        images
    }
}

fn text_of(reader: &mut dyn Reader, entry: &Entry) -> Option<String> {
    String::from_utf8(reader.read(entry).ok()?).ok()
}

/// Adds the images of the workloads in one file.
fn add_images(images: &mut Images, file: &str, text: &str) {
    let documents: Vec<Option<Document>> = serde_saphyr::from_multiple(text).unwrap_or_default();
    for document in documents.into_iter().flatten() {
        let Some(kind) = WorkloadKind::of(&document.api_version, &document.kind) else {
            continue;
        };
        let spec = match document.spec.job_template {
            Some(template) => template.spec.template.spec,
            None => match document.spec.template {
                Some(template) => template.spec,
                None => Pods {
                    containers: document.spec.containers,
                    init_containers: document.spec.init_containers,
                    volumes: document.spec.volumes,
                },
            },
        };
        let containers = spec.init_containers.into_iter().chain(spec.containers);
        let containers =
            containers.filter_map(|container| Some((container.name, container.image?)));
        let volumes = spec.volumes.into_iter();
        let volumes = volumes.filter_map(|volume| Some((volume.name, volume.image?.reference)));
        let found = containers.chain(volumes).map(|(container, image)| Found {
            file: file.to_owned(),
            line: i64::try_from(image.referenced.line()).unwrap_or(i64::MAX),
            namespace: document.metadata.namespace.clone(),
            container,
            image: image.value,
        });
        let key = (kind, document.metadata.name);
        images.entry(key).or_default().extend(found);
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Document {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    name: String,
    namespace: Option<String>,
}

/// The spec of any workload: it has a template, or a template of one, or is a pod's own.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    template: Option<Template>,
    job_template: Option<JobTemplate>,
    containers: Vec<Container>,
    init_containers: Vec<Container>,
    volumes: Vec<Volume>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct JobTemplate {
    spec: JobSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct JobSpec {
    template: Template,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Template {
    spec: Pods,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Pods {
    containers: Vec<Container>,
    init_containers: Vec<Container>,
    volumes: Vec<Volume>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Container {
    name: String,
    image: Option<Spanned<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Volume {
    name: String,
    image: Option<ImageVolume>,
}

#[derive(Debug, Deserialize)]
struct ImageVolume {
    reference: Spanned<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_found_in_every_kind_of_manifest() {
        let text = "# a\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: prod}\nspec:\n  template:\n    spec:\n      initContainers:\n      - name: init\n        image: init:1\n      containers:\n      - name: web\n        image: web:1\n      volumes:\n      - name: data\n        image:\n          reference: data:1\n---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: report}\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          containers: [{name: report, image: report:1}]\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: bare}\nspec:\n  containers:\n  - name: bare\n    image: bare:1\n---\nkind: Service\nspec: {ports: 1}\n";
        let mut images = Images::new();
        add_images(&mut images, "a.yaml", text);
        let found = |kind, name: &str| {
            let found = images[&(kind, name.to_owned())].iter();
            let found =
                found.map(|found| (found.container.as_str(), found.image.as_str(), found.line));
            found.collect::<Vec<_>>()
        };
        assert_eq!(
            found(WorkloadKind::Deployment, "web"),
            [
                ("init", "init:1", 11),
                ("web", "web:1", 14),
                ("data", "data:1", 18)
            ]
        );
        assert_eq!(
            found(WorkloadKind::CronJob, "report"),
            [("report", "report:1", 28)]
        );
        assert_eq!(found(WorkloadKind::Pod, "bare"), [("bare", "bare:1", 36)]);
        assert_eq!(images.len(), 3);
        let deployment = &images[&(WorkloadKind::Deployment, "web".to_owned())][0];
        assert_eq!(deployment.namespace.as_deref(), Some("prod"));
    }
}
