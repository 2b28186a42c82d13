//! The image that a container is expected to have.

use std::borrow::Cow;

use engine::image::Reference;

use crate::observe::Wanted;

/// An image, as far as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    /// The repository; `None` if it does not matter.
    pub(crate) repository: Option<String>,
    /// The tag; `None` where only a digest is asked for.
    pub(crate) tag: Option<String>,
    /// The digest; `None` where it is not known.
    pub(crate) digest: Option<String>,
}

/// How an image compares with what is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Likeness {
    /// It is that image.
    Same,
    /// It is another one.
    Other,
    /// One has only a tag and the other only a digest, or it is no image that could be pulled.
    Incomparable,
}

impl Expected {
    /// What a policy chose. The repository does not matter: a marker may stand on the tag of a mirror's image.
    pub(crate) fn of_choice(wanted: &Wanted) -> Self {
        Self {
            repository: None,
            tag: Some(wanted.tag.clone()),
            digest: wanted.digest.clone(),
        }
    }

    /// Just a tag.
    pub(crate) fn of_tag(tag: &str) -> Self {
        Self {
            repository: None,
            tag: Some(tag.to_owned()),
            digest: None,
        }
    }

    /// A whole image.
    pub(crate) fn of_image(image: &Reference) -> Self {
        Self {
            repository: Some(repository(image)),
            tag: image.tag().map(str::to_owned),
            digest: image.digest().map(str::to_owned),
        }
    }

    /// Tells whether an image is of the repository that is asked for.
    pub(crate) fn has_repository_of(&self, image: &str) -> bool {
        let Some(wanted) = &self.repository else {
            return true;
        };
        Reference::parse(image).is_ok_and(|image| repository(&image) == *wanted)
    }

    /// Compares an image, as the spec of a workload or the status of a pod names it.
    pub(crate) fn compare(&self, image: &str) -> Likeness {
        if !self.has_repository_of(image) {
            return Likeness::Other;
        }
        match Reference::parse(image) {
            Ok(image) => self.compare_version(image.tag(), image.digest()),
            Err(_) => Likeness::Incomparable,
        }
    }

    /// Compares tag and digest; what only one of the two sides has does not count.
    pub(crate) fn compare_version(&self, tag: Option<&str>, digest: Option<&str>) -> Likeness {
        let same_tag = self
            .tag
            .as_deref()
            .zip(tag)
            .map(|(left, right)| left == right);
        let same_digest = self.digest.as_deref().zip(digest);
        let same_digest = same_digest.map(|(left, right)| left == right);
        match (same_tag, same_digest) {
            (None, None) => Likeness::Incomparable,
            (Some(false), _) | (_, Some(false)) => Likeness::Other,
            _ => Likeness::Same,
        }
    }

    /// Its tag, or else its digest.
    pub(crate) fn version(&self) -> Cow<'_, str> {
        let version = self.tag.as_deref().or(self.digest.as_deref());
        version.unwrap_or_default().into()
    }
}

fn repository(image: &Reference) -> String {
    format!("{}/{}", image.registry(), image.repository())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(image: &str) -> Expected {
        Expected::of_image(&Reference::parse(image).unwrap())
    }

    #[test]
    fn images_compare_as_a_kubelet_reads_them() {
        let digest = format!("sha256:{}", "1".repeat(64));
        let other = format!("sha256:{}", "2".repeat(64));
        let rows = [
            ("nginx:1.27", "docker.io/library/nginx:1.27", Likeness::Same),
            ("nginx", "nginx:latest", Likeness::Same),
            ("nginx:1.27", "nginx:1.28", Likeness::Other),
            ("nginx:1.27", "ghcr.io/x/nginx:1.27", Likeness::Other),
            ("a/b:1", &format!("a/b:1@{digest}"), Likeness::Same),
            ("a/b:1", &format!("a/b@{digest}"), Likeness::Incomparable),
            (
                &format!("a/b@{digest}"),
                &format!("a/b:1@{digest}"),
                Likeness::Same,
            ),
            (
                &format!("a/b:1@{digest}"),
                &format!("a/b:1@{other}"),
                Likeness::Other,
            ),
            ("a/b:1", "a/b:", Likeness::Other),
        ];
        for (want, image, likeness) in rows {
            assert_eq!(expected(want).compare(image), likeness, "{want} {image}");
        }
    }

    #[test]
    fn a_tag_alone_fits_any_repository() {
        let tag = Expected::of_tag("1.2");
        assert_eq!(tag.compare("ghcr.io/acme/web:1.2"), Likeness::Same);
        assert_eq!(tag.compare("mirror.local/web:1.3"), Likeness::Other);
        assert_eq!(tag.compare("acme/WEB:1.2"), Likeness::Incomparable);
    }
}
