//! Which texts name one image, and which name none.

use harness::{ControlPlane, Webhook};
use serde_json::json;

use super::ground::{
    DEPLOYMENTS, FOREIGN, PODS, chooses, deployment, guarded, pod, policy, wait_for,
};
use super::sender::Sender;

const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OTHER: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

#[test]
fn all_spellings_of_an_image_are_one() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "spelling", &[]);
    let namespace = guarded(plane, "spelling", "enforce");
    policy(&namespace, "nginx", "nginx", "1.x", "1.29.0");
    policy(&namespace, "six", "[fd00::1]:5000/acme/app", "1.x", "1.0.0");
    wait_for(&namespace, &deployment("nginx:1.29.0"), |answer| {
        answer.drift() == Some("none")
    });
    let sender = Sender::new(&namespace);
    let label = |image: &str| {
        let answer = sender.would_create(DEPLOYMENTS, &deployment(image));
        answer
            .drift()
            .map(str::to_owned)
            .unwrap_or_else(|| format!("{answer:?}"))
    };
    for name in [
        "nginx",
        "docker.io/nginx",
        "docker.io/library/nginx",
        "index.docker.io/nginx",
        "index.docker.io/library/nginx",
        "DOCKER.IO/library/nginx",
        "docker.io:443/library/nginx",
    ] {
        assert_eq!(label(&format!("{name}:1.29.0")), "none", "{name}");
        assert_eq!(label(&format!("{name}:1.0.0")), "drift", "{name}");
        for foreign in [
            format!("{name}:latest"),
            name.to_owned(),
            format!("{name}:0.9"),
        ] {
            sender
                .would_create(DEPLOYMENTS, &deployment(&foreign))
                .refused();
        }
    }
    // The same content under another name is another image.
    assert_eq!(
        label("registry-1.docker.io/library/nginx:1.29.0"),
        "unmanaged"
    );
    assert_eq!(label("localhost/nginx:1.29.0"), "unmanaged");
    for name in [
        "GHCR.IO/acme/web",
        "ghcr.io:443/acme/web",
        "Ghcr.io:443/acme/web",
    ] {
        assert_eq!(label(&format!("{name}:1.9.0")), "none", "{name}");
        let foreign = deployment(&format!("{name}:2.0.0"));
        sender.would_create(DEPLOYMENTS, &foreign).refused();
    }
    assert_eq!(label("ghcr.io:8443/acme/web:1.9.0"), "unmanaged");
    for (image, expected) in [
        ("[fd00::1]:5000/acme/app:1.0.0", "none"),
        ("[FD00::1]:5000/acme/app:1.0.0", "none"),
        ("[fd00::2]:5000/acme/app:1.0.0", "unmanaged"),
    ] {
        assert_eq!(label(image), expected, "{image}");
    }
}

#[test]
fn what_is_no_image_is_refused_by_us_or_by_the_api_server() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "noimage", &[]);
    let namespace = guarded(plane, "noimage", "enforce");
    let sender = Sender::new(&namespace);
    let long = format!("ghcr.io/acme/{}:1.9.0", "a".repeat(300));
    let tag = format!("ghcr.io/acme/web:{}", "1".repeat(129));
    for image in [
        "ghcr.io/Acme/web:1.9.0",
        "ghcr.io/acme/web:1.9.0 ",
        "ghcr.io/\u{430}cme/web:1.9.0",
        "ghcr.io/acme/web\u{200b}:1.9.0",
        "ghcr\u{ff0e}io/acme/web:1.9.0",
        "ghcr.io/acme%2Fweb:1.9.0",
        "ghcr.io/acme/web:",
        "ghcr.io//web:1.9.0",
        "ghcr.io/acme/web@sha256:abc",
        "ghcr.io/acme/web:1.9.0@",
        "https://ghcr.io/acme/web:1.9.0",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        &long,
        &tag,
    ] {
        for answer in [
            sender.would_create(DEPLOYMENTS, &deployment(image)),
            sender.would_create(PODS, &pod("web", image)),
        ] {
            let message = answer.body["message"].as_str().unwrap_or_default();
            let ours = message.contains("container web (unparsable): ");
            let theirs = answer.code == 422 && message.contains("image");
            assert!(ours || theirs, "{image:?} {answer:#?}");
        }
    }
    // Blanks and nothing are placeholders that some tools put into templates for others to fill in.
    for image in ["", " "] {
        let answer = sender.would_create(PODS, &pod("web", image));
        assert!(matches!(answer.code, 403 | 422), "{answer:#?}");
    }
    assert_eq!(
        sender
            .would_create(DEPLOYMENTS, &deployment("ghcr.io/Acme/web:1.9.0"))
            .refused(),
        "container web (unparsable): the repository \"Acme/web\" must be lower case; correct the image"
    );
}

#[test]
fn a_digest_decides_and_a_tag_beside_it_does_not() {
    let plane = ControlPlane::shared();
    let _webhook = Webhook::start(plane, "digests", &[]);
    let namespace = guarded(plane, "digests", "warn");
    let pinned =
        |digest: &str| json!({ "name": "ghcr.io/acme/web", "tag": "1.9.0", "digest": digest });
    chooses(&namespace, "web", &pinned(DIGEST));
    let web = |rest: &str| deployment(&format!("ghcr.io/acme/web{rest}"));
    wait_for(&namespace, &web(&format!("@{DIGEST}")), |answer| {
        answer.drift() == Some("none")
    });
    let sender = Sender::new(&namespace);
    let sha512 = format!("sha512:{}", "c".repeat(128));
    for (rest, label) in [
        (":1.9.0".to_owned(), "none"),
        (format!(":1.9.0@{DIGEST}"), "none"),
        // The tag of the choice with the content of something else.
        (format!(":1.9.0@{OTHER}"), "drift"),
        // A tag that could be chosen, and nobody knows what the digest is.
        (format!(":1.8.0@{OTHER}"), "unknown"),
        (format!(":1.8.0@{DIGEST}"), "unknown"),
        (format!("@{OTHER}"), "unknown"),
        (format!(":1.8.0@{sha512}"), "unknown"),
        (format!("@{sha512}"), "unknown"),
        (format!(":2.0.0@{DIGEST}"), "drift"),
    ] {
        let answer = sender.would_create(DEPLOYMENTS, &web(&rest));
        assert_eq!(answer.drift(), Some(label), "{rest}");
        let told = answer
            .warnings
            .first()
            .map(String::as_str)
            .unwrap_or_default();
        let expected = match (label, rest.contains("2.0.0")) {
            ("unknown", _) => "container web (unverified): ",
            (_, true) => "container web (foreign): ",
            _ => "",
        };
        assert!(
            told.starts_with(expected) && told.is_empty() == expected.is_empty(),
            "{rest} {told}"
        );
    }
    let refused = guarded(plane, "digests", "enforce");
    Sender::new(&refused)
        .create(DEPLOYMENTS, &deployment(&format!("{FOREIGN}@{DIGEST}")))
        .refused();
}
