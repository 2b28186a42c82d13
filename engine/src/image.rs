//! Image references: the strict form policies use and the lenient one a kubelet pulls by.

use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

mod reference;
#[cfg(test)]
mod tests;

pub use reference::{Reference, ReferenceError};

/// The registry that names without one belong to, as go-containerregistry spells it.
const DOCKER_HUB: &str = "index.docker.io";

/// The repository of `ImageRepository.spec.image`: a registry and a path, without tag or digest.
///
/// Read by the rules of go-containerregistry, which Flux uses. They differ from what a kubelet
/// does: `localhost/app` is Docker Hub's, and a path may hold what no registry accepts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Repository {
    registry: String,
    path: String,
}

impl Repository {
    /// Reads `[registry/]path`.
    pub fn parse(image: &str) -> Result<Self, ImageError> {
        if let Some((scheme, _)) = image.split_once("://") {
            return Err(ImageError::Scheme {
                image: image.to_owned(),
                scheme: scheme.to_owned(),
            });
        }
        let repository = referenced(image)?;
        let rest = image.strip_prefix(&repository.registry).unwrap_or(image);
        match rest.split(':').nth(1) {
            Some(suffix) => Err(ImageError::Tag {
                image: image.to_owned(),
                suffix: suffix.to_owned(),
            }),
            None => Ok(repository),
        }
    }

    /// Host and port of the registry, in the case it was written; `index.docker.io` for Docker Hub.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path within the registry, with `library/` for official images of Docker Hub.
    pub fn repository(&self) -> &str {
        &self.path
    }

    /// `registry/path`, as `ImageRepository.status.canonicalImageName` holds it.
    ///
    /// It reads back, unless the `library/` that an official image gets makes the path longer than 255 letters.
    pub fn canonical(&self) -> String {
        self.to_string()
    }

    /// Tells whether plain HTTP may be spoken: where the object allows it and to hosts that are local by their name.
    pub fn scheme(&self, plain_http: PlainHttp) -> Scheme {
        if plain_http == PlainHttp::Allowed || is_local(&self.registry) {
            Scheme::Http
        } else {
            Scheme::Https
        }
    }

    /// The registry in the form hosts are compared in.
    pub(crate) fn host(&self) -> Cow<'_, str> {
        reference::host(&self.registry)
    }

    fn from_name(name: &str) -> Result<Self, ImageFault> {
        let (registry, path) = match name.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) => (first, rest),
            _ => ("", name),
        };
        let length = path.chars().count();
        if !(2..=255).contains(&length) {
            return Err(ImageFault::PathLength(length));
        }
        if let Some(letter) = path.chars().find(|letter| !is_path_letter(*letter)) {
            return Err(ImageFault::PathLetter(letter));
        }
        if !is_authority(registry) {
            return Err(ImageFault::Registry(registry.to_owned()));
        }
        let registry = match registry {
            "" | "docker.io" => DOCKER_HUB,
            other => other,
        };
        let official = registry == DOCKER_HUB && !path.contains('/');
        Ok(Self {
            registry: registry.to_owned(),
            path: if official {
                format!("library/{path}")
            } else {
                path.to_owned()
            },
        })
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

/// Whether an object allows plain HTTP to its registry: `ImageRepository.spec.insecure`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// Only to hosts that are local by their name.
    #[default]
    LocalOnly,
    /// To any host.
    Allowed,
}

/// What may be spoken to a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// HTTPS only.
    Https,
    /// HTTPS, and plain HTTP where that fails.
    Http,
}

/// Checks that a text such as `name:tag` or `name:tag@digest` is an image reference.
///
/// This is the weak check that Flux's automations make of every policy's latest reference.
pub fn check_reference(reference: &str) -> Result<(), ImageError> {
    referenced(reference).map(drop)
}

/// A text that is no repository or no reference. The texts are Flux's; the source says more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The address begins with a scheme.
    #[error("image '{image}' should not include URL scheme; remove '{scheme}://'")]
    Scheme {
        /// What was read.
        image: String,
        /// What stands before `://`.
        scheme: String,
    },
    /// Neither a tag reference nor a digest reference.
    #[error("could not parse reference: {image}")]
    Unparsable {
        /// What was read.
        image: String,
        /// What is wrong with it.
        #[source]
        fault: ImageFault,
    },
    /// The address ends with a tag or digest.
    #[error("image '{image}' should not include a tag; remove ':{suffix}'")]
    Tag {
        /// What was read.
        image: String,
        /// What stands between the first colon of the path and the next one.
        suffix: String,
    },
}

/// Why a text is no reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageFault {
    /// A colon ends the reference.
    #[error("the tag after the colon is empty")]
    EmptyTag,
    /// A tag beyond 128 characters.
    #[error("a tag has at most 128 characters, this one has {0}")]
    TagLength(usize),
    /// A character no tag has.
    #[error("{0:?} cannot be part of a tag, which holds letters, digits, '_', '-' and '.'")]
    TagLetter(char),
    /// A path beyond 2 to 255 characters.
    #[error("the path of a repository has 2 to 255 characters, this one has {0}")]
    PathLength(usize),
    /// A character no path has.
    #[error(
        "{0:?} cannot be part of a repository, which holds lower-case letters, digits, '_', '-', '.' and '/'"
    )]
    PathLetter(char),
    /// The first path element has a dot or colon and is no host.
    #[error("{0:?} is no registry host with an optional port")]
    Registry(String),
    /// What follows `@` is no digest.
    #[error("{0:?} is no digest, which is sha256: and 64 lower-case hexadecimal digits")]
    Digest(String),
}

/// The repository of a reference with or without tag and digest.
fn referenced(reference: &str) -> Result<Repository, ImageError> {
    let repository = match reference.split_once('@') {
        None => tagged(reference),
        Some((name, digest)) => {
            if is_sha256(digest) {
                tagged(name)
            } else {
                Err(ImageFault::Digest(digest.to_owned()))
            }
        }
    };
    repository.map_err(|fault| ImageError::Unparsable {
        image: reference.to_owned(),
        fault,
    })
}

/// The repository of `name[:tag]`.
fn tagged(reference: &str) -> Result<Repository, ImageFault> {
    let Some((name, tag)) = reference
        .rsplit_once(':')
        .filter(|(_, tag)| !tag.contains('/'))
    else {
        return Repository::from_name(reference);
    };
    let length = tag.chars().count();
    if length == 0 {
        return Err(ImageFault::EmptyTag);
    }
    if length > 128 {
        return Err(ImageFault::TagLength(length));
    }
    let odd = |letter: &char| !letter.is_ascii_alphanumeric() && !matches!(letter, '_' | '-' | '.');
    match tag.chars().find(odd) {
        Some(letter) => Err(ImageFault::TagLetter(letter)),
        None => Repository::from_name(name),
    }
}

fn is_sha256(digest: &str) -> bool {
    digest
        .strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(is_lower_hex))
}

const fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

const fn is_path_letter(letter: char) -> bool {
    matches!(letter, 'a'..='z' | '0'..='9' | '_' | '-' | '.' | '/')
}

/// Whether Go's `net/url` reads the text as a host with an optional port and nothing else.
fn is_authority(host: &str) -> bool {
    let allowed = |byte: u8| {
        !byte.is_ascii()
            || byte.is_ascii_alphanumeric()
            || br#"-_.~!$&'()*+,;=:[]<>""#.contains(&byte)
    };
    if !host.bytes().all(allowed) {
        return false;
    }
    let port = match host.strip_prefix('[').map(|rest| rest.rsplit_once(']')) {
        Some(Some((address, port))) if address.parse::<Ipv6Addr>().is_ok() => port,
        Some(_) => return false,
        None if host.contains('[') => return false,
        None => host.rfind(':').map_or("", |colon| &host[colon..]),
    };
    port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether the host is local by its name, as go-containerregistry decides it: loopback, `localhost`, RFC 1918.
fn is_local(registry: &str) -> bool {
    let host = registry.split(':').next().unwrap_or_default();
    host.parse::<Ipv4Addr>()
        .is_ok_and(|address| address.is_private())
        || registry.starts_with("localhost:")
        || without_port(registry).ends_with(".localhost")
        || registry.contains("127.0.0.1")
        || registry.contains("::1")
}

/// Cuts off a port of one to five digits.
fn without_port(registry: &str) -> &str {
    match registry.rsplit_once(':') {
        Some((host, port))
            if (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            host
        }
        _ => registry,
    }
}
