use proptest::prelude::{Strategy, any, prop, prop_assert_eq, proptest};

use super::*;

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

fn candidate(name: &str, image: &str) -> Candidate {
    let (namespace, name) = name.split_once('/').unwrap();
    Candidate {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        repository: Repository::parse(image).ok(),
        grants: Vec::new(),
    }
}

fn granted(name: &str, image: &str, grant: &[(&str, &str)]) -> Candidate {
    Candidate {
        grants: vec![labels(grant)],
        ..candidate(name, image)
    }
}

const NO_LABELS: &BTreeMap<String, String> = &BTreeMap::new();

fn container(image: &Reference) -> Container<'_> {
    Container {
        namespace: "apps",
        namespace_labels: NO_LABELS,
        marker: None,
        stated: None,
        default: None,
        image: Some(image),
        last_resort: LastResort::Unmanaged,
    }
}

fn image(text: &str) -> Reference {
    Reference::parse(text).unwrap()
}

/// The tie in one line.
fn told(tie: Tie<'_>) -> String {
    match tie {
        Tie::To(policy, origin) => format!("{}/{} {origin:?}", policy.namespace, policy.name),
        Tie::Missing(namespace, name, origin) => format!("missing {namespace}/{name} {origin:?}"),
        Tie::Ambiguous(several) => {
            let names = several.iter().map(|policy| policy.name.as_str());
            format!("ambiguous {}", names.collect::<Vec<_>>().join(" "))
        }
        Tie::OptedOut => "opted out".to_owned(),
        Tie::Unmanaged => "unmanaged".to_owned(),
    }
}

#[test]
fn what_is_written_down_comes_before_what_follows_from_names() {
    let index = Index::new([
        candidate("apps/web", "ghcr.io/acme/web"),
        candidate("apps/other", "ghcr.io/acme/other"),
        candidate("flux-system/web", "ghcr.io/acme/web"),
    ]);
    let web = image("ghcr.io/acme/web:1.0.0");
    let plain = container(&web);
    assert_eq!(told(index.tie(&plain)), "apps/web Inference");
    let default = Container {
        default: Some("flux-system/web"),
        ..plain
    };
    assert_eq!(told(index.tie(&default)), "flux-system/web Default");
    let stated = Container {
        stated: Some("other"),
        ..default
    };
    // Somebody says so, whatever it covers: the outcome is a mismatch.
    assert_eq!(told(index.tie(&stated)), "apps/other Annotation");
    let marked = Container {
        marker: Some(("flux-system", "web")),
        ..stated
    };
    assert_eq!(told(index.tie(&marked)), "flux-system/web Marker");
}

#[test]
fn none_opts_out_and_a_name_that_is_not_there_is_missing() {
    let index = Index::new([candidate("apps/web", "ghcr.io/acme/web")]);
    let web = image("ghcr.io/acme/web:1.0.0");
    let plain = container(&web);
    for (stated, expected) in [
        ("none", "opted out"),
        (" none ", "opted out"),
        ("apps/none", "missing apps/none Annotation"),
        ("wbe", "missing apps/wbe Annotation"),
        ("other/web", "missing other/web Annotation"),
        ("", "missing apps/ Annotation"),
        ("web", "apps/web Annotation"),
        ("apps/web", "apps/web Annotation"),
    ] {
        let stated = Container {
            stated: Some(stated),
            ..plain
        };
        assert_eq!(told(index.tie(&stated)), expected);
    }
    let marked = Container {
        marker: Some(("flux-system", "gone")),
        ..plain
    };
    assert_eq!(told(index.tie(&marked)), "missing flux-system/gone Marker");
}

#[test]
fn a_default_ties_only_containers_of_its_repository() {
    let index = Index::new([
        candidate("apps/web", "ghcr.io/acme/web"),
        candidate("apps/proxy", "docker.io/envoyproxy/envoy"),
    ]);
    let tie = |text: &str, default| {
        let image = image(text);
        let container = Container {
            default: Some(default),
            ..container(&image)
        };
        told(index.tie(&container))
    };
    assert_eq!(tie("ghcr.io/acme/web:1", "web"), "apps/web Default");
    assert_eq!(tie("envoyproxy/envoy:v1", "web"), "apps/proxy Inference");
    assert_eq!(tie("busybox", "web"), "unmanaged");
    assert_eq!(tie("busybox", "gone"), "missing apps/gone Default");
    assert_eq!(tie("ghcr.io/acme/web:1", "gone"), "apps/web Inference");
    assert_eq!(tie("ghcr.io/acme/web:1", "none"), "opted out");
}

#[test]
fn repositories_are_compared_in_their_normal_form() {
    let index = Index::new([
        candidate("apps/nginx", "nginx"),
        candidate("apps/port", "registry.example.com:443/team/app"),
        candidate("apps/odd", "not an image"),
    ]);
    for (text, expected) in [
        ("nginx:1.27", "apps/nginx Inference"),
        ("docker.io/library/nginx", "apps/nginx Inference"),
        ("index.docker.io/library/nginx:1", "apps/nginx Inference"),
        ("REGISTRY.example.com/team/app:2", "apps/port Inference"),
        ("registry.example.com/team/app2:2", "unmanaged"),
        ("other.example.com/team/app:2", "unmanaged"),
    ] {
        let image = image(text);
        assert_eq!(told(index.tie(&container(&image))), expected, "{text}");
        let listed = index.of_repository(&image).count();
        assert_eq!(listed, usize::from(expected != "unmanaged"), "{text}");
    }
}

#[test]
fn several_policies_of_a_namespace_are_ambiguous() {
    let index = Index::new([
        candidate("apps/web-stable", "ghcr.io/acme/web"),
        candidate("apps/web-next", "ghcr.io/acme/web"),
        candidate("zoo/web", "ghcr.io/acme/web"),
    ]);
    let web = image("ghcr.io/acme/web:1");
    assert_eq!(
        told(index.tie(&container(&web))),
        "ambiguous web-next web-stable"
    );
}

#[test]
fn policies_of_other_namespaces_need_a_grant_or_are_a_guess() {
    let web = image("ghcr.io/acme/web:1");
    let team = labels(&[("team", "a"), ("kubernetes.io/metadata.name", "apps")]);
    let tie = |policies: &[Candidate], last_resort| {
        let index = Index::new(policies.iter().cloned());
        told(index.tie(&Container {
            namespace_labels: &team,
            last_resort,
            ..container(&web)
        }))
    };
    let closed = candidate("flux-system/web", "ghcr.io/acme/web");
    let alone = [closed.clone()];
    assert_eq!(tie(&alone, LastResort::Unmanaged), "unmanaged");
    assert_eq!(tie(&alone, LastResort::Guess), "flux-system/web Guess");
    let two = [closed.clone(), candidate("zoo/web", "ghcr.io/acme/web")];
    assert_eq!(tie(&two, LastResort::Unmanaged), "unmanaged");
    assert_eq!(tie(&two, LastResort::Guess), "ambiguous web web");

    for (grant, expected) in [
        (&[("team", "a")][..], "shared/web Grant"),
        (&[][..], "shared/web Grant"),
        (&[("team", "b")][..], "unmanaged"),
        (&[("team", "a"), ("tier", "1")][..], "unmanaged"),
    ] {
        let open = granted("shared/web", "ghcr.io/acme/web", grant);
        assert_eq!(
            tie(&[closed.clone(), open], LastResort::Unmanaged),
            expected,
            "{grant:?}"
        );
    }
    let both = [
        granted("a/one", "ghcr.io/acme/web", &[]),
        closed,
        granted("b/two", "ghcr.io/acme/web", &[("team", "a")]),
    ];
    assert_eq!(tie(&both, LastResort::Unmanaged), "ambiguous one two");
}

#[test]
fn an_image_that_cannot_be_read_is_tied_by_words_only() {
    let index = Index::new([candidate("apps/web", "ghcr.io/acme/web")]);
    let web = image("ghcr.io/acme/web");
    let unread = Container {
        image: None,
        default: Some("web"),
        last_resort: LastResort::Guess,
        ..container(&web)
    };
    assert_eq!(told(index.tie(&unread)), "unmanaged");
    let stated = Container {
        stated: Some("web"),
        ..unread
    };
    assert_eq!(told(index.tie(&stated)), "apps/web Annotation");
}

#[test]
fn only_what_is_written_down_is_stated() {
    let stated = [Origin::Marker, Origin::Annotation, Origin::Default];
    let guessed = [Origin::Inference, Origin::Grant, Origin::Guess];
    assert!(stated.into_iter().all(Origin::is_stated));
    assert!(!guessed.into_iter().any(Origin::is_stated));
}

fn policies() -> impl Strategy<Value = Vec<Candidate>> {
    let names = prop::sample::select(vec!["apps/a", "apps/b", "flux/a", "flux/b", "zoo/a"]);
    let images = prop::sample::select(vec!["nginx", "docker.io/nginx", "ghcr.io/acme/web", ""]);
    let grants = prop::collection::vec(prop::sample::select(vec!["a", "b"]), 0..2);
    let policy = (names, images, grants).prop_map(|(name, image, grants)| Candidate {
        grants: grants
            .iter()
            .map(|team| labels(&[("team", team)]))
            .collect(),
        ..candidate(name, image)
    });
    prop::collection::vec(policy, 0..8).prop_map(|policies| {
        let key = |policy: &Candidate| (policy.namespace.clone(), policy.name.clone());
        let named: BTreeMap<_, _> = policies.into_iter().map(|one| (key(&one), one)).collect();
        named.into_values().collect()
    })
}

proptest! {
    #[test]
    fn the_order_of_policies_does_not_matter(
        (policies, shuffled) in policies().prop_flat_map(|policies| {
            (prop::strategy::Just(policies.clone()), prop::strategy::Just(policies).prop_shuffle())
        }),
        marker in prop::option::of(prop::sample::select(vec![("apps", "a"), ("zoo", "z")])),
        stated in prop::option::of(prop::sample::select(vec!["a", "flux/b", "none", "zoo/z"])),
        default in prop::option::of(prop::sample::select(vec!["b", "zoo/a", "none"])),
        text in prop::sample::select(vec!["nginx:1", "ghcr.io/acme/web:2", "busybox"]),
        guess in any::<bool>(),
    ) {
        let image = image(text);
        let team = labels(&[("team", "a")]);
        let last_resort = if guess { LastResort::Guess } else { LastResort::Unmanaged };
        let container = Container {
            namespace_labels: &team, marker, stated, default, last_resort, ..container(&image)
        };
        let (one, other) = (Index::new(policies), Index::new(shuffled));
        prop_assert_eq!(one.tie(&container), other.tie(&container));
    }
}
