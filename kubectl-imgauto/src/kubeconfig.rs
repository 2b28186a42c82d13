//! The names in kubeconfigs, and the namespace they set for a context; nothing else of them is read.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::environment::Environment;

/// The part of a kubeconfig that is looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Kubeconfig {
    #[serde(rename = "current-context")]
    current_context: Option<String>,
    contexts: Option<Vec<NamedContext>>,
    clusters: Option<Vec<Named>>,
    users: Option<Vec<Named>>,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

#[derive(Debug, Deserialize)]
struct NamedContext {
    name: String,
    #[serde(default)]
    context: Context,
}

#[derive(Debug, Default, Deserialize)]
struct Context {
    #[serde(default)]
    namespace: Option<String>,
}

/// A namespace and the context that sets it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ContextNamespace {
    /// Name of the context.
    pub(crate) context: String,
    /// The namespace it sets.
    pub(crate) namespace: String,
}

/// What can be chosen from in kubeconfigs, by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// The contexts.
    pub(crate) contexts: Vec<String>,
    /// The clusters.
    pub(crate) clusters: Vec<String>,
    /// The users.
    pub(crate) users: Vec<String>,
}

/// Returns the names in `files`; a file that cannot be read has none.
pub(crate) fn names(files: &[PathBuf]) -> Names {
    let mut names = Names::default();
    for config in files.iter().filter_map(|file| read(file).ok()) {
        let contexts = config.contexts.into_iter().flatten();
        names.contexts.extend(contexts.map(|context| context.name));
        let clusters = config.clusters.into_iter().flatten();
        names.clusters.extend(clusters.map(|cluster| cluster.name));
        let users = config.users.into_iter().flatten();
        names.users.extend(users.map(|user| user.name));
    }
    names
}

/// Returns the namespace that `context`, or else the current context, sets in `files`.
///
/// Of several files the first that names something wins, as with kubectl. A file that is missing or
/// cannot be read sets nothing: what needs no cluster must not need a kubeconfig.
pub(crate) fn context_namespace(
    files: &[PathBuf],
    context: Option<&str>,
) -> Option<ContextNamespace> {
    let configs: Vec<Kubeconfig> = files.iter().filter_map(|file| read(file).ok()).collect();
    let named = |config: &Kubeconfig| config.current_context.clone().filter(|c| !c.is_empty());
    let context = match context {
        Some(context) => context.to_owned(),
        None => configs.iter().find_map(named)?,
    };
    let found = configs
        .into_iter()
        .flat_map(|config| config.contexts.unwrap_or_default())
        .find(|candidate| candidate.name == context)?;
    let namespace = found.context.namespace.filter(|n| !n.is_empty())?;
    Some(ContextNamespace { context, namespace })
}

/// Returns the files to read: the flag's, those of `KUBECONFIG`, or the one in the home directory.
pub(crate) fn files(flag: Option<&Path>, environment: &Environment) -> Vec<PathBuf> {
    if let Some(file) = flag {
        return vec![file.to_owned()];
    }
    if let Some(list) = environment.variable("KUBECONFIG") {
        let files = std::env::split_paths(list);
        return files.filter(|file| !file.as_os_str().is_empty()).collect();
    }
    let home = environment.home();
    home.map(|home| home.join(".kube").join("config"))
        .into_iter()
        .collect()
}

/// Says why a file that the user named cannot be used.
pub(crate) fn trouble(file: &Path) -> Option<KubeconfigError> {
    read(file).err()
}

/// Why a kubeconfig cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KubeconfigError {
    /// The file cannot be read.
    #[error("cannot read kubeconfig {file}")]
    Read {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is no kubeconfig.
    #[error("cannot understand kubeconfig {file}")]
    Parse {
        /// The file.
        file: String,
        /// Why, with line and column.
        #[source]
        source: Box<serde_saphyr::Error>,
    },
}

fn read(file: &Path) -> Result<Kubeconfig, KubeconfigError> {
    let name = || file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|source| KubeconfigError::Read {
        file: name(),
        source,
    })?;
    serde_saphyr::from_str(&text).map_err(|source| KubeconfigError::Parse {
        file: name(),
        source: Box::new(source),
    })
}
