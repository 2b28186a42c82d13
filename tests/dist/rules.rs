//! What krew's installer, the validator of its index, and the people who review for the index ask of a plugin.

mod contents;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::package::Package;

/// A manifest; a field that krew does not know is refused, as krew does.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Manifest {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    version: String,
    #[serde(default)]
    homepage: String,
    #[serde(default)]
    short_description: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    caveats: String,
    #[serde(default)]
    platforms: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    selector: Option<Selector>,
    #[serde(default)]
    uri: String,
    #[serde(default)]
    sha256: String,
    #[serde(default)]
    bin: String,
}

/// krew knows expressions too; nothing here needs them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selector {
    match_labels: BTreeMap<String, String>,
}

impl Selector {
    fn matches(&self, os: &str, arch: &str) -> bool {
        self.match_labels.iter().all(|(key, value)| {
            let wanted = match key.as_str() {
                "os" => os,
                "arch" => arch,
                _ => return false,
            };
            value == wanted
        })
    }
}

/// The platforms krew runs on.
const PLATFORMS: [(&str, &[&str]); 3] = [
    ("windows", &["386", "amd64", "arm64"]),
    ("linux", &["386", "amd64", "arm", "arm64", "ppc64le"]),
    ("darwin", &["386", "amd64", "arm64"]),
];

/// File names that Windows keeps for devices.
const DEVICES: [&str; 22] = [
    "CON", "PRN", "AUX", "NUL", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8",
    "COM9", "LPT1", "LPT2", "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9",
];

/// The longest short description that passes a review, in characters.
const SHORT: usize = 50;

/// The longest line of a description, in characters.
const WIDTH: usize = 80;

/// Returns what is wrong with a manifest and the packages it names, a sentence each.
pub(crate) fn broken(file: &str, text: &str, packages: &[Package]) -> Vec<String> {
    let manifest: Manifest = match serde_saphyr::from_str(text) {
        Ok(manifest) => manifest,
        Err(error) => return vec![format!("no manifest: {error}")],
    };
    let mut broken = Vec::new();
    let mut check = |holds: bool, rule: &str| {
        if !holds {
            broken.push(rule.to_owned());
        }
    };
    check(
        manifest.api_version == "krew.googlecontainertools.github.com/v1alpha2",
        "the API version is krew's",
    );
    check(manifest.kind == "Plugin", "the kind is Plugin");
    names(&manifest.metadata.name, file, &mut check);
    texts(&manifest.spec, &mut check);
    selectors(&manifest.spec.platforms, &mut check);
    for entry in &manifest.spec.platforms {
        downloads(entry, &mut check);
        let name = entry.uri.rsplit('/').next().unwrap_or_default();
        match packages.iter().find(|package| package.file == name) {
            None => check(false, "every address leads to an archive"),
            Some(package) => {
                check(
                    package.checksum() == entry.sha256,
                    "the checksum is that of the archive",
                );
                contents::check(&package.archive, &entry.bin, &mut check);
            }
        }
    }
    broken
}

fn names(name: &str, file: &str, check: &mut impl FnMut(bool, &str)) {
    check(
        file == format!("{name}.yaml"),
        "the file is called as the plugin, and .yaml",
    );
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    check(
        !name.is_empty() && name.chars().all(word),
        "the name is in lower-case kebab-case",
    );
    let upper = name.to_ascii_uppercase();
    check(
        !DEVICES.contains(&upper.as_str()),
        "the name is no device of Windows",
    );
    check(
        !name.starts_with("kube"),
        "the name does not say kube again",
    );
}

fn texts(spec: &Spec, check: &mut impl FnMut(bool, &str)) {
    let version = spec.version.strip_prefix('v');
    check(
        version.is_some_and(|version| semver::Version::parse(version).is_ok()),
        "the version is v and a semantic version",
    );
    check(spec.homepage.starts_with("https://"), "there is a homepage");
    let short = &spec.short_description;
    check(
        !short.trim().is_empty() && !short.contains('\n'),
        "the short description is one line",
    );
    check(
        short.chars().count() <= SHORT,
        "the short description has 50 characters at most",
    );
    let texts = [&spec.description, &spec.caveats];
    let mut lines = texts.iter().flat_map(|text| text.lines());
    check(
        lines.all(|line| line.chars().count() <= WIDTH),
        "texts are wrapped at 80 columns",
    );
    check(
        !spec.description.trim().is_empty() && !spec.description.contains("kubectl"),
        "the description shows no command",
    );
}

fn selectors(entries: &[Entry], check: &mut impl FnMut(bool, &str)) {
    check(!entries.is_empty(), "there is a platform");
    let matching = |os: &str, arch: &str| {
        let selectors = entries.iter().filter_map(|entry| entry.selector.as_ref());
        selectors
            .filter(|selector| selector.matches(os, arch))
            .count()
    };
    for (os, arches) in PLATFORMS {
        for arch in arches {
            check(
                matching(os, arch) < 2,
                "no platform is matched by two selectors",
            );
        }
    }
    for entry in entries {
        let Some(selector) = &entry.selector else {
            check(false, "every platform has a selector");
            continue;
        };
        let mut keys = selector.match_labels.keys();
        check(
            keys.all(|key| key == "os" || key == "arch"),
            "selectors speak of os and arch only",
        );
        let supported = PLATFORMS
            .iter()
            .any(|(os, arches)| arches.iter().any(|arch| selector.matches(os, arch)));
        check(supported, "every selector matches a platform of krew's");
    }
}

fn downloads(entry: &Entry, check: &mut impl FnMut(bool, &str)) {
    check(
        entry.uri.starts_with("https://") || entry.uri.starts_with("http://"),
        "archives are fetched by HTTP",
    );
    let hexadecimal = |c: char| matches!(c, 'a'..='f' | '0'..='9');
    check(
        entry.sha256.len() == 64 && entry.sha256.chars().all(hexadecimal),
        "the checksum has 64 lower-case hexadecimal digits",
    );
    check(!entry.bin.is_empty(), "the program is named");
}
