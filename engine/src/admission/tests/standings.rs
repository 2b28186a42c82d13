use proptest::prelude::{any, prop, prop_assert_eq, proptest};

use super::*;
use crate::catalog::Catalog;
use crate::drift::{Label, Outcome};
use crate::tie::Dependency;

const OTHER: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// Asks how the images of an object stand; `marked` is the policy that a marker names for the container `web`.
fn ask<T>(
    world: &World,
    object: Object,
    marked: Option<Marker<'static>>,
    tell: impl Fn(&[Standing<'_>]) -> T,
) -> T {
    Request::create(object).with(world, |review| {
        let known = Known {
            catalog: &world.catalog,
            namespace: review.namespace,
            knowledge: world.knowledge,
        };
        let marker = |slot: &Slot<'_>| marked.filter(|_| slot.name == "web");
        tell(&standings(known, &review.object, marker))
    })
}

fn outcomes(world: &World, object: Object, marked: Option<Marker<'static>>) -> Vec<Outcome> {
    ask(world, object, marked, |all| {
        all.iter().map(|standing| standing.outcome).collect()
    })
}

fn web(image: &str) -> Object {
    Object::of(&[("web", image)])
}

/// A world whose policy `apps/web` knows the digest of what it chose.
fn digests() -> World {
    let mut world = World::new(Mode::Audit);
    let mut entry = policy("apps/web", "web", "1.x", Some("1.9.0"));
    if let Some(latest) = &mut entry.latest {
        latest.digest = Some(DIGEST.to_owned());
    }
    world.catalog = Catalog::new([entry]);
    world
}

#[test]
fn a_marker_counts_before_anything_else() {
    let world = World::new(Mode::Audit);
    let tool = Some(("other", "tool"));
    let image = "ghcr.io/acme/tool:1.0.0";
    assert_eq!(outcomes(&world, web(image), None), [Outcome::Unmanaged]);
    assert_eq!(outcomes(&world, web(image), tool), [Outcome::Current]);
    let stated = web(image).annotated("policy.imgauto.dev/web", "none");
    assert_eq!(outcomes(&world, stated, tool), [Outcome::Current]);
    let gone = Some(("other", "gone"));
    assert_eq!(outcomes(&world, web(image), gone), [Outcome::MissingPolicy]);
}

#[test]
fn ephemeral_containers_do_not_count_and_the_others_do() {
    let world = World::new(Mode::Audit);
    let object = web("ghcr.io/acme/web:1.9.0")
        .and(List::InitContainers, &[("api", "ghcr.io/acme/api:2.0.0")])
        .and(List::EphemeralContainers, &[("debug", "busybox")])
        .and(List::Volumes, &[("files", "ghcr.io/acme/none:1")]);
    let lists = ask(&world, object, None, |all| {
        let told = all.iter().map(|one| (one.slot.list, one.outcome));
        told.collect::<Vec<_>>()
    });
    assert_eq!(lists.len(), 3);
    for expected in [
        (List::Containers, Outcome::Current),
        (List::InitContainers, Outcome::Behind),
        (List::Volumes, Outcome::Unmanaged),
    ] {
        assert!(lists.contains(&expected), "{lists:?}");
    }
}

#[test]
fn what_runs_is_compared_where_its_digest_is_known() {
    let pinned = format!("ghcr.io/acme/none:1@{OTHER}");
    for (image, wanted) in [
        ("ghcr.io/acme/web:1.9.0", Some(DIGEST)),
        ("ghcr.io/acme/web:1.8.0", None),
        ("ghcr.io/acme/api:1.9.0", None),
        (pinned.as_str(), Some(OTHER)),
        ("", None),
    ] {
        ask(&digests(), web(image), None, |all| {
            let standing = &all[0];
            assert_eq!(standing.digest.as_deref(), wanted, "{image}");
            assert_eq!(label(all, []), standing.label, "{image}");
            for digest in [DIGEST, OTHER] {
                let expected = match wanted {
                    Some(wanted) if wanted != digest => Label::Mismatch,
                    _ => standing.label,
                };
                let running = [(standing.slot, digest)];
                assert_eq!(label(all, running), expected, "{image} {digest}");
            }
        });
    }
    // A choice that cannot be relied on says nothing of what runs.
    let mut entry = policy("apps/web", "web", "1.x", Some("1.9.0"));
    entry.readiness = Readiness::NotReady;
    if let Some(latest) = &mut entry.latest {
        latest.digest = Some(DIGEST.to_owned());
    }
    let mut world = digests();
    world.catalog = Catalog::new([entry]);
    ask(&world, web("ghcr.io/acme/web:1.9.0"), None, |all| {
        assert_eq!(all[0].digest, None);
    });
}

#[test]
fn what_still_runs_of_an_older_template_is_held_against_its_own_image() {
    let (old, pinned) = ("ghcr.io/acme/web:1.8.0", format!("busybox@{OTHER}"));
    let slot = |list, image| Slot {
        list,
        name: "web",
        image,
    };
    ask(&digests(), web("ghcr.io/acme/web:1.9.0"), None, |all| {
        for (list, image, digest, expected) in [
            (List::Containers, old, OTHER, Label::None),
            (List::Containers, &*pinned, OTHER, Label::None),
            (List::Containers, &*pinned, DIGEST, Label::Mismatch),
            (List::EphemeralContainers, &*pinned, DIGEST, Label::Mismatch),
            (List::EphemeralContainers, "busybox", DIGEST, Label::None),
            (List::InitContainers, "A:b", DIGEST, Label::None),
        ] {
            let running = [(slot(list, image), digest)];
            assert_eq!(label(all, running), expected, "{list} {image}");
        }
    });
}

#[test]
fn a_standing_says_what_it_depends_on() {
    let world = World::new(Mode::Audit);
    let object = web("GHCR.io:443/acme/web:1.9.0")
        .annotated("imgauto.dev/policy", "other/tool")
        .and(List::InitContainers, &[("api", "")])
        .annotated("policy.imgauto.dev/api", " none ");
    let named = |namespace: &str, name: &str| Dependency::Policy {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    let all = ask(&world, object, Some(("apps", "gone")), |all| {
        let told = all
            .iter()
            .map(|one| (one.slot.name.to_owned(), one.dependencies.clone()));
        told.collect::<BTreeMap<_, _>>()
    });
    let repository = Dependency::Repository {
        host: "ghcr.io".to_owned(),
        path: "acme/web".to_owned(),
    };
    let expected = [named("apps", "gone"), named("other", "tool"), repository];
    assert_eq!(all["web"], expected);
    assert_eq!(all["api"], []);
}

#[test]
fn what_a_policy_can_change_is_what_a_standing_depends_on() {
    let candidate = policy("apps/web", "web", "1.x", None).candidate;
    let world = World::new(Mode::Audit);
    let concerned = ask(&world, web("ghcr.io/acme/web:1.0.0"), None, |all| {
        let mut dependencies = candidate.dependencies();
        dependencies.any(|one| all[0].dependencies.contains(&one))
    });
    assert!(concerned);
}

proptest! {
    /// Whoever marks a workload when it is written and whoever keeps the mark fresh say the same of the same facts.
    #[test]
    fn the_webhook_and_who_comes_after_it_agree(
        images in prop::collection::vec(
            (prop::sample::select(vec![
                "ghcr.io/acme/web:1.9.0", "ghcr.io/acme/web:1.8.0", "ghcr.io/acme/web:2.0.0", "ghcr.io/acme/api:2.5.0",
                "ghcr.io/acme/tool:1.0.0", "ghcr.io/acme/unborn:1.0.0", "busybox", "", "A:b",
            ]), any::<bool>()), 0..4),
        stated in prop::option::of(prop::sample::select(vec!["web", "none", "gone", "other/tool", ""])),
        default in prop::option::of(prop::sample::select(vec!["api", "none", "gone", "web"])),
        stale in any::<bool>(),
        known in any::<bool>(),
    ) {
        let mut world = World::new(Mode::Warn);
        if stale {
            world.knowledge = Knowledge::Stale;
        }
        if !known {
            world.wishes = None;
        }
        let mut object = Object::default();
        for (at, (image, is_init)) in images.iter().enumerate() {
            let list = if *is_init { List::InitContainers } else { List::Containers };
            object = object.and(list, &[(format!("c{at}").as_str(), *image)]);
        }
        if let Some(stated) = stated {
            object = object.annotated("policy.imgauto.dev/c0", stated);
        }
        if let Some(default) = default {
            object = object.annotated("imgauto.dev/policy", default);
        }
        let marking = world.mark(&Request::create(object.clone()));
        let marked = object.clone().apply(&marking);
        let worst = ask(&world, object, None, |all| label(all, []));
        prop_assert_eq!(marked.drift(), Some(worst.as_str()));
    }
}
