//! Finds the objects of a run in files and folders.

use std::io::Read as _;
use std::path::Path;

use engine::marker;

use crate::resources::Resources;
use crate::source::{EntryKind, Source as _, SourceError, WorkTree};

/// Adds the objects of a file, or of all manifests below a folder, to `resources`.
///
/// `-` is standard input. A file that is named counts whatever its name; of a folder only what could be a manifest is read.
///
/// # Errors
/// When the file or folder cannot be read.
pub fn load(
    path: &Path,
    default_namespace: &str,
    resources: &mut Resources,
) -> Result<(), SourceError> {
    let failed = |source| SourceError::Io {
        attempt: "read",
        path: path.display().to_string(),
        source,
    };
    if path == Path::new("-") {
        let mut content = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut content);
        read.map_err(failed)?;
        resources.add("standard input", &content, default_namespace);
        return Ok(());
    }
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        let content = std::fs::read(path).map_err(failed)?;
        let file = path.strip_prefix(".").unwrap_or(path);
        resources.add(&file.display().to_string(), &content, default_namespace);
        return Ok(());
    }
    let tree = WorkTree::new(path);
    let mut reader = tree.reader()?;
    for entry in tree.entries("")? {
        if !matches!(entry.kind, EntryKind::File { .. }) || !marker::is_manifest(&entry.path) {
            continue;
        }
        let content = reader.read(&entry)?;
        if Resources::mentioned_in(&content) {
            let file = path.join(&entry.path);
            let file = file.strip_prefix(".").unwrap_or(&file);
            resources.add(&file.display().to_string(), &content, default_namespace);
        }
    }
    Ok(())
}
