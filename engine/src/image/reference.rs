//! References as a container runtime reads them.

use std::borrow::Cow;
use std::fmt;

use super::{Repository, is_lower_hex};

#[cfg(test)]
pub(super) mod tests;

/// The registry that names without one belong to, as container runtimes spell it.
const DOCKER_HUB: &str = "docker.io";
/// Its spelling in go-containerregistry and in old configurations.
const DOCKER_HUB_INDEX: &str = "index.docker.io";

/// An image as a kubelet would pull it, read by the grammar of Docker's references.
///
/// Defaults are filled in: `nginx` is `docker.io/library/nginx:latest`. The host is lower-cased,
/// since hosts compare so; a digest next to a tag decides what is pulled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl Reference {
    /// Reads the `image` of a container.
    pub fn parse(image: &str) -> Result<Self, ReferenceError> {
        if image.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if image.len() == 64 && image.bytes().all(is_lower_hex) {
            return Err(ReferenceError::ImageId(image.to_owned()));
        }
        let (name, digest) = match image.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (image, None),
        };
        let (registry, rest) = split_registry(name);
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (rest, None),
        };
        let repository = if registry == DOCKER_HUB && !repository.contains('/') {
            format!("library/{repository}")
        } else {
            repository.to_owned()
        };
        check_registry(registry)?;
        check_path(&repository)?;
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(ReferenceError::Tag(tag.to_owned()));
        }
        if let Some(digest) = digest.filter(|digest| !is_digest(digest)) {
            return Err(ReferenceError::Digest(digest.to_owned()));
        }
        let tag = tag.or_else(|| digest.is_none().then_some("latest"));
        Ok(Self {
            registry: lower_case(registry, rest),
            repository,
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }

    /// Host and port of the registry; `docker.io` for Docker Hub.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path within the registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; `latest` when neither tag nor digest is written, none when only a digest is.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest with its algorithm, such as `sha256:<hex>`.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// Tells whether the image lies in a policy's repository.
    ///
    /// Hosts compare without case and without the port 443, and the names of Docker Hub are one;
    /// `registry-1.docker.io` is another host although it serves the same.
    pub fn same_repository(&self, repository: &Repository) -> bool {
        self.repository == repository.repository() && self.host() == repository.host()
    }

    /// The registry in the form hosts are compared in.
    pub(crate) fn host(&self) -> Cow<'_, str> {
        host(&self.registry)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Why a text is no image that could be pulled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Nothing is written.
    #[error("an image reference is empty")]
    Empty,
    /// 64 hexadecimal digits, which some runtimes take for the id of a local image.
    #[error("{0} is the id of an image and names no repository")]
    ImageId(String),
    /// The part before the first `/` stands for a registry and is none.
    #[error("{0:?} is no registry host with an optional port")]
    Registry(String),
    /// The path has upper-case letters.
    #[error("the repository {0:?} must be lower case")]
    UpperCase(String),
    /// The path is empty, or one of its parts is not made of letters and digits joined by separators.
    #[error("{0:?} is no repository")]
    Repository(String),
    /// The path is longer than 255 bytes.
    #[error("a repository has at most 255 characters, this one has {0}")]
    TooLong(usize),
    /// What follows the colon is no tag.
    #[error("{0:?} is no tag")]
    Tag(String),
    /// What follows `@` is no digest.
    #[error("{0:?} is no sha256, sha384 or sha512 digest")]
    Digest(String),
}

/// Splits the registry off: the part before `/` is one if it could not be part of a path of Docker Hub.
fn split_registry(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((DOCKER_HUB_INDEX, rest)) => (DOCKER_HUB, rest),
        Some((first, rest))
            if first == "localhost"
                || first.contains(['.', ':'])
                || first.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            (first, rest)
        }
        _ => (DOCKER_HUB, name),
    }
}

/// The registry in lower case, unless that would be read as another one.
fn lower_case(registry: &str, rest: &str) -> String {
    let lower = registry.to_ascii_lowercase();
    let name = format!("{lower}/{rest}");
    let same = split_registry(&name) == (lower.as_str(), rest) && lower != DOCKER_HUB;
    if same { lower } else { registry.to_owned() }
}

/// A registry in the form hosts are compared in: lower case, without the port 443, one name for Docker Hub.
pub(super) fn host(registry: &str) -> Cow<'_, str> {
    let bare = registry.strip_suffix(":443").unwrap_or(registry);
    if bare.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let lower = bare.to_ascii_lowercase();
        return Cow::Owned(host(&lower).into_owned());
    }
    match bare {
        DOCKER_HUB_INDEX => Cow::Borrowed(DOCKER_HUB),
        other => Cow::Borrowed(other),
    }
}

fn check_registry(registry: &str) -> Result<(), ReferenceError> {
    let port = registry
        .rfind(':')
        .filter(|colon| !registry[*colon..].contains(']'));
    let (host, port) = match port {
        Some(colon) => (&registry[..colon], Some(&registry[colon + 1..])),
        None => (registry, None),
    };
    let port_fits =
        port.is_none_or(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    let address = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let host_fits = match address {
        Some(address) => {
            !address.is_empty()
                && address
                    .bytes()
                    .all(|byte| byte.is_ascii_hexdigit() || byte == b':')
        }
        None => host.split('.').all(is_label),
    };
    if port_fits && host_fits {
        Ok(())
    } else {
        Err(ReferenceError::Registry(registry.to_owned()))
    }
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn check_path(path: &str) -> Result<(), ReferenceError> {
    if path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(ReferenceError::UpperCase(path.to_owned()));
    }
    if !path.split('/').all(is_path_element) {
        return Err(ReferenceError::Repository(path.to_owned()));
    }
    if path.len() > 255 {
        return Err(ReferenceError::TooLong(path.len()));
    }
    Ok(())
}

/// Lower-case letters and digits, joined by `.`, `_`, `__` or any number of `-`.
fn is_path_element(element: &str) -> bool {
    let is_word = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let inner = element.starts_with(is_word) && element.ends_with(is_word);
    inner
        && element.split(is_word).all(|separator| {
            matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-')
        })
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=128).contains(&tag.len())
        && tag.bytes().next().is_some_and(word)
        && tag
            .bytes()
            .all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

fn is_digest(digest: &str) -> bool {
    let length = match digest.split_once(':') {
        Some(("sha256", _)) => 64,
        Some(("sha384", _)) => 96,
        Some(("sha512", _)) => 128,
        _ => return false,
    };
    let hex = &digest["sha256:".len()..];
    hex.len() == length && hex.bytes().all(is_lower_hex)
}
