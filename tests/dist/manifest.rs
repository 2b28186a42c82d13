//! The manifest, made of the template: text in, text out, so that it stays as it was written.

use std::io;

use crate::package::Package;

/// Where the template's list of platforms begins.
const PLATFORMS: &str = "  platforms:\n";

/// What each entry of that list begins with.
const ENTRY: &str = "  - selector:\n";

/// Puts a version and the checksums of packages into the template, and leaves out the platforms without a package.
///
/// # Errors
///
/// If the template has no place for one of the packages.
pub(crate) fn render(template: &str, version: &str, packages: &[Package]) -> io::Result<String> {
    let template = template.replace("{{version}}", version);
    let start = template.find("apiVersion:").unwrap_or_default();
    let (head, list) = template[start..]
        .split_once(PLATFORMS)
        .ok_or_else(|| io::Error::other("krew.yaml has no list of platforms"))?;
    let mut text = format!("{head}{PLATFORMS}");
    for package in packages {
        let address = format!("/{}\n", package.file);
        let mut entries = list.split(ENTRY);
        let entry = entries.find(|entry| entry.contains(&address));
        let entry = entry.ok_or_else(|| {
            let text = format!("krew.yaml has no platform {}", package.platform);
            io::Error::other(text)
        })?;
        text += ENTRY;
        text += &entry.replace("{{sha256}}", &package.checksum());
    }
    Ok(text)
}
