//! Names of objects as scenarios write them, and where they are in the API.

use std::fmt;

use kube::core::ApiResource;
use serde_json::Value;

/// The kinds a record holds.
pub(crate) const RECORDED: [&str; 3] = ["ImagePolicy", "ImageRepository", "ImageUpdateAutomation"];

/// An object's kind, namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ObjectName {
    pub kind: String,
    /// None for kinds without namespaces.
    pub namespace: Option<String>,
    pub name: String,
}

impl ObjectName {
    /// Reads `Kind/name`, which lies in `home`, or `Kind/namespace/name`.
    ///
    /// # Panics
    ///
    /// If the text is neither.
    pub(crate) fn parse(text: &str, home: &str) -> Self {
        let parts: Vec<_> = text.split('/').collect();
        let (kind, namespace, name) = match parts[..] {
            ["Namespace", name] => ("Namespace", None, name),
            [kind, name] => (kind, Some(home), name),
            [kind, namespace, name] => (kind, Some(namespace), name),
            _ => panic!("{text} names no object"),
        };
        Self {
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        }
    }

    /// The name of a document, which lies in `home` if it names no namespace.
    pub(crate) fn of(document: &Value, home: &str) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let metadata = &document["metadata"];
        Self {
            kind: text(&document["kind"]).expect("an object has a kind"),
            namespace: Some(text(&metadata["namespace"]).unwrap_or_else(|| home.to_owned())),
            name: text(&metadata["name"]).expect("an object has a name"),
        }
    }

    /// The name as seen from `home`: without the namespace, if it lies there.
    pub(crate) fn from(&self, home: &str) -> String {
        let elsewhere = self
            .namespace
            .as_ref()
            .filter(|namespace| *namespace != home);
        match elsewhere {
            Some(namespace) => format!("{}/{namespace}/{}", self.kind, self.name),
            None => format!("{}/{}", self.kind, self.name),
        }
    }

    /// Where the kind is in the API.
    pub(crate) fn resource(&self) -> ApiResource {
        resource(&self.kind)
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.from(""))
    }
}

/// Where a kind is in the API.
///
/// # Panics
///
/// If no scenario may use it.
pub(crate) fn resource(kind: &str) -> ApiResource {
    let (group, plural) = match kind {
        "ImageRepository" => ("image.toolkit.fluxcd.io", "imagerepositories"),
        "ImagePolicy" => ("image.toolkit.fluxcd.io", "imagepolicies"),
        "ImageUpdateAutomation" => ("image.toolkit.fluxcd.io", "imageupdateautomations"),
        "GitRepository" => ("source.toolkit.fluxcd.io", "gitrepositories"),
        "Secret" => ("", "secrets"),
        "ServiceAccount" => ("", "serviceaccounts"),
        "ConfigMap" => ("", "configmaps"),
        "Namespace" => ("", "namespaces"),
        "Event" => ("", "events"),
        _ => panic!("no scenario uses {kind}"),
    };
    let version = "v1".to_owned();
    ApiResource {
        group: group.to_owned(),
        api_version: if group.is_empty() {
            version.clone()
        } else {
            format!("{group}/{version}")
        },
        version,
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_read_and_written_as_seen_from_home() {
        for (text, seen) in [
            ("Secret/login", "Secret/login"),
            ("Secret/here/login", "Secret/login"),
            ("Secret/there/login", "Secret/there/login"),
            ("Namespace/here", "Namespace/here"),
        ] {
            assert_eq!(ObjectName::parse(text, "here").from("here"), seen);
        }
        let document = json!({"kind": "Secret", "metadata": {"name": "login"}});
        assert_eq!(
            ObjectName::of(&document, "here"),
            ObjectName::parse("Secret/login", "here")
        );
    }
}
