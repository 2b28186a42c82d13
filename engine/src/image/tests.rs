use std::error::Error as _;

use proptest::prelude::*;
use serde_json::Value;

use super::reference::tests::image_text;
use super::{ImageError, ImageFault, PlainHttp, Reference, Repository, Scheme, check_reference};

const HEX: &str = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";

fn scheme(repository: &Repository) -> &'static str {
    match repository.scheme(PlainHttp::LocalOnly) {
        Scheme::Http => "http",
        Scheme::Https => "https",
    }
}

#[test]
fn every_case_of_the_data_set_holds() {
    let cases = include_str!("../../tests/data/image-cases.jsonl");
    let mut seen = 0;
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let expected = |key: &str| case[key].as_str().map(str::to_owned);
        match Repository::parse(case["image"].as_str().unwrap()) {
            Ok(repository) => {
                assert_eq!(
                    Some(repository.canonical()),
                    expected("canonical"),
                    "{line}"
                );
                assert_eq!(
                    Some(repository.registry()),
                    expected("registry").as_deref(),
                    "{line}"
                );
                assert_eq!(
                    Some(repository.repository()),
                    expected("repository").as_deref(),
                    "{line}"
                );
                assert_eq!(
                    Some(scheme(&repository)),
                    expected("scheme").as_deref(),
                    "{line}"
                );
            }
            Err(error) => assert_eq!(Some(error.to_string()), expected("error"), "{line}"),
        }
        seen += 1;
    }
    assert!(seen > 50, "{seen} cases");
}

/// `canonical scheme`, or the error.
fn strict(image: &str) -> String {
    match Repository::parse(image) {
        Ok(repository) => format!("{repository} {}", scheme(&repository)),
        Err(error) => error.to_string(),
    }
}

/// Row, image, and canonical name with scheme, or what Flux's text begins with (`tag` and `scheme` take what is to be removed).
const ROWS: &str = "
143 | alpine | index.docker.io/library/alpine https
144 | docker.io/alpine | index.docker.io/library/alpine https
144 | index.docker.io/alpine | index.docker.io/library/alpine https
145 | myorg/app | index.docker.io/myorg/app https
146 | registry-1.docker.io/library/alpine | registry-1.docker.io/library/alpine https
147 | docker.io:443/library/alpine | docker.io:443/library/alpine https
148 | GHCR.io/org/app | GHCR.io/org/app https
149 | ghcr.io/Org/app | unparsable
150 | localhost/foo | index.docker.io/localhost/foo https
151 | localhost:5000/foo | localhost:5000/foo http
152 | localhost:5000 | tag 5000
153 | foo.localhost:5000/bar | foo.localhost:5000/bar http
153 | 127.0.0.1:5000/foo | 127.0.0.1:5000/foo http
153 | [::1]:5000/foo | [::1]:5000/foo http
153 | 10.1.2.3:5000/foo | 10.1.2.3:5000/foo http
153 | 192.168.1.1/foo | 192.168.1.1/foo http
154 | 172.32.0.1/foo | 172.32.0.1/foo https
155 | app:5000/foo | app:5000/foo https
156 | myreg/foo/bar | index.docker.io/myreg/foo/bar https
157 | a | unparsable
157 | ghcr.io/a | unparsable
160 | ghcr.io/org/app:1.0 | tag 1.0
160 | ghcr.io:443/org/app:1.0 | tag 1.0
161 | ghcr.io/org/app@sha256:HEX | tag HEX
162 | ghcr.io/org/app@sha256:abc | unparsable
163 | ghcr.io/org/app: | unparsable
164 | ghcr.io/stefanprodan/podinfo:foo:bar | unparsable
165 | https://ghcr.io/org/app | scheme https
165 | oci://ghcr.io/org/app | scheme oci
166 | ghcr.io/org/app/ | ghcr.io/org/app/ https
166 | ghcr.io//org/app | ghcr.io//org/app https
166 | ghcr.io/org/..app | ghcr.io/org/..app https
167 | user:pass@ghcr.io/org/app | unparsable
167 | ghcr.io/org/app?x=1 | unparsable
167 | ghcr.io/org/app#frag | unparsable
168 | foo.bar | index.docker.io/library/foo.bar https
";

#[test]
fn rows_143_to_168_of_image_references() {
    let mut seen = 0;
    for line in ROWS.lines().filter(|line| !line.is_empty()) {
        let line = line.replace("HEX", HEX);
        let cells: Vec<&str> = line.split(" | ").collect();
        let [row, image, outcome] = cells[..] else {
            panic!("short line {line}");
        };
        let expected = match outcome.split_once(' ') {
            None => format!("could not parse reference: {image}"),
            Some(("tag", tag)) => {
                format!("image '{image}' should not include a tag; remove ':{tag}'")
            }
            Some(("scheme", scheme)) => {
                format!("image '{image}' should not include URL scheme; remove '{scheme}://'")
            }
            Some(_) => outcome.to_owned(),
        };
        assert_eq!(strict(image), expected, "row_{row}");
        seen += 1;
    }
    assert_eq!(seen, 36);
}

#[test]
fn rows_158_and_159_blanks_and_overlong_paths_are_refused() {
    let overlong = format!("ghcr.io/{}", "a".repeat(256));
    for image in [overlong.as_str(), "", " ", " alpine", "alpine "] {
        assert_eq!(strict(image), format!("could not parse reference: {image}"));
    }
    let longest = format!("ghcr.io/{}", "a".repeat(255));
    assert_eq!(strict(&longest), format!("{longest} https"));
}

#[test]
fn the_path_of_an_official_image_is_measured_as_written() {
    let longest = Repository::parse(&"a".repeat(247)).unwrap();
    assert_eq!(Repository::parse(&longest.canonical()), Ok(longest));
    // Flux takes these too, and shows a canonical name that is too long to be read again.
    let longer = Repository::parse(&"a".repeat(255)).unwrap();
    assert_eq!(longer.repository().len(), 263);
    assert_eq!(
        Repository::parse(&longer.canonical()),
        Err(ImageError::Unparsable {
            image: longer.canonical(),
            fault: ImageFault::PathLength(263)
        })
    );
}

#[test]
fn a_host_in_brackets_is_an_address() {
    assert_eq!(strict("[fe80::1]:5000/app"), "[fe80::1]:5000/app http");
    assert_eq!(strict("[2001:db8::2]/app"), "[2001:db8::2]/app https");
    for image in [
        "[foo]:5000/app",
        "[fe80::1/app",
        "ghcr.io[/app",
        "[fe80::1]x/app",
        "[fe80::1]:x/app",
    ] {
        assert_eq!(strict(image), format!("could not parse reference: {image}"));
    }
}

#[test]
fn plain_http_is_for_local_hosts_unless_the_object_allows_it() {
    let scheme = |image| Repository::parse(image).unwrap().scheme(PlainHttp::Allowed);
    assert_eq!(scheme("ghcr.io/org/app"), Scheme::Http);
    assert_eq!(
        strict("a.localhost:123456/app"),
        "a.localhost:123456/app https"
    );
    assert_eq!(strict(".localhost/app"), ".localhost/app http");
    assert_eq!(strict("010.0.0.1/app"), "010.0.0.1/app https");
}

#[test]
fn the_source_of_an_error_says_what_is_wrong() {
    let source = |image| {
        Repository::parse(image)
            .unwrap_err()
            .source()
            .unwrap()
            .to_string()
    };
    assert_eq!(
        source("ghcr.io/a"),
        "the path of a repository has 2 to 255 characters, this one has 1"
    );
    assert_eq!(
        source("ghcr.io/Org/app"),
        "'O' cannot be part of a repository, which holds lower-case letters, digits, '_', '-', '.' and '/'"
    );
    assert_eq!(
        source("reg.io:x/app"),
        "\"reg.io:x\" is no registry host with an optional port"
    );
    assert_eq!(source("ghcr.io/app:"), "the tag after the colon is empty");
    assert_eq!(
        source("ghcr.io/app:1+2"),
        "'+' cannot be part of a tag, which holds letters, digits, '_', '-' and '.'"
    );
}

#[test]
fn a_latest_reference_may_carry_tag_and_digest() {
    let with_digest = format!("ghcr.io/org/app:1.0@sha256:{HEX}");
    for reference in [
        "ghcr.io/org/app:1.0",
        "app:1.0",
        "ghcr.io/org/app",
        &with_digest,
    ] {
        assert_eq!(check_reference(reference), Ok(()), "{reference}");
    }
    let long_tag = format!("ghcr.io/org/app:{}", "a".repeat(129));
    for reference in [
        "a:1.0",
        "ghcr.io/Org/app:1.0",
        "ghcr.io/org/app:1.0@sha256:abc",
        &long_tag,
    ] {
        let error = check_reference(reference).unwrap_err();
        assert!(
            matches!(error, ImageError::Unparsable { .. }),
            "{reference}"
        );
        assert_eq!(
            error.to_string(),
            format!("could not parse reference: {reference}")
        );
    }
}

/// Quadratic work on these would take minutes.
#[test]
fn long_texts_take_linear_time() {
    for piece in ["a", "a/", "a:", "a@", "a.", "://", "-", "[", "é"] {
        let text = piece.repeat(1 << 18);
        assert!(Repository::parse(&text).is_err());
        assert!(check_reference(&text).is_err());
        assert!(Reference::parse(&text).is_err());
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = (Repository::parse(&text), check_reference(&text));
    }

    #[test]
    fn printing_and_reading_again_keeps_a_repository(text in image_text()) {
        if let Ok(repository) = Repository::parse(&text) {
            prop_assert_eq!(Repository::parse(&repository.canonical()), Ok(repository.clone()));
            prop_assert!(check_reference(&text).is_ok());
        }
    }
}
