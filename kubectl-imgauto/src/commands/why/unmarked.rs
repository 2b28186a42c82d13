//! The line of a checkout that holds a container's image and has no marker.

use std::path::Path;

use engine::marker;
use reconciler::chain::Chain;
use reconciler::resources::ObjectKey;
use reconciler::source::{EntryKind, Source as _, SourceError, WorkTree};

use super::fix::shell::{self, Ending};
use crate::error::CliError;
use crate::observe::Row;

/// The line that is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    kind: &'static str,
    name: &'a str,
    container: &'a str,
    image: &'a str,
    policy: &'a ObjectKey,
}

impl<'a> Wanted<'a> {
    /// The line of a container that a policy looks after.
    pub(super) fn of(row: &'a Row, policy: &'a ObjectKey) -> Self {
        Self {
            kind: row.workload.kind.kind(),
            name: &row.workload.name,
            container: &row.container,
            image: &row.image,
            policy,
        }
    }

    fn marker(&self) -> String {
        let ObjectKey { namespace, name } = self.policy;
        format!("# {{\"$imagepolicy\": \"{namespace}:{name}\"}}")
    }
}

/// The command that marks the line, if the checkout has it.
pub(super) fn command(root: &Path, wanted: &Wanted<'_>) -> Result<Option<String>, CliError> {
    let unread = |error: SourceError| {
        CliError::usage(format!("cannot look for the line: {}", Chain(&error)))
    };
    let tree = WorkTree::new(root);
    let entries = tree.entries("").map_err(unread)?;
    let mut reader = tree.reader().map_err(unread)?;
    for entry in entries {
        let is_yaml = [".yaml", ".yml"]
            .iter()
            .any(|end| entry.path.ends_with(end));
        if !is_yaml || !matches!(entry.kind, EntryKind::File { .. }) {
            continue;
        }
        let bytes = reader.read(&entry).map_err(unread)?;
        if let Some((line, ending)) = find(&bytes, wanted) {
            let file = root.join(&entry.path);
            let file = file.to_string_lossy();
            let file = file.strip_prefix("./").unwrap_or(&file);
            return Ok(Some(shell::append(file, line, &wanted.marker(), ending)));
        }
    }
    Ok(None)
}

/// Finds the line: a marker is put behind each that names the image, and whatever reads markers says whose it is.
fn find(file: &[u8], wanted: &Wanted<'_>) -> Option<(i64, Ending)> {
    let text = std::str::from_utf8(file).ok()?;
    let address = address(wanted.image);
    if !text.contains(address) || !text.contains(wanted.name) {
        return None;
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines.iter().enumerate().find_map(|(at, line)| {
        let value = line.trim_start().trim_start_matches("- ").trim_start();
        let value = value.strip_prefix("image:")?.trim();
        if !value.trim_start_matches(['"', '\'']).starts_with(address) {
            return None;
        }
        let (bare, ending) = match value.find(" #") {
            Some(_) => (line.split(" #").next().unwrap_or(line), Ending::Comment),
            None => (*line, Ending::Plain),
        };
        let marked = format!("{} {}\n", bare.trim_end(), wanted.marker());
        let trial = [&lines[..at], &[marked.as_str()], &lines[at + 1..]].concat();
        let scan = marker::scan(trial.concat().as_bytes());
        let site = scan.sites.iter().find(|site| site.line == at + 1)?;
        let object = scan.objects.get(site.object)?;
        let is_own = object.kind == wanted.kind
            && object.name == wanted.name
            && site.container.as_deref() == Some(wanted.container)
            && self::address(&site.value) == address;
        is_own.then(|| (i64::try_from(at + 1).unwrap_or(i64::MAX), ending))
    })
}

/// The address of an image, without tag and digest.
fn address(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    let slash = image.rfind('/').map_or(0, |slash| slash + 1);
    match image[slash..].find(':') {
        Some(colon) => &image[..slash + colon],
        None => image,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPLOYMENTS: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
      - name: proxy
        image: envoyproxy/envoy:v1.30.0
      - name: web
        image: \"ghcr.io/acme/web:1.8.4\"
      - image: ghcr.io/acme/web:1.8.4 # the same again
        name: twin
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
spec:
  template:
    spec:
      containers:
      - name: web
        image: ghcr.io/acme/web:1.8.4
";

    fn found(name: &str, container: &str, image: &str) -> Option<(i64, Ending)> {
        let wanted = Wanted {
            kind: "Deployment",
            name,
            container,
            image,
            policy: &ObjectKey::new("flux-system", "web"),
        };
        find(DEPLOYMENTS.as_bytes(), &wanted)
    }

    #[test]
    fn the_line_is_known_by_object_container_and_image() {
        let image = "ghcr.io/acme/web:1.9.0@sha256:1";
        assert_eq!(found("web", "web", image), Some((12, Ending::Plain)));
        assert_eq!(found("web", "twin", image), Some((13, Ending::Comment)));
        assert_eq!(found("api", "web", image), Some((25, Ending::Plain)));
        assert_eq!(found("api", "twin", image), None);
        assert_eq!(found("web", "web", "ghcr.io/acme/we:1"), None);
        assert_eq!(found("web", "web", "quay.io/acme/web:1"), None);
    }

    #[test]
    fn the_command_names_the_file_and_the_marker() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("clusters");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("web.yaml"), DEPLOYMENTS).unwrap();
        std::fs::write(folder.join("broken.yaml"), "{{ image: ghcr.io/acme/web }}").unwrap();
        let policy = ObjectKey::new("flux-system", "web");
        let wanted = Wanted {
            kind: "Deployment",
            name: "web",
            container: "web",
            image: "ghcr.io/acme/web:1.8.4",
            policy: &policy,
        };
        let file = folder.join("web.yaml");
        assert_eq!(
            command(root.path(), &wanted).unwrap().unwrap(),
            format!(
                "sed -i '12s|$| # {{\"$imagepolicy\": \"flux-system:web\"}}|' {}",
                file.display()
            )
        );
        let absent = Wanted {
            name: "gone",
            ..wanted
        };
        assert_eq!(command(root.path(), &absent).unwrap(), None);
    }
}
