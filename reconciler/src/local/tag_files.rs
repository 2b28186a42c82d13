//! Tags from files in place of a registry.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::resources::ObjectKey;

/// Where tags are read from.
#[derive(Clone, Debug)]
pub struct TagFiles {
    path: PathBuf,
}

/// Why tags cannot be read from files.
#[derive(Debug, thiserror::Error)]
pub enum TagFileError {
    /// The operating system refused.
    #[error("cannot read tags from {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file looks like JSON and is none that holds tags.
    #[error(
        "{path} is JSON without tags: want a list of strings, an object {{\"tags\": [...]}}, or an object from image to list"
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        #[source]
        source: serde_json::Error,
    },
    /// No file of the folder belongs to the repository.
    #[error(
        "{path} has no tags for {repository}: want {repository}.txt, {name}.txt or a .json of that name"
    )]
    NoFile {
        /// The folder.
        path: PathBuf,
        /// `namespace/name` of the repository object.
        repository: ObjectKey,
        /// Its name.
        name: String,
    },
    /// The file names images, and not this one.
    #[error("{path} has no tags for {image}")]
    NoImage {
        /// The file.
        path: PathBuf,
        /// The image that was looked for.
        image: String,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Shape {
    Names(Vec<String>),
    Listing {
        // Null where a registry has none, but never absent: an object without it maps images to tags.
        #[serde(deserialize_with = "Option::deserialize")]
        tags: Option<Vec<Listed>>,
    },
    ByImage(BTreeMap<String, Vec<String>>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Listed {
    Name(String),
    Report { tag: String },
}

impl TagFiles {
    /// Takes a file (one tag a line, or JSON as registries and `tags -o json` print it) or a folder of such files.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Returns the tags of a repository object and its image, in the order of the file.
    ///
    /// # Errors
    /// When there is no such file, or it holds no tags for this image.
    pub fn tags(&self, repository: &ObjectKey, image: &str) -> Result<Vec<String>, TagFileError> {
        if !self.path.is_dir() {
            return read(&self.path, image);
        }
        let names = [repository.to_string(), repository.name.clone()];
        let found = names
            .iter()
            .flat_map(|name| {
                ["txt", "json"].map(|ending| self.path.join(format!("{name}.{ending}")))
            })
            .find(|path| path.is_file());
        match found {
            Some(path) => read(&path, image),
            None => Err(TagFileError::NoFile {
                path: self.path.clone(),
                repository: repository.clone(),
                name: repository.name.clone(),
            }),
        }
    }
}

fn read(path: &Path, image: &str) -> Result<Vec<String>, TagFileError> {
    let text = fs::read_to_string(path).map_err(|source| TagFileError::Io {
        path: path.to_owned(),
        source,
    })?;
    if !text.trim_start().starts_with(['[', '{']) {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        return Ok(lines.map(str::to_owned).collect());
    }
    let shape = serde_json::from_str(&text).map_err(|source| TagFileError::Shape {
        path: path.to_owned(),
        source,
    })?;
    match shape {
        Shape::Names(tags) => Ok(tags),
        Shape::Listing { tags: Some(tags) } => Ok(tags.into_iter().map(Listed::tag).collect()),
        Shape::Listing { tags: None } => Ok(Vec::new()),
        Shape::ByImage(mut images) => images.remove(image).ok_or_else(|| TagFileError::NoImage {
            path: path.to_owned(),
            image: image.to_owned(),
        }),
    }
}

impl Listed {
    fn tag(self) -> String {
        match self {
            Self::Name(tag) | Self::Report { tag } => tag,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags_of(file: &str, content: &str) -> Result<Vec<String>, TagFileError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let place = if file.contains('/') {
            directory.path()
        } else {
            &path
        };
        TagFiles::new(place).tags(
            &ObjectKey::new("flux-system", "podinfo"),
            "ghcr.io/org/podinfo",
        )
    }

    #[test]
    fn tags_are_read_line_by_line_or_from_json() {
        for content in [
            "1.0.0\r\n\n 1.1.0 \n",
            r#"["1.0.0", "1.1.0"]"#,
            r#"{"name": "org/podinfo", "tags": ["1.0.0", "1.1.0"]}"#,
            r#"{"selected": "1.1.0", "tags": [{"tag": "1.0.0", "verdict": "candidate"}, {"tag": "1.1.0"}]}"#,
            r#"{"ghcr.io/org/podinfo": ["1.0.0", "1.1.0"], "other": []}"#,
        ] {
            assert_eq!(
                tags_of("tags.txt", content).unwrap(),
                ["1.0.0", "1.1.0"],
                "{content}"
            );
        }
        assert!(
            tags_of("tags.json", r#"{"name": "x", "tags": null}"#)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn a_folder_has_a_file_for_each_repository() {
        assert_eq!(tags_of("d/../flux-system/podinfo.txt", "1").unwrap(), ["1"]);
        assert_eq!(tags_of("d/../podinfo.json", "[\"1\"]").unwrap(), ["1"]);
        let error = tags_of("d/../other.txt", "1").unwrap_err().to_string();
        assert!(
            error.contains("has no tags for flux-system/podinfo: want"),
            "{error}"
        );
    }

    #[test]
    fn what_holds_no_tags_is_named() {
        let error = tags_of("tags.json", "{\"a\": 1}").unwrap_err().to_string();
        assert!(error.contains("tags.json is JSON without tags"), "{error}");
        let error = tags_of("tags.json", "{\"nginx\": []}")
            .unwrap_err()
            .to_string();
        assert!(
            error.ends_with("has no tags for ghcr.io/org/podinfo"),
            "{error}"
        );
    }
}
