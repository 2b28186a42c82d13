use proptest::prelude::*;

use super::Reference;
use crate::image::Repository;

const HEX: &str = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";

/// Image, and what it is in full.
const PULLED: &str = "
nginx | docker.io/library/nginx:latest
docker.io/nginx | docker.io/library/nginx:latest
docker.io/library/nginx | docker.io/library/nginx:latest
index.docker.io/nginx | docker.io/library/nginx:latest
docker.io/library/nginx:latest | docker.io/library/nginx:latest
org/app:1.0 | docker.io/org/app:1.0
registry-1.docker.io/library/nginx | registry-1.docker.io/library/nginx:latest
localhost/foo | localhost/foo:latest
localhost:5000/foo:v1 | localhost:5000/foo:v1
localhost:5000 | docker.io/library/localhost:5000
[fe80::1]:5000/a/b | [fe80::1]:5000/a/b:latest
GHCR.IO/a/b | ghcr.io/a/b:latest
REGISTRY/a | REGISTRY/a:latest
a__b/c---d.e_f | docker.io/a__b/c---d.e_f:latest
app@sha256:HEX | docker.io/library/app@sha256:HEX
app:2.0.0@sha256:HEX | docker.io/library/app:2.0.0@sha256:HEX
app@sha512:HEXHEX | docker.io/library/app@sha512:HEXHEX
";

#[test]
fn a_kubelet_fills_in_registry_path_and_tag() {
    let table = PULLED.replace("HEX", HEX);
    let mut seen = 0;
    for line in table.lines().filter(|line| !line.is_empty()) {
        let (image, expected) = line.split_once(" | ").unwrap();
        assert_eq!(
            Reference::parse(image).unwrap().to_string(),
            expected,
            "{image}"
        );
        seen += 1;
    }
    assert_eq!(seen, 17);
}

#[test]
fn a_kubelet_cannot_pull_what_is_no_reference() {
    let long = "a".repeat(256);
    let cases = [
        ("", "an image reference is empty"),
        (
            HEX,
            &format!("{HEX} is the id of an image and names no repository"),
        ),
        (
            "ghcr.io/Org/app",
            "the repository \"Org/app\" must be lower case",
        ),
        ("App", "the repository \"library/App\" must be lower case"),
        (" ", "\"library/ \" is no repository"),
        (" nginx", "\"library/ nginx\" is no repository"),
        ("nginx ", "\"library/nginx \" is no repository"),
        ("nginx:1 ", "\"1 \" is no tag"),
        ("nginx:", "\"\" is no tag"),
        ("nginx:-1", "\"-1\" is no tag"),
        ("a//b", "\"a//b\" is no repository"),
        ("a/b/", "\"a/b/\" is no repository"),
        (
            "a...b/c",
            "\"a...b\" is no registry host with an optional port",
        ),
        ("x/a..b", "\"x/a..b\" is no repository"),
        ("x/-a", "\"x/-a\" is no repository"),
        ("x/a_._b", "\"x/a_._b\" is no repository"),
        (
            "foo_bar.com/x",
            "\"foo_bar.com\" is no registry host with an optional port",
        ),
        (
            "ghcr.io:/x",
            "\"ghcr.io:\" is no registry host with an optional port",
        ),
        (
            "[]:5000/x",
            "\"[]:5000\" is no registry host with an optional port",
        ),
        ("ngіnx", "\"library/ngіnx\" is no repository"),
        (
            "ng\u{200b}inx",
            "\"library/ng\\u{200b}inx\" is no repository",
        ),
        ("ghcr．io/x", "\"ghcr．io/x\" is no repository"),
        ("ghcr.io%2fx", "\"library/ghcr.io%2fx\" is no repository"),
        (
            "nginx@sha256:abc",
            "\"sha256:abc\" is no sha256, sha384 or sha512 digest",
        ),
        (
            "nginx@md5:cccccccccccccccccccccccccccccccc",
            "\"md5:cccccccccccccccccccccccccccccccc\" is no sha256, sha384 or sha512 digest",
        ),
        (
            &long,
            "a repository has at most 255 characters, this one has 264",
        ),
        (
            "https://ghcr.io/x",
            "\"https:\" is no registry host with an optional port",
        ),
    ];
    for (image, expected) in cases {
        assert_eq!(
            Reference::parse(image).unwrap_err().to_string(),
            expected,
            "{image:?}"
        );
    }
}

#[test]
fn a_reference_is_compared_with_a_repository_by_what_is_pulled() {
    let same = |image: &str, repository: &str| {
        Reference::parse(image)
            .unwrap()
            .same_repository(&Repository::parse(repository).unwrap())
    };
    for image in [
        "nginx",
        "docker.io/nginx:1",
        "docker.io/library/nginx",
        "index.docker.io/nginx",
    ] {
        assert!(
            same(image, "nginx") && same(image, "docker.io/library/nginx"),
            "{image}"
        );
    }
    assert!(same("ghcr.io/a/b:1", "GHCR.IO/a/b"));
    assert!(same("GHCR.IO:443/a/b:1", "ghcr.io/a/b"));
    assert!(!same("ghcr.io:5000/a/b", "ghcr.io/a/b"));
    assert!(!same("ghcr.io/a/b", "ghcr.io/a/c"));
    assert!(!same("registry-1.docker.io/library/nginx", "nginx"));
    assert!(
        !same("localhost/foo", "localhost/foo"),
        "Docker Hub's for a policy, a host's for a kubelet"
    );
}

/// Texts near the language, in pieces that often fit together.
pub(in crate::image) fn image_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "ab",
        "foo",
        "/",
        "/",
        ":",
        ".",
        "-",
        "__",
        "ghcr.io",
        "docker.io",
        "localhost",
        "10.0.0.1:5000",
        "[::1]",
        ":5000",
        "1.0",
        "@",
        "sha256:",
        HEX,
        "A",
        "GHCR.IO",
        "%",
        " ",
        "é",
        "://",
        "FOO",
    ]);
    prop::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = Reference::parse(&text);
    }

    #[test]
    fn printing_and_reading_again_keeps_a_reference(text in image_text()) {
        if let Ok(reference) = Reference::parse(&text) {
            prop_assert_eq!(Reference::parse(&reference.to_string()), Ok(reference));
        }
    }
}
